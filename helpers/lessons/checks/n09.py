"""Does a rule find who did it, and nobody else? Held against the traffic that the learner made in notebook 09."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from helpers.detection import port_scans, score
from helpers.lessons.scene import Judgement, Scene, Stop, commands_sent, done, not_attempted, not_yet, numbers
from helpers.network import Connections, Packet, Topology, trace

if TYPE_CHECKING:
    import pandas as pd

CLIENT, APP, WEB, DB = "10.1.0.10", "10.1.1.10", "10.2.0.10", "10.2.1.10"
NAMES = {CLIENT: "client-a", APP: "app-a", WEB: "web-b", DB: "db-b"}
SCAN, GUESSES = (CLIENT, DB), (WEB, DB)
_SCANNED = (1, 22, 53, 80, 443, 1023, 1024, 8080, 33000, 65535)
_LAST_ENTRY = 32767
# The three ways of the language to count different values: at once, or one row for each first, and then the rows.
COUNTS_PORTS = re.compile(r"\bcount_distinct\s*\(|\bdedup\b|\bstats\b.*\|\s*stats\b", re.IGNORECASE | re.DOTALL)
_MARGIN = 60  # seconds: a window begins up to a minute before its packets


def check_09_1(scene: Scene) -> Judgement:
    """A query names the scanner and nobody else, by counting ports."""
    rows = _named_rows(scene, SCAN[0])
    if not COUNTS_PORTS.search(without_comments(scene.answer)):
        return not_yet("counts-records")
    return _judged_rows(rows, SCAN[0]) or done()


def check_09_2(scene: Scene) -> Judgement:
    """A choice of records lets the rule find the scan and accuse nobody: in the learner's records, in the same ones
    with other addresses, and in the same ones at a host without any filter."""
    if not callable(scene.answer):
        return not_yet("no-function", kind=type(scene.answer).__name__)
    talk = _talk(scene)
    if (given := _no_table(scene.answer, talk)) is not None:
        return not_yet("no-table", kind=given)
    own = _scored(scene.answer, talk, SCAN)
    if own.accused:
        return not_yet("accuses", names=_names(source for source, _ in own.accused), precision=f"{own.precision:.0%}")
    if own.missed:
        return not_yet("misses", recall=f"{own.recall:.0%}")
    if _scored(scene.answer, _renamed(talk), (f"{SCAN[0]}0", f"{SCAN[1]}0")).missed:
        return not_yet("by-name")
    open_host = _scored(scene.answer, _at_an_open_host(talk), SCAN)
    if open_host.missed:
        return not_yet("blind")
    return not_yet("accuses-open", precision=f"{open_host.precision:.0%}") if open_host.accused else done()


def check_09_3(scene: Scene) -> Judgement:
    """A query names who guesses passwords, with the number of connections as it was."""
    rows = _named_rows(scene, GUESSES[0])
    problem = _judged_rows(rows, GUESSES[0])
    if problem is not None:
        return problem
    talk = _talk(scene)
    knocks = talk[(talk.srcaddr == WEB) & (talk.dstaddr == DB) & (talk.dstport == 22)]
    accepted = knocks[knocks.action == "ACCEPT"]
    said = {number for column in rows[0] for number in numbers(rows, column)}
    if said & {accepted.srcport.nunique(), knocks.srcport.nunique()}:
        return done()
    if said & {len(accepted), len(knocks)}:
        return not_yet("doubled", records=len(accepted))
    return not_yet("no-count")


def check_09_4(scene: Scene) -> Judgement:
    """The network ACL of db-b's subnet turns the scanner away, and nobody else."""
    entries = [*scene.entries("acl-private-b", egress=False), *scene.entries("acl-private-b", egress=True)]
    denials = [one for one in entries if one["RuleAction"] == "deny" and one["RuleNumber"] < _LAST_ENTRY]
    topology = scene.lab.topology()
    reached = [port for port in _SCANNED if _passes_the_acl(topology, CLIENT, port)]
    if not denials and len(reached) == len(_SCANNED):
        return not_attempted()
    for entry in denials:
        block = ip_network(entry.get("CidrBlock") or entry["Ipv6CidrBlock"])
        if block.num_addresses > 1:
            return not_yet("wide", number=entry["RuleNumber"], block=block, addresses=f"{block.num_addresses:,}")
    for other, port in ((APP, 80), (WEB, 80), (WEB, 22)):
        if not _delivered(topology, other, port):
            return not_yet("innocent", name=NAMES[other], port=port)
    if not reached:
        return done()
    return not_yet("reaches" if len(reached) == len(_SCANNED) else "some", port=reached[0])


