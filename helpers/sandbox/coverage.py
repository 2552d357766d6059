"""The flow logs of a region, and which of them an interface is covered by."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from helpers.flowlogs import FlowRecord, LogFormat
from helpers.network import Topology
from helpers.sandbox.calls import Account, Params
from helpers.traffic import window_lengths


@dataclass
class FlowLog:
    """One flow log. Times are virtual, in epoch seconds; ``deleted_at`` is set while last records are on their way."""

    flow_log_id: str
    resource_id: str
    traffic_type: str
    group: str
    destination: str | None
    role_arn: str
    log_format: str
    interval: int
    created_at: float
    status: str = "SUCCESS"
    error: str | None = None
    deleted_at: float | None = None
    delivered_to: float = 0.0
    has_delivered: bool = False
    waiting: list[FlowRecord] = field(default_factory=list)

    @property
    def format(self) -> LogFormat:
        return LogFormat.parse(self.log_format)

    def wants(self, action: str | None) -> bool:
        """Whether a record of that action passes the flow log's filter."""
        return self.traffic_type == "ALL" or action == self.traffic_type


@dataclass
class FlowLogs:
    """A region's flow logs by id, in the order they were made; answers to calls with a ``ClientToken``."""

    logs: dict[str, FlowLog] = field(default_factory=dict)
    tokens: dict[str, tuple[str, list[str], list[Params]]] = field(default_factory=dict)

    def active(self) -> Iterator[FlowLog]:
        return (log for log in self.logs.values() if log.deleted_at is None)


def intervals(account: Account, region: str, network: Topology) -> dict[str, int]:
    """Seconds of a window for each interface that a flow log listens to now."""
    asked: dict[str, int] = {}
    for log in account.state(FlowLogs, region).active():
        for interface in network.interfaces:
            if log.resource_id in (interface.id, interface.subnet_id, interface.vpc_id):
                asked[interface.id] = min(asked.get(interface.id, 600), log.interval)
    lengths = window_lengths(network, asked)
    return {interface_id: lengths[interface_id] for interface_id in asked}


def covering(account: Account, region: str, record: FlowRecord) -> Iterator[FlowLog]:
    """The flow logs that a record belongs to: of its interface, subnet or VPC, in force during its window."""
    places = (record.interface_id, record.subnet_id, record.vpc_id)
    assert record.start is not None and record.end is not None
    for log in account.state(FlowLogs, region).logs.values():
        in_force = record.end > log.created_at and (log.deleted_at is None or record.start < log.deleted_at)
        if log.resource_id in places and in_force and log.wants(record.action):
            yield log
