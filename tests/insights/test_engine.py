# ruff: noqa: E501  (queries and their answers are easier to read in one line)
"""What a run sees, counts, prints and repeats."""

import doctest
import importlib
import math
import pkgutil
import threading

import pandas as pd
import pytest

import helpers.insights
from helpers.insights import (
    Database,
    Event,
    LogTable,
    MalformedQuery,
    Query,
    QueryFailed,
    case_remarks,
    make_pointer,
    prepare,
    read_pointer,
    run,
)
from helpers.insights.sql import printing
from tests.insights.corpus import END, QUERIES, START, sample_events

LINE = "2 123456789012 eni-1 {} 10.0.1.5 51000 {} 6 {} {} {} {} {} OK"


def line(src: str = "10.0.0.1", port: int = 22, packets: int = 1, size: int = 40, action: str = "ACCEPT") -> str:
    return LINE.format(src, port, packets, size, START, START + 60, action)


def at(second: int, message: str, ingested: int | None = None) -> Event:
    moment = (START + second) * 1000
    return Event(moment, moment if ingested is None else (START + ingested) * 1000, "s", message)


@pytest.fixture
def table() -> LogTable:
    return LogTable("/engine", database=Database())


def values(query: str, table: LogTable, start: int = START, end: int = END, **more: int) -> list[dict[str, str]]:
    return [dict(row) for row in run(query, table, start, end, **more).rows]  # type: ignore[arg-type]


def test_package_examples_run() -> None:
    ran = doctest.testmod(helpers.insights, optionflags=doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL)
    assert ran.attempted > 5
    assert ran.failed == 0
    names = [module.name for module in pkgutil.walk_packages(helpers.insights.__path__, "helpers.insights.")]
    ran_inside = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(result.attempted for result in ran_inside) > 10
    assert not any(result.failed for result in ran_inside)


# what is visible ---------------------------------------------------------------------------------


def test_range_is_inclusive_in_seconds(table: LogTable) -> None:
    events = [Event((START + s) * 1000 + ms, 0, "s", f"{s}.{ms}") for s in (0, 1, 2) for ms in (0, 999)]
    table.append(events)
    shown = values("fields @message | sort @timestamp", table, START + 1, START + 1)
    assert shown == [{"@message": "1.0"}, {"@message": "1.999"}]


def test_events_older_than_the_group_are_invisible(table: LogTable) -> None:
    table.append([at(0, "old"), at(10, "new")])
    table.created_ms = (START + 5) * 1000
    assert values("fields @message", table) == [{"@message": "new"}]
    assert run("fields @message", table, START, END).statistics["recordsScanned"] == 1
    assert table.totals_in(START * 1000, END * 1000)[1] == 3


def test_a_result_can_be_reproduced(table: LogTable) -> None:
    table.append([at(0, "first", 1)])
    before = prepare("fields @message", table, START, END, ingested_before_ms=(START + 1) * 1000).result()
    table.append([at(0, "late", 2)])
    again = prepare("fields @message", table, START, END, ingested_before_ms=(START + 1) * 1000).result()
    assert before.rows == again.rows == [[("@message", "first")]]
    assert before.pointers == again.pointers
    assert again.statistics["recordsScanned"] == 1
    assert len(run("fields @message", table, START, END)) == 2


def test_appended_events_are_seen_at_once(table: LogTable) -> None:
    for count in range(1, 4):
        table.append([at(count, "x")])
        assert values("stats count(*) as n", table) == [{"n": str(count)}]
    assert table.count == 3


def test_several_tables(table: LogTable) -> None:
    other = LogTable("/other", account_id="123456789012", database=table.database)
    table.append([at(0, line(action="REJECT"))])
    other.append([at(1, '{"action": "REJECT"}'), at(2, line(action="REJECT"))])
    result = run("filter action = 'REJECT' | stats count(*) as n by @log | sort @log", [table, other], START, END)
    assert [dict(row) for row in result.rows] == [
        {"@log": "123456789012:/engine", "n": "1"},
        {"@log": "123456789012:/other", "n": "2"},
    ]
    assert result.statistics["logGroupsScanned"] == 2
    raw = run("fields @message | sort @timestamp desc", [table, other], START, END)
    assert [read_pointer(pointer)[1] for pointer in raw.pointers] == ["/other", "/other", "/engine"]
    elsewhere = LogTable("/elsewhere", database=Database())
    with pytest.raises(ValueError, match="one Database"):
        run("fields a", [table, elsewhere], START, END)
    with pytest.raises(ValueError, match="1 to 50"):
        run("fields a", [], START, END)


