"""The forms in which people have log files: each gives the same rows from a file, a folder, gzip and an open file."""

import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from helpers.insights import LogTable, QueryFailed, open_logs, run

NOW = datetime(2026, 6, 1, tzinfo=UTC)
WEB = "2 123456789012 eni-0aa11bb22cc33dd44 192.0.2.10 10.1.2.3 41000 443 6 12 3400 1700000000 1700000060 ACCEPT OK"
SSH = "2 123456789012 eni-0aa11bb22cc33dd44 198.51.100.7 10.1.2.3 55555 22 6 3 180 1700000060 1700000120 REJECT OK"
NODATA = "2 123456789012 eni-0aa11bb22cc33dd44 - - - - - - - 1700000120 1700000180 - NODATA"
RECORDS = (WEB, SSH, NODATA)
DEFAULT_HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
HEADER = (
    f"{DEFAULT_HEADER} vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region az-id "
    "sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service flow-direction traffic-path"
)
LONG = (
    "5 123456789012 eni-0d4 192.0.2.9 10.0.0.62 40123 8443 6 7 910 1700000000 1700000058 REJECT OK vpc-0a1 "
    "subnet-0b2 i-0c3 2 IPv4 192.0.2.9 10.0.0.80 us-east-1 use1-az2 - - EC2 - ingress -"
)
BY_ACTION = "stats count(*) as n, sum(bytes) as b by action | sort action"
WANTED = [{"action": "ACCEPT", "n": "1", "b": "3400"}, {"action": "REJECT", "n": "1", "b": "180"}, {"n": "1"}]
Rows = list[dict[str, str]]
Asked = Callable[..., tuple[Rows, list[str]]]


def lines(*given: str) -> str:
    return "".join(f"{line}\n" for line in given)


def rows_of(query: str, table: LogTable) -> Rows:
    return [{name: text for name, text in row if name != "@ptr"} for row in run(query, table).rows]


@pytest.fixture
def asked(tmp_path: Path) -> Asked:
    """The rows of a query and the remarks over one text, the same from wherever it comes."""

    def ask(query: str, given: str | bytes, layout: str = "default") -> tuple[Rows, list[str]]:
        data = given.encode() if isinstance(given, str) else given
        (tmp_path / "a.log").write_bytes(data)
        (tmp_path / "packed").mkdir(exist_ok=True)
        (tmp_path / "packed/a.log.gz").write_bytes(gzip.compress(data, 1))
        sources = (tmp_path / "a.log", tmp_path / "packed", io.BufferedReader(io.BytesIO(data)))  # type: ignore[arg-type]
        answers = []
        for source in sources:
            table = open_logs(source, layout, now=NOW)
            remarks = [
                text.replace("a.log.gz:", "a.log:").replace("standard input:", "a.log:") for text in table.remarks
            ]
            answers.append((rows_of(query, table), remarks))
            with suppress(QueryFailed):  # no stream: a line is no record
                if isinstance(source, Path) and (streamed := open_logs(source, layout, once=True)).stream:
                    answers.append((rows_of(query, streamed), remarks))
        assert all(answer == answers[0] for answer in answers)
        return answers[0]

    return ask


