"""From an API call to IAM's questions: which actions on which resources a call must be allowed.

Resource types follow the Service Authorization Reference. CloudWatch Logs departs from it in practice: its own denials
(``... is not authorized to perform: logs:CreateLogGroup on resource: arn:...:log-group:NAME:log-stream:``) show that
even calls about a whole group are checked against ``NAME:log-stream:``, which is why a policy needs ``NAME:*``, and
that account-wide calls such as DescribeLogGroups are checked against ``log-group::log-stream:``.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from helpers.access.decision import Decision
from helpers.access.wildcards import ContextValue

Params = Mapping[str, Any]

_PREFIXES = {"monitoring": "cloudwatch", "resourcegroupstaggingapi": "tag", "sso-admin": "sso"}
_OTHER_NAMES = {
    ("s3", "ListBuckets"): "s3:ListAllMyBuckets",
    ("s3", "ListObjects"): "s3:ListBucket",
    ("s3", "ListObjectsV2"): "s3:ListBucket",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "HeadObject"): "s3:GetObject",
    ("s3", "DeleteBucketTagging"): "s3:PutBucketTagging",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
}
# Actions that need no permission at all, and that no policy can take away (STS API Reference).
ALWAYS_ALLOWED = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})


@dataclass(frozen=True, slots=True)
class PermissionCheck:
    """One question: may the caller do ``action`` on ``resource``, with these keys in the context?"""

    action: str
    resource: str
    context: Mapping[str, ContextValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Where:
    account: str
    region: str

    def arn(self, service: str, resource: str, *, account: str | None = None) -> str:
        region = "" if service in ("iam", "s3") else self.region
        owner = self.account if account is None else account
        return f"arn:aws:{service}:{region}:{owner}:{resource}"


def iam_action(service: str, operation: str) -> str:
    """The IAM action of an API operation; service names as in botocore.

    >>> iam_action("logs", "StartQuery"), iam_action("s3", "ListObjectsV2")
    ('logs:StartQuery', 's3:ListBucket')
    """
    return _OTHER_NAMES.get((service, operation), f"{_PREFIXES.get(service, service)}:{operation}")


def checks_of(service: str, operation: str, params: Params, account: str, region: str) -> tuple[PermissionCheck, ...]:
    """Every question a call raises, the main action first, then what it brings along.

    Brought along are ``iam:PassRole`` (CreateFlowLogs, AddRoleToInstanceProfile), ``logs:CreateLogDelivery`` (flow logs
    to S3) and ``ec2:CreateTags`` for tags given at creation. The role behind an instance profile is known only to the
    account: add ``pass_role(...)`` for RunInstances and AssociateIamInstanceProfile yourself. So are the paths of what
    a call to IAM names: ``role/NAME`` stands for the role of that name.
    """
    where = _Where(account, region)
    find = _RESOURCES.get(service)
    resources = tuple(dict.fromkeys(find(operation, params, where))) if find else ()
    action = iam_action(service, operation)
    # Requests to a global service carry us-east-1 (IAM User Guide, "Global condition context keys").
    context = {"aws:RequestedRegion": "us-east-1" if service == "iam" else region, **_request_tags(params)}
    if operation.startswith(("Attach", "Detach")) and isinstance(params.get("PolicyArn"), str):
        context["iam:PolicyARN"] = params["PolicyArn"]
    main = [PermissionCheck(action, resource, context) for resource in resources or ("*",)]
    return (*main, *_brought_along(service, operation, params, where, context))


def pass_role(role_arn: str, to_service: str) -> PermissionCheck:
    """The question whether the caller may hand a role to a service (``iam:PassedToService``)."""
    return PermissionCheck("iam:PassRole", role_arn, {"iam:PassedToService": to_service})


def _brought_along(
    service: str, operation: str, params: Params, where: _Where, context: Mapping[str, ContextValue]
) -> Iterator[PermissionCheck]:
    if (service, operation) == ("ec2", "CreateFlowLogs") and params.get("DeliverLogsPermissionArn"):
        yield pass_role(str(params["DeliverLogsPermissionArn"]), "vpc-flow-logs.amazonaws.com")
    if (service, operation) == ("ec2", "CreateFlowLogs") and params.get("LogDestinationType") == "s3":
        yield PermissionCheck("logs:CreateLogDelivery", "*", context)
    if (service, operation) == ("iam", "AddRoleToInstanceProfile"):
        yield pass_role(where.arn("iam", f"role/{params.get('RoleName', '')}"), "ec2.amazonaws.com")
    if service == "ec2" and operation != "CreateTags":
        tagging = {**context, "ec2:CreateAction": operation}
        for specification in _dicts(params.get("TagSpecifications")):
            if specification.get("Tags"):
                sort = str(specification.get("ResourceType", _NEW_EC2.get(operation, "*")))
                yield PermissionCheck("ec2:CreateTags", where.arn("ec2", f"{sort}/*"), tagging)


def _dicts(value: object) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def _request_tags(params: Params) -> dict[str, ContextValue]:
    tags = [*_dicts(params.get("Tags"))]
    for specification in _dicts(params.get("TagSpecifications")):
        tags += _dicts(specification.get("Tags"))
    pairs = {str(tag["Key"]): str(tag.get("Value", "")) for tag in tags if "Key" in tag}
    if isinstance(params.get("tags"), Mapping):
        pairs |= {str(key): str(value) for key, value in params["tags"].items()}
    context: dict[str, ContextValue] = {f"aws:RequestTag/{key}": value for key, value in pairs.items()}
    if pairs:
        context["aws:TagKeys"] = tuple(pairs)
    return context


def _texts(params: Params, *names: str) -> list[str]:
    """The texts under these parameters, single or in lists, in order."""
    texts: list[str] = []
    for name in names:
        value = params.get(name)
        if isinstance(value, str):
            texts.append(value)
        elif isinstance(value, list | tuple):
            texts += [item for item in value if isinstance(item, str)]
    return texts


# --- CloudWatch Logs --------------------------------------------------------------------------------------------

_STREAM_CALLS = frozenset({"CreateLogStream", "DeleteLogStream", "PutLogEvents", "GetLogEvents"})
_ACCOUNT_CALLS = frozenset({"DescribeLogGroups", "DescribeQueries", "ListLogGroups"})
_SAVED_QUERY_CALLS = frozenset({"PutQueryDefinition", "DescribeQueryDefinitions", "DeleteQueryDefinition"})
_TAG_CALLS = frozenset({"TagResource", "UntagResource", "ListTagsForResource"})


def _logs(operation: str, params: Params, where: _Where) -> Iterator[str]:
    if operation in _TAG_CALLS:
        yield from (arn.removesuffix(":*") for arn in _texts(params, "resourceArn"))
        return
    if operation in _SAVED_QUERY_CALLS:
        yield "*"
        return
    names = _texts(params, "logGroupName", "logGroupIdentifier", "logGroupNames", "logGroupIdentifiers")
    if operation in _ACCOUNT_CALLS or not names:
        yield where.arn("logs", "log-group::log-stream:")
        return
    stream = params.get("logStreamName", "") if operation in _STREAM_CALLS else ""
    for name in names:
        group = name if name.startswith("arn:") else where.arn("logs", f"log-group:{name}")
        yield f"{group.removesuffix(':*')}:log-stream:{stream}"


# --- EC2 --------------------------------------------------------------------------------------------------------

_EC2_TYPES = {
    "acl": "network-acl",
    "ami": "image",
    "eipalloc": "elastic-ip",
    "eni": "network-interface",
    "fl": "vpc-flow-log",
    "i": "instance",
    "igw": "internet-gateway",
    "lt": "launch-template",
    "nat": "natgateway",
    "pcx": "vpc-peering-connection",
    "pl": "prefix-list",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vol": "volume",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
_NEW_EC2 = {
    "AllocateAddress": "elastic-ip",
    "CreateFlowLogs": "vpc-flow-log",
    "CreateInternetGateway": "internet-gateway",
    "CreateKeyPair": "key-pair",
    "CreateManagedPrefixList": "prefix-list",
    "CreateNatGateway": "natgateway",
    "CreateNetworkAcl": "network-acl",
    "CreateNetworkInterface": "network-interface",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVolume": "volume",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
    "CreateVpcPeeringConnection": "vpc-peering-connection",
    "RunInstances": "instance",
}
# What a route points to, the other side of a peering, and the rules that a revoking call names are not asked about.
_NOT_ASKED = frozenset(
    {
        "GatewayId",
        "NatGatewayId",
        "NetworkInterfaceId",
        "InstanceId",
        "VpcPeeringConnectionId",
        "DestinationPrefixListId",
        "VpcEndpointId",
    }
)


def _ec2(operation: str, params: Params, where: _Where) -> Iterator[str]:
    if operation.startswith(("Describe", "Get", "Search")):
        return
    if operation in _NEW_EC2:
        yield where.arn("ec2", f"{_NEW_EC2[operation]}/*")
    if operation == "RunInstances":
        yield from (where.arn("ec2", f"{sort}/*") for sort in ("network-interface", "volume"))
    ignored = _NOT_ASKED if operation.endswith("Route") else frozenset({"PeerVpcId", "SecurityGroupRuleIds"})
    values = [params] if operation != "RunInstances" else [params, *_dicts(params.get("NetworkInterfaces"))]
    for fields in values:
        for name in fields:
            if name not in ignored:
                yield from _ec2_arns(_texts(fields, name), where)
    if isinstance(params.get("KeyName"), str):
        yield where.arn("ec2", f"key-pair/{params['KeyName']}")


def _ec2_arns(values: Iterable[str], where: _Where) -> Iterator[str]:
    for value in values:
        prefix, dash, rest = value.partition("-")
        sort = _EC2_TYPES.get(prefix)
        # Only ids: a description such as "vpc-wide" is not hexadecimal.
        if sort and dash and len(rest) >= 8 and all(char in "0123456789abcdef" for char in rest):
            yield where.arn("ec2", f"{sort}/{value}", account="" if sort == "image" else None)


# --- IAM, STS, SSM, S3 ------------------------------------------------------------------------------------------


def _iam(operation: str, params: Params, where: _Where) -> Iterator[str]:
    path = str(params.get("Path", "/")) if operation.startswith("Create") else "/"
    if operation == "CreatePolicy":
        yield where.arn("iam", f"policy{path}{params.get('PolicyName', '')}")
        return
    if operation == "SimulatePrincipalPolicy":
        yield from _texts(params, "PolicySourceArn")
        return
    named = (
        ("InstanceProfileName", "instance-profile"),
        ("RoleName", "role"),
        ("GroupName", "group"),  # before its member: who joins or leaves a group is the group's matter
        ("UserName", "user"),
    )
    for parameter, sort in named:
        names = _texts(params, parameter)
        if names:
            yield from (where.arn("iam", f"{sort}{path}{name}") for name in names)
            return
    yield from _texts(params, "PolicyArn")


def _sts(operation: str, params: Params, where: _Where) -> Iterator[str]:
    yield from _texts(params, "RoleArn")


def _ssm(operation: str, params: Params, where: _Where) -> Iterator[str]:
    if operation == "SendCommand":
        for name in _texts(params, "DocumentName"):
            owner = "" if name.startswith(("AWS-", "Amazon", "AWS")) else None
            yield name if name.startswith("arn:") else where.arn("ssm", f"document/{name}", account=owner)
        yield from (where.arn("ec2", f"instance/{instance_id}") for instance_id in _texts(params, "InstanceIds"))
        return
    if operation in ("GetParameter", "GetParameters", "PutParameter", "DeleteParameter"):
        for name in _texts(params, "Name", "Names"):
            owner = "" if name.startswith("/aws/service/") else None
            yield where.arn("ssm", f"parameter/{name.lstrip('/')}", account=owner)
        return
    yield where.arn("ssm", "*")


def _cloudwatch(operation: str, params: Params, where: _Where) -> Iterator[str]:
    """Alarms by name; a dashboard's ARN has no Region."""
    for name in _texts(params, "AlarmName", "AlarmNames"):
        if not operation.startswith("Describe"):
            yield where.arn("cloudwatch", f"alarm:{name}")
    for name in _texts(params, "DashboardName", "DashboardNames"):
        yield f"arn:aws:cloudwatch::{where.account}:dashboard/{name}"


