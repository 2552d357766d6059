"""Peering connections: accepted ones are active after a moment, hopeless ones fail, finished ones are forgotten."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, on_event
from helpers.sandbox.ec2.common import matches, tag_filter

SECONDS_PROVISIONING = 2.0
SECONDS_FINISHED_SHOWN = 7200.0
_FAILURE = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
_FINISHED = ("deleted", "failed", "rejected", "expired")


@dataclass
class Peerings:
    """When a connection that is being provisioned becomes active, by its id."""

    active_at: dict[str, float] = field(default_factory=dict)


def _peerings(account: Account, region: str) -> Peerings:
    return account.state(Peerings, region)


@guards("ec2", "CreateVpcPeeringConnection")
def may_create(call: Call, account: Account) -> None:
    """Both sides are named, and there is at most one connection between two VPCs at a time."""
    for name in ("VpcId", "PeerVpcId"):
        if not call.params.get(name):
            raise ServiceError(
                "MissingParameter", f"The request must contain the parameter {name[0].lower()}{name[1:]}"
            )
    wanted = {call.params["VpcId"], call.params["PeerVpcId"]}
    for each in account.aws("ec2", "DescribeVpcPeeringConnections", call.region)["VpcPeeringConnections"]:
        sides = {each[f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter")}
        if sides == wanted and each["Status"]["Code"] not in _FINISHED:
            raise ServiceError(
                "VpcPeeringConnectionAlreadyExists",
                f"A VPC peering connection between the VPCs already exists: {each['VpcPeeringConnectionId']}",
            )


@follows("ec2", "CreateVpcPeeringConnection")
def create(call: Call, account: Account, reply: Params) -> Params:
    """A connection to itself or between overlapping networks is made, and fails."""
    connection = reply["VpcPeeringConnection"]
    if _hopeless(connection):
        peering_id = connection["VpcPeeringConnectionId"]
        account.moto.set_peering_status(call.region, peering_id, "failed", _FAILURE)
        _forget_later(account, call.region, peering_id)
    return reply


def _hopeless(connection: Params) -> bool:
    ours, theirs = connection["RequesterVpcInfo"], connection["AccepterVpcInfo"]
    blocks = [ipaddress.ip_network(side["CidrBlock"]) for side in (ours, theirs)]
    return bool(ours["VpcId"] == theirs["VpcId"] or blocks[0].overlaps(blocks[1]))


@follows("ec2", "AcceptVpcPeeringConnection")
def accept(call: Call, account: Account, reply: Params) -> Params:
    connection = reply["VpcPeeringConnection"]
    peering_id = connection["VpcPeeringConnectionId"]
    at = account.now() + SECONDS_PROVISIONING
    _peerings(account, call.region).active_at[peering_id] = at
    account.moto.set_peering_status(call.region, peering_id, "provisioning", "Provisioning")
    account.schedule(at, "ec2.peering", region=call.region, peering=peering_id)
    connection["Status"] = {"Code": "provisioning", "Message": "Provisioning"}
    return reply


@on_event("ec2.peering")
def become_active(account: Account, payload: Mapping[str, Any]) -> None:
    region, peering_id = payload["region"], payload["peering"]
    _peerings(account, region).active_at.pop(peering_id, None)
    if account.moto.peering_statuses(region).get(peering_id) == "provisioning":
        account.moto.set_peering_status(region, peering_id, "active", "Active")


@guards("ec2", "DeleteVpcPeeringConnection", "AcceptVpcPeeringConnection", "RejectVpcPeeringConnection")
def may_change(call: Call, account: Account) -> None:
    """A connection that came to its end cannot change any more."""
    peering_id = call.params["VpcPeeringConnectionId"]
    status = account.moto.peering_statuses(call.region).get(peering_id)
    if status is None:
        raise unknown(peering_id)
    to = {"Delete": "deleting", "Accept": "active", "Reject": "rejected"}[call.action[:6]]
    if status in _FINISHED or (to != "deleting" and status != "pending-acceptance"):
        raise ServiceError(
            "InvalidStateTransition",
            f"Invalid state transition for {peering_id}, attempted to transition from {status} to {to}",
        )


@follows("ec2", "DeleteVpcPeeringConnection", "RejectVpcPeeringConnection")
def finish(call: Call, account: Account, reply: Params) -> Params:
    _forget_later(account, call.region, call.params["VpcPeeringConnectionId"])
    return reply


def _forget_later(account: Account, region: str, peering_id: str) -> None:
    account.schedule(account.now() + SECONDS_FINISHED_SHOWN, "ec2.peering.forget", region=region, peering=peering_id)


@on_event("ec2.peering.forget")
def forget(account: Account, payload: Mapping[str, Any]) -> None:
    """What came to its end is shown for another two hours (VPC Peering Guide, "lifecycle")."""
    account.moto.forget_peering(payload["region"], payload["peering"])


def unknown(peering_id: str) -> ServiceError:
    return ServiceError(
        "InvalidVpcPeeringConnectionID.NotFound", f"The vpcPeeringConnection ID '{peering_id}' does not exist"
    )


# --- DescribeVpcPeeringConnections ------------------------------------------------------------------------------


@guards("ec2", "DescribeVpcPeeringConnections")
def await_peerings(call: Call, account: Account) -> None:
    asked = call.params.get("VpcPeeringConnectionIds", [])
    known = account.moto.peering_statuses(call.region)
    for peering_id in asked:
        if peering_id not in known:
            raise unknown(peering_id)
    under_way = _peerings(account, call.region).active_at
    account.wait_for(max((at for key, at in under_way.items() if not asked or key in asked), default=0.0))


def _filtered(call: Call, account: Account) -> bool:
    return bool(call.params.get("Filters"))


@follows("ec2", "DescribeVpcPeeringConnections", when=_filtered)
def filter_peerings(call: Call, account: Account, reply: Params) -> Params:
    """moto ignores the filters of this action."""
    reply["VpcPeeringConnections"] = [
        each
        for each in reply["VpcPeeringConnections"]
        if all(_fits(each, item["Name"], item.get("Values", [])) for item in call.params["Filters"])
    ]
    return reply


def _fits(connection: Params, name: str, values: list[str]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in connection.get("Tags", ())}
    by_tag = tag_filter(tags, name, values)
    if by_tag is not None:
        return by_tag
    side, _, member = name.partition("-vpc-info.")
    members = {"cidr-block": "CidrBlock", "owner-id": "OwnerId", "vpc-id": "VpcId"}
    if side in ("accepter", "requester") and member in members:
        return matches(connection[f"{side.title()}VpcInfo"].get(members[member]), values)
    simple = {
        "status-code": connection["Status"]["Code"],
        "status-message": connection["Status"]["Message"],
        "vpc-peering-connection-id": connection["VpcPeeringConnectionId"],
    }
    if name not in simple:
        raise ServiceError("InvalidParameterValue", f"The filter '{name}' is invalid")
    return matches(simple[name], values)
