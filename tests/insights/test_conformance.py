"""The published conformance cases, through `insights.run`.

The cases live beside the repository; elsewhere this module is skipped. Rules of comparison: a missing field
is absent, values compare as numbers when both are numbers, rows compare as a multiset unless the case says
that they are ordered.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, run

PLACES = [folder / "shared" / "conformance" / "insights.jsonl" for folder in Path(__file__).resolve().parents]
CASES = next((place for place in PLACES if place.is_file()), PLACES[3])
CREATED_MS = 1699999200000  # 2023-11-14T22:00:00Z

pytestmark = pytest.mark.skipif(not CASES.is_file(), reason=f"no conformance cases at {CASES}")


def load() -> list[dict[str, Any]]:
    if not CASES.is_file():
        return []
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines() if line.strip()]


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


@pytest.mark.parametrize("case", load(), ids=lambda case: str(case["id"]))
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
