"""What the commands of a query have made so far: a relation that is still growing, and the names over it.

A relation is a source, conditions, an order and a limit. Commands are fused into it as long as their meaning
allows; it becomes a subquery only where a command needs one (stats, dedup, limit in the middle, rows that
multiply, expressions too large to be repeated). Columns of a source pass through every subquery.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from . import nodes as n
from .expressions import Expressions, sorted_by
from .schema import Schema
from .values import (
    E,
    Kind,
    Typed,
    all_of,
    as_text,
    binary,
    call,
    case,
    cast,
    column,
    number_literal,
    present,
    text_literal,
)

_LARGE = 40  # nodes of an expression that is given a column of its own instead of being repeated
_HEAVY = {"i_json", "i_logfmt", "i_v6", "json_extract", "json_extract_string", "regexp_replace"}


@dataclass(slots=True)
class Relation:
    """Where rows come from, which of them, in which order, how many."""

    source: E
    where: list[E] = field(default_factory=list)
    order: list[exp.Ordered] = field(default_factory=list)
    ties: list[exp.Ordered] = field(default_factory=list)
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A lookup table that a command reads. ``cidr``: by address, in the column ``block`` (None: find it)."""

    name: n.Name
    cidr: bool = False
    block: n.Name | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter for the position of a column in the n-th lookup table; known when the query runs."""

    parameter: str
    table: int
    column: n.Name


@dataclass(frozen=True, slots=True)
class TimeBin:
    """The time column that fillmissing fills."""

    name: str
    period: n.Period
    offset: int


class Plan:
    """The state that commands change; see the module."""

    def __init__(self, program: n.Program, schema: Schema) -> None:
        self.program = program
        self.schema = schema
        self.x = Expressions(program.text, schema)
        self.counter = 0
        self.relation = events(schema)
        self.events = tuple(self.relation.ties)  # what identifies an event
        self.projected: dict[str, Typed] = {}
        self.added: set[str] = set()  # projected by a command other than fields
        self.shown: dict[str, Typed] | None = None
        self.bin: TimeBin | None = None
        self.raw = True
        self.any_order = False
        self.sorted = False
        self.matched: E | None = None
        self.remarks: list[str] = []
        self.estimate = False
        self.indexed: list[E] = []  # conditions over the events that an index answers
        self.lookups: list[LookupTable] = []
        self.wanted: list[Wanted] = []

    def parameter(self, name: str) -> E:
        """A parameter of the run, untyped."""
        return exp.Parameter(this=exp.Identifier(this=name, quoted=False))

    def fresh(self, prefix: str = "x") -> str:
        """A column or table name that nothing else has."""
        self.counter += 1
        return f"{prefix}{self.counter}"

    def select(self, columns: list[E], order: bool = False) -> exp.Select:
        """SELECT columns from the relation so far; its order and limit only when asked for."""
        made = exp.Select(expressions=columns)
        made.set("from_", exp.From(this=self.relation.source))
        if self.relation.where:
            made.set("where", exp.Where(this=all_of(self.relation.where)))
        if order:
            keys = [key_.copy() for key_ in self.ordering()]
            if keys:
                made.set("order", exp.Order(expressions=keys))
            if self.relation.limit is not None:
                made.set("limit", exp.Limit(expression=number_literal(self.relation.limit)))
        return made

    def ordering(self) -> list[exp.Ordered]:
        """The total order of the rows: the user's keys, then the group keys or the order of arrival."""
        if self.sorted or not self.raw:
            return [*self.relation.order, *self.relation.ties]
        if self.any_order:
            return self.relation.ties
        newest = [sorted_by(column("ts"), True)]
        return [*newest, *(sorted_by(tie.this.copy(), True) for tie in self.relation.ties)]

    def nest(self, *more: E, order: bool = False) -> None:
        """Turns the relation into a subquery with these columns added."""
        inner = self.select([exp.Star(), *more], order=order)
        self.relation.source = subquery(inner, self.fresh("s"))
        self.relation.where = []
        if order:
            self.relation.limit = None

    def settle_limit(self) -> None:
        """A limit that is followed by another command takes effect before it."""
        if self.relation.limit is not None:
            self.nest(order=True)

    def mark_matched(self) -> None:
        """Remembers how to count the events that the conditions so far let through."""
        if self.matched is None:
            counted = self.select([exp.Count(this=exp.Star())])
            self.matched = counted.copy()

    def define(self, name: str, value: Typed) -> None:
        """Gives a name a value from here on."""
        self.x.scope.names[name] = value

    def keep(self, values: dict[str, Typed]) -> dict[str, Typed]:
        """The values, large ones moved into columns of a subquery so that they are computed once."""
        heavy = {name: value for name, value in values.items() if is_heavy(value.sql)}
        if not heavy:
            return values
        moved: dict[str, Typed] = {}
        columns: list[E] = []
        for name, value in heavy.items():
            fresh = self.fresh()
            columns.append(exp.alias_(value.sql, fresh, copy=False))
            moved[name] = Typed(column(fresh), value.kind)
        self.nest(*columns)
        return {name: moved.get(name, value) for name, value in values.items()}

    def add(self, values: dict[str, Typed]) -> None:
        """Fields that a command other than fields creates; they are shown unless display says otherwise."""
        for name, value in self.keep(values).items():
            self.define(name, value)
            if self.raw and name not in self.projected:
                self.added.add(name)
            self.projected[name] = value

    def system(self, name: str) -> Typed:
        """A system field, unless a command has given its name to something else."""
        named = self.x.scope.names.get(name)
        return named or self.x.base(n.Ref(n.Span(0, 0), (name,)))

    def regroup(self, grouped: exp.Select, keys: list[Typed]) -> None:
        """Continues with the rows of a grouped SELECT, in the order of their keys."""
        ties: list[exp.Ordered] = []
        for value in keys:
            if value.kind is Kind.UNKNOWN:  # numbers by value, after what is no number
                there = case((present(value.e), call("coalesce", call("i_num", value.e), _lowest())))
                ties.append(sorted_by(there))
            ties.append(sorted_by(value.e))
        self.relation = Relation(subquery(grouped, self.fresh("g")), ties=ties)
        self.raw = False
        self.shown = None
        self.added = set()
        self.bin = None

    def multiply(self, items: E) -> str:
        """One row for each element of a list; the name of the column that holds the element."""
        element, ordinal = self.fresh(), self.fresh()
        self.nest(exp.alias_(items, f"{element}l", copy=False))
        positions = call("generate_subscripts", column(f"{element}l"), number_literal(1))
        self.nest(
            exp.alias_(call("unnest", column(f"{element}l")), element, copy=False),
            exp.alias_(positions, ordinal, copy=False),
        )
        self.relation.ties.append(sorted_by(column(ordinal)))
        return element


