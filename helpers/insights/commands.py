"""fields, display, filter, sort, limit, dedup, estimate."""

from sqlglot import exp

from . import nodes as n
from .plan import Plan, command
from .values import Kind, Typed, any_of, as_text, binary, call, column, negated, number_literal, present


def items(plan: Plan, found: tuple[n.Item, ...]) -> dict[str, Typed]:
    """The values of ``expr as alias`` items; a later item may use an earlier alias, not look inside it."""
    plan.settle_limit()
    values: dict[str, Typed] = {}
    for item in found:
        value = plan.x.value(item.expr)
        if item.alias or not isinstance(item.expr, n.Ref):
            value = plan.keep({item.name: value})[item.name]
            plan.define(item.name, value)
            plan.x.scope.fresh.add(item.name)
        values.pop(item.name, None)
        values[item.name] = value
    plan.x.scope.fresh.clear()
    return values


@command(n.Fields)
def fields(plan: Plan, node: n.Fields) -> None:
    """Several fields commands accumulate; what parse and the like added before is shown only when listed."""
    values = items(plan, node.items)
    for name in plan.added - values.keys():
        plan.projected.pop(name, None)
    plan.added.clear()
    for name, value in values.items():
        plan.projected[name] = value


@command(n.Display)
def display(plan: Plan, node: n.Display) -> None:
    """The last display decides."""
    plan.shown = items(plan, node.items)


@command(n.Filter)
def filter_(plan: Plan, node: n.Filter) -> None:
    """Rows for which the condition is true; what filterIndex leaves out is not even scanned."""
    plan.settle_limit()
    condition = plan.x.condition(node.condition)
    plan.relation.where.append(condition)
    if node.indexed:
        plan.indexed.append(condition.copy())


@command(n.Sort)
def sort(plan: Plan, node: n.Sort) -> None:
    """The last sort decides; the order of arrival (or of the group keys) settles ties."""
    plan.settle_limit()
    keys: list[exp.Ordered] = []
    for key in node.keys:
        keys += plan.x.natural_order(plan.x.value(key.expr), key.descending)
    plan.relation.order = keys
    plan.sorted = True


@command(n.Limit)
def limit(plan: Plan, node: n.Limit) -> None:
    """Takes effect with the next command, or at the end."""
    before = plan.relation.limit
    plan.relation.limit = node.count if before is None else min(before, node.count)
    plan.any_order = node.any and not plan.sorted


@command(n.Dedup)
def dedup(plan: Plan, node: n.Dedup) -> None:
    """The first row of each combination; rows with a missing value are all kept."""
    plan.settle_limit()
    values = [plan.x.value(ref) for ref in node.fields]
    if any(value.kind is Kind.MISSING for value in values):
        return  # no event has that field: every row has a missing value
    keys = [as_text(value) if value.kind is Kind.STRUCTURE else value.e for value in values]
    number = plan.fresh()
    order = exp.Order(expressions=[key.copy() for key in plan.ordering()])
    row = exp.Window(this=call("row_number"), partition_by=[key.copy() for key in keys], order=order)
    plan.nest(exp.alias_(row, number, copy=False))
    first = binary(exp.EQ, column(number), number_literal(1))
    plan.relation.where = [any_of([first, *(negated(present(key)) for key in keys)])]


@command(n.Estimate)
def estimate(plan: Plan, node: n.Estimate) -> None:
    """The query is not run; the engine answers with the bytes in the time range."""
    plan.estimate = True
