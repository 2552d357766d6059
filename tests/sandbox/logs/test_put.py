import pytest

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.logs import deliver
from tests.sandbox.logs.conftest import START, FakeAccount, put

DAY = 86_400_000
HOUR = 3_600_000


def refused(account: FakeAccount, *events: tuple[int, str]) -> str:
    with pytest.raises(ServiceError) as caught:
        put(account, *events)
    assert caught.value.code == "InvalidParameterException"
    return caught.value.message


def messages(account: FakeAccount, stream: str = "eni-1-all") -> list[str]:
    events = account.call("GetLogEvents", logGroupName="/vpc/a", logStreamName=stream, startFromHead=True)["events"]
    return [event["message"] for event in events]


def test_a_batch_is_stored_with_its_ingestion_time(group: FakeAccount) -> None:
    now = int(group.now() * 1000)
    assert "rejectedLogEventsInfo" not in put(group, (-5, "a"), (0, "b"))
    assert group.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="eni-1-all")["events"] == [
        {"timestamp": now - 5, "message": "a", "ingestionTime": now},
        {"timestamp": now, "message": "b", "ingestionTime": now},
    ]


def test_unknown_group_and_stream(group: FakeAccount) -> None:
    for name, stream in (("/none", "eni-1-all"), ("/vpc/a", "none")):
        with pytest.raises(ServiceError, match="ResourceNotFoundException"):
            put(group, (0, "x"), group=name, stream=stream)


def test_the_order_the_span_the_size_and_the_count_are_checked(group: FakeAccount) -> None:
    assert "chronological" in refused(group, (0, "a"), (-1, "b"))
    assert "24 hours" in refused(group, (-DAY - 1, "a"), (0, "b"))
    put(group, (-DAY, "a"), (0, "b"))
    assert "1048577 bytes" in refused(group, (0, "x" * (1_048_576 - 25)))
    assert put(group, (0, "x" * (1_048_576 - 26)))
    assert "bytes" in refused(group, (0, "é" * 524_276))  # counted in UTF-8: one byte too many
    assert "10000" in refused(group, *[(0, "x")] * 10_001)
    assert put(group, *[(0, "x")] * 10_000)


@pytest.mark.parametrize(
    ("offsets", "info", "kept"),
    [
        ((-14 * DAY - 1, 0), {"tooOldLogEventEndIndex": 1}, 1),
        ((-14 * DAY, -13 * DAY), None, 2),
        ((-20 * DAY, -15 * DAY, -1, 0), {"tooOldLogEventEndIndex": 2}, 2),
        ((0, 2 * HOUR, 2 * HOUR + 1, 3 * HOUR), {"tooNewLogEventStartIndex": 2}, 2),
        ((-15 * DAY, 0, 3 * HOUR), {"tooOldLogEventEndIndex": 1, "tooNewLogEventStartIndex": 2}, 1),
        ((-15 * DAY,), {"tooOldLogEventEndIndex": 1}, 0),
    ],
)
def test_too_old_and_too_new_events_are_left_out_with_exclusive_and_inclusive_indexes(
    group: FakeAccount, offsets: tuple[int, ...], info: dict[str, int] | None, kept: int
) -> None:
    reply = put(group, *[(offset, str(offset)) for offset in offsets])
    assert reply.get("rejectedLogEventsInfo") == info
    assert len(messages(group)) == kept


