"""A checked program to one SQL statement, and what is needed to run it and to read its rows."""

from dataclasses import dataclass

from sqlglot import exp

from helpers.insights.events.schema import Schema
from helpers.insights.sql.commands import COMMANDS
from helpers.insights.sql.commands_join import COMMANDS_JOIN, run_commands, shown_columns
from helpers.insights.sql.commands_rows import COMMANDS_ROWS
from helpers.insights.sql.commands_stats import COMMANDS_STATS
from helpers.insights.sql.commands_totals import COMMANDS_TOTALS
from helpers.insights.sql.relation import CommandTable, LookupUse, QueryPlan, Wanted, events, whole_text
from helpers.insights.sql.typed import E, Kind, call, column, number_literal, parameter
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Program

DEFAULT_LIMIT = 10_000  # limit page: "the default is 10,000"
ALL_COMMANDS = CommandTable(COMMANDS | COMMANDS_ROWS | COMMANDS_STATS | COMMANDS_TOTALS | COMMANDS_JOIN)


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the result: its heading and kind."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL for one schema.

    ``statement``: the tree of ``sql``, for other engines.
    ``pointers``: how many columns at the end of the statement identify its event: seq, or table and seq.
    ``matched``: SQL that counts the events which the conditions before the first grouping let through.
    ``scanned``: SQL for the number and the bytes of the events that filterIndex does not skip, if it is used.
    ``inner``: how many of the tables, the last ones, are those of the queries inside.
    ``grouped``: the step of the statement that groups the events of its one table, if one does.
    ``right_keys``: SQL that counts the different keys of the right side of a join, if there is one.
    ``used``: the names that were looked up as fields of events.
    """

    sql: str
    statement: E
    matched: str
    scanned: str | None
    outputs: tuple[Output, ...]
    used: tuple[nodes.Ref, ...]
    limit: int | None
    pointers: int
    lookups: tuple[LookupUse, ...]
    wanted: tuple[Wanted, ...]
    remarks: tuple[str, ...]
    estimate: bool
    right_keys: str | None
    inner: int
    grouped: str | None = None


def compile_program(program: Program, schema: Schema) -> Compiled:
    """The SQL of a checked program over tables of a schema."""
    plan = run_commands(QueryPlan(program, schema, ALL_COMMANDS))
    plan.mark_matched()
    shown = shown_columns(plan)
    columns: list[E] = []  # numbers and times are put into words afterwards
    for position, value in enumerate(shown.values()):
        printable = whole_text(value) if value.kind is Kind.STRUCTURE else value.e
        columns.append(exp.alias_(printable, f"o{position}", copy=False))
    if plan.raw:
        columns += [tie.this.copy() for tie in plan.events]
    statement = plan.whole(plan.select(columns, order=True))
    if plan.relation.limit is None:
        statement.set("limit", exp.Limit(expression=parameter("rows")))
    assert plan.matched is not None
    return Compiled(
        sql=sql_text(statement),
        statement=statement,
        matched=sql_text(plan.matched),
        scanned=_scanned(plan),
        outputs=tuple(Output(name, value.kind) for name, value in shown.items()),
        used=tuple(plan.expressions.used.values()),
        limit=plan.relation.limit,
        pointers=len(plan.events) if plan.raw else 0,
        lookups=tuple(plan.lookups),
        wanted=tuple(plan.wanted),
        remarks=tuple(plan.remarks),
        estimate=plan.estimate,
        inner=len(program.inner),
        grouped=plan.grouped,
        right_keys=None if plan.right_keys is None else sql_text(plan.right_keys),
    )


def _scanned(plan: QueryPlan) -> str | None:
    if not plan.indexed:
        return None
    plan.relation = events(plan.schema)
    plan.relation.where += plan.indexed
    size = call("coalesce", call("sum", column("size")), number_literal(0))
    return sql_text(plan.select([exp.Count(this=exp.Star()), size]))


def sql_text(statement: E) -> str:
    """The text of a statement for DuckDB."""
    return statement.sql(dialect="duckdb", normalize_functions=False, comments=False)