def without_comments(query: str) -> str:
    """The query as Insights reads it: lines that begin with # say nothing."""
    return "\n".join(line for line in query.splitlines() if not line.lstrip().startswith("#"))


def _since(scene: Scene) -> float:
    """When the traffic of notebook 09 began, in epoch seconds; ends the check where there is none."""
    mark, machines = scene.lab.name("09 "), ("client-a", "web-b")
    for name in machines:
        scene.one("instance", name)
    every = [one for name in machines for one in commands_sent(scene.lab, name)]
    sent = [one for one in every if one.get("Comment", "").startswith(mark)]
    if not sent:
        raise Stop(not_attempted("no-traffic"))
    return float(min(one["RequestedDateTime"] for one in sent).timestamp())


def _talk(scene: Scene) -> "pd.DataFrame":
    table = scene.records(since=_since(scene) - _MARGIN)
    private = table.srcaddr.str.startswith("10.") & table.dstaddr.str.startswith("10.")
    return table[private.fillna(value=False).astype(bool)].reset_index(drop=True)


def _named_rows(scene: Scene, culprit: str) -> list[dict[str, str]]:
    """The rows of the learner's query; ends the check where they cannot be judged."""
    since = _since(scene)
    rows = scene.query(scene.answer, since=since - _MARGIN)
    if culprit in str(scene.answer):
        raise Stop(not_yet("by-name"))
    if not rows:
        raise Stop(not_yet("nothing"))
    if any("srcAddr" not in row for row in rows):
        raise Stop(not_yet("no-address", columns=", ".join(sorted({name for row in rows for name in row}))))
    return rows


def _judged_rows(rows: list[dict[str, str]], culprit: str) -> Judgement | None:
    sources = {row["srcAddr"] for row in rows}
    if culprit not in sources:
        return not_yet("misses", names=_names(sources))
    if sources != {culprit}:
        return not_yet("accuses", names=_names(sources - {culprit}))
    return None


def _no_table(choose: Callable[[Any], Any], talk: "pd.DataFrame") -> str | None:
    """The type of what the learner's function gives back, if it is no table; one that raises is for ``_scored``."""
    try:
        chosen = choose(talk.copy())
    except Exception:  # the learner's own code, half written perhaps
        return None
    return None if hasattr(chosen, "columns") else type(chosen).__name__


def _scored(choose: Callable[[Any], Any], talk: "pd.DataFrame", truth: tuple[str, str]) -> Any:
    try:
        chosen = choose(talk.copy())
        findings = port_scans(chosen)
    except Exception as problem:  # the learner's own code, half written perhaps
        raise Stop(not_yet("raises", problem=f"{type(problem).__name__}: {problem}")) from problem
    return score(findings, {truth})


def _renamed(talk: "pd.DataFrame") -> "pd.DataFrame":
    """The same records, as if all machines had other addresses."""
    return talk.assign(srcaddr=talk.srcaddr + "0", dstaddr=talk.dstaddr + "0")


def _at_an_open_host(talk: "pd.DataFrame") -> "pd.DataFrame":
    """The same records, as if the scanned host had no filter: each refused packet is let in, and answered."""
    import pandas as pd

    scanned = (talk.srcaddr == SCAN[0]) & (talk.dstaddr == SCAN[1]) & (talk.action == "REJECT")
    let_in = talk.assign(action=talk.action.mask(scanned, "ACCEPT"))
    there_and_back = {"srcaddr": "dstaddr", "dstaddr": "srcaddr", "srcport": "dstport", "dstport": "srcport"}
    answers = let_in[scanned].rename(columns=there_and_back)[list(talk.columns)].assign(packets=1, bytes=40)
    return pd.concat([let_in, answers], ignore_index=True)


def _passes_the_acl(topology: Topology, source: str, port: int) -> bool:
    """Whether a packet to db-b gets as far as the security group."""
    way, _ = trace(topology, Packet(source, DB, 6, src_port=45000, dst_port=port, tcp_flags=2), Connections())
    return way.outcome == "delivered" or (way.deciding is not None and way.deciding.kind == "group")


def _delivered(topology: Topology, source: str, port: int) -> bool:
    asked = Packet(source, DB, 6, src_port=45000, dst_port=port, tcp_flags=2)
    there, memory = trace(topology, asked, Connections())
    back, _ = trace(topology, Packet(DB, source, 6, src_port=port, dst_port=45000, tcp_flags=18), memory)
    return there.outcome == back.outcome == "delivered"


def _names(addresses: Iterable[str]) -> str:
    return ", ".join(sorted({f"{address} ({NAMES.get(address, 'not of your lab')})" for address in addresses}))
