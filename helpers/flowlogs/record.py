"""One flow log record as a value."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Self


@dataclass(frozen=True, slots=True, repr=False)
class FlowRecord:
    """One record: one interface, direction, 5-tuple, action and aggregation window.

    One attribute per field of ``FIELDS``, hyphens as underscores. None stands for ``-``: not applicable, not known, or
    not part of the format that the line was read with. ``start`` and ``end`` are epoch seconds.

    >>> FlowRecord(srcaddr="10.1.1.10", dstport=22, action="REJECT")
    FlowRecord(srcaddr='10.1.1.10', dstport=22, action='REJECT')
    """

    # version 2
    version: int | None = None
    account_id: str | None = None
    interface_id: str | None = None
    srcaddr: str | None = None
    dstaddr: str | None = None
    srcport: int | None = None
    dstport: int | None = None
    protocol: int | None = None
    packets: int | None = None
    bytes: int | None = None
    start: int | None = None
    end: int | None = None
    action: str | None = None
    log_status: str | None = None
    # version 3
    vpc_id: str | None = None
    subnet_id: str | None = None
    instance_id: str | None = None
    tcp_flags: int | None = None
    type: str | None = None
    pkt_srcaddr: str | None = None
    pkt_dstaddr: str | None = None
    # version 4
    region: str | None = None
    az_id: str | None = None
    sublocation_type: str | None = None
    sublocation_id: str | None = None
    # version 5
    pkt_src_aws_service: str | None = None
    pkt_dst_aws_service: str | None = None
    flow_direction: str | None = None
    traffic_path: int | None = None
    # version 7
    ecs_cluster_arn: str | None = None
    ecs_cluster_name: str | None = None
    ecs_container_instance_arn: str | None = None
    ecs_container_instance_id: str | None = None
    ecs_container_id: str | None = None
    ecs_second_container_id: str | None = None
    ecs_service_name: str | None = None
    ecs_task_definition_arn: str | None = None
    ecs_task_arn: str | None = None
    ecs_task_id: str | None = None
    # version 8
    reject_reason: str | None = None
    # version 9
    resource_id: str | None = None
    # version 10
    encryption_status: int | None = None
    # version 11
    instance_tag: str | None = None
    instance_tag_2: str | None = None
    interface_tag: str | None = None
    interface_tag_2: str | None = None
    asg_tag: str | None = None
    asg_tag_2: str | None = None
    interface_type: str | None = None
    next_hop_interface_id: str | None = None
    next_hop_subnet_id: str | None = None
    next_hop_az_id: str | None = None
    next_hop_vpc_id: str | None = None
    next_hop_interface_type: str | None = None

    def __repr__(self) -> str:
        shown = ((item.name, getattr(self, item.name)) for item in fields(self))
        return f"FlowRecord({', '.join(f'{name}={value!r}' for name, value in shown if value is not None)})"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Make a record of some attributes, several times faster than the constructor; the others are None.

        Raises AttributeError for a name that is no field.
        """
        record = cls.__new__(cls)
        for name, value in values.items():
            object.__setattr__(record, name, value)
        return record

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> None:
            # only asked for slots that ``of`` left empty
            if name in _NAMES:
                return
            raise AttributeError(f"FlowRecord has no field {name!r}")


_NAMES = frozenset(item.name for item in fields(FlowRecord))