def test_pointers_lead_back(table: LogTable) -> None:
    table.append(sample_events())
    result = run("fields @message | sort @timestamp desc | limit 5", table, START, END)
    for row, pointer in zip(result.rows, result.pointers, strict=True):
        account, group, seq = read_pointer(pointer)
        event = table.event(seq)
        assert (account, group) == ("123456789012", "/engine")
        assert event is not None
        assert dict(row)["@message"] == event.message
        assert make_pointer(table, seq) == pointer
    assert run("stats count(*)", table, START, END).pointers == []
    with pytest.raises(ValueError, match="pointer"):
        read_pointer("nonsense")


def test_expiry(table: LogTable) -> None:
    table.append([at(0, "a"), at(10, "b"), at(20, "c")])
    assert table.expire((START + 15) * 1000) == 2
    assert values("fields @message", table) == [{"@message": "c"}]


@pytest.mark.parametrize(
    ("start", "end", "said"), [(START * 1000, END * 1000, "milliseconds"), (END, START, "before its start")]
)
def test_wrong_ranges(table: LogTable, start: int, end: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        run("fields a", table, start, end)


# limits and statistics ---------------------------------------------------------------------------


def test_limits(table: LogTable) -> None:
    table.append(at(0, str(number)) for number in range(10_050))
    assert len(run("fields @message", table, START, END)) == 10_000
    assert len(run("fields @message", table, START, END, limit=10_020)) == 10_020
    assert len(run("fields @message | limit 3", table, START, END, limit=7)) == 3
    assert len(run("fields @message | limit 10040", table, START, END)) == 10_040
    with pytest.raises(ValueError, match="between 1 and 100000"):
        run("fields a", table, START, END, limit=0)


def test_statistics(table: LogTable) -> None:
    table.append([at(0, line(action="REJECT")), at(1, line()), at(2, "ünï"), at(99_999, "outside")])
    result = run("filter action = 'REJECT' | stats count(*) as n by srcAddr | filter n > 5", table, START, START + 5)
    assert result.statistics == {
        "recordsMatched": 1.0,
        "recordsScanned": 3.0,
        "bytesScanned": float(len(line(action="REJECT")) + len(line()) + 5),
        "estimatedRecordsSkipped": 0.0,
        "estimatedBytesSkipped": 0.0,
        "logGroupsScanned": 1.0,
        "resultCount": 0.0,
    }
    now = run("filter toMillis(@timestamp) < now() * 1000", table, START, START + 5, now=START + 1)
    assert now.statistics["recordsMatched"] == 1
    estimate = run("filter action = 'x' | estimate", table, START, START + 5)
    assert dict(estimate.rows[0]) == {"estimatedBytes": str(table.totals_in(START * 1000, START * 1000 + 5999)[1])}
    assert estimate.statistics["bytesScanned"] == 0


def test_out_of_memory_is_a_failed_query() -> None:
    database = Database(threads=1)
    table = LogTable("/big", database=database)
    table.load(
        "SELECT i AS seq, i AS ts, i AS ing, 's' AS stream, '' AS event_id, repeat(md5(i::VARCHAR), 8) AS message "
        "FROM range(300000) t(i)",
        [],
    )
    database.connection.execute("SET memory_limit = '60MB'")
    database.connection.execute("SET max_temp_directory_size = '1MB'")
    with pytest.raises(QueryFailed, match="memory"):
        run("stats count(*) as n, values(@message) as v by @message | sort v", table, 0, END)
    assert values("stats count(*) as n", table, 0, END) == [{"n": "300000"}]


# names, numbers, order ---------------------------------------------------------------------------


def test_remarks_for_names_that_are_nearly_right(table: LogTable) -> None:
    table.append([at(0, line())])
    result = run("filter srcaddr = '10.0.0.1' or dst_port = 22 or whatever = 1", table, START, END)
    assert result.rows == []
    assert result.remarks == (
        "No event has a field srcaddr: it is srcAddr; upper and lower case matter.",
        "No event has a field dst_port. Did you mean dstPort?",
    )
    assert "Did you mean" in result._repr_html_()
    assert run("filter srcAddr = '10.0.0.1'", table, START, END).remarks == ()


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("stats count_distinct(dstport) as n by srcaddr | filter n >= 10", ["dstport: it is dstPort", "srcaddr: it is srcAddr"]),
        ("filter ACTION = 'REJECT' | fields @Timestamp", ["ACTION: it is action", "@Timestamp: it is @timestamp"]),
        ("filter starttime > 3", ["starttime: it is startTime"]),
        ("parse @message '* *' as srcaddr, x | stats count(*) by srcaddr", []),
        ("fields src_addr, whatever", []),
        ("fields jsonParse(@message) as j | filter j.srcaddr = 1", []),
        ("no query", []),
    ],
)  # fmt: skip
def test_a_field_in_another_letter_case_is_known_from_the_query_alone(query: str, names: list[str]) -> None:
    assert case_remarks(query) == [f"No event has a field {name}; upper and lower case matter." for name in names]
    assert case_remarks("fields srcaddr, dstport", shown=["srcaddr", "dstport"]) == []


