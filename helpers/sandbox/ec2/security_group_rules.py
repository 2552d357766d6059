"""What a security group's rule may say, in the form that EC2 keeps. moto takes any protocol and any port.

Source: EC2 API Reference, IpPermission, and EC2's own refusals in public reports.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from helpers.sandbox.calls import Params, ServiceError
from helpers.sandbox.ec2.common import cidr, cidr6, invalid

_NAMES = {"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6", "all": "-1"}
_KNOWN = ("tcp", "udp", "icmp", "icmpv6", "-1")
_MARKS = ". _-:/()#,@[]+=&;{}!$*"
_TEXT = re.compile(f"[a-zA-Z0-9{re.escape(_MARKS)}]{{0,255}}")
_SOURCES = (
    ("IpRanges", "CidrIp"),
    ("Ipv6Ranges", "CidrIpv6"),
    ("PrefixListIds", "PrefixListId"),
    ("UserIdGroupPairs", "GroupId"),
)
RuleKey = tuple[str, int | None, int | None, str]
"""Protocol, ports (or ICMP type and code) and source of a rule: what is compared to tell that it is there already."""


def check_text(text: str, what: str) -> None:
    """The name or the description of a group, or the ``rule description``. Raises InvalidParameterValue."""
    if not _TEXT.fullmatch(text):
        head, many = f"Invalid {what}. Valid {what.split()[-1]}s are strings", "less than 256 characters"
        raise invalid(f"{head} {many} from the following set:  a-zA-Z0-9{_MARKS}")


def keys(params: Params) -> Iterator[RuleKey]:
    """The rules that a call in its canonical form is about, in the newer form or the older."""
    if params.get("CidrIp") and params.get("IpProtocol"):
        yield _key(params, params["CidrIp"])
    for permission in params.get("IpPermissions", ()):
        for kind, member in _SOURCES:
            for source in permission.get(kind, ()):
                if source.get(member):
                    yield _key(permission, source[member])


def key_of(rule: Params) -> RuleKey:
    """The same of a rule as ``DescribeSecurityGroupRules`` shows it."""
    named = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    return _key(rule, named or rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId", ""))


def _key(rule: Params, source: str) -> RuleKey:
    with_ports = rule["IpProtocol"] in _KNOWN[:-1]
    first, last = (rule.get("FromPort"), rule.get("ToPort")) if with_ports else (None, None)
    return rule["IpProtocol"], first, last, source


def in_words(key: RuleKey) -> str:
    """A rule as EC2's refusals name it."""
    protocol, first, last, source = key
    ports = ""
    if protocol in ("tcp", "udp"):
        ports = f" from port: {first}, to port: {last},"
    elif protocol in ("icmp", "icmpv6"):
        ports = "".join(f" {what}: {'ALL' if n == -1 else n}," for what, n in (("type", first), ("code", last)))
    return f"peer: {source}, {'ALL' if protocol == '-1' else protocol.upper()},{ports} ALLOW"


def check_sources(params: Params) -> None:
    """Each permission names a source, and none twice. Raises MissingParameter or InvalidParameterValue."""
    permissions = params.get("IpPermissions") or [params]
    for permission in permissions:
        older = permission.get("CidrIp") or permission.get("SourceSecurityGroupName")
        if not older and not any(permission.get(kind) for kind, _ in _SOURCES):
            raise ServiceError(
                "MissingParameter", "Missing source specification: include source security group or CIDR information"
            )
    asked = list(keys(params))
    if len(set(asked)) < len(asked):
        raise invalid("The same permission must not appear multiple times")


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
        changed["IpPermissions"] = [_permission(permission) for permission in changed["IpPermissions"]]
    return changed


def _permission(given: Params) -> Params:
    if not given.get("IpProtocol"):
        raise ServiceError("MissingParameter", "The request must contain the parameter ipProtocol")
    changed = _ports(given)
    for kind, _ in _SOURCES:
        for source in given.get(kind, ()):
            check_text(source.get("Description", ""), "rule description")
    if given.get("IpRanges"):
        changed["IpRanges"] = [{**block, "CidrIp": _block(block.get("CidrIp", ""))} for block in given["IpRanges"]]
    if given.get("Ipv6Ranges"):
        changed["Ipv6Ranges"] = [
            {**block, "CidrIpv6": _block(block.get("CidrIpv6", ""), cidr6)} for block in given["Ipv6Ranges"]
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


def _block(text: str, read: Callable[[str, str], object] = cidr) -> str:
    try:
        return str(read(text, "cidrIp"))
    except ServiceError:
        raise invalid(f"CIDR block {text} is malformed") from None
