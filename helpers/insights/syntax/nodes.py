"""Expressions of a query as frozen values, each with its place in the text (character offsets)."""

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of character offsets."""

    start: int
    end: int

    def to(self, other: "Span") -> "Span":
        """The range from the start of this one to the end of the other."""
        return Span(self.start, other.end)


@dataclass(frozen=True, slots=True)
class Node:
    """Anything that has a place in the text."""

    span: Span


@dataclass(frozen=True, slots=True)
class Number(Node):
    """An unsigned number as written; ``value`` is an int when it was written as one."""

    value: int | float


@dataclass(frozen=True, slots=True)
class String(Node):
    """A quoted string, escapes resolved."""

    value: str


@dataclass(frozen=True, slots=True)
class Boolean(Node):
    """``true`` or ``false`` written without quotes."""

    value: bool


@dataclass(frozen=True, slots=True)
class Regex(Node):
    """``/pattern/`` without its slashes."""

    pattern: str


@dataclass(frozen=True, slots=True)
class Period(Node):
    """``5m``: a number and the short form of its unit (ms s m h d w mo q y)."""

    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class Star(Node):
    """The ``*`` of ``count(*)``."""


@dataclass(frozen=True, slots=True)
class Ref(Node):
    """A field: the first name, then attribute names (str) and list positions (int)."""

    parts: tuple[str | int, ...]

    @property
    def name(self) -> str:
        """The name as a column heading: ``a.b[1].c``, without backticks."""
        text = str(self.parts[0])
        for part in self.parts[1:]:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text


@dataclass(frozen=True, slots=True)
class FunctionCall(Node):
    """A function or an aggregate; ``name`` as written."""

    name: str
    args: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Access(Node):
    """``jsonParse(x).a[0]``: attributes of something that is not a plain field."""

    base: "Expr"
    parts: tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """A left-associative run of operators of one precedence: ``first op operand op operand``."""

    first: "Expr"
    rest: tuple[tuple[str, "Expr"], ...]


@dataclass(frozen=True, slots=True)
class Negative(Node):
    """Unary minus."""

    operand: "Expr"


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """``= != < <= > >=``."""

    op: str
    left: "Expr"
    right: "Expr"


@dataclass(frozen=True, slots=True)
class Like(Node):
    """``like "text"`` (substring), ``like /re/`` and ``=~ /re/``."""

    subject: "Expr"
    pattern: "Expr"
    negated: bool


@dataclass(frozen=True, slots=True)
class In(Node):
    """``in [..]``."""

    subject: "Expr"
    items: tuple["Expr", ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class InSubquery(Node):
    """``in (SOURCE 'group' | ...)``; ``query`` is the position among the queries inside the whole one."""

    subject: "Expr"
    query: int
    negated: bool


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """``and`` / ``or`` of two or more."""

    op: str
    operands: tuple["Expr", ...]


@dataclass(frozen=True, slots=True)
class Not(Node):
    """``not x`` and ``!x``."""

    operand: "Expr"


Expr = (
    Number
    | String
    | Boolean
    | Regex
    | Period
    | Star
    | Ref
    | FunctionCall
    | Access
    | Arithmetic
    | Negative
    | Compare
    | Like
    | In
    | InSubquery
    | Logic
    | Not
)


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A name that a command creates or mentions, without backticks."""

    text: str


@dataclass(frozen=True, slots=True)
class Item(Node):
    """``expr [as alias]``; ``name`` is the column heading either way."""

    expr: Expr
    alias: Name | None
    name: str


def heading(text: str, node: Expr) -> str:
    """The column name of an expression without alias."""
    if isinstance(node, Ref):
        return node.name
    return " ".join(text[node.span.start : node.span.end].split())


def children(node: Expr) -> tuple[Expr, ...]:
    """The expressions directly inside an expression."""
    if isinstance(node, FunctionCall):
        return node.args
    if isinstance(node, Arithmetic):
        return (node.first, *(operand for _, operand in node.rest))
    if isinstance(node, Compare):
        return (node.left, node.right)
    if isinstance(node, Like):
        return (node.subject,) if isinstance(node.pattern, Regex) else (node.subject, node.pattern)
    if isinstance(node, In):
        return (node.subject, *node.items)
    if isinstance(node, InSubquery):  # the query inside has names of its own
        return (node.subject,)
    if isinstance(node, Logic):
        return node.operands
    if isinstance(node, Not | Negative):
        return (node.operand,)
    return (node.base,) if isinstance(node, Access) else ()


def walk(node: Expr) -> Iterator[Expr]:
    """An expression and everything inside it."""
    yield node
    for child in children(node):
        yield from walk(child)
