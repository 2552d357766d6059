"""H1 to H4 and H10: whether records are delivered, of every interface, of all traffic, and without gaps."""

from collections import Counter
from collections.abc import Iterator

from helpers.access import can_deliver
from helpers.health.account_values import AccountValues, FlowLogValues, Thresholds
from helpers.health.health_findings import NotEvaluated, NotUsed, Problem, Remark, Row, Seen, row
from helpers.network import Interface


def h1_delivers(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """DeliverLogsStatus is SUCCESS, and there is no error message."""
    if not account.flow_logs:
        yield NotUsed("There is no active flow log.")
    for flow_log in account.flow_logs:
        if flow_log.fails:
            rows = [row(status=flow_log.status or "none", error=flow_log.error, log_group=flow_log.group or "none")]
            if cause := broken_step(account, flow_log):
                rows.append(row(cause=cause))
            yield Problem("failed", flow_log.id, tuple(rows), {"status": flow_log.status or "unknown"})
        elif flow_log.status != "SUCCESS":
            young = account.is_new(flow_log.created, thresholds)
            yield NotEvaluated(f"{flow_log.id} has no delivery status yet.", young)


def broken_step(account: AccountValues, flow_log: FlowLogValues) -> str:
    """What the role of a flow log lacks, in IAM's terms; empty where nothing is missing, or was not read."""
    if not flow_log.group or flow_log.role not in account.roles:
        return ""
    role = account.roles[flow_log.role]
    if role is None:
        return f"There is no role {flow_log.role}."
    partition, place = partition_of(role.arn), f"{account.region}:{account.account}"
    delivery = can_deliver(
        role.trust,
        role.policies,
        f"arn:{partition}:logs:{place}:log-group:{flow_log.group}",
        f"arn:{partition}:ec2:{place}:vpc-flow-log/{flow_log.id}",
        account.account,
        role_arn=flow_log.role,
        group_exists=flow_log.group in account.groups or "logGroups" in account.unread,
        boundary=role.boundary,
    )
    return "" if delivery else delivery.reason


def partition_of(arn: str) -> str:
    """The partition of an ARN: ``aws``, ``aws-us-gov``."""
    return arn.split(":")[1]


def _awaited(account: AccountValues, thresholds: Thresholds) -> Iterator[tuple[Interface, str]]:
    """Each interface in use with each log group that must have its records by now."""
    for interface in account.in_use:
        if account.is_new(account.attached_at.get(interface.id, 0), thresholds):
            continue
        groups = {
            log.group: None
            for log in account.covering(interface)
            if log.group and not log.fails and not account.is_new(log.created, thresholds)
        }
        yield from ((interface, group) for group in groups)


def h2_current(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """The newest event of each stream is young while its interface is in use."""
    if not account.flow_logs:
        yield NotUsed("There is no active flow log.")
    for place in dict.fromkeys(log.elsewhere for log in account.flow_logs if log.elsewhere):
        yield NotEvaluated(f"Records go to {place}, which is not read.")
    stale: dict[str, list[Row]] = {}
    for interface, group in _awaited(account, thresholds):
        known = account.streams.get(group, {})
        if interface.id not in known or group not in account.records:
            continue  # H3 says so, or it is not evaluated
        ends = (record.end or 0 for record in account.by_place.get((group, interface.id), ()))
        minutes = (account.now - max(known[interface.id], max(ends, default=0))) / 60
        if minutes > thresholds.stale_minutes:
            stale.setdefault(group, []).append(row(interface=interface.id, minutes_since_newest=round(minutes)))
    for group, rows in stale.items():
        facts = {"count": str(len(rows)), "minutes": f"{thresholds.stale_minutes:g}"}
        yield Problem("stale", group, tuple(rows), facts)


def h3_covered(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """Every interface in use is covered by a flow log, of it, its subnet or its VPC, and has a stream."""
    uncovered: dict[str, list[Row]] = {}
    for interface in account.in_use:
        if not account.covering(interface):
            uncovered.setdefault(interface.vpc_id, []).append(row(interface=interface.id, subnet=interface.subnet_id))
    silent: dict[str, list[Row]] = {}
    for interface, group in _awaited(account, thresholds):
        if interface.id not in account.streams.get(group, {}):
            silent.setdefault(group, []).append(row(interface=interface.id, subnet=interface.subnet_id))
    for key, listed in (("uncovered", uncovered), ("no-stream", silent)):
        for resource, rows in listed.items():
            yield Problem(key, resource, tuple(rows), {"count": str(len(rows))})


def h4_all_traffic(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """The flow logs of an interface together record the wanted traffic: ALL, or with that threshold REJECT."""
    wanted = {"ACCEPT", "REJECT"} if thresholds.traffic == "ALL" else {thresholds.traffic}
    partial: dict[tuple[str, str], dict[str, None]] = {}
    counts: Counter[tuple[str, str]] = Counter()
    for interface in account.in_use:
        logs = account.covering(interface)
        recorded = {part for log in logs for part in _parts(log.traffic)}
        if logs and not wanted <= recorded:
            place = (interface.vpc_id, "".join(sorted(recorded)))
            partial.setdefault(place, {}).update(dict.fromkeys(log.id for log in logs))
            counts[place] += 1
    for (vpc, traffic), ids in partial.items():
        evidence = (row(flow_logs=" ".join(ids), traffic=traffic, interfaces=counts[vpc, traffic]),)
        yield Problem("partial", vpc, evidence, {"traffic": traffic, "count": str(counts[vpc, traffic])})


def _parts(traffic: str) -> set[str]:
    return {"ACCEPT", "REJECT"} if traffic == "ALL" else {traffic}


def h10_no_gaps(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """No record says SKIPDATA; how many say NODATA is told."""
    if not account.flow_logs:
        yield NotUsed("There is no active flow log.")
    for reason in dict.fromkeys(account.not_read(flow_log, thresholds) for flow_log in account.flow_logs):
        if reason:
            yield NotEvaluated(f"{reason.text}.", reason.young)
    own = {interface.id for interface in account.topology.interfaces if account.judges(interface.vpc_id)}
    for group in dict.fromkeys(log.group for log in account.flow_logs if log.group in account.records):
        listed = account.records[group]
        records = [record for record in listed if not account.vpcs or record.interface_id in own]
        if not records:
            young = all(account.is_new(log.created, thresholds) for log in account.flow_logs if log.group == group)
            yield NotEvaluated(f"{group} has no record of the window.", young)
            continue
        statuses = Counter(record.log_status for record in records)
        if set(statuses) == {None}:
            yield NotEvaluated(f"The records in {group} have no field log-status.")
            continue
        share = statuses["SKIPDATA"] / len(records)
        if share > thresholds.skipped_share:
            skipped = Counter(record.interface_id for record in records if record.log_status == "SKIPDATA")
            rows = tuple(row(interface=interface, skipped_records=count) for interface, count in skipped.most_common())
            yield Problem("skipped", group, rows, {"share": f"{share:.1%}"})
        if empty := statuses["NODATA"]:
            yield Remark(f"NODATA in {empty} of {len(records)} records of {group}: no traffic in that interval.")
