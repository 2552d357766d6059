"""VPCs, subnets, gateways and routes: blocks in canonical form, the quota, and what belongs to what."""

from helpers.network.addresses import parse_cidr
from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces, unsupported
from helpers.sandbox.ec2.common import bad_value, check_prefix_list, cidr, cidr6, described, invalid
from helpers.sandbox.ec2.peering import unknown as unknown_peering

VPCS_PER_REGION = 5
_SIZES = range(16, 29)
_TARGETS = ("GatewayId", "VpcPeeringConnectionId")  # the others are refused: data/simulated_actions.toml
_DESTINATIONS = ("DestinationCidrBlock", "DestinationIpv6CidrBlock", "DestinationPrefixListId")


# --- VPCs and subnets -------------------------------------------------------------------------------------------


@guards("ec2", "CreateVpc")
def may_create_vpc(call: Call, account: Account) -> None:
    if not call.params.get("CidrBlock"):
        raise ServiceError("MissingParameter", "Either 'cidrBlock' or 'ipv4IpamPoolId' should be provided.")
    block = cidr(call.params["CidrBlock"], "cidrBlock")
    if block.prefixlen not in _SIZES:
        raise ServiceError("InvalidVpc.Range", f"The CIDR '{call.params['CidrBlock']}' is invalid.")


@guards("ec2", "CreateVpc", state=True)
def within_quota(call: Call, account: Account) -> None:
    if len(described(account, call.region, "Vpcs")) >= VPCS_PER_REGION:
        raise ServiceError("VpcLimitExceeded", "The maximum number of VPCs has been reached.")


@replaces("ec2", "CreateVpc")
def create_vpc(call: Call, account: Account) -> Params:
    params = {**call.params, "CidrBlock": str(cidr(call.params["CidrBlock"], "cidrBlock"))}
    reply = account.aws("ec2", "CreateVpc", call.region, **params)
    reply["Vpc"]["State"] = "pending"  # as AWS answers; whoever asks later finds it available
    return reply


@guards("ec2", "CreateSubnet")
def may_create_subnet(call: Call, account: Account) -> None:
    if not call.params.get("CidrBlock"):
        raise ServiceError("MissingParameter", "The request must contain the parameter cidrBlock")
    block = cidr(call.params["CidrBlock"], "cidrBlock")
    if block.prefixlen not in _SIZES:
        raise ServiceError("InvalidSubnet.Range", f"The CIDR '{call.params['CidrBlock']}' is invalid.")
    zone = call.params.get("AvailabilityZone")
    if zone:
        names = [known["ZoneName"] for known in described(account, call.region, "AvailabilityZones")]
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


@guards("ec2", "AttachInternetGateway", state=True)
def may_attach(call: Call, account: Account) -> None:
    """A network has at most one internet gateway, and a gateway one network. Sentences: from public reports."""
    vpc_id, gateway_id = call.params["VpcId"], call.params["InternetGatewayId"]
    [gateway] = described(account, call.region, "InternetGateways", InternetGatewayIds=[gateway_id])
    for held in gateway["Attachments"]:
        message = f"resource {gateway_id} is already attached to network {held['VpcId']}"
        raise ServiceError("Resource.AlreadyAssociated", message)
    if described(account, call.region, "InternetGateways", {"attachment.vpc-id": vpc_id}):
        raise invalid(f"Network {vpc_id} already has an internet gateway attached")


@guards("ec2", "DisassociateAddress", "ReleaseAddress")
def may_let_go(call: Call, account: Account) -> None:
    """An empty name is none, to moto a slip."""
    if not any(call.params.get(name) for name in ("AllocationId", "AssociationId", "PublicIp")):
        raise ServiceError("MissingParameter", "The request must contain the ID of the address or of its association")


# --- route tables -----------------------------------------------------------------------------------------------


def route_table(account: Account, region: str, table_id: str) -> Params:
    """Raises InvalidRouteTableID.NotFound."""
    return described(account, region, "RouteTables", RouteTableIds=[table_id])[0]


@guards("ec2", "AssociateRouteTable", state=True)
def may_associate(call: Call, account: Account) -> None:
    """moto keeps a subnet's first association without a word."""
    table_id, subnet_id = call.params["RouteTableId"], call.params.get("SubnetId")
    table = route_table(account, call.region, table_id)
    if not subnet_id:
        return
    subnet = described(account, call.region, "Subnets", SubnetIds=[subnet_id])[0]
    if subnet["VpcId"] != table["VpcId"]:
        raise invalid(f"Route table {table_id} and subnet {subnet_id} belong to different networks")
    holders = described(account, call.region, "RouteTables", {"association.subnet-id": subnet_id})
    if holders and holders[0]["RouteTableId"] != table_id:
        raise ServiceError(
            "Resource.AlreadyAssociated",
            f"the specified association for route table {table_id} conflicts with an existing association",
        )


