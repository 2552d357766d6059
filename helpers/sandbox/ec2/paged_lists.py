"""``MaxResults`` and ``NextToken`` of every EC2 action that has them: moto gives one page, of everything.

botocore's model names the list that comes in pages, the ids that exclude ``MaxResults`` and, mostly, its range;
where it does not, the range is 5 to 1000 (EC2 API Reference of 2017). What is undocumented: assumption ``ec2-pages``.
"""

from dataclasses import dataclass
from functools import lru_cache

from botocore.model import ListShape

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows_all, guards_all
from helpers.sandbox.ec2.common import invalid
from helpers.sandbox.protocol import serialization
from helpers.sandbox.protocol.paging import numbered_page

_CLASSIC = 5
_MOST = 1000


@dataclass(frozen=True)
class _Pages:
    """What comes in pages, how many a page may hold, and the parameter that names ids, if there is one."""

    listed: str
    least: int
    most: int
    ids: str | None


@lru_cache(maxsize=512)
def _pages(action: str) -> _Pages | None:
    model = serialization.operation("ec2", action)
    if model is None or model.input_shape is None or model.output_shape is None:
        return None
    asked, told = model.input_shape.members, model.output_shape.members
    listed = [name for name, shape in told.items() if isinstance(shape, ListShape)]
    if not listed or not {"MaxResults", "NextToken"} <= set(asked):
        return None
    limits = asked["MaxResults"].metadata
    least = limits.get("min", _CLASSIC)
    ids = next((name for name in asked if name.endswith("Ids")), None) if least == _CLASSIC else None
    return _Pages(listed[0], least, limits.get("max", _MOST), ids)


@guards_all(service="ec2")
def check_page(call: Call, account: Account) -> None:
    """Raises InvalidParameterValue or InvalidParameterCombination."""
    pages, size = _pages(call.action), call.params.get("MaxResults")
    if pages is None or size is None:
        return
    if not pages.least <= size <= pages.most:
        bound = f"greater than {pages.least}" if size < pages.least else f"less than {pages.most}"
        raise invalid(f"Value ( {size} ) for parameter maxResults is invalid. Expecting a value {bound}.")
    if pages.ids and call.params.get(pages.ids):
        raise invalid(
            f"The parameter {pages.ids} cannot be used with the parameter MaxResults", "InvalidParameterCombination"
        )


def _in_pages(call: Call, account: Account) -> bool:
    return ("MaxResults" in call.params or "NextToken" in call.params) and _pages(call.action) is not None


@follows_all("ec2", when=_in_pages)
def cut(call: Call, account: Account, reply: Params) -> Params:
    """One page of the reply. Raises InvalidParameterValue for a token that this call did not get."""
    pages = _pages(call.action)
    assert pages is not None
    try:
        page, token = numbered_page(reply.get(pages.listed, []), call, pages.most)
    except ServiceError:
        given = call.params["NextToken"]
        raise invalid(f"Value ( {given} ) for parameter NextToken is invalid. The token is invalid.") from None
    return {**reply, pages.listed: page, "NextToken": token}
