"""accum, addtotals, fillmissing."""

from sqlglot import exp

from helpers.insights.sql.expressions import Scope, sorted_by
from helpers.insights.sql.patterns import MILLIS, MONTHS, width
from helpers.insights.sql.relation import CommandTable, QueryPlan, Relation, subquery
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    all_of,
    any_of,
    as_double,
    as_number,
    as_text,
    binary,
    call,
    case,
    cast,
    column,
    missing,
    number_literal,
    present,
)
from helpers.insights.syntax.command_nodes import Accum, AddTotals, FillMissing

COMMANDS_TOTALS = CommandTable()
_NUMBERS = {Kind.INT, Kind.DOUBLE, Kind.NUMBER}


@COMMANDS_TOTALS.on(Accum)
def accum(plan: QueryPlan, node: Accum) -> None:
    """A running sum in the order in which the rows are shown."""
    plan.settle_limit()
    value = plan.expressions.value(node.field)
    order = exp.Order(expressions=[key.copy() for key in plan.ordering()])
    spec = exp.WindowSpec(kind="ROWS", start="UNBOUNDED", start_side="PRECEDING", end="CURRENT ROW")
    total = exp.Window(this=call("sum", as_number(value)), order=order, spec=spec)
    physical = plan.fresh()
    plan.nest(exp.alias_(total, physical, copy=False))
    plan.add({node.name.text: Typed(column(physical), Kind.INT if value.kind is Kind.INT else Kind.NUMBER)})


@COMMANDS_TOTALS.on(AddTotals)
def add_totals(plan: QueryPlan, node: AddTotals) -> None:
    """The sum of the numbers of a row, and of a column."""
    plan.settle_limit()
    if node.fields:
        chosen = {ref.name: plan.expressions.value(ref) for ref in node.fields}
    else:
        chosen = dict(plan.projected if plan.shown is None else plan.shown)
    unfit = (Kind.TIME, Kind.MISSING)
    summed = {name: value for name, value in chosen.items() if value.kind not in unfit}
    if node.row and summed:
        total = _row_total(list(summed.values()))
        plan.define(node.name, total)
        if plan.raw:
            plan.projected[node.name] = total
            if plan.shown is not None:
                plan.shown[node.name] = total
        else:
            plan.remarks.append(
                f"addtotals after stats: a live check of AWS found no column {node.name} in the result, "
                "so none is shown; use display to see it"
            )
        summed[node.name] = total
    if node.col:
        _column_totals(plan, summed)


def _row_total(values: list[Typed]) -> Typed:
    numbers = [as_double(value) for value in values]
    total: E = call("coalesce", numbers[0], number_literal(0))
    for number in numbers[1:]:
        total = binary(exp.Add, total, call("coalesce", number, number_literal(0)))
    return Typed(case((any_of([present(number.copy()) for number in numbers]), total)), Kind.NUMBER)


def _column_totals(plan: QueryPlan, summed: dict[str, Typed]) -> None:
    """One row below all others, with the sum of each column."""
    moved: dict[str, Typed] = {}
    columns: list[E] = []
    for name, value in {**plan.projected, **(plan.shown or {}), **summed}.items():
        physical = plan.fresh()
        typed = value.kind in _NUMBERS and name in summed
        columns.append(exp.alias_(as_double(value) if typed else value.e, physical, copy=False))
        moved[name] = Typed(column(physical), Kind.NUMBER if typed else value.kind)
    bottom = plan.fresh()
    order = plan.ordering()
    plan.nest(*columns, exp.alias_(exp.Boolean(this=False), bottom, copy=False))
    sums: list[E] = []
    for name in summed:
        number = as_double(moved[name])
        total: E = call("sum", exp.Order(this=number, expressions=[sorted_by(number.copy())]))
        if moved[name].kind is not Kind.NUMBER:  # a column that may also hold text keeps it
            total = call("i_plain", total)
        sums.append(exp.alias_(total, moved[name].sql.name, copy=False))
    sums.append(exp.alias_(exp.Boolean(this=True), bottom, copy=False))
    above, below = (exp.Select(expressions=each).from_(plan.relation.source) for each in ([exp.Star()], sums))
    union = exp.Union(this=above, expression=below, distinct=False, by_name=True)
    plan.relation.source = plan.step(union)
    plan.relation.order = [sorted_by(column(bottom)), *order]
    plan.sorted = True
    for name, value in moved.items():
        plan.define(name, value)
        if name in plan.projected:
            plan.projected[name] = value
        if plan.shown is not None and name in plan.shown:
            plan.shown[name] = value