def test_numbers_are_printed_as_in_aws(table: LogTable) -> None:
    table.append([at(0, line(size=67_000_000)), at(1, line(size=61_000_000)), at(2, line(size=1))])
    row = values("stats sum(bytes) as s, avg(bytes) as a, count(*) as c, max(bytes) as m, sum(bytes) / 2 as h", table)[
        0
    ]
    assert row == {"s": "128000001", "a": "4.2666667E7", "c": "3", "m": "67000000", "h": "6.40000005E7"}
    assert [printing.java_double(x) for x in (-0.5, 1e7, 123456789.125, 1e-3, 9.9e-4, math.inf, math.nan, 0.0)] == [
        "-0.5", "1.0E7", "1.23456789125E8", "0.001", "9.9E-4", "Infinity", "NaN", "0.0",
    ]  # fmt: skip


def test_no_arithmetic_fails(table: LogTable) -> None:
    table.append([at(0, line(size=2**62))])
    shown = values(
        "fields bytes * bytes * bytes as a, bytes / 0 as b, bytes % 0 as c, sqrt(0-1) as d, log(0) as e, "
        "99999999999999999999999 as f, 9 ^ 9999 as g, fromMillis(1e300) as h, round(5.55, 9999999999) as i, "
        "toInt(1e300) as j, substr('abc', 99999999999) as k, 0 - 9223372036854775807 - 5 as l",
        table,
    )
    assert shown[0].keys() >= {"a", "f", "i", "l"}
    assert not {"b", "c", "h", "j"} & shown[0].keys()


def test_each_query_twenty_times(table: LogTable) -> None:
    table.append(sample_events())
    table.append(at(5, f'{{"v": {number / 7}, "g": {number % 3}}}') for number in range(1500))
    queries = [*QUERIES, "stats sum(v) as s, avg(v) as a, stddev(v) as d, variance(v) as w by g"]
    for text in queries:
        query = Query(text)
        first = run(query, table, START, END, groups={"/corpus": table})
        wanted = (repr(first.rows), first.pointers)
        for _ in range(19 if "sum(v)" in text or text.startswith("stats sum") else 1):
            again = run(query, table, START, END, groups={"/corpus": table})
            assert (repr(again.rows), again.pointers) == wanted, text


def test_order_of_arrival_settles_ties(table: LogTable) -> None:
    table.append(at(0, str(number)) for number in range(50))
    ascending = values("fields @message | sort @timestamp", table)
    assert [row["@message"] for row in ascending] == [str(number) for number in range(50)]
    newest = values("fields @message", table)
    assert [row["@message"] for row in newest] == [str(number) for number in reversed(range(50))]


def test_writing_while_others_read() -> None:
    table = LogTable("/busy", database=Database())
    table.append([at(0, line())])
    errors: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(15):
                count = int(values("stats count(*) as n", table)[0]["n"])
                assert count >= 1
        except BaseException as error:
            errors.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(15):
        table.append(at(batch, line(port=number)) for number in range(20))
    for reader in readers:
        reader.join()
    assert errors == []
    assert values("stats count(*) as n", table) == [{"n": "301"}]


