"""What a security group's rule may say, in the form that EC2 keeps. moto takes any protocol and any port.

Source: EC2 API Reference, IpPermission, and EC2's own refusals in public reports.
"""

import ipaddress
from typing import Any

from helpers.sandbox.calls import Params, ServiceError
from helpers.sandbox.ec2.common import cidr, invalid

_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_KNOWN = ("tcp", "udp", "icmp", "icmpv6", "-1")


def canonical(params: Params) -> Params:
    """The call's rules as later replies show them. Raises InvalidParameterValue or MissingParameter."""
    if not params.get("IpPermissions") and not params.get("IpProtocol"):
        raise ServiceError("MissingParameter", "The request must contain the parameter ipPermissions")
    changed: dict[str, Any] = dict(params)
    if changed.get("IpProtocol"):
        changed = _ports(changed)
        if changed.get("CidrIp"):
            changed["CidrIp"] = _block(changed["CidrIp"])
    if changed.get("IpPermissions"):
        changed["IpPermissions"] = [_permission(each) for each in changed["IpPermissions"]]
    return changed


def _permission(given: Params) -> Params:
    if not given.get("IpProtocol"):
        raise ServiceError("MissingParameter", "The request must contain the parameter ipProtocol")
    changed = _ports(given)
    if given.get("IpRanges"):
        changed["IpRanges"] = [{**each, "CidrIp": _block(each.get("CidrIp", ""))} for each in given["IpRanges"]]
    if given.get("Ipv6Ranges"):
        changed["Ipv6Ranges"] = [
            {**each, "CidrIpv6": _block6(each.get("CidrIpv6", ""))} for each in given["Ipv6Ranges"]
        ]
    return changed


def _ports(given: Params) -> dict[str, Any]:
    """Protocol by name where it has one; ports where the protocol has some."""
    name = _NAMES.get(given["IpProtocol"].lower(), given["IpProtocol"].lower())
    if name not in _KNOWN and not (name.isascii() and name.isdigit() and int(name) <= 255):
        raise invalid(f"Invalid value '{given['IpProtocol']}' for IP protocol. Unknown protocol.")
    changed = {**given, "IpProtocol": name}
    first, last = changed.pop("FromPort", None), changed.pop("ToPort", None)
    if name in ("tcp", "udp"):
        _check_ports(first, last)
    elif name in ("icmp", "icmpv6"):
        first, last = -1 if first is None else first, -1 if last is None else last
        for what, number in (("type", first), ("code", last)):
            if not -1 <= number <= 255:
                raise invalid(f"ICMP {what} ({number}) out of range")
    else:
        return changed  # EC2 ignores ports here: such a rule is about all of them
    return {**changed, "FromPort": first, "ToPort": last}


def _check_ports(first: int | None, last: int | None) -> None:
    if first is None or last is None:
        raise invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.")
    for port in (first, last):
        if not 0 <= port <= 65535:
            raise invalid(f"TCP/UDP port ({port}) out of range")
    if first > last:
        raise invalid(f"Invalid TCP/UDP port range ({first}:{last})")


def _block(text: str) -> str:
    try:
        return str(cidr(text, "cidrIp"))
    except ServiceError:
        raise invalid(f"CIDR block {text} is malformed") from None


def _block6(text: str) -> str:
    try:
        if "/" not in text:
            raise ValueError(text)
        return str(ipaddress.IPv6Network(text, strict=False))
    except ValueError:
        raise invalid(f"CIDR block {text} is malformed") from None
