"""Comparisons and membership: what equals, precedes or contains what, by the types of both sides."""

from sqlglot import exp

from helpers.insights.sql.typed import (
    FALSE,
    NUMERIC,
    TEXTUAL,
    TRUE,
    E,
    Kind,
    Typed,
    all_of,
    any_of,
    as_double,
    as_number,
    as_unknown,
    binary,
    call,
    case,
    cast,
    negated,
    number_literal,
    operand,
    present,
)

_OPERATORS: dict[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "!=": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}


def compare(op: str, left: Typed, right: Typed) -> E:
    """A comparison; NULL (which counts as false) when a side is missing.

    Two numbers compare as numbers, two texts by code point; a number and a text are unequal and in no order
    (assumption insights-compare), whatever is known of their types beforehand.
    """
    left, right = as_unknown(left), as_unknown(right)
    if Kind.MISSING in (left.kind, right.kind):
        return FALSE.copy()
    if left.kind is Kind.BOOL or right.kind is Kind.BOOL:
        return binary(_OPERATORS[op], _truth(left), _truth(right))
    left_number, right_number = left.kind in NUMERIC, right.kind in NUMERIC
    if left_number and right_number:
        return binary(_OPERATORS[op], left.e, right.e)
    if left_number:
        return _with_number(op, left, right)
    if right_number:
        return _with_number(_FLIPPED.get(op, op), right, left)
    text = binary(_OPERATORS[op], left.e, right.e)
    unsure = [side for side in (left, right) if _may_be_number(side)]
    if op in ("=", "!=") and len(unsure) < 2:
        return text  # a text that is no number equals no number
    if not unsure:
        return text
    if len(unsure) == 1:
        return all_of([negated(present(as_number(unsure[0]))), text])
    numbers = as_number(left), as_number(right)
    count = exp.Add(this=cast(present(numbers[0]), "INT"), expression=cast(present(numbers[1]), "INT"))
    compared = binary(_OPERATORS[op], numbers[0].copy(), numbers[1].copy())
    unlike = exp.Boolean(this=op == "!=")
    return exp.Case(
        this=count,
        ifs=[
            exp.If(this=number_literal(2), true=compared),
            exp.If(this=number_literal(1), true=all_of([present(left.e), present(right.e), unlike])),
        ],
        default=text,
    )


def _may_be_number(value: Typed) -> bool:
    if value.literal is not None:
        return value.is_number_text
    return value.kind is Kind.UNKNOWN


def _truth(value: Typed) -> E:
    if value.kind in NUMERIC:
        return as_number(value)
    return call("i_truth", value.e)


def _with_number(op: str, number: Typed, other: Typed) -> E:
    """A number against text: numeric when the text is a number, else unequal and in no order."""
    if not _may_be_number(other):
        return all_of([present(number.e), present(other.e)]) if op == "!=" else FALSE.copy()
    if other.literal is not None:
        return binary(_OPERATORS[op], number.e, as_number(other))
    compared = binary(_OPERATORS[op], number.e, as_number(other))
    if op != "!=":
        return compared
    unlike = all_of([present(number.e), present(other.e)])
    return call("coalesce", compared, case((unlike, TRUE.copy())))


def member(subject: Typed, items: list[Typed], negated_: bool) -> E:
    """``in`` and ``not in``; NULL when the subject is missing."""
    subject = as_unknown(subject)
    if subject.kind is Kind.MISSING:
        return FALSE.copy()
    if not items:
        return present(subject.e) if negated_ else FALSE.copy()
    holds = _membership(subject, items)
    if not negated_:
        return holds
    if isinstance(holds, exp.In) and holds.this == operand(subject.e):
        return negated(holds)  # NULL only where the subject is missing
    return all_of([present(subject.e), negated(call("coalesce", holds, FALSE.copy()))])


def matching(left: Typed, right: Typed) -> tuple[E, E]:
    """Both values in a form in which SQL's ``=`` holds where ``compare`` says that they are equal."""
    sides = as_unknown(left), as_unknown(right)
    if all(side.kind in NUMERIC for side in sides):
        return as_number(sides[0]), as_number(sides[1])
    return _comparable(sides[0]), _comparable(sides[1])


def _comparable(value: Typed) -> E:
    if value.kind in (Kind.TEXT, Kind.MISSING):
        return value.e
    number = cast(binary(exp.Add, as_double(value), number_literal(0)), "VARCHAR")  # -0.0 becomes 0.0
    return number if value.kind in NUMERIC else call("coalesce", number, value.e)


def _membership(subject: Typed, items: list[Typed]) -> E:
    """Whether the subject equals an item: literals are looked up at once, numbers apart from texts."""
    if subject.kind is Kind.BOOL or not all(isinstance(item.sql, exp.Literal) for item in items):
        return any_of([compare("=", subject, item) for item in items])
    numbers = [item for item in items if item.kind in NUMERIC or item.is_number_text]
    texts = [item for item in items if item not in numbers]
    lookups: list[E] = []
    if numbers and subject.kind is not Kind.TEXT:
        values = [item.e if item.literal is None else as_number(item) for item in numbers]
        lookups.append(exp.In(this=operand(as_number(subject)), expressions=values))
    if texts and subject.kind in TEXTUAL:
        lookups.append(exp.In(this=operand(subject.e), expressions=[item.e for item in texts]))
    return any_of(lookups) if lookups else FALSE.copy()
