"""Typed SQL: an expression together with what is known of its type, and the language's coercions.

Coercion is emitted only where a type is unknown: comparing two integer columns is one SQL operator, comparing
two values of unknown type is a CASE. A NULL in SQL is a missing value in the language.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sqlglot import exp

from helpers.insights.sql.macros import NUMBER_PATTERN

E = exp.Expr
_NUMBER = re.compile(NUMBER_PATTERN)


class Kind(Enum):
    """What a value is known to be before the query runs."""

    INT = "whole number"
    DOUBLE = "number"  # printed as Java prints a double: 15.0
    NUMBER = "number, plain"  # printed without a decimal point when integral
    TIME = "timestamp"  # epoch milliseconds, printed as a date
    BOOL = "boolean"  # printed as 1 or 0
    TEXT = "text"  # never looks like a number
    UNKNOWN = "text or number"
    STRUCTURE = "map or list"
    MISSING = "missing"


NUMERIC = (Kind.INT, Kind.DOUBLE, Kind.NUMBER, Kind.TIME, Kind.BOOL)
TEXTUAL = (Kind.TEXT, Kind.UNKNOWN)


@dataclass(frozen=True, slots=True, eq=False)
class Typed:
    """An SQL expression and its kind; ``literal`` holds the text of a string literal."""

    sql: E
    kind: Kind
    literal: str | None = None

    @property
    def e(self) -> E:
        """A copy of the expression, to be put into a larger one."""
        return self.sql.copy()

    @property
    def is_number_text(self) -> bool:
        """Whether this is a string literal that is a number."""
        return self.literal is not None and _NUMBER.fullmatch(self.literal) is not None


# building SQL ------------------------------------------------------------------------------------


def call(name: str, *args: E) -> exp.Anonymous:
    """A function call, emitted exactly under this name."""
    return exp.Anonymous(this=name, expressions=list(args))


def column(name: str) -> exp.Column:
    """A column of ours."""
    return exp.Column(this=exp.Identifier(this=name, quoted=False))


def parameter(name: str) -> E:
    """A number that is known when the query runs."""
    return exp.Parameter(this=exp.Identifier(this=name, quoted=False))


def text_literal(value: str) -> exp.Literal:
    """A string literal (the generator escapes it)."""
    return exp.Literal(this=value, is_string=True)


def number_literal(value: int | float) -> E:
    """A number literal; negative and fractional ones are cast so that their type is certain."""
    if isinstance(value, int):
        plain: E = exp.Literal(this=str(abs(value)), is_string=False)
        return exp.Paren(this=exp.Neg(this=plain)) if value < 0 else plain
    return cast(text_literal(repr(value)), "DOUBLE")


def cast(value: E, type_name: str, safe: bool = False) -> E:
    """``CAST(value AS type)``."""
    to = exp.DataType(this=exp.DataType.Type(type_name))
    return exp.TryCast(this=value, to=to, safe=True) if safe else exp.Cast(this=value, to=to)


def binary(kind: type[exp.Binary], left: E, right: E) -> exp.Binary:
    """An operator with its operands in parentheses where they are operators themselves."""
    return kind(this=operand(left), expression=operand(right))


def operand(value: E) -> E:
    """The expression in parentheses where it is an operator itself."""
    inner = exp.Binary | exp.Not | exp.Neg | exp.In | exp.Is | exp.Between
    return exp.Paren(this=value) if isinstance(value, inner) else value


def case(*branches: tuple[E, E], default: E | None = None) -> exp.Case:
    """``CASE WHEN a THEN b ... ELSE default END``."""
    return exp.Case(ifs=[exp.If(this=when, true=then) for when, then in branches], default=default)


def all_of(conditions: Sequence[E]) -> E:
    """The conditions joined with AND."""
    return _joined(exp.And, conditions)


def any_of(conditions: Sequence[E]) -> E:
    """The conditions joined with OR."""
    return _joined(exp.Or, conditions)


def _joined(kind: type[exp.Binary], conditions: Sequence[E]) -> E:
    if len(conditions) <= 2:
        return binary(kind, *conditions) if len(conditions) == 2 else conditions[0]
    middle = len(conditions) // 2  # balanced, so that long lists stay shallow
    return binary(kind, _joined(kind, conditions[:middle]), _joined(kind, conditions[middle:]))


def negated(condition: E) -> E:
    """NOT of a condition."""
    return exp.Not(this=operand(condition))


def present(value: E) -> E:
    """``value IS NOT NULL``."""
    return exp.Not(this=exp.Paren(this=exp.Is(this=operand(value), expression=exp.Null())))


TRUE: E = exp.Boolean(this=True)
FALSE: E = exp.Boolean(this=False)


def missing() -> Typed:
    """A value that is never there."""
    return Typed(cast(exp.Null(), "VARCHAR"), Kind.MISSING)


def integer(value: int) -> Typed:
    """A whole-number literal."""
    return Typed(number_literal(value), Kind.INT)


def string(value: str) -> Typed:
    """A string literal; its kind says whether it may be read as a number."""
    kind = Kind.UNKNOWN if _NUMBER.fullmatch(value) else Kind.TEXT
    return Typed(text_literal(value), kind, value)


# coercions ---------------------------------------------------------------------------------------


def as_number(value: Typed) -> E:
    """The value as a number; NULL when it is none."""
    if value.kind in (Kind.INT, Kind.DOUBLE, Kind.NUMBER, Kind.TIME):
        return value.e
    if value.kind is Kind.BOOL:
        return cast(value.e, "INT")
    if value.kind is Kind.STRUCTURE:
        return call("i_num", call("i_scalar", value.e))
    if value.kind is Kind.MISSING:
        return cast(exp.Null(), "DOUBLE")
    if value.is_number_text:
        return number_literal(float(value.literal or "0"))
    return call("i_num", value.e)


def as_double(value: Typed) -> E:
    """The value as a DOUBLE, so that arithmetic cannot overflow."""
    number = as_number(value)
    return number if value.kind in (Kind.DOUBLE, Kind.NUMBER) else cast(number, "DOUBLE")


def as_text(value: Typed) -> E:
    """The value as text, the way it is printed; NULL for structures."""
    if value.kind in TEXTUAL or value.kind is Kind.MISSING:
        return value.e
    if value.kind is Kind.STRUCTURE:
        return call("i_scalar", value.e)
    if value.kind is Kind.TIME:
        return call("i_time", value.e)
    if value.kind is Kind.BOOL:
        return cast(cast(value.e, "INT"), "VARCHAR")
    if value.kind is Kind.NUMBER:
        return call("i_plain", value.e)
    return cast(value.e, "VARCHAR")


def as_unknown(value: Typed) -> Typed:
    """A structure (which may hold a plain value) as a plain value; anything else unchanged."""
    if value.kind is Kind.STRUCTURE:
        return Typed(call("i_scalar", value.e), Kind.UNKNOWN)
    return value


def as_structure(value: Typed) -> E:
    """The value as JSON; text is parsed, what does not parse is NULL."""
    return value.e if value.kind is Kind.STRUCTURE else call("i_json", as_text(value))


def as_condition(value: Typed) -> E:
    """The value as a condition: true, 1 and any number but 0 hold; NULL counts as false."""
    if value.kind is Kind.BOOL:
        return value.e
    if value.kind in NUMERIC:
        return binary(exp.NEQ, value.e, number_literal(0))
    if value.kind is Kind.MISSING:
        return FALSE.copy()
    return binary(exp.NEQ, call("i_truth", as_text(value)), number_literal(0))


def common_kind(values: list[Typed]) -> Kind:
    """The kind of a value that is one of these (as in coalesce, if and case)."""
    kinds = {value.kind for value in values} - {Kind.MISSING}
    if len(kinds) == 1:
        return kinds.pop()
    if not kinds:
        return Kind.MISSING
    if kinds <= {Kind.INT, Kind.DOUBLE, Kind.NUMBER}:
        return Kind.DOUBLE if Kind.DOUBLE in kinds else Kind.NUMBER
    return Kind.UNKNOWN


def converted(value: Typed, kind: Kind) -> E:
    """The value as a value of a kind from ``common_kind``."""
    if value.kind is kind:
        return value.e
    if value.kind is Kind.MISSING:
        return exp.Null()
    return as_double(value) if kind in (Kind.DOUBLE, Kind.NUMBER) else as_text(value)