@replaces("ec2", "AssociateRouteTable")
def associate(call: Call, account: Account) -> Params:
    """A subnet that has this table already keeps its association, and nothing changes."""
    table, subnet_id = route_table(account, call.region, call.params["RouteTableId"]), call.params.get("SubnetId")
    for link in table["Associations"]:
        if subnet_id and link.get("SubnetId") == subnet_id:
            return {"AssociationId": link["RouteTableAssociationId"], "AssociationState": {"State": "associated"}}
    return account.aws("ec2", "AssociateRouteTable", call.region, **call.params)


@guards("ec2", "CreateRoute", "ReplaceRoute")
def has_one_target(call: Call, account: Account) -> None:
    """Of the targets and of the destinations, each route has one."""
    _only(call.params, _TARGETS)
    _destination(call.params)


@guards("ec2", "CreateRoute", "ReplaceRoute", state=True)
def may_route(call: Call, account: Account) -> None:
    """The target must exist and belong to the table's network."""
    table = route_table(account, call.region, call.params["RouteTableId"])
    _check_destination(call, account, table)
    _check_gateway(call, account, table)
    _check_peering(call, account, table)


def _only(params: Params, names: tuple[str, ...]) -> str:
    """The one of these parameters that is given."""
    given = [name for name in names if params.get(name)]
    if len(given) != 1:
        listed = ", ".join(name[0].lower() + name[1:] for name in names)
        code = "InvalidParameterCombination" if given else "MissingParameter"
        raise ServiceError(code, f"The request must contain exactly one of {listed}")
    return given[0]


def _destination(params: Params) -> tuple[str, str]:
    """The one destination of a route, in canonical form: (the parameter that names it, its block or prefix list)."""
    name = _only(params, _DESTINATIONS)
    text = params[name]
    if name == "DestinationCidrBlock":
        return name, str(cidr(text, "destinationCidrBlock"))
    return name, text if name == "DestinationPrefixListId" else str(cidr6(text, "destinationIpv6CidrBlock"))


def _check_destination(call: Call, account: Account, table: Params) -> None:
    name, destination = _destination(call.params)
    if name == "DestinationPrefixListId":
        check_prefix_list(account, call.region, destination)
    if call.action == "CreateRoute" and any(route.get(name) == destination for route in table["Routes"]):
        raise ServiceError("RouteAlreadyExists", f"The route identified by {destination} already exists.")
    if name == "DestinationPrefixListId":
        return
    block = parse_cidr(destination)
    local = [
        parse_cidr(route[name]) for route in table["Routes"] if route.get("GatewayId") == "local" and name in route
    ]
    if any(block.first in whole and block.last in whole for whole in local):
        raise invalid(
            f"The destination CIDR block {destination} is equal to or more specific than one of this VPC's CIDR "
            f"blocks. This route can target only an interface or an instance."
        )


def _check_gateway(call: Call, account: Account, table: Params) -> None:
    gateway_id = call.params.get("GatewayId", "")
    if not gateway_id:
        return
    if gateway_id.startswith(("vgw-", "vpce-", "local")):
        raise unsupported("ec2", f"{call.action} with the target {gateway_id}")
    if not gateway_id.startswith("igw-"):
        raise invalid(f"The gateway ID '{gateway_id}' does not exist", "InvalidGatewayID.NotFound")
    gateway = described(account, call.region, "InternetGateways", InternetGatewayIds=[gateway_id])[0]
    attached = [attachment["VpcId"] for attachment in gateway.get("Attachments", ())]
    if table["VpcId"] not in attached:
        raise invalid(
            f"route table {table['RouteTableId']} and network gateway {gateway_id} belong to different networks"
        )


def _check_peering(call: Call, account: Account, table: Params) -> None:
    peering_id = call.params.get("VpcPeeringConnectionId")
    if not peering_id:
        return
    peerings = described(account, call.region, "VpcPeeringConnections", VpcPeeringConnectionIds=[peering_id])
    if not peerings or peerings[0]["Status"]["Code"] in ("deleted", "failed", "rejected", "expired"):
        raise unknown_peering(peering_id)
    sides = [peerings[0][f"{side}VpcInfo"]["VpcId"] for side in ("Requester", "Accepter")]
    if table["VpcId"] not in sides:
        raise invalid(
            f"route table {table['RouteTableId']} and VPC peering connection {peering_id} belong to different networks"
        )


@replaces("ec2", "CreateRoute", "ReplaceRoute", "DeleteRoute")
def route(call: Call, account: Account) -> Params:
    name, destination = _destination(call.params)
    return account.aws("ec2", call.action, call.region, **{**call.params, name: destination})


@guards("ec2", "DeleteRoute", state=True)
def may_delete_route(call: Call, account: Account) -> None:
    table = route_table(account, call.region, call.params["RouteTableId"])
    name, destination = _destination(call.params)
    for route in table["Routes"]:
        if route.get(name) == destination and route.get("GatewayId") == "local":
            raise invalid(f"cannot remove local route {destination} in route table {table['RouteTableId']}")
