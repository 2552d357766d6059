"""VPCs, subnets, gateways and routes: blocks in canonical form, the quota, and what belongs to what."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2.common import bad_value, cidr, invalid
from helpers.sandbox.ec2.peering import unknown as unknown_peering

VPCS_PER_REGION = 5
_SIZES = range(16, 29)
_TARGETS = (
    "CarrierGatewayId",
    "CoreNetworkArn",
    "EgressOnlyInternetGatewayId",
    "GatewayId",
    "InstanceId",
    "LocalGatewayId",
    "NatGatewayId",
    "NetworkInterfaceId",
    "TransitGatewayId",
    "VpcEndpointId",
    "VpcPeeringConnectionId",
)


# --- VPCs and subnets -------------------------------------------------------------------------------------------


@guards("ec2", "CreateVpc")
def may_create_vpc(call: Call, account: Account) -> None:
    if not call.params.get("CidrBlock"):
        raise ServiceError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    block = cidr(call.params["CidrBlock"], "cidrBlock")
    if block.prefixlen not in _SIZES:
        raise ServiceError("InvalidVpc.Range", f"The CIDR '{call.params['CidrBlock']}' is invalid.")
    if len(account.aws("ec2", "DescribeVpcs", call.region)["Vpcs"]) >= VPCS_PER_REGION:
        raise ServiceError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


@replaces("ec2", "CreateVpc")
def create_vpc(call: Call, account: Account) -> Params:
    params = {**call.params, "CidrBlock": str(cidr(call.params["CidrBlock"], "cidrBlock"))}
    return account.aws("ec2", "CreateVpc", call.region, **params)


@guards("ec2", "CreateSubnet")
def may_create_subnet(call: Call, account: Account) -> None:
    if not call.params.get("CidrBlock"):
        raise ServiceError("MissingParameter", "The request must contain the parameter cidrBlock")
    block = cidr(call.params["CidrBlock"], "cidrBlock")
    if block.prefixlen not in _SIZES:
        raise ServiceError("InvalidSubnet.Range", f"The CIDR '{call.params['CidrBlock']}' is invalid.")
    zone = call.params.get("AvailabilityZone")
    if zone:
        found = account.aws("ec2", "DescribeAvailabilityZones", call.region)["AvailabilityZones"]
        names = [each["ZoneName"] for each in found]
        if zone not in names:
            raise bad_value(
                zone,
                "availabilityZone",
                f"Subnets can currently only be created in the following availability zones: {', '.join(names)}.",
            )


@replaces("ec2", "CreateSubnet")
def create_subnet(call: Call, account: Account) -> Params:
    """moto makes the first subnet of a zone a default one, and knows one zone only where none is named."""
    params = {**call.params, "CidrBlock": str(cidr(call.params["CidrBlock"], "cidrBlock"))}
    if not params.get("AvailabilityZone") and not params.get("AvailabilityZoneId"):
        params["AvailabilityZone"] = f"{call.region}a"
    reply = account.aws("ec2", "CreateSubnet", call.region, **params)
    account.moto.make_ordinary_subnet(call.region, reply["Subnet"]["SubnetId"])
    reply["Subnet"] |= {"DefaultForAz": False, "MapPublicIpOnLaunch": False}
    return reply


@follows("ec2", "DeleteSubnet")
def subnet_deleted(call: Call, account: Account, reply: Params) -> Params:
    account.moto.drop_subnet_associations(call.region, call.params["SubnetId"])
    return reply


@follows("ec2", "DeleteVpc")
def vpc_deleted(call: Call, account: Account, reply: Params) -> Params:
    account.moto.forget_network_acls(call.region, call.params["VpcId"])
    return reply


@guards("ec2", "AttachInternetGateway")
def may_attach(call: Call, account: Account) -> None:
    """A network has at most one internet gateway."""
    vpc_id = call.params["VpcId"]
    attached = account.aws(
        "ec2",
        "DescribeInternetGateways",
        call.region,
        Filters=[{"Name": "attachment.vpc-id", "Values": [vpc_id]}],
    )["InternetGateways"]
    if attached and attached[0]["InternetGatewayId"] != call.params["InternetGatewayId"]:
        raise invalid(f"Network {vpc_id} already has an internet gateway attached")


# --- route tables -----------------------------------------------------------------------------------------------


def route_table(account: Account, region: str, table_id: str) -> Params:
    """Raises InvalidRouteTableID.NotFound."""
    found: Params = account.aws("ec2", "DescribeRouteTables", region, RouteTableIds=[table_id])["RouteTables"][0]
    return found


@guards("ec2", "AssociateRouteTable")
def may_associate(call: Call, account: Account) -> None:
    """moto keeps a subnet's first association without a word."""
    table_id, subnet_id = call.params["RouteTableId"], call.params.get("SubnetId")
    table = route_table(account, call.region, table_id)
    if not subnet_id:
        return
    subnet = account.aws("ec2", "DescribeSubnets", call.region, SubnetIds=[subnet_id])["Subnets"][0]
    if subnet["VpcId"] != table["VpcId"]:
        raise invalid(f"Route table {table_id} and subnet {subnet_id} belong to different networks")
    holders = account.aws(
        "ec2",
        "DescribeRouteTables",
        call.region,
        Filters=[{"Name": "association.subnet-id", "Values": [subnet_id]}],
    )["RouteTables"]
    if holders and holders[0]["RouteTableId"] != table_id:
        raise ServiceError(
            "Resource.AlreadyAssociated",
            f"the specified association for route table {table_id} conflicts with an existing association",
        )


