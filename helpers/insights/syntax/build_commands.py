"""Lark trees of commands to nodes."""

from collections.abc import Callable
from typing import cast

from lark import Token, Tree

from helpers.insights.syntax import command_nodes, nodes
from helpers.insights.syntax.build_expressions import MAX_DEPTH, ExpressionBuilder, plain, unquote
from helpers.insights.syntax.handler_table import HandlerTable

COMMANDS: HandlerTable[str, Callable[["Builder", "Tree[Token]"], command_nodes.Command]] = HandlerTable()
"""The method that builds the command of each rule of the grammar."""


class Builder(ExpressionBuilder):
    """Builds a whole program; ``inner`` are the queries inside it so far."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.inner: list[command_nodes.Program] = []

    def program(self, tree: "Tree[Token]") -> command_nodes.Program:
        """The program of a parse tree, whole or in parentheses."""
        source: command_nodes.Source | None = None
        commands: list[command_nodes.Command] = []
        for child in self.trees(tree):
            if str(child.data).startswith("source"):
                source = self.source(child)
            else:
                commands.append(COMMANDS[child.data](self, child))
        return command_nodes.Program(self.text, source, tuple(commands), tuple(self.inner))

    def source(self, tree: "Tree[Token]") -> command_nodes.Source:
        """The SOURCE command."""
        span = self.span(tree)
        if tree.data == "source_group":
            return command_nodes.Source(span, unquote(str(self.token(tree, "STRING"))), ())
        return command_nodes.Source(span, None, tuple(self.source_call(c) for c in self.trees(tree, "source_call")))

    def source_call(self, tree: "Tree[Token]") -> command_nodes.SourceCall:
        """``logGroups(...)`` and its like."""
        values: list[tuple[str, object]] = []
        for block in self.trees(tree, "source_args"):
            for argument in self.trees(block):
                if argument.data == "source_plain":
                    values.append(("", self.source_value(self.trees(argument)[0])))
                else:
                    key = str(self.token(argument, "NAME"))
                    values.append((key, self.source_value(self.trees(argument)[0])))
        return command_nodes.SourceCall(self.span(tree), str(self.token(tree, "NAME")), tuple(values))

    def source_value(self, tree: "Tree[Token]") -> object:
        """A string, a list or a map."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested more than {MAX_DEPTH} levels deep", self.span(tree))
        value: object
        if tree.data == "source_string":
            value = unquote(str(self.token(tree, "STRING")))
        elif tree.data == "source_list":
            value = tuple(self.source_value(c) for c in self.trees(tree))
        else:
            pairs = []
            for pair in self.trees(tree, "source_pair"):
                key = self.token(pair, "NAME", "STRING")
                assert key is not None
                text = unquote(key) if key.type == "STRING" else str(key)
                pairs.append((text, self.source_value(self.trees(pair)[0])))
            value = tuple(pairs)
        self.depth -= 1
        return value

    # commands ------------------------------------------------------------------------------------

    @COMMANDS.on("fields")
    def _fields(self, tree: "Tree[Token]") -> command_nodes.Fields:
        return command_nodes.Fields(self.span(tree), self.items(self.trees(tree, "items")[0]))

    @COMMANDS.on("display")
    def _display(self, tree: "Tree[Token]") -> command_nodes.Display:
        return command_nodes.Display(self.span(tree), self.items(self.trees(tree, "items")[0]))

    @COMMANDS.on("filter")
    def _filter(self, tree: "Tree[Token]") -> command_nodes.Filter:
        return command_nodes.Filter(self.span(tree), self.expr(self.trees(tree)[0]))

    @COMMANDS.on("filter_index")
    def _filter_index(self, tree: "Tree[Token]") -> command_nodes.Filter:
        condition = self.expr(self.trees(tree)[0])
        parts = condition.operands if isinstance(condition, nodes.Logic) else (condition,)
        for part in parts:
            equality = isinstance(part, nodes.Compare) and part.op == "=" and isinstance(part.left, nodes.Ref)
            member = isinstance(part, nodes.In) and not part.negated and isinstance(part.subject, nodes.Ref)
            if not (equality or member):
                raise self.fail("filterIndex accepts field = value and field in [...]", part.span)
        return command_nodes.Filter(self.span(tree), condition, indexed=True)

    @COMMANDS.on("stats")
    def _stats(self, tree: "Tree[Token]") -> command_nodes.Stats:
        keys: tuple[nodes.Item, ...] = ()
        offset: nodes.Period | None = None
        for clause in self.trees(tree, "by_clause"):
            keys = self.items(self.trees(clause, "items")[0])
            period = self.token(clause, "PERIOD")
            offset = self.period(period) if period else None
        return command_nodes.Stats(self.span(tree), self.items(self.trees(tree, "items")[0]), keys, offset)

    @COMMANDS.on("sort")
    def _sort(self, tree: "Tree[Token]") -> command_nodes.Sort:
        keys = []
        for key in self.trees(tree, "sort_key"):
            direction, expr = self.token(key, "DIRECTION"), self.expr(self.trees(key)[0])
            descending = bool(direction and direction.lower() == "desc")
            keys.append(command_nodes.SortKey(self.span(key), expr, nodes.heading(self.text, expr), descending))
        return command_nodes.Sort(self.span(tree), tuple(keys))

    @COMMANDS.on("limit")
    def _limit(self, tree: "Tree[Token]") -> command_nodes.Limit:
        token = self.token(tree, "NUMBER")
        assert token is not None
        if not token.isdigit():
            raise self.fail("limit expects a whole number", self.span(token))
        count = int(token)
        if not 1 <= count <= 100_000:
            raise self.fail("limit must be between 1 and 100000", self.span(token))
        return command_nodes.Limit(self.span(tree), count, self.token(tree, "ANY") is not None)

    @COMMANDS.on("dedup")
    def _dedup(self, tree: "Tree[Token]") -> command_nodes.Dedup:
        return command_nodes.Dedup(self.span(tree), tuple(self.ref(c) for c in self.trees(tree, "ref")))

    def parse_field(self, tree: "Tree[Token]") -> nodes.Ref | None:
        """The field that parse reads, if it is named."""
        refs = self.trees(tree, "ref")
        return self.ref(refs[0]) if refs else None

    @COMMANDS.on("parse_glob")
    def _parse_glob(self, tree: "Tree[Token]") -> command_nodes.Parse:
        token = self.token(tree, "STRING")
        assert token is not None
        pattern = nodes.String(self.span(token), unquote(token))
        names = self.names(self.trees(tree, "names")[0])
        stars = pattern.value.count("*")
        if stars != len(names):
            raise self.fail(f"the pattern has {stars} wildcards (*), but {len(names)} names follow as", self.span(tree))
        return command_nodes.Parse(self.span(tree), self.parse_field(tree), "glob", pattern, names)

    @COMMANDS.on("parse_regex")
    def _parse_regex(self, tree: "Tree[Token]") -> command_nodes.Parse:
        token = self.token(tree, "REGEX")
        assert token is not None
        blocks = self.trees(tree, "names")
        names = self.names(blocks[0]) if blocks else ()
        pattern = nodes.Regex(self.span(token), str(token)[1:-1])
        multi = self.token(tree, "MULTI") is not None
        return command_nodes.Parse(self.span(tree), self.parse_field(tree), "regex", pattern, names, multi)

    @COMMANDS.on("parse_logfmt")
    def _parse_logfmt(self, tree: "Tree[Token]") -> command_nodes.Parse:
        name = self.name(self.trees(tree, "name")[0])
        return command_nodes.Parse(self.span(tree), self.parse_field(tree), "logfmt", None, (name,))

    @COMMANDS.on("parse_csv")
    def _parse_csv(self, tree: "Tree[Token]") -> command_nodes.Parse:
        names = self.names(self.trees(tree, "names")[0])
        return command_nodes.Parse(self.span(tree), self.parse_field(tree), "csv", None, names)

    @COMMANDS.on("json_path")
    def _json_path(self, tree: "Tree[Token]") -> command_nodes.JsonPath:
        token = self.token(tree, "STRING")
        assert token is not None
        field, name = self.ref(self.trees(tree, "ref")[0]), self.name(self.trees(tree, "name")[0])
        return command_nodes.JsonPath(self.span(tree), field, nodes.String(self.span(token), unquote(token)), name)

    @COMMANDS.on("unnest")
    def _unnest(self, tree: "Tree[Token]") -> command_nodes.Unnest:
        subject = self.trees(tree)
        return command_nodes.Unnest(self.span(tree), self.expr(subject[0]), self.name(subject[-1]))

    @COMMANDS.on("expand")
    def _expand(self, tree: "Tree[Token]") -> command_nodes.Expand:
        return command_nodes.Expand(self.span(tree), self.ref(self.trees(tree, "ref")[0]))

    @COMMANDS.on("lookup")
    def _lookup(self, tree: "Tree[Token]") -> command_nodes.Lookup:
        matches = []
        for match in self.trees(tree, "match"):
            column = self.name(self.trees(match, "name")[0])
            refs = self.trees(match, "ref")
            matches.append((column, self.ref(refs[0]) if refs else nodes.Ref(column.span, (column.text,))))
        overwrite, outputs = self.outputs(tree)
        return command_nodes.Lookup(self.span(tree), self.table(tree), tuple(matches), overwrite, outputs)

    @COMMANDS.on("cidrlookup")
    def _cidrlookup(self, tree: "Tree[Token]") -> command_nodes.CidrLookup:
        columns = self.trees(tree, "name")
        field, column = self.ref(self.trees(tree, "ref")[0]), self.name(columns[0]) if columns else None
        return command_nodes.CidrLookup(self.span(tree), self.table(tree), field, column, *self.outputs(tree))

    def table(self, tree: "Tree[Token]") -> nodes.Name:
        """The name of a lookup table."""
        block = self.trees(tree, "table_name")[0]
        token = cast(Token, block.children[0])
        text = unquote(token) if token.type == "STRING" else plain(token)
        return nodes.Name(self.span(block), text)

    def outputs(self, tree: "Tree[Token]") -> tuple[bool, tuple[command_nodes.LookupOutput, ...]]:
        """Whether to overwrite, and the outputs."""
        block = self.trees(tree, "output", "output_new")[0]
        outputs = []
        for out in self.trees(block, "out"):
            names = [self.name(c) for c in self.trees(out, "name")]
            outputs.append(command_nodes.LookupOutput(self.span(out), names[0], names[-1]))
        return block.data == "output", tuple(outputs)

    @COMMANDS.on("accum")
    def _accum(self, tree: "Tree[Token]") -> command_nodes.Accum:
        field = self.ref(self.trees(tree, "ref")[0])
        names = self.trees(tree, "name")
        return command_nodes.Accum(
            self.span(tree), field, self.name(names[0]) if names else nodes.Name(field.span, field.name)
        )

    @COMMANDS.on("addtotals")
    def _addtotals(self, tree: "Tree[Token]") -> command_nodes.AddTotals:
        settings: dict[str, str] = {}
        for option in self.trees(tree, "option"):
            key = str(self.token(option, "OPTION")).lower()
            value = self.trees(option, "option_value")[0]
            text = plain(str(value.children[0]))
            if key != "fieldname" and text.lower() not in ("true", "false"):
                raise self.fail(f"{key} expects true or false", self.span(value))
            settings[key] = text
        blocks = self.trees(tree, "refs")
        return command_nodes.AddTotals(
            self.span(tree),
            settings.get("fieldname", "Total"),
            settings.get("row", "true").lower() == "true",
            settings.get("col", "false").lower() == "true",
            tuple(self.ref(c) for c in self.trees(blocks[0], "ref")) if blocks else (),
        )

    @COMMANDS.on("fillmissing")
    def _fillmissing(self, tree: "Tree[Token]") -> command_nodes.FillMissing:
        values = []
        for fill in self.trees(tree, "fill"):
            value, field = self.trees(fill)
            values.append((self.expr(value), self.ref(field)))
        return command_nodes.FillMissing(self.span(tree), tuple(values))

    @COMMANDS.on("count_frequent")
    def _count_frequent(self, tree: "Tree[Token]") -> command_nodes.CountFrequent:
        block = self.trees(tree, "refs")[0]
        return command_nodes.CountFrequent(self.span(tree), tuple(self.ref(c) for c in self.trees(block, "ref")))

    @COMMANDS.on("pattern")
    def _pattern(self, tree: "Tree[Token]") -> command_nodes.PatternCommand:
        return command_nodes.PatternCommand(self.span(tree), self.expr(self.trees(tree)[0]))

    def subquery(self, tree: "Tree[Token]") -> int:
        """Builds the query in parentheses at the end of a tree; its position among those of the query around it."""
        outer, self.inner = self.inner, []
        made = self.program(self.trees(tree, "subquery")[0])
        self.inner = [*outer, made]
        return len(outer)

    @COMMANDS.on("join")
    def _join(self, tree: "Tree[Token]") -> command_nodes.Join:
        options: dict[str, nodes.Name] = {}
        for option in self.trees(tree, "join_option"):
            word = str(self.token(option, "JOIN_OPTION")).lower()
            if word in options:
                raise self.fail(f"{word} stands twice", self.span(option))
            options[word] = self.name(self.trees(option, "name")[0])
        span, kind = self.span(tree), options.get("type")
        if kind and kind.text.lower() not in ("inner", "left"):
            raise self.fail("type expects inner or left", kind.span)
        if not {"left", "right"} <= options.keys() or options["left"].text == options["right"].text:
            raise self.fail("join expects two names: left=a right=b", span)
        operator, keys = self.token(tree, "COMPARE"), [self.ref(ref) for ref in self.trees(tree, "ref")]
        by_alias = {str(key.parts[0]): nodes.Ref(key.span, key.parts[1:]) for key in keys if len(key.parts) > 1}
        left, right = options["left"], options["right"]
        if operator != "=" or by_alias.keys() != {left.text, right.text}:
            place = keys[0].span.to(keys[1].span)
            raise self.fail(f"join expects one equality: {left.text}.field = {right.text}.field", place)
        inner = kind is None or kind.text.lower() == "inner"
        return command_nodes.Join(
            span, inner, left, right, by_alias[left.text], by_alias[right.text], self.subquery(tree)
        )

    @COMMANDS.on("estimate")
    def _estimate(self, tree: "Tree[Token]") -> command_nodes.EstimateCommand:
        return command_nodes.EstimateCommand(self.span(tree))
