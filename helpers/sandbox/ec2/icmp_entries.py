"""ICMP type and code of network ACL entries, which moto takes and never shows again."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from helpers.sandbox.calls import Account, Params


@dataclass
class IcmpEntries:
    """What the entries that have them were given, by ACL, rule number and direction."""

    types: dict[tuple[str, int, bool], Params] = field(default_factory=dict)


def restore(account: Account, region: str, acls: Iterable[Params]) -> None:
    """Write type and code into described ACLs."""
    remembered = account.state(IcmpEntries, region).types
    if not remembered:
        return
    for acl in acls:
        for entry in acl["Entries"]:
            type_and_code = remembered.get((acl["NetworkAclId"], entry["RuleNumber"], entry["Egress"]))
            if type_and_code is not None:
                entry["IcmpTypeCode"] = dict(type_and_code)
