"""stats, countFrequent and pattern: grouping."""

from sqlglot import exp

from helpers.insights.sql.aggregates import AGGREGATES
from helpers.insights.sql.expressions import Scope, sorted_by
from helpers.insights.sql.function_table import key
from helpers.insights.sql.functions_time import floor_to
from helpers.insights.sql.patterns import MILLIS, width
from helpers.insights.sql.relation import CommandTable, QueryPlan, TimeBin, group_kind, grouped
from helpers.insights.sql.typed import E, Kind, Typed, as_text, binary, call, column, number_literal, present
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import CountFrequent, PatternCommand, Stats

COMMANDS_STATS = CommandTable()


@COMMANDS_STATS.on(Stats)
def stats(plan: QueryPlan, node: Stats) -> None:
    """Group keys and aggregates; afterwards only their names exist."""
    plan.settle_limit()
    plan.mark_matched()
    first = node.items[0].expr
    if isinstance(first, nodes.FunctionCall) and key(first.name) == "topk":
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
        texts.setdefault(nodes.heading(plan.program.text, item.expr), keys[item.name])
    results = _items(plan, node, columns, texts | keys)
    made = plan.select(columns)
    if node.keys:
        positions: list[E] = [number_literal(position + 1) for position in range(len(node.keys))]
        made.set("group", exp.Group(expressions=positions))
    plan.regroup(made, list(keys.values()))
    plan.bin = filled
    plan.expressions.scope = Scope(closed=True)
    plan.projected = plan.keep(keys | results)
    plan.expressions.scope.names.update(plan.projected)


def _key_column(plan: QueryPlan, value: Typed, columns: list[E]) -> Typed:
    physical = plan.fresh("k")
    columns.append(exp.alias_(grouped(value), physical, copy=False))
    return Typed(column(physical), group_kind(value.kind))


def _group_key(plan: QueryPlan, item: nodes.Item, offset: int) -> tuple[Typed, TimeBin | None]:
    expr = item.expr
    if (
        not isinstance(expr, nodes.FunctionCall)
        or key(expr.name) != "bin"
        or not isinstance(expr.args[0], nodes.Period)
    ):
        return plan.expressions.value(expr), None
    period = expr.args[0]
    shift = offset if width(period)[1] in MILLIS else 0
    value = Typed(floor_to(plan.expressions.timestamp(), period, offset=shift), Kind.TIME)
    return value, TimeBin(item.name, period, shift)


def _offset(period: nodes.Period | None) -> int:
    """``offset 1h`` shifts the bins' limits by so much (assumption insights-offset)."""
    if period is None:
        return 0
    return period.count * MILLIS.get(period.unit, 30 * MILLIS["d"])


def _items(plan: QueryPlan, node: Stats, columns: list[E], names: dict[str, Typed]) -> dict[str, Typed]:
    """Aggregates become columns of the grouped SELECT; expressions stand over those columns."""
    compiler, before = plan.expressions, plan.expressions.scope

    def aggregated(call: nodes.FunctionCall) -> Typed:
        outer, compiler.scope, compiler.aggregated = compiler.scope, before, None
        args = [compiler.argument(argument) for argument in call.args]
        made = AGGREGATES[key(call.name)].build(compiler, call, args)
        compiler.scope, compiler.aggregated = outer, aggregated
        physical = plan.fresh("a")
        columns.append(exp.alias_(made.sql, physical, copy=False))
        return Typed(column(physical), made.kind)

    compiler.scope = Scope(closed=True, names=dict(names))
    compiler.aggregated = aggregated
    results: dict[str, Typed] = {}
    for item in node.items:
        results[item.name] = compiler.value(item.expr)
        compiler.scope.names[item.name] = results[item.name]
    compiler.aggregated = None
    return results


def _top_k(plan: QueryPlan, node: Stats, call: nodes.FunctionCall) -> None:
    """The k most frequent values and how often they occur (assumption insights-topk)."""
    count, subject = call.args
    assert isinstance(count, nodes.Number)
    value = plan.expressions.value(subject)
    plan.relation.where.append(present(grouped(value)))
    _frequencies(plan, {nodes.heading(plan.program.text, subject): value}, node.items[0].name)
    plan.relation.limit = int(count.value)
    plan.settle_limit()


@COMMANDS_STATS.on(CountFrequent)
def count_frequent(plan: QueryPlan, node: CountFrequent) -> None:
    """The count is exact here; AWS calls it approximate."""
    plan.settle_limit()
    plan.mark_matched()
    _frequencies(plan, {ref.name: plan.expressions.value(ref) for ref in node.fields}, "_approxcount")


@COMMANDS_STATS.on(PatternCommand)
def pattern(plan: QueryPlan, node: PatternCommand) -> None:
    """Events of one text once times, addresses, ids and numbers are masked (assumption insights-pattern)."""
    plan.settle_limit()
    plan.mark_matched()
    text = as_text(plan.expressions.value(node.expr))
    plan.relation.where.append(present(text))
    plan.remarks.append("pattern is an approximation here: AWS does not publish its algorithm (insights-pattern).")
    _frequencies(plan, {"@pattern": Typed(call("i_masked", text.copy()), Kind.TEXT)}, "@sampleCount")
    count, total = plan.projected["@sampleCount"], plan.fresh()
    plan.nest(exp.alias_(exp.Window(this=call("sum", count.e)), total, copy=False))
    shown = call("i_numbered", plan.projected["@pattern"].e)
    plan.projected = plan.keep(
        {
            "@pattern": Typed(shown, Kind.TEXT),
            "@ratio": Typed(binary(exp.Div, count.e, column(total)), Kind.DOUBLE),
            "@sampleCount": count,
            "@severityLabel": Typed(call("i_severity", shown.copy()), Kind.TEXT),
        }
    )
    plan.expressions.scope = Scope(closed=True, names=dict(plan.projected))


def _frequencies(plan: QueryPlan, values: dict[str, Typed], title: str) -> None:
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
    plan.expressions.scope = Scope(closed=True, names=dict(names))
    plan.projected = dict(names)
