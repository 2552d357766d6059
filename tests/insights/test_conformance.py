"""The published conformance cases, all of them in every run, through ``insights.run``.

Rules of comparison: a missing field is absent, values compare as numbers when both are numbers, rows compare as a
multiset unless the case says that they are ordered.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, run

FILE = Path(__file__).resolve().parents[1] / "data" / "conformance" / "insights.jsonl"
CASES: list[dict[str, Any]] = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
CREATED_MS = 1699999200000  # 2023-11-14T22:00:00Z


@pytest.fixture(scope="module")
def database() -> Database:
    return Database()


def same(mine: str, wanted: str) -> bool:
    try:
        return float(mine) == pytest.approx(float(wanted), rel=1e-9)
    except ValueError:
        return mine == wanted


def equal(mine: dict[str, str], wanted: dict[str, str]) -> bool:
    return mine.keys() == wanted.keys() and all(same(mine[name], wanted[name]) for name in wanted)


def differences(mine: list[dict[str, str]], wanted: list[dict[str, str]], ordered: bool) -> str | None:
    if len(mine) != len(wanted):
        return f"{len(mine)} rows instead of {len(wanted)}: {mine}"
    left = list(mine)
    for row in wanted:
        candidates = left[:1] if ordered else left
        found = next((candidate for candidate in candidates if equal(candidate, row)), None)
        if found is None:
            return f"no row {row} among {candidates}"
        left.remove(found)
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["id"]))
def test_case(case: dict[str, Any], database: Database) -> None:
    table = LogTable("/conformance", database=database, created_ms=CREATED_MS)
    table.append(
        Event(event["timestamp_ms"], event["timestamp_ms"] + 1000, event["logStream"], event["message"])
        for event in case["events"]
    )
    if case["expect"].get("error"):
        with pytest.raises(MalformedQuery):
            run(case["query"], table, CREATED_MS // 1000, 1700010000, now=1700010000)
        return
    result = run(case["query"], table, CREATED_MS // 1000, 1700010000, now=1700010000)
    rows = [dict(row) for row in result.rows]
    assert differences(rows, case["expect"]["rows"], case["ordered"]) is None
