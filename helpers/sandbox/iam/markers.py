"""``MaxItems`` and ``Marker`` of every IAM list: moto pages some of them, with markers that anyone can make up.

Source: the IAM API Reference, ``ListUsers`` and its like: 100 items unless told otherwise, at most 1,000.
"""

from functools import lru_cache

from botocore.model import ListShape

from helpers.sandbox.calls import Account, Call, Params, ServiceError, follows_all, replaces
from helpers.sandbox.protocol import serialization
from helpers.sandbox.protocol.paging import numbered_page

_USUAL = 100
_ALL = 1_000_000  # AWS's own policies alone are more than the 1,000 that a caller may ask for
_CUT_BY_MOTO = (
    "GetAccountAuthorizationDetails",
    "ListAttachedGroupPolicies",
    "ListAttachedRolePolicies",
    "ListAttachedUserPolicies",
    "ListPolicies",
    "ListRoleTags",
    "ListRoles",
)


@replaces("iam", *_CUT_BY_MOTO)
def whole_list(call: Call, account: Account) -> Params:
    asked = {name: value for name, value in call.params.items() if name not in ("Marker", "MaxItems")}
    if call.action != "GetAccountAuthorizationDetails":
        asked["MaxItems"] = _ALL
    reply = account.aws("iam", call.action, call.region, **asked)
    return {name: value for name, value in reply.items() if name != "Marker"}


@lru_cache(maxsize=256)
def _listed(action: str) -> tuple[str, ...]:
    """The members of a reply that come in pages; the pages of several lists go on from one to the next."""
    model = serialization.operation("iam", action)
    if model is None or model.input_shape is None or model.output_shape is None:
        return ()
    if "MaxItems" not in model.input_shape.members or action.startswith("Simulate"):
        return ()
    return tuple(name for name, shape in model.output_shape.members.items() if isinstance(shape, ListShape))


@follows_all("iam", when=lambda call, account: bool(_listed(call.action)))
def cut(call: Call, account: Account, reply: Params) -> Params:
    """One page of the reply, which says whether more follow. Raises ValidationError for a marker not given here."""
    items = [(name, thing) for name in _listed(call.action) for thing in reply.get(name, ())]
    try:
        page, marker = numbered_page(items, call, call.params.get("MaxItems", _USUAL))
    except ServiceError:
        raise ServiceError("ValidationError", f"Invalid Marker: {call.params['Marker']}") from None
    lists = {name: [thing for of, thing in page if of == name] for name in _listed(call.action)}
    return {**reply, **lists, "IsTruncated": marker is not None} | ({"Marker": marker} if marker else {})
