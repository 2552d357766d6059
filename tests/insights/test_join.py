"""Subqueries in ``in`` and join: AWS's documented examples, what is refused and where, types of keys, limits."""

import json

import pytest

from helpers.insights import Database, Event, LogTable, MalformedQuery, QueryFailed, compile, query_result, run  # noqa: A004

START = 1_700_002_800
END = START + 3600
LINE = "2 123456789012 eni-1 {} 10.0.1.5 51000 {} 6 1 {} 1700002800 1700002860 {} OK"
JOIN = "join type={} left=l right=r where l.srcAddr=r.ip (SOURCE '/hosts'{})"


def table(database: Database, name: str, *messages: str | dict[str, object]) -> LogTable:
    made = LogTable(name, database=database)
    texts = [text if isinstance(text, str) else json.dumps(text) for text in messages]
    made.append(Event((START + at) * 1000, (START + at) * 1000, "s", text) for at, text in enumerate(texts))
    return made


@pytest.fixture(scope="module")
def groups() -> dict[str, LogTable]:
    """Six records of three senders, and what is known of two of them."""
    database = Database()
    lines = [
        LINE.format(f"10.0.0.{at % 3}", 22 if at % 2 else 443, 10 * at, "REJECT" if at == 3 else "ACCEPT")
        for at in range(6)
    ]
    tables = (
        table(database, "/flow", *lines, LINE.format("-", "-", "-", "-")),
        table(database, "/hosts", {"ip": "10.0.0.1", "name": "web", "port": 443}, {"ip": "10.0.0.2", "port": "22"},
              {"ip": "10.0.0.1", "name": "old"}, {"port": "x", "name": "none"}),
        table(database, "/empty"),
    )  # fmt: skip
    return {made.name: made for made in tables}


def rows(groups: dict[str, LogTable], text: str, of: str = "/flow") -> list[dict[str, str]]:
    return [dict(row) for row in run(text, groups[of], START, END, groups=groups).rows]


# AWS's examples, in the words of their pages, over groups that have the fields they name
DATABASE_SERVICE = [
    {"requestId": "a", "errorType": "DatabaseConnectionTimeout"},
    {"requestId": "b", "errorType": "Other"},
]


def test_the_documented_subquery() -> None:
    database = Database()
    main = table(database, "/main", *({"requestId": name, "endpoint": f"/{name}", "userId": 7} for name in "abc"))
    inner = table(database, "/aws/lambda/database-service", *DATABASE_SERVICE)
    text = """filter requestId in (
        SOURCE '/aws/lambda/database-service'
        | filter errorType = "DatabaseConnectionTimeout"
        | fields requestId
    )
    | fields @timestamp, requestId, endpoint, userId, responseTime
    | sort @timestamp desc"""
    result = run(text, main, START, END, groups={inner.name: inner})
    assert result.rows == [
        [("@timestamp", "2023-11-14 23:00:00.000"), ("requestId", "a"), ("endpoint", "/a"), ("userId", "7")]
    ]
    assert result.statistics["logGroupsScanned"] == 2.0
    assert result.statistics["recordsScanned"] == 5.0


def test_the_documented_join() -> None:
    database = Database()
    main = table(database, "/api", {"requestId": "a", "status": 500, "latency": 3}, {"requestId": "b", "status": 200},
                 {"requestId": "c", "status": 503, "latency": 9})  # fmt: skip
    inner = table(database, "/aws/lambda/my-function", {"requestId": "a", "duration": 2.5, "memoryUsed": 64},
                  {"requestId": "b", "duration": 1}, {"requestId": "c", "duration": 8})  # fmt: skip
    text = """filter status >= 500
    | join type=inner left=api right=lambda
        where api.requestId=lambda.requestId
        (SOURCE '/aws/lambda/my-function')
    | fields api.requestId, api.status, api.latency, lambda.duration, lambda.memoryUsed
    | sort api.latency desc"""
    assert run(text, main, START, END, groups={inner.name: inner}).rows == [
        [("api.requestId", "c"), ("api.status", "503"), ("api.latency", "9"), ("lambda.duration", "8")],
        [("api.requestId", "a"), ("api.status", "500"), ("api.latency", "3"), ("lambda.duration", "2.5"),
         ("lambda.memoryUsed", "64")],
    ]  # fmt: skip


