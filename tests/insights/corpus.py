"""Valid queries of every command and function, and a table to run them on."""

from helpers.insights import Database, Event, LogTable

START, END = 1_700_000_000, 1_700_100_000

QUERIES = [
    "",
    "fields @timestamp, @message | sort @timestamp desc | limit 20",
    "stats sum(packets) as packetsTransferred by srcAddr, dstAddr | sort packetsTransferred desc | limit 15",
    'filter isIpv4InSubnet(srcAddr, "192.0.2.0/24") | stats sum(bytes) as b by dstAddr | sort b desc | limit 15',
    "filter protocol=17 | stats count(*) by srcAddr",
    'filter logStatus="SKIPDATA" | stats count(*) by bin(1h) as t | sort t',
    "fields @timestamp, srcAddr, dstPort | filter @logStream = 'eni-1-all' | sort @timestamp desc "
    "| dedup srcAddr, dstPort | limit 20",
    "stats avg(bytes), max(bytes), min(bytes) by dstAddr",
    'filter action="REJECT" and srcAddr like /^10\\./ | stats count(*) as n by srcAddr | sort n desc',
    "filter (dstAddr like '10.0.2.7' and srcAddr not like '10.0.') or (bytes > 3 and not protocol = 6)",
    "parse @message /(?<NetworkInterface>eni-.*?) / | display NetworkInterface, @message",
    'filter action = "REJECT" | stats count_distinct(dstPort) as p, count() as t by srcAddr, bin(5m) '
    "| filter p > 20 and t > 50 | sort p desc",
    "filter dstPort not in [80, 443, 22] | stats sum(bytes)/1024/1024 as mb by srcAddr | filter mb > 1e-3",
    "stats sum(bytes) / 1e9 as gb by bin(5m)",
    "stats count() as flows, earliest(@timestamp) as first, latest(@timestamp) as last by action | sort flows desc",
    'parse @message "* * * * * * * * * * * * * *" as ver, acc, eni, src, dst, sp, dp, pr, pk, by, st, en, ac, ls '
    '| filter ac = "REJECT" | stats count(*) by src',
    "fields @timestamp, bytes | accum bytes AS total | display total",
    "fields srcPort, dstPort | addtotals fieldname=Both row=true col=true srcPort, dstPort",
    "stats count(*) as n by bin(30m) as t, action | fillmissing with 0 for n | sort t",
    "stats sum(bytes) as b by bin(1mo) | fillmissing",
    "fields action, dstPort | countFrequent action, dstPort",
    "stats topk(3, srcAddr)",
    "filter action = 'REJECT' or v > 0 | pattern concat(@message, v) | filter @ratio > 0.01 | sort @sampleCount asc",
    "join left=l right=r where l.srcAddr=r.dstAddr (SOURCE '/corpus' | filter bytes > 0) | fields l.bytes, r.action",
    "filter srcAddr in (SOURCE '/corpus' | filter bytes > 0 | fields dstAddr)",
    "fields jsonParse(@message) as j | unnest j.items into i | display i.name, j.users[0].id",
    "expand items | stats count(*) as n by items",
    'json field=@message "a.b" as v | filter ispresent(v)',
    "parse @message logfmt as m | display m.level, m.msg",
    "parse @message csv as a, b, c | filter b = 'x' | display c",
    "parse @message /(\\d+) (\\w+)/ as n, w multi | fields n, w",
    "fields if(dstPort = 22, 'ssh', 'other') as i, case(dstPort = 443, 'https', dstPort < 10, 'low', 'none') as c",
    "fields coalesce(nosuch, action, 'x') as a, concat(action, '|', dstPort) as b, strlen(srcAddr) as c",
    "fields abs(0-bytes) as a, ceil(bytes/7) as c, floor(bytes/7) as f, round(bytes/7, 2) as r, sqrt(bytes) as s",
    "fields log(bytes) as l, greatest(bytes, packets, 0) as g, least(bytes, packets) as m, bytes % 7 as x, 2 ^ 3 as p",
    "fields toNumber('5') as a, toInt('5.9') as b, toDouble(bytes) as c, haversine(1, 2, 3, 4) as d",
    "fields datefloor(@timestamp, 1h) as a, dateceil(@timestamp, 1d) as b, fromMillis(startTime * 1000) as c, "
    "toMillis(@timestamp) as d, now() as e",
    'fields formatDate(@timestamp, "%Y-%m-%d %H", "Europe/Zurich") as a, parseDate("2023-11-14", "yyyy-MM-dd") as b',
    "fields queryStartTime() as a, queryEndTime() as b, queryTimeRange() as c",
    "fields isValidIp(srcAddr) as a, isValidIpV6('::1') as b, ipv4ToNumber(srcAddr) as c, isPrivateIP(srcAddr) as d, "
    "isPublicIP(dstAddr) as e, isReservedIP('127.0.0.1') as f, isIpInSubnet('2001:db8::1', '2001:db8::/32') as g",
    "fields isempty(x) as a, isblank(' ') as b, trim('  a ') as c, ltrim('xxa', 'x') as d, rtrim(action) as e, "
    "toupper(action) as f, tolower(action) as g, substr(action, 1, 3) as h, replace(srcAddr, '.', '-') as i",
    "fields regexReplace(srcAddr, '\\d+', 'N') as a, strcontains(action, 'REJ') as b, startsWith(action, 'A') as c, "
    "endsWith(action, 'T') as d, urlencode('a b') as e, urldecode('a%20b') as f, base64encode('a') as g",
    "fields base64decode('YQ==') as a, split('a,b', ',') as b, hexToAscii('4142') as c, hexToDec('ff') as d, "
    "decToHex(255) as e, md5(action) as f, sha256(action) as g, isNumeric(dstPort) as h, messageSize(@message) as i",
    "fields jsonStringify('a') as a, jsonArraySize('[1,2]') as b, jsonArrayContains('[1,2]', 2) as c",
    "stats pct(bytes, 95) as p, stddev(bytes) as s, variance(bytes) as v, values(action) as w by protocol",
    "stats sortsFirst(srcAddr) as a, sortsLast(srcAddr) as b, max(srcAddr) as c, min(bytes) as d",
    "stats rate(bytes, 1m) as r, count_over_time(bytes) as c, sumOverTime(bytes) as s by bin(5m) offset 1m",
    "stats histogram(bytes, 1000) as h",
    "stats sum(bytes) as b by bin(5m) as t, srcAddr | stats max(b) as peak by srcAddr | sort peak desc, srcAddr asc",
    "stats max(bytes) as hi, min(bytes) as lo, hi - lo as spread by srcAddr | fields spread * 2 as twice",
    "SOURCE logGroups(namePrefix:['/vpc'], class: ['STANDARD']) | filter `a-b` = 1 and @`aws.tag.a:b` = 'x'",
    "SOURCE '/vpc' | fields a.b.0.c, d[1].e | filter a.b != true | filter action =~ /(?i)rej/ # comment",
    "filterIndex action in ['REJECT'] | stats count(*)",
    "where action = 'REJECT' | limit any 3",
    "filter bytes > 10 | estimate",
    "fields bytes | sort bytes desc | limit 3 | fields bytes * 2 as b | sort b",
    "stats percentile(bytes, 50) as p by action",
    "fields isIpv6InSubnet('2001:db8::1', '2001:db8::/32') as a, isValidIpV4(srcAddr) as b, toLong('5') as c, "
    "strftime(@timestamp, '%H') as d",
    "display dstPort = 443 as tls, not (action = 'REJECT') as ok, !ispresent(dstPort) as gone, -bytes as m",
]

