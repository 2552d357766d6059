"""parse, json, unnest, expand, lookup, cidrlookup: new fields for a row, and more rows."""

from sqlglot import exp

from helpers.insights.sql.expressions import sorted_by
from helpers.insights.sql.function_table import checked_regex
from helpers.insights.sql.patterns import glob, groups
from helpers.insights.sql.relation import CommandTable, LookupUse, QueryPlan, Wanted, whole_text
from helpers.insights.sql.typed import (
    E,
    Kind,
    Typed,
    all_of,
    any_of,
    as_structure,
    as_text,
    binary,
    call,
    case,
    cast,
    column,
    number_literal,
    parameter,
    text_literal,
)
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import CidrLookup, Expand, JsonPath, Lookup, Parse, Unnest

COMMANDS_ROWS = CommandTable()


@COMMANDS_ROWS.on(Parse)
def parse(plan: QueryPlan, node: Parse) -> None:
    """Fields from a text; an event that does not match keeps its row, without them."""
    plan.settle_limit()
    text = as_text(plan.expressions.value(node.field) if node.field else plan.system("@message"))
    if node.mode == "logfmt":
        plan.add({node.names[0].text: Typed(call("i_logfmt", text), Kind.STRUCTURE)})
    elif node.mode == "csv":
        _csv(plan, text, [name.text for name in node.names])
    else:
        regex, chosen = _pattern(plan, node)
        if chosen:
            (_every_match if node.multi else _first_match)(plan, text, regex, chosen)


def _csv(plan: QueryPlan, text: E, names: list[str]) -> None:
    cells = plan.fresh()
    plan.nest(exp.alias_(call("i_csv", text), cells, copy=False))
    plan.add({name: _element(cells, number_literal(position)) for position, name in enumerate(names, 1)})


def _element(items: str, position: E) -> Typed:
    return Typed(call("list_extract", column(items), position), Kind.UNKNOWN)


def _pattern(plan: QueryPlan, node: Parse) -> tuple[str, dict[str, int]]:
    """The regular expression, and which of its groups each name stands for."""
    pattern = node.pattern
    assert pattern is not None
    if isinstance(pattern, nodes.String):
        regex = checked_regex(plan.expressions, pattern, glob(pattern.value))
        return regex, {name.text: position + 1 for position, name in enumerate(node.names)}
    regex = checked_regex(plan.expressions, pattern, pattern.pattern)
    capturing = groups(pattern.pattern)
    if node.names:
        if len(capturing) != len(node.names):
            message = f"the pattern has {len(capturing)} groups, but {len(node.names)} names follow as"
            raise plan.expressions.fail(message, node)
        return regex, {name.text: position + 1 for position, name in enumerate(node.names)}
    named = {name: position + 1 for position, name in enumerate(capturing) if name}
    if not named:
        raise plan.expressions.fail("the regular expression has no named group (?<name>...)", pattern)
    return regex, named


def _first_match(plan: QueryPlan, text: E, regex: str, chosen: dict[str, int]) -> None:
    titles: list[E] = [text_literal(f"g{position + 1}") for position in range(max(chosen.values()))]
    extract = call("regexp_extract", text, text_literal(regex), exp.Array(expressions=titles))
    matches = call("regexp_matches", text.copy(), text_literal(regex))
    match = plan.fresh()
    plan.nest(exp.alias_(case((matches, extract)), match, copy=False))
    plan.add(
        {
            name: Typed(call("struct_extract", column(match), text_literal(f"g{position}")), Kind.UNKNOWN)
            for name, position in chosen.items()
        }
    )


def _every_match(plan: QueryPlan, text: E, regex: str, chosen: dict[str, int]) -> None:
    """One row for each match; an event without a match keeps its row."""
    lists: dict[str, str] = {}
    columns: list[E] = []
    for name, position in chosen.items():
        lists[name] = plan.fresh()
        matches = call("regexp_extract_all", text.copy(), text_literal(regex), number_literal(position))
        columns.append(exp.alias_(matches, lists[name], copy=False))
    plan.nest(*columns)
    count = call("coalesce", call("len", column(lists[next(iter(chosen))])), number_literal(0))
    beyond = binary(exp.Add, call("greatest", count, number_literal(1)), number_literal(1))
    number = plan.multiply(call("range", number_literal(1), beyond))
    plan.add({name: _element(physical, column(number)) for name, physical in lists.items()})


