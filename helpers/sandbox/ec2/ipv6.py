"""IPv6: what a block changes in its VPC, and the addresses of interfaces.

moto changes nothing but route tables, and draws addresses without a look at subnet, neighbours or what was asked.
"""

import ipaddress
from collections.abc import Sequence

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2.common import bad_value, described, invalid, ipv6_blocks
from helpers.sandbox.ec2.network_acls import LAST, LAST_OF_IPV6

PARAMETERS = ("Ipv6AddressCount", "Ipv6Addresses")
_ALL_IPV4 = {"RuleNumber": 100, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "0.0.0.0/0"}
_RESERVED = 4


# --- a VPC gets a block -----------------------------------------------------------------------------------------


@follows("ec2", "CreateVpc", when=lambda call, account: bool(call.params.get("AmazonProvidedIpv6CidrBlock")))
def created_with_ipv6(call: Call, account: Account, reply: Params) -> Params:
    _add_acl_entries(account, call.region, reply["Vpc"]["VpcId"])
    return reply


@follows("ec2", "AssociateVpcCidrBlock")
def block_added(call: Call, account: Account, reply: Params) -> Params:
    if reply.get("Ipv6CidrBlockAssociation"):
        _add_acl_entries(account, call.region, call.params["VpcId"])
        _add_group_rule(account, call.region, call.params["VpcId"])
    return reply


def _add_acl_entries(account: Account, region: str, vpc_id: str) -> None:
    """The default ACL lets IPv6 pass in each direction that nobody has changed; every ACL ends with a deny.

    Source: "Default network ACL for a VPC", Amazon VPC User Guide.
    """
    for acl in described(account, region, "NetworkAcls", {"vpc-id": vpc_id}):
        for egress in (True, False):
            entries = [entry for entry in acl["Entries"] if entry["Egress"] == egress]
            if acl["IsDefault"] and [entry for entry in entries if entry["RuleNumber"] < LAST] == [
                {**_ALL_IPV4, "Egress": egress}
            ]:
                account.moto.add_acl_entry(region, acl["NetworkAclId"], 101, egress, ipv6=True)
            if not any(entry["RuleNumber"] == LAST_OF_IPV6 for entry in entries):
                account.moto.add_acl_entry(region, acl["NetworkAclId"], LAST_OF_IPV6, egress, ipv6=True)


