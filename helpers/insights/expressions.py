"""Expressions of the language to typed SQL, given the names of a stage."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from . import nodes as n
from .aggregates import AGGREGATES
from .check import heading
from .errors import MalformedQuery
from .functions import FUNCTIONS, key, not_value, truth_value
from .functions_more import checked_regex
from .schema import JSON_OBJECT, Schema
from .values import (
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
    compare,
    integer,
    member,
    missing,
    negated,
    number_literal,
    present,
    string,
    text_literal,
)

_ARITHMETIC: dict[str, type[exp.Binary]] = {
    "+": exp.Add,
    "-": exp.Sub,
    "*": exp.Mul,
    "%": exp.Mod,
}


@dataclass(slots=True)
class Scope:
    """The names that exist at a stage; an open scope also has every field of the events."""

    closed: bool = False
    names: dict[str, Typed] = field(default_factory=dict)
    fresh: set[str] = field(default_factory=set)  # defined by the command that is being compiled


class Expressions:
    """Compiles expressions; remembers which fields of events were used."""

    def __init__(self, text: str, schema: Schema) -> None:
        self.text = text
        self.schema = schema
        self.scope = Scope()
        self.used: dict[str, n.Ref] = {}
        self.aggregated: Callable[[n.Call], Typed] | None = None

    def fail(self, message: str, node: n.Node) -> MalformedQuery:
        """A refusal at a node."""
        return MalformedQuery(message, self.text, node.span.start, node.span.end)

    def timestamp(self) -> E:
        """@timestamp in epoch milliseconds: the event's, or what a stats passed on under this name."""
        named = self.scope.names.get("@timestamp")
        return named.e if named else column("ts")

    def moment(self) -> E:
        """What orders rows in time."""
        return self.timestamp() if self.scope.closed else call("row", self.timestamp(), column("seq"))

    def parameter(self, name: str) -> E:
        """``$run_name``, to be filled in when the query runs."""
        return cast(exp.Parameter(this=exp.Identifier(this=f"run_{name}", quoted=False)), "BIGINT")

    # values --------------------------------------------------------------------------------------

    def value(self, node: n.Expr) -> Typed:
        """An expression as a value."""
        if self.scope.closed and not isinstance(node, n.Ref):
            named = self.scope.names.get(heading(self.text, node))
            if named is not None:
                return Typed(named.e, named.kind)
        method = getattr(self, f"_{type(node).__name__.lower()}")
        result: Typed = method(node)
        return result

    def condition(self, node: n.Expr) -> E:
        """An expression as a condition, where NULL counts as false."""
        if isinstance(node, n.Logic):
            parts = [self.condition(operand) for operand in node.operands]
            return all_of(parts) if node.op == "and" else any_of(parts)
        if isinstance(node, n.Not):
            return not_value(self.condition(node.operand))
        if isinstance(node, n.Compare):
            return compare(node.op, self.value(node.left), self.value(node.right))
        if isinstance(node, n.Like):
            return self._matches(node)
        if isinstance(node, n.In):
            items = [self.value(item) for item in node.items]
            return member(self.value(node.subject), items, node.negated)
        return as_condition(self.value(node))

    def _truth(self, node: n.Expr) -> Typed:
        return truth_value(self.condition(node))

    _compare = _like = _in = _logic = _not = _truth

    def _matches(self, node: n.Like) -> E:
        subject = self.value(node.subject)
        if isinstance(node.pattern, n.Regex):
            regex = checked_regex(self, node.pattern, node.pattern.pattern)
            found: E = call("regexp_matches", as_text(subject), text_literal(regex))
        else:
            found = call("contains", as_text(subject), as_text(self.value(node.pattern)))
        if subject.kind is Kind.MISSING:
            return FALSE.copy()
        return negated(found) if node.negated else found

    def _number(self, node: n.Number) -> Typed:
        if isinstance(node.value, int) and node.value < 2**63:
            return integer(node.value)
        return Typed(number_literal(float(node.value)), Kind.NUMBER)

    def _string(self, node: n.String) -> Typed:
        return string(node.value)

    def _boolean(self, node: n.Boolean) -> Typed:
        return Typed(exp.Boolean(this=node.value), Kind.BOOL)

    def _regex(self, node: n.Regex) -> Typed:
        raise self.fail("a regular expression stands after like, =~ and parse", node)

    def _period(self, node: n.Period) -> Typed:
        raise self.fail("a period is not a value", node)

    def _star(self, node: n.Star) -> Typed:
        raise self.fail("* is not a value", node)

    def _negative(self, node: n.Negative) -> Typed:
        if isinstance(node.operand, n.Number) and isinstance(node.operand.value, int):
            return integer(-node.operand.value) if node.operand.value < 2**63 else self._negated(node)
        return self._negated(node)

    def _negated(self, node: n.Negative) -> Typed:
        operand = self.value(node.operand)
        return Typed(binary(exp.Sub, number_literal(0), as_double(operand)), _number_kind([operand]))

    def _arithmetic(self, node: n.Arithmetic) -> Typed:
        result = self.value(node.first)
        for symbol, operand in node.rest:
            result = self._operation(symbol, result, self.value(operand))
        return result

    def _operation(self, symbol: str, left: Typed, right: Typed) -> Typed:
        """Arithmetic is done on doubles: it never overflows, and division by zero is no error."""
        first, second = as_double(left), as_double(right)
        if symbol == "/":
            safe = call("nullif", second, number_literal(0))
            return Typed(exp.Div(this=_paren(first), expression=_paren(safe)), Kind.DOUBLE)
        if symbol == "^":
            return Typed(call("pow", first, second), _number_kind([left, right]))
        if symbol == "%":
            second = call("nullif", second, number_literal(0))
        return Typed(binary(_ARITHMETIC[symbol], first, second), _number_kind([left, right]))

    def _call(self, node: n.Call) -> Typed:
        name = key(node.name)
        if name in AGGREGATES and self.aggregated is not None:
            return self.aggregated(node)
        args = [self.argument(argument) for argument in node.args]
        made = FUNCTIONS[name].build(self, node, args)
        return truth_value(made.sql) if made.kind is Kind.BOOL else made  # a missing argument gives 0

    def argument(self, node: n.Expr) -> Typed:
        """An argument; periods, patterns and * are read from the tree by the function itself."""
        if isinstance(node, n.Period | n.Regex | n.Star):
            return missing()
        return self.value(node)

    def _access(self, node: n.Access) -> Typed:
        return self.inside(self.value(node.base), node.parts)

    def inside(self, base: Typed, parts: tuple[str | int, ...]) -> Typed:
        """An attribute of a map or an element of a list."""
        if not parts:
            return base
        if base.kind is not Kind.STRUCTURE:
            return missing()
        return Typed(call("json_extract", base.e, text_literal(pointer(parts))), Kind.STRUCTURE)

    # fields --------------------------------------------------------------------------------------

    def _ref(self, node: n.Ref) -> Typed:
        named = self.scope.names.get(node.name)
        if named is not None:
            return Typed(named.e, named.kind)
        head = str(node.parts[0])
        if len(node.parts) > 1 and head in self.scope.names and head not in self.scope.fresh:
            return self.inside(self.scope.names[head], node.parts[1:])
        if self.scope.closed:
            return missing()
        return self.base(node)

    def base(self, node: n.Ref) -> Typed:
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
        if name == "@timestamp":
            return Typed(column("ts"), Kind.TIME)
        if name == "@message":
            return Typed(column("message"), Kind.UNKNOWN)
        if name == "@ingestionTime":
            return Typed(column("ing"), Kind.TIME)
        if name == "@logStream":
            return Typed(column("stream"), Kind.UNKNOWN)
        if name == "@log":
            return self._log()
        return missing()

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
        dotted = ".".join(names)
        paths = dict.fromkeys((pointer(tuple(names)), pointer(tuple(dotted.split("."))), pointer((dotted,))))
        found: list[E] = [call("json_extract_string", column("message"), text_literal(path)) for path in paths]
        text = found[0] if len(found) == 1 else call("coalesce", *found)
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


def _paren(value: E) -> E:
    return exp.Paren(this=value) if isinstance(value, exp.Binary) else value


def _number_kind(operands: list[Typed]) -> Kind:
    return Kind.DOUBLE if any(operand.kind is Kind.DOUBLE for operand in operands) else Kind.NUMBER


def sorted_by(value: E, descending: bool = False) -> exp.Ordered:
    """A sort key; missing values come last either way (assumption insights-sort-missing).

    A constant is wrapped: SQL would take ``ORDER BY 2`` for the second column.
    """
    if not value.find(exp.Column):
        value = call("coalesce", value)
    return exp.Ordered(this=value, desc=descending, nulls_first=False)


def pointer(parts: tuple[str | int, ...]) -> str:
    """A JSON pointer (RFC 6901) to a path of names and positions."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