def test_the_documented_second_examples() -> None:
    """Requests that fail often, and orders whose payment failed or never came."""
    database = Database()
    failed = [{"requestId": name, "status": "FAILED"} for name in "aaaabbb"]
    processor = table(database, "/aws/lambda/payment-processor", *failed, {"requestId": "b", "status": "OK"})
    service = table(database, "/aws/lambda/payment-service",
                    {"transactionId": 1, "eventType": "PAYMENT_PROCESSED", "paymentStatus": "SUCCESS", "amount": 5},
                    {"transactionId": "2", "eventType": "PAYMENT_PROCESSED", "paymentStatus": "DECLINED", "amount": 6},
                    {"transactionId": 3, "eventType": "PAYMENT_PLANNED"})  # fmt: skip
    orders = ({"requestId": name, "transactionId": at, "orderId": f"o{at}", "eventType": "ORDER_CREATED"}
              for at, name in enumerate("abcb", 1))  # fmt: skip
    main = table(database, "/main", *orders)
    groups = {made.name: made for made in (processor, service)}
    often = """filter requestId in (
        SOURCE '/aws/lambda/payment-processor'
        | filter status = "FAILED"
        | stats count(*) as failureCount by requestId
        | filter failureCount > 3
        | fields requestId
    )
    | fields requestId, orderId"""
    assert [[value for _, value in row] for row in run(often, main, START, END, groups=groups).rows] == [["a", "o1"]]
    unpaid = """filter eventType = "ORDER_CREATED"
    | join type=left left=order right=payment
        where order.transactionId=payment.transactionId
        (SOURCE '/aws/lambda/payment-service')
    | filter payment.eventType = "PAYMENT_PROCESSED" or !ispresent(payment.eventType)
    | fields order.transactionId, order.orderId, order.customerId,
        payment.paymentStatus, payment.amount
    | filter payment.paymentStatus != "SUCCESS" or !ispresent(payment.paymentStatus)"""
    assert rows(groups | {main.name: main}, unpaid, "/main") == [
        {"order.transactionId": "4", "order.orderId": "o4"},
        {"order.transactionId": "2", "order.orderId": "o2", "payment.paymentStatus": "DECLINED", "payment.amount": "6"},
    ]


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("srcAddr in (SOURCE '/hosts' | fields ip)", [10, 20, 40, 50]),
        ("srcAddr not in (SOURCE '/hosts' | fields ip)", [0, 30]),  # the line without srcAddr is in neither
        ("not (srcAddr in (SOURCE '/hosts' | fields ip))", [None, 0, 30]),
        ("dstPort in (SOURCE '/hosts' | fields port)", [0, 10, 20, 30, 40, 50]),  # 443 and "22"
        ("dstPort in (SOURCE '/hosts' | filter name = 'web' | fields port)", [0, 20, 40]),
        ("dstPort in (SOURCE '/flow' | sort bytes desc | limit 1 | fields dstPort)", [10, 30, 50]),
        ("dstPort in (SOURCE '/flow' | stats count(*) as n by dstPort | filter n > 2 | display dstPort)",
         [0, 10, 20, 30, 40, 50]),
        ("srcAddr in (SOURCE '/empty' | fields srcAddr)", []),
        ("srcAddr not in (SOURCE '/empty' | fields srcAddr)", [0, 10, 20, 30, 40, 50]),
        ("srcAddr in (SOURCE '/hosts' | fields nosuch)", []),
        ("nosuch in (SOURCE '/hosts' | fields ip)", []),
        ("bytes = 30 or srcAddr in (SOURCE '/hosts' | filter name = 'old' | fields ip) and bytes > 10", [30, 40]),
    ],
)  # fmt: skip
def test_what_is_in_a_subquery(groups: dict[str, LogTable], condition: str, wanted: list[int | None]) -> None:
    found = rows(groups, f"filter {condition} | fields bytes")
    assert sorted((row.get("bytes") for row in found), key=lambda text: int(text or -1)) == [
        None if number is None else str(number) for number in wanted
    ]


