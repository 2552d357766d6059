"""Check parameters against botocore's model: what boto3's client leaves unchecked, AWS refuses.

boto3 checks types, required members and minimum lengths only. AWS also refuses unknown enum values, patterns,
maximum lengths and ranges; ``TrafficType="SOME"`` passes the client.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, OperationModel, Shape, StructureShape

from helpers.sandbox.calls import Params, ServiceError

_CODES = {
    "logs": "InvalidParameterException",
    "ssm": "ValidationException",
    "ec2": "InvalidParameterValue",
    "iam": "ValidationError",
    "sts": "ValidationError",
}
_MISSING_CODES = {"ec2": "MissingParameter"}
# EC2 documents many of its enums as open lists and moto knows the newer values: only these are checked.
_SHOWN = 1000
_EC2_ENUMS = {"TrafficType", "FlowLogsResourceType", "LogDestinationType", "Tenancy", "RuleAction"}


def check(service: str, model: OperationModel, params: Params) -> None:
    """Raise the service's own validation error for the first parameter that breaks its shape."""
    if model.input_shape is None:
        return
    for place, problem, missing in _problems(service, model.input_shape, params, ""):
        code = _CODES.get(service, "ValidationException")
        if missing:
            code = _MISSING_CODES.get(service, code)
        if service == "ec2":
            raise ServiceError(code, f"Value for parameter {place}: {problem}")
        value = "null" if missing else _short(_value_at(params, place))
        raise ServiceError(
            code,
            f"1 validation error detected: Value '{value}' at '{place}' failed to satisfy constraint: {problem}",
        )


def _short(value: Any) -> str:
    """A value as a message shows it: a batch of a megabyte is not repeated to who sent it."""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _value_at(params: Any, place: str) -> Any:
    for part in place.split("."):
        params = params[int(part) - 1] if isinstance(params, list) else params[part]
    return params


def _problems(service: str, shape: Shape, value: Any, place: str) -> Iterator[tuple[str, str, bool]]:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name not in value:
                yield _join(place, name), "Member must not be null", True
        for name, item in value.items():
            yield from _problems(service, shape.members[name], item, _join(place, name))
    elif isinstance(shape, ListShape):
        yield from _size(shape, len(value), place)
        for index, item in enumerate(value, 1):
            yield from _problems(service, shape.member, item, _join(place, str(index)))
    elif isinstance(shape, MapShape):
        yield from _size(shape, len(value), place)
    elif isinstance(value, str):
        yield from _text(service, shape, value, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _size(shape, value, place, what="value")


def _join(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name


def _size(shape: Shape, size: float, place: str, what: str = "length") -> Iterator[tuple[str, str, bool]]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield place, f"Member must have {what} greater than or equal to {least}", False
    if most is not None and size > most:
        yield place, f"Member must have {what} less than or equal to {most}", False


def _text(service: str, shape: Shape, value: str, place: str) -> Iterator[tuple[str, str, bool]]:
    yield from _size(shape, len(value), place)
    enum = shape.metadata.get("enum")
    if enum and value not in enum and (service != "ec2" or shape.name in _EC2_ENUMS):
        yield place, f"Member must satisfy enum value set: [{', '.join(enum)}]", False
    pattern = shape.metadata.get("pattern")
    if pattern and service != "ec2":
        compiled = _compiled(pattern)
        if compiled is not None and not compiled.fullmatch(value):
            yield place, f"Member must satisfy regular expression pattern: {pattern}", False


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The model's patterns are Java's; the few that Python cannot read are left to the service."""
    translated = re.sub(r"\\p\{([A-Za-z]+)\}", "", pattern) if r"\p{" in pattern else pattern
    if translated != pattern:
        return None
    try:
        return re.compile(pattern, re.DOTALL)
    except re.error:
        return None
