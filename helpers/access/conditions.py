"""Condition operators: ``StringEquals``, ``ArnLike``, ``NumericLessThan``, ``IpAddress`` and the rest.

Source of the rules: IAM User Guide, "IAM JSON policy elements: Condition operators" and "Set operators for multivalued
context keys".
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from helpers.access.wildcards import Context, arn_like, context_values, resolve

_Test = Callable[[str, str], bool]


def _numbers(compare: Callable[[Decimal, Decimal], bool]) -> _Test:
    def test(carried: str, wanted: str) -> bool:
        try:
            left, right = Decimal(carried), Decimal(wanted)
        except InvalidOperation:
            return False
        return left.is_finite() and right.is_finite() and compare(left, right)

    return test


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _dates(compare: Callable[[datetime, datetime], bool]) -> _Test:
    def test(carried: str, wanted: str) -> bool:
        left, right = _moment(carried), _moment(wanted)
        return left is not None and right is not None and compare(left, right)

    return test


def _address(carried: str, wanted: str) -> bool:
    try:
        return ipaddress.ip_address(carried) in ipaddress.ip_network(wanted, strict=False)
    except ValueError:
        return False


def _bool(carried: str, wanted: str) -> bool:
    return carried.lower() == wanted.lower() and wanted.lower() in ("true", "false")


_TESTS: dict[str, _Test] = {
    "StringEquals": lambda carried, wanted: carried == wanted,
    "StringEqualsIgnoreCase": lambda carried, wanted: carried.lower() == wanted.lower(),
    "NumericEquals": _numbers(lambda left, right: left == right),
    "NumericLessThan": _numbers(lambda left, right: left < right),
    "NumericLessThanEquals": _numbers(lambda left, right: left <= right),
    "NumericGreaterThan": _numbers(lambda left, right: left > right),
    "NumericGreaterThanEquals": _numbers(lambda left, right: left >= right),
    "DateEquals": _dates(lambda left, right: left == right),
    "DateLessThan": _dates(lambda left, right: left < right),
    "DateLessThanEquals": _dates(lambda left, right: left <= right),
    "DateGreaterThan": _dates(lambda left, right: left > right),
    "DateGreaterThanEquals": _dates(lambda left, right: left >= right),
    "Bool": _bool,
    "BinaryEquals": lambda carried, wanted: carried == wanted,
    "IpAddress": _address,
}
_PATTERNS = frozenset({"StringLike", "ArnLike", "ArnEquals"})
_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "NumericNotEquals": "NumericEquals",
    "DateNotEquals": "DateEquals",
    "NotIpAddress": "IpAddress",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}
# Every operator name without set prefix and without ``IfExists``.
OPERATORS = frozenset(_TESTS) | _PATTERNS | frozenset(_NEGATED) | {"Null"}
SET_PREFIXES = ("ForAnyValue", "ForAllValues")


def split_operator(name: str) -> tuple[str, str, bool] | None:
    """``"ForAnyValue:StringLikeIfExists"`` -> ``("ForAnyValue", "StringLike", True)``; None if unknown."""
    prefix, colon, base = name.rpartition(":")
    if colon and prefix not in SET_PREFIXES:
        return None
    if_exists = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    if base not in OPERATORS or (base == "Null" and (if_exists or prefix)):
        return None
    return prefix, base, if_exists


@dataclass(frozen=True, slots=True)
class Condition:
    """One key of a Condition block: operator, key and the values of which one is enough."""

    operator: str
    key: str
    values: tuple[str, ...]

    def holds(self, context: Context, *, variables: bool = True) -> bool:
        """Whether the request's context satisfies this condition.

        A key that the request does not carry fails a positive operator, satisfies a negated one and any ``...IfExists``
        or ``ForAllValues:`` one. Unknown operators cannot occur: parsing refuses them.
        """
        parts = split_operator(self.operator)
        if parts is None:
            raise ValueError(f"{self.operator} is not a condition operator")
        prefix, base, if_exists = parts
        carried = context_values(context, self.key)
        if base == "Null":
            return any(_bool("false" if carried else "true", wanted) for wanted in self.values)
        positive = _NEGATED.get(base, base)
        negated = positive != base
        if not carried:
            return if_exists or prefix == "ForAllValues" or (negated and not prefix)

        def fits(value: str) -> bool:
            return any(self._fits(positive, value, wanted, context, variables) for wanted in self.values)

        if prefix == "ForAllValues":
            return all(fits(value) != negated for value in carried)
        if prefix == "ForAnyValue":
            return any(fits(value) != negated for value in carried)
        return any(fits(value) for value in carried) != negated

    @staticmethod
    def _fits(positive: str, carried: str, wanted: str, context: Context, variables: bool) -> bool:
        if positive in ("ArnLike", "ArnEquals"):
            return arn_like(wanted, carried, context, variables=variables)
        resolved = resolve(wanted, context, variables=variables, wildcards=positive == "StringLike")
        if resolved is None:
            return False
        if positive == "StringLike":
            return resolved.matches(carried)
        return _TESTS[positive](carried, "".join(str(token) for token in resolved.tokens))

    def shortfall(self, context: Context) -> str:
        """What the condition wants and what the request carried, as half a sentence."""
        carried = context_values(context, self.key)
        wanted = " or ".join(self.values) or "nothing"
        has = "did not carry it" if carried is None else f"carried {', '.join(carried) or 'no value'}"
        return f"the condition {self.key} ({self.operator}) wants {wanted}, the request {has}"