@COMMANDS_ROWS.on(JsonPath)
def json_path(plan: QueryPlan, node: JsonPath) -> None:
    """``json field=f "k.sub" as a``."""
    plan.settle_limit()
    steps = node.path.value.removeprefix("$.").replace("[", ".").replace("]", "")
    base = Typed(as_structure(plan.expressions.value(node.field)), Kind.STRUCTURE)
    plan.add({node.name.text: plan.expressions.inside(base, tuple(step for step in steps.split(".") if step))})


@COMMANDS_ROWS.on(Unnest)
def unnest(plan: QueryPlan, node: Unnest) -> None:
    """One row for each element of a list; anything else counts as one element."""
    plan.settle_limit()
    value = plan.expressions.value(node.expr)
    if value.kind is not Kind.STRUCTURE:
        plan.add({node.name.text: value})
        return
    element = plan.multiply(call("i_items", value.e))
    plan.add({node.name.text: Typed(column(element), Kind.STRUCTURE)})


@COMMANDS_ROWS.on(Expand)
def expand(plan: QueryPlan, node: Expand) -> None:
    """One row for each element of a JSON array; other rows stay as they are."""
    plan.settle_limit()
    value = plan.expressions.value(node.field)
    if value.kind is Kind.MISSING:
        return
    structure = as_structure(value)
    is_array = binary(exp.EQ, call("json_type", structure), text_literal("ARRAY"))
    texts = call("json_extract_string", structure.copy(), text_literal("$[*]"))
    alone = exp.Array(expressions=[whole_text(value)])
    element = plan.multiply(case((is_array, texts), default=alone))
    plan.add({node.field.name: Typed(column(element), Kind.UNKNOWN)})


# lookup tables are known only when the query runs: positions of columns are parameters ----------------


def _position(plan: QueryPlan, table: nodes.Name, name: nodes.Name) -> E:
    known_later = f"col_{len(plan.wanted)}"
    plan.wanted.append(Wanted(known_later, len(plan.lookups) - 1, name))
    return cast(parameter(known_later), "BIGINT")


def _table(plan: QueryPlan, lookup: LookupUse) -> exp.Table:
    plan.lookups.append(lookup)
    return exp.Table(this=exp.Identifier(this=f"lookup_{len(plan.lookups) - 1}", quoted=False))


@COMMANDS_ROWS.on(Lookup)
def lookup(plan: QueryPlan, node: Lookup) -> None:
    """Values compare as text: a table is a CSV file."""
    plan.settle_limit()
    table = _table(plan, LookupUse(node.table))
    conditions: list[E] = []
    for name, ref in node.matches:
        cell = call("list_extract", column("cells"), _position(plan, node.table, name))
        conditions.append(binary(exp.EQ, cell, as_text(plan.expressions.value(ref))))
    _enrich(plan, node, table, conditions, number_literal(0))


@COMMANDS_ROWS.on(CidrLookup)
def cidr_lookup(plan: QueryPlan, node: CidrLookup) -> None:
    """The longest prefix that holds the address wins; the blocks' limits are worked out with the table."""
    plan.settle_limit()
    table = _table(plan, LookupUse(node.table, cidr=True, block=node.column))
    text, four, six = as_text(plan.expressions.value(node.field)), plan.fresh(), plan.fresh()
    plan.nest(
        exp.alias_(call("i_v4", text), four, copy=False),
        exp.alias_(call("i_v6", text.copy()), six, copy=False),
    )
    inside = [
        exp.Between(this=column(address), low=column(f"low{version}"), high=column(f"high{version}"))
        for address, version in ((four, 4), (six, 6))
    ]
    _enrich(plan, node, table, [any_of(list(inside))], exp.Neg(this=column("bits")))


def _enrich(plan: QueryPlan, node: Lookup | CidrLookup, table: exp.Table, conditions: list[E], rank: E) -> None:
    """Adds the outputs of the first row of the table that fits, or nothing."""
    best = exp.Select(expressions=[column("cells")]).from_(table).where(all_of(conditions))
    best = best.order_by(sorted_by(rank), sorted_by(column("line"))).limit(1)
    row = plan.fresh()
    plan.nest(exp.alias_(exp.Subquery(this=best), row, copy=False))
    values: dict[str, Typed] = {}
    for output in node.outputs:
        position = _position(plan, node.table, output.column)
        cell: E = call("nullif", call("list_extract", column(row), position), text_literal(""))
        if not node.overwrite:
            present = plan.expressions.value(nodes.Ref(output.name.span, (output.name.text,)))
            cell = call("coalesce", as_text(present), cell)
        values[output.name.text] = Typed(cell, Kind.UNKNOWN)
    plan.add(values)
