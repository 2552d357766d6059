# ruff: noqa: E501  (queries stand in one line, as people write them)
"""The flow-log queries of guides, workshops and runbooks over a day of records, each against the same question in pandas.

Every query also runs twenty times: the same bytes each time.
"""

import random
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from helpers.insights import Database, Event, LogTable, Query, run

START = 1_700_006_400  # 2023-11-15 00:00:00 UTC
DAY = 86_400
NAMES = "version accountId interfaceId srcAddr dstAddr srcPort dstPort protocol packets bytes startTime endTime action logStatus".split()  # noqa: SIM905
NUMBERS = ("srcPort", "dstPort", "protocol", "packets", "bytes", "startTime", "endTime")
Frame = Any  # a DataFrame; pandas' own stubs are no help here
LIKE_AWS = "%Y-%m-%d %H:%M:%S.000"


def records() -> list[tuple[int, str, str]]:
    """(second, stream, line): talkers, a scanner, a brute force, an outside server, windows without data."""
    draw = random.Random(20231115)
    inside = [f"10.0.{net}.{host}" for net in (1, 2, 20) for host in (5, 7, 50)]
    outside = ["192.0.2.1", "192.0.2.77", "198.51.100.4", "203.0.113.9"]
    made = []
    for number in range(4_000):
        at, eni = draw.randrange(DAY), f"eni-{draw.randrange(3)}"
        if number % 100 == 99:
            status = draw.choice(("NODATA", "SKIPDATA"))
            made.append((at, eni, f"2 123456789012 {eni} - - - - - - - {START + at} {START + at + 60} - {status}"))
            continue
        src, dst = draw.choice(inside + outside), draw.choice(inside + outside)
        port, protocol, action = draw.choice((22, 80, 443, 3389, 53, 8080)), draw.choice((1, 6, 6, 6, 17, 47)), "ACCEPT"
        if number % 10 == 0:  # the scanner works in one hour
            at, src, dst, port, action = (
                36_000 + draw.randrange(600),
                "203.0.113.9",
                "10.0.1.5",
                draw.randrange(1, 900),
                "REJECT",
            )
        elif draw.random() < 0.2:
            action = "REJECT"
        packets = draw.randrange(1, 60)
        fields = (
            eni,
            src,
            dst,
            draw.randrange(32_768, 61_000),
            port,
            protocol,
            packets,
            packets * draw.randrange(40, 1500),
        )
        made.append(
            (at, eni, f"2 123456789012 {' '.join(map(str, fields))} {START + at} {START + at + 60} {action} OK")
        )
    return made


@pytest.fixture(scope="module")
def day() -> tuple[LogTable, Frame]:
    """The records in the engine and, read by pandas alone, in a DataFrame."""
    made = records()
    table = LogTable("/day", database=Database())
    table.append(Event((START + at) * 1000, (START + at + 90) * 1000, stream, line) for at, stream, line in made)
    frame = pd.DataFrame([line.split(" ") for _, _, line in made], columns=NAMES).replace("-", None)
    for name in NUMBERS:
        frame[name] = pd.to_numeric(frame[name])
    frame["@timestamp"] = [START + at for at, _, _ in made]
    frame["@logStream"] = [stream for _, stream, _ in made]
    frame["@message"] = [line for _, _, line in made]
    return table, frame


def when(seconds: Any) -> Any:
    return pd.to_datetime(seconds, unit="s").dt.strftime(LIKE_AWS)