FLOW = "2 123456789012 eni-{e} 10.0.{a}.{b} 203.0.113.{c} {s} {d} {p} {k} {y} {t} {u} {x} OK"


def sample_events() -> list[Event]:
    """Flow-log lines, JSON and plain text, some at the same moment."""
    events = []
    for i in range(60):
        at = START + 100 + i // 2 * 60
        line = FLOW.format(
            e=i % 3, a=i % 4, b=i % 11, c=i % 5, s=1000 + i, d=[22, 443, 80, 53][i % 4], p=[6, 17][i % 2],
            k=i + 1, y=(i * 37) % 5000, t=at, u=at + 60, x=["ACCEPT", "REJECT"][i % 3 == 0],
        )  # fmt: skip
        events.append(Event(at * 1000, at * 1000 + 60_000, f"eni-{i % 3}-all", line))
    others = [
        '{"a":{"b":[{"c":"deep"}]},"items":["x","y"],"a-b":1,"v":"12","level":"info"}',
        '{"users":[{"id":7}],"items":[{"name":"n1"},{"name":"n2"}],"d":[0,{"e":"second"}],"v":3.5}',
        '{"items":"none","v":true,"x":null}',
        'level=error msg="it broke" code=5',
        "one,x,three",
        "12 monkeys 7 dwarfs",
        "2 123456789012 eni-9 - - - - - - - 1700000100 1700000160 - NODATA",
        "",
        "ünïcode ✓ 'quoted' \"twice\" %_\\ $1",
    ]
    for i, message in enumerate(others):
        events.append(Event((START + 5000 + i) * 1000 + i, (START + 5001) * 1000, "app", message))
    return events


def sample_table(database: Database | None = None, flow_only: bool = False) -> LogTable:
    """The events as a table; ``flow_only`` leaves out JSON, so that typed columns stay typed."""
    table = LogTable("/corpus", database=database)
    table.append(event for event in sample_events() if not (flow_only and event.message.startswith("{")))
    return table
