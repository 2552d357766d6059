"""Commands of a query, and the whole query, as frozen values with their places in the text."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

from helpers.insights.syntax.nodes import Expr, Item, Name, Node, Period, Ref, Regex, String


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
class PatternCommand(Node):
    """``pattern @message``."""

    expr: Expr


@dataclass(frozen=True, slots=True)
class Join(Node):
    """``join type=left left=a right=b where a.k=b.k (SOURCE 'group' | ...)``: keys without their aliases."""

    inner: bool
    left: Name
    right: Name
    left_key: Ref
    right_key: Ref
    query: int


@dataclass(frozen=True, slots=True)
class EstimateCommand(Node):
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
    | PatternCommand
    | Join
    | EstimateCommand
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
    """A whole query. ``inner``: the queries inside it, of ``in`` and of join, each over its own SOURCE, in order."""

    text: str
    source: Source | None
    commands: tuple[Command, ...]
    inner: tuple["Program", ...] = ()


def refs(value: object) -> Iterator[Ref]:
    """The fields that a command, or anything of one, names."""
    if isinstance(value, Ref):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from refs(part)
    elif isinstance(value, Node):
        for part in fields(value):
            yield from refs(getattr(value, part.name))
