"""The eight detections over a table of records in the default format: columns of numbers in, findings out.

Addresses become numbers first and groups one number each, so a million records take less than a second.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers.detection.catalogue import DETECTIONS, Known
from helpers.detection.findings import Finding

Array = np.ndarray[Any, np.dtype[Any]]
Limits = Mapping[str, float]
_TCP, _UDP = 6, 17
_INSIDE = "10."
_SSH, _SESSIONS = 22, (22, 3389, 445, 5432)
_NUMBERS = ("srcport", "dstport", "packets", "bytes", "start", "end")
_NEEDED = ("interface_id", "srcaddr", "dstaddr", "protocol", "action", *_NUMBERS)


def detect(detection: str, records: pd.DataFrame, known: Known = (), **thresholds: float) -> list[Finding]:
    """What one detection finds, the largest count first; pairs that are ``known`` are left out.

    ``detection`` is an id of :data:`helpers.detection.DETECTIONS`; ``thresholds`` replace shipped ones. ``records``
    is a table as of :func:`helpers.flowlogs.read_table`. Raises ValueError where a column is missing, and for a
    threshold that the detection does not have; KeyError for an unknown id.
    """
    limits = DETECTIONS[detection].with_thresholds(**thresholds)
    if missing := [name for name in _NEEDED if name not in records]:
        raise ValueError(f"A detection needs the columns {', '.join(_NEEDED)}; missing: {', '.join(missing)}.")
    found = [one for one in _RULES[detection](records, limits) if one.pair not in known]
    found.sort(key=lambda one: (-one.count, one.source, one.target, one.port or 0))
    return list({one.pair: one for one in reversed(found)}.values())[::-1]  # of a pair the largest


def evidence(records: pd.DataFrame, finding: Finding) -> pd.DataFrame:
    """The records behind a finding: from its source to its target (and port) in its time."""
    source = finding.source.removesuffix("0/24")
    chosen = records[(records.start >= finding.start) & (records.end <= finding.end)]
    chosen = chosen[chosen.srcaddr.str.startswith(source) if source != finding.source else chosen.srcaddr == source]
    if not finding.target.startswith("*"):
        chosen = chosen[chosen.dstaddr == finding.target]
    return chosen if finding.port is None else chosen[chosen.dstport == finding.port]


@dataclass(frozen=True)
class _Flows:
    """Some of the records, as arrays of one length; ``src`` and ``dst`` are places in ``sources`` and ``targets``."""

    columns: Mapping[str, Array]
    sources: Array
    targets: Array

    def __getattr__(self, name: str) -> Array:
        return self.columns[name]

    def where(self, chosen: Array) -> "_Flows":
        return _Flows({name: column[chosen] for name, column in self.columns.items()}, self.sources, self.targets)

    def inside(self, names: Array) -> Array:
        return np.array([str(name).startswith(_INSIDE) for name in names], dtype=bool)

    def finding(self, code: str, chosen: Array, count: float, *, port: int | None = None, target: str = "") -> Finding:
        """A finding about these records, of which the first names the ends."""
        first = int(np.argmax(chosen))
        ends = self.sources[self.src[first]], target or self.targets[self.dst[first]]
        start, end = int(self.start[chosen].min()), int(self.end[chosen].max())
        return Finding(code, str(ends[0]), str(ends[1]), int(count), start, end, port)


def _flows(records: pd.DataFrame, chosen: Array) -> _Flows:
    part = records[chosen]
    columns: dict[str, Array] = {name: _numbers(part[name]) for name in _NUMBERS}
    src, sources = pd.factorize(part.srcaddr.to_numpy(dtype=object))
    dst, targets = pd.factorize(part.dstaddr.to_numpy(dtype=object))
    eni, _ = pd.factorize(part.interface_id.to_numpy(dtype=object))
    return _Flows({**columns, "src": src, "dst": dst, "eni": eni}, sources, targets)


def _numbers(column: "pd.Series[Any]") -> Array:
    return column.to_numpy(dtype=np.int64, na_value=-1)


def _requests(records: pd.DataFrame, protocols: tuple[int, ...] = (_TCP,), *, accepted: bool = False) -> _Flows:
    """The records towards the lower port, which is mostly that of the one who was asked."""
    chosen = _numbers(records.srcport) >= _numbers(records.dstport)
    chosen &= np.isin(_numbers(records.protocol), protocols)
    if accepted:
        chosen &= (records.action == "ACCEPT").to_numpy(dtype=bool)
    return _flows(records, chosen)


def _key(*columns: Array) -> Array:
    """One number for each combination of these (none negative), equal where all are equal."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * (int(column.max(initial=0)) + 1) + column
    return key