def test_events_older_than_the_retention_are_expired(group: FakeAccount) -> None:
    group.call("PutRetentionPolicy", logGroupName="/vpc/a", retentionInDays=3)
    reply = put(group, (-15 * DAY, "a"), (-4 * DAY, "b"), (-3 * DAY + 5000, "c"), (-2 * DAY - DAY // 2, "d"))
    assert reply["rejectedLogEventsInfo"] == {"tooOldLogEventEndIndex": 1, "expiredLogEventEndIndex": 2}
    assert messages(group) == ["c", "d"]


def test_half_a_surrogate_pair_can_be_stored(group: FakeAccount) -> None:
    put(group, (0, "a\ud800b"), (0, "😀"))
    assert messages(group)[1] == "😀"
    assert "\ud800" not in messages(group)[0]
    assert messages(group.restarted()) == messages(group)


def test_an_entity_is_refused_and_its_events_are_not(group: FakeAccount) -> None:
    now = int(group.now() * 1000)
    reply = group.call(
        "PutLogEvents",
        logGroupName="/vpc/a",
        logStreamName="eni-1-all",
        logEvents=[{"timestamp": now, "message": "x"}],
        entity={"keyAttributes": {"Type": "Service"}},
    )
    assert reply["rejectedEntityInfo"] == {"errorType": "UnsupportedLogGroupType"}
    assert messages(group) == ["x"]


def test_a_delivery_makes_its_stream_and_is_not_repeated_by_a_replay(group: FakeAccount) -> None:
    delivered = [(START * 1000, "2 123456789012 eni-2 - - - - - - - 1700000000 1700000060 - NODATA")]
    assert deliver(group, "us-east-1", "/vpc/a", "eni-2-all", delivered) == 1
    assert len(messages(group, "eni-2-all")) == 1
    group.events.close()
    again = FakeAccount(group.folder, last_position=group.position)
    again.call("CreateLogGroup", logGroupName="/vpc/a")
    again.position = group.position
    assert deliver(again, "us-east-1", "/vpc/a", "eni-2-all", delivered) == 0
    assert len(messages(again, "eni-2-all")) == 1
    with pytest.raises(ServiceError, match="ResourceNotFoundException"):
        deliver(again, "us-east-1", "/none", "s", delivered)


def test_streams_are_described_by_name_and_by_time(group: FakeAccount) -> None:
    for name in ("b", "a", "never"):
        group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName=name)
    put(group, (0, "x"), stream="b")
    put(group, (-9000, "x"), (1000, "x"), stream="a")
    put(group, (0, "x"), stream="b")

    def names(**params: object) -> list[str]:
        found = group.call("DescribeLogStreams", logGroupName="/vpc/a", **params)["logStreams"]
        return [entry["logStreamName"] for entry in found]

    assert names() == ["a", "b", "eni-1-all", "never"]
    assert names(descending=True, limit=2) == ["never", "eni-1-all"]
    assert names(logStreamNamePrefix="e") == ["eni-1-all"]
    assert names(orderBy="LastEventTime", descending=True)[:2] == ["b", "a"]
    first = group.call("DescribeLogStreams", logGroupName="/vpc/a", orderBy="LastEventTime", descending=True, limit=1)
    assert names(orderBy="LastEventTime", descending=True, nextToken=first["nextToken"], limit=1) == ["a"]
    with pytest.raises(ServiceError, match="LastEventTime"):
        names(orderBy="LastEventTime", logStreamNamePrefix="e")
    entry = group.call("DescribeLogStreams", logGroupName="/vpc/a", logStreamNamePrefix="a")["logStreams"][0]
    assert entry["arn"] == "arn:aws:logs:us-east-1:123456789012:log-group:/vpc/a:log-stream:a"
    assert entry["lastEventTimestamp"] - entry["firstEventTimestamp"] == 10_000
    assert entry["lastIngestionTime"] == entry["lastEventTimestamp"] - 1000
    assert entry["storedBytes"] == 0
    never = group.call("DescribeLogStreams", logGroupName="/vpc/a", logStreamNamePrefix="n")["logStreams"][0]
    assert "lastEventTimestamp" not in never and "lastIngestionTime" not in never


def test_a_deleted_stream_takes_its_events_along(group: FakeAccount) -> None:
    put(group, (0, "x"))
    group.call("DeleteLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    assert messages(group) == []
    with pytest.raises(ServiceError, match="already exists"):
        group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")


def test_a_kill_at_any_call_gives_the_same_account(group: FakeAccount) -> None:
    put(group, (0, "a"), (1, "b"))
    put(group, (-1, "c"))
    group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="t")
    put(group, (0, "d"), stream="t")
    group.call("DeleteLogStream", logGroupName="/vpc/a", logStreamName="t")
    group.call("DeleteLogGroup", logGroupName="/vpc/a")
    group.call("CreateLogGroup", logGroupName="/vpc/a")
    group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName="eni-1-all")
    put(group, (0, "e"))
    again = group.restarted()
    assert again.states == group.states
    assert messages(again) == messages(group) == ["e"]
    put(again, (0, "f"))
    assert messages(again.restarted()) == ["e", "f"]
