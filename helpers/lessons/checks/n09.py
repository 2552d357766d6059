"""Does a rule find who did it, and nobody else? Held against the traffic that the learner made in notebook 09."""

import re
from collections.abc import Callable, Iterable
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any

from helpers.detection import port_scans, score
from helpers.lessons.account_view import (
    AccountView,
    CheckEnded,
    CheckResult,
    commands_sent,
    done,
    not_attempted,
    not_yet,
    numbers,
)
from helpers.lessons.the_lab import APP, CLIENT, DB, MACHINES, WEB
from helpers.network import Connections, Topology, trace

if TYPE_CHECKING:
    import pandas as pd

SCAN, GUESSES = (CLIENT, DB), (WEB, DB)
_SCANNED = (1, 22, 53, 80, 443, 1023, 1024, 8080, 33000, 65535)
_BENIGN = ((APP, 80), (WEB, 80), (WEB, 22))
_MANY_PORTS = 10
# The three ways of the language to count different values: at once, or one row for each first, and then the rows.
COUNTS_PORTS = re.compile(r"\bcount_distinct\s*\(|\bdedup\b|\bstats\b.*\|\s*stats\b", re.IGNORECASE | re.DOTALL)
_BEFORE, _AFTER = 60, 120  # seconds: a window begins up to a minute before its packets; the last command ends in two


def check_09_1(account: AccountView) -> CheckResult:
    """A query names the scanner and nobody else, by counting ports."""
    rows = _named_rows(account, SCAN[0])
    if not COUNTS_PORTS.search(without_comments(account.answer)):
        return not_yet("counts-records")
    return _judged_rows(rows, SCAN[0]) or _threshold_problem(account) or done()


def check_09_2(account: AccountView) -> CheckResult:
    """A choice of records lets the rule find the scan and accuse nobody: in the learner's records, in the same ones
    with other addresses, at other ports, and at a host without any filter.
    """
    if not callable(account.answer):
        return not_yet("no-function", kind=type(account.answer).__name__)
    talk = _talk(account)
    if (given := _no_table(account.answer, talk)) is not None:
        return not_yet("no-table", kind=given)
    own = _scored(account.answer, talk, SCAN)
    if own.false_positives:
        return not_yet(
            "accuses", names=_names(source for source, _ in own.false_positives), precision=f"{own.precision:.0%}"
        )
    if own.missed:
        return not_yet("misses", recall=f"{own.recall:.0%}")
    if _scored(account.answer, _renamed(talk), (f"{SCAN[0]}0", f"{SCAN[1]}0")).missed:
        return not_yet("by-name")
    moved = _scored(account.answer, _at_other_ports(talk), SCAN)
    if moved.false_positives or moved.missed:
        return not_yet("port-list", precision=f"{moved.precision:.0%}", recall=f"{moved.recall:.0%}")
    open_host = _scored(account.answer, _at_an_open_host(talk), SCAN)
    if open_host.missed:
        return not_yet("blind")
    return not_yet("accuses-open", precision=f"{open_host.precision:.0%}") if open_host.false_positives else done()


def check_09_3(account: AccountView) -> CheckResult:
    """A query names who tries many logins, with the number of connections as it was."""
    rows = _named_rows(account, GUESSES[0])
    problem = _judged_rows(rows, GUESSES[0])
    if problem is not None:
        return problem
    talk = _talk(account)
    attempts = talk[(talk.srcaddr == WEB) & (talk.dstaddr == DB) & (talk.dstport == 22)]
    accepted = attempts[attempts.action == "ACCEPT"]
    said = {number for column in rows[0] for number in numbers(rows, column)}
    if said & {accepted.srcport.nunique(), attempts.srcport.nunique()}:
        return done()
    if said & {len(accepted), len(attempts)}:
        return not_yet("doubled", records=len(accepted))
    return not_yet("no-count")


def check_09_4(account: AccountView) -> CheckResult:
    """The network ACL of db-b's subnet turns the scanner away, and nobody else."""
    denials = [entry for entry in account.acl("acl-private-b").entries if not entry.allow and entry.cidr]
    topology = account.lab.topology()
    reached = [port for port in _SCANNED if _passes_the_acl(account, topology, CLIENT, port)]
    usual = all(_delivered(account, topology, other, port) for other, port in (*_BENIGN, (CLIENT, 80)))
    if not denials and usual and len(reached) == len(_SCANNED):
        return not_attempted()
    for entry in denials:
        count = ip_network(str(entry.cidr)).num_addresses
        if count > 1:
            return not_yet("wide", number=entry.number, block=entry.cidr, addresses=f"{count:,}")
    for other, port in _BENIGN:
        if not _delivered(account, topology, other, port):
            return not_yet("benign", name=MACHINES[other], port=port)
    if not reached:
        return done()
    acl = account.resource_id("network-acl", "acl-private-b")
    return not_yet("reaches" if len(reached) == len(_SCANNED) else "some", port=reached[0], acl=acl)


def without_comments(query: str) -> str:
    """The query as Insights reads it: lines that begin with # say nothing."""
    return "\n".join(line for line in query.splitlines() if not line.lstrip().startswith("#"))