@guards("ec2", "CreateRoute", "ReplaceRoute")
def may_route(call: Call, account: Account) -> None:
    """The target must be one, exist, and belong to the table's network."""
    params = call.params
    targets = [name for name in _TARGETS if params.get(name)]
    if len(targets) != 1 and not params.get("LocalTarget"):
        names = ", ".join(name[0].lower() + name[1:] for name in _TARGETS)
        code = "InvalidParameterCombination" if targets else "MissingParameter"
        raise ServiceError(code, f"The request must contain exactly one of {names}")
    table = route_table(account, call.region, params["RouteTableId"])
    if params.get("DestinationCidrBlock"):
        _check_destination(call, table)
    _check_gateway(call, account, table)
    _check_peering(call, account, table)


def _check_destination(call: Call, table: Params) -> None:
    destination = cidr(call.params["DestinationCidrBlock"], "destinationCidrBlock")
    local = [each["DestinationCidrBlock"] for each in table["Routes"] if each.get("GatewayId") == "local"]
    if call.action == "CreateRoute" and str(destination) in local:
        raise ServiceError("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    inside = any(destination.subnet_of(cidr(each, "cidrBlock")) for each in local)
    if inside and not (call.params.get("NetworkInterfaceId") or call.params.get("InstanceId")):
        raise invalid(
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR "
            f"blocks. This route can target only an interface or an instance."
        )


def _check_gateway(call: Call, account: Account, table: Params) -> None:
    gateway_id = call.params.get("GatewayId", "")
    if not gateway_id.startswith("igw-"):
        return
    gateway = account.aws("ec2", "DescribeInternetGateways", call.region, InternetGatewayIds=[gateway_id])
    attached = [each["VpcId"] for each in gateway["InternetGateways"][0].get("Attachments", ())]
    if table["VpcId"] not in attached:
        raise invalid(
            f"route table {table['RouteTableId']} and network gateway {gateway_id} belong to different networks"
        )


def _check_peering(call: Call, account: Account, table: Params) -> None:
    peering_id = call.params.get("VpcPeeringConnectionId")
    if not peering_id:
        return
    found = account.aws("ec2", "DescribeVpcPeeringConnections", call.region, VpcPeeringConnectionIds=[peering_id])[
        "VpcPeeringConnections"
    ]
    if not found or found[0]["Status"]["Code"] in ("deleted", "failed", "rejected", "expired"):
        raise unknown_peering(peering_id)
    sides = [found[0][f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter")]
    if table["VpcId"] not in sides:
        raise invalid(
            f"route table {table['RouteTableId']} and VPC peering connection {peering_id} belong to different networks"
        )


@replaces("ec2", "CreateRoute", "ReplaceRoute")
def route(call: Call, account: Account) -> Params:
    params: dict[str, Any] = dict(call.params)
    if params.get("DestinationCidrBlock"):
        params["DestinationCidrBlock"] = str(cidr(params["DestinationCidrBlock"], "destinationCidrBlock"))
    return account.aws("ec2", call.action, call.region, **params)


@guards("ec2", "DeleteRoute")
def may_delete_route(call: Call, account: Account) -> None:
    table = route_table(account, call.region, call.params["RouteTableId"])
    for each in table["Routes"]:
        destination = each.get("DestinationCidrBlock")
        if destination == call.params.get("DestinationCidrBlock") and each.get("GatewayId") == "local":
            raise invalid(f"cannot remove local route {destination} in route table {table['RouteTableId']}")