TIMES = {
    "2026-01-05 08:00:01": "08:00:01.000",
    "2026-01-05 08:00:01,250": "08:00:01.250",
    "2026/01/05 08:00:01": "08:00:01.000",
    "2026-01-05T08:00:01Z": "08:00:01.000",
    "2026-01-05 10:00:01+02:00": "08:00:01.000",
    "2026-01-05T10:00:01.5+0200": "08:00:01.500",
    "2026-01-05 03:00:01 -0500": "08:00:01.000",
    "[2026-01-05 08:00:01]": "08:00:01.000",
    "[2026-01-05T08:00:01.123Z]": "08:00:01.123",
    "[05/Jan/2026:10:00:01 +0200]": "08:00:01.000",
    '10.0.0.1 - - [05/Jan/2026:08:00:01 +0000] "GET / HTTP/1.1"': "08:00:01.000",
    "[Mon Jan 05 08:00:01.123 2026] [core:error]": "08:00:01.000",
    "Jan  5 08:00:01 host sshd[99]:": "08:00:01.000",
    "<34>Jan  5 08:00:01 host": "08:00:01.000",
    "Mon, 05 Jan 2026 08:00:01 +0000": "08:00:01.000",
    "1767600001": "08:00:01.000",
    "1767600001.250": "08:00:01.250",
    "1767600001123": "08:00:01.123",
    "ERROR 2026-01-05 08:00:01": "08:00:01.000",
    "2026-01-05 8:00:01": "08:00:01.000",
    "2026-01-05_08:00:01": "08:00:01.000",
    "2026-01-05\t08:00:01\tEDGE": "08:00:01.000",
    '"2026-01-05","08:00:01"': "08:00:01.000",
    "2026-01-05 09:00:01 CET": "08:00:01.000",
    "2026-01-05 00:00:01.500 PST [123]": "08:00:01.500",
    "2026-01-05 12:00:01 AM PST": "08:00:01.000",
    "Mon Jan  5 03:00:01 EST 2026": "08:00:01.000",
    "Mon Jan  5 08:00:01 AM UTC 2026": "08:00:01.000",
    "Mon, 05 Jan 2026 03:00:01 EST": "08:00:01.000",
    "Jan 05, 2026 8:00:01 AM org.example.Main": "08:00:01.000",
    "Jan  5 08:00:01 CRON 1234": "08:00:01.000",
    "time=2026-01-05T08:00:01Z level=error": "08:00:01.000",
    'ts="2026-01-05T09:00:01+01:00"': "08:00:01.000",
    "https 2026-01-05T08:00:01.123456Z app/web/0a1 192.0.2.1:5": "08:00:01.123",
    "tls 2.0 2026-01-05T08:00:01 net/web/0a1": "08:00:01.000",
}


def test_the_time_at_the_beginning_of_a_line(asked: Asked) -> None:
    rows, remarks = asked("fields @timestamp, @message", lines(*(f"{begin} ERROR a" for begin in TIMES)))
    found = {row["@message"].removesuffix(" ERROR a"): row["@timestamp"] for row in rows}
    assert found == {begin: f"2026-01-05 {time}" for begin, time in TIMES.items()}
    assert remarks == []


def test_what_is_no_time_stays_without_one(asked: Asked) -> None:
    given = lines("2026-13-45 08:00:01 x", "12345 x", "infinity", "call 4155551234", "at 2026-01-05")
    assert asked("stats count(*) as n by @timestamp", given)[0] == [{"@timestamp": "1970-01-01 00:00:00.000", "n": "5"}]


def test_an_afternoon_is_not_a_morning(asked: Asked) -> None:
    given = lines("2026-01-05 08:00:01 PM x", "2026-01-05 12:30:00 PM x", "2026-01-05T08:00:01Z until 09:00 PM EST x")
    rows, _ = asked("fields @timestamp | sort @timestamp", given)
    assert [row["@timestamp"][11:19] for row in rows] == ["08:00:01", "12:30:00", "20:00:01"]


@pytest.mark.parametrize(
    "line", ["01/05/2026 08:00:01 x", "I0105 08:00:01.123456 1 main.go:10] x", '{"at": "2026-01-05 08"}']
)
def test_a_time_that_is_not_read_gets_a_remark(asked: Asked, line: str) -> None:
    rows, remarks = asked("fields @timestamp", lines(line, "no time", WEB))
    assert [row["@timestamp"][:4] for row in rows] == ["2023", "1970", "1970"]
    assert [text.partition(" a time")[0] for text in remarks] == ["a.log: 1 line holds"]


def test_a_time_without_a_year_is_the_last_one_that_has_been(asked: Asked) -> None:
    rows, _ = asked("fields @timestamp | sort @timestamp", lines("Dec 31 23:59:59 h x", "May  9 00:00:00 h x"))
    assert [row["@timestamp"][:10] for row in rows] == ["2025-12-31", "2026-05-09"]


