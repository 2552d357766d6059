"""``python -m tests.detection_tables``: the tables of docs/detection.md, from three days that no rule was made for."""

import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd

from helpers.commands.day import START, write_parquet
from helpers.detection import DETECTIONS, brute_forces, detect, port_scans
from helpers.flowlogs import read_table
from helpers.traffic.scenarios import load, record

SEEDS = (7045430, 9747436, 13985523)
"""Drawn from the machine's random source after the detections had been committed; the page tells of earlier draws."""
PAGE = Path(__file__).resolve().parents[1] / "docs" / "detection.md"
BEGIN, END = "<!-- tables -->", "<!-- end of the tables -->"
Pairs = set[tuple[str, str]]
Row = tuple[str, str, int, int, int]
"""Detection, way of asking, and how many pairs were found, false positives and missed."""


def top_talkers(records: pd.DataFrame) -> Pairs:
    """The naive rule for theft: whoever sends more than 100 MB to one address in the day."""
    sent = records.groupby(["srcaddr", "dstaddr"])["bytes"].sum()
    return set(sent[sent > 100_000_000].index)


def frequent(records: pd.DataFrame) -> Pairs:
    """The naive rule for beacons: whoever connects to one host outside twelve times."""
    out = records[records.srcaddr.str.startswith("10.") & ~records.dstaddr.str.startswith("10.")]
    out = out[(out.protocol == 6) & (out.dstport < out.srcport)]
    counts = out.groupby(["srcaddr", "dstaddr"]).srcport.nunique()
    return set(counts[counts >= 12].index)


NAIVE: dict[str, Callable[[pd.DataFrame], Pairs]] = {
    "vertical-scan": lambda records: {one.pair for one in port_scans(records)},
    "login-attempts": lambda records: {one.pair for one in brute_forces(records)},
    "beaconing": frequent,
    "exfiltration": top_talkers,
}


def day_of(seed: int) -> tuple[pd.DataFrame, dict[str, Pairs], dict[str, Pairs]]:
    """The records of a seed, and by kind what happened and what the owner can explain."""
    recording = record(load("recorded_day"), seed, START)
    with tempfile.TemporaryDirectory() as folder:
        write_parquet(recording, Path(folder) / "day.parquet")
        table = read_table(Path(folder) / "day.parquet")
    happened, known = (
        {
            kind: {(one.source, one.target) for one in recording.truth if (one.kind, one.benign) == (kind, benign)}
            for kind in DETECTIONS
        }
        for benign in (False, True)
    )
    return table, happened, known


def rows(seed: int) -> Iterator[Row]:
    """The results on the day of a seed."""
    records, happened, known = day_of(seed)
    for kind in DETECTIONS:
        ways = {"with the list": {one.pair for one in detect(kind, records, known[kind])}}
        ways["without it"] = {one.pair for one in detect(kind, records)}
        if kind in NAIVE:
            ways["naive rule"] = NAIVE[kind](records)
        for way, accused in ways.items():
            yield kind, way, len(accused & happened[kind]), len(accused - happened[kind]), len(happened[kind] - accused)


def table(seed: int, results: Iterable[Row]) -> str:
    """One seed's confusion table, in Markdown."""
    lines = [
        f"**Seed {seed}**",
        "",
        "| Detection | Asked | Found | False positives | Missed |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| {kind} | {way} | {found} | {accused} | {missed} |" for kind, way, found, accused, missed in results]
    return "\n".join(lines)


def main() -> None:
    """Write the tables into the page."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    tables = "\n\n".join(table(seed, rows(seed)) for seed in SEEDS)
    PAGE.write_text(f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}")


if __name__ == "__main__":
    main()