def _add_group_rule(account: Account, region: str, vpc_id: str) -> None:
    """The default group lets IPv6 out, unless its outbound rules were changed ("Default security groups")."""
    for group in described(account, region, "SecurityGroups", {"vpc-id": vpc_id, "group-name": "default"}):
        blocks = [block for rule in group["IpPermissionsEgress"] for block in rule.get("IpRanges", ())]
        permission = {"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
        if len(group["IpPermissionsEgress"]) == 1 and blocks == [{"CidrIp": "0.0.0.0/0"}]:
            asked = {"GroupId": group["GroupId"], "IpPermissions": [permission]}
            account.aws("ec2", "AuthorizeSecurityGroupEgress", region, **asked)


@guards("ec2", "ModifySubnetAttribute")
def may_assign_on_creation(call: Call, account: Account) -> None:
    if call.params.get("AssignIpv6AddressOnCreation", {}).get("Value"):
        subnet_id = call.params["SubnetId"]
        subnet = described(account, call.region, "Subnets", SubnetIds=[subnet_id])[0]
        if not ipv6_blocks(subnet):
            raise invalid(
                "Invalid value 'true' for assign-ipv6-address-on-creation. Cannot set assign-ipv6-address-on-creation "
                f"to true unless the subnet ({subnet_id}) has an IPv6 CIDR block associated with it."
            )


# --- addresses of interfaces ------------------------------------------------------------------------------------


def check(account: Account, region: str, asked: Params, subnet: Params) -> None:
    """Refuse addresses that an interface in the subnet cannot have; ``asked`` as in ``RunInstances``."""
    addresses = _named(asked)
    if addresses and asked.get("Ipv6AddressCount"):
        raise ServiceError(
            "InvalidParameterCombination",
            "IPv6 addresses and IPv6 address count may not be specified on the same request",
        )
    if not addresses and not asked.get("Ipv6AddressCount"):
        return
    blocks = ipv6_blocks(subnet)
    if not blocks:
        raise invalid(f"The subnet '{subnet['SubnetId']}' does not have an IPv6 CIDR block associated with it.")
    taken = _taken(account, region, subnet["SubnetId"])
    for address in addresses:
        block = next((block for block in blocks if address in block), None)
        if block is None:
            raise invalid(f"Address {address} does not fall within the subnet's address range")
        if int(address) - int(block[0]) < _RESERVED or address == block[-1]:
            raise invalid(f"Address {address} is in subnet's reserved address range")
        if address in taken:
            raise ServiceError("InvalidIPAddress.InUse", f"Address {address} is in use.")


def _named(asked: Params) -> list[ipaddress.IPv6Address]:
    addresses = []
    for item in asked.get("Ipv6Addresses", ()):
        text = item if isinstance(item, str) else item.get("Ipv6Address", "")
        try:
            addresses.append(ipaddress.IPv6Address(text))
        except ValueError:
            raise bad_value(text, "ipv6Addresses", "Not a valid IPv6 address.") from None
    return addresses


def _taken(account: Account, region: str, subnet_id: str) -> set[ipaddress.IPv6Address]:
    return {
        ipaddress.IPv6Address(assigned["Ipv6Address"])
        for interface in described(account, region, "NetworkInterfaces", {"subnet-id": subnet_id})
        for assigned in interface.get("Ipv6Addresses", ())
    }


def without_ipv6(params: Params) -> Params:
    """The parameters of a call or of an interface in it, without those of IPv6 addresses."""
    return {name: value for name, value in params.items() if name not in PARAMETERS}


def assign_at_creation(account: Account, region: str, interface: Params, asked: Params) -> Sequence[str]:
    """Give a new interface the addresses that were asked for, or one where its subnet gives one to each."""
    subnet = described(account, region, "Subnets", SubnetIds=[interface["SubnetId"]])[0]
    if asked.get("Ipv6AddressCount") is None and not asked.get("Ipv6Addresses"):
        if not subnet.get("AssignIpv6AddressOnCreation"):
            return ()
        asked = {"Ipv6AddressCount": 1}
    return _assign(account, region, interface["NetworkInterfaceId"], asked, subnet)


def _assign(account: Account, region: str, interface_id: str, asked: Params, subnet: Params) -> list[str]:
    addresses = _named(asked)
    draws, taken = account.random("ipv6", interface_id), _taken(account, region, subnet["SubnetId"])
    while not _named(asked) and len(addresses) < asked.get("Ipv6AddressCount", 0):
        block = ipv6_blocks(subnet)[0]
        address = block[draws.randrange(_RESERVED, block.num_addresses - 1)]
        if address not in taken and address not in addresses:
            addresses.append(address)
    texts = [str(address) for address in addresses]
    if texts:
        account.aws("ec2", "AssignIpv6Addresses", region, NetworkInterfaceId=interface_id, Ipv6Addresses=texts)
    return texts


def _subnet_of(call: Call, account: Account) -> Params:
    asked = {"NetworkInterfaceIds": [call.params["NetworkInterfaceId"]]}
    subnet_id = described(account, call.region, "NetworkInterfaces", **asked)[0]["SubnetId"]
    return described(account, call.region, "Subnets", SubnetIds=[subnet_id])[0]


@guards("ec2", "AssignIpv6Addresses")
def may_assign(call: Call, account: Account) -> None:
    check(account, call.region, call.params, _subnet_of(call, account))


@replaces("ec2", "AssignIpv6Addresses")
def assign(call: Call, account: Account) -> Params:
    """moto replies with all addresses of the interface, AWS with the new ones."""
    interface_id = call.params["NetworkInterfaceId"]
    assigned = _assign(account, call.region, interface_id, call.params, _subnet_of(call, account))
    return {"NetworkInterfaceId": interface_id, "AssignedIpv6Addresses": assigned}
