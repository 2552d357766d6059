"""The checking pass: the order of commands, which names exist at each stage, functions and their arguments.

It reads the syntax tree only. Everything it lets through can be compiled; every refusal has its place.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from . import functions_more as _registered
from . import nodes as n
from .aggregates import AGGREGATES
from .errors import MalformedQuery
from .functions import FUNCTIONS, key
from .schema import FLOW_FIELDS, SYSTEM_FIELDS
from .wording import did_you_mean, not_simulated

MAX_STATS = 10  # stats page: "up to 10 stats commands"
PERIOD_AT = {("bin", 0), ("datefloor", 1), ("dateceil", 1), ("rate", 1)}
# The page says accountIdentifier and logGroupClass, its examples say accountIdentifiers and class.
SOURCE_NAMES = {"namePrefix", "accountIdentifier", "accountIdentifiers", "class", "logGroupClass"}
_STRUCTURES = {"jsonparse", "split", "values", "histogram"}
assert _registered.FUNCTIONS_READY


@dataclass(slots=True)
class Stage:
    """The symbol table of one stage: all fields of events (open), or the names of a stats (closed)."""

    closed: bool = False
    names: set[str] = field(default_factory=set)
    projected: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)
    structures: set[str] = field(default_factory=set)

    def define(self, name: str, structure: bool = False) -> None:
        """A command creates a name."""
        self.names.add(name)
        self.structures.discard(name)
        if structure:
            self.structures.add(name)


def check(program: n.Program) -> None:
    """Raises `MalformedQuery` for what the grammar allows and the language does not."""
    _Checker(program).run()


def heading(text: str, node: n.Expr) -> str:
    """The column name of an expression without alias."""
    if isinstance(node, n.Ref):
        return node.name
    return " ".join(text[node.span.start : node.span.end].split())


class _Checker:
    def __init__(self, program: n.Program) -> None:
        self.program = program
        self.text = program.text
        self.stage = Stage()
        self.binned = False
        self.names_from = "stats"

    def fail(self, message: str, node: n.Node) -> MalformedQuery:
        return MalformedQuery(message, self.text, node.span.start, node.span.end)

    def run(self) -> None:
        if self.program.source:
            self.source(self.program.source)
        self.order(self.program.commands)
        for command in self.program.commands:
            getattr(self, f"on_{type(command).__name__.lower()}")(command)

    # the order of commands -----------------------------------------------------------------------

    def order(self, commands: tuple[n.Command, ...]) -> None:
        stats = [position for position, command in enumerate(commands) if isinstance(command, n.Stats)]
        if len(stats) > MAX_STATS:
            raise self.fail(f"a query has at most {MAX_STATS} stats commands", commands[stats[MAX_STATS]])
        deduplicated = False
        for position, command in enumerate(commands):
            word = type(command).__name__.lower()
            if deduplicated and not isinstance(command, n.Limit):
                raise self.fail(f"unexpected symbol found {word}; only limit may follow dedup", command)
            deduplicated = deduplicated or isinstance(command, n.Dedup)
            if isinstance(command, n.Sort | n.Limit) and stats and position < stats[-1]:
                raise self.fail(f"{word} cannot stand before the last stats", command)
            if isinstance(command, n.Estimate) and position < len(commands) - 1:
                raise self.fail("estimate must be the last command", command)

    def source(self, source: n.Source) -> None:
        limits = {"logGroups": 5, "dataSource": 10, "logGroupTags": 5}
        for call in source.calls:
            if call.name not in limits:
                raise self.fail(f"unexpected symbol found {call.name}; expected one of: " + "  ".join(limits), call)
            for name, value in call.values:
                most = {"accountIdentifier": 20, "accountIdentifiers": 20}.get(name, limits[call.name])
                if isinstance(value, tuple) and len(value) > most:
                    raise self.fail(f"{call.name} accepts at most {most} values", call)
                known = SOURCE_NAMES if call.name == "logGroups" else {""}
                if name not in known:
                    raise self.fail(f"{call.name} does not accept {name or 'a value without a name'}", call)

    # commands ------------------------------------------------------------------------------------

    def on_fields(self, command: n.Fields) -> None:
        for item in command.items:
            self.row(item.expr)
        for item in command.items:
            if item.alias and item.name in self.stage.projected:
                self.stage.doubtful.add(item.name)
            structure = isinstance(item.expr, n.Call) and key(item.expr.name) in _STRUCTURES
            if item.alias or not isinstance(item.expr, n.Ref):
                self.stage.define(item.name, structure)
        self.stage.projected |= {item.name for item in command.items}

    def on_display(self, command: n.Display) -> None:
        for item in command.items:
            self.row(item.expr)
        for item in command.items:
            if item.alias:
                self.stage.define(item.name)

    def on_filter(self, command: n.Filter) -> None:
        if command.indexed and self.stage.closed:
            raise self.fail(f"filterIndex cannot stand after {self.names_from}", command)
        self.row(command.condition)
        for node in walk(command.condition) if command.indexed else ():
            if isinstance(node, n.Ref) and {node.name, str(node.parts[0])} & self.stage.names:
                raise self.fail(f"filterIndex reads fields of the events; {node.name} is made by the query", node)

    def on_sort(self, command: n.Sort) -> None:
        for sort_key in command.keys:
            self.row(sort_key.expr)
            self.not_structure(sort_key.expr, "sort")

    def on_limit(self, command: n.Limit) -> None:
        """Its number was checked when it was read."""

    def on_dedup(self, command: n.Dedup) -> None:
        for ref in command.fields:
            self.row(ref)
            self.not_structure(ref, "dedup")

    def on_parse(self, command: n.Parse) -> None:
        if command.field:
            self.row(command.field)
        elif self.stage.closed and "@message" not in self.stage.names:
            raise self.unknown("@message", command)
        for name in command.names:
            self.stage.define(name.text, structure=command.mode == "logfmt")

    def on_jsonpath(self, command: n.JsonPath) -> None:
        self.row(command.field)
        self.stage.define(command.name.text)

    def on_unnest(self, command: n.Unnest) -> None:
        if isinstance(command.expr, n.Call) and key(command.expr.name) == "split":
            raise self.fail("unnest expects a list from jsonParse, not the output of split", command.expr)
        self.row(command.expr)
        self.stage.define(command.name.text)

    def on_expand(self, command: n.Expand) -> None:
        self.row(command.field)
        self.stage.define(command.field.name)

    def on_lookup(self, command: n.Lookup) -> None:
        for _, ref in command.matches:
            self.row(ref)
        for output in command.outputs:
            self.stage.define(output.name.text)

    def on_cidrlookup(self, command: n.CidrLookup) -> None:
        self.row(command.field)
        for output in command.outputs:
            self.stage.define(output.name.text)

    def on_accum(self, command: n.Accum) -> None:
        self.row(command.field)
        self.stage.define(command.name.text)

    def on_addtotals(self, command: n.AddTotals) -> None:
        for ref in command.fields:
            self.row(ref)
        if command.row:
            self.stage.define(command.name)

    def on_fillmissing(self, command: n.FillMissing) -> None:
        if not self.binned:
            raise self.fail("fillmissing must follow stats ... by bin()", command)
        for value, ref in command.values:
            self.row(ref)
            if not isinstance(value, n.Number | n.String | n.Negative | n.Boolean):
                raise self.fail("fillmissing expects a constant", value)

    def on_countfrequent(self, command: n.CountFrequent) -> None:
        for ref in command.fields:
            self.row(ref)
            self.not_structure(ref, "countFrequent")
        self.close({ref.name for ref in command.fields} | {"_approxcount"}, "countFrequent")
        self.binned = False

    def on_estimate(self, command: n.Estimate) -> None:
        """Its place was checked with the order."""

    def on_stats(self, command: n.Stats) -> None:
        doubtful = self.stage.doubtful
        for item in command.keys:
            self.row(item.expr)
            self.not_structure(item.expr, "stats")
        keys = {item.name for item in command.keys}
        keys |= {heading(self.text, item.expr) for item in command.keys}
        known = set(keys)
        for item in command.items:
            self.top_k(command, item)
            self.grouped(item.expr, known)
            if not any(self.depends(node, known) for node in walk(item.expr)):
                raise self.fail("stats expects an aggregation such as count(*)", item)
            known.add(item.name)
        for node in walk_items((*command.items, *command.keys)):
            if isinstance(node, n.Ref) and str(node.parts[0]) in doubtful:
                raise self.fail(f"Unknown symbols found in or after stats: {node.parts[0]}", node)
        binned = [item for item in command.keys if _is_bin(item.expr)]
        if command.offset and not binned:
            raise self.fail("offset must follow by bin(period)", command.offset)
        self.binned = bool(binned)
        self.close({item.name for item in (*command.items, *command.keys)}, "stats")

    def depends(self, node: n.Expr, known: set[str]) -> bool:
        """Whether an expression is an aggregation, a group key or an earlier alias."""
        aggregated = isinstance(node, n.Call) and key(node.name) in AGGREGATES
        return aggregated or isinstance(node, n.Ref) or heading(self.text, node) in known

    def top_k(self, command: n.Stats, item: n.Item) -> None:
        call = item.expr
        if not isinstance(call, n.Call) or key(call.name) != "topk":
            return
        if len(command.items) > 1 or command.keys:
            raise self.fail("topk stands alone in a stats command, without by", call)
        if len(call.args) != 2:
            raise self.fail("topk expects 2 arguments: topk(k, field)", call)
        count = call.args[0]
        if not isinstance(count, n.Number) or not isinstance(count.value, int) or not 1 <= count.value <= 10_000:
            raise self.fail("topk expects a whole number between 1 and 10000", count)

    def close(self, names: set[str], by: str) -> None:
        self.stage = Stage(closed=True, names=names)
        self.names_from = by

    # expressions ---------------------------------------------------------------------------------

    def row(self, node: n.Expr) -> None:
        """An expression over one row."""
        if self.stage.closed and not isinstance(node, n.Ref) and heading(self.text, node) in self.stage.names:
            return
        if isinstance(node, n.Ref):
            self.known(node)
        elif isinstance(node, n.Call):
            self.scalar(node)
            for child in node.args:
                if not isinstance(child, n.Period | n.Regex):
                    self.row(child)
        else:
            self.pattern(node)
            for child in children(node):
                self.row(child)

    def grouped(self, node: n.Expr, known: set[str]) -> None:
        """An expression of stats: over aggregates, group keys and earlier aliases."""
        if not isinstance(node, n.Ref) and heading(self.text, node) in known:
            return
        if isinstance(node, n.Ref):
            if node.name not in known and str(node.parts[0]) not in known:
                raise self.fail(
                    f"{node.name} is neither aggregated nor named after by" + did_you_mean(node.name, known),
                    node,
                )
            return
        if isinstance(node, n.Call) and key(node.name) in AGGREGATES:
            self.aggregate(node)
            return
        if isinstance(node, n.Call):
            if _is_bin(node) and "@timestamp" not in known:
                raise self.fail("bin is neither aggregated nor named after by", node)
            self.scalar(node)
            for child in node.args:
                if not isinstance(child, n.Period | n.Regex):
                    self.grouped(child, known)
            return
        self.pattern(node)
        for child in children(node):
            self.grouped(child, known)

    def aggregate(self, node: n.Call) -> None:
        spec = AGGREGATES[key(node.name)]
        self.arity(node, spec.least, spec.most)
        if spec.timed and self.stage.closed and "@timestamp" not in self.stage.names:
            raise self.unknown("@timestamp", node)
        for position, child in enumerate(node.args):
            self.argument(node, position)
            if isinstance(child, n.Period | n.Star):
                continue
            self.row(child)
            if isinstance(child, n.Ref) and child.name in self.stage.structures:
                raise self.fail("maps and lists cannot be used in stats", child)

    def scalar(self, node: n.Call) -> None:
        name = key(node.name)
        if name in AGGREGATES:
            where = "inside another aggregation or outside stats"
            raise self.fail(f"{node.name} is an aggregation; it cannot be used {where}", node)
        if name not in FUNCTIONS:
            known = [*FUNCTIONS, *AGGREGATES]
            raise self.fail(f"unknown function {node.name}" + did_you_mean(node.name, known), node)
        spec = FUNCTIONS[name]
        self.arity(node, spec.least, spec.most)
        for position in range(len(node.args)):
            self.argument(node, position)
        if name == "case" and len(node.args) > 20 + len(node.args) % 2:
            raise self.fail("case has at most 10 branches", node)
        if name == "bin" and self.stage.closed and "@timestamp" not in self.stage.names:
            raise self.unknown("@timestamp", node)

    def arity(self, node: n.Call, least: int, most: int | None) -> None:
        count = len(node.args)
        if count < least or (most is not None and count > most):
            wanted = str(least) if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            plural = "" if wanted == "1" else "s"
            raise self.fail(f"{node.name} expects {wanted} argument{plural}, but {count} are given", node)

    def argument(self, node: n.Call, position: int) -> None:
        child, name = node.args[position], key(node.name)
        if isinstance(child, n.Period) != ((name, position) in PERIOD_AT):
            if isinstance(child, n.Period):
                raise self.fail(f"{node.name} does not accept a period here", child)
            raise self.fail(f"{node.name} expects a period such as 5m", child)
        if isinstance(child, n.Regex) and (name, position) != ("regexreplace", 1):
            raise self.fail(f"{node.name} does not accept a regular expression here", child)
        if isinstance(child, n.Star) and name not in ("count", "countovertime"):
            raise self.fail(f"{node.name} does not accept *", child)

    def pattern(self, node: n.Expr) -> None:
        if isinstance(node, n.Star | n.Period):
            raise self.fail("unexpected symbol found", node)

    def known(self, ref: n.Ref) -> None:
        stage = self.stage
        if not stage.closed or ref.name in stage.names or str(ref.parts[0]) in stage.names:
            return
        raise self.unknown(ref.name, ref)

    def unknown(self, name: str, node: n.Node) -> MalformedQuery:
        lost = name in FLOW_FIELDS or name in SYSTEM_FIELDS
        reason = f"; after {self.names_from} only its own columns exist: {', '.join(sorted(self.stage.names))}"
        guess = "" if lost else did_you_mean(name, self.stage.names)
        return self.fail(f"Unknown symbols found in or after stats: {name}{reason}{guess}", node)

    def not_structure(self, node: n.Expr, where: str) -> None:
        named = isinstance(node, n.Ref) and node.name in self.stage.structures
        if named or (isinstance(node, n.Call) and key(node.name) in _STRUCTURES):
            raise self.fail(f"maps and lists cannot be used in {where}", node)


def _is_bin(node: n.Expr) -> bool:
    return isinstance(node, n.Call) and key(node.name) == "bin"


def children(node: n.Expr) -> tuple[n.Expr, ...]:
    """The expressions directly inside an expression."""
    if isinstance(node, n.Call):
        return node.args
    if isinstance(node, n.Arithmetic):
        return (node.first, *(operand for _, operand in node.rest))
    if isinstance(node, n.Compare):
        return (node.left, node.right)
    if isinstance(node, n.Like):
        return (node.subject,) if isinstance(node.pattern, n.Regex) else (node.subject, node.pattern)
    if isinstance(node, n.In):
        return (node.subject, *node.items)
    if isinstance(node, n.Logic):
        return node.operands
    if isinstance(node, n.Not | n.Negative):
        return (node.operand,)
    return (node.base,) if isinstance(node, n.Access) else ()


def walk(node: n.Expr) -> Iterator[n.Expr]:
    """An expression and everything inside it."""
    yield node
    for child in children(node):
        yield from walk(child)


def walk_items(items: tuple[n.Item, ...]) -> Iterator[n.Expr]:
    """Everything inside these items."""
    for item in items:
        yield from walk(item.expr)


__all__ = ["Stage", "check", "children", "heading", "not_simulated", "walk", "walk_items"]
