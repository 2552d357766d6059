"""stats and countFrequent: grouping."""

from sqlglot import exp

from . import nodes as n
from .aggregates import AGGREGATES
from .check import heading
from .expressions import Scope, sorted_by
from .functions import key
from .functions_more import floor_to
from .patterns import MILLIS, width
from .plan import Plan, TimeBin, command, group_kind, grouped
from .values import E, Kind, Typed, column, number_literal, present


@command(n.Stats)
def stats(plan: Plan, node: n.Stats) -> None:
    """Group keys and aggregates; afterwards only their names exist."""
    plan.settle_limit()
    plan.mark_matched()
    first = node.items[0].expr
    if isinstance(first, n.Call) and key(first.name) == "topk":
        _top_k(plan, node, first)
        return
    columns: list[E] = []
    keys: dict[str, Typed] = {}
    texts: dict[str, Typed] = {}  # a key may also be written again as it was, whatever its alias
    filled: TimeBin | None = None
    for item in node.keys:
        value, time_bin = _group_key(plan, item, _offset(node.offset))
        filled = filled or time_bin
        keys[item.name] = _key_column(plan, value, columns)
        texts.setdefault(heading(plan.program.text, item.expr), keys[item.name])
    results = _items(plan, node, columns, texts | keys)
    made = plan.select(columns)
    if node.keys:
        positions: list[E] = [number_literal(position + 1) for position in range(len(node.keys))]
        made.set("group", exp.Group(expressions=positions))
    plan.regroup(made, list(keys.values()))
    plan.bin = filled
    plan.x.scope = Scope(closed=True)
    plan.projected = plan.keep(keys | results)
    plan.x.scope.names.update(plan.projected)


def _key_column(plan: Plan, value: Typed, columns: list[E]) -> Typed:
    physical = plan.fresh("k")
    columns.append(exp.alias_(grouped(value), physical, copy=False))
    return Typed(column(physical), group_kind(value.kind))


def _group_key(plan: Plan, item: n.Item, offset: int) -> tuple[Typed, TimeBin | None]:
    expr = item.expr
    if not isinstance(expr, n.Call) or key(expr.name) != "bin" or not isinstance(expr.args[0], n.Period):
        return plan.x.value(expr), None
    period = expr.args[0]
    shift = offset if width(period)[1] in MILLIS else 0
    value = Typed(floor_to(plan.x.timestamp(), period, offset=shift), Kind.TIME)
    return value, TimeBin(item.name, period, shift)


def _offset(period: n.Period | None) -> int:
    """``offset 1h`` shifts the bins' limits by so much (assumption insights-offset)."""
    if period is None:
        return 0
    return period.count * MILLIS.get(period.unit, 30 * MILLIS["d"])


def _items(plan: Plan, node: n.Stats, columns: list[E], names: dict[str, Typed]) -> dict[str, Typed]:
    """Aggregates become columns of the grouped SELECT; expressions stand over those columns."""
    x, before = plan.x, plan.x.scope

    def aggregated(call: n.Call) -> Typed:
        outer, x.scope, x.aggregated = x.scope, before, None
        args = [x.argument(argument) for argument in call.args]
        made = AGGREGATES[key(call.name)].build(x, call, args)
        x.scope, x.aggregated = outer, aggregated
        physical = plan.fresh("a")
        columns.append(exp.alias_(made.sql, physical, copy=False))
        return Typed(column(physical), made.kind)

    x.scope = Scope(closed=True, names=dict(names))
    x.aggregated = aggregated
    results: dict[str, Typed] = {}
    for item in node.items:
        results[item.name] = x.value(item.expr)
        x.scope.names[item.name] = results[item.name]
    x.aggregated = None
    return results


def _top_k(plan: Plan, node: n.Stats, call: n.Call) -> None:
    """The k most frequent values and how often they occur (assumption insights-topk)."""
    count, subject = call.args
    assert isinstance(count, n.Number)
    value = plan.x.value(subject)
    plan.relation.where.append(present(grouped(value)))
    _frequencies(plan, {heading(plan.program.text, subject): value}, node.items[0].name)
    plan.relation.limit = int(count.value)
    plan.settle_limit()


@command(n.CountFrequent)
def count_frequent(plan: Plan, node: n.CountFrequent) -> None:
    """The count is exact here; AWS calls it approximate."""
    plan.settle_limit()
    plan.mark_matched()
    _frequencies(plan, {ref.name: plan.x.value(ref) for ref in node.fields}, "_approxcount")


def _frequencies(plan: Plan, values: dict[str, Typed], title: str) -> None:
    """Groups by the values, counts, and orders by the count, most frequent first."""
    columns: list[E] = []
    names = {name: _key_column(plan, value, columns) for name, value in values.items()}
    keys = list(names.values())
    count = plan.fresh("a")
    columns.append(exp.alias_(exp.Count(this=exp.Star()), count, copy=False))
    names[title] = Typed(column(count), Kind.INT)
    made = plan.select(columns)
    made.set("group", exp.Group(expressions=[number_literal(position + 1) for position in range(len(keys))]))
    plan.regroup(made, keys)
    plan.relation.order = [sorted_by(column(count), True)]
    plan.x.scope = Scope(closed=True, names=dict(names))
    plan.projected = dict(names)
