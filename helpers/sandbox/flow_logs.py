"""CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs: all ours, for moto never looks at the role.

Source: EC2 API reference and botocore's model; what AWS does not document is in ``data/assumptions.toml``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson

from helpers.flowlogs import DEFAULT_FORMAT, FormatError, LogFormat
from helpers.sandbox import delivery
from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, replaces
from helpers.sandbox.coverage import FlowLog, FlowLogs
from helpers.sandbox.ec2.tags import check_new_tags

_RESOURCES = {
    "VPC": ("DescribeVpcs", "VpcIds", "vpc-"),
    "Subnet": ("DescribeSubnets", "SubnetIds", "subnet-"),
    "NetworkInterface": ("DescribeNetworkInterfaces", "NetworkInterfaceIds", "eni-"),
}
_GROUP_ARN = re.compile(r"arn:aws:logs:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):log-group:(?P<name>[^:*]+)")
# As CreateLogGroup takes it; a name that starts with "aws/" is kept for AWS.
_GROUP_NAME = re.compile(r"(?!aws/)[\w.\-/#]{1,512}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws:iam::(?P<account>\d{12}):role/(?:.+/)?[\w+=,.@-]+")
_MOST_RESOURCES = 300
_NOT_SIMULATED = ("DeliverCrossAccountRole", "DestinationOptions", "TagFieldSpecifications")
PAGE = 1000


@dataclass(frozen=True)
class _Order:
    """What one CreateFlowLogs asks for, checked."""

    group: str
    destination: str | None
    role_arn: str
    log_format: str
    interval: int
    traffic_type: str


@guards("ec2", "CreateFlowLogs")
def role_may_be_too_new(call: Call, account: Account) -> None:
    """Where the sandbox was started with ``--role-delay``: IAM has not told everybody of the new role yet.

    The refusal takes the time that is missing, so that whoever tries again, in any loop, gets on.
    """
    if account.replaying or not account.role_delay:
        return
    role = delivery.role_of(account, call.params.get("DeliverLogsPermissionArn", ""))
    if role is None:
        return  # the call itself says so
    known_at = role.created_at + account.role_delay
    if account.now() < known_at:
        account.wait_for(known_at)
        raise _invalid("Unable to assume given IAM role")


@replaces("ec2", "CreateFlowLogs")
def create_flow_logs(call: Call, account: Account) -> Params:
    """One flow log per resource; a resource that cannot have one is in ``Unsuccessful``.

    A call for a single resource raises its error, as AWS does for an unknown id or an existing flow log.
    """
    token = call.params.get("ClientToken")
    state = account.state(FlowLogs, call.region)
    meant = {name: value for name, value in call.params.items() if name != "DryRun"}
    asked = orjson.dumps(meant, option=orjson.OPT_SORT_KEYS).decode()
    if token and token in state.tokens:
        before, made_before, failed_before = state.tokens[token]
        if before != asked:
            raise ServiceError("IdempotentParameterMismatch", "The client token was used with other parameters before.")
        return {"ClientToken": token, "FlowLogIds": made_before, "Unsuccessful": failed_before}
    order = _order(call, account)
    made: list[str] = []
    unsuccessful: list[Params] = []
    for resource_id in call.params["ResourceIds"]:
        try:
            _check_resource(call, account, resource_id, order)
        except ServiceError as error:
            if len(call.params["ResourceIds"]) == 1:
                raise
            problem = {"Code": error.code, "Message": error.message}
            unsuccessful.append({"ResourceId": resource_id, "Error": problem})
            continue
        made.append(_create(call, account, resource_id, order))
    if token:
        state.tokens[token] = (asked, made, unsuccessful)
    return {"ClientToken": token, "FlowLogIds": made, "Unsuccessful": unsuccessful}


def _create(call: Call, account: Account, resource_id: str, order: _Order) -> str:
    flow_log_id = f"fl-{account.random(resource_id).getrandbits(68):017x}"
    flow_log = FlowLog(
        flow_log_id=flow_log_id,
        resource_id=resource_id,
        traffic_type=order.traffic_type,
        group=order.group,
        destination=order.destination,
        role_arn=order.role_arn,
        log_format=order.log_format,
        interval=order.interval,
        created_at=account.now(),
    )
    account.state(FlowLogs, call.region).logs[flow_log_id] = flow_log
    for spec in call.params.get("TagSpecifications", []):
        tags = {tag["Key"]: tag.get("Value", "") for tag in spec.get("Tags", [])}
        account.moto.set_tags(call.region, flow_log_id, tags)
    delivery.begin(account, call.region, flow_log)
    return flow_log_id


# --- checking ---------------------------------------------------------------------------------------------------


def _invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameter", message)


def _order(call: Call, account: Account) -> _Order:
    params = call.params
    if len(params["ResourceIds"]) > _MOST_RESOURCES:
        raise _invalid(f"A call may name at most {_MOST_RESOURCES} resources.")
    if params["ResourceType"] not in _RESOURCES:
        raise ServiceError(
            "UnsupportedOperation", f"The sandbox does not simulate flow logs of a {params['ResourceType']}."
        )
    if "TrafficType" not in params:
        raise ServiceError("MissingParameter", "The request must contain the parameter TrafficType")
    kind = params.get("LogDestinationType", "cloud-watch-logs")
    if kind != "cloud-watch-logs":
        if kind == "s3" and "DeliverLogsPermissionArn" in params:
            raise _invalid("DeliverLogsPermissionArn is not applicable for s3 delivery")
        raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate delivery to {kind}.")
    for name in _NOT_SIMULATED:
        if params.get(name):
            raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate CreateFlowLogs with {name}.")
    for spec in params.get("TagSpecifications", []):
        if spec.get("ResourceType") != "vpc-flow-log":
            raise ServiceError(
                "InvalidParameterValue",
                f"'{spec.get('ResourceType')}' is not a valid taggable resource type for this operation.",
            )
        check_new_tags(spec.get("Tags", []))
    interval = params.get("MaxAggregationInterval", 600)
    if interval not in delivery.BURST_SECONDS:
        raise _invalid("Invalid Flow Log Max Aggregation Interval: it can be 60 or 600 seconds.")
    return _Order(
        group=_group(call, account),
        destination=params.get("LogDestination"),
        role_arn=_role(params.get("DeliverLogsPermissionArn"), account),
        log_format=_format(params.get("LogFormat")),
        interval=interval,
        traffic_type=params["TrafficType"],
    )


def _group(call: Call, account: Account) -> str:
    name, arn = call.params.get("LogGroupName"), call.params.get("LogDestination")
    if name and arn:
        raise _invalid("Please only provide LogGroupName or only provide LogDestination.")
    if name:
        return _group_name(name)
    if not arn:
        raise _invalid("LogDestination or LogGroupName must be given for delivery to CloudWatch Logs.")
    found = _GROUP_ARN.fullmatch(arn)
    if found is None or (found["region"], found["account"]) != (call.region, account.account_id):
        hint = " It must not end in ':*'." if arn.endswith(":*") else ""
        raise _invalid(f"LogDestination {arn} is not the ARN of a log group of this account and Region.{hint}")
    return _group_name(found["name"])


def _group_name(name: str) -> str:
    if not _GROUP_NAME.fullmatch(name):
        raise _invalid(
            f"LogGroupName {name[:80]} is not the name of a log group: letters, digits and _ - / . # only, "
            f"at most 512, and no 'aws/' in front."
        )
    return name


def _role(arn: str | None, account: Account) -> str:
    if not arn:
        raise _invalid("DeliverLogsPermissionArn can't be empty if LogDestinationType is cloud-watch-logs.")
    found = _ROLE_ARN.fullmatch(arn)
    if found is None or found["account"] != account.account_id:
        raise _invalid(f"Invalid DeliverLogsPermissionArn {arn}: it is not a role of this account.")
    if delivery.role_of(account, arn) is None:
        raise _invalid("Unable to assume given IAM role")
    return arn


def _format(text: str | None) -> str:
    if text is None:
        return str(DEFAULT_FORMAT)
    try:
        return str(LogFormat.parse(text))
    except FormatError as problem:
        raise _invalid(f"Unknown or malformed LogFormat: {problem}") from problem


def _check_resource(call: Call, account: Account, resource_id: str, order: _Order) -> None:
    action, argument, prefix = _RESOURCES[call.params["ResourceType"]]
    if not resource_id.startswith(prefix):
        raise ServiceError("InvalidParameterValue", f"Value ({resource_id}) is not an id of the type asked for.")
    account.aws("ec2", action, call.region, **{argument: [resource_id]})
    for other in account.state(FlowLogs, call.region).active():
        if (other.resource_id, other.group) == (resource_id, order.group):
            raise ServiceError(
                "FlowLogAlreadyExists",
                "Error. There is an existing Flow Log with the same configuration and log destination.",
            )


# --- describing and deleting ------------------------------------------------------------------------------------


@replaces("ec2", "DescribeFlowLogs")
def describe_flow_logs(call: Call, account: Account) -> Params:
    """The flow logs asked for, by id and by filter, in the order they were made."""
    params = call.params
    _known(call, account, params.get("FlowLogIds", []))
    for each in params.get("Filter", []):
        if each.get("Name") not in {"tag-key", *_FILTERS} and not str(each.get("Name")).startswith("tag:"):
            raise ServiceError("InvalidParameterValue", f"The filter '{each.get('Name')}' is invalid")
    shown = [
        item
        for item in _descriptions(call, account)
        if item["FlowLogId"] in (params.get("FlowLogIds") or [item["FlowLogId"]])
        and all(_passes(item, one["Name"], one.get("Values", [])) for one in params.get("Filter", []))
    ]
    start = _start(params.get("NextToken"))
    end = start + min(params.get("MaxResults", PAGE), PAGE)
    return {"FlowLogs": shown[start:end], "NextToken": str(end) if end < len(shown) else None}


def _start(token: str | None) -> int:
    if token is not None and not token.isdigit():
        raise ServiceError("InvalidNextToken", "The token is not one that DescribeFlowLogs gave.")
    return int(token or 0)


def _descriptions(call: Call, account: Account) -> Iterator[Params]:
    for log in account.state(FlowLogs, call.region).active():
        tags = account.moto.tags(call.region, log.flow_log_id)
        yield {
            "CreationTime": datetime.fromtimestamp(log.created_at, UTC),
            "DeliverLogsErrorMessage": log.error,
            "DeliverLogsPermissionArn": log.role_arn,
            "DeliverLogsStatus": log.status,
            "FlowLogId": log.flow_log_id,
            "FlowLogStatus": "ACTIVE",
            "LogGroupName": log.group,
            "ResourceId": log.resource_id,
            "TrafficType": log.traffic_type,
            "LogDestinationType": "cloud-watch-logs",
            "LogDestination": log.destination,
            "LogFormat": log.log_format,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "MaxAggregationInterval": log.interval,
        }


_FILTERS = {
    "deliver-log-status": "DeliverLogsStatus",
    "log-destination-type": "LogDestinationType",
    "flow-log-id": "FlowLogId",
    "log-group-name": "LogGroupName",
    "resource-id": "ResourceId",
    "traffic-type": "TrafficType",
}


def _passes(item: Mapping[str, Any], name: str, values: list[str]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in item["Tags"]}
    if name == "tag-key":
        return any(_like(key, values) for key in tags)
    if name.startswith("tag:"):
        return name[4:] in tags and _like(tags[name[4:]], values)
    return _like(str(item[_FILTERS[name]]), values)


def _like(text: str, values: list[str]) -> bool:
    """EC2's filters know the wildcards ``*`` and ``?``; everything else stands for itself."""
    patterns = (re.escape(value).replace(r"\*", ".*").replace(r"\?", ".") for value in values)
    return any(re.fullmatch(pattern, text, re.DOTALL) for pattern in patterns)


@replaces("ec2", "DeleteFlowLogs")
def delete_flow_logs(call: Call, account: Account) -> Params:
    """Stop the flow logs. Windows that are open or waiting are still delivered, minutes later, as in AWS."""
    _known(call, account, call.params["FlowLogIds"])
    for flow_log_id in call.params["FlowLogIds"]:
        account.state(FlowLogs, call.region).logs[flow_log_id].deleted_at = account.now()
        account.moto.drop_tags(call.region, flow_log_id)
    return {"Unsuccessful": []}


def _known(call: Call, account: Account, asked: list[str]) -> None:
    active = {log.flow_log_id for log in account.state(FlowLogs, call.region).active()}
    missing = [flow_log_id for flow_log_id in asked if flow_log_id not in active]
    if missing:
        raise ServiceError(
            "InvalidFlowLogId.NotFound",
            f"These flow log ids in the input list are not found: [TotalCount: {len(missing)}] {', '.join(missing)}",
        )