def test_the_rows_of_a_join(groups: dict[str, LogTable]) -> None:
    by = "| fields l.bytes, r.name | sort l.bytes"
    inner = rows(groups, f"filter bytes < 30 | {JOIN.format('inner', '')} {by}")
    assert inner == [{"l.bytes": "10", "r.name": "old"}, {"l.bytes": "10", "r.name": "web"}, {"l.bytes": "20"}]
    left = rows(groups, f"filter bytes < 30 | {JOIN.format('left', '')} {by}")
    assert left == [{"l.bytes": "0"}, *inner]
    assert rows(groups, f"{JOIN.format('inner', '')} | filter !ispresent(r.name) | stats count(*) as n") == [{"n": "2"}]
    assert rows(groups, f"{JOIN.format('inner', '').replace('type=inner ', '')} | stats count(*) as n") == [{"n": "6"}]


def test_totals_of_a_join_and_a_join_of_totals(groups: dict[str, LogTable]) -> None:
    text = f"{JOIN.format('left', '')} | stats sum(l.bytes) as b, count(*) as n by r.name, l.dstPort | sort r.name, b"
    assert rows(groups, text) == [
        {"r.name": "old", "l.dstPort": "22", "b": "10", "n": "1"},
        {"r.name": "old", "l.dstPort": "443", "b": "40", "n": "1"},
        {"r.name": "web", "l.dstPort": "22", "b": "10", "n": "1"},
        {"r.name": "web", "l.dstPort": "443", "b": "40", "n": "1"},
        {"l.dstPort": "443", "b": "20", "n": "2"},
        {"l.dstPort": "22", "b": "80", "n": "2"},
        {"n": "1"},
    ]
    right = " | stats count(*) as n by ip"
    text = f"stats sum(bytes) as b by srcAddr | {JOIN.format('inner', right)} | sort l.b"
    assert rows(groups, text) == [
        {"l.srcAddr": "10.0.0.1", "l.b": "50", "r.ip": "10.0.0.1", "r.n": "2"},
        {"l.srcAddr": "10.0.0.2", "l.b": "70", "r.ip": "10.0.0.2", "r.n": "1"},
    ]


def test_a_join_shows_what_each_side_would_show(groups: dict[str, LogTable]) -> None:
    result = run(f"filter bytes = 50 | {JOIN.format('inner', '')}", groups["/flow"], START, END, groups=groups)
    assert result.columns == ["l.@timestamp", "l.@message", "r.@timestamp", "r.@message"]
    assert len(result.pointers) == 1
    narrow = f"fields bytes | filter bytes = 50 | {JOIN.format('inner', ' | fields ip')}"
    assert rows(groups, narrow) == [{"l.bytes": "50", "r.ip": "10.0.0.2"}]
    assert rows(groups, f"filter bytes > 90 | {JOIN.format('left', '')}") == []
    empty = JOIN.format("left", "").replace("/hosts", "/empty")
    assert len(rows(groups, empty)) == 7 and rows(groups, empty.replace("left ", "inner ", 1)) == []


def test_a_subquery_beside_a_join_and_filter_index(groups: dict[str, LogTable]) -> None:
    text = "filterIndex action = 'REJECT' | filter dstPort in (SOURCE '/hosts' | fields port) | "
    result = run(text + JOIN.format("left", ""), groups["/flow"], START, END, groups=groups)
    assert len(result) == 1
    statistics = result.statistics
    assert (statistics["recordsScanned"], statistics["estimatedRecordsSkipped"]) == (1.0 + 4.0 + 4.0, 6.0)


