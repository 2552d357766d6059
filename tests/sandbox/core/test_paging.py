"""Pages: nothing twice, nothing left out, and no token of the caller's own or of another call."""

import base64
from typing import Any

import pytest

from helpers.sandbox.calls import Call, Caller, ServiceError
from helpers.sandbox.protocol.paging import numbered_page


def call(action: str = "ListCommands", region: str = "us-east-1", **params: Any) -> Call:
    asked = {name: value for name, value in params.items() if value is not None}
    return Call("ssm", action, region, asked, Caller("AKIA", "arn", "id", owner=True))


@pytest.mark.parametrize("size", [1, 3, 7, 50])
def test_the_pages_together_are_all_items_in_their_order(size: int) -> None:
    items, seen, token, more = list(range(7)), [], None, True
    while more:
        page, token = numbered_page(items, call(NextToken=token, MaxResults=size), most=5)
        assert len(page) <= min(size, 5)
        seen, more = seen + list(page), token is not None
    assert seen == items


def test_without_a_size_a_page_holds_the_most_it_may() -> None:
    page, token = numbered_page("abc", call(), most=2)
    assert (page, numbered_page("abc", call(NextToken=token), most=2)) == ("ab", ("c", None))


@pytest.mark.parametrize("token", ["", "2", "-1", "one", "ü", "=", base64.b64encode(b"2.").decode()])
def test_a_token_that_nobody_gave_is_refused(token: str) -> None:
    with pytest.raises(ServiceError, match="InvalidNextToken"):
        numbered_page("abc", call(NextToken=token), most=2)


@pytest.mark.parametrize(
    "other", [{"action": "ListCommandInvocations"}, {"region": "eu-west-1"}, {"CommandId": "x"}], ids=str
)
def test_a_token_is_good_for_the_call_that_got_it_only(other: dict[str, str]) -> None:
    _, token = numbered_page("abc", call(), most=2)
    with pytest.raises(ServiceError, match="InvalidNextToken"):
        numbered_page("abc", call(NextToken=token, **other), most=2)
