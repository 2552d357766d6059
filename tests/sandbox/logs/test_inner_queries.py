"""Subqueries, join, pattern and SQL over StartQuery: groups of the account, what they count, what is refused."""

from dataclasses import replace

import pytest

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.logs import results
from helpers.sandbox.logs.state import LogsState
from tests.sandbox.logs.conftest import FakeAccount, put
from tests.sandbox.logs.test_queries import ALL, finished, poll, refused, rows, start

SUBQUERY = "filter user in (SOURCE '/app/b' | filter bad = 1 | fields user) | fields user, n"
JOIN = "join left=a right=b where a.user=b.user (SOURCE '/app/b') | fields a.n, b.bad | sort a.n"


@pytest.fixture
def two(group: FakeAccount) -> FakeAccount:
    group.call("CreateLogGroup", logGroupName="/app/b")
    group.call("CreateLogStream", logGroupName="/app/b", logStreamName="s")
    put(group, *((at, f'{{"user": "u{at}", "n": {at}}}') for at in range(4)))
    put(group, (0, '{"user": "u1", "bad": 1}'), (1, '{"user": "u2", "bad": 0}'), stream="s", group="/app/b")
    return group


def test_rows_and_statistics(two: FakeAccount) -> None:
    reply = finished(two, start(two, SUBQUERY))
    assert [cell["value"] for cell in reply["results"][0][:2]] == ["u1", "1"] and len(reply["results"]) == 1
    assert reply["statistics"]["logGroupsScanned"] == 2.0 and reply["statistics"]["recordsScanned"] == 6.0
    assert rows(two, JOIN) == [{"a.n": "1", "b.bad": "1"}, {"a.n": "2", "b.bad": "0"}]
    [query] = two.call("DescribeQueries", logGroupName="/app/b")["queries"] or [None]
    assert query is None  # it is listed under the groups of its own range


def test_a_restart_and_a_lost_result_give_the_same_rows(two: FakeAccount) -> None:
    query_id = start(two, JOIN)
    wanted = finished(two, query_id)["results"]
    put(two, (0, '{"user": "u3", "bad": 1}'), stream="s", group="/app/b")
    results.forget(two.events, query_id)
    assert finished(two, query_id)["results"] == wanted
    two.call("DeleteLogGroup", logGroupName="/app/b")
    results.forget(two.events, query_id)
    assert finished(two, query_id)["results"] == []


def test_what_is_refused(two: FakeAccount) -> None:
    for text in (SUBQUERY, JOIN):
        error = refused(two, "ResourceNotFoundException", text.replace("/app/b", "/app/c"))
        assert "'/app/c' does not exist" in error.message
    two.call("CreateLogGroup", logGroupName="/app/d", logGroupClass="DELIVERY")
    assert "DELIVERY" in refused(two, "InvalidParameterException", SUBQUERY.replace("/app/b", "/app/d")).message
    place = refused(two, "MalformedQueryException", "filter a in (SOURCE 'g' | fields a, b)").members
    assert place["queryCompileError"]["location"] == {"startCharOffset": 7, "endCharOffset": 38}


def test_pattern_reads_groups_of_class_standard_only(two: FakeAccount) -> None:
    assert [row["@pattern"] for row in rows(two, "pattern user")] == ["<ID-1>"]
    two.call("CreateLogGroup", logGroupName="/app/ia", logGroupClass="INFREQUENT_ACCESS")
    error = refused(two, "InvalidParameterException", "pattern @message", logGroupName="/app/ia")
    assert "pattern is not supported for log groups of class INFREQUENT_ACCESS" in error.message
    inside = "filter user in (SOURCE '/app/ia' | pattern user | display @pattern)"
    assert "pattern is not supported" in refused(two, "InvalidParameterException", inside).message


def test_sql_over_one_log_group(two: FakeAccount) -> None:
    text = "SELECT user, n FROM `/vpc/a` WHERE n > 1 ORDER BY n DESC"
    query_id = ask(two, text)
    assert poll(two, query_id)["queryLanguage"] == "SQL"
    reply = finished(two, query_id)
    assert reply["results"] == [
        [{"field": "user", "value": f"u{number}"}, {"field": "n", "value": str(number)}] for number in (3, 2)
    ]
    assert reply["queryLanguage"] == "SQL" and reply["statistics"]["recordsMatched"] == 2.0
    start(two, "fields @message")
    [described] = two.call("DescribeQueries", queryLanguage="SQL")["queries"]
    assert (described["queryString"], described["queryLanguage"]) == (text, "SQL")
    assert described["logGroupName"] == "/vpc/a"
    assert len(two.call("DescribeQueries", queryLanguage="CWLI")["queries"]) == 1
    results.forget(two.events, query_id)
    assert finished(two, query_id)["results"] == reply["results"]
    assert finished(two.restarted(), query_id)["results"] == reply["results"]


def test_what_sql_refuses(two: FakeAccount) -> None:
    two.call("CreateLogGroup", logGroupName="/app/ia", logGroupClass="INFREQUENT_ACCESS")
    for code, text, said, more in (
        ("ResourceNotFoundException", "SELECT * FROM `/none`", "'/none' does not exist", {}),
        ("InvalidParameterException", "SELECT * FROM `/app/ia`", "SQL is not supported for log groups of class", {}),
        ("InvalidParameterException", "SELECT * FROM `/vpc/a`", "leave out logGroupName", {"logGroupName": "/vpc/a"}),
        ("InvalidParameterException", "SELECT * FROM `/vpc/a`", "for Logs Insights QL only", {"limit": 10_001}),
        ("MalformedQueryException", "SELECT * FROM `/vpc/a` JOIN `/app/b`", "does not simulate JOIN", {}),
        ("MalformedQueryException", "fields @message", "is a SELECT", {}),
    ):
        with pytest.raises(ServiceError, match=said) as caught:
            ask(two, text, **more)
        assert caught.value.code == code


def test_fifteen_queries_in_sql_at_a_time(two: FakeAccount) -> None:
    state = two.state(LogsState, "us-east-1")
    ask(two, "SELECT * FROM `/vpc/a`")
    [one] = state.queries.values()
    state.queries |= {str(number): replace(one, id=str(number)) for number in range(14)}
    with pytest.raises(ServiceError, match="At most 15 queries"):
        ask(two, "SELECT * FROM `/vpc/a`")
    start(two, "fields @message")  # Logs Insights QL has a limit of its own


def ask(account: FakeAccount, text: str, **params: object) -> str:
    where = {"startTime": ALL["startTime"], "endTime": ALL["endTime"], "queryLanguage": "SQL", **params}
    query_id: str = account.call("StartQuery", queryString=text, **where)["queryId"]
    return query_id
