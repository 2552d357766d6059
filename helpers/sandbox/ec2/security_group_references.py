"""Groups that other groups' rules name: in the same VPC or in a peer, and stale once either is gone.

Source: "Update your security groups to reference peer security groups" and "Identify your stale security groups",
Amazon VPC Peering Guide; the refusal's words are those of public reports.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.ec2.common import described, vpc_of_group


@dataclass
class PeerGroups:
    """Groups of peer VPCs that rules name, as AWS tells of them: by the VPC of the rule and the group's id."""

    pairs: dict[tuple[str, str], Params] = field(default_factory=dict)


def named(params: Params) -> list[str]:
    """The ids of the groups that a call's rules name as source or destination."""
    pairs = [pair for rule in params.get("IpPermissions", ()) for pair in rule.get("UserIdGroupPairs", ())]
    return [pair["GroupId"] for pair in pairs if pair.get("GroupId")]


def check(account: Account, region: str, vpc_id: str, group_ids: Iterable[str]) -> None:
    """Rules of a VPC's group may name these. Raises InvalidGroup.NotFound."""
    for group_id in group_ids:
        other = vpc_of_group(account, region, group_id)
        if other == vpc_id:
            continue
        peering_id = _peerings(account, region).get(frozenset((vpc_id, other)))
        if peering_id is None:
            raise ServiceError(
                "InvalidGroup.NotFound", "You have specified two resources that belong to different networks."
            )
        account.state(PeerGroups, region).pairs[vpc_id, group_id] = {
            "GroupId": group_id,
            "UserId": account.account_id,
            "VpcId": other,
            "VpcPeeringConnectionId": peering_id,
        }


def _peerings(account: Account, region: str) -> Mapping[frozenset[str], str]:
    """The active peering connections, by the two VPCs that they join."""
    return {
        frozenset(peering[f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter")): peering[
            "VpcPeeringConnectionId"
        ]
        for peering in described(account, region, "VpcPeeringConnections")
        if peering["Status"]["Code"] == "active"
    }


@replaces("ec2", "DescribeStaleSecurityGroups")
def describe_stale_security_groups(call: Call, account: Account) -> Params:
    """The groups of a VPC with a rule that names a peer's group which is gone, or whose peering connection is."""
    vpc_id = call.params["VpcId"]
    known = {group["GroupId"]: group for group in described(account, call.region, "SecurityGroups")}
    described(account, call.region, "Vpcs", VpcIds=[vpc_id])  # raises where it is unknown
    active = set(_peerings(account, call.region).values())
    stale = {
        group_id: {**pair, "PeeringStatus": "active" if pair["VpcPeeringConnectionId"] in active else "deleted"}
        for (of, group_id), pair in account.state(PeerGroups, call.region).pairs.items()
        if of == vpc_id and (group_id not in known or pair["VpcPeeringConnectionId"] not in active)
    }
    shown = []
    for group in known.values():
        rules = {f"Stale{name}": _stale_rules(group[name], stale) for name in ("IpPermissions", "IpPermissionsEgress")}
        if group["VpcId"] == vpc_id and any(rules.values()):
            shown.append({name: group[name] for name in ("Description", "GroupId", "GroupName", "VpcId")} | rules)
    return {"StaleSecurityGroupSet": shown}


def _stale_rules(permissions: Iterable[Params], stale: Mapping[str, Params]) -> list[Params]:
    rules: list[Params] = []
    for permission in permissions:
        pairs = [stale[pair["GroupId"]] for pair in permission["UserIdGroupPairs"] if pair.get("GroupId") in stale]
        ports: Params = {name: permission[name] for name in ("FromPort", "ToPort") if name in permission}
        if pairs:
            rules.append({"IpProtocol": permission["IpProtocol"], **ports, "UserIdGroupPairs": pairs})
    return rules
