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
    "athena": "InvalidRequestException",
    "logs": "InvalidParameterException",
    "resourcegroupstaggingapi": "InvalidParameterException",
    "ssm": "ValidationException",
    "cloudwatch": "ValidationError",
    "ec2": "InvalidParameterValue",
    "iam": "ValidationError",
    "s3": "InvalidArgument",
    "sns": "InvalidParameter",
    "sts": "ValidationError",
}
_MISSING_CODES = {"ec2": "MissingParameter"}
# IAM's sentences of 2025 and 2026 repeat neither the value nor the enum (recorded by localstack's tests).
_SILENT = {"iam"}
# EC2 documents many of its enums as open lists and moto knows the newer values: only these are checked.
_SHOWN = 1000
_TOLD = 20
_EC2_ENUMS = {"TrafficType", "FlowLogsResourceType", "LogDestinationType", "Tenancy", "RuleAction"}
Problem = tuple[tuple[str | int, ...], str, bool]
"""The place (names of members and positions in lists, from 1), the constraint, whether it is missing."""


def check(service: str, model: OperationModel, params: Params) -> None:
    """Raise the service's own validation error: for all parameters that break their shapes, EC2's for the first."""
    if model.input_shape is None:
        return
    problems = list(_problems(service, model.input_shape, params, ()))
    if not problems:
        return
    code = _CODES.get(service, "ValidationException")
    if service == "ec2":
        place, problem, missing = problems[0]
        code = _MISSING_CODES.get(service, code) if missing else code
        raise ServiceError(code, f"Value for parameter {'.'.join(map(str, place))}: {problem}")
    if service == "cloudwatch" and any(shape.name == "InvalidParameterValueException" for shape in model.error_shapes):
        place, problem, missing = problems[0]
        where, code = ".".join(map(str, place)), "MissingParameter" if missing else "InvalidParameterValue"
        raise ServiceError(code, f"The parameter {where} {'is required' if missing else f'is invalid: {problem}'}.")
    plural = "" if len(problems) == 1 else "s"
    told = "; ".join(_sentence(service, params, *problem) for problem in problems[:_TOLD])
    raise ServiceError(code, f"{len(problems)} validation error{plural} detected: {told}")


def _sentence(service: str, params: Params, place: tuple[str | int, ...], problem: str, missing: bool) -> str:
    """AWS's own names begin in lower case, and a position in a list is ``.1.member``."""
    names = [f"{part}.member" if isinstance(part, int) else part[:1].lower() + part[1:] for part in place]
    value = "" if service in _SILENT else " null" if missing else f" '{_short(_value_at(params, place))}'"
    if service in _SILENT:
        problem = problem.partition(": [" if "enum value set" in problem else "\0")[0]
    return f"Value{value} at '{'.'.join(names)}' failed to satisfy constraint: {problem}"


def _short(value: Any) -> str:
    """A value as a message shows it: a batch of a megabyte is not repeated to who sent it."""
    text = f"[{', '.join(map(str, value))}]" if isinstance(value, list) else str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _value_at(params: Any, place: tuple[str | int, ...]) -> Any:
    for part in place:
        params = params[part - 1] if isinstance(part, int) else params[part]
    return params


def _problems(service: str, shape: Shape, value: Any, place: tuple[str | int, ...]) -> Iterator[Problem]:
    if isinstance(shape, StructureShape):
        for name in shape.required_members:
            if name not in value:
                yield (*place, name), "Member must not be null", True
        for name, item in value.items():
            yield from _problems(service, shape.members[name], item, (*place, name))
    elif isinstance(shape, ListShape):
        yield from _size(shape, len(value), place)
        found = [
            problem
            for at, item in enumerate(value, 1)
            for problem in _problems(service, shape.member, item, (*place, at))
        ]
        if found and service != "ec2" and not isinstance(shape.member, StructureShape):
            # AWS names the list, and all that its texts must be.
            found = [(place, f"Member must satisfy constraint: [{', '.join(_constraints(shape.member))}]", False)]
        yield from found
    elif isinstance(shape, MapShape):
        yield from _size(shape, len(value), place)
    elif isinstance(value, str):
        yield from _text(service, shape, value, place)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from _size(shape, value, place, what="value")


def _size(shape: Shape, size: float, place: tuple[str | int, ...], what: str = "length") -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield place, f"Member must have {what} greater than or equal to {least}", False
    if most is not None and size > most:
        yield place, f"Member must have {what} less than or equal to {most}", False


def _text(service: str, shape: Shape, value: str, place: tuple[str | int, ...]) -> Iterator[Problem]:
    yield from _size(shape, len(value), place)
    enum = shape.metadata.get("enum")
    if enum and value not in enum and (service != "ec2" or shape.name in _EC2_ENUMS):
        yield place, f"Member must satisfy enum value set: [{', '.join(enum)}]", False
    pattern = shape.metadata.get("pattern")
    if pattern and service != "ec2":
        compiled = _compiled(pattern)
        if compiled is not None and not compiled.fullmatch(value):
            yield place, f"Member must satisfy regular expression pattern: {pattern}", False


def _constraints(shape: Shape) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if most is not None:
        yield f"Member must have length less than or equal to {most}"
    if least is not None:
        yield f"Member must have length greater than or equal to {least}"
    if shape.metadata.get("pattern"):
        yield f"Member must satisfy regular expression pattern: {shape.metadata['pattern']}"
    if shape.metadata.get("enum"):
        yield f"Member must satisfy enum value set: [{', '.join(shape.metadata['enum'])}]"
    yield "Member must not be null"


# Java's classes of letters, digits and blanks, inside a pattern's square brackets.
_JAVA = {r"\p{L}": r"\w", r"\p{N}": r"\d", r"\p{Z}": r" \u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"}


@cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    """The model's patterns are Java's; the few that Python cannot read are left to the service."""
    for java, python in _JAVA.items():
        pattern = pattern.replace(java, python)
    try:
        return None if r"\p" in pattern else re.compile(pattern, re.DOTALL)
    except re.error:
        return None
