"""One step at a time, as plain boto3 calls that look at the present state first."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, WaiterError

from helpers.lab import names
from helpers.lab.teardown import loggroups
from helpers.lab.teardown.network import Item, is_tagged
from helpers.lab.teardown.values import Result, Step

if TYPE_CHECKING:
    from helpers.lab.lab import Lab

LAST_DELIVERY = timedelta(minutes=15)
"""How long after its end a flow log's last records can still arrive: 11 minutes after the window's start is the
longest seen in public data (windows of 60 s, bursts every 600 s), and AWS promises no bound."""

PATIENCE_SECONDS = 120.0
"""How long AWS may go on saying "in use" of something whose users are gone: its views agree only after a while."""

IN_USE = ("DependencyViolation", "DeleteConflict", "InvalidIPAddress.InUse")


class Doer:
    """Does steps. It remembers two things only: when flow logs ended, and whether anything went wrong."""

    def __init__(self, lab: "Lab") -> None:
        self._lab = lab
        self._ec2: Any = lab.client("ec2")
        self._iam: Any = lab.client("iam")
        self._quiet_since: datetime = lab.now()
        self._patient = True

    def do(self, step: Step) -> Result:
        """The step's result; an error of AWS is a result, not an exception."""
        try:
            return Result(step, "done", self._insisting(step))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if is_gone(code):
                return Result(step, "gone")
            self._patient = False
            return Result(step, "kept" if code in IN_USE else "failed", _words(error))
        except (WaiterError, TimeoutError) as error:
            self._patient = False
            return Result(step, "failed", str(error))

    def _insisting(self, step: Step) -> str:
        """Do it; where AWS says "in use", look again for a while, unless something else has failed before."""
        refusals: list[ClientError] = []

        def tried() -> list[str]:
            try:
                return [self._handler(step)(self, step) or ""]
            except ClientError as error:
                if error.response["Error"]["Code"] not in IN_USE or not self._patient:
                    raise
                refusals.append(error)
                return []

        try:
            return self._lab.wait_until(tried, PATIENCE_SECONDS, f"end of what uses {step.kind} {step.id}")[0]
        except TimeoutError:
            if refusals:
                raise refusals[-1] from None
            raise

    @staticmethod
    def _handler(step: Step) -> "Handler":
        return HANDLERS[step.action, step.kind] if (step.action, step.kind) in HANDLERS else HANDLERS[step.action, "*"]

    # --- logs ---------------------------------------------------------------------------------------------------

    def delete_flow_log(self, step: Step) -> None:
        for failure in self._ec2.delete_flow_logs(FlowLogIds=[step.id]).get("Unsuccessful", []):
            raise ClientError({"Error": failure["Error"]}, "DeleteFlowLogs")
        self._quiet_since = self._lab.now()

    def delete_log_group(self, step: Step) -> str:
        group = loggroups.named(self._lab, step.id)
        if group is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "DeleteLogGroup")
        loggroups.delete(self._lab, group)
        return "deletion protection switched off first" if group.get("deletionProtectionEnabled") else ""

    def look_again(self, step: Step) -> str:
        """Wait until the last delivery is over, and delete the group if it came back."""
        over = self._quiet_since + LAST_DELIVERY
        left = max(over - self._lab.now(), timedelta()) + timedelta(minutes=1)
        self._lab.wait_until(lambda: self._lab.now() >= over, left, "end of the last delivery")
        group = loggroups.named(self._lab, step.id)
        if group is None:
            return "did not come back"
        if not self._may_go(group):
            return "somebody else made a group of this name; it stays"
        loggroups.delete(self._lab, group)
        return "came back and was deleted"

    def _may_go(self, group: Mapping[str, Any]) -> bool:
        tags = loggroups.tags_of(self._lab, group)
        return not tags or is_tagged(tags, self._lab.prefix)

    # --- instances and interfaces -------------------------------------------------------------------------------

    def terminate(self, step: Step) -> None:
        self._ec2.terminate_instances(InstanceIds=[step.id])

    def wait_terminated(self, step: Step) -> None:
        self._ec2.get_waiter("instance_terminated").wait(InstanceIds=[step.id])

    def delete_interface(self, step: Step) -> None:
        self._ec2.delete_network_interface(NetworkInterfaceId=step.id)

    # --- the network --------------------------------------------------------------------------------------------

    def delete_routes(self, step: Step) -> None:
        peerings = self._own("describe_vpc_peering_connections", "VpcPeeringConnections")
        ids = {peering["VpcPeeringConnectionId"] for peering in peerings}
        for route in self._one("describe_route_tables", "RouteTables", RouteTableIds=[step.id])["Routes"]:
            if route.get("VpcPeeringConnectionId") in ids:
                self._ec2.delete_route(RouteTableId=step.id, **_destination(route))

    def delete_peering(self, step: Step) -> None:
        peering = self._one(
            "describe_vpc_peering_connections", "VpcPeeringConnections", VpcPeeringConnectionIds=[step.id]
        )
        if peering["Status"]["Code"] != "deleting":
            self._ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=step.id)
        self._ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[step.id])

    def revoke_rules(self, step: Step) -> None:
        """Take away the rules that name another group of the lab; the others go with the group."""
        ours = {group["GroupId"] for group in self._own("describe_security_groups", "SecurityGroups")} - {step.id}
        group = self._one("describe_security_groups", "SecurityGroups", GroupIds=[step.id])
        ingress, egress = _naming(group["IpPermissions"], ours), _naming(group["IpPermissionsEgress"], ours)
        if ingress:
            self._ec2.revoke_security_group_ingress(GroupId=step.id, IpPermissions=ingress)
        if egress:
            self._ec2.revoke_security_group_egress(GroupId=step.id, IpPermissions=egress)

    def delete_security_group(self, step: Step) -> None:
        self._ec2.delete_security_group(GroupId=step.id)

    def put_on_default_acl(self, step: Step) -> None:
        acl = self._one("describe_network_acls", "NetworkAcls", Filters=_filter("association.subnet-id", step.id))
        if acl["IsDefault"]:
            return
        inside = [*_filter("vpc-id", acl["VpcId"]), *_filter("default", "true")]
        default = self._one("describe_network_acls", "NetworkAcls", Filters=inside)["NetworkAclId"]
        for association in acl["Associations"]:
            if association["SubnetId"] == step.id:
                self._ec2.replace_network_acl_association(
                    AssociationId=association["NetworkAclAssociationId"], NetworkAclId=default
                )

    def delete_acl(self, step: Step) -> None:
        self._ec2.delete_network_acl(NetworkAclId=step.id)

    def delete_subnet(self, step: Step) -> None:
        self._ec2.delete_subnet(SubnetId=step.id)

    def delete_route_table(self, step: Step) -> None:
        """Disassociate it from subnets that are gone; one that is still there keeps its routes, and so the table."""
        table = self._one("describe_route_tables", "RouteTables", RouteTableIds=[step.id])
        inside = self._ec2.get_paginator("describe_subnets").paginate(Filters=_filter("vpc-id", table["VpcId"]))
        there = {subnet["SubnetId"] for page in inside for subnet in page["Subnets"]}
        for association in table["Associations"]:
            if association.get("SubnetId", "") and association["SubnetId"] not in there:
                with _gone_is_fine():
                    self._ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        self._ec2.delete_route_table(RouteTableId=step.id)

    def detach_gateway(self, step: Step) -> None:
        gateway = self._one("describe_internet_gateways", "InternetGateways", InternetGatewayIds=[step.id])
        for attachment in gateway["Attachments"]:
            self._ec2.detach_internet_gateway(InternetGatewayId=step.id, VpcId=attachment["VpcId"])

    def delete_gateway(self, step: Step) -> None:
        self._ec2.delete_internet_gateway(InternetGatewayId=step.id)

    def delete_vpc(self, step: Step) -> None:
        self._ec2.delete_vpc(VpcId=step.id)

    # --- identities ---------------------------------------------------------------------------------------------

    def delete_profile(self, step: Step) -> None:
        profile = self._iam.get_instance_profile(InstanceProfileName=step.id)["InstanceProfile"]
        for role in profile["Roles"]:
            with _gone_is_fine():
                self._iam.remove_role_from_instance_profile(InstanceProfileName=step.id, RoleName=role["RoleName"])
        self._iam.delete_instance_profile(InstanceProfileName=step.id)

    def delete_role(self, step: Step) -> None:
        for policy in self._listed("list_attached_role_policies", "AttachedPolicies", RoleName=step.id):
            with _gone_is_fine():
                self._iam.detach_role_policy(RoleName=step.id, PolicyArn=policy["PolicyArn"])
        for name in self._listed("list_role_policies", "PolicyNames", RoleName=step.id):
            with _gone_is_fine():
                self._iam.delete_role_policy(RoleName=step.id, PolicyName=name)
        self._iam.delete_role(RoleName=step.id)

    def delete_policy(self, step: Step) -> None:
        arn = self._policy_arn(step)
        for version in self._listed("list_policy_versions", "Versions", PolicyArn=arn):
            if not version["IsDefaultVersion"]:
                with _gone_is_fine():
                    self._iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        self._iam.delete_policy(PolicyArn=arn)

    def _policy_arn(self, step: Step) -> str:
        for policy in self._listed("list_policies", "Policies", Scope="Local"):
            if policy["PolicyName"] == step.id:
                return str(policy["Arn"])
        raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": step.id}}, "DeletePolicy")

    # --- small helps --------------------------------------------------------------------------------------------

    def _listed(self, call: str, page: str, **arguments: str) -> list[Any]:
        return [item for each in self._iam.get_paginator(call).paginate(**arguments) for item in each[page]]

    def _own(self, call: str, page: str) -> list[Item]:
        filters = [*_filter("tag:Project", names.PROJECT), *_filter("tag:Lab", self._lab.prefix)]
        return [item for each in self._ec2.get_paginator(call).paginate(Filters=filters) for item in each[page]]

    def _one(self, call: str, page: str, **arguments: Any) -> dict[str, Any]:
        found = getattr(self._ec2, call)(**arguments)[page]
        if not found:
            raise ClientError({"Error": {"Code": "Resource.NotFound", "Message": page}}, call)
        return dict(found[0])