def _distinct(group: Array, values: Array) -> tuple[Array, Array]:
    """The groups, and how many different values each has."""
    size = int(values.max(initial=0)) + 1
    groups, counts = np.unique(np.unique(group * size + values) // size, return_counts=True)
    return groups, counts


def _busiest(
    flows: _Flows, code: str, pair: Array, slot: Array, values: Array, least: float, *, by_port: bool = False
) -> list[Finding]:
    """For each pair the slot with most different values, where they are enough."""
    slots = int(slot.max(initial=0)) + 1
    groups, counts = _distinct(pair * slots + slot, values)
    best: dict[int, tuple[int, int]] = {}
    for group, count in zip(groups[counts >= least].tolist(), counts[counts >= least].tolist(), strict=True):
        best[group // slots] = max(best.get(group // slots, (0, 0)), (count, -group))
    found = []
    for count, group in best.values():
        chosen = pair * slots + slot == -group
        port = int(flows.dstport[np.argmax(chosen)]) if by_port else None
        found.append(flows.finding(code, chosen, count, port=port, target=f"*:{port}" if by_port else ""))
    return found


def _slot(flows: _Flows, seconds: float) -> Array:
    slot: Array = flows.start // int(seconds)
    return slot - slot.min() if len(slot) else slot


# --- the rules ------------------------------------------------------------------------------------------------------


def _vertical(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _requests(records, (_TCP, _UDP))
    pair, slot = _key(flows.src, flows.dst), _slot(flows, limits["within"])
    return _busiest(flows, "vertical-scan", pair, slot, flows.dstport, limits["ports"])


def _horizontal(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _requests(records)
    pair, slot = _key(flows.src, flows.dstport), _slot(flows, limits["within"])
    return _busiest(flows, "horizontal-scan", pair, slot, flows.dst, limits["hosts"], by_port=True)


def _slow(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _requests(records, (_TCP, _UDP))
    pair = _key(flows.src, flows.dst)
    pairs, counts = _distinct(pair, flows.dstport)
    found = []
    for one in pairs[counts >= limits["ports"]].tolist():
        chosen = pair == one
        firsts = pd.Series(flows.start[chosen]).groupby(flows.dstport[chosen]).min()
        if (firsts // 3600).value_counts().max() <= limits["per_hour"]:
            found.append(flows.finding("slow-scan", chosen, len(firsts)))
    return found


def _ssh(records: pd.DataFrame) -> _Flows:
    chosen = (_numbers(records.dstport) == _SSH) & (_numbers(records.protocol) == _TCP)
    return _flows(records, chosen & (records.action == "ACCEPT").to_numpy(dtype=bool))


def _attempts(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    every = _ssh(records)
    flows = every.where((every.packets >= limits["least"]) & (every.packets <= limits["packets"]))
    pair, slot = _key(flows.src, flows.dst), _slot(flows, limits["within"])
    return _busiest(flows, "login-attempts", pair, slot, flows.srcport, limits["attempts"])


def _sessions(flows: _Flows) -> pd.DataFrame:
    """One row for each connection at each interface: its packets, when it began and ended."""
    table = pd.DataFrame(dict(flows.columns))
    grouped = table.groupby(["eni", "src", "srcport", "dst", "dstport"])
    return grouped.agg(size=("packets", "sum"), begun=("start", "min"), last=("end", "max")).reset_index()


def _login(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _ssh(records)
    networks = np.array([str(name).rpartition(".")[0] for name in flows.sources], dtype=object)
    sessions = _sessions(flows)
    sessions["net"] = networks[sessions.src]
    found = []
    for (_, net, dst), group in sessions.groupby(["eni", "net", "dst"]):
        short = group[group["size"].between(limits["least"], limits["packets"])]
        long = group[group["size"] >= limits["long"]]
        if len(short) >= limits["attempts"] and len(long) and long.begun.max() > short.begun.min():
            start, end = int(short.begun.min()), int(long["last"].max())
            ends = f"{net}.0/24", str(flows.targets[int(str(dst))])
            found.append(Finding("login-after-attempts", *ends, len(short), start, end, _SSH))
    return found


def _outward(records: pd.DataFrame) -> _Flows:
    flows = _requests(records, accepted=True)
    inside, outside = flows.inside(flows.sources), ~flows.inside(flows.targets)
    return flows.where(inside[flows.src] & outside[flows.dst]) if len(flows.src) else flows


def _exfiltration(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _outward(records)
    pair, slot = _key(flows.src, flows.dst), _slot(flows, limits["within"])
    table = pd.DataFrame({"pair": pair, "slot": slot, "bytes": flows.bytes, "packets": flows.packets})
    hours = table.groupby(["pair", "slot"]).sum().reset_index()
    much = hours[(hours.bytes >= limits["bytes"]) & (hours.bytes >= limits["size"] * hours.packets)]
    best = much.sort_values(["bytes", "slot"], ascending=[False, True]).drop_duplicates("pair")
    rows = zip(best.pair.tolist(), best.slot.tolist(), best.bytes.tolist(), strict=True)
    return [flows.finding("exfiltration", (pair == ends) & (slot == hour), sent) for ends, hour, sent in rows]


def _beaconing(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    flows = _outward(records)
    target = _key(flows.src, flows.dst, flows.dstport)
    columns = {"target": target, "port": flows.srcport, "slot": _slot(flows, limits["slot"]), "bytes": flows.bytes}
    # A connection counts once, where it begins: one that lasts for hours has records in every slot.
    each = pd.DataFrame(columns).groupby(["target", "port"]).agg(slot=("slot", "min"), bytes=("bytes", "sum"))
    slots = each.groupby(["target", "slot"]).agg(n=("bytes", "size"), size=("bytes", "mean")).reset_index()
    found = []
    for one, group in slots.groupby("target"):
        n, size, span = group.n, group["size"], group.slot.max() - group.slot.min() + 1
        even = n.var(ddof=0) <= limits["uneven"] * n.mean()
        alike = size.var(ddof=0) <= limits["sizes"] * size.mean() ** 2
        if n.sum() >= limits["beats"] and len(group) >= limits["slots"] and len(group) == span and even and alike:
            found.append(flows.finding("beaconing", target == one, int(n.sum())))
    return found


def _lateral(records: pd.DataFrame, limits: Limits) -> list[Finding]:
    chosen = np.isin(_numbers(records.dstport), _SESSIONS) & (_numbers(records.protocol) == _TCP)
    every = _flows(records, chosen & (records.action == "ACCEPT").to_numpy(dtype=bool))
    if not len(every.src):
        return []
    flows = every.where(every.inside(every.sources)[every.src] & every.inside(every.targets)[every.dst])
    since = int(records.start.min()) + limits["baseline"]
    sessions = _sessions(flows)
    sessions = sessions[sessions["size"] >= limits["packets"]]
    found = []
    for (src, dst, port), group in sessions.groupby(["src", "dst", "dstport"]):
        if group.begun.min() >= since:
            chosen = (flows.src == src) & (flows.dst == dst) & (flows.dstport == port)
            found.append(flows.finding("lateral-movement", chosen, group.srcport.nunique(), port=int(str(port))))
    return found


_RULES: Mapping[str, Callable[[pd.DataFrame, Limits], list[Finding]]] = {
    "vertical-scan": _vertical,
    "horizontal-scan": _horizontal,
    "slow-scan": _slow,
    "login-attempts": _attempts,
    "login-after-attempts": _login,
    "exfiltration": _exfiltration,
    "beaconing": _beaconing,
    "lateral-movement": _lateral,
}
