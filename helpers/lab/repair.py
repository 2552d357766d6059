"""Repair: what building cells asked for is held against what the account holds, and put right where it differs.

The cells stay the only recipe. A hook on boto3 notes each call that they make, a refused duplicate too. What a security
group, route table, network ACL, gateway or role of these calls holds instead of that, or beside it, is put right.
Policies that only allow may stay beside: exercises add some.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from helpers.lab.resources import paged, tag_values
from helpers.lab.session import Session
from helpers.lab.snapshot import KINDS, Snapshot, holds
from helpers.network import read_permission, read_rule

Parameters = Mapping[str, Any]
_SERVICES = ("ec2", "iam", "ssm", "logs")
_LOOKS = ("Describe", "Get", "List", "Filter")
_ONLY = {
    **dict.fromkeys(("AssociateRouteTable", "CreateRoute", "ReplaceRoute", "DeleteRoute"), "route-table"),
    **dict.fromkeys((f"{verb}NetworkAclEntry" for verb in ("Create", "Replace", "Delete")), "network-acl"),
    **dict.fromkeys(
        (f"{verb}SecurityGroup{way}" for verb in ("Authorize", "Revoke") for way in ("Ingress", "Egress")),
        "security-group",
    ),
    **dict.fromkeys(("AttachRolePolicy", "PutRolePolicy", "UpdateAssumeRolePolicy"), "role"),
}
"""What cells and repairs ask for each time can change of this kind only, and of the one role that they name."""
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock")
AWS_OWN_ENTRIES = 32767  # the entries * of every network ACL have this number or a higher one


class Calls(defaultdict[str, list[Parameters]]):
    """The parameters of each call, in order, by operation: ``{"CreateRoute": [{"RouteTableId": ...}, ...]}``.

    ``touched`` has what these calls may have changed, as pairs of a kind and a name, "" for all of the kind.
    """

    def __init__(self) -> None:
        super().__init__(list)
        self.touched: set[tuple[str, str]] = set()


@contextmanager
def calls_noted(lab: Session, before: Snapshot | None = None) -> Iterator[Calls]:
    """Note what is asked of the lab's clients inside, by operation, whether AWS does it or refuses it.

    A call that asks for what the lab held ``before`` touches nothing.
    """
    calls = Calls()

    def note(params: Parameters, model: Any, **_: Any) -> None:
        calls[model.name].append(dict(params))

    def done(http_response: Any, model: Any, **_: Any) -> None:
        if http_response.status_code >= 300 or model.name.startswith(_LOOKS):
            return
        if not holds(before or {}, model.name, calls[model.name][-1]):
            kinds = [_ONLY[model.name]] if model.name in _ONLY else KINDS.get(model.service_model.service_name, ())
            about = calls[model.name][-1].get("RoleName", "") if model.name in _ONLY else ""
            calls.touched |= {(kind, about) for kind in kinds}

    hooks: dict[str, Callable[..., None]] = {"provide-client-params": note, "after-call": done}
    watched = [(lab.client(service).meta.events, *hook) for service in _SERVICES for hook in hooks.items()]
    for events, event, hook in watched:
        events.register(event, hook)
    try:
        yield calls
    finally:
        for events, event, hook in watched:
            events.unregister(event, hook)


def repair(lab: Session, calls: Calls) -> list[str]:
    """Put right what differs from these calls; a sentence for each change."""
    ec2, iam = lab.client("ec2"), lab.client("iam")
    network = [*_gateways(ec2, calls), *_associations(ec2, calls), *_routes(ec2, calls)]
    return [*network, *_rules(ec2, calls), *_entries(ec2, calls), *_roles(iam, calls), *_profiles(iam, calls)]


@contextmanager
def _unless_gone() -> Iterator[None]:
    """AWS may still show for a moment what an earlier repair has removed."""
    try:
        yield
    except ClientError as refusal:
        if not refusal.response["Error"]["Code"].endswith(".NotFound"):
            raise


def _by(key: str, calls: list[Parameters]) -> dict[str, list[Parameters]]:
    grouped: defaultdict[str, list[Parameters]] = defaultdict(list)
    for call in calls:
        grouped[call[key]].append(call)
    return grouped


def _gateways(ec2: Any, calls: Calls) -> Iterator[str]:
    for call in calls["AttachInternetGateway"]:
        gateway, vpc = call["InternetGatewayId"], call["VpcId"]
        shown = ec2.describe_internet_gateways(InternetGatewayIds=[gateway])["InternetGateways"][0]
        others = [link["VpcId"] for link in shown["Attachments"] if link["VpcId"] != vpc]
        for other in others:
            ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=other)
            ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
            yield f"{_name(shown, gateway)} moved from {other} to {vpc}"


def _associations(ec2: Any, calls: Calls) -> Iterator[str]:
    wanted = {call["SubnetId"]: call["RouteTableId"] for call in calls["AssociateRouteTable"]}
    here = [{"Name": "association.subnet-id", "Values": [*wanted]}]
    tables = ec2.describe_route_tables(Filters=here)["RouteTables"] if wanted else []
    for table, link in [(holder, link) for holder in tables for link in holder["Associations"]]:
        subnet = link.get("SubnetId")
        if table["RouteTableId"] != wanted.get(subnet, table["RouteTableId"]):
            arguments = {"AssociationId": link["RouteTableAssociationId"], "RouteTableId": wanted[subnet]}
            ec2.replace_route_table_association(**arguments)
            yield f"{subnet} taken from {_name(table, table['RouteTableId'])}"


def _routes(ec2: Any, calls: Calls) -> Iterator[str]:
    by_table = _by("RouteTableId", calls["CreateRoute"])
    for table in ec2.describe_route_tables(RouteTableIds=[*by_table])["RouteTables"] if by_table else ():
        table_id, asked = table["RouteTableId"], by_table[table["RouteTableId"]]
        wanted = {call[key]: call for call in asked for key in _DESTINATIONS if key in call}
        for route in table["Routes"]:
            key = next((key for key in _DESTINATIONS if key in route), "")
            if not key or route.get("Origin") != "CreateRoute":
                continue
            call, words = wanted.get(route[key]), f"route to {route[key]}"
            if call is None:
                with _unless_gone():
                    ec2.delete_route(**{"RouteTableId": table_id, key: route[key]})
                yield f"{words} removed from {_name(table, table_id)}"
            elif not call.items() - {("RouteTableId", table_id)} <= route.items():
                ec2.replace_route(**call)
                yield f"{words} replaced in {_name(table, table_id)}"


def _rules(ec2: Any, calls: Calls) -> Iterator[str]:
    asked = [(False, call) for call in calls["AuthorizeSecurityGroupIngress"]]
    asked += [(True, call) for call in calls["AuthorizeSecurityGroupEgress"]]
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for egress, call in asked:
        permissions = call.get("IpPermissions") or [{**call, "IpRanges": [call]}]  # or one rule, in the call itself
        wanted[call["GroupId"]] |= {rule.words for part in permissions for rule in read_permission(part, egress)}
    if not wanted:
        return
    groups = ec2.describe_security_groups(GroupIds=[*wanted])["SecurityGroups"]
    names = {group["GroupId"]: group["GroupName"] for group in groups}
    here = [{"Name": "group-id", "Values": [*wanted]}]
    for rule in map(read_rule, paged(ec2, "describe_security_group_rules", "SecurityGroupRules", Filters=here)):
        if rule.words not in wanted[rule.group_id]:
            revoke = ec2.revoke_security_group_egress if rule.egress else ec2.revoke_security_group_ingress
            with _unless_gone():
                revoke(GroupId=rule.group_id, SecurityGroupRuleIds=[rule.id])
            yield f"rule {rule.words} removed from {names[rule.group_id]}"


def _entries(ec2: Any, calls: Calls) -> Iterator[str]:
    for acl_id, asked in _by("NetworkAclId", calls["CreateNetworkAclEntry"]).items():
        acl = ec2.describe_network_acls(NetworkAclIds=[acl_id])["NetworkAcls"][0]
        wanted = {(call["Egress"], call["RuleNumber"]): call for call in asked}
        for entry in acl["Entries"]:
            place = {"NetworkAclId": acl_id, "RuleNumber": entry["RuleNumber"], "Egress": entry["Egress"]}
            call, words = wanted.get((entry["Egress"], entry["RuleNumber"])), f"entry {entry['RuleNumber']}"
            words = f"{'outbound' if entry['Egress'] else 'inbound'} {words}"
            if call is None and entry["RuleNumber"] < AWS_OWN_ENTRIES:
                with _unless_gone():
                    ec2.delete_network_acl_entry(**place)
                yield f"{words} removed from {_name(acl, acl_id)}"
            elif call is not None and {**entry, "NetworkAclId": acl_id} != call:
                ec2.replace_network_acl_entry(**call)
                yield f"{words} replaced in {_name(acl, acl_id)}"


def _roles(iam: Any, calls: Calls) -> Iterator[str]:
    named = {call["PolicyName"] for call in calls["PutRolePolicy"]}
    attached = {call["PolicyArn"] for call in calls["AttachRolePolicy"]}
    for call in calls["CreateRole"]:
        role, trust = call["RoleName"], call["AssumeRolePolicyDocument"]
        if iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"] != json.loads(trust):
            iam.update_assume_role_policy(RoleName=role, PolicyDocument=trust)
            yield f"trust policy of {role} replaced"
        for name in set(iam.list_role_policies(RoleName=role)["PolicyNames"]) - named:
            if _denies(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]):
                iam.delete_role_policy(RoleName=role, PolicyName=name)
                yield f"policy {name} removed from {role}"
        held = {policy["PolicyArn"] for policy in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]}
        for arn in held - attached:
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            if _denies(iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]):
                iam.detach_role_policy(RoleName=role, PolicyArn=arn)
                yield f"policy {arn.rpartition('/')[2]} detached from {role}"


def _profiles(iam: Any, calls: Calls) -> Iterator[str]:
    for call in calls["AddRoleToInstanceProfile"]:
        profile, role = call["InstanceProfileName"], call["RoleName"]
        shown = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
        for other in [held["RoleName"] for held in shown if held["RoleName"] != role]:
            iam.remove_role_from_instance_profile(InstanceProfileName=profile, RoleName=other)
            iam.add_role_to_instance_profile(**call)
            yield f"role {other} replaced by {role} in {profile}"


def _denies(document: Mapping[str, Any]) -> bool:
    """Whether a statement of a policy denies; one statement alone needs no list."""
    stated = document["Statement"]
    return any(each["Effect"] == "Deny" for each in (stated if isinstance(stated, list) else [stated]))


def _name(item: Mapping[str, Any], otherwise: str) -> str:
    return tag_values(item).get("Name", otherwise)
