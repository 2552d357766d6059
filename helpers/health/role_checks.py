"""H5 to H7: what the delivery roles allow to whom."""

from collections.abc import Iterator

from helpers.access import FLOW_LOGS_SERVICE, Principal, Request, evaluate, glob, may_assume
from helpers.health.account_values import AccountValues, RoleValues, Thresholds
from helpers.health.delivery_checks import broken_step, partition_of
from helpers.health.health_findings import NotUsed, Problem, Row, Seen, row

# An account and a log group that no flow log of a reading has.
_STRANGER = "999999999999"
_OTHER_GROUP = "/another/log-group-of-this-account"


def _roles(account: AccountValues) -> Iterator[tuple[RoleValues, list[str]]]:
    """Each role that exists, with the log groups of the flow logs that name it."""
    groups: dict[str, dict[str, None]] = {}
    for flow_log in account.flow_logs:
        groups.setdefault(flow_log.role, {})[flow_log.group] = None
    for arn, role in account.roles.items():
        if role is not None and arn in groups:
            yield role, [group for group in groups[arn] if group]


def _unused(account: AccountValues) -> Iterator[Seen]:
    if not any(flow_log.role for flow_log in account.flow_logs):
        yield NotUsed("No flow log delivers with a role.")


def h5_trust(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """The flow logs service alone may assume the role, and only for this account and its flow logs."""
    yield from _unused(account)
    for role, _ in _roles(account):
        others = tuple(_other_principals(role))
        if others and not _trusts_another_service(role):
            yield Problem("other-principals", role.arn, others)
        if missing := _unchecked(account, role):
            rows = tuple(row(condition=key, still_allowed=value) for key, value in missing.items())
            yield Problem("no-source", role.arn, rows, {"missing": " and ".join(missing)})


def _unchecked(account: AccountValues, role: RoleValues) -> dict[str, str]:
    """The condition keys of which the trust policy lets a stranger's value pass, beside what a real flow log brings."""
    service, missing = Principal.service(FLOW_LOGS_SERVICE), dict[str, str]()
    place = f"arn:{partition_of(role.arn)}:ec2:{account.region}:{account.account}:vpc-flow-log"
    for flow_log in account.flow_logs:
        own = {"aws:SourceAccount": account.account, "aws:SourceArn": f"{place}/{flow_log.id}"}
        for key, value in own.items() if flow_log.role == role.arn else ():
            strange = value.replace(account.account, _STRANGER)
            if may_assume(role.trust, service, own | {key: strange}, role_arn=role.arn).allowed:
                missing.setdefault(key, strange)
    return missing


def _trusts_another_service(role: RoleValues) -> bool:
    """Whether only other services may assume the role: then nothing is delivered, and H1 or H7 says why."""
    allowed = [statement for statement in role.trust.statements if statement.effect == "Allow"]
    named = {principal for statement in allowed for principal in statement.principals or ()}
    return (
        all(statement.not_principals is None for statement in allowed)
        and {kind for kind, _ in named} == {"Service"}
        and ("Service", FLOW_LOGS_SERVICE) not in named
    )


def _other_principals(role: RoleValues) -> Iterator[Row]:
    for statement in role.trust.statements:
        if statement.effect == "Allow":
            if statement.not_principals is not None:
                yield row(statement=statement.label, principal="NotPrincipal: everybody else")
            for kind, name in statement.principals or ():
                if (kind, name) != ("Service", FLOW_LOGS_SERVICE):
                    yield row(statement=statement.label, principal=f"{kind} {name}")


def h6_managed_group(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """A role cannot create again a log group that something else manages, as its tags say."""
    marks = {
        name: tag
        for name, group in account.groups.items()
        for tag in group.get("tags", {})
        if any(glob(pattern.lower(), tag.lower()) for pattern in thresholds.managed_tags)
    }
    if not marks:
        yield NotUsed(f"No log group carries a tag of a stack ({', '.join(thresholds.managed_tags)}).")
    for role, groups in _roles(account):
        for group in groups:
            if group in marks and (by := _allowed(account, role, "logs:CreateLogGroup", group, "")):
                evidence = (row(log_group=group, tag=marks[group], allowed_by=by),)
                yield Problem("may-create", role.arn, evidence, {"group": group})


def h7_scope(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """A role reaches the streams of its log group, and those of no other."""
    yield from _unused(account)
    for role, _ in _roles(account):
        if by := _allowed(account, role, "logs:PutLogEvents", _OTHER_GROUP, "eni-0-all"):
            yield Problem("too-wide", role.arn, (row(action="logs:PutLogEvents", allowed_by=by),))
    lacking: dict[str, dict[str, Row]] = {}
    for flow_log in account.flow_logs:
        if not flow_log.fails and (cause := broken_step(account, flow_log)):
            lacking.setdefault(flow_log.role, {})[flow_log.id] = row(flow_log=flow_log.id, cause=cause)
    for arn, rows in lacking.items():
        yield Problem("too-narrow", arn, tuple(rows.values()))


def _allowed(account: AccountValues, role: RoleValues, action: str, group: str, stream: str) -> str:
    """The statement and policy that allow the role something on a log group; empty where none does."""
    session = Principal.role(role.arn, account.account, "vpc-flow-logs")
    resource = (
        f"arn:{partition_of(role.arn)}:logs:{account.region}:{account.account}:log-group:{group}:log-stream:{stream}"
    )
    request = Request(session, action, resource)
    decision = evaluate(request, role.policies)
    if role.boundary is not None and not evaluate(request, [role.boundary]):
        return ""
    if not decision or decision.statement is None or decision.policy is None:
        return ""
    return f"{decision.statement.label} of {decision.policy.label}"
