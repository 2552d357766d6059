import uuid

import pytest

from helpers.insights import QueryFailed
from helpers.insights.query_result import Execution
from helpers.sandbox.calls import Params, ServiceError
from helpers.sandbox.logs import queries, query_execution, records, results
from helpers.sandbox.logs.state import LogsState
from tests.sandbox.logs.conftest import START, FakeAccount, put

RECORD = "2 123456789012 eni-{} 10.1.1.{} 10.2.1.10 51000 {} 6 10 {} 1700000000 1700000060 {} OK"
ALL = {"logGroupName": "/vpc/a", "startTime": START - 3600, "endTime": START + 86_400}


def start(account: FakeAccount, text: str, **params: object) -> str:
    query_id: str = account.call("StartQuery", **{**ALL, "queryString": text, **params})["queryId"]
    return query_id


def poll(account: FakeAccount, query_id: str, **params: object) -> Params:
    return account.call("GetQueryResults", queryId=query_id, **params)


def finished(account: FakeAccount, query_id: str) -> Params:
    for _ in range(5):
        reply = poll(account, query_id)
        if reply["status"] not in ("Scheduled", "Running"):
            return reply
    raise AssertionError("five polls were not enough")


def rows(account: FakeAccount, text: str, **params: object) -> list[dict[str, str]]:
    reply = finished(account, start(account, text, **params))
    assert reply["status"] == "Complete"
    return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in reply["results"]]


def refused(account: FakeAccount, code: str, text: str = "fields @message", **params: object) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        start(account, text, **params)
    assert caught.value.code == code
    return caught.value


@pytest.fixture
def traffic(group: FakeAccount) -> FakeAccount:
    """Ten records of two interfaces, every third refused."""
    group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-2-all")
    for i in range(10):
        line = RECORD.format(1 + i % 2, i, 22 if i % 3 == 0 else 443, 100 * i, "REJECT" if i % 3 == 0 else "ACCEPT")
        put(group, (0, line), stream=f"eni-{1 + i % 2}-all")
    return group


def test_the_status_passes_through_scheduled_and_running_in_three_polls(traffic: FakeAccount) -> None:
    query_id = start(traffic, "stats count(*) as n by action | sort action")
    assert uuid.UUID(query_id).version == 4
    replies = [poll(traffic, query_id) for _ in range(3)]
    assert [reply["status"] for reply in replies] == ["Scheduled", "Running", "Complete"]
    assert replies[0]["results"] == replies[1]["results"] == []
    assert replies[2]["results"] == [
        [{"field": "action", "value": "ACCEPT"}, {"field": "n", "value": "6"}],
        [{"field": "action", "value": "REJECT"}, {"field": "n", "value": "4"}],
    ]
    statistics = replies[2]["statistics"]
    assert (statistics["recordsScanned"], statistics["recordsMatched"]) == (10.0, 10.0)
    assert statistics["bytesScanned"] > 0 and statistics["logGroupsScanned"] == 1.0
    assert poll(traffic, query_id) == replies[2]


def test_the_result_is_fixed_when_the_query_starts(traffic: FakeAccount) -> None:
    query_id = start(traffic, "stats count(*) as n")
    put(traffic, (0, RECORD.format(1, 99, 80, 1, "ACCEPT")))
    assert finished(traffic, query_id)["results"] == [[{"field": "n", "value": "10"}]]
    assert rows(traffic, "stats count(*) as n") == [{"n": "11"}]
    traffic.call("DeleteLogGroup", logGroupName="/vpc/a")
    assert finished(traffic, query_id)["results"] == [[{"field": "n", "value": "10"}]]
    assert finished(traffic.restarted(), query_id)["results"] == [[{"field": "n", "value": "10"}]]


def test_a_lost_result_is_computed_again_from_what_was_there_at_the_start(traffic: FakeAccount) -> None:
    query_id = start(traffic, "stats count(*) as n")
    put(traffic, (0, RECORD.format(1, 99, 80, 1, "ACCEPT")))
    results.forget(traffic.events, query_id)
    assert finished(traffic.restarted(), query_id)["results"] == [[{"field": "n", "value": "10"}]]


@pytest.mark.parametrize("query", ["stats count(*) as n", "filter @message in (SOURCE '/vpc/a' | fields @message)"])
def test_a_lost_result_of_a_deleted_group_is_failed(traffic: FakeAccount, query: str) -> None:
    query_id = start(traffic, query)
    finished(traffic, query_id)
    results.forget(traffic.events, query_id)
    traffic.call("DeleteLogGroup", logGroupName="/vpc/a")
    assert finished(traffic.restarted(), query_id)["status"] == "Failed"


