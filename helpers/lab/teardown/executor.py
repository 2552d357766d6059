"""One step at a time, as plain boto3 calls that look at the present state first."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from helpers.lab import resources
from helpers.lab.errors import LabError
from helpers.lab.looks import LOST_AFTER
from helpers.lab.resources import is_tagged, paged
from helpers.lab.session import Session
from helpers.lab.teardown import log_groups
from helpers.lab.teardown.plan_and_report import StepResult, TeardownStep
from helpers.lab.teardown.read_network import PROTECTIONS, Item

LAST_DELIVERY = timedelta(minutes=15)
"""How long after its end a flow log's last records can still arrive: 11 minutes after the window's start is the
longest seen in public data (windows of 60 s, bursts every 600 s), and AWS promises no bound."""

PATIENCE_SECONDS = 120.0
"""How long AWS may go on saying "in use" of something whose users are gone: its views agree only after a while."""

IN_USE = ("DependencyViolation", "DeleteConflict", "InvalidIPAddress.InUse", "BucketNotEmpty")


class Executor:
    """Does steps. It remembers when flow logs ended, whether anything went wrong, and answers that never came."""

    def __init__(self, lab: Session) -> None:
        self._lab = lab
        self._ec2: Any = lab.client("ec2")
        self._iam: Any = lab.client("iam")
        self._quiet_since: datetime = lab.now()
        self._patient = True
        self._lost = 0
        self._running_on: set[str] = set()

    def do(self, step: TeardownStep) -> StepResult:
        """The step's result; an error of AWS, or no answer, is a result, not an exception."""
        if self._lost >= LOST_AFTER:
            return StepResult(step, "failed", "not tried: AWS does not answer; run this again when it does")
        lost, self._lost = self._lost, 0
        try:
            return StepResult(step, "done", self._insisting(step))
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if is_gone(code):
                return StepResult(step, "gone")
            self._patient = False
            self._running_on |= {step.id} if step.action == "terminate" else set()
            return StepResult(step, "kept" if code in IN_USE else "failed", _words(error))
        except (BotoCoreError, TimeoutError, LabError) as error:
            self._patient = False
            self._lost = 0 if isinstance(error, (WaiterError, TimeoutError)) else lost + 1
            return StepResult(step, "failed", f"{type(error).__name__}: {error}")

    def _insisting(self, step: TeardownStep) -> str:
        """Do it; where AWS says "in use", look again for a while, unless something else has failed before."""
        refusals: list[ClientError] = []

        def tried() -> list[str]:
            try:
                return [HANDLERS[step.action, step.kind](self, step) or ""]
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

    # --- logs ---------------------------------------------------------------------------------------------------

    def delete_flow_log(self, step: TeardownStep) -> None:
        for failure in self._ec2.delete_flow_logs(FlowLogIds=[step.id]).get("Unsuccessful", []):
            raise ClientError({"Error": failure["Error"]}, "DeleteFlowLogs")
        self._quiet_since = self._lab.now()

    def unprotect_log_group(self, step: TeardownStep) -> None:
        self._lab.client("logs").put_log_group_deletion_protection(
            logGroupIdentifier=step.id, deletionProtectionEnabled=False
        )

    def delete_log_group(self, step: TeardownStep) -> None:
        group = log_groups.named(self._lab, step.id)
        if group is None:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "DeleteLogGroup")
        self._lab.client("logs").delete_log_group(logGroupName=step.id)

    def delete_bucket(self, step: TeardownStep) -> None:
        s3 = self._lab.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=step.id):
            if held := [{"Key": item["Key"]} for item in page.get("Contents", [])]:
                s3.delete_objects(Bucket=step.id, Delete={"Objects": held})
        s3.delete_bucket(Bucket=step.id)

    def look_again(self, step: TeardownStep) -> str:
        """Wait until the last delivery is over, and delete the group if it came back."""
        over = self._quiet_since + LAST_DELIVERY
        left = max(over - self._lab.now(), timedelta()) + timedelta(minutes=1)
        self._lab.wait_until(lambda: self._lab.now() >= over, left, "end of the last delivery")
        group = log_groups.named(self._lab, step.id)
        if group is None:
            return "did not come back"
        if not self._may_go(group):
            return "somebody else made a group of this name; it stays"
        self._lab.client("logs").delete_log_group(logGroupName=step.id)
        return "came back and was deleted"

    def _may_go(self, group: Mapping[str, Any]) -> bool:
        tags = log_groups.tags_of(self._lab, group)
        return not tags or is_tagged(tags, self._lab.prefix)

    # --- instances and interfaces -------------------------------------------------------------------------------

    def unprotect_instance(self, step: TeardownStep) -> None:
        for against, attribute in PROTECTIONS.items():
            if f" {against} " in step.action:
                self._ec2.modify_instance_attribute(InstanceId=step.id, **{attribute: {"Value": False}})

    def terminate(self, step: TeardownStep) -> None:
        self._ec2.terminate_instances(InstanceIds=[step.id])

    def wait_terminated(self, step: TeardownStep) -> None:
        if step.id in self._running_on:
            raise TimeoutError("not waited for: it was not terminated")
        self._ec2.get_waiter("instance_terminated").wait(InstanceIds=[step.id])

    def release_address(self, step: TeardownStep) -> None:
        address = self._one("describe_addresses", "Addresses", AllocationIds=[step.id])
        if address.get("AssociationId"):
            with _gone_is_fine():
                self._ec2.disassociate_address(AssociationId=address["AssociationId"])
        self._ec2.release_address(AllocationId=step.id)

    # --- the network --------------------------------------------------------------------------------------------

    def delete_routes(self, step: TeardownStep) -> None:
        ids = self._own("vpc-peering-connection")
        for route in self._one("describe_route_tables", "RouteTables", RouteTableIds=[step.id])["Routes"]:
            if route.get("VpcPeeringConnectionId") in ids:
                self._ec2.delete_route(RouteTableId=step.id, **_destination(route))

    def delete_peering(self, step: TeardownStep) -> None:
        peering = self._one(
            "describe_vpc_peering_connections", "VpcPeeringConnections", VpcPeeringConnectionIds=[step.id]
        )
        if peering["Status"]["Code"] != "deleting":
            self._ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=step.id)
        self._ec2.get_waiter("vpc_peering_connection_deleted").wait(VpcPeeringConnectionIds=[step.id])

    def revoke_rules(self, step: TeardownStep) -> None:
        """Take away the rules that name another group of the lab; the others go with the group."""
        ours = self._own("security-group") - {step.id}
        group = self._one("describe_security_groups", "SecurityGroups", GroupIds=[step.id])
        ingress, egress = _naming(group["IpPermissions"], ours), _naming(group["IpPermissionsEgress"], ours)
        if ingress:
            self._ec2.revoke_security_group_ingress(GroupId=step.id, IpPermissions=ingress)
        if egress:
            self._ec2.revoke_security_group_egress(GroupId=step.id, IpPermissions=egress)

    def put_on_default_acl(self, step: TeardownStep) -> None:
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

    def delete_route_table(self, step: TeardownStep) -> None:
        """Disassociate it from subnets that are gone; one that is still there keeps its routes, and so the table."""
        table = self._one("describe_route_tables", "RouteTables", RouteTableIds=[step.id])
        inside = paged(self._ec2, "describe_subnets", "Subnets", Filters=_filter("vpc-id", table["VpcId"]))
        there = {subnet["SubnetId"] for subnet in inside}
        for association in table["Associations"]:
            if association.get("SubnetId", "") and association["SubnetId"] not in there:
                with _gone_is_fine():
                    self._ec2.disassociate_route_table(AssociationId=association["RouteTableAssociationId"])
        self._ec2.delete_route_table(RouteTableId=step.id)

    def detach_gateway(self, step: TeardownStep) -> None:
        gateway = self._one("describe_internet_gateways", "InternetGateways", InternetGatewayIds=[step.id])
        for attachment in gateway["Attachments"]:
            self._ec2.detach_internet_gateway(InternetGatewayId=step.id, VpcId=attachment["VpcId"])

    # --- identities ---------------------------------------------------------------------------------------------

    def delete_profile(self, step: TeardownStep) -> None:
        profile = self._iam.get_instance_profile(InstanceProfileName=step.id)["InstanceProfile"]
        for role in profile["Roles"]:
            with _gone_is_fine():
                self._iam.remove_role_from_instance_profile(InstanceProfileName=step.id, RoleName=role["RoleName"])
        self._iam.delete_instance_profile(InstanceProfileName=step.id)

    def delete_role(self, step: TeardownStep) -> None:
        for policy in paged(self._iam, "list_attached_role_policies", "AttachedPolicies", RoleName=step.id):
            with _gone_is_fine():
                self._iam.detach_role_policy(RoleName=step.id, PolicyArn=policy["PolicyArn"])
        for name in paged(self._iam, "list_role_policies", "PolicyNames", RoleName=step.id):
            with _gone_is_fine():
                self._iam.delete_role_policy(RoleName=step.id, PolicyName=name)
        self._iam.delete_role(RoleName=step.id)

    def delete_policy(self, step: TeardownStep) -> None:
        arn = self._policy_arn(step)
        for version in paged(self._iam, "list_policy_versions", "Versions", PolicyArn=arn):
            if not version["IsDefaultVersion"]:
                with _gone_is_fine():
                    self._iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        self._iam.delete_policy(PolicyArn=arn)

    def _policy_arn(self, step: TeardownStep) -> str:
        for policy in paged(self._iam, "list_policies", "Policies", Scope="Local"):
            if policy["PolicyName"] == step.id:
                return str(policy["Arn"])
        raise ClientError({"Error": {"Code": "NoSuchEntity", "Message": step.id}}, "DeletePolicy")

    # --- small helps --------------------------------------------------------------------------------------------

    def _own(self, kind: str) -> set[str]:
        items = resources.described(self._ec2, kind, resources.tag_filters(self._lab.prefix), ended=True)
        return {item[resources.KINDS[kind].key] for item in items}

    def _one(self, call: str, page: str, **arguments: Any) -> dict[str, Any]:
        found = getattr(self._ec2, call)(**arguments)[page]
        if not found:
            raise ClientError({"Error": {"Code": "Resource.NotFound", "Message": page}}, call)
        return dict(found[0])