def bins(d: Frame, seconds: int) -> Frame:
    return d.assign(bin=when(d["@timestamp"] // seconds * seconds))


def grouped(d: Frame, keys: list[str], **columns: tuple[str, str]) -> Frame:
    """GROUP BY with missing keys kept; ``size`` counts rows."""
    by = d.assign(rows=1).groupby(keys, dropna=False)
    return by.agg(
        **{name: ("rows", "sum") if how == "size" else (field, how) for name, (field, how) in columns.items()}
    ).reset_index()


def reject(d: Frame) -> Frame:
    return d[d.action == "REJECT"]


def starts(column: Any, text: str) -> Any:
    return column.fillna("").str.startswith(text)


COUNT, BYTES = ("", "size"), ("bytes", "sum")

# (query, the answer without limit and order, how the query sorts, its limit)
QUESTIONS: list[tuple[str, Callable[[Frame], Frame], str, int]] = [
    ("stats sum(packets) as packetsTransferred by srcAddr, dstAddr | sort packetsTransferred desc | limit 15", lambda d: grouped(d, ["srcAddr", "dstAddr"], packetsTransferred=("packets", "sum")), "packetsTransferred", 15),
    ('filter isIpv4InSubnet(srcAddr, "192.0.2.0/24") | stats sum(bytes) as bytesTransferred by dstAddr | sort bytesTransferred desc | limit 15', lambda d: grouped(d[starts(d.srcAddr, "192.0.2.")], ["dstAddr"], bytesTransferred=BYTES), "bytesTransferred", 15),
    ("filter protocol=17 | stats count(*) by srcAddr", lambda d: grouped(d[d.protocol == 17], ["srcAddr"], **{"count(*)": COUNT}), "", 0),
    ('filter logStatus="SKIPDATA" | stats count(*) by bin(1h) as t | sort t', lambda d: grouped(bins(d[d.logStatus == "SKIPDATA"], 3600), ["bin"], **{"count(*)": COUNT}).rename(columns={"bin": "t"}), "", 0),
    ("fields @timestamp, srcAddr, dstAddr, srcPort, dstPort, protocol, bytes | filter @logStream = 'eni-1' and interfaceId = 'eni-1' | sort @timestamp desc | limit 20", lambda d: d[d["@logStream"] == "eni-1"].assign(**{"@timestamp": when(d["@timestamp"])})[["@timestamp", "srcAddr", "dstAddr", "srcPort", "dstPort", "protocol", "bytes"]], "@timestamp", 20),
    ("stats avg(bytes) by dstAddr", lambda d: grouped(d, ["dstAddr"], **{"avg(bytes)": ("bytes", "mean")}), "", 0),
    ("stats avg(bytes), max(bytes) by dstAddr", lambda d: grouped(d, ["dstAddr"], **{"avg(bytes)": ("bytes", "mean"), "max(bytes)": ("bytes", "max")}), "", 0),
    ("stats avg(bytes), min(bytes), max(bytes) by srcAddr, dstAddr", lambda d: grouped(d, ["srcAddr", "dstAddr"], **{"avg(bytes)": ("bytes", "mean"), "min(bytes)": ("bytes", "min"), "max(bytes)": ("bytes", "max")}), "", 0),
    ('filter action="REJECT" | stats count(*) as numRejections by srcAddr | sort numRejections desc | limit 20', lambda d: grouped(reject(d), ["srcAddr"], numRejections=COUNT), "numRejections", 20),
    (r'filter action="REJECT" and srcAddr like /^10\./ | stats count(*) as numRejections by srcAddr | sort numRejections desc', lambda d: grouped(reject(d)[starts(reject(d).srcAddr, "10.")], ["srcAddr"], numRejections=COUNT), "numRejections", 0),
    ('filter srcAddr = "192.0.2.1" | fields @timestamp, interfaceId, dstAddr, dstPort, action', lambda d: d[d.srcAddr == "192.0.2.1"].assign(**{"@timestamp": when(d["@timestamp"])})[["@timestamp", "interfaceId", "dstAddr", "dstPort", "action"]], "@timestamp", 0),
    ('filter srcAddr = "192.0.2.1" | stats count(*) as numConnections by dstAddr | sort numConnections desc', lambda d: grouped(d[d.srcAddr == "192.0.2.1"], ["dstAddr"], numConnections=COUNT), "numConnections", 0),
    ('filter srcAddr LIKE "192.0.2." | stats sum(bytes) as bytesTransferred by dstAddr | sort bytesTransferred desc | limit 15', lambda d: grouped(d[starts(d.srcAddr, "192.0.2.")], ["dstAddr"], bytesTransferred=BYTES), "bytesTransferred", 15),
    ("filter (dstAddr like '10.0.1.5' and srcAddr like '203.0.') or (dstAddr like '203.0.' and srcAddr like '10.0.1.5') | stats sum(bytes) as b by srcAddr, dstAddr | sort b desc | limit 10", lambda d: grouped(d[((d.srcAddr == "203.0.113.9") & d.dstAddr.isin(["10.0.1.5", "10.0.1.50"])) | ((d.dstAddr == "203.0.113.9") & d.srcAddr.isin(["10.0.1.5", "10.0.1.50"]))], ["srcAddr", "dstAddr"], b=BYTES), "b", 10),
    ("filter (srcAddr like '10.0.1.7' and dstAddr not like '10.0.') | stats sum(bytes) as b by srcAddr, dstAddr | sort b desc | limit 10", lambda d: grouped(d[(d.srcAddr == "10.0.1.7") & ~starts(d.dstAddr, "10.0.")], ["srcAddr", "dstAddr"], b=BYTES), "b", 10),
    ("parse @message /(?<NetworkInterface>eni-.*?) / | display NetworkInterface, @message", lambda d: d[["interfaceId", "@message"]].rename(columns={"interfaceId": "NetworkInterface"}), "", 0),
    ('filter (action="REJECT") | stats count_distinct(dstPort) as portcount by srcAddr | sort portcount desc | limit 5', lambda d: grouped(reject(d), ["srcAddr"], portcount=("dstPort", "nunique")), "portcount", 5),
    ('filter action = "REJECT" | stats count_distinct(dstPort) as unique_ports by srcAddr | filter unique_ports > 20 | sort unique_ports desc', lambda d: grouped(reject(d), ["srcAddr"], unique_ports=("dstPort", "nunique")).query("unique_ports > 20"), "unique_ports", 0),
    ('filter action = "REJECT" | stats count_distinct(dstPort) as portCount, count() as totalFlows by srcAddr, bin(5m) | filter portCount > 20 | sort portCount desc', lambda d: grouped(bins(reject(d), 300), ["srcAddr", "bin"], portCount=("dstPort", "nunique"), totalFlows=COUNT).query("portCount > 20").rename(columns={"bin": "bin(5m)"}), "portCount", 0),
    ('filter action = "REJECT" | stats count() as rejectCount, count_distinct(dstPort) as uniquePorts by srcAddr, dstAddr, bin(5m) | filter uniquePorts > 20 and rejectCount > 50', lambda d: grouped(bins(reject(d), 300), ["srcAddr", "dstAddr", "bin"], rejectCount=COUNT, uniquePorts=("dstPort", "nunique")).query("uniquePorts > 20 and rejectCount > 50").rename(columns={"bin": "bin(5m)"}), "", 0),
    ('filter dstPort = 22 and action = "REJECT" | stats count() as attempts by srcAddr | sort attempts desc', lambda d: grouped(reject(d)[reject(d).dstPort == 22], ["srcAddr"], attempts=COUNT), "attempts", 0),
    ("filter dstPort = 22 | stats count(*) as attempts by srcAddr, action | sort attempts desc", lambda d: grouped(d[d.dstPort == 22], ["srcAddr", "action"], attempts=COUNT), "attempts", 0),
    ("filter dstPort = 3389 and protocol = 6 | sort @timestamp desc", lambda d: d[(d.dstPort == 3389) & (d.protocol == 6)].assign(**{"@timestamp": when(d["@timestamp"])})[["@timestamp", "@message"]], "@timestamp", 0),
    ('filter action = "REJECT" | stats count() as rejects, sum(bytes) as bytes by dstPort, bin(5m) | sort rejects desc', lambda d: grouped(bins(reject(d), 300), ["dstPort", "bin"], rejects=COUNT, bytes=BYTES).rename(columns={"bin": "bin(5m)"}), "rejects", 0),
    ('filter action="REJECT" | stats count() as reject_count by dstPort | sort reject_count desc | limit 20', lambda d: grouped(reject(d), ["dstPort"], reject_count=COUNT), "reject_count", 20),
    (r'filter action = "ACCEPT" | filter dstPort not in [80, 443, 22, 3389, 25, 587, 465] | filter dstAddr not like /^10\./ and dstAddr not like /^172\.1[6-9]\./ | stats sum(bytes) as total_bytes, count(*) as connections by srcAddr, dstAddr, dstPort, bin(1h) | filter total_bytes > 50000 or connections > 1', lambda d: grouped(bins(d[(d.action == "ACCEPT") & ~d.dstPort.isin([80, 443, 22, 3389]) & ~starts(d.dstAddr, "10.")], 3600), ["srcAddr", "dstAddr", "dstPort", "bin"], total_bytes=BYTES, connections=COUNT).query("total_bytes > 50000 or connections > 1").rename(columns={"bin": "bin(1h)"}), "", 0),
    ('filter dstAddr not like "10." | stats sum(bytes)/1024/1024 as mb by srcAddr, dstAddr | filter mb > 0.2 | sort mb desc', lambda d: grouped(d[d.dstAddr.notna() & ~starts(d.dstAddr, "10.")], ["srcAddr", "dstAddr"], mb=BYTES).assign(mb=lambda g: g.mb / 1048576).query("mb > 0.2"), "mb", 0),
    ('filter srcAddr like "10.0.2." | filter action = "ACCEPT" | fields bytes, srcAddr | sort bytes desc | limit 30', lambda d: d[starts(d.srcAddr, "10.0.2.") & (d.action == "ACCEPT")][["bytes", "srcAddr"]], "bytes", 30),
    (r'filter dstAddr like /^10\.0\.2[0-2]\./ | filter action = "ACCEPT" | stats count() by srcAddr, dstAddr, dstPort', lambda d: grouped(d[starts(d.dstAddr, "10.0.20.") & (d.action == "ACCEPT")], ["srcAddr", "dstAddr", "dstPort"], **{"count()": COUNT}), "", 0),
    (r"filter srcAddr like /^10\.0\.1\./ and dstAddr like /^10\.0\.2\./ and dstPort = 443 | stats count(*) as requestCount by srcAddr, dstAddr", lambda d: grouped(d[starts(d.srcAddr, "10.0.1.") & starts(d.dstAddr, "10.0.2.") & (d.dstPort == 443)], ["srcAddr", "dstAddr"], requestCount=COUNT), "", 0),
    ("stats sum(bytes / 1048576) as Traffic_MB by action | sort Traffic_MB desc", lambda d: grouped(d.assign(bytes=d.bytes / 1048576), ["action"], Traffic_MB=("bytes", "sum")).pipe(lambda g: g.assign(Traffic_MB=g.Traffic_MB.where(g.action.notna()))), "Traffic_MB", 0),
    ("fields bytes, action | filter action='REJECT' | stats sum(bytes / 1048576) as totalBytes_MB by bin(5m)", lambda d: grouped(bins(reject(d.assign(bytes=d.bytes / 1048576)), 300), ["bin"], totalBytes_MB=BYTES).rename(columns={"bin": "bin(5m)"}), "", 0),
    ("filter ispresent(bytes) | stats avg(bytes), min(bytes), max(bytes) by bin(5m) as t | sort t", lambda d: grouped(bins(d[d.bytes.notna()], 300), ["bin"], **{"avg(bytes)": ("bytes", "mean"), "min(bytes)": ("bytes", "min"), "max(bytes)": ("bytes", "max")}).rename(columns={"bin": "t"}), "", 0),
    ("filter ispresent(bytes) | stats sum(bytes) / 1e9 as gb by bin(5m)", lambda d: grouped(bins(d[d.bytes.notna()], 300), ["bin"], gb=BYTES).assign(gb=lambda g: g.gb / 1e9).rename(columns={"bin": "bin(5m)"}), "", 0),
    ("filter ispresent(protocol) | stats sum(bytes) as total_bytes by protocol | sort total_bytes desc", lambda d: grouped(d[d.protocol.notna()], ["protocol"], total_bytes=BYTES), "total_bytes", 0),
    ("filter protocol not in [6, 17, 1] | fields protocol, @message", lambda d: d[d.protocol.notna() & ~d.protocol.isin([1, 6, 17])][["protocol", "@message"]], "", 0),
    ("stats count() as flows, sum(bytes) as total_bytes, earliest(@timestamp) as first_seen, latest(@timestamp) as last_seen by srcAddr, action | sort flows desc | limit 200", lambda d: grouped(d.assign(ms=d["@timestamp"] * 1000), ["srcAddr", "action"], flows=COUNT, total_bytes=BYTES, first_seen=("ms", "min"), last_seen=("ms", "max")).pipe(lambda g: g.assign(total_bytes=g.total_bytes.where(g.srcAddr.notna()))), "flows", 200),
    ('parse @message "* * * * * * * * * * * * * *" as ver, accId, eni, src, dst, sPort, dPort, proto, pkts, size, begin, finish, act, status | filter act = "REJECT" | stats sum(size) as b, count(*) as n by src', lambda d: grouped(reject(d), ["srcAddr"], b=BYTES, n=COUNT).rename(columns={"srcAddr": "src"}), "", 0),
    ("fields @timestamp, bytes | sort @timestamp | accum bytes AS totalBytes | sort totalBytes desc | limit 1 | display totalBytes", lambda d: pd.DataFrame({"totalBytes": [d.bytes.sum()]}), "", 0),
]  # fmt: skip


def plain(value: object) -> object:
    """A cell for comparison: numbers to nine digits, None for what is missing."""
    if value is None or value != value:  # NaN is not itself
        return None
    try:
        return float(f"{float(str(value)):.9g}")
    except ValueError:
        return str(value)


@pytest.mark.parametrize(("query", "answer", "by", "limit"), QUESTIONS, ids=range(len(QUESTIONS)))
def test_question(
    query: str, answer: Callable[[Frame], Frame], by: str, limit: int, day: tuple[LogTable, Frame]
) -> None:
    table, frame = day
    wanted = answer(frame)
    result = run(query, table, START, START + DAY)
    assert set(result.columns) == set(wanted.columns)
    columns = list(wanted.columns)
    mine = [tuple(plain(dict(row).get(name)) for name in columns) for row in result.rows]
    theirs = [tuple(map(plain, row)) for row in wanted.itertuples(index=False)]
    assert theirs, "the question has no answer in this day: it would prove nothing"
    if by:
        place = columns.index(by)
        order = sorted((row[place] for row in theirs if row[place] is not None), reverse=True)
        assert [row[place] for row in mine if row[place] is not None] == order[: limit or len(order)]
    if limit and limit < len(theirs):
        assert len(mine) == limit
        assert not set(mine) - set(theirs)
    else:
        assert sorted(mine, key=repr) == sorted(theirs, key=repr)


@pytest.mark.parametrize("query", [entry[0] for entry in QUESTIONS], ids=range(len(QUESTIONS)))
def test_twenty_times_the_same_bytes(query: str, day: tuple[LogTable, Frame]) -> None:
    compiled, found = Query(query), set()
    for _ in range(20):
        result = run(compiled, day[0], START, START + DAY)
        found.add((repr(result.rows), repr(result.pointers), repr(result.statistics)))
    assert len(found) == 1
