"""The agents on the instances: which machines Systems Manager knows and can reach.

Run Command reaches an instance only through the agent's own way out: an instance profile whose role may talk to Systems
Manager, and a path to its endpoints (here: to a public address on port 443, there and back). Source: Systems Manager
User Guide, "Setting up managed nodes".
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from helpers.access import Principal, Request, evaluate
from helpers.network import Packet, trace
from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards, on_event, replaces
from helpers.sandbox.ec2.topologies import topology
from helpers.sandbox.iam.authorization import parse_all
from helpers.sandbox.machines.scripts import AGENT
from helpers.sandbox.machines.state import DataPlane
from helpers.sandbox.moto_adapter import IamPrincipal
from helpers.traffic import Host

ENDPOINT = "192.0.2.30"
"""Where the sandbox's internet has Systems Manager's endpoints."""
_AGENT_PORT = 51000
_NEEDED = "ssm:UpdateInstanceInformation"
_NETWORK_CUTS = (
    *("DeleteRoute", "ReplaceRoute", "ReplaceRouteTableAssociation", "DisassociateRouteTable", "AssociateRouteTable"),
    *("DetachInternetGateway", "DisassociateAddress", "DisassociateIamInstanceProfile"),
    *("ReplaceIamInstanceProfileAssociation", "RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
    *("ModifyNetworkInterfaceAttribute", "ModifyInstanceAttribute"),
    *("CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry", "ReplaceNetworkAclAssociation"),
    *("StopInstances", "TerminateInstances", "RebootInstances"),
)
_PERMISSION_CUTS = (
    *("DetachRolePolicy", "DeleteRolePolicy", "PutRolePolicy", "AttachRolePolicy", "PutRolePermissionsBoundary"),
    *("RemoveRoleFromInstanceProfile", "DeleteInstanceProfile", "DeleteRole"),
    *("CreatePolicyVersion", "SetDefaultPolicyVersion"),
)


@dataclass
class Agents:
    """Instances whose agent has registered, with the time of the last sign of life (virtual epoch seconds)."""

    seen: dict[str, float] = field(default_factory=dict)


@dataclass
class AgentRegions:
    """The regions in which a machine ever booted: permissions are the same in all of them."""

    names: set[str] = field(default_factory=set)


def online(account: Account, region: str, instance_id: str) -> bool:
    """Whether the agent of a machine can talk to Systems Manager now."""
    host = account.state(DataPlane, region).hosts.get(instance_id)
    return host is not None and _has_a_way_out(account, region, host) and _may_register(account, region, instance_id)


def _has_a_way_out(account: Account, region: str, host: Host) -> bool:
    network = topology(account, region)
    there = Packet(host.address, ENDPOINT, 6, _AGENT_PORT, 443, tcp_flags=2, source_interface=host.interface_id)
    sent, connections = trace(network, there, account.state(DataPlane, region).connections)
    public = dict(network.interface(host.interface_id).public).get(host.address)
    if sent.outcome != "delivered" or public is None:
        return False
    back = Packet(ENDPOINT, public, 6, 443, _AGENT_PORT, tcp_flags=18, source_interface=None)
    return trace(network, back, connections)[0].outcome == "delivered"


def _may_register(account: Account, region: str, instance_id: str) -> bool:
    profile = account.moto.profile_of(region, instance_id)
    roles = map(account.moto.role, account.moto.profile_roles(profile) or [])
    return any(_role_may(role) for role in roles if role is not None)


def _role_may(role: IamPrincipal) -> bool:
    policies = [parse_all(role.policies)]
    if role.boundary is not None:
        policies.append(parse_all([("of the boundary", role.boundary)]))
    return all(evaluate(Request(Principal.role(role.arn), _NEEDED, "*"), own) for own in policies)


def register(account: Account, region: str) -> None:
    """Note the agents that can be heard now, before whatever may silence them; never called by a read."""
    agents = account.state(Agents, region)
    for instance_id in account.state(DataPlane, region).hosts:
        if online(account, region, instance_id):
            agents.seen[instance_id] = account.now()


@on_event(AGENT)
def agent_starts(account: Account, payload: Mapping[str, Any]) -> None:
    """A machine is up, and its agent registers if it can."""
    account.state(AgentRegions, "").names.add(payload["region"])
    register(account, payload["region"])


@guards("ec2", *_NETWORK_CUTS)
def note_before_the_network_changes(call: Call, account: Account) -> None:
    """What is about to lose its way was online until now: it becomes ConnectionLost, and not unknown."""
    register(account, call.region)


@guards("iam", *_PERMISSION_CUTS)
def note_before_permissions_change(call: Call, account: Account) -> None:
    for region in sorted(account.state(AgentRegions, "").names):
        register(account, region)


def managed(account: Account, region: str) -> Iterator[tuple[str, bool]]:
    """Every instance that Systems Manager knows, and whether it can be reached now; none that was terminated."""
    seen = account.state(Agents, region).seen
    hosts = account.state(DataPlane, region).hosts
    down = [instance_id for instance_id in seen if instance_id not in hosts]
    for instance_id in [*hosts, *(_still_there(account, region, down) if down else ())]:
        is_online = online(account, region, instance_id)
        if is_online or instance_id in seen:
            yield instance_id, is_online


def _still_there(account: Account, region: str, instances: list[str]) -> list[str]:
    known = {instance.id: instance.state for instance in topology(account, region).instances}
    return [
        instance_id
        for instance_id in instances
        if known.get(instance_id, "terminated") not in ("shutting-down", "terminated")
    ]


@replaces("ssm", "DescribeInstanceInformation")
def describe_instance_information(call: Call, account: Account) -> Params:
    """Managed instances with their ``PingStatus``; filters by ``InstanceIds`` and ``PingStatus``."""
    filters = {condition["Key"]: condition["Values"] for condition in call.params.get("Filters", [])}
    filters |= {
        condition["key"]: condition["valueSet"] for condition in call.params.get("InstanceInformationFilterList", [])
    }
    if unknown := set(filters) - {"InstanceIds", "PingStatus"}:
        raise ServiceError("InvalidInstanceInformationFilterValue", f"The sandbox does not filter by {min(unknown)}.")
    listed = [
        item
        for item in (_information(call, account, *host) for host in managed(account, call.region))
        if item["InstanceId"] in filters.get("InstanceIds", [item["InstanceId"]])
        and item["PingStatus"] in filters.get("PingStatus", [item["PingStatus"]])
    ]
    return {"InstanceInformationList": listed}


def _information(call: Call, account: Account, instance_id: str, is_online: bool) -> Params:
    seen = account.now() if is_online else account.state(Agents, call.region).seen[instance_id]
    host = account.state(DataPlane, call.region).hosts.get(instance_id)
    return {
        "InstanceId": instance_id,
        "PingStatus": "Online" if is_online else "ConnectionLost",
        "LastPingDateTime": datetime.fromtimestamp(seen, UTC),
        "PlatformType": "Linux",
        "PlatformName": "Amazon Linux",
        "PlatformVersion": "2023",
        "ResourceType": "EC2Instance",
        "IPAddress": host.address if host else None,
    }