def test_a_field_of_the_flow_format_may_also_come_from_json(table: LogTable) -> None:
    table.append([at(0, line(port=443)), at(1, '{"dstPort": 80, "action": "ACCEPT"}'), at(2, '{"dstPort": "x"}')])
    assert values("filter dstPort < 100 | fields dstPort", table) == [{"dstPort": "80"}]
    shown = values("fields dstPort | sort dstPort desc", table)
    assert [row["dstPort"] for row in shown] == ["443", "80", "x"]


def test_lines_that_are_nearly_records(table: LogTable) -> None:
    lost = ["3" + line()[1:], line() + " extra", line().replace(" OK", ""), line().replace("2 1", "2  1")]
    table.append(at(second, message) for second, message in enumerate(lost))
    table.append([at(10, line().replace("51000", "many"))])
    assert values("filter ispresent(srcAddr) | fields srcPort, dstPort", table) == [{"dstPort": "22"}]
    off = LogTable("/off", flow_logs=False, database=table.database)
    off.append([at(0, line())])
    assert values("filter ispresent(srcAddr)", off) == []


# lookup tables -----------------------------------------------------------------------------------

HOSTS = "address,name,role\n10.0.0.1,web,front\n10.0.0.2,db,\n10.0.0.1,shadow,x\n"
NETS = "block,zone\n10.0.0.0/8,inside\n10.0.0.0/24,subnet\n2001:db8::/32,six\n0.0.0.0/0,world\n"


def test_lookup(table: LogTable) -> None:
    table.append(at(s, line(src=f"10.0.0.{s}")) for s in (1, 2, 3))
    query = "lookup hosts address as srcAddr OUTPUT name, role as kind | sort srcAddr | display srcAddr, name, kind"
    result = prepare(query, table, START, END, lookups={"hosts": HOSTS}).result()
    assert [dict(row) for row in result.rows] == [
        {"srcAddr": "10.0.0.1", "name": "web", "kind": "front"},
        {"srcAddr": "10.0.0.2", "name": "db"},
        {"srcAddr": "10.0.0.3"},
    ]
    new = "lookup hosts address as srcAddr OUTPUTNEW name as action, name as n | display action, n | sort srcAddr"
    kept = prepare(new, table, START, END, lookups={"hosts": HOSTS}).result()
    assert [dict(row) for row in kept.rows][:2] == [
        {"action": "ACCEPT", "n": "web"},
        {"action": "ACCEPT", "n": "db"},
    ]
    over = prepare(new.replace("OUTPUTNEW", "OUTPUT"), table, START, END, lookups={"hosts": HOSTS}).result()
    assert [dict(row).get("action") for row in over.rows] == ["web", "db", None]
    assert result.statistics["recordsMatched"] == 3


def test_cidrlookup_takes_the_longest_prefix(table: LogTable) -> None:
    addresses = ["10.0.0.1", "10.9.9.9", "192.0.2.1", "2001:db8::5", "nothing"]
    table.append(at(s, f'{{"ip": "{address}"}}') for s, address in enumerate(addresses))
    for head in ("cidrlookup nets ip OUTPUT zone", "cidrlookup nets ip AS block OUTPUT zone"):
        result = prepare(f"{head} | display zone | sort @timestamp", table, START, END, lookups={"nets": NETS}).result()
        assert [dict(row).get("zone") for row in result.rows] == ["subnet", "inside", "world", "six", None]


def test_lookup_refusals(table: LogTable) -> None:
    with pytest.raises(MalformedQuery, match="no lookup table hosts"):
        run("lookup hosts a as b OUTPUT c", table, START, END)
    with pytest.raises(MalformedQuery, match="no column c; it has address, name, role"):
        prepare("lookup hosts address as srcAddr OUTPUT c", table, START, END, lookups={"hosts": HOSTS}).result()
    with pytest.raises(MalformedQuery, match="no column of the lookup table hosts holds CIDR blocks"):
        without = {"hosts": "name,role\nweb,front\n"}
        prepare("cidrlookup hosts srcAddr OUTPUT name", table, START, END, lookups=without).result()


# a day of records against pandas -----------------------------------------------------------------


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> tuple[LogTable, pd.DataFrame]:
    """20,000 records over a day, in the engine and in pandas."""
    from benchmarks.insights import flow_table

    table = flow_table(20_000, True, Database())
    path = tmp_path_factory.mktemp("day") / "day.parquet"
    table.to_parquet(path)
    import duckdb

    return table, duckdb.connect().execute("SELECT * FROM read_parquet($1)", [str(path)]).df()


