"""Log groups: create, delete, protect, describe, retention."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.log_group_tags import check_tags, has_tag
from helpers.sandbox.logs.names import (
    group_arn,
    group_named,
    horizon_ms,
    invalid,
    let_expire,
    name_in,
    now_ms,
    paged,
    state_of,
)
from helpers.sandbox.logs.state import LogGroup, LogsState

RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""The only values PutRetentionPolicy takes (its documentation)."""

DELIVERY_RETENTION_DAYS = 1
"""The API says that class DELIVERY keeps events one day (the user guide says two): an assumption."""
_BY_PATTERN = ("arn", "creationTime", "logGroupArn", "logGroupClass", "logGroupName", "metricFilterCount")


@replaces("logs", "CreateLogGroup")
def create_log_group(call: Call, account: Account) -> Params:
    """Create a group. The class ESSENTIALS is refused: the sandbox does not simulate it."""
    params = call.params
    name = params["logGroupName"]
    log_class = params.get("logGroupClass", "STANDARD")
    if log_class == "ESSENTIALS":
        raise invalid("The sandbox does not simulate the log class ESSENTIALS.")
    check_tags(params.get("tags", {}))
    make_group(
        account,
        call.region,
        name,
        log_class=log_class,
        tags=dict(params.get("tags", {})),
        protected=bool(params.get("deletionProtectionEnabled", False)),
    )
    return {}


def make_group(account: Account, region: str, name: str, **settings: Any) -> LogGroup:
    """Create a group from inside the account, as a flow log's delivery does when its role allows it.

    Raises ResourceAlreadyExistsException, and InvalidParameterException for a reserved name.
    """
    if name.startswith("aws/"):
        raise invalid("Log group names starting with 'aws/' are reserved.")
    groups = account.state(LogsState, region).groups
    if name in groups:
        raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")
    group = LogGroup(name, now_ms(account), **settings)
    if group.log_class == "DELIVERY":
        group.retention_days = DELIVERY_RETENTION_DAYS
    groups[name] = group
    return group


@replaces("logs", "DeleteLogGroup")
def delete_log_group(call: Call, account: Account) -> Params:
    group = group_named(call, account, call.params["logGroupName"])
    refuse_protected(group)
    account.events.delete_group(account.position, call.region, group.name)
    del state_of(call, account).groups[group.name]
    return {}


def refuse_protected(group: LogGroup) -> None:
    """Deletion protection blocks all deletions until it is switched off."""
    if group.protected:
        raise ServiceError(
            "ValidationException",
            f"Log group {group.name} has deletion protection enabled. "
            "Disable it with PutLogGroupDeletionProtection first.",
        )


@replaces("logs", "PutLogGroupDeletionProtection")
def put_deletion_protection(call: Call, account: Account) -> Params:
    name = name_in(call, account, call.params["logGroupIdentifier"])
    group_named(call, account, name).protected = bool(call.params["deletionProtectionEnabled"])
    return {}


@replaces("logs", "PutRetentionPolicy")
def put_retention_policy(call: Call, account: Account) -> Params:
    """Set the retention. What had expired until now stays gone, also when the new retention is longer."""
    days = call.params["retentionInDays"]
    if days not in RETENTION_DAYS:
        values = ", ".join(map(str, RETENTION_DAYS))
        raise invalid(
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{values}]"
        )
    _change_retention(call, account, days)
    return {}


@replaces("logs", "DeleteRetentionPolicy")
def delete_retention_policy(call: Call, account: Account) -> Params:
    _change_retention(call, account, None)
    return {}


def _change_retention(call: Call, account: Account, days: int | None) -> None:
    group = group_named(call, account, call.params["logGroupName"])
    if group.log_class == "DELIVERY":
        raise invalid("The retention of a log group of class DELIVERY is fixed and cannot be changed.")
    if group.retention_days is not None:
        account.events.expire(account.position, call.region, group.name, horizon_ms(account, group))
    group.retention_days = days


