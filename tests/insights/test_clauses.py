"""Clauses that the conformance cases do not reach: dates, filterIndex, names in patterns, whole numbers."""

import json

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, compile, run  # noqa: A004

START = 1_700_002_800  # 2023-11-14 23:00:00 UTC
END = START + 3600
LINE = "2 123456789012 eni-1 10.0.0.{} 10.0.1.5 51000 {} 6 1 40 1700002800 1700002860 {} OK"


@pytest.fixture
def table() -> LogTable:
    return LogTable("/clauses", database=Database())


def fill(table: LogTable, *messages: str) -> None:
    table.append(Event((START + at) * 1000, (START + at) * 1000, "s", text) for at, text in enumerate(messages))


def value(table: LogTable, expression: str) -> str | None:
    fill(table, "one")
    return dict(run(f"fields {expression} as v", table, START, END).rows[0]).get("v")


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        # months before 1970 are counted down, not towards 1970
        ("datefloor(0 - 1, 1mo)", "1969-12-01 00:00:00.000"),
        ("dateceil(0 - 1, 1mo)", "1970-01-01 00:00:00.000"),
        ("datefloor(0 - 1, 2q)", "1969-07-01 00:00:00.000"),
        ("datefloor(0 - 62135596800000, 3y)", "-001-01-01 00:00:00.000"),
        ("dateceil(253402300799999, 1mo)", "10000-01-01 00:00:00.000"),
        # Java's X reads Z for +00:00; a time without a date is of 1970-01-01
        ("parseDate('2023-11-14T23:00:01Z', \"yyyy-MM-dd'T'HH:mm:ssX\")", "1700002801000"),
        ("parseDate('2023-11-15T00:00:01+01:00', \"yyyy-MM-dd'T'HH:mm:ssXXX\")", "1700002801000"),
        ("parseDate('11:05 PM', 'hh:mm a')", "83100000"),
        ("parseDate('2023-11-15 01:00', 'yyyy-MM-dd HH:mm', '+02:00')", "1700002800000"),
        ("formatDate(@timestamp, '%F %T')", "2023-11-14 23:00:00"),
        ("formatDate(@timestamp, '%D %R')", "11/14/23 23:00"),
        ("formatDate(@timestamp, '%H %z %Z')", "23 +0000 UTC"),
        ("formatDate(@timestamp, '%H %z %Z', 'Europe/Berlin')", "00 +0100 Europe/Berlin"),
        ("formatDate(@timestamp, '%H:%M%z', 'America/St_Johns')", "19:30-0330"),
        ("formatDate(@timestamp, '%H %z', '+05:30')", "04 +0530"),
        ("formatDate(@timestamp, '%%z %%F')", "%z %F"),
        ("toLong('9007199254740993')", "9007199254740993"),
        ("toLong('9223372036854775808')", None),
        ("toInt('-12.9')", "-12"),
    ],
)
def test_expressions(table: LogTable, expression: str, wanted: str | None) -> None:
    assert value(table, expression) == wanted


@pytest.mark.parametrize("zone", ["Mars/X", "+99:00", "", "+2"])
def test_zones_that_do_not_exist(zone: str) -> None:
    with pytest.raises(MalformedQuery, match="not a time zone"):
        compile(f"fields formatDate(@timestamp, '%H', '{zone}')")


def test_two_groups_of_one_name_are_refused() -> None:
    with pytest.raises(MalformedQuery, match="same name"):
        compile("parse @message /(?<a>x)(?<a>y)/")


def test_filter_index_skips_what_it_leaves_out(table: LogTable) -> None:
    lines = [LINE.format(at, 22 if at % 2 else 443, "REJECT" if at % 3 == 0 else "ACCEPT") for at in range(12)]
    fill(table, *lines)
    plain = run("filter action = 'REJECT' | stats count(*) as n", table, START, END)
    indexed = run("filterIndex action = 'REJECT' | stats count(*) as n", table, START, END)
    assert indexed.rows == plain.rows == [[("n", "4")]]
    skipped = ("estimatedRecordsSkipped", "estimatedBytesSkipped")
    assert [plain.statistics[name] for name in skipped] == [0.0, 0.0]
    size = sum(len(line) for line in lines)
    scanned = sum(len(line) for line in lines if "REJECT" in line)
    assert indexed.scanned == (4, scanned)
    assert [indexed.statistics[name] for name in skipped] == [8.0, size - scanned]
    both = "parse @message '* *' as a, b | filter b like 'eni' | filterIndex action = 'REJECT' and dstPort in [22]"
    more = run(both + " | filterIndex protocol = 6", table, START, END)
    assert more.statistics["recordsScanned"] == 2.0 and len(more) == 2
    assert run("filterIndex action = 'REJECT' | estimate", table, START, END).rows == [[("estimatedBytes", str(size))]]


