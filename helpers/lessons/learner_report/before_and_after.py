"""A fault that was fixed, by the records of both ends: what was rejected then, and what was accepted later."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from helpers.lab import Lab
from helpers.lessons.content import exercises
from helpers.lessons.faults import faults, last_disturbed
from helpers.lessons.learner_report.written_report import Evidence, ReportClaim

if TYPE_CHECKING:
    import pandas as pd

_WINDOW, _MOST_LINES, _ICMP = 60, 5, 1
_PROTOCOLS = {_ICMP: "icmp", 6: "tcp", 17: "udp"}


def before_and_after(lab: Lab, table: "pd.DataFrame", done: Collection[str]) -> Iterator[ReportClaim]:
    """A claim for each fault of the lessons whose check is done, where the records show both sides of it.

    Before: a REJECT between two private addresses after the complaint, and before the next complaint. After: a later
    ACCEPT by the same interface in the same direction, and no REJECT in that conversation. ``table`` is what
    ``records(lab, 0)`` gives. Systems Manager is asked when the complaint was made: it remembers for thirty days.
    """
    made = {key: moment.timestamp() for key in faults() if (moment := last_disturbed(lab, key))}
    inside = table[table.srcaddr.str.startswith("10.") & table.dstaddr.str.startswith("10.")].sort_values("start")
    for key in sorted(made.keys() & set(done)):
        until = min((moment for moment in made.values() if moment > made[key]), default=float("inf"))
        window = inside.start.between(made[key] - _WINDOW, until - _WINDOW, inclusive="left")
        for before in inside[window & (inside.action == "REJECT")].itertuples():
            later = inside[(inside.action == "ACCEPT") & (inside.start > before.end) & _same(inside, before)]
            healthy = (after for after in later.itertuples() if "REJECT" not in _both_ends(inside, after))
            if after := next(healthy, None):
                yield _claim(key, made[key], inside, before, after)
                break


def _claim(key: str, moment: float, inside: "pd.DataFrame", before: Any, after: Any) -> ReportClaim:
    kind = _PROTOCOLS.get(before.protocol, f"protocol {before.protocol}")
    text = (
        f"Check {key} is done. The complaint is of {utc(moment)}: {instance_of(before)} rejected {kind} from "
        f"{before.srcaddr} to {before.dstaddr}. In the window from {utc(after.start)} on, it accepted the same."
    )
    told = {"before": before, "after": after}
    evidence = (Evidence(f"{word}, the records of both ends", _both_ends(inside, row)) for word, row in told.items())
    return ReportClaim("Security", text, tuple(evidence), f"Before and after: {key} {exercises()[key].title}")


def _both_ends(inside: "pd.DataFrame", row: Any) -> str:
    """The lines of a conversation, by either end and in both directions, whose windows overlap this record's."""
    ways = _same(inside, row, ends=2) | _same(inside, row, ends=2, back=True)
    near = inside[ways & (inside.start <= row.end) & (inside.end >= row.start)]
    return "\n".join(near.line[:_MOST_LINES])


def _same(inside: "pd.DataFrame", row: Any, *, ends: int = 1, back: bool = False) -> Any:
    """Which records are of the same addresses, protocol and service port: by the same interface, or by both ends."""
    source, target = (row.dstaddr, row.srcaddr) if back else (row.srcaddr, row.dstaddr)
    same = (inside.srcaddr == source) & (inside.dstaddr == target) & (inside.protocol == row.protocol)
    if row.protocol != _ICMP:
        asks = row.dstport < row.srcport  # the higher port is the client's, another one each time
        same &= (inside.dstport if asks != back else inside.srcport) == min(row.srcport, row.dstport)
    return same if ends > 1 else same & (inside.interface_id == row.interface_id)


def in_words(row: Any) -> str:
    """A record as a sentence."""
    ports = "" if row.protocol == _ICMP else f", port {row.srcport} to port {row.dstport}"
    kind = _PROTOCOLS.get(row.protocol, f"protocol {row.protocol}")
    return (
        f"In the window from {utc(row.start)} on, {instance_of(row)} recorded {row.action}: {row.packets} {kind} "
        f"packet{'' if row.packets == 1 else 's'} from {row.srcaddr} to {row.dstaddr}{ports}."
    )


def instance_of(row: Any) -> str:
    """Whose interface wrote a record."""
    known = isinstance(row.instance, str) and row.instance not in ("", "nan")
    return f"the interface of {row.instance}" if known else "an interface that is gone"


def utc(moment: float) -> str:
    """Epoch seconds as a date and a time of day, in UTC."""
    return f"{datetime.fromtimestamp(float(moment), UTC):%Y-%m-%d %H:%M:%S}"
