import random

import pytest

from helpers.sandbox.calls import Params, ServiceError
from tests.sandbox.logs.conftest import START, FakeAccount, put


def get(account: FakeAccount, **params: object) -> Params:
    return account.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="eni-1-all", **params)


def messages(reply: Params) -> list[str]:
    return [event["message"] for event in reply["events"]]


def walk(account: FakeAccount, key: str, **params: object) -> list[list[str]]:
    """Pages until the token comes back unchanged."""
    reply = get(account, **params)
    pages = [messages(reply)]
    while True:
        token = reply[key]
        reply = get(account, **{**params, "nextToken": token})
        if reply[key] == token:
            assert reply["events"] == []
            return pages
        pages.append(messages(reply))


@pytest.fixture
def seven(group: FakeAccount) -> FakeAccount:
    put(group, *[(i // 2, str(i)) for i in range(7)])
    return group


def test_pages_forwards_and_backwards_meet_every_event_once(seven: FakeAccount) -> None:
    assert walk(seven, "nextForwardToken", startFromHead=True, limit=3) == [list("012"), list("345"), ["6"]]
    assert walk(seven, "nextBackwardToken", limit=3) == [list("456"), list("123"), ["0"]]
    assert walk(seven, "nextForwardToken", limit=3) == [list("456")]
    assert walk(seven, "nextBackwardToken", startFromHead=True, limit=3) == [list("012")]


def test_one_can_turn_round_at_both_ends(seven: FakeAccount) -> None:
    page = get(seven, startFromHead=True, limit=7)
    end = get(seven, nextToken=page["nextForwardToken"], limit=3)
    assert messages(get(seven, nextToken=end["nextBackwardToken"], limit=3)) == list("456")
    head = get(seven, nextToken=page["nextBackwardToken"], limit=3)
    assert messages(get(seven, nextToken=head["nextForwardToken"], limit=3)) == list("012")


def test_a_forward_token_finds_what_arrives_later(seven: FakeAccount) -> None:
    token = get(seven)["nextForwardToken"]
    assert messages(get(seven, nextToken=token)) == []
    put(seven, (10, "new"))
    put(seven, (-10_000, "in the past"))
    assert messages(get(seven, nextToken=token)) == ["new"]


def test_tokens_of_an_empty_stream_are_never_null_and_find_the_first_event(group: FakeAccount) -> None:
    reply = get(group)
    assert reply["events"] == [] and reply["nextBackwardToken"].startswith("b/")
    put(group, (0, "first"))
    assert messages(get(group, nextToken=reply["nextForwardToken"])) == ["first"]


def test_the_end_time_is_exclusive_and_the_start_time_inclusive(seven: FakeAccount) -> None:
    first = get(seven)["events"][0]["timestamp"]
    assert messages(get(seven, startTime=first + 1, endTime=first + 3)) == list("2345")
    assert messages(get(seven, startTime=first + 9)) == []
    assert messages(get(seven, startTime=first + 2, endTime=first + 1)) == []
    page = get(seven, startTime=first + 1, startFromHead=True, limit=1)
    assert messages(get(seven, startTime=first + 1, nextToken=page["nextBackwardToken"])) == []


def test_a_page_holds_at_most_one_megabyte_and_at_least_one_event(group: FakeAccount) -> None:
    sizes = [400_000, 500_000, 200_000, 1_048_550, 10]
    for size in sizes:
        put(group, (0, "é" * (size // 2)))
    pages = [[len(text.encode()) for text in page] for page in walk(group, "nextForwardToken", startFromHead=True)]
    assert pages == [[400_000, 500_000], [200_000], [1_048_550], [10]]
    backwards = [[len(text.encode()) for text in page] for page in walk(group, "nextBackwardToken")]
    assert backwards == [[10], [1_048_550], [500_000, 200_000], [400_000]]


def test_a_token_that_is_none_is_refused(seven: FakeAccount) -> None:
    for token in ("x", "f/1/s", "f/" + "9" * 57 + "/s"):
        with pytest.raises(ServiceError, match="nextToken is invalid"):
            get(seven, nextToken=token)
    with pytest.raises(ServiceError, match="log stream does not exist"):
        seven.call("GetLogEvents", logGroupName="/vpc/a", logStreamName="none")


def filtered(account: FakeAccount, **params: object) -> list[str]:
    """All pages."""
    found: list[str] = []
    reply = account.call("FilterLogEvents", logGroupName="/vpc/a", **params)
    found += messages(reply)
    while "nextToken" in reply:
        reply = account.call("FilterLogEvents", logGroupName="/vpc/a", nextToken=reply["nextToken"], **params)
        found += messages(reply)
    return found


@pytest.fixture
def many(group: FakeAccount) -> FakeAccount:
    """Three streams with events in random order of time; the message tells (milliseconds, stream, arrival)."""
    draw = random.Random(1)
    for name in ("eni-2-all", "other"):
        group.call("CreateLogStream", logGroupName="/vpc/a", logStreamName=name)
    for arrival in range(30):
        stream = draw.choice(["eni-1-all", "eni-2-all", "other"])
        offset = draw.randrange(20) - int(group.now() * 1000) + START * 1000
        put(
            group,
            (offset, f"{offset + int(group.now() * 1000) - START * 1000:03} {stream} {arrival:02}"),
            stream=stream,
        )
    return group


def test_all_streams_are_interleaved_by_time_then_arrival(many: FakeAccount) -> None:
    expected = sorted(filtered(many), key=lambda text: (text.split()[0], text.split()[2]))
    assert len(expected) == 30
    for limit in (1, 4, 10_000):
        assert filtered(many, limit=limit) == expected
        assert filtered(many, limit=limit, filterPattern="?other ?%eni-2%") == [
            text for text in expected if "eni-1" not in text
        ]
        prefixed = [text for text in expected if "eni" in text]
        assert filtered(many, limit=limit, logStreamNamePrefix="eni") == prefixed
        assert filtered(many, limit=limit, logStreamNames=["other"]) == [text for text in expected if "other" in text]
    start = START * 1000
    assert filtered(many, startTime=start + 5, endTime=start + 9) == [
        text for text in expected if 5 <= int(text.split()[0]) <= 9
    ]


def test_descending_needs_a_start_time_of_2024_or_later(many: FakeAccount) -> None:
    with pytest.raises(ServiceError, match="2024"):
        filtered(many, startFromHead=False)
    many.advance(90 * 86_400)
    for number in range(5):
        put(many, (number, str(number)))
    start = 1_704_067_200_000
    assert filtered(many, startFromHead=False, startTime=start, limit=2) == list("43210")


def test_one_call_looks_at_a_bounded_number_of_events(group: FakeAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helpers.sandbox.logs.filtering.SCAN_EVENTS", 3)
    put(group, *[(i, f"w{i}") for i in range(8)])
    first = group.call("FilterLogEvents", logGroupName="/vpc/a", filterPattern="w7")
    assert first["events"] == [] and "nextToken" in first
    assert filtered(group, filterPattern="w7") == ["w7"]


@pytest.mark.parametrize("scan", [1, 2, 7])
def test_small_windows_give_the_same_events_in_the_same_order(
    many: FakeAccount, monkeypatch: pytest.MonkeyPatch, scan: int
) -> None:
    many.advance(90 * 86_400)
    for number in range(9):
        stream = ("eni-1-all", "eni-2-all", "other")[number % 3]
        put(many, (-int(many.now() * 1000) % 1000, "same time"), (number, str(number)), stream=stream)
    whole = filtered(many)
    start = 1_704_067_200_000
    backwards = filtered(many, startFromHead=False, startTime=start)
    assert len(whole) == 48 and backwards == whole[:29:-1]
    monkeypatch.setattr("helpers.sandbox.logs.filtering.SCAN_EVENTS", scan)
    for limit in (1, 3, 100):
        assert filtered(many, limit=limit) == whole
        assert filtered(many, limit=limit, startFromHead=False, startTime=start) == backwards


def test_filter_errors(group: FakeAccount) -> None:
    cases: list[tuple[dict[str, object], str]] = [
        ({"filterPattern": "[broken"}, "Invalid filter pattern: If a filter pattern starts with"),
        ({"logStreamNames": ["eni-1-all"], "logStreamNamePrefix": "e"}, "but not both"),
        ({"logStreamNames": ["none"]}, "log stream does not exist"),
        ({"nextToken": "abc"}, "nextToken is invalid"),
        ({"nextToken": "Zi4xLng="}, "nextToken is invalid"),
    ]
    for params, text in cases:
        with pytest.raises(ServiceError, match=text):
            group.call("FilterLogEvents", logGroupName="/vpc/a", **params)


def test_event_ids_are_unique_and_the_same_after_a_restart(many: FakeAccount) -> None:
    def ids(account: FakeAccount) -> list[str]:
        return [event["eventId"] for event in account.call("FilterLogEvents", logGroupName="/vpc/a")["events"]]

    assert len(set(ids(many))) == 30 and {len(name) for name in ids(many)} == {56}
    assert ids(many.restarted()) == ids(many)