def test_hours_of_application_logs(asked: Asked) -> None:
    rows, _ = asked(
        "stats count(*) as n by bin(1h)", lines("2026-01-05 08:00:01 ERROR a", "2026-01-05 09:30:00 ERROR b")
    )
    assert [row["bin(1h)"] for row in rows] == ["2026-01-05 08:00:00.000", "2026-01-05 09:00:00.000"]


FORMS = (
    "2023-11-14T22:13:20.000Z {}",  # an export task to S3
    "2023-11-14T22:13:20.000000+00:00 eni-0aa-all {}",  # aws logs tail
    "2023-11-14 22:13:20 {}",
    "[2023-11-14 22:13:20] {}",
    "1700000000000 {}",
    "eni-0aa-all 2023-11-14T22:13:20Z {}",
    "2023-11-14T22:13:20.000Z,{}",
    '"{}"',
    "  {}  ",
    '{{"message": "{}"}}',
    '{{"timestamp": 1700000000000, "message": "{}", "level": "info"}}',
    '{{"log": "{}\\n", "stream": "stdout"}}',
)


def test_a_record_within_its_line(asked: Asked) -> None:
    rows, remarks = asked(BY_ACTION, lines(*(form.format(record) for form in FORMS for record in RECORDS)))
    assert [(row.get("action"), row["n"]) for row in rows] == [(action, "12") for action in ("ACCEPT", "REJECT", None)]
    assert remarks == []
    rows, _ = asked("stats count(*) as n by @timestamp, @message", lines(*(form.format(WEB) for form in FORMS)))
    assert rows == [{"@timestamp": "2023-11-14 22:13:20.000", "@message": WEB, "n": "12"}]


def test_what_stands_between_the_fields_of_a_record(asked: Asked) -> None:
    forms = [
        between.join(record.split())
        for between in ("\t", "  ", ",", '","', " , ", ";", "|", " | ")
        for record in RECORDS
    ]
    rows, remarks = asked(BY_ACTION, lines(*(f'"{form}"' if '"' in form else form for form in forms)))
    assert [(row.get("action"), row["n"]) for row in rows] == [("ACCEPT", "8"), ("REJECT", "8"), (None, "8")]
    assert remarks == []


def test_empty_fields_between_commas_are_gaps(asked: Asked) -> None:
    given = lines(NODATA.replace(" - - - - - - - ", ",,,,,,,,").replace(" - ", ",,").replace(" ", ","))
    assert asked("fields logStatus, action, srcAddr", given)[0] == [{"logStatus": "NODATA"}]


def test_the_stream_before_a_record_is_its_stream(asked: Asked) -> None:
    rows, _ = asked("fields @logStream", lines(f"2023-11-14T22:13:20+00:00 eni-0aa-all {WEB}"))
    assert rows == [{"@logStream": "eni-0aa-all"}]


def test_the_time_before_a_record_is_its_timestamp(asked: Asked) -> None:
    rows, _ = asked("fields @timestamp", lines(f"2023-11-14T22:15:00Z {WEB}", f"Jan  5 08:00:01 host fluentd: {WEB}"))
    assert [row["@timestamp"] for row in rows] == ["2023-11-14 22:15:00.000", "2023-11-14 22:13:20.000"]


@pytest.mark.parametrize("spell", [str, lambda text: text.replace("-", "_"), lambda text: text.replace(" ", ",")])
def test_a_header_names_the_fields(asked: Asked, spell: Callable[[str], str]) -> None:
    rows, remarks = asked("fields @timestamp, srcAddr, flowDirection", lines(spell(HEADER), LONG))
    assert rows == [{"@timestamp": "2023-11-14 22:13:20.000", "srcAddr": "192.0.2.9", "flowDirection": "ingress"}]
    assert remarks == []


def test_any_order_of_fields_in_a_header(asked: Asked) -> None:
    rows, _ = asked("fields dstPort, srcAddr", lines("start dstport srcaddr", "1700000000 443 192.0.2.1"))
    assert rows == [{"dstPort": "443", "srcAddr": "192.0.2.1"}]
    rows, _ = asked("fields dstPort, srcAddr", lines("srcAddr,dstPort,bytes", "192.0.2.1,443,7"))
    assert rows == [{"dstPort": "443", "srcAddr": "192.0.2.1"}]


