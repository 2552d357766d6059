"""The rules: a table of records in, findings out."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from helpers.detection.findings import Finding

_TCP, _UDP = 6, 17
_SYN, _ACK = 2, 16
_NEEDED = ("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "action", "start", "end")


def port_scans(records: pd.DataFrame, *, ports: int = 10, within: int = 3600) -> list[Finding]:
    """Who tried many ports of one host: at least ``ports`` different ones within ``within`` seconds.

    Destination ports are counted per source and destination, as most published rules do, whatever the verdict. So a
    server that answers many clients is taken for a scanner, unless the answers are left out before (:func:`requests`).
    Raises ``ValueError`` where a column is missing or a threshold is not positive.
    """
    _check(records, ports=ports, within=within)
    talk = records[records.protocol.isin((_TCP, _UDP))]
    return [
        Finding("port-scan", row.srcaddr, row.dstaddr, int(row.count), int(row.first), int(row.last))
        for row in _busiest(talk, ["srcaddr", "dstaddr"], "dstport", ports, within)
    ]


def brute_forces(
    records: pd.DataFrame, *, port: int = 22, attempts: int = 10, packets: int = 40, within: int = 600
) -> list[Finding]:
    """Which source makes many short connections to one port: ``attempts`` of them within ``within`` seconds.

    Counted are the source ports of accepted TCP records towards ``port`` that have at most ``packets`` packets: a login
    that fails is short, and each attempt has a source port of its own. Flow logs cannot see whether a login failed, so
    a script that logs in every minute looks the same. Raises ``ValueError`` where a column is missing or a threshold is
    not positive.
    """
    _check(records, attempts=attempts, packets=packets, within=within)
    towards = (records.protocol == _TCP) & (records.dstport == port)
    short = (records.action == "ACCEPT") & (records.packets <= packets)
    attempted = records[(towards & short).fillna(value=False).astype(bool)]
    return [
        Finding("brute-force", row.srcaddr, row.dstaddr, int(row.count), int(row.first), int(row.last), port=port)
        for row in _busiest(attempted, ["srcaddr", "dstaddr"], "srcport", attempts, within)
    ]


def requests(records: pd.DataFrame) -> pd.DataFrame:
    """The records that run from the one who began to the one who was asked, as far as a record can tell.

    In a format with ``tcp-flags``, a record with SYN and ACK is of an answer. Without the field, or where its flags
    hold no SYN, ports have to do: who begins takes a high port of its own, and who is asked has a lower one, so a
    record towards the higher port is taken for an answer. Between two high ports that is a guess. Records without ports
    stay. Raises ``ValueError`` where a column is missing.
    """
    _check(records)
    answers = (records.srcport < records.dstport).fillna(value=False).astype(bool)
    if "tcp_flags" in records:
        flags = records.tcp_flags.fillna(0).astype(int)
        answers = answers.where((flags & _SYN) == 0, (flags & _ACK) > 0)
    return records[~answers]


def _check(records: pd.DataFrame, **thresholds: int) -> None:
    missing = [name for name in _NEEDED if name not in records]
    if missing:
        raise ValueError(f"A detection needs the columns {', '.join(_NEEDED)}; missing: {', '.join(missing)}.")
    for name, value in thresholds.items():
        if value <= 0:
            raise ValueError(f"{name} has to be positive, not {value}.")


def _busiest(records: pd.DataFrame, by: Sequence[str], what: str, least: int, within: int) -> Iterator[Any]:
    """Rows of ``by``, count, first and last: for each key the stretch with most different ``what``, if ``least``.

    A stretch may begin with any record, and holds what begins less than ``within`` seconds after that one. Only keys
    that have enough in all are gone through record by record; in most tables those are few.
    """
    known = records.dropna(subset=[*by, what, "start", "end"])
    enough = known.groupby([*by])[what].transform("nunique") >= least
    rows = []
    for key, group in known[enough.astype(bool)].sort_values("start", kind="stable").groupby([*by]):
        count, first, last = _fullest(group[what].tolist(), group.start.tolist(), group.end.tolist(), within)
        if count >= least:
            rows.append((*key, count, first, last))
    busiest = pd.DataFrame(rows, columns=[*by, "count", "first", "last"])
    busiest = busiest.sort_values(["count", *by], ascending=[False, *[True] * len(by)])
    return busiest.itertuples(index=False)


def _fullest(values: Sequence[Any], starts: Sequence[int], ends: Sequence[int], within: int) -> tuple[int, int, int]:
    """How many different values the fullest stretch has, its first start and its last end; the earliest of equals."""
    inside: Counter[Any] = Counter()
    best, bounds, tail = 0, (0, 0), 0
    for head, value in enumerate(values):
        inside[value] += 1
        while starts[head] - starts[tail] >= within:
            inside[values[tail]] -= 1
            if not inside[values[tail]]:
                del inside[values[tail]]
            tail += 1
        if len(inside) > best:
            best, bounds = len(inside), (tail, head)
    first, last = bounds
    return best, starts[first], max(ends[first : last + 1])