@COMMANDS_TOTALS.on(FillMissing)
def fill_missing(plan: QueryPlan, node: FillMissing) -> None:
    """Rows for the bins between the first and the last that have none, for each combination of other keys."""
    plan.settle_limit()
    names = plan.expressions.scope.names
    if plan.bin is None or plan.bin.name not in names:
        raise plan.expressions.fail("fillmissing must follow stats ... by bin()", node)
    physical = {name: plan.fresh() for name in names}
    columns: list[E] = [exp.alias_(names[name].e, column_, copy=False) for name, column_ in physical.items()]
    keys = {tie.this.name for tie in plan.relation.ties if isinstance(tie.this, exp.Column)}
    others = [
        physical[name]
        for name, value in names.items()
        if name != plan.bin.name and isinstance(value.sql, exp.Column) and value.sql.name in keys
    ]
    time = physical[plan.bin.name]
    source = _with_gaps(plan, plan.select(columns), time, others)
    values = {name: Typed(column(column_), names[name].kind) for name, column_ in physical.items()}
    for constant, ref in node.values:
        values[ref.name] = _filled(plan.expressions.value(constant), values.get(ref.name, missing()))
    shown = plan.projected if plan.shown is None else plan.shown
    order = [ref.name for _, ref in node.values if ref.name not in shown]
    plan.relation = Relation(plan.step(source), ties=[sorted_by(column(c)) for c in (time, *others)])
    plan.expressions.scope = Scope(closed=True, names=values)
    visible = {name: values.get(name, missing()) for name in [*shown, *order]}
    plan.projected, plan.shown = visible, None


def _filled(constant: Typed, value: Typed) -> Typed:
    """The constant in a row that was put in, the value in every other."""
    kinds = {constant.kind, value.kind}
    inserted = column("filled")
    if len(kinds) == 1 or value.kind is Kind.MISSING:
        return Typed(case((inserted, constant.e), default=value.e if len(kinds) == 1 else None), constant.kind)
    if kinds <= _NUMBERS:
        return Typed(case((inserted, as_double(constant)), default=as_double(value)), Kind.NUMBER)
    return Typed(case((inserted, as_text(constant)), default=as_text(value)), Kind.UNKNOWN)


def _with_gaps(plan: QueryPlan, base: exp.Select, time: str, others: list[str]) -> exp.Select:
    """The rows, and one for each empty bin, marked ``filled``."""
    assert plan.bin is not None
    count, unit = width(plan.bin.period)
    rows = plan.fresh("r")
    bounds = [call("min", column(time)), call("max", column(time))]
    if unit in MILLIS:
        series = call("generate_series", *bounds, number_literal(count * MILLIS[unit]))
    else:
        stamps = [call("i_stamp", bound) for bound in bounds]
        step = call("to_months", cast(number_literal(count * MONTHS[unit]), "INT"))
        series = call("i_epochs", call("generate_series", *stamps, step))
    bins = _select(rows, [exp.alias_(call("unnest", series), "bin_at", copy=False)])
    grid: E = subquery(bins, "bins")
    joins = [exp.Join(this=_keys(rows, others), kind="CROSS")] if others else []
    same = binary(exp.EQ, _of("filling", time), column("bin_at"))
    matches = [same] + [exp.NullSafeEQ(this=_of("filling", other), expression=_of("others", other)) for other in others]
    joins.append(
        exp.Join(
            this=exp.Table(
                this=exp.Identifier(this=rows, quoted=False),
                alias=exp.TableAlias(this=exp.Identifier(this="filling", quoted=False)),
            ),
            side="LEFT",
            on=all_of(matches),
        )
    )
    inserted = exp.Is(this=_of("filling", time), expression=exp.Null())
    columns = [column_.alias for column_ in base.expressions]
    sources = {time: column("bin_at"), **{other: _of("others", other) for other in others}}
    chosen: list[E] = [exp.alias_(sources.get(name) or _of("filling", name), name, copy=False) for name in columns]
    made = exp.Select(expressions=[*chosen, exp.alias_(inserted, "filled", copy=False)])
    made.set("from_", exp.From(this=grid))
    made.set("joins", joins)
    cte = exp.CTE(this=base, alias=exp.TableAlias(this=exp.Identifier(this=rows, quoted=False)))
    made.set("with_", exp.With(expressions=[cte]))
    return made


def _keys(rows: str, others: list[str]) -> E:
    distinct = _select(rows, [column(other) for other in others])
    distinct.set("distinct", exp.Distinct())
    return subquery(distinct, "others")


def _select(table: str, columns: list[E]) -> exp.Select:
    return exp.Select(expressions=columns).from_(exp.Table(this=exp.Identifier(this=table, quoted=False)))


def _of(table: str, name: str) -> exp.Column:
    return exp.Column(this=exp.Identifier(this=name, quoted=False), table=exp.Identifier(this=table, quoted=False))