def test_a_header_holds_until_the_next_one(asked: Asked) -> None:
    given = lines(DEFAULT_HEADER, WEB, HEADER, LONG, DEFAULT_HEADER, SSH)
    rows, remarks = asked("fields dstPort, flowDirection | sort dstPort", given)
    assert rows == [{"dstPort": "22"}, {"dstPort": "443"}, {"dstPort": "8443", "flowDirection": "ingress"}]
    assert remarks == []
    assert asked("stats count(*) as n", lines("# from S3", HEADER, LONG, HEADER, LONG))[0] == [{"n": "3"}]


def test_files_of_a_folder_may_have_different_formats(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(lines(HEADER, LONG))
    (tmp_path / "b.log").write_text(lines(WEB))
    (tmp_path / "c.log.gz").write_bytes(gzip.compress(lines("bytes srcaddr", "5 192.0.2.3").encode()))
    found = rows_of("stats sum(bytes) as b by srcAddr, flowDirection | sort b", open_logs(tmp_path))
    assert [(row["srcAddr"], row["b"]) for row in found] == [
        ("192.0.2.3", "5"),
        ("192.0.2.9", "910"),
        ("192.0.2.10", "3400"),
    ]


@pytest.mark.parametrize(("key", "indent"), [("events", None), ("logEvents", 2), (None, 2)])
def test_a_document_of_events(asked: Asked, key: str | None, indent: int | None) -> None:
    events = [
        {"logStreamName": "eni-1", "timestamp": 1_700_000_000_500, "message": record, "eventId": "1"}
        for record in (*RECORDS, "something else")
    ]
    given = json.dumps({key: events, "searchedLogStreams": []} if key else events, indent=indent)
    assert asked(BY_ACTION, given)[0] == [*WANTED[:2], {"n": "2"}]
    rows, _ = asked("filter action = 'REJECT' | fields @timestamp, @logStream, @message", given)
    assert rows == [{"@timestamp": "2023-11-14 22:13:20.500", "@logStream": "eni-1", "@message": SSH}]
    assert asked("filter @message = 'something else' | stats count(*) as n", given)[0] == [{"n": "1"}]


@pytest.mark.parametrize("indent", [None, 2])
def test_a_trail_is_a_document_of_events(asked: Asked, indent: int | None) -> None:
    records = [{"eventTime": f"2026-01-05T0{hour}:00:00Z", "eventName": "StartQuery"} for hour in (8, 9)]
    rows, _ = asked("stats count(*) as n by eventName, bin(1h)", json.dumps({"Records": records}, indent=indent))
    assert [(row["bin(1h)"][11:13], row["n"]) for row in rows] == [("08", "1"), ("09", "1")]


@pytest.mark.parametrize("given", [b"BZh91AY&SY\r\x00x\n", b"x" * 200_000 + b"\n", b'a"b\rc\n'])
def test_a_first_line_of_any_kind(asked: Asked, given: bytes) -> None:
    rows, _ = asked("stats count(srcAddr) as s", given + WEB.encode())
    assert rows == [{"s": "1"}]


@pytest.mark.parametrize("header", ["timestamp,message", "@timestamp,@message", '"@timestamp","@message"'])
def test_a_table_with_a_column_of_messages(asked: Asked, header: str) -> None:
    given = lines(header, f"2023-11-14 22:13:20.500,{WEB}", '2023-11-14 22:13:21.000,"he said ""no"", twice"')
    rows, _ = asked("fields @timestamp, @message, dstPort | sort @timestamp", given)
    assert rows[0] == {"@timestamp": "2023-11-14 22:13:20.500", "@message": WEB, "dstPort": "443"}
    assert rows[1] == {"@timestamp": "2023-11-14 22:13:21.000", "@message": 'he said "no", twice'}


@pytest.mark.parametrize(
    ("name", "value"),
    [("timestamp", '"2026-01-05T10:00:01+02:00"'), ("time", "1767600001"), ("@timestamp", "1767600001000")],
)
def test_the_time_of_a_json_line(asked: Asked, name: str, value: str) -> None:
    rows, _ = asked("fields @timestamp, level, message", lines(f'{{"level": "E", "message": "hi", "{name}": {value}}}'))
    assert rows == [{"@timestamp": "2026-01-05 08:00:01.000", "level": "E", "message": "hi"}]


@pytest.mark.parametrize(
    ("odd", "events", "remark"),
    [
        (b"caf\xe9\n", 1, "a.log: 1 line with bytes that are not UTF-8 text"),
        (b"a\xff\nb\xfe\n", 2, "a.log: 2 lines with bytes that are not UTF-8"),
        (b"a\x01b\n", 1, "a.log: 1 line with bytes"),
        (b"one\rtwo\n", 2, "a.log: 1 line with a carriage return alone"),
        (b"x" * 40_000_000, 0, "a.log: 1 line longer than 2 MB"),
        (b"x" * 3_000_000 + b"\nend\n", 1, "a.log: 1 line longer than 2 MB"),
    ],
    ids=["latin-1", "two", "control", "return", "unfinished", "middle"],
)
def test_odd_bytes_cost_a_remark_with_the_name(asked: Asked, odd: bytes, events: int, remark: str) -> None:
    rows, remarks = asked("stats count(*) as n, count(srcAddr) as s", lines(WEB, SSH).encode() + odd)
    assert rows == [{"n": str(events + 2), "s": "2"}]
    assert len(remarks) == 1
    assert remarks[0].startswith(remark)


def test_one_odd_file_does_not_cost_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(lines(WEB))
    (tmp_path / "b.log").write_bytes(b"caf\xe9\n")
    (tmp_path / "c.log").write_text(lines(SSH))
    table = open_logs(tmp_path)
    assert rows_of("stats count(*) as n, count(srcAddr) as s", table) == [{"n": "3", "s": "2"}]
    assert [text.split(":")[0] for text in table.remarks] == ["b.log"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_and_windows_lines(asked: Asked, encoding: str) -> None:
    given = lines(DEFAULT_HEADER, *RECORDS).replace("\n", "\r\n").encode(encoding)
    assert asked(BY_ACTION, given) == (WANTED, [])


@pytest.mark.parametrize(
    ("text", "layout", "remark"),
    [
        (
            LONG,
            "default",
            "a.log: 1 line looks like flow-log records, but not of this format. Try --format '${version} ",
        ),
        (f"2023-11-14T22:13:20Z {LONG}", "default", "${flow-direction} ${traffic-path}'."),
        ("- eni-0a1 10.0.1.5 10.0.0.220 10.0.1.5 203.0.113.5", "default", "'${instance-id} ${interface-id} ${srcaddr}"),
        ("10.0.0.1 10.0.0.2 443 ACCEPT 7 6", "default", "with the fields of the flow log's LogFormat"),
        (WEB, "${srcaddr} ${bytes}", "Try --format 'default'."),
        (f"parsed {WEB}", "default", "behind other text"),
        ("6 TransitGateway 123456789012 tgw-0a1 eni-0a1 10.0.0.1 10.1.0.1 443 6 OK", "default", "of a transit gateway"),
    ],
)
def test_lines_that_look_like_records_get_one_remark(asked: Asked, text: str, layout: str, remark: str) -> None:
    _, remarks = asked("stats count(*)", lines(text), layout)
    assert len(remarks) == 1
    assert remark in remarks[0]


def test_the_format_that_a_remark_names_reads_the_lines(asked: Asked) -> None:
    _, remarks = asked("stats count(*)", lines(LONG, LONG))
    layout = remarks[0].split("'")[1]
    assert asked("stats sum(bytes) as b", lines(LONG, LONG), layout) == ([{"b": "1820"}], [])


def test_other_lines_get_no_remark(asked: Asked) -> None:
    given = lines("ERROR 10.0.0.1 was denied", "REJECT OK", "GET /a 200 12", '{"a": "10.0.0.1 10.0.0.2"}')
    assert asked("stats count(*) as n", given) == ([{"n": "4"}], [])
