"""What the commands of a query have made so far: a relation that is still growing, and the names over it.

A relation is a source, conditions, an order and a limit. Commands are fused into it as long as their meaning
allows; it becomes a subquery only where a command needs one (stats, dedup, limit in the middle, rows that
multiply, expressions too large to be repeated). Columns of a source pass through every subquery. Subqueries stand one
after another in a WITH clause, not inside each other: a query of many commands stays flat.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from helpers.insights.events.schema import Schema
from helpers.insights.sql.expressions import Expressions, sorted_by
from helpers.insights.sql.typed import (
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
    parameter,
    present,
    text_literal,
)
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Program
from helpers.insights.syntax.handler_table import HandlerTable

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
class LookupUse:
    """A lookup table that a command reads. ``cidr``: by address, in the column ``block`` (None: find it)."""

    name: nodes.Name
    cidr: bool = False
    block: nodes.Name | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A parameter for the position of a column in the n-th lookup table; known when the query runs."""

    parameter: str
    table: int
    column: nodes.Name


@dataclass(frozen=True, slots=True)
class TimeBin:
    """The time column that fillmissing fills."""

    name: str
    period: nodes.Period
    offset: int


class QueryPlan:
    """The state that commands change; see the module."""

    def __init__(self, program: Program, schema: Schema, commands: "CommandTable") -> None:
        self.program = program
        self.commands = commands
        self.schema = schema
        self.expressions = Expressions(program.text, schema)
        self.counter = 0
        self.relation = events(schema)
        self.events = tuple(self.relation.ties)  # what identifies an event
        self.projected: dict[str, Typed] = {}
        self.added: set[str] = set()  # projected by a command other than fields
        self.shown: dict[str, Typed] | None = None
        self.bin: TimeBin | None = None
        self.raw = True
        self.any_order = False
        self.unasked: tuple[str, ...] = ("@timestamp", "@message")  # shown of events where no field is asked for
        self.sorted = False
        self.steps: list[exp.CTE] = []  # the subqueries so far, in order
        self.matched: E | None = None
        self.grouped: str | None = None  # the step that groups events of one table as they are
        self.remarks: list[str] = []
        self.estimate = False
        self.indexed: list[E] = []  # conditions over the events that an index answers
        self.lookups: list[LookupUse] = []
        self.wanted: list[Wanted] = []
        self.right_keys: E | None = None  # counts the different keys of the right side of a join

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
        self.relation.source = self.step(self.select([exp.Star(), *more], order=order))
        self.relation.where = []
        if order:
            self.relation.limit = None

    def step(self, query: exp.Select | exp.Union) -> E:
        """A subquery as a source of what follows."""
        name = exp.Identifier(this=self.fresh("s"), quoted=False)
        # Not materialized: DuckDB would compute every column of every event for it.
        self.steps.append(exp.CTE(this=query, alias=exp.TableAlias(this=name), materialized=False))
        return exp.Table(this=name.copy())

    def whole(self, query: exp.Select) -> exp.Select:
        """The query with the subqueries that it reads from."""
        if self.steps:
            query.set("with_", exp.With(expressions=[step.copy() for step in self.steps]))
        return query

    def settle_limit(self) -> None:
        """A limit that is followed by another command takes effect before it."""
        if self.relation.limit is not None:
            self.nest(order=True)

    def mark_matched(self) -> None:
        """Remembers how to count the events that the conditions so far let through."""
        if self.matched is None:
            self.matched = self.whole(self.select([exp.Count(this=exp.Star())])).copy()

    def define(self, name: str, value: Typed) -> None:
        """Gives a name a value from here on."""
        self.expressions.scope.names[name] = value

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
        named = self.expressions.scope.names.get(name)
        return named or self.expressions.base(nodes.Ref(nodes.Span(0, 0), (name,)))

    def regroup(self, grouped: exp.Select, keys: list[Typed]) -> None:
        """Continues with the rows of a grouped SELECT, in the order of their keys."""
        ties: list[exp.Ordered] = []
        lowest = cast(text_literal("-Infinity"), "DOUBLE")
        for value in keys:
            if value.kind is Kind.UNKNOWN:  # numbers by value, after what is no number
                there = case((present(value.e), call("coalesce", call("i_num", value.e), lowest.copy())))
                ties.append(sorted_by(there))
            ties.append(sorted_by(value.e))
        self.relation = Relation(self.step(grouped), ties=ties)
        if grouped.args["from_"].this == _table(self.schema, 0):
            self.grouped = self.relation.source.name
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
        return Relation(_table(schema, 0), _visible(schema, 0), ties=[sorted_by(column("seq"))])
    parts: list[exp.Select] = []
    for position in range(len(schema.logs)):
        columns: list[E] = [exp.Star(), exp.alias_(number_literal(position), "src", copy=False)]
        part = exp.Select(expressions=columns).from_(_table(schema, position))
        visible = _visible(schema, position)
        if visible:
            part.set("where", exp.Where(this=all_of(visible)))
        parts.append(part)
    union: exp.Select | exp.Union = parts[0]
    for part in parts[1:]:
        union = exp.Union(this=union, expression=part, distinct=False)
    return Relation(subquery(union, "e"), ties=[sorted_by(column("src")), sorted_by(column("seq"))])


def _table(schema: Schema, position: int) -> E:
    return exp.Table(this=exp.Identifier(this=f"events_{schema.first + position}", quoted=False))


def _visible(schema: Schema, position: int) -> list[E]:
    bounds: list[E] = []
    if schema.bounded:
        bounds.append(binary(exp.GTE, column("ts"), parameter(f"from_{schema.first + position}")))
        bounds.append(binary(exp.LTE, column("ts"), parameter("until")))
    if schema.by_ingestion:
        bounds.append(binary(exp.LTE, column("ing"), parameter("ingested")))
    return bounds


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


CommandTable = HandlerTable[type[nodes.Node], Callable[[QueryPlan, Any], None]]
"""Functions that compile a class of command each; ``compiler`` puts the tables of the modules together."""
