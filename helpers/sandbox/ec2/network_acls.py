"""Network ACLs: the last entry that denies, numbers and blocks as AWS takes them."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2.common import bad_value, cidr, cidr6, described, invalid, ipv6_blocks
from helpers.sandbox.ec2.icmp_entries import IcmpEntries, restore

_RULE_NUMBERS = range(1, 32767)
LAST, LAST_OF_IPV6 = 32767, 32768
ENTRIES_PER_DIRECTION = 20


def network_acl(account: Account, region: str, acl_id: str) -> Params:
    """Raises InvalidNetworkAclID.NotFound."""
    acls = described(account, region, "NetworkAcls", {"association.network-acl-id": acl_id})
    if not acls:
        raise unknown(acl_id)
    return acls[0]


def unknown(acl_id: str) -> ServiceError:
    return ServiceError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{acl_id}' does not exist")


@guards("ec2", "DescribeNetworkAcls", state=True)
def must_exist(call: Call, account: Account) -> None:
    """moto speaks of route tables where an ACL is unknown."""
    for acl_id in call.params.get("NetworkAclIds", ()):
        if not account.moto.has_network_acl(call.region, acl_id):
            raise unknown(acl_id)


@follows("ec2", "CreateNetworkAcl")
def create(call: Call, account: Account, reply: Params) -> Params:
    """A new ACL holds two entries, or four where its VPC has IPv6, which deny all that no other entry decides."""
    acl_id = reply["NetworkAcl"]["NetworkAclId"]
    vpc = described(account, call.region, "Vpcs", VpcIds=[call.params["VpcId"]])[0]
    for egress in (True, False):
        account.moto.add_acl_entry(call.region, acl_id, LAST, egress)
    if ipv6_blocks(vpc):
        for egress in (True, False):
            account.moto.add_acl_entry(call.region, acl_id, LAST_OF_IPV6, egress, ipv6=True)
    reply["NetworkAcl"] = network_acl(account, call.region, acl_id)
    return reply


@guards("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry")
def may_change_entry(call: Call, account: Account) -> None:
    number = call.params["RuleNumber"]
    if number not in _RULE_NUMBERS:
        raise bad_value(number, "ruleNumber", "The rule number must be between 1 and 32766.")
    if call.action != "DeleteNetworkAclEntry":
        _check_entry(call.params)


@guards("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry", state=True)
def entry_exists(call: Call, account: Account) -> None:
    """What is replaced or deleted has to be there; what is new has to fit in."""
    params = call.params
    acl = network_acl(account, call.region, params["NetworkAclId"])
    number, egress = params["RuleNumber"], params["Egress"]
    exists = any(entry["RuleNumber"] == number and entry["Egress"] == egress for entry in acl["Entries"])
    if call.action != "CreateNetworkAclEntry" and not exists:
        way = "egress" if egress else "ingress"
        raise ServiceError(
            "InvalidNetworkAclEntry.NotFound",
            f"The {way} entry with rule number {number} does not exist in the network ACL {params['NetworkAclId']}",
        )
    if call.action == "CreateNetworkAclEntry" and exists:
        why = f"The network acl entry identified by {number} already exists."
        raise ServiceError("NetworkAclEntryAlreadyExists", why)
    made = [entry for entry in acl["Entries"] if entry["Egress"] == egress and entry["RuleNumber"] < LAST]
    if call.action == "CreateNetworkAclEntry" and len(made) >= ENTRIES_PER_DIRECTION:
        raise ServiceError(
            "NetworkAclEntryLimitExceeded", "The maximum number of network ACL entries has been reached."
        )


def _check_entry(params: Params) -> None:
    if not params.get("CidrBlock") and not params.get("Ipv6CidrBlock"):
        raise ServiceError("MissingParameter", "The request must contain the parameter cidrBlock or ipv6CidrBlock")
    if params.get("CidrBlock") and params.get("Ipv6CidrBlock"):
        given = "The request must contain exactly one of cidrBlock, ipv6CidrBlock"
        raise invalid(given, "InvalidParameterCombination")
    if params.get("CidrBlock"):
        cidr(params["CidrBlock"], "cidrBlock")
    if params.get("Ipv6CidrBlock"):
        cidr6(params["Ipv6CidrBlock"], "ipv6CidrBlock")
    protocol = _protocol(params["Protocol"])
    if protocol in ("6", "17"):
        ports = params.get("PortRange", {})
        if "From" not in ports or "To" not in ports:
            raise ServiceError("MissingParameter", "The request must contain the parameter PortRange.")
        if not 0 <= ports["From"] <= ports["To"] <= 65535:
            raise invalid(f"Invalid port range: {ports['From']} to {ports['To']}")
    if protocol == "1" and not params.get("IcmpTypeCode"):
        raise ServiceError("MissingParameter", "The request must contain the parameter IcmpTypeCode.")


def _protocol(given: str) -> str:
    """A number, or -1 for all: AWS knows no names here, other than in the rules of a security group (recorded)."""
    if given == "-1" or (given.isascii() and given.isdigit() and int(given) <= 255):
        return given
    raise invalid(f"Invalid value '{given}' for IP protocol. Unknown protocol.")


@replaces("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry")
def set_entry(call: Call, account: Account) -> Params:
    """Blocks are kept in canonical form."""
    params: dict[str, Any] = dict(call.params)
    if params.get("CidrBlock"):
        params["CidrBlock"] = str(cidr(params["CidrBlock"], "cidrBlock"))
    if params.get("Ipv6CidrBlock"):
        params["Ipv6CidrBlock"] = str(cidr6(params["Ipv6CidrBlock"], "ipv6CidrBlock"))
    reply = account.aws("ec2", call.action, call.region, **params)
    remembered = account.state(IcmpEntries, call.region).types
    key = (params["NetworkAclId"], params["RuleNumber"], params["Egress"])
    remembered.pop(key, None)
    if params["Protocol"] in ("1", "58"):
        remembered[key] = {"Type": -1, "Code": -1} | params.get("IcmpTypeCode", {})
    return reply


@follows("ec2", "DeleteNetworkAclEntry")
def forget_entry(call: Call, account: Account, reply: Params) -> Params:
    key = (call.params["NetworkAclId"], call.params["RuleNumber"], call.params["Egress"])
    account.state(IcmpEntries, call.region).types.pop(key, None)
    return reply


@follows("ec2", "DescribeNetworkAcls", when=lambda call, account: bool(account.state(IcmpEntries, call.region).types))
def show_types(call: Call, account: Account, reply: Params) -> Params:
    """ICMP entries with their type and code."""
    restore(account, call.region, reply["NetworkAcls"])
    return reply


@guards("ec2", "ReplaceNetworkAclAssociation", state=True)
def may_associate(call: Call, account: Account) -> None:
    association_id = call.params["AssociationId"]
    acl = network_acl(account, call.region, call.params["NetworkAclId"])
    holders = described(account, call.region, "NetworkAcls", {"association.association-id": association_id})
    if not holders:
        raise ServiceError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    if holders[0]["VpcId"] != acl["VpcId"]:
        raise invalid(f"Network ACL {acl['NetworkAclId']} and the subnet belong to different networks")
