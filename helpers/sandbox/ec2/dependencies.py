"""What cannot be deleted while something uses it. moto deletes it; AWS refuses, and cleanup meets that.

A refusal because of an instance on its way out moves the clock to its end: who tries again, as one does, succeeds.
"""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards
from helpers.sandbox.ec2 import instances
from helpers.sandbox.ec2.common import described, invalid, vpc_of_group
from helpers.sandbox.ec2.network_acls import network_acl
from helpers.sandbox.ec2.networks import route_table
from helpers.sandbox.ec2.security_groups import group_id_of


def _violation(message: str) -> ServiceError:
    return ServiceError("DependencyViolation", message)


def _let_leave(call: Call, account: Account, holding: list[Params]) -> None:
    """Where all that is in the way belongs to instances being terminated: let that happen now."""
    arrivals = [
        instances.on_its_way(account, call.region, interface.get("Attachment", {}).get("InstanceId", ""))
        for interface in holding
    ]
    leaving = [change.at for change in arrivals if change is not None and change.state == "terminated"]
    if leaving and len(leaving) == len(holding):
        account.wait_for(max(leaving))


@guards("ec2", "DeleteSecurityGroup", state=True)
def delete_security_group(call: Call, account: Account) -> None:
    """In use by an interface, or named in the rules of another group of its VPC."""
    group_id = group_id_of(call, account)
    vpc_of_group(account, call.region, group_id)
    group = described(account, call.region, "SecurityGroups", GroupIds=[group_id])[0]
    if group["GroupName"] == "default":
        raise ServiceError(
            "CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
        )
    holding = described(account, call.region, "NetworkInterfaces", {"group-id": group_id})
    if holding or _named_elsewhere(call, account, group):
        _let_leave(call, account, holding)
        raise _violation(f"resource {group_id} has a dependent object")


def _named_elsewhere(call: Call, account: Account, group: Params) -> bool:
    """By a rule of the same VPC. A rule of a peer VPC does not hold a group back: it becomes stale."""
    neighbours = described(account, call.region, "SecurityGroups", {"vpc-id": group["VpcId"]})
    holders = {neighbour["GroupId"] for neighbour in neighbours} - {group["GroupId"]}
    return any(
        rule["GroupId"] in holders and rule.get("ReferencedGroupInfo", {}).get("GroupId") == group["GroupId"]
        for rule in described(account, call.region, "SecurityGroupRules")
    )


@guards("ec2", "DeleteSubnet", state=True)
def delete_subnet(call: Call, account: Account) -> None:
    subnet_id = call.params["SubnetId"]
    described(account, call.region, "Subnets", SubnetIds=[subnet_id])  # raises where it is unknown
    holding = described(account, call.region, "NetworkInterfaces", {"subnet-id": subnet_id})
    if holding:
        _let_leave(call, account, holding)
        raise _violation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteNetworkInterface", state=True)
def delete_network_interface(call: Call, account: Account) -> None:
    """EC2 has no code of its own for this one."""
    interface_id = call.params["NetworkInterfaceId"]
    asked = described(account, call.region, "NetworkInterfaces", NetworkInterfaceIds=[interface_id])
    holding = [interface for interface in asked if interface.get("Status") == "in-use"]
    if holding:
        _let_leave(call, account, holding)
        raise invalid(f"Network interface '{interface_id}' is currently in use.")


@guards("ec2", "DetachInternetGateway", state=True)
def detach_internet_gateway(call: Call, account: Account) -> None:
    vpc_id = call.params["VpcId"]
    gateways = described(
        account, call.region, "InternetGateways", InternetGatewayIds=[call.params["InternetGatewayId"]]
    )
    if vpc_id not in [attachment["VpcId"] for attachment in gateways[0].get("Attachments", ())]:
        return  # moto says that it is not attached
    inside = described(account, call.region, "NetworkInterfaces", {"vpc-id": vpc_id})
    holding = [interface for interface in inside if interface.get("Association")]
    if holding:
        _let_leave(call, account, holding)
        raise _violation(
            f"Network {vpc_id} has some mapped public address(es). "
            f"Please unmap those public address(es) before detaching the gateway."
        )


@guards("ec2", "DeleteInternetGateway", state=True)
def delete_internet_gateway(call: Call, account: Account) -> None:
    gateway_id = call.params["InternetGatewayId"]
    if described(account, call.region, "InternetGateways", InternetGatewayIds=[gateway_id])[0].get("Attachments"):
        raise _violation(f"The internetGateway '{gateway_id}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteRouteTable", state=True)
def delete_route_table(call: Call, account: Account) -> None:
    table = route_table(account, call.region, call.params["RouteTableId"])
    if table.get("Associations"):
        raise _violation(f"The routeTable '{table['RouteTableId']}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteNetworkAcl", state=True)
def delete_network_acl(call: Call, account: Account) -> None:
    acl = network_acl(account, call.region, call.params["NetworkAclId"])
    if acl["IsDefault"]:
        raise invalid(f"Cannot delete the default network ACL '{acl['NetworkAclId']}'")
    if acl.get("Associations"):
        raise _violation(f"The networkAcl '{acl['NetworkAclId']}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteVpc", state=True)
def delete_vpc(call: Call, account: Account) -> None:
    vpc_id = call.params["VpcId"]
    described(account, call.region, "Vpcs", VpcIds=[vpc_id])  # raises where it is unknown
    if _content(call, account, vpc_id):
        raise _violation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def _content(call: Call, account: Account, vpc_id: str) -> bool:
    """Whether anything is left but what comes and goes with a VPC: its default group, ACL and route table."""

    def inside(kind: str, filter_name: str = "vpc-id") -> list[Params]:
        return described(account, call.region, kind, {filter_name: vpc_id})

    tables = inside("RouteTables")
    return (
        bool(inside("Subnets"))
        or bool(inside("InternetGateways", "attachment.vpc-id"))
        or any(not association.get("Main") for table in tables for association in table.get("Associations") or [{}])
        or any(group["GroupName"] != "default" for group in inside("SecurityGroups"))
        or any(not acl["IsDefault"] for acl in inside("NetworkAcls"))
        or bool(inside("NetworkInterfaces"))
        or any(
            peering["Status"]["Code"] in ("active", "provisioning")
            and vpc_id in (peering["RequesterVpcInfo"]["VpcId"], peering["AccepterVpcInfo"]["VpcId"])
            for peering in described(account, call.region, "VpcPeeringConnections")
        )
    )
