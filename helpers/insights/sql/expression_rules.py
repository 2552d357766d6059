"""The rules for expressions: which names exist at a stage, functions and their arguments."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from helpers.insights.events.schema import FLOW_FIELDS, SYSTEM_FIELDS
from helpers.insights.sql.aggregates import AGGREGATES
from helpers.insights.sql.function_table import Function, key
from helpers.insights.sql.functions import FUNCTIONS
from helpers.insights.syntax import nodes
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.refusals import did_you_mean

PERIOD_AT = {("bin", 0), ("datefloor", 1), ("dateceil", 1), ("rate", 1)}
STRUCTURES = {"jsonparse", "split", "values", "histogram"}  # functions that make maps and lists


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


class ExpressionRules:
    """Checks expressions; holds the names of the stage that is reached."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.stage = Stage()
        self.names_from = "stats"
        self.aliases: tuple[str, ...] = ()  # of join, in front of every field after it

    def fail(self, message: str, node: nodes.Node) -> MalformedQuery:
        """A refusal at a node."""
        return MalformedQuery(message, self.text, node.span.start, node.span.end)

    def row(self, node: nodes.Expr) -> None:
        """An expression over one row."""
        if isinstance(node, nodes.Ref):
            self.known(node)
        elif not self.stage.closed or nodes.heading(self.text, node) not in self.stage.names:
            for child in self.inside(node):
                self.row(child)

    def grouped(self, node: nodes.Expr, known: set[str]) -> None:
        """An expression of stats: over aggregates, group keys and earlier aliases."""
        if isinstance(node, nodes.Ref):
            if node.name not in known and str(node.parts[0]) not in known:
                guess = did_you_mean(node.name, known)
                raise self.fail(f"{node.name} is neither aggregated nor named after by{guess}", node)
        elif nodes.heading(self.text, node) in known:
            return
        elif isinstance(node, nodes.FunctionCall) and key(node.name) in AGGREGATES:
            self.aggregate(node)
        elif is_bin(node) and "@timestamp" not in known:
            raise self.fail("bin is neither aggregated nor named after by", node)
        else:
            for child in self.inside(node):
                self.grouped(child, known)

    def inside(self, node: nodes.Expr) -> Iterator[nodes.Expr]:
        """Checks an expression itself; the expressions inside it remain to be checked."""
        if isinstance(node, nodes.Star):
            raise self.fail("unexpected symbol found", node)
        if isinstance(node, nodes.FunctionCall):
            self.scalar(node)
        if isinstance(node, nodes.InSubquery):
            self.subquery(node)
        return (
            child
            for child in nodes.children(node)
            if not (isinstance(node, nodes.FunctionCall) and isinstance(child, nodes.Period | nodes.Regex))
        )

    def subquery(self, node: nodes.InSubquery) -> None:
        """A query inside an expression; ``row``'s caller says where it may stand."""
        raise self.fail("a subquery stands in filter: filter f in (SOURCE 'group' | ... | fields f)", node)

    def aggregate(self, node: nodes.FunctionCall) -> None:
        """A call of an aggregate, whose arguments stand over one row."""
        self.signature(node, AGGREGATES[key(node.name)])
        for child in node.args:
            if isinstance(child, nodes.Period | nodes.Star):
                continue
            self.row(child)
            if isinstance(child, nodes.Ref) and child.name in self.stage.structures:
                raise self.fail("maps and lists cannot be used in stats", child)

    def scalar(self, node: nodes.FunctionCall) -> None:
        """A call of a scalar function; its arguments are checked by ``inside``'s caller."""
        name = key(node.name)
        if name in AGGREGATES:
            where = "inside another aggregation or outside stats"
            raise self.fail(f"{node.name} is an aggregation; it cannot be used {where}", node)
        if name not in FUNCTIONS:
            guess = did_you_mean(node.name, [*FUNCTIONS, *AGGREGATES])
            raise self.fail(f"unknown function {node.name}{guess}", node)
        self.signature(node, FUNCTIONS[name])
        if name == "case" and len(node.args) > 20 + len(node.args) % 2:
            raise self.fail("case has at most 10 branches", node)

    def signature(self, node: nodes.FunctionCall, function: Function) -> None:
        """The number of arguments, their kinds, and the time that some functions need."""
        count, least, most = len(node.args), function.least, function.most
        if count < least or (most is not None and count > most):
            wanted = str(least) if most == least else f"{least} or more" if most is None else f"{least} to {most}"
            plural = "" if wanted == "1" else "s"
            raise self.fail(f"{node.name} expects {wanted} argument{plural}, but {count} are given", node)
        for position, child in enumerate(node.args):
            self.argument(node, position, child)
        if function.timed and self.stage.closed and "@timestamp" not in self.stage.names:
            raise self.unknown("@timestamp", node)

    def argument(self, node: nodes.FunctionCall, position: int, child: nodes.Expr) -> None:
        """An argument that may not be an ordinary expression: a period, a pattern, ``*``."""
        name = key(node.name)
        if isinstance(child, nodes.Period) != ((name, position) in PERIOD_AT):
            if isinstance(child, nodes.Period):
                raise self.fail(f"{node.name} does not accept a period here", child)
            raise self.fail(f"{node.name} expects a period such as 5m", child)
        if isinstance(child, nodes.Regex) and (name, position) != ("regexreplace", 1):
            raise self.fail(f"{node.name} does not accept a regular expression here", child)
        if isinstance(child, nodes.Star) and name not in ("count", "countovertime"):
            raise self.fail(f"{node.name} does not accept *", child)

    def known(self, ref: nodes.Ref) -> None:
        """A field that exists at this stage."""
        if self.stage.closed and (ref.name in self.aliases or not {ref.name, str(ref.parts[0])} & self.stage.names):
            raise self.unknown(ref.name, ref)

    def unknown(self, name: str, node: nodes.Node) -> MalformedQuery:
        """A refusal of a name that is not there any more."""
        if self.aliases:
            named = " or ".join(f"{alias}.{name}" for alias in self.aliases)
            return self.fail(f"unknown field {name}: after join it is named {named}", node)
        lost = name in FLOW_FIELDS or name in SYSTEM_FIELDS
        reason = f"; after {self.names_from} only its own columns exist: {', '.join(sorted(self.stage.names))}"
        guess = "" if lost else did_you_mean(name, self.stage.names)
        return self.fail(f"Unknown symbols found in or after stats: {name}{reason}{guess}", node)

    def not_structure(self, node: nodes.Expr, where: str) -> None:
        """An expression that has an order; maps and lists have none."""
        named = isinstance(node, nodes.Ref) and node.name in self.stage.structures
        if named or (isinstance(node, nodes.FunctionCall) and key(node.name) in STRUCTURES):
            raise self.fail(f"maps and lists cannot be used in {where}", node)


def is_bin(node: nodes.Expr) -> bool:
    """Whether an expression is a call of ``bin``."""
    return isinstance(node, nodes.FunctionCall) and key(node.name) == "bin"