def events(schema: Schema) -> Relation:
    """The events that a run may see: its tables, their time range, what had come in by then."""
    if len(schema.logs) == 1:
        return Relation(_table(0), _visible(schema, 0), ties=[sorted_by(column("seq"))])
    parts: list[exp.Select] = []
    for position in range(len(schema.logs)):
        part = exp.Select(expressions=[exp.Star(), exp.alias_(number_literal(position), "src", copy=False)])
        part.set("from_", exp.From(this=_table(position)))
        visible = _visible(schema, position)
        if visible:
            part.set("where", exp.Where(this=all_of(visible)))
        parts.append(part)
    union: exp.Select | exp.Union = parts[0]
    for part in parts[1:]:
        union = exp.Union(this=union, expression=part, distinct=False)
    return Relation(subquery(union, "e"), ties=[sorted_by(column("src")), sorted_by(column("seq"))])


def _table(position: int) -> E:
    return exp.Table(this=exp.Identifier(this=f"events_{position}", quoted=False))


def _visible(schema: Schema, position: int) -> list[E]:
    bounds: list[E] = []
    if schema.bounded:
        bounds.append(binary(exp.GTE, column("ts"), _bound(f"from_{position}")))
        bounds.append(binary(exp.LTE, column("ts"), _bound("until")))
    if schema.by_ingestion:
        bounds.append(binary(exp.LTE, column("ing"), _bound("ingested")))
    return bounds


def _bound(name: str) -> E:
    return exp.Parameter(this=exp.Identifier(this=name, quoted=False))


def _lowest() -> E:
    return cast(text_literal("-Infinity"), "DOUBLE")


def subquery(query: exp.Select | exp.Union, name: str) -> E:
    """``(query) AS name``."""
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.Identifier(this=name, quoted=False)))


def is_heavy(value: E) -> bool:
    """Whether an expression is better computed once, in a column of its own."""
    for size, node in enumerate(value.walk()):
        if size >= _LARGE or (isinstance(node, exp.Anonymous) and node.name in _HEAVY):
            return True
    return False


def grouped(value: Typed) -> E:
    """A value as a group key."""
    return as_text(value) if value.kind is Kind.STRUCTURE else value.e


def group_kind(kind: Kind) -> Kind:
    """The kind of a group key."""
    return Kind.UNKNOWN if kind is Kind.STRUCTURE else kind


def whole_text(value: Typed) -> E:
    """A value as text; a structure as its JSON."""
    if value.kind is Kind.STRUCTURE:
        return call("json_extract_string", value.e, text_literal("$"))
    return as_text(value)


Handler = Callable[[Plan, n.Command], None]
HANDLERS: dict[type, Handler] = {}


def command(kind: type) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Registers the function that compiles a kind of command."""

    def register(handler: Callable[..., None]) -> Callable[..., None]:
        HANDLERS[kind] = handler
        return handler

    return register
