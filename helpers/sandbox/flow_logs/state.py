"""The flow logs of a region, and which of them an interface is covered by."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from helpers.flowlogs import FlowRecord, LogFormat
from helpers.network import Topology
from helpers.sandbox.calls import Account, Params
from helpers.traffic import window_lengths


@dataclass(frozen=True)
class BucketFolder:
    """Where and how a flow log writes to Amazon S3; ``folder`` ends in "/", or is "" for the bucket itself."""

    bucket: str
    folder: str
    parquet: bool
    hive: bool
    hourly: bool


@dataclass
class FlowLog:
    """One flow log. Times are virtual, in epoch seconds; ``deleted_at`` is set while last records are on their way.

    ``interval`` is its maximum aggregation interval in seconds. One that writes to S3 has a ``place``, and no ``group``
    and no ``role_arn``.
    """

    flow_log_id: str
    resource_id: str
    traffic_type: str
    group: str
    destination: str | None
    role_arn: str
    log_format: str
    interval: int
    created_at: float
    place: BucketFolder | None = None
    status: str = "SUCCESS"
    error: str | None = None
    deleted_at: float | None = None
    delivered_to: float = 0.0
    has_delivered: bool = False
    waiting: list[FlowRecord] = field(default_factory=list)

    @property
    def format(self) -> LogFormat:
        return LogFormat.parse(self.log_format)

    def lived_during(self, record: FlowRecord) -> bool:
        """Whether it was in force at some time of a record's window."""
        begun = record.end is None or record.end > self.created_at
        return begun and (self.deleted_at is None or record.start is None or record.start < self.deleted_at)

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


def watching(account: Account, region: str, network: Topology) -> dict[str, dict[str, int]]:
    """For each flow log in force, by id: the seconds of a window for each interface that it listens to now."""
    logs = account.state(FlowLogs, region).active()
    return {log.flow_log_id: interfaces_of(log, network) for log in logs}


def interfaces_of(log: FlowLog, network: Topology) -> dict[str, int]:
    """The seconds of a window for each interface that a flow log listens to: windows are the flow log's own."""
    lengths = window_lengths(network, log.interval)
    return {
        interface.id: lengths[interface.id]
        for interface in network.interfaces
        if log.resource_id in (interface.id, interface.subnet_id, interface.vpc_id)
    }
