"""The rules for a query: the order of its commands, and which names each of them needs and makes.

They read the syntax tree only. Everything that they let through can be compiled; every refusal has its place.
"""

import re
from collections.abc import Callable
from typing import Any

from helpers.insights.sql.aggregates import AGGREGATES
from helpers.insights.sql.expression_rules import STRUCTURES, ExpressionRules, Stage, is_bin
from helpers.insights.sql.function_table import key
from helpers.insights.sql.patterns import groups
from helpers.insights.syntax import command_nodes, nodes
from helpers.insights.syntax.handler_table import HandlerTable

MAX_STATS = 10  # stats page: "up to 10 stats commands"
# The page says accountIdentifier and logGroupClass, its examples say accountIdentifiers and class.
SOURCE_NAMES = {"namePrefix", "accountIdentifier", "accountIdentifiers", "class", "logGroupClass"}

RULES: HandlerTable[type[nodes.Node], Callable[["QueryRules", Any], None]] = HandlerTable()
"""The method that checks each class of command."""


def check(program: command_nodes.Program) -> None:
    """Raises ``MalformedQuery`` for what the grammar allows and the language does not."""
    QueryRules(program.text).check(program)


def _names(command: command_nodes.Parse) -> list[str]:
    """What a parse makes: the names after ``as``, or those of the groups of its regular expression."""
    if command.names or not isinstance(command.pattern, nodes.Regex):
        return [name.text for name in command.names]
    return [name for name in groups(command.pattern.pattern) if name]