@replaces("logs", "DescribeLogGroups")
def describe_log_groups(call: Call, account: Account) -> Params:
    """Groups in ASCII order. With a name pattern fewer members come back (recorded; the API page names three)."""
    params = call.params
    if "logGroupNamePrefix" in params and "logGroupNamePattern" in params:
        raise invalid("LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.")
    chosen = [group for group in _of_accounts(call, account) if _is_asked(group, call, account)]
    page, token = paged(chosen, lambda group: group.name, params, size=50)
    described = [describe(group, call, account) for group in page]
    if params.get("logGroupNamePattern"):
        described = [{name: entry[name] for name in _BY_PATTERN} for entry in described]
    return {"logGroups": described, **({"nextToken": token} if token else {})}


def _of_accounts(call: Call, account: Account) -> list[LogGroup]:
    """The groups of the accounts asked for. No account is linked to this one, so that is this one's or nothing."""
    wanted = call.params.get("accountIdentifiers")
    if call.params.get("includeLinkedAccounts") and wanted and account.account_id not in wanted:
        return []
    return list(state_of(call, account).groups.values())


def _is_asked(group: LogGroup, call: Call, account: Account) -> bool:
    params = call.params
    identifiers = params.get("logGroupIdentifiers")
    if identifiers:
        if any(name in params for name in ("logGroupNamePrefix", "logGroupNamePattern", "logGroupClass")):
            raise invalid("With logGroupIdentifiers no other filter can be specified.")
        return group.name in {name_in(call, account, identifier) for identifier in identifiers}
    return (
        group.name.startswith(params.get("logGroupNamePrefix", ""))
        and params.get("logGroupNamePattern", "") in group.name
        and in_class(group, params.get("logGroupClass"))
    )


def in_class(group: LogGroup, wanted: str | None) -> bool:
    """INFREQUENT_ACCESS and ESSENTIALS each list the groups of both (DescribeLogGroups' documentation)."""
    sisters = {"INFREQUENT_ACCESS", "ESSENTIALS"}
    return wanted is None or group.log_class == wanted or {group.log_class, wanted} <= sisters


def describe(group: LogGroup, call: Call, account: Account) -> Params:
    """The LogGroup structure."""
    let_expire(account, call.region, group)
    arn = group_arn(account, call.region, group.name)
    entry: Params = {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": len(group.metric_filters),
        "arn": f"{arn}:*",
        "storedBytes": account.events.stored_bytes(call.region, group.name),
        "logGroupClass": group.log_class,
        "logGroupArn": arn,
        "deletionProtectionEnabled": group.protected,
        "bearerTokenAuthenticationEnabled": False,
    }
    if group.retention_days is not None:
        entry["retentionInDays"] = group.retention_days
    return entry


@replaces("logs", "ListLogGroups")
def list_log_groups(call: Call, account: Account) -> Params:
    """Names, ARNs and classes. The pattern is up to five texts joined by ``|``; ``^`` anchors one to the start."""
    params = call.params
    chosen = [
        group
        for group in _of_accounts(call, account)
        if _fits(group.name, params.get("logGroupNamePattern"))
        and in_class(group, params.get("logGroupClass"))
        and all(has_tag(group.tags, tag["key"], tag.get("values", ())) for tag in params.get("logGroupTags", []))
    ]
    page, token = paged(chosen, lambda group: group.name, params, size=50)
    listed = [
        {
            "logGroupName": group.name,
            "logGroupArn": group_arn(account, call.region, group.name),
            "logGroupClass": group.log_class,
        }
        for group in page
    ]
    return {"logGroups": listed, **({"nextToken": token} if token else {})}


def _fits(name: str, pattern: str | None) -> bool:
    return pattern is None or any(
        name.startswith(part[1:]) if part.startswith("^") else part in name for part in pattern.split("|")
    )
