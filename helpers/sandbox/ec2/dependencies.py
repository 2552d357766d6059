"""What cannot be deleted while something uses it. moto deletes it; AWS refuses, and cleanup meets that.

A refusal because of an instance on its way out moves the clock to its end: who tries again, as one does, succeeds.
"""

from helpers.sandbox.calls import Account, Call, Params, ServiceError, guards
from helpers.sandbox.ec2 import instances
from helpers.sandbox.ec2.acls import network_acl
from helpers.sandbox.ec2.common import interfaces, invalid
from helpers.sandbox.ec2.groups import security_group
from helpers.sandbox.ec2.networks import route_table


def _violation(message: str) -> ServiceError:
    return ServiceError("DependencyViolation", message)


def _let_leave(call: Call, account: Account, holding: list[Params]) -> None:
    """Where all that is in the way belongs to instances being terminated: let that happen now."""
    arrivals = [
        instances.on_its_way(account, call.region, each.get("Attachment", {}).get("InstanceId", "")) for each in holding
    ]
    leaving = [each.at for each in arrivals if each is not None and each.state == "terminated"]
    if leaving and len(leaving) == len(holding) and not call.params.get("DryRun"):
        account.wait_for(max(leaving))


@guards("ec2", "DeleteSecurityGroup")
def delete_security_group(call: Call, account: Account) -> None:
    """In use by an interface, or named in the rules of another group of its VPC."""
    group_id = call.params.get("GroupId")
    if not group_id:
        return
    group = security_group(account, call.region, group_id)
    if group["GroupName"] == "default":
        raise ServiceError(
            "CannotDelete", f'the specified group: "{group_id}" name: "default" cannot be deleted by a user'
        )
    holding = interfaces(account, call.region, group_id=group_id)
    if holding or _named_elsewhere(call, account, group):
        _let_leave(call, account, holding)
        raise _violation(f"resource {group_id} has a dependent object")


def _named_elsewhere(call: Call, account: Account, group: Params) -> bool:
    """By a rule of the same VPC. A rule of a peer VPC does not hold a group back: it becomes stale."""
    inside = [{"Name": "vpc-id", "Values": [group["VpcId"]]}]
    neighbours = account.aws("ec2", "DescribeSecurityGroups", call.region, Filters=inside)["SecurityGroups"]
    holders = {each["GroupId"] for each in neighbours} - {group["GroupId"]}
    rules = account.aws("ec2", "DescribeSecurityGroupRules", call.region)["SecurityGroupRules"]
    return any(
        each["GroupId"] in holders and each.get("ReferencedGroupInfo", {}).get("GroupId") == group["GroupId"]
        for each in rules
    )


@guards("ec2", "DeleteSubnet")
def delete_subnet(call: Call, account: Account) -> None:
    subnet_id = call.params["SubnetId"]
    account.aws("ec2", "DescribeSubnets", call.region, SubnetIds=[subnet_id])
    holding = interfaces(account, call.region, subnet_id=subnet_id)
    if holding:
        _let_leave(call, account, holding)
        raise _violation(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteNetworkInterface")
def delete_network_interface(call: Call, account: Account) -> None:
    """EC2 has no code of its own for this one."""
    interface_id = call.params["NetworkInterfaceId"]
    found = account.aws("ec2", "DescribeNetworkInterfaces", call.region, NetworkInterfaceIds=[interface_id])
    holding = [each for each in found["NetworkInterfaces"] if each.get("Status") == "in-use"]
    if holding:
        _let_leave(call, account, holding)
        raise invalid(f"Network interface '{interface_id}' is currently in use.")


@guards("ec2", "DetachInternetGateway")
def detach_internet_gateway(call: Call, account: Account) -> None:
    vpc_id = call.params["VpcId"]
    holding = [each for each in interfaces(account, call.region, vpc_id=vpc_id) if each.get("Association")]
    if holding:
        _let_leave(call, account, holding)
        raise _violation(
            f"Network {vpc_id} has some mapped public address(es). "
            f"Please unmap those public address(es) before detaching the gateway."
        )


@guards("ec2", "DeleteInternetGateway")
def delete_internet_gateway(call: Call, account: Account) -> None:
    gateway_id = call.params["InternetGatewayId"]
    found = account.aws("ec2", "DescribeInternetGateways", call.region, InternetGatewayIds=[gateway_id])
    if found["InternetGateways"][0].get("Attachments"):
        raise _violation(f"The internetGateway '{gateway_id}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteRouteTable")
def delete_route_table(call: Call, account: Account) -> None:
    table = route_table(account, call.region, call.params["RouteTableId"])
    if table.get("Associations"):
        raise _violation(f"The routeTable '{table['RouteTableId']}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteNetworkAcl")
def delete_network_acl(call: Call, account: Account) -> None:
    acl = network_acl(account, call.region, call.params["NetworkAclId"])
    if acl["IsDefault"]:
        raise invalid(f"Cannot delete the default network ACL '{acl['NetworkAclId']}'")
    if acl.get("Associations"):
        raise _violation(f"The networkAcl '{acl['NetworkAclId']}' has dependencies and cannot be deleted.")


@guards("ec2", "DeleteVpc")
def delete_vpc(call: Call, account: Account) -> None:
    vpc_id = call.params["VpcId"]
    account.aws("ec2", "DescribeVpcs", call.region, VpcIds=[vpc_id])
    if _content(call, account, vpc_id):
        raise _violation(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")


def _content(call: Call, account: Account, vpc_id: str) -> bool:
    """Whether anything is left but what comes and goes with a VPC: its default group, ACL and route table."""

    def inside(action: str, result: str, filter_name: str = "vpc-id") -> list[Params]:
        wanted = [{"Name": filter_name, "Values": [vpc_id]}]
        found: list[Params] = account.aws("ec2", action, call.region, Filters=wanted)[result]
        return found

    tables = inside("DescribeRouteTables", "RouteTables")
    peerings = account.aws("ec2", "DescribeVpcPeeringConnections", call.region)["VpcPeeringConnections"]
    return (
        bool(inside("DescribeSubnets", "Subnets"))
        or bool(inside("DescribeInternetGateways", "InternetGateways", "attachment.vpc-id"))
        or any(not each.get("Main") for table in tables for each in table.get("Associations") or [{}])
        or any(each["GroupName"] != "default" for each in inside("DescribeSecurityGroups", "SecurityGroups"))
        or any(not each["IsDefault"] for each in inside("DescribeNetworkAcls", "NetworkAcls"))
        or bool(inside("DescribeNetworkInterfaces", "NetworkInterfaces"))
        or any(
            each["Status"]["Code"] in ("active", "provisioning")
            and vpc_id in (each["RequesterVpcInfo"]["VpcId"], each["AccepterVpcInfo"]["VpcId"])
            for each in peerings
        )
    )
