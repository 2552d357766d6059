"""The checks of notebook 06: conversations counted, an ACL's entries read in order, and a function tried out."""

from collections.abc import Mapping, Sequence
from ipaddress import ip_address, ip_network
from typing import Any

from helpers.flowlogs import read_table
from helpers.lessons.checks.n05 import INBOUND, shape, told
from helpers.lessons.scene import Judgement, Scene, as_number, done, not_attempted, not_yet

ENDS = ["10.1.0.10", "10.2.0.10"]
OF_VPC_A = ["10.1.0.10", "10.1.1.10", "10.1.255.254"]
PRIVATE = ip_network("10.0.0.0/8")
ICMP, EVERY = "1", "-1"
LAST = 32767
HEAD = "2 123456789012 eni-00000000000000000"
ODD_LINES = [
    f"{HEAD} 10.1.0.10 10.2.0.10 40000 80 6 5 1000 1767600000 1767600060 ACCEPT OK",
    f"{HEAD} 10.1.0.10 10.2.0.10 40000 8080 6 1 60 1767600000 1767600060 REJECT OK",
    f"{HEAD} - - - - - - - 1767600000 1767600060 - NODATA",
    f"{HEAD} - - - - - - - 1767600000 1767600060 - SKIPDATA",
]


def check_06_1(scene: Scene) -> Judgement:
    """TCP conversations between client-a and web-b, counted once each, whoever wrote of them."""
    given = as_number(scene.answer)
    if given is None or not given.is_integer():
        return not_yet("number", given=_shown(scene.answer))
    records = scene.records()
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


def check_06_3(scene: Scene) -> Judgement:
    """The ACL of private-b lets answers to pings of VPC A out again, and nothing that it never let out."""
    rules = {shape(rule) for rule in scene.rules("sg-private-b") if not rule["IsEgress"]}
    if rules != INBOUND["sg-private-b"]:
        return not_yet("group", rules=told(rules ^ INBOUND["sg-private-b"]))
    inward = scene.entries("acl-private-b", egress=False)
    if [_entry(each) for each in inward if each["RuleNumber"] != LAST] != [f"100 allow all {PRIVATE}"]:
        return not_yet("inbound", entries=_told(inward))
    out = scene.entries("acl-private-b", egress=True)
    if _reaches_beyond(out):
        return not_yet("too-open", entries=_told(out))
    shut = [address for address in OF_VPC_A if _decision(out, address) != "allow"]
    if not shut:
        return done()
    untouched = [entry["RuleNumber"] for entry in out] == [90, 100, LAST] and out[0]["RuleAction"] == "deny"
    return not_attempted() if untouched else not_yet("still", entries=_told(out), address=shut[0])


def check_06_4(scene: Scene) -> Judgement:
    """The learner's function adds up their own lines and four more, of every log status."""
    count = scene.answer
    if not callable(count):
        return not_yet("callable", given=_shown(count))
    lines = [*scene.lines(), *ODD_LINES]
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


def _decision(entries: Sequence[Mapping[str, Any]], address: str) -> str:
    """What the entries say of a ping's answer to this address: the first that matches decides."""
    for entry in entries:
        kind = entry.get("IcmpTypeCode", {}).get("Type", -1)
        range_ = entry.get("CidrBlock")
        fits = entry["Protocol"] in (ICMP, EVERY) and kind in (0, -1)
        if fits and range_ and ip_address(address) in ip_network(range_):
            return str(entry["RuleAction"])
    return "deny"


def _reaches_beyond(entries: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an entry allows addresses that lesson 01 did not let pass."""
    allowed = [entry for entry in entries if entry["RuleAction"] == "allow"]
    ranges = [ip_network(entry.get("CidrBlock") or entry.get("Ipv6CidrBlock") or "::/0") for entry in allowed]
    return any(each.version != 4 or not each.subnet_of(PRIVATE) for each in ranges)  # type: ignore[arg-type]


def _entry(entry: Mapping[str, Any]) -> str:
    names = {EVERY: "all", ICMP: "icmp", "6": "tcp", "17": "udp"}
    number = "*" if entry["RuleNumber"] == LAST else entry["RuleNumber"]
    range_ = entry.get("CidrBlock") or entry.get("Ipv6CidrBlock")
    return f"{number} {entry['RuleAction']} {names.get(entry['Protocol'], entry['Protocol'])} {range_}"


def _told(entries: Sequence[Mapping[str, Any]]) -> str:
    return "; ".join(map(_entry, entries))


def _shown(value: Any) -> str:
    """A short value as it is; of what fills more than a line, only the type."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"of type {type(value).__name__}"
