"""Each detection finds its attack, leaves benign traffic alone, and says the same in Logs Insights."""

import re
import time
from collections.abc import Sequence
from functools import cache

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from helpers.detection import DETECTIONS, Finding, curve, detect, evidence, score
from helpers.detection.catalogue import Known
from helpers.flowlogs import read_table
from helpers.flowlogs.recorded_day import DAY_FILE, recorded_day
from helpers.insights import LogTable, open_logs, run
from helpers.insights.events.log_table import Event
from tests.detection_tables import PAGE, SEEDS, rows, table

ZERO = 1_767_225_600
IN, DB, OUT = "10.1.0.10", "10.2.1.10", "198.51.100.7"
Line = tuple[str, str, int, int, int, int, int, str]
"""Source, target, their ports, seconds since the start, packets, bytes, action."""


def lines(rows: Sequence[Line]) -> list[str]:
    return [
        f"2 123456789012 eni-1 {row[0]} {row[1]} {row[2]} {row[3]} 6 {row[5]} {row[6]} "
        f"{ZERO + row[4]} {ZERO + row[4] + 60} {row[7]} OK"
        for row in rows
    ]


def later(rows: Sequence[Line], seconds: int) -> list[Line]:
    return [(*row[:4], row[4] + seconds, *row[5:]) for row in rows]


def scan(ports: int, every: int, *, first: int = 1000) -> list[Line]:
    return [(OUT, IN, 40000 + n, first + n, 3600 + n * every, 1, 44, "REJECT") for n in range(ports)]


def sweep(hosts: int, every: int) -> list[Line]:
    return [(IN, f"10.2.0.{n + 20}", 40000 + n, 445, 3600 + n * every, 1, 44, "ACCEPT") for n in range(hosts)]


def logins(count: int, every: int, *, source: str = OUT, packets: int = 22) -> list[Line]:
    return [(source, IN, 40000 + n, 22, 3600 + n * every, packets, 3000, "ACCEPT") for n in range(count)]


def session(source: str, target: str, at: int, *, port: int = 22, packets: int = 90) -> list[Line]:
    return [(source, target, 50000, port, at + n * 60, packets, packets * 120, "ACCEPT") for n in range(3)]


