"""pattern: AWS's published examples, what is masked and what is not, the four columns, where it may stand."""

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, compile, run  # noqa: A004

START = 1_700_002_800
END = START + 3600
# Pattern analysis, User Guide
STORED = [
    "2023-01-01 19:00:01 [INFO] Calling DynamoDB to store for resource id 12342342k124-12345",
    "2023-01-01 19:00:02 [INFO] Calling DynamoDB to store for resource id 324892398123-12345",
    "2023-01-01 19:00:03 [INFO] Calling DynamoDB to store for resource id 3ff231242342-12345",
]
FLOW = "2 123456789012 eni-0a1b2c{} 203.0.113.{} 10.0.1.5 5100{} 22 6 1 40 1700002800 1700002860 {} OK"


def patterns(*messages: str, query: str = "pattern @message") -> list[dict[str, str]]:
    table = LogTable("/patterns", database=Database())
    table.append(Event((START + at) * 1000, START * 1000, "s", text) for at, text in enumerate(messages))
    result = run(query, table, START, END)
    assert any("insights-pattern" in remark for remark in result.remarks)
    return [dict(row) for row in result.rows]


def test_the_documented_examples() -> None:
    [row] = patterns(*STORED)
    assert row == {
        "@pattern": "<Time-1> [INFO] Calling DynamoDB to store for resource id <ID-2>",
        "@ratio": "1.0",
        "@sampleCount": "3",
        "@severityLabel": "INFO",
    }
    assert list(row) == ["@pattern", "@ratio", "@sampleCount", "@severityLabel"]
    [row] = patterns("[INFO] Request time: 327 ms")
    assert row["@pattern"] == "[INFO] Request time: <Time-1> ms"
    half = patterns("one", "two words")
    assert [row["@ratio"] for row in half] == ["0.5", "0.5"]
    text = "filter @message like /ERROR/ | parse @message 'Failed to do: *' as cause | pattern cause "
    text += "| sort @sampleCount asc"
    lines = ["ERROR Failed to do: job 1", "ERROR Failed to do: job 2", "ERROR Failed to do: nothing", "INFO"]
    assert [(row["@pattern"], row["@sampleCount"]) for row in patterns(*lines, query=text)] == [
        ("nothing", "1"),
        ("job <Number-1>", "2"),
    ]


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        ("at 2023-11-14T23:00:00.123Z, 2023-11-14 and 23:00:01,5", "at <Time-1>, <Time-2> and <Time-3>"),
        ("2023-11-14T23:00:00+01:00 x", "<Time-1> x"),
        ('192.0.2.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 200 2326',
         '<IPAddress-1> - - [<Time-2>] "GET / HTTP/<Number-3>" <Number-4> <Number-5>'),
        ("Nov  5 10:00:00 host sshd[12]: from 192.0.2.1/32 port 22 ssh2",
         "<Time-1> host sshd[<Number-2>]: from <IPAddress-3> port <Number-4> <ID-5>"),
        ("2001:db8::5 fe80::1 1:2:3:4:5:6:7:8 std::x a:b", "<IPAddress-1> <IPAddress-2> <IPAddress-3> std::x a:b"),
        ("id 8f5e1c1a-0000-4a1b-9c1d-0123456789ab i-0abc us-east-1", "id <ID-1> <ID-2> <ID-3>"),
        ("took 12.34 s of 15ms, -3.5 and 7", "took <Time-1> s of <Time-2>ms, -<Number-3> and <Number-4>"),
        ('"GET /a/b.html?x=1 HTTP/1.1" to and/or /', '"GET <Token-1> HTTP/<Number-2>" to and/or /'),
        ("no token at all: plain-text stays", "no token at all: plain-text stays"),
        ("<b> \x01Time\x02 'quoted' \\1 $1", "<b> Time 'quoted' \\<Number-1> $<Number-2>"),
        ("", ""),
        ("ünï 5 ✓", "ünï <Number-1> ✓"),
        ("x" * 1500 + " 7", "x" * 1500),
    ],
)  # fmt: skip
def test_what_is_masked(message: str, wanted: str) -> None:
    [row] = patterns(message)
    assert row["@pattern"] == wanted


def test_flow_log_records_and_the_sums() -> None:
    lines = [FLOW.format(at, at, at, "REJECT" if at % 4 == 0 else "ACCEPT") for at in range(8)]
    rows = patterns(*lines, "An error 5", "warning: slow")
    assert [row["@sampleCount"] for row in rows] == ["6", "2", "1", "1"]
    assert rows[0]["@pattern"].startswith("<Number-1> <Number-2> <ID-3> <IPAddress-4> <IPAddress-5> <Number-6>")
    assert [row["@severityLabel"] for row in rows] == ["INFO", "INFO", "ERROR", "WARN"]
    assert sum(float(row["@ratio"]) for row in rows) == pytest.approx(1)
    total = patterns(*lines, query="pattern @message | stats sum(@sampleCount) as n, sum(@ratio) as r")
    assert total == [{"n": "8", "r": "1.0"}]


def test_nothing_to_find() -> None:
    assert patterns() == []
    assert patterns("a", query="pattern nosuch") == []
    assert patterns("a", query="filter @message = 'b' | pattern @message") == []


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("sort @timestamp | pattern @message", "pattern cannot stand after sort", "pattern"),
        ("stats count(*) as n by a | pattern a", "it cannot stand after stats", "pattern"),
        ("pattern @message | pattern @pattern", "it cannot stand after pattern", "pattern @pattern"),
        ("pattern @message | fields @message", "Unknown symbols", "@message"),
        ("pattern @message | fields @patern", "Did you mean @pattern?", "@patern"),
        ("pattern", "unexpected end of the query", ""),
        ("pattern count(*)", "count is an aggregation", "count(*)"),
        ("pattern jsonParse(a)", "maps and lists cannot be used in pattern", "jsonParse(a)"),
        ("pattern @message, a", "unexpected symbol found ,", ","),
    ],
)
def test_messages_say_what_and_where(text: str, said: str, place: str) -> None:
    with pytest.raises(MalformedQuery) as caught:
        compile(text)
    assert said in caught.value.message
    assert text[caught.value.start : caught.value.end].startswith(place)
