"""Peering connections: accepted ones are active after a moment, hopeless ones fail, finished ones are forgotten."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, on_event
from helpers.sandbox.ec2.common import described, ipv6_blocks
from helpers.sandbox.ec2.filters import passes

SECONDS_PROVISIONING = 2.0
SECONDS_PENDING = 7 * 86400.0
SECONDS_FINISHED_SHOWN = 7200.0
_FAILURE = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"
_FINISHED = ("deleted", "failed", "rejected", "expired")


@dataclass
class Peerings:
    """When a connection becomes active, or until when it may be accepted, by its id."""

    active_at: dict[str, float] = field(default_factory=dict)
    expires_at: dict[str, float] = field(default_factory=dict)


def _peerings(account: Account, region: str) -> Peerings:
    return account.state(Peerings, region)


@guards("ec2", "CreateVpcPeeringConnection")
def may_create(call: Call, account: Account) -> None:
    """Both sides are named."""
    for name in ("VpcId", "PeerVpcId"):
        if not call.params.get(name):
            raise ServiceError(
                "MissingParameter", f"The request must contain the parameter {name[0].lower()}{name[1:]}"
            )


@guards("ec2", "CreateVpcPeeringConnection", state=True)
def no_second(call: Call, account: Account) -> None:
    """There is at most one connection between two VPCs at a time."""
    wanted = {call.params["VpcId"], call.params["PeerVpcId"]}
    for connection in described(account, call.region, "VpcPeeringConnections"):
        sides = {connection[f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter")}
        if sides == wanted and connection["Status"]["Code"] not in _FINISHED:
            raise ServiceError(
                "VpcPeeringConnectionAlreadyExists",
                f"A VPC peering connection between the VPCs already exists: {connection['VpcPeeringConnectionId']}",
            )


@follows("ec2", "CreateVpcPeeringConnection")
def create(call: Call, account: Account, reply: Params) -> Params:
    """A connection to itself or between overlapping networks is made, and fails; others wait for a week."""
    connection = reply["VpcPeeringConnection"]
    peering_id = connection["VpcPeeringConnectionId"]
    expires = account.now() + SECONDS_PENDING
    _peerings(account, call.region).expires_at[peering_id] = expires
    if not _hopeless(_complete(connection, _vpcs(account, call.region), expires)):
        account.schedule(expires, "ec2.peering", region=call.region, peering=peering_id)
    else:
        account.moto.set_peering_status(call.region, peering_id, "failed", _FAILURE)
        _forget_later(account, call.region, peering_id)
    return reply


def _hopeless(connection: Params) -> bool:
    ours, theirs = connection["RequesterVpcInfo"], connection["AccepterVpcInfo"]
    return ours["VpcId"] == theirs["VpcId"] or any(
        ours_block.overlaps(theirs_block) for ours_block in _blocks(ours) for theirs_block in _blocks(theirs)
    )


def _blocks(side: Params) -> list[Any]:
    """All blocks of a VPC: a secondary one that overlaps is as bad as the first (VPC Peering Guide, "limitations")."""
    sets = (("CidrBlockSet", "CidrBlock"), ("Ipv6CidrBlockSet", "Ipv6CidrBlock"))
    return [ipaddress.ip_network(block[name]) for held, name in sets for block in side.get(held, ())]


def _vpcs(account: Account, region: str) -> dict[str, Params]:
    return {vpc["VpcId"]: vpc for vpc in described(account, region, "Vpcs")}


def _complete(connection: Params, vpcs: Mapping[str, Params], expires: float | None) -> Params:
    """With the blocks of both sides, and until when (epoch seconds) it waits to be accepted."""
    for side in (connection["RequesterVpcInfo"], connection["AccepterVpcInfo"]):
        vpc = vpcs.get(side["VpcId"], {})
        blocks = vpc.get("CidrBlockAssociationSet", ())
        held = [block["CidrBlock"] for block in blocks if block["CidrBlockState"]["State"] == "associated"]
        if held:
            side["CidrBlockSet"] = [{"CidrBlock": block} for block in held]
        if ipv6_blocks(vpc):
            side["Ipv6CidrBlockSet"] = [{"Ipv6CidrBlock": str(block)} for block in ipv6_blocks(vpc)]
    if expires and connection["Status"]["Code"] in ("initiating-request", "pending-acceptance"):
        connection["ExpirationTime"] = datetime.fromtimestamp(expires, UTC)
    return connection


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
        return
    expired = account.now() >= _peerings(account, region).expires_at.get(peering_id, 0.0)
    if expired and account.moto.peering_statuses(region).get(peering_id) == "pending-acceptance":
        account.moto.set_peering_status(region, peering_id, "expired", "Expired")
        _forget_later(account, region, peering_id)


@guards("ec2", "DeleteVpcPeeringConnection", "AcceptVpcPeeringConnection", "RejectVpcPeeringConnection", state=True)
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


@guards("ec2", "DescribeVpcPeeringConnections", state=True)
def await_peerings(call: Call, account: Account) -> None:
    asked = call.params.get("VpcPeeringConnectionIds", [])
    known = account.moto.peering_statuses(call.region)
    for peering_id in asked:
        if peering_id not in known:
            raise unknown(peering_id)
    under_way = _peerings(account, call.region).active_at
    account.wait_for(max((at for key, at in under_way.items() if not asked or key in asked), default=0.0))


@follows("ec2", "DescribeVpcPeeringConnections")
def filter_peerings(call: Call, account: Account, reply: Params) -> Params:
    """moto ignores the filters of this action."""
    connections, expires_at = reply["VpcPeeringConnections"], _peerings(account, call.region).expires_at
    vpcs = _vpcs(account, call.region) if connections else {}
    reply["VpcPeeringConnections"] = [
        _complete(connection, vpcs, expires_at.get(connection["VpcPeeringConnectionId"]))
        for connection in connections
        if passes(connection, call.params.get("Filters", ()), _filter_values(connection))
    ]
    return reply


def _filter_values(connection: Params) -> Params:
    """What the filters other than those of tags look at."""
    members = {"cidr-block": "CidrBlock", "owner-id": "OwnerId", "vpc-id": "VpcId"}
    sides = {
        f"{side}-vpc-info.{name}": connection[f"{side.title()}VpcInfo"].get(member)
        for side in ("accepter", "requester")
        for name, member in members.items()
    }
    return sides | {
        "status-code": connection["Status"]["Code"],
        "status-message": connection["Status"]["Message"],
        "vpc-peering-connection-id": connection["VpcPeeringConnectionId"],
    }
