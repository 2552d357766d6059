"""The abstract syntax of a query: frozen values, each with its place (character offsets) in the text."""

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
class Call(Node):
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
    | Call
    | Access
    | Arithmetic
    | Negative
    | Compare
    | Like
    | In
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


@dataclass(frozen=True, slots=True)
class SortKey(Node):
    """One key of ``sort``."""

    expr: Expr
    name: str
    descending: bool


@dataclass(frozen=True, slots=True)
class Fields(Node):
    """``fields a, b as c``."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Display(Node):
    """``display a, b``."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """``filter`` / ``where`` / ``filterIndex``."""

    condition: Expr
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Stats(Node):
    """``stats items by keys [offset period]``."""

    items: tuple[Item, ...]
    keys: tuple[Item, ...]
    offset: Period | None


@dataclass(frozen=True, slots=True)
class Sort(Node):
    """``sort key, key``."""

    keys: tuple[SortKey, ...]


@dataclass(frozen=True, slots=True)
class Limit(Node):
    """``limit N``; ``any`` takes whichever rows come first."""

    count: int
    any: bool


@dataclass(frozen=True, slots=True)
class Dedup(Node):
    """``dedup a, b``."""

    fields: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Parse(Node):
    """``parse field pattern``: mode is "glob", "regex", "logfmt" or "csv"."""

    field: Ref | None
    mode: str
    pattern: String | Regex | None
    names: tuple[Name, ...]
    multi: bool = False


@dataclass(frozen=True, slots=True)
class JsonPath(Node):
    """``json field=f "k.sub" as a``."""

    field: Ref
    path: String
    name: Name


@dataclass(frozen=True, slots=True)
class Unnest(Node):
    """``unnest expr into f``."""

    expr: Expr
    name: Name


@dataclass(frozen=True, slots=True)
class Expand(Node):
    """``expand f``."""

    field: Ref


@dataclass(frozen=True, slots=True)
class LookupOutput(Node):
    """A column of the lookup table and the name that it gets."""

    column: Name
    name: Name


@dataclass(frozen=True, slots=True)
class Lookup(Node):
    """``lookup table col as f OUTPUT x``: (column of the table, field of the event) pairs."""

    table: Name
    matches: tuple[tuple[Name, Ref], ...]
    overwrite: bool
    outputs: tuple[LookupOutput, ...]


@dataclass(frozen=True, slots=True)
class CidrLookup(Node):
    """``cidrlookup table ipField [as cidrColumn] OUTPUT x``."""

    table: Name
    field: Ref
    column: Name | None
    overwrite: bool
    outputs: tuple[LookupOutput, ...]


@dataclass(frozen=True, slots=True)
class Accum(Node):
    """``accum f [as out]``."""

    field: Ref
    name: Name


@dataclass(frozen=True, slots=True)
class AddTotals(Node):
    """``addtotals [fieldname=N] [row=b] [col=b] f, ...``."""

    name: str
    row: bool
    col: bool
    fields: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class FillMissing(Node):
    """``fillmissing [with v for f, ...]``."""

    values: tuple[tuple[Expr, Ref], ...]


@dataclass(frozen=True, slots=True)
class CountFrequent(Node):
    """``countFrequent a, b``."""

    fields: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Estimate(Node):
    """``estimate``."""


Command = (
    Fields
    | Display
    | Filter
    | Stats
    | Sort
    | Limit
    | Dedup
    | Parse
    | JsonPath
    | Unnest
    | Expand
    | Lookup
    | CidrLookup
    | Accum
    | AddTotals
    | FillMissing
    | CountFrequent
    | Estimate
)


@dataclass(frozen=True, slots=True)
class SourceCall(Node):
    """``logGroups(namePrefix: ["/a"])``: keyword values, or the single unnamed value under ``""``."""

    name: str
    values: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Source(Node):
    """``SOURCE 'group'`` or ``SOURCE logGroups(...) ...``: which groups a query reads."""

    group: str | None
    calls: tuple[SourceCall, ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A whole query."""

    text: str
    source: Source | None
    commands: tuple[Command, ...]