Handler = Callable[[Doer, Step], "str | None"]
HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("delete", "vpc-flow-log"): Doer.delete_flow_log,
    ("delete", "log-group"): Doer.delete_log_group,
    ("look again", "log-group"): Doer.look_again,
    ("terminate", "instance"): Doer.terminate,
    ("wait for the end of", "instance"): Doer.wait_terminated,
    ("delete", "network-interface"): Doer.delete_interface,
    ("delete routes of", "route-table"): Doer.delete_routes,
    ("delete", "vpc-peering-connection"): Doer.delete_peering,
    ("revoke rules of", "security-group"): Doer.revoke_rules,
    ("delete", "security-group"): Doer.delete_security_group,
    ("put back on the default ACL", "subnet"): Doer.put_on_default_acl,
    ("delete", "network-acl"): Doer.delete_acl,
    ("delete", "subnet"): Doer.delete_subnet,
    ("delete", "route-table"): Doer.delete_route_table,
    ("detach", "internet-gateway"): Doer.detach_gateway,
    ("delete", "internet-gateway"): Doer.delete_gateway,
    ("delete", "vpc"): Doer.delete_vpc,
    ("delete", "instance-profile"): Doer.delete_profile,
    ("delete", "role"): Doer.delete_role,
    ("delete", "policy"): Doer.delete_policy,
}


def is_gone(code: str) -> bool:
    """Whether an error code says that the thing is not there (any more)."""
    return code.endswith(".NotFound") or code in (
        "ResourceNotFoundException",
        "NoSuchEntity",
        "Gateway.NotAttached",
    )


@contextmanager
def _gone_is_fine() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not is_gone(error.response["Error"]["Code"]):
            raise


def _words(error: ClientError) -> str:
    return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"


def _filter(name: str, value: str) -> list[dict[str, Any]]:
    return [{"Name": name, "Values": [value]}]


def _destination(route: Item) -> dict[str, str]:
    keys = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")
    return {key: route[key] for key in keys if route.get(key)}


def _naming(rules: list[Item], groups: set[str]) -> list[dict[str, Any]]:
    """The rules that name one of ``groups``, with nothing but those names in them."""
    found = []
    for rule in rules:
        pairs = [
            {"GroupId": pair["GroupId"]} for pair in rule.get("UserIdGroupPairs", []) if pair.get("GroupId") in groups
        ]
        if pairs:
            ports = {key: rule[key] for key in ("IpProtocol", "FromPort", "ToPort") if key in rule}
            found.append(ports | {"UserIdGroupPairs": pairs})
    return found