def upload(megabytes: int, minutes: int = 10, size: int = 1500, target: str = OUT) -> list[Line]:
    each = megabytes * 1_000_000 // minutes
    return [(IN, target, 50000, 443, 3600 + n * 60, each // size, each, "ACCEPT") for n in range(minutes)]


def beats(count: int, every: int, *, size: int = 1200, wobble: Sequence[int] = (0,), target: str = OUT) -> list[Line]:
    moments = [600 + n * every + wobble[n % len(wobble)] for n in range(count)]
    return [(IN, target, 40000 + n, 443, at // 60 * 60, 9, size, "ACCEPT") for n, at in enumerate(moments)]


def with_others(rows: Sequence[Line]) -> list[Line]:
    """The rows, a day before and after, and at the same time from another source, or to another target and port."""
    elsewhere = [(row[0], "10.3.0.9", row[2], row[3] + 1, *row[4:]) for row in rows]
    return [*later(rows, -86400), *rows, *later(rows, 86400), *(("10.3.0.9", *row[1:]) for row in rows), *elsewhere]


OLD = session(DB, IN, 60)  # a session long before: the first record of the table begins the baseline
AFTERNOON = 50_000
# Detection -> what it must find, and what comes near but is not it.
CASES: dict[str, tuple[list[Line], dict[str, list[Line]]]] = {
    "vertical-scan": (
        scan(10, 30),
        {
            "nine ports": scan(9, 30),
            "ten ports in two hours": scan(5, 30) + later(scan(5, 30, first=2000), 7200),
            "a server's answers": [(IN, OUT, 80, 40000 + n, 3600, 5, 900, "ACCEPT") for n in range(40)],
            "one port again and again": [(OUT, IN, 40000 + n, 23, 3600, 1, 44, "REJECT") for n in range(40)],
        },
    ),
    "horizontal-scan": (
        sweep(10, 10),
        {
            "nine hosts": sweep(9, 10),
            "one host a minute": sweep(20, 60),
            "answers to many": [(IN, f"10.2.0.{n}", 80, 50000, 3600, 5, 900, "ACCEPT") for n in range(40)],
        },
    ),
    "slow-scan": (
        scan(12, 1800),
        {"nine ports": scan(9, 1800), "all at once": scan(12, 30), "one port every hour": [
            (OUT, IN, 40000 + n, 23, n * 3600, 1, 44, "REJECT") for n in range(20)
        ]},
    ),
    "login-attempts": (
        logins(10, 20),
        {
            "nine": logins(9, 20),
            "one in 70 seconds": logins(15, 70),
            "probes": logins(40, 5, packets=2),
            "one long session": session(OUT, IN, 3600, packets=30),
        },
    ),
    "login-after-attempts": (
        logins(12, 20) + session("198.51.100.9", IN, 4200),
        {
            "no login": logins(12, 20),
            "the login came first": session("198.51.100.9", IN, 60) + logins(12, 20),
            "another network": logins(12, 20) + session("203.0.113.9", IN, 4200),
            "few attempts": logins(4, 20) + session("198.51.100.9", IN, 4200),
        },
    ),
    "exfiltration": (
        upload(120),
        {
            "less": upload(90),
            "the acknowledgements of a download": upload(120, size=52),
            "to a machine inside": upload(120, target=DB),
            "an answer": [(IN, OUT, 443, 50000, 3600, 90_000, 130_000_000, "ACCEPT")],
        },
    ),
    "beaconing": (
        beats(30, 240, wobble=(0, 20, -15, 5)),
        {
            "too short": beats(10, 240),
            "one long connection": [(IN, OUT, 40000, 443, n * 60, 9, 1200, "ACCEPT") for n in range(600)],
            "with a pause": beats(12, 240) + later(beats(12, 240), 9000),
            "now many, now few": beats(60, 100, wobble=(0, 0, 450, 350, 250, 150, 50, 0, 0, 0)),
            "other sizes": [(*row[:6], 400 + 900 * (n // 3 % 2), row[7]) for n, row in enumerate(beats(36, 200))],
            "to a machine inside": beats(30, 240, target=DB),
        },
    ),
    "lateral-movement": (
        OLD + session(IN, DB, AFTERNOON),
        {
            "known since the morning": OLD + session(IN, DB, 7200) + session(IN, DB, AFTERNOON),
            "a login that failed": [*OLD, (IN, DB, 50000, 22, AFTERNOON, 25, 3000, "ACCEPT")],
            "another port": OLD + session(IN, DB, AFTERNOON, port=8080),
            "from outside": OLD + session(OUT, IN, AFTERNOON),
        },
    ),
}  # fmt: skip
NEAR = [(kind, name) for kind, (_, near) in CASES.items() for name in near]


def by_query(kind: str, logs: LogTable, since: int, known: Known = ()) -> set[tuple[str, str, int]]:
    result = run(DETECTIONS[kind].query(known, since=since), logs)
    found = [dict(row) for row in result.rows]
    return {(row["srcAddr"], row.get("dstAddr") or f"*:{row['dstPort']}", int(float(row["found"]))) for row in found}


def triples(findings: Sequence[Finding]) -> set[tuple[str, str, int]]:
    return {(one.source, one.target, one.count) for one in findings}


def both(kind: str, rows: Sequence[Line]) -> list[Finding]:
    """What pandas finds, after the query has found the same."""
    text = lines(rows)
    records = read_table(text)
    logs = open_logs([Event((ZERO + row[4]) * 1000, 0, "eni-1", line) for row, line in zip(rows, text, strict=True)])
    found = detect(kind, records)
    assert by_query(kind, logs, int(records.start.min()) + 43200) == triples(found)
    return found


@pytest.mark.parametrize("kind", DETECTIONS)
def test_it_finds_its_attack(kind: str) -> None:
    found = both(kind, CASES[kind][0])
    assert [one.code for one in found] == [kind]
    attack = [row for row in CASES[kind][0] if row not in OLD]
    behind = evidence(read_table(lines(with_others(attack))), found[0])
    assert_frame_equal(behind.reset_index(drop=True), read_table(lines(attack)))


@pytest.mark.parametrize(("kind", "name"), NEAR)
def test_it_leaves_what_only_comes_near(kind: str, name: str) -> None:
    assert both(kind, CASES[kind][1][name]) == []


@pytest.mark.parametrize("kind", DETECTIONS)
def test_nothing_is_found_in_no_records_and_in_lines_without_data(kind: str) -> None:
    nothing = read_table([f"2 123456789012 eni-1 - - - - - - - {ZERO} {ZERO + 60} - NODATA"])
    assert detect(kind, nothing) == detect(kind, nothing.head(0)) == []


@pytest.mark.parametrize("kind", DETECTIONS)
def test_a_known_pair_is_left_out(kind: str) -> None:
    records = read_table(lines(CASES[kind][0]))
    pair = detect(kind, records)[0].pair
    assert detect(kind, records, {pair}) == []
    assert detect(kind, records, {("203.0.113.1", "10.9.9.9")}) != []


def test_entries_say_technique_thresholds_and_sources() -> None:
    for one in DETECTIONS.values():
        assert re.fullmatch(r"T\d{4}", one.technique), one.id
        assert set(one.sources) == set(one.thresholds)
        assert all(one.sources.values())
        assert one.severity in ("low", "medium", "high")
        assert one.say(Finding(one.id, IN, DB, 12, 0, 60, 22)).startswith((IN, "after 12"))
        with pytest.raises(ValueError, match="has no threshold"):
            one.query(half=1)


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match="interface_id"):
        detect("slow-scan", pd.DataFrame({"srcaddr": []}))


def test_a_curve_shows_what_a_threshold_costs() -> None:
    truth = {(OUT, IN)}
    records = read_table(lines(scan(30, 10) + [(IN, DB, 50000 + n, 100 + n, 3600, 1, 44, "REJECT") for n in range(15)]))
    found = curve("vertical-scan", records, truth, threshold="ports", values=(10, 20, 40))
    counts = found[["ports", "found", "false_positives", "missed"]].to_numpy().tolist()
    assert counts == [[10, 1, 1, 0], [20, 1, 0, 0], [40, 0, 0, 1]]
    assert found.recall.tolist() == [1, 1, 0]


# --- the recorded day ----------------------------------------------------------------------------------------------


@cache
def the_day() -> pd.DataFrame:
    return read_table(DAY_FILE)


@pytest.mark.parametrize("kind", DETECTIONS)
def test_the_day_gives_the_same_findings_in_both_ways_and_the_right_ones(kind: str) -> None:
    day, records = recorded_day(), the_day()
    known = day.pairs(kind, benign=True)
    found = detect(kind, records, known)
    assert by_query(kind, open_logs(DAY_FILE), int(records.start.min()) + 43200, known) == triples(found)
    result = score(found, day.pairs(kind))
    assert result.precision >= 0.9
    assert result.recall >= 0.9
    assert len(detect(kind, records)) > len(found)  # benign traffic that looks alike is there


def test_a_million_records_take_each_detection_less_than_a_second() -> None:
    days = [the_day().assign(start=the_day().start + 86400 * n, end=the_day().end + 86400 * n) for n in range(6)]
    million = pd.concat(days, ignore_index=True).head(1_000_000)
    assert len(million) == 1_000_000
    for kind in DETECTIONS:
        began = time.process_time()
        detect(kind, million)
        assert time.process_time() - began < 1, kind


def assert_in_the_bar(kind: str, found: int, wrong: int, missed: int) -> None:
    assert found / (found + wrong) >= 0.9, kind
    assert found / (found + missed) >= 0.9, kind


@pytest.mark.long
@pytest.mark.parametrize("seed", SEEDS)
def test_on_a_day_that_nobody_chose_what_happened_is_found_and_the_page_says_so(seed: int) -> None:
    results = list(rows(seed))
    with_the_list = {kind: counts for kind, way, *counts in results if way == "with the list"}
    assert set(with_the_list) == set(DETECTIONS)
    for kind, counts in with_the_list.items():
        assert_in_the_bar(kind, *counts)
    assert table(seed, results) in PAGE.read_text()


def test_the_page_tells_of_every_seed_and_detection_and_of_nothing_below_the_bar() -> None:
    page = PAGE.read_text()
    assert re.findall(r"^\*\*Seed (\d+)\*\*$", page, re.MULTILINE) == [str(seed) for seed in SEEDS]
    cells = re.findall(r"^\| ([\w-]+) \| with the list \| (\d+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    assert [kind for kind, *_ in cells] == [*DETECTIONS] * len(SEEDS)
    for kind, *counts in cells:
        assert_in_the_bar(kind, *map(int, counts))
