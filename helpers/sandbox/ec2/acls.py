"""Network ACLs: the last entry that denies, numbers and blocks as AWS takes them."""

from typing import Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows, guards, replaces
from helpers.sandbox.ec2.common import bad_value, cidr, invalid
from helpers.sandbox.icmp_entries import IcmpEntries, restore

_PROTOCOLS = {"tcp": "6", "udp": "17", "icmp": "1", "icmpv6": "58", "all": "-1"}
_RULE_NUMBERS = range(1, 32767)


def network_acl(account: Account, region: str, acl_id: str) -> Params:
    """Raises InvalidNetworkAclID.NotFound."""
    found = account.aws(
        "ec2", "DescribeNetworkAcls", region, Filters=[{"Name": "association.network-acl-id", "Values": [acl_id]}]
    )["NetworkAcls"]
    if not found:
        raise unknown(acl_id)
    acl: Params = found[0]
    return acl


def unknown(acl_id: str) -> ServiceError:
    return ServiceError("InvalidNetworkAclID.NotFound", f"The networkAcl ID '{acl_id}' does not exist")


@guards("ec2", "DescribeNetworkAcls")
def must_exist(call: Call, account: Account) -> None:
    """moto speaks of route tables where an ACL is unknown."""
    for acl_id in call.params.get("NetworkAclIds", ()):
        if not account.moto.has_network_acl(call.region, acl_id):
            raise unknown(acl_id)


@follows("ec2", "CreateNetworkAcl")
def create(call: Call, account: Account, reply: Params) -> Params:
    """A new ACL holds two entries, which deny all that no other entry decides."""
    acl_id = reply["NetworkAcl"]["NetworkAclId"]
    for egress in (True, False):
        account.moto.add_acl_entry(call.region, acl_id, egress)
    reply["NetworkAcl"] = network_acl(account, call.region, acl_id)
    return reply


@guards("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry")
def may_change_entry(call: Call, account: Account) -> None:
    params = call.params
    acl = network_acl(account, call.region, params["NetworkAclId"])
    number, egress = params["RuleNumber"], params["Egress"]
    if number not in _RULE_NUMBERS:
        raise bad_value(number, "ruleNumber", "The rule number must be between 1 and 32766.")
    exists = any(each["RuleNumber"] == number and each["Egress"] == egress for each in acl["Entries"])
    if call.action != "CreateNetworkAclEntry" and not exists:
        way = "egress" if egress else "ingress"
        raise ServiceError(
            "InvalidNetworkAclEntry.NotFound",
            f"The {way} entry with rule number {number} does not exist in the network ACL {params['NetworkAclId']}",
        )
    if call.action != "DeleteNetworkAclEntry":
        _check_entry(params)


def _check_entry(params: Params) -> None:
    if not params.get("CidrBlock") and not params.get("Ipv6CidrBlock"):
        raise ServiceError("MissingParameter", "The request must contain the parameter cidrBlock or ipv6CidrBlock")
    if params.get("CidrBlock"):
        cidr(params["CidrBlock"], "cidrBlock")
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
    protocol = _PROTOCOLS.get(given.lower(), given)
    if protocol == "-1" or (protocol.isdigit() and int(protocol) <= 255):
        return protocol
    raise bad_value(given, "protocol", "Use a protocol number, or -1 for all protocols.")


@replaces("ec2", "CreateNetworkAclEntry", "ReplaceNetworkAclEntry")
def set_entry(call: Call, account: Account) -> Params:
    """Protocols are kept as numbers, blocks in canonical form."""
    params: dict[str, Any] = {**call.params, "Protocol": _protocol(call.params["Protocol"])}
    if params.get("CidrBlock"):
        params["CidrBlock"] = str(cidr(params["CidrBlock"], "cidrBlock"))
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


@guards("ec2", "ReplaceNetworkAclAssociation")
def may_associate(call: Call, account: Account) -> None:
    association_id = call.params["AssociationId"]
    acl = network_acl(account, call.region, call.params["NetworkAclId"])
    holders = account.aws(
        "ec2",
        "DescribeNetworkAcls",
        call.region,
        Filters=[{"Name": "association.association-id", "Values": [association_id]}],
    )["NetworkAcls"]
    if not holders:
        raise ServiceError("InvalidAssociationID.NotFound", f"The association ID '{association_id}' does not exist")
    if holders[0]["VpcId"] != acl["VpcId"]:
        raise invalid(f"Network ACL {acl['NetworkAclId']} and the subnet belong to different networks")
