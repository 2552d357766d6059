"""Put a lab back to what it was when it was broken: what came later goes, what was changed is as before.

What the build cells of notebooks 01 to 04 own, ``catch_up`` repairs. This is the rest: network ACLs, peerings and flow
logs that were made since, entries of ACLs, and the policies of roles.
"""

import json
from collections.abc import Iterable, Mapping, Set
from typing import Any

from helpers.lab import Lab
from helpers.lab.repair import AWS_OWN_ENTRIES
from helpers.lessons.openness import Reading, read_lab

_OVER = ("deleted", "rejected", "failed", "expired", "deleting")


def restore(lab: Lab, before: Reading, made: Set[str]) -> None:
    """Make the lab what it was before the break; ``made`` names the roles that the break makes.

    What the build cells do not ask for is removed from their groups, route tables and network ACLs.
    """
    now = read_lab(lab)
    _interfaces(lab, before["network"], now["network"], before["watched"])
    _flow_logs(lab, before, now)
    _peerings(lab, before, now)
    _acls(lab, before["network"], now["network"], before["watched"])
    _roles(lab, before["roles"], now["roles"], made)
    lab.catch_up("05", although_broken=True)
    _interfaces(lab, before["network"], read_lab(lab)["network"], before["watched"])  # in groups that were gone


def _interfaces(lab: Lab, before: Mapping[str, Any], now: Mapping[str, Any], watched: Iterable[str]) -> None:
    """The groups of each ENI, by VPC and name: one that was deleted since has another id once it is built again."""
    key, there = "NetworkInterfaceId", {_named(group): group["GroupId"] for group in now["SecurityGroups"]}
    names = {group["GroupId"]: _named(group) for group in before["SecurityGroups"]}
    old = {each[key]: {names[id_] for id_ in _ids(each["Groups"], "GroupId")} for each in before["NetworkInterfaces"]}
    for each in now["NetworkInterfaces"]:
        groups = {there[name] for name in old.get(each[key], set()) & there.keys()}
        if each[key] in watched and groups and groups != _ids(each["Groups"], "GroupId"):
            lab.client("ec2").modify_network_interface_attribute(**{key: each[key]}, Groups=sorted(groups))


def _named(group: Mapping[str, Any]) -> tuple[str, str]:
    return group["VpcId"], group["GroupName"]


def _flow_logs(lab: Lab, before: Reading, now: Reading) -> None:
    if new := sorted(_ids(now["flow_logs"], "FlowLogId") - _ids(before["flow_logs"], "FlowLogId")):
        lab.client("ec2").delete_flow_logs(FlowLogIds=new)


def _peerings(lab: Lab, before: Reading, now: Reading) -> None:
    """One peering may stay: that of before, or else the one that carries its name."""
    key, network = "VpcPeeringConnectionId", now["network"]
    old = _ids(before["network"]["VpcPeeringConnections"], key)
    alive = [each for each in network["VpcPeeringConnections"] if each["Status"]["Code"] not in _OVER]
    own = [each for each in alive if each["RequesterVpcInfo"]["VpcId"] in before["watched"]]
    kept = [each[key] for each in own if each[key] in old] or [lab.find("vpc-peering-connection", "a-b")]
    for each in own:
        if each[key] not in kept:
            lab.client("ec2").delete_vpc_peering_connection(**{key: each[key]})


def _acls(lab: Lab, before: Mapping[str, Any], now: Mapping[str, Any], watched: Iterable[str]) -> None:
    ec2, old = lab.client("ec2"), {acl["NetworkAclId"]: acl for acl in before["NetworkAcls"]}
    used = {link["SubnetId"]: link["NetworkAclId"] for acl in old.values() for link in acl["Associations"]}
    own = [acl for acl in now["NetworkAcls"] if acl["VpcId"] in watched]
    for acl in own:
        for link in acl["Associations"]:
            if used.get(link["SubnetId"], acl["NetworkAclId"]) != acl["NetworkAclId"]:
                place = {"AssociationId": link["NetworkAclAssociationId"], "NetworkAclId": used[link["SubnetId"]]}
                ec2.replace_network_acl_association(**place)
    for acl in own:
        if acl["NetworkAclId"] not in old:
            ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])
        else:
            _entries(ec2, acl["NetworkAclId"], _numbered(old[acl["NetworkAclId"]]), _numbered(acl))


def _entries(ec2: Any, acl: str, before: Mapping[Any, Any], now: Mapping[Any, Any]) -> None:
    for place in before.keys() | now.keys():
        if before.get(place) == now.get(place):
            continue
        if place in now:
            ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=place[0], Egress=place[1])
        if place in before:
            ec2.create_network_acl_entry(NetworkAclId=acl, **before[place])


def _numbered(acl: Mapping[str, Any]) -> dict[Any, Any]:
    entries = (entry for entry in acl["Entries"] if entry["RuleNumber"] < AWS_OWN_ENTRIES)
    return {(entry["RuleNumber"], entry["Egress"]): entry for entry in entries}


def _roles(lab: Lab, before: Mapping[str, Any], now: Mapping[str, Any], made: Set[str]) -> None:
    """Trust and policies of the roles that were there; the roles of the break go, the learner's own stay."""
    iam = lab.client("iam")
    for name in (made - before.keys()) & now.keys():
        for policy in now[name]["policies"]:
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy in now[name]["attached"]:
            iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
        iam.delete_role(RoleName=name)
    for name in before.keys() & now.keys():
        old, new = before[name], now[name]
        if new["trust"] != old["trust"]:
            iam.update_assume_role_policy(RoleName=name, PolicyDocument=json.dumps(old["trust"]))
        for policy in new["policies"].keys() - old["policies"].keys():
            iam.delete_role_policy(RoleName=name, PolicyName=policy)
        for policy, document in old["policies"].items():
            if new["policies"].get(policy) != document:
                iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document))
        for policy in new["attached"]:
            if policy not in old["attached"]:
                iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])


def _ids(rows: Iterable[Mapping[str, Any]], key: str) -> set[str]:
    return {row[key] for row in rows}
