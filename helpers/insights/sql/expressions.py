"""Expressions of the language to typed SQL, given the names of a stage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from helpers.insights.events.schema import JSON_OBJECT, Schema
from helpers.insights.sql.aggregates import AGGREGATES
from helpers.insights.sql.comparisons import compare, member
from helpers.insights.sql.function_table import checked_regex, key
from helpers.insights.sql.functions import FUNCTIONS
from helpers.insights.sql.functions_general import not_value, truth_value
from helpers.insights.sql.functions_time import shifted
from helpers.insights.sql.typed import (
    FALSE,
    E,
    Kind,
    Typed,
    all_of,
    any_of,
    as_condition,
    as_double,
    as_number,
    as_text,
    binary,
    call,
    case,
    cast,
    column,
    integer,
    missing,
    negated,
    number_literal,
    parameter,
    present,
    string,
    text_literal,
)
from helpers.insights.syntax import nodes
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.handler_table import HandlerTable

_ARITHMETIC: dict[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "/": exp.Div,
    "%": exp.Mod,
}
_MOST_WORDS = 4
_SYSTEM_COLUMNS = {
    "@timestamp": ("ts", Kind.TIME),
    "@message": ("message", Kind.UNKNOWN),
    "@ingestionTime": ("ing", Kind.TIME),
    "@logStream": ("stream", Kind.UNKNOWN),
}


@dataclass(slots=True)
class Scope:
    """The names that exist at a stage; an open scope also has every field of the events."""

    closed: bool = False
    names: dict[str, Typed] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)  # defined by the command that is being compiled


VALUES: HandlerTable[type[nodes.Node], Callable[["Expressions", Any], Typed]] = HandlerTable()
"""The method that compiles each class of node which is a value."""
CONDITIONS: HandlerTable[type[nodes.Node], Callable[["Expressions", Any], E]] = HandlerTable()
"""The method that compiles each class of node which is a condition: SQL that may also be NULL."""


class Expressions:
    """Compiles expressions; remembers which fields of events were used."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.schema = schema
        self.scope = Scope()
        self.used: dict[str, nodes.Ref] = {}
        self.aggregated: Callable[[nodes.FunctionCall], Typed] | None = None
        self.subquery: Callable[[nodes.InSubquery], E] | None = None

    def fail(self, message: str, node: nodes.Node) -> MalformedQuery:
        """A refusal at a node."""
        return MalformedQuery(message, self.text, node.span.start, node.span.end)

    def timestamp(self) -> E:
        """@timestamp in epoch milliseconds: the event's, or what a stats passed on under this name."""
        named = self.scope.names.get("@timestamp")
        return named.e if named else column("ts")

    def order(self) -> E:
        """What orders rows in time."""
        return self.timestamp() if self.scope.closed else call("row", self.timestamp(), column("seq"))

    def parameter(self, name: str) -> E:
        """``$run_name``, to be filled in when the query runs."""
        return cast(parameter(f"run_{name}"), "BIGINT")

    # values --------------------------------------------------------------------------------------

    def value(self, node: nodes.Expr) -> Typed:
        """An expression as a value."""
        if self.scope.closed and not isinstance(node, nodes.Ref):
            named = self.scope.names.get(nodes.heading(self.text, node))
            if named is not None:
                return Typed(named.e, named.kind)
        if type(node) in CONDITIONS:
            return truth_value(self.condition(node))
        return VALUES[type(node)](self, node)

    def condition(self, node: nodes.Expr) -> E:
        """An expression as a condition, where NULL counts as false."""
        compiled = CONDITIONS.get(type(node))
        return compiled(self, node) if compiled else as_condition(self.value(node))

    @CONDITIONS.on(nodes.Logic)
    def _logic(self, node: nodes.Logic) -> E:
        parts = [self.condition(operand) for operand in node.operands]
        return all_of(parts) if node.op == "and" else any_of(parts)

    @CONDITIONS.on(nodes.Not)
    def _not(self, node: nodes.Not) -> E:
        return not_value(self.condition(node.operand))

    @CONDITIONS.on(nodes.Compare)
    def _comparison(self, node: nodes.Compare) -> E:
        return compare(node.op, self.value(node.left), self.value(node.right))

    @CONDITIONS.on(nodes.In)
    def _membership(self, node: nodes.In) -> E:
        return member(self.value(node.subject), [self.value(item) for item in node.items], node.negated)

    @CONDITIONS.on(nodes.InSubquery)
    def _in_subquery(self, node: nodes.InSubquery) -> E:
        assert self.subquery is not None
        return self.subquery(node)

    @CONDITIONS.on(nodes.Like)
    def _like(self, node: nodes.Like) -> E:
        subject = self.value(node.subject)
        if isinstance(node.pattern, nodes.Regex):
            regex = checked_regex(self, node.pattern, node.pattern.pattern)
            matches: E = call("regexp_matches", as_text(subject), text_literal(regex))
        else:
            matches = call("contains", as_text(subject), as_text(self.value(node.pattern)))
        if subject.kind is Kind.MISSING:
            return FALSE.copy()
        return negated(matches) if node.negated else matches

    @VALUES.on(nodes.Number)
    def _number(self, node: nodes.Number) -> Typed:
        if isinstance(node.value, int) and node.value < 2**63:
            return integer(node.value)
        return Typed(number_literal(float(node.value)), Kind.NUMBER)

    @VALUES.on(nodes.String)
    def _string(self, node: nodes.String) -> Typed:
        return string(node.value)

    @VALUES.on(nodes.Boolean)
    def _boolean(self, node: nodes.Boolean) -> Typed:
        return Typed(exp.Boolean(this=node.value), Kind.BOOL)

    @VALUES.on(nodes.Regex)
    def _regex(self, node: nodes.Regex) -> Typed:
        raise self.fail("a regular expression stands after like, =~ and parse", node)

    @VALUES.on(nodes.Period)
    def _period(self, node: nodes.Period) -> Typed:
        raise self.fail("a period stands in bin(5m) or beside a time: @timestamp - 5m, fromMillis(n) + 5m", node)

    @VALUES.on(nodes.Star)
    def _star(self, node: nodes.Star) -> Typed:
        raise self.fail("* is not a value", node)

    @VALUES.on(nodes.Negative)
    def _negative(self, node: nodes.Negative) -> Typed:
        if (
            isinstance(node.operand, nodes.Number)
            and isinstance(node.operand.value, int)
            and node.operand.value < 2**63
        ):
            return integer(-node.operand.value)
        operand = self.value(node.operand)
        return Typed(binary(exp.Sub, number_literal(0), as_double(operand)), _number_kind([operand]))

    @VALUES.on(nodes.Arithmetic)
    def _arithmetic(self, node: nodes.Arithmetic) -> Typed:
        first, rest = node.first, node.rest
        if isinstance(first, nodes.Period) and rest[0][0] == "+":
            first, rest = rest[0][1], (("+", first), *rest[1:])
        result = self.value(first)
        for symbol, operand in rest:
            if isinstance(operand, nodes.Period) and symbol in "+-" and result.kind is Kind.TIME:
                result = Typed(shifted(result.sql, operand, -1 if symbol == "-" else 1), Kind.TIME)
            else:
                result = self._operation(symbol, result, self.value(operand))
        return result

    def _operation(self, symbol: str, left: Typed, right: Typed) -> Typed:
        """Arithmetic is done on doubles: it never overflows, and division by zero is no error.

        A time plus or minus a number (of milliseconds) is a time again (assumption insights-time-arithmetic).
        """
        first, second = as_double(left), as_double(right)
        kind = Kind.DOUBLE if symbol == "/" else _number_kind([left, right])
        if symbol == "^":
            return Typed(call("pow", first, second), kind)
        if symbol in ("/", "%"):
            second = call("nullif", second, number_literal(0))
        made = binary(_ARITHMETIC[symbol], first, second)
        is_time = left.kind is Kind.TIME, right.kind is Kind.TIME
        if (symbol == "+" and any(is_time) and not all(is_time)) or (symbol == "-" and is_time == (True, False)):
            return Typed(call("i_millis", made), Kind.TIME)
        return Typed(made, kind)

    @VALUES.on(nodes.FunctionCall)
    def _call(self, node: nodes.FunctionCall) -> Typed:
        name = key(node.name)
        if name in AGGREGATES and self.aggregated is not None:
            return self.aggregated(node)
        args = [self.argument(argument) for argument in node.args]
        made = FUNCTIONS[name].build(self, node, args)
        return truth_value(made.sql) if made.kind is Kind.BOOL else made  # a missing argument gives 0

    def argument(self, node: nodes.Expr) -> Typed:
        """An argument; periods, patterns and * are read from the tree by the function itself."""
        if isinstance(node, nodes.Period | nodes.Regex | nodes.Star):
            return missing()
        return self.value(node)

    @VALUES.on(nodes.Access)
    def _access(self, node: nodes.Access) -> Typed:
        return self.inside(self.value(node.base), node.parts)

    def inside(self, base: Typed, parts: tuple[str | int, ...]) -> Typed:
        """An attribute of a map or an element of a list."""
        if not parts:
            return base
        if base.kind is not Kind.STRUCTURE:
            return missing()
        return Typed(call("json_extract", base.e, text_literal(pointer(parts))), Kind.STRUCTURE)

    # fields --------------------------------------------------------------------------------------

    @VALUES.on(nodes.Ref)
    def _ref(self, node: nodes.Ref) -> Typed:
        named = self.scope.names.get(node.name)
        if named is not None:
            return Typed(named.e, named.kind)
        head = str(node.parts[0])
        if len(node.parts) > 1 and head in self.scope.names and head not in self.scope.fresh:
            return self.inside(self.scope.names[head], node.parts[1:])
        if self.scope.closed:
            return missing()
        return self.base(node)

    def base(self, node: nodes.Ref) -> Typed:
        """A field of the events: a system field, a discovered column, or a path into a JSON message."""
        self.used.setdefault(node.name, node)
        name = node.name
        if name.startswith("@") and not name.startswith("@@"):
            return self._system(name)
        flow = self.schema.column(name)
        if flow is None:
            return self._from_json(node.parts) if self.schema.json else missing()
        kind = Kind.INT if flow.is_integer else Kind.UNKNOWN if flow.numeric_text else Kind.TEXT
        stored = Typed(column(flow.column), kind)
        if not self.schema.json:
            return stored
        return Typed(call("coalesce", as_text(stored), self._from_json(node.parts).sql), Kind.UNKNOWN)

    def _system(self, name: str) -> Typed:
        if name == "@log":
            return self._log()
        stored = _SYSTEM_COLUMNS.get(name)
        return Typed(column(stored[0]), stored[1]) if stored else missing()

    def _log(self) -> Typed:
        logs = self.schema.logs
        if len(logs) == 1:
            return Typed(text_literal(logs[0]), Kind.TEXT)
        source = column("src")
        branches = [
            (binary(exp.EQ, source.copy(), number_literal(position)), text_literal(log))
            for position, log in enumerate(logs)
        ]
        return Typed(case(*branches), Kind.TEXT)

    def _from_json(self, parts: tuple[str | int, ...]) -> Typed:
        names = [str(part) for part in parts]
        if names[0].startswith("@@"):
            names[0] = names[0][1:]
        ways = [tuple(names), *_steps(".".join(names).split("."))]
        paths = dict.fromkeys(pointer(way) for way in ways)
        texts: list[E] = [call("json_extract_string", column("message"), text_literal(path)) for path in paths]
        text = texts[0] if len(texts) == 1 else call("coalesce", *texts)
        is_json = binary(exp.EQ, column("kind"), number_literal(JSON_OBJECT))
        return Typed(case((is_json, text)), Kind.UNKNOWN)

    def natural_order(self, value: Typed, descending: bool) -> list[exp.Ordered]:
        """The sort keys of a value: typed values order directly, unknown ones naturally."""
        if value.kind in (Kind.INT, Kind.DOUBLE, Kind.NUMBER, Kind.TIME, Kind.BOOL):
            return [sorted_by(value.e, descending)]
        if value.kind is Kind.MISSING:
            return []
        text = as_text(value)
        if value.kind is Kind.TEXT:
            return [sorted_by(call("i_natural", text), descending)]
        number = as_number(value)
        is_number = case((present(text.copy()), present(number)))
        natural = case((negated(present(number.copy())), call("i_natural", text)))
        keys = [sorted_by(is_number, descending), sorted_by(natural, descending)]
        return [*keys, sorted_by(number.copy(), descending)]


def _number_kind(operands: list[Typed]) -> Kind:
    return Kind.DOUBLE if any(operand.kind is Kind.DOUBLE for operand in operands) else Kind.NUMBER


def sorted_by(value: E, descending: bool = False) -> exp.Ordered:
    """A sort key; missing values come last either way (assumption insights-sort-missing).

    A constant is wrapped: SQL would take ``ORDER BY 2`` for the second column.
    """
    if not value.find(exp.Column):
        value = call("coalesce", value)
    return exp.Ordered(this=value, desc=descending, nulls_first=False)


def _steps(words: list[str]) -> list[tuple[str, ...]]:
    """The ways to read ``a.b.c`` as keys, the deepest first: a key may have dots in its name, on each level.

    Each way is asked of each event, so a long name is read in two ways only: all of it apart, or as one key.
    """
    if len(words) > _MOST_WORDS:
        return [tuple(words), (".".join(words),)]
    ways: list[tuple[str, ...]] = [(words[0],)]
    for word in words[1:]:
        ways = [new for way in ways for new in ((*way, word), (*way[:-1], f"{way[-1]}.{word}"))]
    return ways


def pointer(parts: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901) to a path of names and positions."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