def test_more_keys_than_a_join_takes_fail(groups: dict[str, LogTable], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(query_result, "MOST_RIGHT_KEYS", 1)
    with pytest.raises(QueryFailed, match="has 2 keys, more than 1"):
        rows(groups, JOIN.format("inner", ""))


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        ("filter a in (22)", "a list is written [22, 443]", "22"),
        ("filter a in (fields a)", "a subquery (SOURCE 'group' | ... | fields f)", "fields"),
        ("filter a in (SOURCE 'g' | fields a, b)", "has one column, not 2: a, b", "a in (SOURCE"),
        ("filter a in (SOURCE 'g')", "has one column, not 2: @timestamp, @message", "a in (SOURCE"),
        ("filter a in (SOURCE 'g' | nosuch)", "expected a command", "nosuch"),
        ("filter a in (SOURCE 'g' | filter b in (SOURCE 'h' | fields b) | fields a)", "inside another", "SOURCE 'h'"),
        ("filter a in (SOURCE logGroups(namePrefix: ['/a']) | fields a)", "name one log group", "SOURCE logGroups"),
        ("fields a in (SOURCE 'g' | fields a) as x", "a subquery stands in filter", "a in (SOURCE"),
        ("stats sum(if(a in (SOURCE 'g' | fields a), 1, 0))", "a subquery stands in filter", "a in (SOURCE"),
        ("filter a in (SOURCE 'g' | fields a | estimate)", "estimate cannot stand inside", "estimate"),
        ("filter a in (SOURCE 'g' | filterIndex a = 1 | fields a)", "filterIndex cannot stand inside", "filterIndex"),
        ("filter a in (SOURCE 'g' | stats count(*) as n by a | filter b = 1 | display a)", "Unknown symbols", "b"),
        (JOIN.format("outer", ""), "type expects inner or left", "outer"),
        ("join left=l where l.a=r.a (SOURCE 'g')", "two names: left=a right=b", "join"),
        ("join left=l right=l where l.a=l.b (SOURCE 'g')", "two names: left=a right=b", "join"),
        ("join left=l left=l right=r where l.a=r.a (SOURCE 'g')", "left stands twice", "left=l"),
        ("join left=l right=r where l.a!=r.a (SOURCE 'g')", "one equality: l.field = r.field", "l.a!=r.a"),
        ("join left=l right=r where a=r.a (SOURCE 'g')", "one equality: l.field = r.field", "a=r.a"),
        ("join left=l right=r where l.a=r.a and l.b=r.b (SOURCE 'g')", "unexpected symbol found and", "and"),
        ("join left=l right=r where l.a=r.a", "unexpected end of the query; expected (", ""),
        ("join left=l right=r where l.a=r.a (SOURCE 'g') | fields a", "it is named l.a or r.a", "a"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g') | fields l", "unknown field l", "l"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g') | stats count(*) by bin(5m)", "l.@timestamp", "bin(5m)"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g' | fields b)", "has b, not a", "r.a"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g' | fields a) | fields r.b", "has a, not b", "r.b"),
        ("stats count(*) by b | join left=l right=r where l.a=r.a (SOURCE 'g')", "Unknown symbols", "l.a"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g' | filter a in (SOURCE 'h' | fields a))", "inside another",
         "SOURCE 'h'"),
        ("join left=l right=r where l.a=r.a (SOURCE 'g') | join left=l right=r where l.a=r.a (SOURCE 'g')",
         "at most one join", "join"),
    ],
)  # fmt: skip
def test_messages_say_what_and_where(text: str, said: str, place: str) -> None:
    with pytest.raises(MalformedQuery) as caught:
        compile(text)
    assert said in caught.value.message
    assert text[caught.value.start : caught.value.end].startswith(place)


def test_a_group_that_is_not_there(groups: dict[str, LogTable]) -> None:
    with pytest.raises(MalformedQuery, match="no log group /nosuch here") as caught:
        rows(groups, "filter srcAddr in (SOURCE '/nosuch' | fields ip)")
    assert caught.value.start == len("filter srcAddr in (")


def test_keys_that_are_equal_as_numbers() -> None:
    """A join, a subquery and ``=`` agree, also on a zero below zero, which is written -0.0."""
    database = Database()
    keys = [0, -0.0, "-0", "1e3", 1000.0, "01", " 1", "1", True, "", [1]]
    main = table(database, "/left", *({"k": key, "i": at} for at, key in enumerate(keys)))
    other = table(database, "/right", *({"k": key, "j": at} for at, key in enumerate(keys)))
    pairs = table(database, "/pairs", *({"a": one, "b": two} for one in keys for two in keys))
    groups = {made.name: made for made in (main, other, pairs)}
    wanted = rows(groups, "filter a = b | stats count(*) as n", "/pairs")
    joined = "join left=l right=r where l.k=r.k (SOURCE '/right') | stats count(*) as n"
    assert rows(groups, joined, "/left") == wanted
    zero = "filter k in (SOURCE '/right' | filter j = 0 | fields k) | sort i | fields i"
    assert [row["i"] for row in rows(groups, zero, "/left")] == ["0", "1", "2"]
