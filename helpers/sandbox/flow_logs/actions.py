"""CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs: all ours, for moto never looks at the role.

Source: EC2 API reference and botocore's model; what AWS does not document is in ``data/assumptions.toml``.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from helpers.flowlogs import DEFAULT_FORMAT, FormatError, LogFormat
from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, replaces
from helpers.sandbox.ec2.filters import passes
from helpers.sandbox.flow_logs import buckets, delivery
from helpers.sandbox.flow_logs.state import BucketFolder, FlowLog, FlowLogs

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


@dataclass(frozen=True)
class _Order:
    """What one CreateFlowLogs asks for, checked: a ``group`` and a role, or a ``place`` in S3."""

    group: str
    destination: str | None
    role_arn: str
    place: BucketFolder | None
    log_format: str
    interval: int
    traffic_type: str


@guards("ec2", "CreateFlowLogs")
def role_may_be_too_new(call: Call, account: Account) -> None:
    """Where the sandbox was started with ``--role-delay``: IAM does not know the new role everywhere yet.

    The refusal takes the time that is missing, so that a caller that tries again, in any loop, succeeds.
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


@guards("ec2", "CreateFlowLogs")
def may_create(call: Call, account: Account) -> None:
    """A dry run, too, looks at the parameters."""
    if not call.params.get("ClientToken"):
        with suppress(buckets.RefusedDestination):
            _order(call, account)


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
    made, unsuccessful = _made(call, account)
    if token:
        state.tokens[token] = (asked, made, unsuccessful)
    given = token or str(uuid.UUID(int=account.random("token").getrandbits(128)))
    return {"ClientToken": given, "FlowLogIds": made, "Unsuccessful": unsuccessful}


def _made(call: Call, account: Account) -> tuple[list[str], list[Params]]:
    """The ids of the flow logs that were made, and what could not be."""
    resources, made, failed = call.params["ResourceIds"], [], []
    try:
        order = _order(call, account)
    except buckets.RefusedDestination as problem:
        return [], [_unsuccessful(resource_id, problem) for resource_id in resources]
    for resource_id in resources:
        try:
            _check_resource(call, account, resource_id, order)
        except ServiceError as problem:
            if len(resources) == 1:
                raise
            failed.append(_unsuccessful(resource_id, problem))
        else:
            made.append(_create(call, account, resource_id, order))
    return made, failed


def _unsuccessful(resource_id: str, problem: ServiceError) -> Params:
    return {"ResourceId": resource_id, "Error": {"Code": problem.code, "Message": problem.message}}


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
        place=order.place,
    )
    if order.place is not None:
        buckets.attach_policy(call, account, order.place)
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
    if kind not in ("cloud-watch-logs", "s3"):
        raise ServiceError("UnsupportedOperation", f"The sandbox does not simulate delivery to {kind}.")
    interval = params.get("MaxAggregationInterval", 600)
    if interval not in delivery.BURST_SECONDS:
        raise _invalid("Invalid Flow Log Max Aggregation Interval: it can be 60 or 600 seconds.")
    place = buckets.ordered(call, account) if kind == "s3" else None
    if place is None and params.get("DestinationOptions"):
        raise _invalid("DestinationOptions are for delivery to s3.")
    return _Order(
        group=_group(call, account) if place is None else "",
        destination=params.get("LogDestination"),
        role_arn=_role(params.get("DeliverLogsPermissionArn"), account) if place is None else "",
        place=place,
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
    match = _GROUP_ARN.fullmatch(arn)
    if match is not None and match["region"] != call.region:
        raise _invalid("LogDestination must be in the same region as the API caller.")
    if match is None or match["account"] != account.account_id:
        hint = " It must not end in ':*'." if arn.endswith(":*") else ""
        raise _invalid(f"LogDestination {arn} is not the ARN of a log group of this account.{hint}")
    return _group_name(match["name"])


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
    match = _ROLE_ARN.fullmatch(arn)
    if match is None or match["account"] != account.account_id:
        raise _invalid(f"Invalid DeliverLogsPermissionArn {arn}: it is not a role of this account.")
    if delivery.role_of(account, arn) is None:
        raise _invalid("Unable to assume given IAM role")
    return arn


def _format(text: str | None) -> str:
    if text is None:
        return str(DEFAULT_FORMAT)
    if text != " ".join(text.split()):
        raise _invalid(f"1 validation error detected: Value '{text}' at 'logFormat' has an invalid format")
    try:
        return str(LogFormat.parse(text))
    except FormatError as problem:
        raise _invalid(f"Unknown or malformed LogFormat: {problem}") from problem


def _check_resource(call: Call, account: Account, resource_id: str, order: _Order) -> None:
    action, argument, prefix = _RESOURCES[call.params["ResourceType"]]
    if not resource_id.startswith(prefix):
        raise _invalid(f"Invalid Resource id {resource_id} for resource-type {call.params['ResourceType']}")
    account.aws("ec2", action, call.region, **{argument: [resource_id]})
    for other in account.state(FlowLogs, call.region).active():
        same = (other.resource_id, other.group, other.place, other.traffic_type)
        if same == (resource_id, order.group, order.place, call.params["TrafficType"]):
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
    asked = set(params.get("FlowLogIds", []))
    shown = [
        item
        for item in _descriptions(call, account)
        if (not asked or item["FlowLogId"] in asked)
        and passes(item, params.get("Filter", []), {name: item[member] for name, member in _FILTERS.items()})
    ]
    return {"FlowLogs": shown}


def _descriptions(call: Call, account: Account) -> Iterator[Params]:
    for log in account.state(FlowLogs, call.region).active():
        tags = account.moto.tags(call.region, log.flow_log_id)
        yield {
            "CreationTime": datetime.fromtimestamp(log.created_at, UTC),
            "DeliverLogsErrorMessage": log.error,
            "DeliverLogsPermissionArn": log.role_arn or None,
            "DeliverLogsStatus": log.status,
            "FlowLogId": log.flow_log_id,
            "FlowLogStatus": "ACTIVE",
            "LogGroupName": log.group or None,
            "ResourceId": log.resource_id,
            "TrafficType": log.traffic_type,
            "LogDestinationType": "s3" if log.place else "cloud-watch-logs",
            "LogDestination": log.destination,
            "LogFormat": log.log_format,
            "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
            "MaxAggregationInterval": log.interval,
            "DestinationOptions": log.place
            and {
                "FileFormat": "parquet" if log.place.parquet else "plain-text",
                "HiveCompatiblePartitions": log.place.hive,
                "PerHourPartition": log.place.hourly,
            },
        }


_FILTERS = {
    "deliver-log-status": "DeliverLogsStatus",
    "log-destination-type": "LogDestinationType",
    "flow-log-id": "FlowLogId",
    "log-group-name": "LogGroupName",
    "resource-id": "ResourceId",
    "traffic-type": "TrafficType",
}


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


@guards("ec2", "CreateTags")
def flow_log_exists(call: Call, account: Account) -> None:
    """moto knows no flow log of ours, and takes any id for one."""
    _known(call, account, [resource_id for resource_id in call.params["Resources"] if resource_id.startswith("fl-")])
