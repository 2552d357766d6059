"""Delivery of flow records in bursts: to CloudWatch Logs as the flow log's role, to S3 by the bucket's policy, or lost.

Measured on real data (a public set of 9,999 flows, interval 600): bursts 600 s apart, each with ten windows of 60 s,
the youngest some 75 s old. For an interval of 60 the cadence is an assumption (``data/assumptions.toml``). S3 gets a
file every five minutes, whatever the interval.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from helpers.access import ACCESS_ERROR, Decision, Delivery, can_deliver
from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord
from helpers.sandbox.calls import Account, on_event
from helpers.sandbox.ec2.topologies import topology
from helpers.sandbox.flow_logs import buckets
from helpers.sandbox.flow_logs.state import FlowLog, FlowLogs, interfaces_of
from helpers.sandbox.iam.authorization import parse, parse_all
from helpers.sandbox.logs import LogsState, deliver, make_group
from helpers.sandbox.moto_adapter import IamPrincipal
from helpers.traffic import Window, nodata, window_at

BURST = "delivery.burst"
BURST_SECONDS = {600: 600, 60: 300}
YOUNGEST_SECONDS = 15
"""A window must have ended this long ago to be part of a burst."""


def begin(account: Account, region: str, flow_log: FlowLog) -> None:
    """A flow log was made: look at its role once, and deliver from now on."""
    _look(account, region, flow_log)
    flow_log.delivered_to = account.now()
    _schedule(account, region, flow_log)


def _schedule(account: Account, region: str, flow_log: FlowLog) -> None:
    every = buckets.FILE_SECONDS if flow_log.place else BURST_SECONDS[flow_log.interval]
    offset = zlib.crc32(flow_log.flow_log_id.encode()) % every
    burst = ((account.now() - offset) // every + 1) * every + offset
    account.schedule(burst, BURST, region=region, flow_log_id=flow_log.flow_log_id)


def role_of(account: Account, arn: str) -> IamPrincipal | None:
    """The role as it is now, or ``None`` where there is none of this ARN."""
    role = account.moto.role(arn.rpartition("/")[2])
    return role if role is not None and role.arn == arn else None


def decide(account: Account, region: str, flow_log: FlowLog) -> Delivery | None:
    """Whether the role lets the service write, by its trust and its policies as they are now; ``None``: it is gone."""
    role = role_of(account, flow_log.role_arn)
    if role is None:
        return None
    group_arn = f"arn:aws:logs:{region}:{account.account_id}:log-group:{flow_log.group}"
    flow_log_arn = f"arn:aws:ec2:{region}:{account.account_id}:vpc-flow-log/{flow_log.flow_log_id}"
    return can_deliver(
        parse(role.trust, "the trust policy"),
        parse_all(role.policies),
        group_arn,
        flow_log_arn,
        account.account_id,
        role_arn=flow_log.role_arn,
        boundary=parse(role.boundary, "of the boundary") if role.boundary is not None else None,
        group_exists=flow_log.group in account.state(LogsState, region).groups,
    )


@on_event(BURST)
def burst(account: Account, payload: Mapping[str, Any]) -> None:
    """Deliver the windows that are old enough. A role that may not write loses them, as in AWS."""
    region = payload["region"]
    flow_logs = account.state(FlowLogs, region)
    flow_log = flow_logs.logs[payload["flow_log_id"]]
    until = account.now() - YOUNGEST_SECONDS
    if flow_log.place:  # whole files; what ended on the very second that divides two is the later one's
        until = until // buckets.FILE_SECONDS * buckets.FILE_SECONDS - 1
    ready = [record for record in flow_log.waiting if (record.end or 0) <= until]
    flow_log.waiting = [record for record in flow_log.waiting if (record.end or 0) > until]
    _attempt(account, region, flow_log, ready, until)
    if flow_log.deleted_at is not None and not flow_log.waiting and flow_log.deleted_at + flow_log.interval <= until:
        del flow_logs.logs[flow_log.flow_log_id]
    else:
        _schedule(account, region, flow_log)


def _attempt(account: Account, region: str, flow_log: FlowLog, ready: list[FlowRecord], until: float) -> None:
    check = _look(account, region, flow_log)
    if check:
        if flow_log.deleted_at is None:
            ready = [*ready, *_idle(account, region, flow_log, ready, until)]
        if ready:
            if flow_log.place:
                buckets.write(account, region, flow_log, flow_log.place, ready)
            else:
                _write(account, region, flow_log, ready, isinstance(check, Delivery) and check.creates_group)
            flow_log.has_delivered = True
    flow_log.delivered_to = until


def _look(account: Account, region: str, flow_log: FlowLog) -> Delivery | Decision | None:
    """Decide, and show the outcome where DescribeFlowLogs shows it."""
    place = flow_log.place
    check = buckets.decide(account, region, place) if place else decide(account, region, flow_log)
    flow_log.status, flow_log.error = ("SUCCESS", None) if check else ("FAILED", ACCESS_ERROR)
    return check


def _idle(
    account: Account, region: str, flow_log: FlowLog, ready: Sequence[FlowRecord], until: float
) -> tuple[FlowRecord, ...]:
    """NODATA lines: one per interface and window without a record, once the flow log has shown anything at all."""
    begun = [flow_log.delivered_to] if flow_log.has_delivered else [record.start or 0 for record in ready]
    if not begun:
        return ()
    since = max(min(begun), flow_log.delivered_to)
    network = topology(account, region)
    heard = {(record.interface_id, record.start) for record in ready}
    silent: dict[Window, list[str]] = {}
    for interface_id, seconds in interfaces_of(flow_log, network).items():
        window = window_at(interface_id, since, seconds)
        while window.end <= until:
            if (interface_id, window.start) not in heard:
                silent.setdefault(window, []).append(interface_id)
            window = Window(window.end, window.end + seconds)
    return tuple(line for window, quiet in silent.items() for line in nodata(quiet, window, network))


def _write(account: Account, region: str, flow_log: FlowLog, ready: list[FlowRecord], new_group: bool) -> None:
    if new_group:
        make_group(account, region, flow_log.group)
    form = flow_log.format
    streams: dict[str, list[tuple[int, str]]] = {}
    for record in sorted(ready, key=lambda record: (record.start, record.end)):
        line = form.render(replace(record, version=form.version))
        streams.setdefault(_stream(account, region, flow_log, record), []).append(((record.start or 0) * 1000, line))
    for stream, events in streams.items():
        deliver(account, region, flow_log.group, stream, events, flow_logs=form == DEFAULT_FORMAT)


def _stream(account: Account, region: str, flow_log: FlowLog, record: FlowRecord) -> str:
    """The stream of an interface in a group: one, whatever flow logs of the interface write there ("Flow logs basics",
    Amazon VPC User Guide). Its suffix is an assumption.
    """
    places = (record.interface_id, record.subnet_id, record.vpc_id)
    types = {
        log.traffic_type
        for log in account.state(FlowLogs, region).logs.values()
        if log.group == flow_log.group and log.resource_id in places and log.lived_during(record)
    }
    return f"{record.interface_id}-{flow_log.traffic_type.lower() if len(types) < 2 else 'all'}"
