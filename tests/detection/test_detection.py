"""Detections over tables whose ground truth is known, and the trap that catches every new rule."""

import doctest
import math
from collections.abc import Iterable
from random import Random
from typing import Any

import pandas as pd
import pytest

import helpers.detection
from helpers.detection import Finding, Score, brute_forces, port_scans, requests, score
from helpers.flowlogs import LogFormat, read_table

WEB, SCANNER, GUESSER = "10.0.0.10", "198.51.100.7", "203.0.113.9"
Row = tuple[str, str, int, int, int, int, str]


def line(source: str, target: str, sport: int, dport: int, at: int, packets: int, action: str) -> str:
    return (
        f"2 123456789012 eni-1 {source} {target} {sport} {dport} 6 {packets} {packets * 60} {at} {at + 59} {action} OK"
    )


def table(rows: Iterable[Row]) -> pd.DataFrame:
    return read_table([line(*row) for row in rows])


def scan(at: int = 6000, every: float = 1, ports: int = 40, action: str = "REJECT") -> list[Row]:
    return [(SCANNER, WEB, 40000 + n, 20 + n, int(at + n * every), 1, action) for n in range(ports)]


def busy_hour() -> list[Row]:
    """40 clients of a web server, two health checks, 200 attempts at its ssh, a scan, noise."""
    rows: list[Row] = []
    for client in range(40):
        address = f"10.0.1.{client + 10}"
        for n in range(30):
            port, at = 33000 + client * 40 + n, 6000 + n * 110
            rows += [(address, WEB, port, 443, at, 10, "ACCEPT"), (WEB, address, 443, port, at, 12, "ACCEPT")]
    for node in ("10.0.2.4", "10.0.3.4"):
        for n in range(120):
            port, at = 20000 + n, 6000 + n * 30
            rows += [(node, WEB, port, 8080, at, 5, "ACCEPT"), (WEB, node, 8080, port, at, 4, "ACCEPT")]
    for n in range(200):
        port, at = 50000 + n, 6000 + n * 3
        rows += [(GUESSER, WEB, port, 22, at, 15, "ACCEPT"), (WEB, GUESSER, 22, port, at, 14, "ACCEPT")]
    rows += scan(ports=97)
    rows += [(f"192.0.2.{n + 1}", WEB, 41000 + n, 23, 6000 + n * 20, 1, "REJECT") for n in range(150)]
    return rows


@pytest.fixture(scope="module")
def hour() -> pd.DataFrame:
    return table(busy_hour())


def test_the_naive_rule_accuses_the_server_of_everyone_it_answered(hour: pd.DataFrame) -> None:
    found = score(port_scans(hour), {(SCANNER, WEB)})
    assert found.found == {(SCANNER, WEB)}
    assert {source for source, _ in found.false_positives} == {WEB}
    assert len(found.false_positives) == 40 + 2 + 1  # clients, health checks, who tries many logins
    assert (found.precision, found.recall) == (1 / 44, 1)


def test_without_answers_there_is_no_false_positive(hour: pd.DataFrame) -> None:
    asked = requests(hour)
    assert score(port_scans(asked), {(SCANNER, WEB)}) == Score(frozenset({(SCANNER, WEB)}), frozenset(), frozenset())
    assert len(asked) == (len(hour) - 97 - 150) / 2 + 97 + 150


def test_rejects_alone_find_the_scanner_but_not_at_a_host_that_is_open(hour: pd.DataFrame) -> None:
    assert [one.source for one in port_scans(hour[hour.action == "REJECT"])] == [SCANNER]
    open_host = table(scan(action="ACCEPT"))
    assert port_scans(open_host[open_host.action == "REJECT"]) == []
    assert [one.count for one in port_scans(requests(open_host))] == [40]


def test_a_brute_force_is_accepted_traffic(hour: pd.DataFrame) -> None:
    (found,) = brute_forces(hour)
    assert (found.pair, found.code, found.port, found.count) == ((GUESSER, WEB), "brute-force", 22, 200)
    assert brute_forces(hour[hour.action == "REJECT"]) == []
    assert brute_forces(hour, attempts=201) == []
    assert brute_forces(hour, packets=14) == []
    assert brute_forces(hour, within=30, attempts=12) == []


@pytest.mark.parametrize("begin", [0, 1, 1799, 1800, 3599, 7201])
def test_a_scan_is_whole_wherever_the_hour_begins(begin: int) -> None:
    """What takes less than an hour is not cut by the border of an hour, whenever it began."""
    for every in (1799 / 40, 3599 / 39):
        (found,) = port_scans(table(scan(at=36000 + begin, every=every)), ports=40)
        assert (found.count, found.start) == (40, 36000 + begin)