def test_a_table_follows_what_comes_in_is_deleted_and_expires(traffic: FakeAccount) -> None:
    count = "stats count(*) as n"
    assert rows(traffic, count) == [{"n": "10"}]
    put(traffic, (-500, "late, out of order"))
    assert rows(traffic, count) == [{"n": "11"}]
    traffic.call("DeleteLogStream", logGroupName="/vpc/a", logStreamName="eni-2-all")
    assert rows(traffic, count) == [{"n": "6"}]
    traffic.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=1)
    traffic.advance(2 * 86_400)
    assert rows(traffic, count, endTime=int(traffic.now())) == [{"n": "0"}]


def test_rows_of_raw_events_carry_a_pointer_to_their_record(traffic: FakeAccount) -> None:
    reply = finished(traffic, start(traffic, "fields srcAddr | filter dstPort = 22 | sort srcAddr | limit 1"))
    [row] = reply["results"]
    cells = {cell["field"]: cell["value"] for cell in row}
    assert cells["srcAddr"] == "10.1.1.0"
    record = traffic.call("GetLogRecord", logRecordPointer=cells["@ptr"])["logRecord"]
    assert record["@message"] == RECORD.format(1, 0, 22, 0, "REJECT")
    assert (record["srcAddr"], record["action"], record["@logStream"]) == ("10.1.1.0", "REJECT", "eni-1-all")
    assert record["@log"] == "123456789012:/vpc/a" and record["@ptr"] == cells["@ptr"]
    assert record["@timestamp"] == "2023-11-14 22:13:23.000"
    assert traffic.restarted().call("GetLogRecord", logRecordPointer=cells["@ptr"])["logRecord"] == record
    for pointer in ("x", "!", query_execution.pointer("us-east-1", 999), query_execution.pointer("eu-west-1", 1)):
        with pytest.raises(ServiceError, match="ResourceNotFoundException"):
            traffic.call("GetLogRecord", logRecordPointer=pointer)


