"""fields, display, filter, sort, limit, dedup, estimate."""

from sqlglot import exp

from helpers.insights.sql.relation import CommandTable, QueryPlan
from helpers.insights.sql.typed import (
    Kind,
    Typed,
    any_of,
    as_text,
    binary,
    call,
    column,
    negated,
    number_literal,
    present,
)
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Dedup, Display, EstimateCommand, Fields, Filter, Limit, Sort

COMMANDS = CommandTable()


def items(plan: QueryPlan, listed: tuple[nodes.Item, ...]) -> dict[str, Typed]:
    """The values of ``expr as alias`` items; a later item may use an earlier alias, not look inside it."""
    plan.settle_limit()
    values: dict[str, Typed] = {}
    for item in listed:
        value = plan.expressions.value(item.expr)
        if item.alias or not isinstance(item.expr, nodes.Ref):
            value = plan.keep({item.name: value})[item.name]
            plan.define(item.name, value)
            plan.expressions.scope.fresh.add(item.name)
        values.pop(item.name, None)
        values[item.name] = value
    plan.expressions.scope.fresh.clear()
    return values


@COMMANDS.on(Fields)
def fields(plan: QueryPlan, node: Fields) -> None:
    """Several fields commands accumulate; what parse and the like added before is shown only when listed."""
    values = items(plan, node.items)
    for name in plan.added - values.keys():
        plan.projected.pop(name, None)
    plan.added.clear()
    plan.projected.update(values)


@COMMANDS.on(Display)
def display(plan: QueryPlan, node: Display) -> None:
    """The last display decides."""
    plan.shown = items(plan, node.items)


@COMMANDS.on(Filter)
def filter_(plan: QueryPlan, node: Filter) -> None:
    """Rows for which the condition is true; what filterIndex leaves out is not even scanned."""
    plan.settle_limit()
    condition = plan.expressions.condition(node.condition)
    plan.relation.where.append(condition)
    if node.indexed:
        plan.indexed.append(condition.copy())


@COMMANDS.on(Sort)
def sort(plan: QueryPlan, node: Sort) -> None:
    """The last sort decides; the order of arrival (or of the group keys) settles ties."""
    plan.settle_limit()
    keys: list[exp.Ordered] = []
    for key in node.keys:
        keys += plan.expressions.natural_order(plan.expressions.value(key.expr), key.descending)
    plan.relation.order = keys
    plan.sorted = True


@COMMANDS.on(Limit)
def limit(plan: QueryPlan, node: Limit) -> None:
    """Takes effect with the next command, or at the end."""
    before = plan.relation.limit
    plan.relation.limit = node.count if before is None else min(before, node.count)
    plan.any_order = node.any and not plan.sorted


@COMMANDS.on(Dedup)
def dedup(plan: QueryPlan, node: Dedup) -> None:
    """The first row of each combination; rows with a missing value are all kept."""
    plan.settle_limit()
    values = [plan.expressions.value(ref) for ref in node.fields]
    if any(value.kind is Kind.MISSING for value in values):
        return  # no event has that field: every row has a missing value
    keys = [as_text(value) if value.kind is Kind.STRUCTURE else value.e for value in values]
    number = plan.fresh()
    order = exp.Order(expressions=[key.copy() for key in plan.ordering()])
    row = exp.Window(this=call("row_number"), partition_by=[key.copy() for key in keys], order=order)
    plan.nest(exp.alias_(row, number, copy=False))
    first = binary(exp.EQ, column(number), number_literal(1))
    plan.relation.where = [any_of([first, *(negated(present(key)) for key in keys)])]


@COMMANDS.on(EstimateCommand)
def estimate(plan: QueryPlan, node: EstimateCommand) -> None:
    """The query is not run; the engine answers with the bytes in the time range."""
    plan.estimate = True