@pytest.mark.parametrize(
    ("query", "said", "start"),
    [
        ("fields dstPort as p | filterIndex p = 22", "p is made by the query", 34),
        ("parse @message '* *' as a, b | filterIndex a = 2", "a is made by the query", 43),
        ("stats count(*) as n by action | filterIndex n = 1", "cannot stand after stats", 32),
        ("filterIndex action like 'R'", "field = value", 12),
    ],
)
def test_filter_index_reads_events_only(query: str, said: str, start: int) -> None:
    with pytest.raises(MalformedQuery, match=said) as caught:
        compile(query)
    assert caught.value.start == start


def test_json_paths(table: LogTable) -> None:
    event = {"a": {"b": [{"c": 1}, 2]}, "a.b": "dotted", "x-y": 3, "@at": "v", "text": '{"in": 5}'}
    fill(table, json.dumps(event))
    query = "fields a.b.0.c, a.b[1], `a.b`, `x-y`, @@at, text.in, jsonParse(text).in as parsed"
    assert dict(run(query, table, START, END).rows[0]) == {
        "a.b.0.c": "1",
        "a.b[1]": "2",
        "a.b": "dotted",
        "x-y": "3",
        "@@at": "v",
        "parsed": "5",
    }


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("resource.service.name", "shop"),
        ("resource.attributes.http.status_code", "500"),
        ("a.b.c", "1"),
        ("resource.attributes.`http.status_code`", "500"),
        ("labels.app.kubernetes.io", "web"),
        ("one.two.three.four.five", None),  # too long a name: only all of it apart, or as one key
        ("one.two.three.four.`five.six`", "deep"),
    ],
)
def test_a_key_with_dots_is_found_on_each_level(table: LogTable, name: str, wanted: str | None) -> None:
    resource = {"service.name": "shop", "attributes": {"http.status_code": 500}}
    deep = {"two": {"three": {"four": {"five.six": "deep"}}}}
    fill(
        table, json.dumps({"resource": resource, "a": {"b.c": 1}, "labels": {"app.kubernetes.io": "web"}, "one": deep})
    )
    assert dict(run(f"fields {name} as v", table, START, END).rows[0]).get("v") == wanted


def test_of_two_ways_to_a_key_the_deeper_one_counts(table: LogTable) -> None:
    fill(table, '{"a": {"b.c": "shallow", "b": {"c": "deep"}}}', '{"a": {"b.c": "shallow"}}')
    assert {dict(row)["v"] for row in run("fields a.b.c as v", table, START, END).rows} == {"deep", "shallow"}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (
            "stats count(*) as n by @message | parse @message /u=(?<u>\\d)/ | stats sum(n) as m by u",
            [("1", "2"), ("3", "1")],
        ),
        (
            "stats count(*) as n by @message | parse @message 'u=* p' as u | stats sum(n) as m by u",
            [("1", "2"), ("3", "1")],
        ),
        ("parse @message /u=(?<@u>\\d)/ | stats count(*) as m by @u as u", [("1", "2"), ("3", "1")]),
        ("parse @message /u=(?P<@@u>\\d) p=(?<p>\\d)/ | stats max(p) as m by @@u as u", [("1", "5"), ("3", "4")]),
        ("parse @message 'u=* ' as u | stats count(*) as m by (u) as u", [("1", "2"), ("3", "1")]),
        ("parse @message 'u=* ' as u | stats count(*) as m by(u + 0) as u", [("1", "2"), ("3", "1")]),
    ],
)
def test_names_of_groups_and_of_groupings(table: LogTable, query: str, wanted: list[tuple[str, str]]) -> None:
    fill(table, "u=1 p=2", "u=3 p=4", "u=1 p=5")
    assert sorted((dict(row)["u"], dict(row)["m"]) for row in run(query, table, START, END).rows) == wanted


def test_a_group_that_a_parse_after_stats_does_not_have_stays_unknown() -> None:
    with pytest.raises(MalformedQuery, match="Unknown symbols found in or after stats: v"):
        compile("stats count(*) as n by @message | parse @message /u=(?<u>\\d)/ | filter v = 1")