def _span(account: AccountView) -> tuple[float, float]:
    """The time range of notebook 09's traffic, in epoch seconds; ends the check where there is none."""
    sent = {}
    for name, what in (("client-a", "tool"), ("web-b", "guesses")):
        account.resource_id("instance", name)
        for command in commands_sent(account.lab, name):
            if command.get("Comment") == account.lab.name(f"09 {what}"):
                sent[what] = command["RequestedDateTime"].timestamp()
    if len(sent) < 2:
        raise CheckEnded(not_attempted("no-traffic"))
    return sent["tool"] - _BEFORE, sent["guesses"] + _AFTER


def _talk(account: AccountView) -> "pd.DataFrame":
    since, until = _span(account)
    table = account.records(since=since)
    table = table[table.start <= until]
    private = table.srcaddr.str.startswith("10.") & table.dstaddr.str.startswith("10.")
    return table[private.fillna(value=False).astype(bool)].reset_index(drop=True)


def _named_rows(account: AccountView, culprit: str) -> list[dict[str, str]]:
    """The rows of the learner's query; ends the check where they cannot be judged."""
    since, until = _span(account)
    rows = account.query(account.answer, since=since, until=until)
    if culprit in str(account.answer):
        raise CheckEnded(not_yet("by-name"))
    if not rows:
        raise CheckEnded(not_yet("nothing"))
    if any("srcAddr" not in row for row in rows):
        raise CheckEnded(not_yet("no-address", columns=", ".join(sorted({name for row in rows for name in row}))))
    return rows


def _judged_rows(rows: list[dict[str, str]], culprit: str) -> CheckResult | None:
    sources = {row["srcAddr"] for row in rows}
    if culprit not in sources:
        return not_yet("misses", names=_names(sources))
    if sources != {culprit}:
        return not_yet("accuses", names=_names(sources - {culprit}))
    return None


def _threshold_problem(account: AccountView) -> CheckResult | None:
    """Whether the query errs on the same scan at as many ports as count, or at one less; run here, not by AWS."""
    from helpers.insights import Event, LogTable, run  # takes half a second to load

    talk = _talk(account)
    at_db = talk[(talk.srcaddr == SCAN[0]) & (talk.dstaddr == SCAN[1])]
    refused = sorted(at_db[at_db.action == "REJECT"].dstport.unique())
    for count in (_MANY_PORTS, _MANY_PORTS - 1):
        kept = talk.drop(at_db[~at_db.dstport.isin(refused[:count])].index)
        table = LogTable(account.log_group)
        lines: Any = kept.itertuples()
        table.append(Event(int(line.start) * 1000, 0, line.interface_id, line.line) for line in lines)
        named = {value for row in run(account.answer, table).rows for name, value in row if name == "srcAddr"}
        if named != ({SCAN[0]} if count >= _MANY_PORTS else set()):
            return not_yet("threshold", ports=count, names=_names(named) or "nobody")
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
        raise CheckEnded(not_yet("raises", problem=f"{type(problem).__name__}: {problem}")) from problem
    return score(findings, {truth})


def _renamed(talk: "pd.DataFrame") -> "pd.DataFrame":
    """The same records, as if all machines had other addresses."""
    return talk.assign(srcaddr=talk.srcaddr + "0", dstaddr=talk.dstaddr + "0")


def _at_other_ports(talk: "pd.DataFrame") -> "pd.DataFrame":
    """The same records, as if every service, and what was scanned, had a port from 8000 on."""
    ports = talk[["srcport", "dstport"]]
    return talk.assign(**ports.where(ports >= 1024, ports + 8000))


def _at_an_open_host(talk: "pd.DataFrame") -> "pd.DataFrame":
    """The same records, as if the scanned host had no filter: each refused packet is let in, and answered."""
    import pandas as pd

    scanned = (talk.srcaddr == SCAN[0]) & (talk.dstaddr == SCAN[1]) & (talk.action == "REJECT")
    let_in = talk.assign(action=talk.action.mask(scanned, "ACCEPT"))
    there_and_back = {"srcaddr": "dstaddr", "dstaddr": "srcaddr", "srcport": "dstport", "dstport": "srcport"}
    answers = let_in[scanned].rename(columns=there_and_back)[list(talk.columns)].assign(packets=1, bytes=40)
    return pd.concat([let_in, answers], ignore_index=True)


def _passes_the_acl(account: AccountView, topology: Topology, source: str, port: int) -> bool:
    """Whether a packet to db-b gets as far as the security group."""
    asked = account.packet(source, DB, 6, src_port=45000, dst_port=port, tcp_flags=2)
    way, _ = trace(topology, asked, Connections())
    return way.outcome == "delivered" or (way.deciding is not None and way.deciding.kind == "group")


def _delivered(account: AccountView, topology: Topology, source: str, port: int) -> bool:
    asked = account.packet(source, DB, 6, src_port=45000, dst_port=port, tcp_flags=2)
    there, memory = trace(topology, asked, Connections())
    answer = account.packet(DB, source, 6, src_port=port, dst_port=45000, tcp_flags=18)
    back, _ = trace(topology, answer, memory)
    return there.outcome == back.outcome == "delivered"


def _names(addresses: Iterable[str]) -> str:
    return ", ".join(sorted({f"{address} ({MACHINES.get(address, 'not of your lab')})" for address in addresses}))
