"""Queries inside a query: the subquery of ``in``, and the right side of join."""

from collections.abc import Sequence
from functools import partial

from sqlglot import exp

from helpers.insights.events.schema import Schema
from helpers.insights.sql.comparisons import matching
from helpers.insights.sql.expressions import Scope
from helpers.insights.sql.relation import CommandTable, QueryPlan
from helpers.insights.sql.typed import FALSE, E, Kind, Typed, all_of, binary, column, negated, present
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Fields, Join, refs

COMMANDS_JOIN = CommandTable()


def run_commands(plan: QueryPlan) -> QueryPlan:
    """The plan after all commands of its program."""
    plan.expressions.subquery = partial(_membership, plan)
    for node in plan.program.commands:
        plan.commands[type(node)](plan, node)
    return plan


def shown_columns(plan: QueryPlan) -> dict[str, Typed]:
    """The columns: those of the last display, else all that were projected, else those of an event."""
    if plan.shown is not None:
        return plan.shown
    if _unasked(plan):
        return {name: plan.system(name) for name in plan.unasked} | plan.projected
    return plan.projected


def _unasked(plan: QueryPlan) -> bool:
    """Whether no command has said yet what to show."""
    return plan.shown is None and plan.raw and not plan.projected.keys() - plan.added


def _inner(outer: QueryPlan, position: int) -> QueryPlan:
    """The plan of a query inside another one, over the table of its own SOURCE; both put their steps in one row."""
    schemas = outer.schema.inner
    plan = QueryPlan(outer.program.inner[position], schemas[position] if schemas else Schema(), outer.commands)
    plan.lookups, plan.wanted, plan.remarks = outer.lookups, outer.wanted, outer.remarks
    plan.counter, plan.steps = outer.counter, outer.steps
    run_commands(plan).settle_limit()
    outer.counter = plan.counter
    return plan


def _selected(plan: QueryPlan) -> dict[str, Typed]:
    """What a query inside another one selects: of totals what its last fields names (subqueries page, example 2)."""
    chosen = [command.items for command in plan.program.commands if isinstance(command, Fields)]
    if plan.raw or plan.shown is not None or not chosen:
        return shown_columns(plan)
    return {item.name: plan.projected[item.name] for item in chosen[-1] if item.name in plan.projected}


def _membership(plan: QueryPlan, node: nodes.InSubquery) -> E:
    """``in`` and ``not in`` the values of a query's one column; false when the subject is missing."""
    inner = _inner(plan, node.query)
    shown = _selected(inner)
    if len(shown) != 1:
        raise plan.expressions.fail(f"a subquery of in has one column, not {len(shown)}: {', '.join(shown)}", node)
    subject = plan.expressions.value(node.subject)
    if subject.kind is Kind.MISSING:
        return FALSE.copy()
    mine, theirs = matching(subject, next(iter(shown.values())))
    inner.relation.where.append(present(theirs))
    query = exp.Subquery(this=inner.select([theirs.copy()]))
    holds = exp.In(this=exp.Paren(this=mine), query=query)
    return all_of([present(mine.copy()), negated(holds)]) if node.negated else holds


@COMMANDS_JOIN.on(Join)
def join(plan: QueryPlan, node: Join) -> None:
    """Rows of both sides with equal keys; afterwards every field has the alias of its side in front.

    Rows come in the order of the left side, and those of one left row in the order of the right side.
    """
    plan.settle_limit()
    plan.mark_matched()
    right = _inner(plan, node.query)
    commands = plan.program.commands
    after = [ref for ref in refs(commands[commands.index(node) + 1 :]) if len(ref.parts) > 1]
    shown, left, others = shown_columns(plan), node.left.text, _selected(right)
    mine = plan.keep(_fields(plan, shown, left, node.left_key, after, plan.expressions.scope.closed))
    theirs = _fields(right, others, node.right.text, node.right_key, after, not _unasked(right))
    unasked = (*(f"{left}.{name}" for name in shown), *(f"{node.right.text}.{name}" for name in others))
    keys = matching(mine[f"{left}.{node.left_key.name}"], theirs[f"{node.right.text}.{node.right_key.name}"])
    _combine(plan, right, theirs, keys, node.inner)
    plan.expressions.scope = Scope(closed=True, names=mine | theirs)
    plan.unasked, plan.shown, plan.added = unasked, None, set()
    plan.projected = {} if plan.raw else {name: plan.system(name) for name in unasked}


def _fields(
    plan: QueryPlan, shown: dict[str, Typed], alias: str, key: nodes.Ref, after: Sequence[nodes.Ref], chosen: bool
) -> dict[str, Typed]:
    """The values of a side by their names after the join: the key, what is shown, and what the query asks for later.

    ``chosen``: the side has no others than those that it shows.
    """
    values = {f"{alias}.{name}": value for name, value in shown.items()}
    asked = [nodes.Ref(ref.span, ref.parts[1:]) for ref in after if ref.parts[0] == alias]
    for ref in (key, *asked):
        if chosen and not {ref.name, str(ref.parts[0])} & shown.keys():
            raise plan.expressions.fail(f"this side of join has {', '.join(shown)}, not {ref.name}", ref)
        values.setdefault(f"{alias}.{ref.name}", plan.expressions.value(ref))
    return values


def _combine(plan: QueryPlan, right: QueryPlan, theirs: dict[str, Typed], keys: tuple[E, E], inner: bool) -> None:
    """Joins the relation with the right side; its ``theirs`` become columns of their own."""
    mine, other = plan.fresh(), plan.fresh()
    plan.nest(exp.alias_(keys[0], mine, copy=False))
    columns = [exp.alias_(keys[1], other, copy=False)]
    for name, value in theirs.items():
        fresh = plan.fresh()
        columns.append(exp.alias_(value.e, fresh, copy=False))
        theirs[name] = Typed(column(fresh), value.kind)
    ties = [(plan.fresh(), key) for key in right.ordering()]
    columns += [exp.alias_(key.this.copy(), fresh, copy=False) for fresh, key in ties]
    table = plan.step(right.select(columns))
    count = exp.Count(this=exp.Distinct(expressions=[column(other)]))
    plan.right_keys = plan.whole(exp.Select(expressions=[count]).from_(table.copy()))
    made = exp.Select(expressions=[exp.Star()]).from_(plan.relation.source)
    on = binary(exp.EQ, column(mine), column(other))
    made.append("joins", exp.Join(this=table, side=None if inner else "LEFT", kind="INNER" if inner else None, on=on))
    plan.relation.source = plan.step(made)
    plan.relation.ties += [
        exp.Ordered(this=column(fresh), desc=key.args["desc"], nulls_first=False) for fresh, key in ties
    ]