def test_an_hour_is_not_a_second_longer() -> None:
    """The last port an hour after the first one is outside; the same port again within it counts once."""
    tries = [*scan(every=360, ports=11), *scan(every=360, ports=3)]
    (found,) = port_scans(table(tries), ports=10)
    assert (found.count, found.start, found.end) == (10, 6000, 6000 + 9 * 360 + 59)
    assert port_scans(table(tries), ports=11) == []
    assert [one.count for one in port_scans(table(tries), ports=11, within=3601)] == [11]


def test_the_fullest_hour_is_the_fullest_of_all() -> None:
    """Against every hour that begins with a record, counted one by one."""
    chance = Random(3)
    rows = [(SCANNER, WEB, 40000, chance.randint(1, 60), chance.randint(0, 20000), 1, "REJECT") for _ in range(400)]
    records = table(rows)
    hours = [records[(records.start >= at) & (records.start < at + 3600)].dstport.nunique() for at in records.start]
    (found,) = port_scans(records, ports=5)
    assert found.count == max(hours)
    assert records[(records.start >= found.start) & (records.end <= found.end)].dstport.nunique() == found.count


def test_addresses_of_both_kinds_are_addresses() -> None:
    rows = [("2001:db8::7", "2001:db8:1::10", 40000 + n, 20 + n, 6000 + n, 1, "REJECT") for n in range(12)]
    assert [str(one) for one in port_scans(table(rows))] == ["port-scan: 2001:db8::7 -> 2001:db8:1::10, 12 ports"]


def test_a_slow_scan_stays_below_the_threshold() -> None:
    """One port in ten minutes: the price of every time window."""
    slow = table(scan(every=600))
    assert port_scans(slow) == []
    assert [one.count for one in port_scans(slow, within=24 * 3600)] == [40]


def test_flags_beat_ports_where_the_format_has_them() -> None:
    layout = LogFormat.parse(
        "${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${packets} ${action} ${start} ${end} ${tcp-flags}"
    )
    lines = [
        "10.0.0.1 10.0.0.2 2000 9000 6 1 ACCEPT 6000 6059 2",  # begins from a low port
        "10.0.0.2 10.0.0.1 9000 2000 6 1 ACCEPT 6000 6059 18",  # and is answered
        "10.0.0.1 10.0.0.2 40000 443 6 1 ACCEPT 6000 6059 3",
        "10.0.0.2 10.0.0.1 443 40000 6 1 ACCEPT 6000 6059 19",
        "10.0.0.2 10.0.0.1 443 40001 6 1 ACCEPT 6000 6059 0",  # no SYN seen: the ports decide
    ]
    assert list(requests(read_table(lines, layout)).index) == [0, 2]


def test_lines_without_traffic_and_without_ports_are_no_evidence() -> None:
    nodata = "2 123456789012 eni-1 - - - - - - - 6000 6059 - NODATA"
    ping = "2 123456789012 eni-1 10.0.0.1 10.0.0.2 0 0 1 4 336 6000 6059 ACCEPT OK"
    quiet = read_table([nodata, ping] * 20)
    assert port_scans(quiet, ports=1) == brute_forces(quiet, attempts=1) == []
    assert len(requests(quiet)) == 40
    assert port_scans(quiet.head(0)) == []


def test_findings_come_in_one_order_and_do_not_change_the_table(hour: pd.DataFrame) -> None:
    before = hour.copy()
    found = port_scans(hour, ports=2)
    assert found == port_scans(hour.sample(frac=1, random_state=7), ports=2)
    assert [one.count for one in found] == sorted((one.count for one in found), reverse=True)
    assert hour.equals(before)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: port_scans(pd.DataFrame({"srcaddr": []})), "missing: dstaddr, srcport"),
        (lambda: port_scans(table(scan()), ports=0), "ports has to be positive, not 0"),
        (lambda: port_scans(table(scan()), within=-1), "within has to be positive, not -1"),
        (lambda: brute_forces(table(scan()), attempts=0), "attempts has to be positive"),
        (lambda: requests(pd.DataFrame()), "A detection needs the columns"),
    ],
)
def test_what_cannot_be_asked_is_said(call: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()


def test_a_score_counts_pairs() -> None:
    one, two = (Finding("port-scan", "a", target, 10, 0, 59) for target in ("x", "y"))
    half = score([one, one, two], {("a", "x"), ("b", "z")})
    assert (half.precision, half.recall) == (0.5, 0.5)
    assert str(half) == "precision 50% (1 of 2 findings is true), recall 50% (1 of 2 is found)"
    both = score([one, two], {("a", "x"), ("a", "y")})
    assert str(both) == "precision 100% (2 of 2 findings are true), recall 100% (2 of 2 are found)"
    nothing = score([], {("a", "x")})
    assert (math.isnan(nothing.precision), nothing.recall) == (True, 0.0)
    assert str(nothing) == "no precision (there are no findings), recall 0% (0 of 1 are found)"
    assert (score([one], set()).precision, score([one], set()).recall) == (0.0, 1.0)


def test_the_docstring_examples_run() -> None:
    outcome = doctest.testmod(helpers.detection)
    assert outcome.attempted > 5
    assert outcome.failed == 0
