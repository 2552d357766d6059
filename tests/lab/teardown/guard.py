"""What AWS refuses and stock moto lets pass, and a record of the calls in their order."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"
READS = ("Describe", "List", "Get")


class Guard:
    """Watches clients: notes each changing call, and refuses what AWS would refuse.

    ``refusing``: operations that fail whatever the state, as ``{operation: error code}``.
    ``protected``: log groups with deletion protection, which moto does not have.
    ``slow``: how often a terminated instance still shows as shutting down. ``regions``: those that are enabled.
    ``failing``: the error with which a call of this operation in this Region ends, reads included, or None.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.reads: list[str] = []
        self.refusing: dict[str, str] = {}
        self.protected: set[str] = set()
        self.slow = 0
        self.regions: tuple[str, ...] = (REGION, "eu-west-1")
        self.failing: Callable[[str, str], Exception | None] = lambda operation, region: None
        self._ending: dict[str, int] = {}
        self._region = REGION

    def client(self, service: str, region: str = REGION) -> Any:
        """A watched client. Making one takes longer than ten calls: they are made once, and told who watches."""
        if (service, region) not in _CLIENTS:
            client = boto3.client(service, region_name=region, config=Config(retries={"total_max_attempts": 1}))
            _CLIENTS[service, region] = client, boto3.client(service, region_name=region)
            events = client.meta.events
            for event, method in _EVENTS.items():
                events.register(event.format(service=service), partial(_tell, client, method))
        watched: Any = _CLIENTS[service, region][0]
        _WATCHERS[id(watched)] = self
        return watched

    @property
    def operations(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    def raw(self, service: str) -> Any:
        """A client that nobody watches, of the Region that was asked last."""
        self.client(service, self._region)
        return _CLIENTS[service, self._region][1]

    def before(self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any) -> None:
        operation, self._region = model.name, context["client_region"]
        if (error := self.failing(operation, self._region)) is not None:
            raise error
        if operation.startswith(READS):
            self.reads.append(operation)
            return
        if operation in self.refusing:
            raise refusal(self.refusing[operation], operation)
        check = CHECKS.get(operation)
        if check and (user := check(self, params)):
            code = "DeleteConflict" if model.service_model.service_name == "iam" else "DependencyViolation"
            if operation == "DeleteLogGroup":
                code = "ValidationException"
            raise refusal(code, operation, str(user))
        self.calls.append((operation, dict(params)))
        if operation == "TerminateInstances":
            self._ending |= dict.fromkeys(params["InstanceIds"], self.slow)

    def occupied(self, **filters: str) -> list[str]:
        """Interfaces of others' and of living or ending instances."""
        wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
        found = self.raw("ec2").describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        ended = self.raw("ec2").describe_instances(Filters=[{"Name": "instance-state-name", "Values": ["terminated"]}])[
            "Reservations"
        ]
        gone = {instance["InstanceId"] for entry in ended for instance in entry["Instances"]}
        gone -= {id_ for id_, left in self._ending.items() if left > 0}
        holders = {i["NetworkInterfaceId"]: i.get("Attachment", {}).get("InstanceId") for i in found}
        ending = [id_ for id_, left in self._ending.items() if left > 0]
        return [interface for interface, holder in holders.items() if holder not in gone] + ending

    def show_regions(self, parsed: dict[str, Any], **_: Any) -> None:
        parsed["Regions"] = [region for region in parsed["Regions"] if region["RegionName"] in self.regions]

    def linger(self, parsed: dict[str, Any], **_: Any) -> None:
        for reservation in parsed.get("Reservations", []):
            for instance in reservation["Instances"]:
                left = self._ending.get(instance["InstanceId"], 0)
                if left > 0:
                    instance["State"] = {"Code": 32, "Name": "shutting-down"}
                    self._ending[instance["InstanceId"]] = left - 1

    def show_protection(self, parsed: dict[str, Any], **_: Any) -> None:
        for group in parsed.get("logGroups", []):
            group["deletionProtectionEnabled"] = group["logGroupName"] in self.protected

    def protect(self, params: dict[str, Any], **_: Any) -> Any:
        asked = json.loads(params["body"])
        change = self.protected.add if asked["deletionProtectionEnabled"] else self.protected.discard
        change(asked["logGroupIdentifier"])
        return _Reply(), {"ResponseMetadata": {}}

    def saved_queries(self, **_: Any) -> Any:
        """Stock moto knows none."""
        return _Reply(), {"queryDefinitions": []}


class _Reply:
    status_code = 200


_CLIENTS: dict[tuple[str, str], tuple[Any, Any]] = {}
_WATCHERS: dict[int, Guard] = {}
_EVENTS: dict[str, Callable[..., Any]] = {
    "provide-client-params.{service}": Guard.before,
    "after-call.ec2.DescribeInstances": Guard.linger,
    "after-call.ec2.DescribeRegions": Guard.show_regions,
    "after-call.logs.DescribeLogGroups": Guard.show_protection,
    "before-call.logs.DescribeQueryDefinitions": Guard.saved_queries,
    "before-call.logs.PutLogGroupDeletionProtection": Guard.protect,
}


def _tell(client: Any, method: Callable[..., Any], **what: Any) -> Any:
    return method(_WATCHERS[id(client)], **what)


def refusal(code: str, operation: str, detail: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": f"refused by the guard: {detail}"}}, operation)


def _group_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    me = params["GroupId"]
    groups = guard.raw("ec2").describe_security_groups()["SecurityGroups"]
    mine = next((group for group in groups if group["GroupId"] == me), None)
    naming = [
        group["GroupId"]
        for group in groups
        for rule in [*group["IpPermissions"], *group["IpPermissionsEgress"]]
        for pair in rule["UserIdGroupPairs"]
        if mine and pair.get("GroupId") == me and group["GroupId"] != me and group["VpcId"] == mine["VpcId"]
    ]
    return naming or guard.occupied(group_id=me)


def _subnet_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    return guard.occupied(subnet_id=params["SubnetId"])


def _acl_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    acls = guard.raw("ec2").describe_network_acls(NetworkAclIds=[params["NetworkAclId"]])["NetworkAcls"]
    subnets = {subnet["SubnetId"] for subnet in guard.raw("ec2").describe_subnets()["Subnets"]}
    return [a for acl in acls for a in acl["Associations"] if a["SubnetId"] in subnets]


def _table_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    tables = guard.raw("ec2").describe_route_tables(RouteTableIds=[params["RouteTableId"]])["RouteTables"]
    subnets = {subnet["SubnetId"] for subnet in guard.raw("ec2").describe_subnets()["Subnets"]}
    return [a for table in tables for a in table["Associations"] if a.get("Main") or a.get("SubnetId") in subnets]


def _gateway_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    ids = [params["InternetGatewayId"]]
    return [
        a
        for gateway in guard.raw("ec2").describe_internet_gateways(InternetGatewayIds=ids)["InternetGateways"]
        for a in gateway["Attachments"]
    ]


def _gateway_mapped(guard: Guard, params: dict[str, Any]) -> Any:
    return guard.occupied(vpc_id=params["VpcId"])


def _vpc_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    ec2, vpc = guard.raw("ec2"), params["VpcId"]
    inside = [{"Name": "vpc-id", "Values": [vpc]}]
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    peerings = [
        peering["VpcPeeringConnectionId"]
        for peering in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
        if peering["Status"]["Code"] == "active"
        and vpc in (peering["RequesterVpcInfo"]["VpcId"], peering["AccepterVpcInfo"]["VpcId"])
    ]
    return [
        *ec2.describe_subnets(Filters=inside)["Subnets"],
        *(g for g in ec2.describe_security_groups(Filters=inside)["SecurityGroups"] if g["GroupName"] != "default"),
        *(a for a in ec2.describe_network_acls(Filters=inside)["NetworkAcls"] if not a["IsDefault"]),
        *(
            t
            for t in ec2.describe_route_tables(Filters=inside)["RouteTables"]
            if not any(a["Main"] for a in t["Associations"])
        ),
        *ec2.describe_internet_gateways(Filters=attached)["InternetGateways"],
        *peerings,
    ]


def _role_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    iam, name = guard.raw("iam"), params["RoleName"]
    return [
        *iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"],
        *iam.list_role_policies(RoleName=name)["PolicyNames"],
        *iam.list_instance_profiles_for_role(RoleName=name)["InstanceProfiles"],
    ]


def _policy_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    iam, arn = guard.raw("iam"), params["PolicyArn"]
    entities = iam.list_entities_for_policy(PolicyArn=arn)
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    others = [version for version in versions if not version["IsDefaultVersion"]]
    return [*entities["PolicyRoles"], *entities["PolicyUsers"], *entities["PolicyGroups"], *others]


def _profile_in_use(guard: Guard, params: dict[str, Any]) -> Any:
    name = params["InstanceProfileName"]
    return guard.raw("iam").get_instance_profile(InstanceProfileName=name)["InstanceProfile"]["Roles"]


def _log_group_protected(guard: Guard, params: dict[str, Any]) -> Any:
    return params["logGroupName"] in guard.protected


CHECKS: dict[str, Callable[[Guard, dict[str, Any]], Any]] = {
    "DeleteSecurityGroup": _group_in_use,
    "DeleteSubnet": _subnet_in_use,
    "DeleteNetworkAcl": _acl_in_use,
    "DeleteRouteTable": _table_in_use,
    "DeleteInternetGateway": _gateway_in_use,
    "DetachInternetGateway": _gateway_mapped,
    "DeleteVpc": _vpc_in_use,
    "DeleteRole": _role_in_use,
    "DeletePolicy": _policy_in_use,
    "DeleteInstanceProfile": _profile_in_use,
    "DeleteLogGroup": _log_group_protected,
}