def as_set(result: pd.DataFrame) -> set[tuple[object, ...]]:
    return {tuple(str(cell) for cell in row) for row in result.itertuples(index=False)}


@pytest.mark.parametrize(
    ("query", "question"),
    [
        ("stats sum(packets) as n by srcAddr, dstAddr", lambda d: d.groupby(["srcAddr", "dstAddr"])["packets"].sum()),
        (
            'filter isIpv4InSubnet(srcAddr, "10.0.2.0/23") | stats sum(bytes) as b by dstAddr',
            lambda d: d[d.srcAddr.str.match(r"10\.0\.[23]\.")].groupby("dstAddr")["bytes"].sum(),
        ),
        ("filter protocol=17 | stats count(*) by srcAddr", lambda d: d[d.protocol == 17].groupby("srcAddr").size()),
        ("stats min(bytes) by dstAddr", lambda d: d.groupby("dstAddr")["bytes"].min()),
        ("stats max(bytes) by srcAddr, dstAddr", lambda d: d.groupby(["srcAddr", "dstAddr"])["bytes"].max()),
        (
            'filter action="REJECT" | stats count(*) as n by srcAddr',
            lambda d: d[d.action == "REJECT"].groupby("srcAddr").size(),
        ),
        (
            'filter action="REJECT" and srcAddr like /^10\\./ | stats count_distinct(dstPort) as n by srcAddr',
            lambda d: d[d.action == "REJECT"].groupby("srcAddr")["dstPort"].nunique(),
        ),
        (
            "filter srcAddr LIKE '10.0.1.' and dstPort not in [80, 443] | stats sum(bytes) as b by dstAddr",
            lambda d: d[d.srcAddr.str.contains("10.0.1.", regex=False) & ~d.dstPort.isin([80, 443])]
            .groupby("dstAddr")["bytes"].sum(),
        ),
        (
            "filter dstPort = 22 | stats count(*) as n by srcAddr, action",
            lambda d: d[d.dstPort == 22].groupby(["srcAddr", "action"]).size(),
        ),
        ("stats count(*) as n by protocol, dstPort", lambda d: d.groupby(["protocol", "dstPort"]).size()),
        (
            "stats pct(bytes, 50) as p by action",
            lambda d: d.groupby("action")["bytes"].quantile(0.5, interpolation="lower"),
        ),
        (
            "stats count(*) as n by bin(1h) as t | fields toMillis(t) as ms | display ms, n",
            lambda d: d.groupby(d.ts // 3_600_000 * 3_600_000).size(),
        ),
    ],
)  # fmt: skip
def test_flow_log_questions_against_pandas(query: str, question: "object", day: tuple[LogTable, pd.DataFrame]) -> None:
    table, frame = day
    wanted = question(frame).reset_index()  # type: ignore[operator]
    result = run(query, table, START, START + 200_000, limit=100_000)
    mine = {tuple(dict(row).values()) for row in result.rows}
    assert mine == as_set(wanted)
    assert len(result.to_pandas()) == len(wanted)


def test_to_pandas_types(table: LogTable) -> None:
    table.append([at(0, line()), at(1, "2 123456789012 eni-1 - - - - - - - 1 2 - NODATA")])
    frame = run(
        "fields @timestamp, bytes, bytes / 3 as third, action, bytes > 3 as large | sort @timestamp",
        table,
        START,
        END,
    ).to_pandas()
    assert [str(kind) for kind in frame.dtypes] == ["datetime64[ms]", "Int64", "Float64", "string", "Int64"]
    assert frame["bytes"].isna().tolist() == [False, True]
    assert frame["large"].tolist() == [1, 0]


def test_a_query_knows_its_limit_and_its_source() -> None:
    query = Query("filter dstPort = 22 | stats count(*) as n by srcAddr | sort n desc | limit 5")
    assert (query.limit, query.source) == (5, None)
    assert Query("SOURCE '/a' | limit 1").source is not None


def test_memory_of_a_stored_event() -> None:
    from benchmarks.insights import flow_table

    database = Database()
    flow_table(60_000, False, database)
    assert database.memory_bytes() / 60_000 < 0.65 * 376


# commands, one by one ----------------------------------------------------------------------------

JSON = [
    '{"a": 1, "b": 2.5, "items": [1, {"c": 2}, "x"], "deep": {"k": "v"}}',
    '{"a": "x", "b": 3, "items": []}',
    'level=error msg="say \\"hi\\"" code=5',
    '1,"two, ""2""",3',
]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("fields a, b | addtotals | sort @timestamp | limit 2", [{"a": "1", "b": "2.5", "Total": "3.5"}, {"a": "x", "b": "3", "Total": "3"}]),
        (
            "filter ispresent(a) | fields a, b | sort @timestamp | addtotals fieldname=S col=true a, b",
            [{"a": "1", "b": "2.5", "S": "3.5"}, {"a": "x", "b": "3", "S": "3"}, {"a": "1", "b": "5.5", "S": "6.5"}],
        ),
        ("fields b | sort @timestamp | limit 2 | accum b", [{"b": "2.5"}, {"b": "5.5"}]),
        ("fields jsonParse(@message) as j | filter ispresent(j.a) | unnest j.items into i | display i, i.c | sort @timestamp",
         [{"i": "1"}, {"i": '{"c":2}', "i.c": "2"}, {"i": "x"}]),
        ("filter ispresent(a) | expand items | sort @timestamp | display items", [{"items": "1"}, {"items": '{"c":2}'}, {"items": "x"}]),
        ("parse @message logfmt as m | filter m.code = 5 | display m.level, m.msg", [{"m.level": "error", "m.msg": 'say "hi"'}]),
        ("parse @message logfmt as m | filter not ispresent(m) | stats count(*) as n", [{"n": "3"}]),
        ("parse @message csv as x, y, z, w | filter x = 1 | display y, z, w", [{"y": 'two, "2"', "z": "3"}]),
        ('json field=@message "deep.k" as k | filter k = "v" | display k, a', [{"k": "v", "a": "1"}]),
        ("parse @message /(?<n>\\d)/ multi | filter @message like 'level' | display n", [{"n": "5"}]),
        ("parse @message /(\\w)=/ as w multi | filter @message like 'level' | display w | sort w", [{"w": "e"}, {"w": "g"}, {"w": "l"}]),
        ("parse @message 'level=* ' as l | fields @message | filter ispresent(l) | stats count(*) as n by l", [{"l": "error", "n": "1"}]),
        ("fields jsonStringify(jsonParse(@message)) as s | filter b = 3 | display s", [{"s": '{"a":"x","b":3,"items":[]}'}]),
        ("stats max(a) as hi, min(a) as lo, sortsFirst(a) as f, sortsLast(a) as l", [{"hi": "1", "lo": "1", "f": "x", "l": "1"}]),
        ("stats sum(b) as s by @timestamp | stats max(s) as m by bin(1h) | display m", [{"m": "3"}]),
        ("stats count(*) as n by ispresent(a) as there | sort n, there", [{"there": "0", "n": "2"}, {"there": "1", "n": "2"}]),
        ("stats count(*) by bin(1h) | sort bin(1h) desc | display `count(*)`", [{"count(*)": "4"}]),
    ],
)  # fmt: skip
def test_commands(table: LogTable, query: str, wanted: list[dict[str, str]]) -> None:
    table.append(at(second, message) for second, message in enumerate(JSON))
    assert values(query, table) == wanted


