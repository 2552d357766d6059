"""A checked program to one SQL statement, and what is needed to run it and to read its rows."""

from dataclasses import dataclass

from sqlglot import exp

from . import commands, commands_rows, commands_stats, commands_totals
from . import nodes as n
from .plan import HANDLERS, LookupTable, Plan, Wanted, events
from .schema import Schema
from .values import E, Kind, Typed, call, column, number_literal, text_literal

DEFAULT_LIMIT = 10_000  # limit page: "the default is 10,000"
_REGISTERED = (commands, commands_rows, commands_stats, commands_totals)


@dataclass(frozen=True, slots=True)
class Output:
    """A column of the result: its heading and kind."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Compiled:
    """SQL for one schema.

    ``pointers``: how many columns at the end of the statement identify its event: seq, or table and seq.
    ``matched``: SQL that counts the events which the conditions before the first grouping let through.
    ``scanned``: SQL for the number and the bytes of the events that filterIndex does not skip, if it is used.
    ``used``: the names that were looked up as fields of events.
    """

    sql: str
    matched: str
    scanned: str | None
    outputs: tuple[Output, ...]
    used: tuple[n.Ref, ...]
    limit: int | None
    pointers: int
    lookups: tuple[LookupTable, ...]
    wanted: tuple[Wanted, ...]
    remarks: tuple[str, ...]
    estimate: bool


def compile_program(program: n.Program, schema: Schema, pretty: bool = False) -> Compiled:
    """The SQL of a checked program over tables of a schema."""
    plan = Plan(program, schema)
    for node in program.commands:
        HANDLERS[type(node)](plan, node)
    plan.mark_matched()
    shown = _shown(plan)
    columns: list[E] = [
        exp.alias_(_printable(value), f"o{position}", copy=False) for position, value in enumerate(shown.values())
    ]
    if plan.raw:
        columns += [tie.this.copy() for tie in plan.events]
    statement = plan.select(columns, order=True)
    if plan.relation.limit is None:
        statement.set("limit", exp.Limit(expression=plan.parameter("rows")))
    assert plan.matched is not None
    return Compiled(
        sql=_sql(statement, pretty),
        matched=_sql(plan.matched, False),
        scanned=_scanned(plan),
        outputs=tuple(Output(name, value.kind) for name, value in shown.items()),
        used=tuple(plan.x.used.values()),
        limit=plan.relation.limit,
        pointers=len(plan.events) if plan.raw else 0,
        lookups=tuple(plan.lookups),
        wanted=tuple(plan.wanted),
        remarks=tuple(plan.remarks),
        estimate=plan.estimate,
    )


def _scanned(plan: Plan) -> str | None:
    if not plan.indexed:
        return None
    plan.relation = events(plan.schema)
    plan.relation.where += plan.indexed
    size = call("coalesce", call("sum", column("size")), number_literal(0))
    return _sql(plan.select([exp.Count(this=exp.Star()), size]), False)


def _shown(plan: Plan) -> dict[str, Typed]:
    """The columns: those of the last display, else all that were projected, else @timestamp and @message."""
    if plan.shown is not None:
        return plan.shown
    if plan.raw and not plan.projected.keys() - plan.added:
        return {name: plan.system(name) for name in ("@timestamp", "@message")} | plan.projected
    return plan.projected


def _printable(value: Typed) -> E:
    """A value as the statement returns it; numbers and times are put into words afterwards."""
    if value.kind is Kind.STRUCTURE:
        return call("json_extract_string", value.e, text_literal("$"))
    return value.e


def _sql(statement: E, pretty: bool) -> str:
    return statement.sql(dialect="duckdb", pretty=pretty, normalize_functions=False, comments=False)