Handler = Callable[[Executor, TeardownStep], "str | None"]


def _by_id(call: Callable[[Any], Any], parameter: str) -> Handler:
    """What is one call of EC2 with the id alone."""

    def handler(executor: Executor, step: TeardownStep) -> None:
        call(executor._ec2)(**{parameter: step.id})

    return handler


def _in(service: str, call: Callable[[Any, str], Any]) -> Handler:
    """What is one call of another service."""

    def handler(executor: Executor, step: TeardownStep) -> None:
        call(executor._lab.client(service), step.id)

    return handler


HANDLERS: Mapping[tuple[str, str], Handler] = {
    ("delete", "vpc-flow-log"): Executor.delete_flow_log,
    ("delete", "alarm"): _in("cloudwatch", lambda made, id_: made.delete_alarms(AlarmNames=[id_])),
    ("delete", "topic"): _in("sns", lambda made, id_: made.delete_topic(TopicArn=id_)),
    ("delete", "dashboard"): _in("cloudwatch", lambda made, id_: made.delete_dashboards(DashboardNames=[id_])),
    ("delete", "saved-query"): _in("logs", lambda made, id_: made.delete_query_definition(queryDefinitionId=id_)),
    ("delete", "log-group"): Executor.delete_log_group,
    ("delete", "bucket"): Executor.delete_bucket,
    ("switch off deletion protection of", "log-group"): Executor.unprotect_log_group,
    ("switch off termination protection of", "instance"): Executor.unprotect_instance,
    ("switch off stop protection of", "instance"): Executor.unprotect_instance,
    ("release", "elastic-ip"): Executor.release_address,
    ("look again", "log-group"): Executor.look_again,
    ("terminate", "instance"): Executor.terminate,
    ("wait for the end of", "instance"): Executor.wait_terminated,
    ("delete", "network-interface"): _by_id(lambda ec2: ec2.delete_network_interface, "NetworkInterfaceId"),
    ("delete routes of", "route-table"): Executor.delete_routes,
    ("delete", "vpc-peering-connection"): Executor.delete_peering,
    ("revoke rules of", "security-group"): Executor.revoke_rules,
    ("delete", "security-group"): _by_id(lambda ec2: ec2.delete_security_group, "GroupId"),
    ("put back on the default ACL", "subnet"): Executor.put_on_default_acl,
    ("delete", "network-acl"): _by_id(lambda ec2: ec2.delete_network_acl, "NetworkAclId"),
    ("delete", "subnet"): _by_id(lambda ec2: ec2.delete_subnet, "SubnetId"),
    ("delete", "route-table"): Executor.delete_route_table,
    ("detach", "internet-gateway"): Executor.detach_gateway,
    ("delete", "internet-gateway"): _by_id(lambda ec2: ec2.delete_internet_gateway, "InternetGatewayId"),
    ("delete", "vpc"): _by_id(lambda ec2: ec2.delete_vpc, "VpcId"),
    ("delete", "instance-profile"): Executor.delete_profile,
    ("delete", "role"): Executor.delete_role,
    ("delete", "policy"): Executor.delete_policy,
}


def is_gone(code: str) -> bool:
    """Whether an error code says that the thing is not there (any more)."""
    return code.endswith(".NotFound") or code in (
        "ResourceNotFoundException",
        "ResourceNotFound",
        "NoSuchEntity",
        "NoSuchBucket",
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