def test_fillmissing_per_key_and_per_month(table: LogTable) -> None:
    spread = [(0, "x"), (1200, "x"), (600, "y"), (5_000_000, "x")]
    table.append(at(second, f'{{"k": "{key}", "v": 1}}') for second, key in spread)
    rows = values(
        "stats count(*) as n by bin(10m) as t, k | fillmissing with 0 for n | sort k, t",
        table,
        END - 100_000,
        END + 10**7,
        limit=100_000,
    )
    assert len(rows) == 2 * (5_000_000 // 600 + 1)
    assert sum(int(row["n"]) for row in rows) == 4
    months = values("stats sum(v) as s by bin(1mo) as t | fillmissing", table, START, END + 10**7)
    assert [(row["t"][:7], row.get("s")) for row in months] == [
        ("2023-11", "3"),
        ("2023-12", None),
        ("2024-01", "1"),
    ]


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("bin(300s)", "2023-11-14 22:13:00.000"),
        ("bin(90m)", "2023-11-14 22:00:00.000"),
        ("bin(48h)", "2023-11-14 00:00:00.000"),
        ("bin(2d)", "2023-11-13 00:00:00.000"),
        ("bin(1w)", "2023-11-09 00:00:00.000"),
        ("bin(2mon)", "2023-11-01 00:00:00.000"),
        ("bin(1qtr)", "2023-10-01 00:00:00.000"),
        ("bin(10 yrs)", "2020-01-01 00:00:00.000"),
        ("bin(5000ms)", "2023-11-14 22:13:20.000"),
        ("dateceil(@timestamp, 1month)", "2023-12-01 00:00:00.000"),
        ("dateceil(@timestamp, 20s)", "2023-11-14 22:13:20.000"),
        ("datefloor(fromMillis(0-1), 1s)", "1969-12-31 23:59:59.000"),
        ("dateceil(fromMillis(0-1500), 1s)", "1969-12-31 23:59:59.000"),
        ('formatDate(@timestamp, "%d.%m.%Y %H:%M", "America/New_York")', "14.11.2023 17:13"),
        ('parseDate("14 Nov 2023 22:13:20", "dd MMM yyyy HH:mm:ss")', "1700000000000"),
        ('parseDate("2023-11-14T23:13:20+01:00", "yyyy-MM-dd\'T\'HH:mm:ssXXX")', "1700000000000"),
        ('parseDate("2023-11-14 17:13", "yyyy-MM-dd HH:mm", "America/New_York")', "1699999980000"),
        ('parseDate("nonsense", "yyyy")', None),
        ("2 ^ 3", "8"), ("10 % 3", "1"), ("7 / 2", "3.5"), ("2 + 3 * 4 - 1", "13"), ("1e3 + 0.5", "1000.5"),
        ("round(2.567, 2)", "2.57"), ("floor(0-1.5)", "-2"), ("greatest(nosuch, 0)", "0"), ("abs(0-5)", "5"),
        ('substr("xyZfooxyZ", 3, 3)', "foo"), ('rtrim("xyZfooxyxyZ", "xyZ")', "xyZfoo"), ("strlen('añ✓')", "3"),
        ('replace("a.b.c", ".", "")', "abc"), ('regexReplace("a1b22", "([0-9]+)", "<$1>")', "a<1>b<22>"),
        ("hexToDec('0xFF')", "255"), ("decToHex(255)", "0xff"), ("hexToAscii('48692e')", "Hi."),
        ("base64decode(base64encode('ü'))", "ü"), ("urldecode(urlencode('a b&ü'))", "a b&ü"),
        ("messageSize('ü')", "2"), ("jsonArrayContains('[\"a\",2]', 'a')", "1"), ("jsonArraySize('{}')", None),
        ("isValidIp('::ffff:10.0.0.1')", "1"), ("isValidIpV4('01.2.3.4')", "0"), ("ipv4ToNumber('255.255.255.255')", "4294967295"),
        ("isIpv6InSubnet('2001:db8::1', '2001:db8::/32')", "1"), ("isIpInSubnet('10.1.2.3', '10.0.0.0/8')", "1"),
        ("isPublicIP('203.0.113.9')", "1"), ("isPublicIP('10.0.0.1')", "0"), ("isReservedIP('169.254.1.1')", "1"),
        ("isPrivateIP('fd00::1')", "1"), ("isPrivateIP('no address')", "0"), ("isIpv4InSubnet(nosuch, '0.0.0.0/0')", "0"),
        ("if(1 = 2, 'a')", None), ("case(1 = 2, 'a', 2 = 2, 'b', 'c')", "b"), ("coalesce(nosuch, '')", ""),
        ("split('a b', ' ')[1]", "b"), ("jsonParse('{\"a\":[{\"b\":7}]}').a[0].b + 1", "8"), ("toInt('5.9')", "5"),
        ("'22' = 22", "1"), ("'1e1' = 10", "1"), ("'b' > 'a'", "1"), ("'b' > 1", "0"), ("'b' != 1", "1"),
        ("nosuch = 1", "0"), ("nosuch != 1", "0"), ("not nosuch = 1", "1"), ("3 in ['3', 'x']", "1"),
        ("nosuch not in [1]", "0"), ("true", "1"), ("'TRUE' = true", "1"), ("isempty(nosuch) + 1", "2"),
    ],
)  # fmt: skip
def test_expressions(table: LogTable, expression: str, wanted: str | None) -> None:
    table.append([at(0, "x")])
    assert values(f"fields {expression} as v", table)[0].get("v") == wanted