def _sns(operation: str, params: Params, where: _Where) -> Iterator[str]:
    yield from _texts(params, "TopicArn")
    if operation == "CreateTopic":
        yield where.arn("sns", str(params.get("Name", "")))


def _s3(operation: str, params: Params, where: _Where) -> Iterator[str]:
    if operation == "DeleteObjects":
        for item in _dicts(params.get("Delete", {}).get("Objects")):
            yield f"arn:aws:s3:::{params['Bucket']}/{item['Key']}"
    elif "Bucket" in params:
        key = f"/{params['Key']}" if "Key" in params else ""
        yield f"arn:aws:s3:::{params['Bucket']}{key}"


def _athena(operation: str, params: Params, where: _Where) -> Iterator[str]:
    """Every call about a query is asked of its workgroup."""
    yield where.arn("athena", f"workgroup/{params.get('WorkGroup', 'primary')}")


_RESOURCES: dict[str, Callable[[str, Params, _Where], Iterator[str]]] = {
    "cloudwatch": _cloudwatch,
    "logs": _logs,
    "ec2": _ec2,
    "iam": _iam,
    "sts": _sts,
    "sns": _sns,
    "ssm": _ssm,
    "s3": _s3,
    "athena": _athena,
}


@dataclass(frozen=True, slots=True)
class Denial:
    """The error that AWS answers: code, message, HTTP status."""

    code: str
    message: str
    status: int