def test_results_come_in_pages(group: FakeAccount) -> None:
    for at in range(0, 12_000, 6_000):
        put(group, *[(i // 100, f"m{at + i:05}") for i in range(6_000)])
    query_id = start(group, "fields @message | sort @message | limit 12000")
    page = finished(group, query_id)
    assert len(page["results"]) == 10_000
    rest = poll(group, query_id, nextToken=page["nextToken"])
    assert [row[0]["value"] for row in rest["results"]] == [f"m{i:05}" for i in range(10_000, 12_000)]
    assert "nextToken" not in rest
    small = poll(group, query_id, maxItems=3)
    assert [row[0]["value"] for row in small["results"]] == ["m00000", "m00001", "m00002"]
    again = poll(group, query_id, maxItems=2, nextToken=small["nextToken"])
    assert [row[0]["value"] for row in again["results"]] == ["m00003", "m00004"]
    other = start(group, "fields @message")
    for token in ("x", small["nextToken"]):
        with pytest.raises(ServiceError, match="nextToken is invalid"):
            poll(group, other, nextToken=token)


def test_a_malformed_query_says_where(traffic: FakeAccount) -> None:
    error = refused(traffic, "MalformedQueryException", "fields @message | nonsense 3")
    place = error.members["queryCompileError"]["location"]
    text = "fields @message | nonsense 3"
    assert text[place["startCharOffset"] : place["endCharOffset"]].strip().startswith("nonsense")
    assert error.members["queryCompileError"]["message"]
    assert traffic.call("DescribeQueries")["queries"] == []


def test_parameters_that_are_refused(traffic: FakeAccount) -> None:
    invalid = "InvalidParameterException"
    assert "does not simulate the query language PPL" in refused(traffic, invalid, queryLanguage="PPL").message
    assert "divide by 1000" in refused(traffic, invalid, startTime=START * 1000, endTime=START * 1000 + 1).message
    assert "divide by 1000" in refused(traffic, invalid, endTime=START * 1000).message
    refused(traffic, invalid, startTime=START, endTime=START - 1)
    assert "exactly one" in refused(traffic, invalid, logGroupName=None).message
    assert "exactly one" in refused(traffic, invalid, logGroupNames=["/vpc/a"]).message
    refused(traffic, invalid, logGroupName=None, logGroupNames=[])
    assert "does not exist" in refused(traffic, "ResourceNotFoundException", logGroupName="/none").message
    elsewhere = "arn:aws:logs:eu-west-1:123456789012:log-group:/vpc/a"
    refused(traffic, "ResourceNotFoundException", logGroupName=None, logGroupIdentifiers=[elsewhere])
    for number in range(51):
        traffic.call("CreateLogGroup", logGroupName=f"g{number}")
    for names in ([f"g{number}" for number in range(51)], [f"none{number}" for number in range(51)]):
        assert "1 to 50" in refused(traffic, invalid, logGroupName=None, logGroupNames=names).message
    traffic.call("CreateLogGroup", logGroupName="d", logGroupClass="DELIVERY")
    assert "DELIVERY" in refused(traffic, invalid, logGroupName="d").message


def test_several_groups_by_name_and_by_arn(traffic: FakeAccount) -> None:
    traffic.call("CreateLogGroup", logGroupName="/b", logGroupClass="INFREQUENT_ACCESS")
    traffic.call("CreateLogStream", logGroupName="/b", logStreamName="s")
    put(traffic, (0, "of b"), stream="s", group="/b")
    count = "stats count(*) as n"
    assert rows(traffic, count, logGroupName=None, logGroupNames=["/vpc/a", "/b", "/b"]) == [{"n": "11"}]
    arn = "arn:aws:logs:us-east-1:123456789012:log-group:/b"
    assert rows(traffic, "fields @log, @message", logGroupName=None, logGroupIdentifiers=[arn]) == [
        {"@log": "123456789012:/b", "@message": "of b"}
    ]


def test_source_names_the_groups_in_the_query(traffic: FakeAccount) -> None:
    traffic.call("CreateLogGroup", logGroupName="/vpc/b")
    traffic.call("CreateLogStream", logGroupName="/vpc/b", logStreamName="s")
    put(traffic, (0, "of b"), stream="s", group="/vpc/b")
    text = "SOURCE logGroups(namePrefix: ['/vpc']) | stats count(*) as n"
    assert rows(traffic, text, logGroupName=None) == [{"n": "11"}]
    assert "SOURCE" in refused(traffic, "InvalidParameterException", text).message
    nothing = "SOURCE logGroups(namePrefix: ['/none']) | fields @message"
    refused(traffic, "InvalidParameterException", nothing, logGroupName=None)


def test_the_time_range_is_inclusive_and_in_seconds(group: FakeAccount) -> None:
    group.advance(5)
    second = int(group.now())
    put(group, (-1000, "before"), (0, "at start"), (2999, "in the last second"), (3000, "after"))
    found = rows(group, "fields @message | sort @timestamp", startTime=second, endTime=second + 2)
    assert [row["@message"] for row in found] == ["at start", "in the last second"]


TOO_EARLY = "Query's end date and time is either before the log groups creation time or exceeds the log groups log"


def test_a_range_that_ends_before_the_group_was_made_is_malformed(group: FakeAccount) -> None:
    made = int(group.state(LogsState, "us-east-1").groups["/vpc/a"].created_ms / 1000)
    error = refused(group, "MalformedQueryException", "fields @message", startTime=made - 7200, endTime=made - 1)
    assert error.message == f"{TOO_EARLY} retention settings ([0,15])"
    assert error.members["queryCompileError"]["location"] == {"startCharOffset": 0, "endCharOffset": 15}
    assert rows(group, "fields @message", startTime=made - 7200, endTime=made) == []


def test_a_group_made_in_the_middle_of_the_last_second_is_reached(account: FakeAccount) -> None:
    account.advance(0.4)
    account.call("CreateLogGroup", logGroupName="/vpc/a")
    account.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    put(account, (-1950, "in the second of its creation"))  # two calls of a second ago
    assert [row["@message"] for row in rows(account, "fields @message", endTime=START)] == [
        "in the second of its creation"
    ]


def test_a_range_that_ends_before_what_retention_keeps_is_malformed(traffic: FakeAccount) -> None:
    traffic.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=1)
    traffic.advance(3 * 86_400)
    now = int(traffic.now())
    assert TOO_EARLY in refused(traffic, "MalformedQueryException", endTime=now - 86_400 - 5).message
    assert rows(traffic, "fields @message", endTime=now) == []
    traffic.call("CreateLogGroup", logGroupName="/keeps", tags={})
    groups = {"logGroupName": None, "logGroupNames": ["/vpc/a", "/keeps"]}
    assert TOO_EARLY in refused(traffic, "MalformedQueryException", endTime=now - 86_400 - 5, **groups).message
    assert rows(traffic, "fields @message", endTime=now + 60, **groups) == []


@pytest.mark.parametrize("options", ["col=true", "row=true col=true"])
def test_a_row_of_totals_has_no_event(traffic: FakeAccount, options: str) -> None:
    found = finished(traffic, start(traffic, f"fields bytes | addtotals {options} bytes"))["results"]
    assert len(found) == 11
    named = [{cell["field"]: cell["value"] for cell in row} for row in found]
    assert [row["bytes"] for row in named if "@ptr" not in row] == ["4500"]


def test_events_older_than_their_group_are_not_visible_to_a_query(group: FakeAccount) -> None:
    put(group, (-3_600_000, "older than the group"), (0, "new"))
    assert rows(group, "fields @message", startTime=START - 86_400) == [{"@message": "new"}]
    assert len(group.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="eni-1-all")["events"]) == 2


def test_a_query_in_progress_can_be_stopped_and_a_finished_one_not(traffic: FakeAccount) -> None:
    query_id = start(traffic, "fields @message")
    assert traffic.call("StopQuery", queryId=query_id) == {"success": True}
    assert poll(traffic, query_id)["status"] == "Cancelled" and poll(traffic, query_id)["results"] == []
    assert poll(traffic.restarted(), query_id)["status"] == "Cancelled"
    done = start(traffic, "fields @message")
    finished(traffic, done)
    for ended in (query_id, done):
        with pytest.raises(ServiceError, match="not running"):
            traffic.call("StopQuery", queryId=ended)
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        traffic.call("StopQuery", queryId=str(uuid.uuid4()))


def test_queries_are_described_newest_first(traffic: FakeAccount) -> None:
    first = start(traffic, "fields @message | limit 1")
    finished(traffic, first)
    second = start(traffic, "fields @message | limit 2")
    [new, old] = traffic.call("DescribeQueries")["queries"]
    assert (new["queryId"], new["status"], old["queryId"], old["status"]) == (second, "Scheduled", first, "Complete")
    assert old["logGroupName"] == "/vpc/a" and old["queryString"] == (
        f'SOURCE "/vpc/a" START={START - 3600}000 END={START + 86_400}999 | fields @message | limit 1'
    )
    assert old["bytesScanned"] > 0 and old["userIdentity"].startswith("arn:aws:iam::123456789012:")
    page = traffic.call("DescribeQueries", maxResults=1)
    rest = traffic.call("DescribeQueries", maxResults=1, nextToken=page["nextToken"])
    assert [entry["queryId"] for entry in rest["queries"]] == [first]
    for _ in range(3):  # a loop that waits for it ends
        waiting = traffic.call("DescribeQueries", status="Scheduled")["queries"]
        waiting += traffic.call("DescribeQueries", status="Running")["queries"]
    assert waiting == []
    assert len(traffic.call("DescribeQueries", status="Complete", logGroupName="/vpc/a")["queries"]) == 2
    assert traffic.call("DescribeQueries", logGroupName="/none")["queries"] == []
    assert traffic.call("DescribeQueries", queryLanguage="SQL")["queries"] == []


def test_results_are_kept_for_seven_days(traffic: FakeAccount) -> None:
    query_id = start(traffic, "stats count(*) as n")
    traffic.advance(7 * 86_400 - 10)
    assert finished(traffic, query_id)["results"]
    traffic.advance(20)
    with pytest.raises(ServiceError, match="7 days"):
        poll(traffic, query_id)
    start(traffic, "stats count(*) as n")
    assert [path.stem for path in (traffic.events.folder / "results").iterdir()] != [query_id]


def test_a_hundred_queries_may_run_at_once(traffic: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(queries.MOST_CONCURRENT, "CWLI", 2)
    start(traffic, "fields @message | limit 1")
    start(traffic, "fields @message | limit 2")
    refused(traffic, "LimitExceededException", "fields @message | limit 3")
    traffic.advance(3)
    start(traffic, "fields @message | limit 3")


def test_the_fields_of_a_group(traffic: FakeAccount) -> None:
    put(traffic, (0, '{"a": {"b": 1, "c": [true, null]}, "d": "x"}'), (0, "plain"))
    fields = {
        entry["name"]: entry["percent"]
        for entry in traffic.call("GetLogGroupFields", logGroupName="/vpc/a")["logGroupFields"]
    }
    assert fields["@message"] == fields["@timestamp"] == 100
    assert fields["srcAddr"] == 83 and fields["a.b"] == fields["a.c.0"] == fields["d"] == 8
    assert "a.c.1" not in fields
    later = int(traffic.now()) + 479
    assert traffic.call("GetLogGroupFields", logGroupName="/vpc/a", time=later)["logGroupFields"] != []
    assert traffic.call("GetLogGroupFields", logGroupName="/vpc/a", time=later + 20)["logGroupFields"] == []


def test_percentages_of_fields_weigh_a_stream_by_all_its_events(
    group: FakeAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "SAMPLED", 3)
    group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="small")
    put(group, *[(at, '{"a":1}' if at % 3 else '{"b":1}') for at in range(9)])
    put(group, (0, '{"c":1}'), stream="small")
    fields = group.call("GetLogGroupFields", logGroupName="/vpc/a")["logGroupFields"]
    assert {entry["name"]: entry["percent"] for entry in fields if entry["name"] in "abc"} == {
        "a": 60,
        "b": 30,
        "c": 10,
    }
    assert [entry["percent"] for entry in fields] == sorted((entry["percent"] for entry in fields), reverse=True)


def test_a_query_without_memory_fails(traffic: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    def rows(*args: object, **kwargs: object) -> None:
        raise QueryFailed("Out of memory")

    monkeypatch.setattr(Execution, "rows", rows)
    query_id = start(traffic, "stats count(*) as n")
    assert finished(traffic, query_id)["status"] == "Failed"
    monkeypatch.undo()
    assert finished(traffic, query_id)["status"] == "Failed"
    assert finished(traffic.restarted(), query_id)["status"] == "Failed"
    assert traffic.call("DescribeQueries")["queries"][0]["status"] == "Failed"


def test_filter_index_skips_and_charges_less_but_not_on_infrequent_access(traffic: FakeAccount) -> None:
    query = "filterIndex action = 'REJECT' | stats count(*) as n"
    statistics = finished(traffic, start(traffic, query))["statistics"]
    assert (statistics["recordsScanned"], statistics["estimatedRecordsSkipped"]) == (4.0, 6.0)
    whole = finished(traffic, start(traffic, "stats count(*)"))["statistics"]["bytesScanned"]
    assert statistics["bytesScanned"] + statistics["estimatedBytesSkipped"] == whole
    traffic.call("CreateLogGroup", logGroupName="/ia", logGroupClass="INFREQUENT_ACCESS")
    assert "INFREQUENT_ACCESS" in str(refused(traffic, "InvalidParameterException", query, logGroupName="/ia"))
    assert rows(traffic, "filter action = 'REJECT' | stats count(*) as n", logGroupName="/ia") == [{"n": "0"}]


def test_source_chooses_groups_by_their_tags(group: FakeAccount) -> None:
    for name, env in (("/t/1", "prod-eu"), ("/t/2", "dev"), ("/t/3", "Prod")):
        group.call("CreateLogGroup", logGroupName=name, tags={"env": env})
        group.call("CreateLogStream", logGroupName=name, logStreamName="s")
        put(group, (5, name), stream="s", group=name)
    without = {"startTime": START - 3600, "endTime": START + 86_400}

    def found(filters: str) -> list[str]:
        text = f"SOURCE logGroupTags({filters}) | fields @message | sort @message"
        query_id = group.call("StartQuery", queryString=text, **without)["queryId"]
        return [row[0]["value"] for row in finished(group, query_id)["results"]]

    assert found("[{key: 'env'}]") == ["/t/1", "/t/2", "/t/3"]
    assert found("[{'key': 'env', 'values': ['prod*']}]") == ["/t/1", "/t/3"]
    assert found("[{key: 'env', values: ['dev', 'prod-eu']}]") == ["/t/1", "/t/2"]
    assert found("[{key: 'env', values: ['!dev']}, {key: 'env', values: ['!Prod']}]") == ["/t/1"]
    assert found("[{key: 'env', values: ['!prod*']}]") == ["/t/2"]
    for wrong in ("['env']", "[{name: 'env'}]", "[{key: 'env', values: ['1','2','3','4','5','6']}]"):
        with pytest.raises(ServiceError, match="InvalidParameterException"):
            found(wrong)


def test_source_knows_the_names_of_the_page_and_of_its_examples(group: FakeAccount) -> None:
    put(group, (5, "here"))
    for arguments in (
        "accountIdentifier: ['123456789012']",
        "accountIdentifiers: ['123456789012'], namePrefix: ['/vpc']",
        "class: ['STANDARD']",
        "logGroupClass: ['STANDARD', 'INFREQUENT_ACCESS']",
    ):
        query = {"queryString": f"SOURCE logGroups({arguments}) | fields @message", "startTime": START - 3600}
        query_id = group.call("StartQuery", **query, endTime=START + 86_400)["queryId"]
        assert finished(group, query_id)["results"][0][0]["value"] == "here"
    other = "SOURCE logGroups(accountIdentifiers: ['000000000000']) | fields @message"
    with pytest.raises(ServiceError, match="InvalidParameterException"):
        group.call("StartQuery", queryString=other, startTime=START - 3600, endTime=START + 86_400)
