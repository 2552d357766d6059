"""Tags of log groups, through the resource actions and the older log-group ones."""

import re
from collections.abc import Iterable, Mapping

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.names import group_named, invalid, name_in
from helpers.sandbox.logs.state import LogGroup

MOST_TAGS = 50
_ALLOWED = re.compile(r"[\w \u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000.:/=+\-@]*")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise InvalidParameterException for a key or value that AWS refuses (TagKey, TagValue in the model)."""
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or not _ALLOWED.fullmatch(key):
            raise invalid(f"The tag key '{key}' must have 1 to 128 letters, digits, blanks or _.:/=+-@.")
        if key.lower().startswith("aws:"):
            raise invalid(f"The tag key '{key}' starts with the reserved prefix aws:.")
        if len(value) > 256 or not _ALLOWED.fullmatch(value):
            raise invalid(f"The value of tag '{key}' must have up to 256 letters, digits, blanks or _.:/=+-@.")


def has_tag(tags: Mapping[str, str], key: str, values: Iterable[str]) -> bool:
    """Whether there is a tag of this key, with one of the values if any are given (TagFilter's documentation).

    A ``*`` at an end of a value stands for anything, without regard to case; a ``!`` before it for "not".
    """
    wanted = list(values)
    return key in tags and (not wanted or any(_is_value(tags[key], value) for value in wanted))


def _is_value(value: str, wanted: str) -> bool:
    if wanted.startswith("!"):
        return not _is_value(value, wanted[1:])
    bare = wanted.strip("*")
    if bare == wanted:
        return value == wanted
    pattern = f"{'.*' * wanted.startswith('*')}{re.escape(bare)}{'.*' * wanted.endswith('*')}"
    return re.fullmatch(pattern, value, re.IGNORECASE | re.DOTALL) is not None


def _add(group: LogGroup, tags: Mapping[str, str], code: str) -> None:
    check_tags(tags)
    merged = {**group.tags, **tags}
    if len(merged) > MOST_TAGS:
        raise ServiceError(code, f"A log group can have at most {MOST_TAGS} tags.")
    group.tags = merged


def _remove(group: LogGroup, keys: Iterable[str]) -> None:
    for key in keys:
        group.tags.pop(key, None)


def _by_arn(call: Call, account: Account) -> LogGroup:
    arn = call.params["resourceArn"]
    if not arn.startswith("arn:"):
        raise invalid(f"resourceArn is not an ARN: {arn}")
    return group_named(call, account, name_in(call, account, arn))


@replaces("logs", "TagResource")
def tag_resource(call: Call, account: Account) -> Params:
    _add(_by_arn(call, account), call.params["tags"], "TooManyTagsException")
    return {}


@replaces("logs", "UntagResource")
def untag_resource(call: Call, account: Account) -> Params:
    _remove(_by_arn(call, account), call.params["tagKeys"])
    return {}


@replaces("logs", "ListTagsForResource")
def list_tags_for_resource(call: Call, account: Account) -> Params:
    return {"tags": dict(_by_arn(call, account).tags)}


@replaces("logs", "TagLogGroup")
def tag_log_group(call: Call, account: Account) -> Params:
    group = group_named(call, account, call.params["logGroupName"])
    _add(group, call.params["tags"], "InvalidParameterException")
    return {}


@replaces("logs", "UntagLogGroup")
def untag_log_group(call: Call, account: Account) -> Params:
    _remove(group_named(call, account, call.params["logGroupName"]), call.params["tags"])
    return {}


@replaces("logs", "ListTagsLogGroup")
def list_tags_log_group(call: Call, account: Account) -> Params:
    return {"tags": dict(group_named(call, account, call.params["logGroupName"]).tags)}