# Of what is made or passed, and of whom a simulation is about, the call itself tells the ARN.
_SHOWN_BY_ARN = frozenset(
    {"CreateGroup", "CreateInstanceProfile", "CreateRole", "CreateUser", "PassRole", "SimulatePrincipalPolicy"}
)
_SHOWN_BY_NAME = frozenset({"role", "user", "group", "instance-profile"})


def _shown(action: str, resource: str) -> str:
    """IAM says ``role NAME`` of what exists, without its path, and ``policy ARN`` (recorded in users' reports)."""
    service, _, operation = action.partition(":")
    sort, _, name = resource.rpartition(":")[2].partition("/")
    if service != "iam" or operation in _SHOWN_BY_ARN:
        return resource
    if sort == "policy" and operation != "CreatePolicy":
        return f"policy {resource}"
    by_name = sort in _SHOWN_BY_NAME or sort == "policy"
    return f"{sort.replace('-', ' ')} {name.rpartition('/')[2]}" if by_name else resource


def denial(service: str, decision: Decision) -> Denial:
    """The error for a refused call, worded as the service words it.

    EC2 says UnauthorizedOperation, the JSON services AccessDeniedException, IAM, STS and S3 AccessDenied. Raises
    ``ValueError`` for a decision that allows.
    """
    if decision.allowed:
        raise ValueError("the call is allowed, there is nothing to refuse")
    request = decision.request
    on = "" if request.resource == "*" else f" on resource: {_shown(request.action, request.resource)}"
    why = (
        " with an explicit deny in an identity-based policy"
        if decision.explicit_deny
        else f" because no identity-based policy allows the {request.action} action"
    )
    if request.action == "sts:AssumeRole" and not decision.explicit_deny:
        why = ""
    sentence = f"User: {request.principal} is not authorized to perform: {request.action}{on}{why}"
    if request.principal.kind == "root" and request.action == "sts:AssumeRole":
        return Denial("AccessDenied", "Roles may not be assumed by root accounts.", 403)
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {sentence}."
        return Denial("UnauthorizedOperation", message, 403)
    if service == "sns":
        return Denial("AuthorizationError", sentence, 403)
    if service in ("iam", "sts", "s3", "cloudwatch"):
        return Denial("AccessDenied", sentence, 403)
    return Denial("AccessDeniedException", sentence, 400)