class QueryRules(ExpressionRules):
    """Checks a query command by command."""

    binned = False  # whether the last grouping has a bin(), which fillmissing needs
    nested = False  # whether this is a query inside another one
    filtering = False  # whether a filter is being checked, where a subquery may stand

    def check(self, program: command_nodes.Program) -> None:
        """See ``check`` above."""
        self.program = program
        if program.source:
            self.source(program.source)
        self.order(program.commands)
        for command in program.commands:
            RULES[type(command)](self, command)

    # the order of commands -----------------------------------------------------------------------

    def order(self, commands: tuple[command_nodes.Command, ...]) -> None:
        """Which commands may follow which."""
        stats = [position for position, command in enumerate(commands) if isinstance(command, command_nodes.Stats)]
        if len(stats) > MAX_STATS:
            raise self.fail(f"a query has at most {MAX_STATS} stats commands", commands[stats[MAX_STATS]])
        deduplicated = False
        for position, command in enumerate(commands):
            word, before = self.word(command), {type(earlier) for earlier in commands[:position]}
            if deduplicated and not isinstance(command, command_nodes.Limit):
                raise self.fail(f"unexpected symbol found {word}; only limit may follow dedup", command)
            deduplicated |= isinstance(command, command_nodes.Dedup)
            if isinstance(command, command_nodes.Sort | command_nodes.Limit) and stats and position < stats[-1]:
                raise self.fail(f"{word} cannot stand before the last stats", command)
            if isinstance(command, command_nodes.PatternCommand) and command_nodes.Sort in before:
                raise self.fail("pattern cannot stand after sort", command)
            if isinstance(command, command_nodes.Join) and command_nodes.Join in before:
                raise self.fail("a query has at most one join", command)
            if isinstance(command, command_nodes.EstimateCommand) and position < len(commands) - 1:
                raise self.fail("estimate must be the last command", command)

    def word(self, command: command_nodes.Command) -> str:
        """The word that a command begins with, as written."""
        return re.split(r"\W", self.text[command.span.start :], maxsplit=1)[0]

    def source(self, source: command_nodes.Source) -> None:
        """The names and the numbers of values that SOURCE accepts."""
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

    @RULES.on(command_nodes.Fields)
    def _fields(self, command: command_nodes.Fields) -> None:
        for item in command.items:
            self.row(item.expr)
        for item in command.items:
            if item.alias and item.name in self.stage.projected:
                self.stage.doubtful.add(item.name)
            structure = isinstance(item.expr, nodes.FunctionCall) and key(item.expr.name) in STRUCTURES
            if item.alias or not isinstance(item.expr, nodes.Ref):
                self.stage.define(item.name, structure)
        self.stage.projected |= {item.name for item in command.items}

    @RULES.on(command_nodes.Display)
    def _display(self, command: command_nodes.Display) -> None:
        for item in command.items:
            self.row(item.expr)
        for item in command.items:
            if item.alias:
                self.stage.define(item.name)

    @RULES.on(command_nodes.Filter)
    def _filter(self, command: command_nodes.Filter) -> None:
        if command.indexed and self.stage.closed:
            raise self.fail(f"filterIndex cannot stand after {self.names_from}", command)
        self.filtering = True
        self.row(command.condition)
        self.filtering = False
        for node in nodes.walk(command.condition) if command.indexed else ():
            if isinstance(node, nodes.Ref) and {node.name, str(node.parts[0])} & self.stage.names:
                raise self.fail(f"filterIndex reads fields of the events; {node.name} is made by the query", node)

    @RULES.on(command_nodes.Sort)
    def _sort(self, command: command_nodes.Sort) -> None:
        for sort_key in command.keys:
            self.row(sort_key.expr)
            self.not_structure(sort_key.expr, "sort")

    @RULES.on(command_nodes.Dedup)
    def _dedup(self, command: command_nodes.Dedup) -> None:
        for ref in command.fields:
            self.row(ref)
            self.not_structure(ref, "dedup")

    @RULES.on(command_nodes.Parse)
    def _parse(self, command: command_nodes.Parse) -> None:
        if command.field:
            self.row(command.field)
        elif self.stage.closed and "@message" not in self.stage.names:
            raise self.unknown("@message", command)
        for name in _names(command):
            self.stage.define(name, structure=command.mode == "logfmt")

    @RULES.on(command_nodes.JsonPath, command_nodes.Accum)
    def _field_under_name(self, command: command_nodes.JsonPath | command_nodes.Accum) -> None:
        self.row(command.field)
        self.stage.define(command.name.text)

    @RULES.on(command_nodes.Unnest)
    def _unnest(self, command: command_nodes.Unnest) -> None:
        if isinstance(command.expr, nodes.FunctionCall) and key(command.expr.name) == "split":
            raise self.fail("unnest expects a list from jsonParse, not the output of split", command.expr)
        self.row(command.expr)
        self.stage.define(command.name.text)

    @RULES.on(command_nodes.Expand)
    def _expand(self, command: command_nodes.Expand) -> None:
        self.row(command.field)
        self.stage.define(command.field.name)

    @RULES.on(command_nodes.Lookup, command_nodes.CidrLookup)
    def _lookup(self, command: command_nodes.Lookup | command_nodes.CidrLookup) -> None:
        matched = [ref for _, ref in command.matches] if isinstance(command, command_nodes.Lookup) else [command.field]
        for ref in matched:
            self.row(ref)
        for output in command.outputs:
            self.stage.define(output.name.text)

    @RULES.on(command_nodes.AddTotals)
    def _add_totals(self, command: command_nodes.AddTotals) -> None:
        for ref in command.fields:
            self.row(ref)
        if command.row:
            self.stage.define(command.name)

    @RULES.on(command_nodes.FillMissing)
    def _fill_missing(self, command: command_nodes.FillMissing) -> None:
        if not self.binned:
            raise self.fail("fillmissing must follow stats ... by bin()", command)
        for value, ref in command.values:
            self.row(ref)
            if not isinstance(value, nodes.Number | nodes.String | nodes.Negative | nodes.Boolean):
                raise self.fail("fillmissing expects a constant", value)

    @RULES.on(command_nodes.CountFrequent)
    def _count_frequent(self, command: command_nodes.CountFrequent) -> None:
        for ref in command.fields:
            self.row(ref)
            self.not_structure(ref, "countFrequent")
        self.close({ref.name for ref in command.fields} | {"_approxcount"}, "countFrequent")
        self.binned = False

    @RULES.on(command_nodes.PatternCommand)
    def _pattern(self, command: command_nodes.PatternCommand) -> None:
        if self.stage.closed:
            raise self.fail(f"pattern reads log events; it cannot stand after {self.names_from}", command)
        self.row(command.expr)
        self.not_structure(command.expr, "pattern")
        self.close({"@pattern", "@ratio", "@sampleCount", "@severityLabel"}, "pattern")
        self.binned = False

    def subquery(self, node: nodes.InSubquery) -> None:
        """A query inside a filter."""
        if not self.filtering:
            super().subquery(node)
        self.inner(node.query)

    def inner(self, position: int) -> None:
        """A query inside this one: over one log group, and without what AWS does not nest."""
        program = self.program.inner[position]
        source = program.source
        assert source is not None
        if self.nested:
            raise self.fail("a subquery cannot stand inside another one", source)
        if source.group is None:
            raise self.fail("the sandbox does not simulate this SOURCE inside a query: name one log group", source)
        for command in program.commands:
            if isinstance(command, command_nodes.Join | command_nodes.EstimateCommand) or (
                isinstance(command, command_nodes.Filter) and command.indexed
            ):
                raise self.fail(
                    f"{self.word(command)} cannot stand inside a subquery or the right side of join", command
                )
        rules = QueryRules(self.text)
        rules.nested = True
        rules.check(program)

    @RULES.on(command_nodes.Join)
    def _join(self, command: command_nodes.Join) -> None:
        self.row(command.left_key)
        self.not_structure(command.left_key, "join")
        self.inner(command.query)
        self.close({command.left.text, command.right.text}, "join")
        self.aliases = command.left.text, command.right.text

    @RULES.on(command_nodes.Limit, command_nodes.EstimateCommand)
    def _without_names(self, command: command_nodes.Limit | command_nodes.EstimateCommand) -> None:
        """Nothing more to check: the number when it was read, the place with the order."""

    @RULES.on(command_nodes.Stats)
    def _stats(self, command: command_nodes.Stats) -> None:
        doubtful = self.stage.doubtful
        for item in command.keys:
            self.row(item.expr)
            self.not_structure(item.expr, "stats")
        known = {name for item in command.keys for name in (item.name, nodes.heading(self.text, item.expr))}
        for item in command.items:
            self.top_k(command, item)
            self.grouped(item.expr, known)
            if not any(self.depends(node, known) for node in nodes.walk(item.expr)):
                raise self.fail("stats expects an aggregation such as count(*)", item)
            known.add(item.name)
        for node in (node for item in (*command.items, *command.keys) for node in nodes.walk(item.expr)):
            if isinstance(node, nodes.Ref) and str(node.parts[0]) in doubtful:
                raise self.fail(f"Unknown symbols found in or after stats: {node.parts[0]}", node)
        self.binned = any(is_bin(item.expr) for item in command.keys)
        if command.offset and not self.binned:
            raise self.fail("offset must follow by bin(period)", command.offset)
        self.close({item.name for item in (*command.items, *command.keys)}, "stats")

    def depends(self, node: nodes.Expr, known: set[str]) -> bool:
        """Whether an expression is an aggregation, a group key or an earlier alias."""
        aggregated = isinstance(node, nodes.FunctionCall) and key(node.name) in AGGREGATES
        return aggregated or isinstance(node, nodes.Ref) or nodes.heading(self.text, node) in known

    def top_k(self, command: command_nodes.Stats, item: nodes.Item) -> None:
        """``topk(k, field)`` stands alone; any other item passes."""
        call = item.expr
        if not isinstance(call, nodes.FunctionCall) or key(call.name) != "topk":
            return
        if len(command.items) > 1 or command.keys:
            raise self.fail("topk stands alone in a stats command, without by", call)
        if len(call.args) != 2:
            raise self.fail("topk expects 2 arguments: topk(k, field)", call)
        count = call.args[0]
        if not isinstance(count, nodes.Number) or not isinstance(count.value, int) or not 1 <= count.value <= 10_000:
            raise self.fail("topk expects a whole number between 1 and 10000", count)

    def close(self, names: set[str], by: str) -> None:
        """From here on only these names exist, which the command ``by`` made."""
        self.stage = Stage(closed=True, names=names)
        self.aliases = ()
        self.names_from = by
