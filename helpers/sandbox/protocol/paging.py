"""Pages whose tokens nobody can make up: a token belongs to the call that gave it, whatever the size of its pages."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import orjson

from helpers.sandbox.calls import Call, ServiceError

Item = TypeVar("Item")
_OF_PAGES = frozenset({"MaxResults", "NextToken", "MaxItems", "Marker"})


def numbered_page(items: Sequence[Item], call: Call, most: int) -> tuple[Sequence[Item], str | None]:
    """At most ``MaxResults`` items (and never more than ``most``) from the call's ``NextToken`` on, and the next token.

    IAM's ``MaxItems`` and ``Marker`` mean the same. Raises InvalidNextToken, also for a token of another action,
    Region or question.
    """
    start = _start(call)
    size: int = call.params.get("MaxResults") or call.params.get("MaxItems") or most
    end = start + min(size, most)
    return items[start:end], _token(call, end) if end < len(items) else None


def renamed(call: Call, **names: str) -> Call:
    """The call with parameters of pages under the names that :func:`numbered_page` reads.

    ``renamed(call, MaxRecords="MaxResults")``
    """
    return replace(call, params={names.get(name, name): value for name, value in call.params.items()})


def _start(call: Call) -> int:
    token = call.params.get("NextToken", call.params.get("Marker"))
    if token is None:
        return 0
    try:
        number = base64.urlsafe_b64decode(token).partition(b".")[0].decode()
    except ValueError:
        number = ""
    if not number.isdigit() or _token(call, int(number)) != token:
        raise ServiceError("InvalidNextToken", "The token is not one that was given.")
    return int(number)


def _token(call: Call, number: int) -> str:
    asked = {name: value for name, value in call.params.items() if name not in _OF_PAGES}
    question = orjson.dumps([call.service, call.action, call.region, asked], option=orjson.OPT_SORT_KEYS, default=repr)
    return base64.urlsafe_b64encode(f"{number}.".encode() + hashlib.sha256(question).digest()[:19]).decode()
