"""The checks of notebook 06: conversations counted, an ACL's entries read in order, and a function tried out."""

from collections.abc import Sequence
from ipaddress import IPv4Network
from itertools import product
from typing import Any

from helpers.flowlogs import read_table
from helpers.lessons.account_view import AccountView, CheckResult, as_number, done, listed, not_attempted, not_yet
from helpers.lessons.checks.n05 import INBOUND, inbound
from helpers.lessons.faults import last_disturbed
from helpers.lessons.the_lab import APP, CLIENT, LAB_WIDE, WEB
from helpers.network import AclEntry, acl_allows

ENDS = [CLIENT, WEB]
CLIENTS = [WEB, CLIENT, APP]
EPHEMERAL = (32768, 45000, 60999)  # what Linux takes
PRIVATE, TCP = IPv4Network(LAB_WIDE), 6
HEAD = "2 123456789012 eni-00000000000000000"
ODD_LINES = [
    f"{HEAD} {CLIENT} {WEB} 40000 80 6 5 1000 1767600000 1767600060 ACCEPT OK",
    f"{HEAD} {CLIENT} {WEB} 40000 8080 6 1 60 1767600000 1767600060 REJECT OK",
    f"{HEAD} - - - - - - - 1767600000 1767600060 - NODATA",
    f"{HEAD} - - - - - - - 1767600000 1767600060 - SKIPDATA",
]


def check_06_1(account: AccountView) -> CheckResult:
    """TCP conversations between client-a and web-b, counted once each, whichever end recorded them."""
    given = as_number(account.answer)
    if given is None or not given.is_integer():
        return not_yet("number", given=_shown(account.answer))
    records = account.records()
    between = records[records.srcaddr.isin(ENDS) & records.dstaddr.isin(ENDS) & (records.protocol == 6)]
    sent = between[between.srcaddr == ENDS[0]]
    back = between[between.srcaddr == ENDS[1]]
    ends = {*zip(sent.srcport, sent.dstport, strict=True), *zip(back.dstport, back.srcport, strict=True)}
    if given == len(ends):
        return done()
    known = {
        "lines": len(between),
        "directions": len(between[["srcaddr", "srcport", "dstaddr", "dstport"]].drop_duplicates()),
        "ports": sent.dstport.nunique(),
    }
    found = [key for key, count in known.items() if count == given]
    return not_yet(found[0] if found else "far", given=int(given))


def check_06_3(account: AccountView) -> CheckResult:
    """Answers of db-b's page get out to every client again, and nothing passes that lesson 01 did not let pass."""
    if last_disturbed(account.lab, "06.3") is None:
        return not_attempted("unbroken")
    if amiss := inbound(account, "sg-private-b") ^ INBOUND["sg-private-b"]:
        return not_yet("group", rules=listed(amiss))
    acl = account.acl("acl-private-b")
    inward, out = ([entry for entry in acl.entries if entry.egress is way] for way in (False, True))
    if [str(entry) for entry in inward[:-1]] != [f"rule 100: allow all traffic from {PRIVATE}"]:
        return not_yet("inbound", entries="; ".join(map(str, inward)))
    if any(entry.allow and not _is_private(entry) for entry in out):
        return not_yet("too-open", entries="; ".join(map(str, out)))
    for client, port in product(CLIENTS, EPHEMERAL):
        if not acl_allows(acl, TCP, client, port, egress=True):
            return not_yet("still", client=client, port=port)
    return done()


def check_06_4(account: AccountView) -> CheckResult:
    """The learner's function adds up their own lines and four more, of every log status."""
    count = account.answer
    if not callable(count):
        return not_yet("callable", given=_shown(count))
    lines = [*account.lines(), *ODD_LINES]
    if failing := _failing(count, lines):
        return not_yet("raises", problem=failing[1], line=failing[0])
    answer = count(list(lines))
    given = as_number(answer)
    if given is None:
        return not_yet("kind", given=type(answer).__name__)
    return done() if given == float(read_table(lines).bytes.sum()) else not_yet("result", given=answer)


def _failing(count: Any, lines: Sequence[str]) -> tuple[str, str] | None:
    """The line on which the learner's function falls over, and what it says; the first of its own if on several."""
    try:
        count(list(lines))
    except Exception as problem:  # the learner's own code
        whole = f"{type(problem).__name__}: {problem}"
    else:
        return None
    for line in lines:
        try:
            count([line])
        except Exception as problem:
            return line, f"{type(problem).__name__}: {problem}"
    return lines[0], whole


def _is_private(entry: AclEntry) -> bool:
    """Whether an entry names only addresses that lesson 01 let pass."""
    return entry.cidr is not None and not entry.cidr.is_ipv6 and IPv4Network(entry.cidr.text).subnet_of(PRIVATE)


def _shown(value: Any) -> str:
    """A short value as it is; of what fills more than a line, only the type."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"of type {type(value).__name__}"
