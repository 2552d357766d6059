"""Lark trees of commands to nodes."""

from collections.abc import Callable
from typing import cast

from lark import Token, Tree

from . import nodes as n
from .build_expressions import MAX_DEPTH, ExpressionBuilder, plain, unquote


class Builder(ExpressionBuilder):
    """Builds a whole program."""

    def program(self, tree: "Tree[Token]") -> n.Program:
        """The program of a parse tree."""
        source: n.Source | None = None
        commands: list[n.Command] = []
        for child in self.trees(tree):
            if str(child.data).startswith("source"):
                source = self.source(child)
            else:
                commands.append(self.command(child))
        return n.Program(self.text, source, tuple(commands))

    def command(self, tree: "Tree[Token]") -> n.Command:
        """One command; each rule of the grammar has its builder."""
        build = cast("Callable[[Tree[Token]], n.Command]", getattr(self, f"c_{tree.data}"))
        return build(tree)

    def source(self, tree: "Tree[Token]") -> n.Source:
        """The SOURCE command."""
        span = self.span(tree)
        if tree.data == "source_group":
            return n.Source(span, unquote(str(self.token(tree, "STRING"))), ())
        return n.Source(span, None, tuple(self.source_call(c) for c in self.trees(tree, "source_call")))

    def source_call(self, tree: "Tree[Token]") -> n.SourceCall:
        """``logGroups(...)`` and its like."""
        values: list[tuple[str, object]] = []
        for block in self.trees(tree, "source_args"):
            for argument in self.trees(block):
                if argument.data == "source_plain":
                    values.append(("", self.source_value(self.trees(argument)[0])))
                else:
                    key = str(self.token(argument, "NAME"))
                    values.append((key, self.source_value(self.trees(argument)[0])))
        return n.SourceCall(self.span(tree), str(self.token(tree, "NAME")), tuple(values))

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

    def c_fields(self, tree: "Tree[Token]") -> n.Fields:
        return n.Fields(self.span(tree), self.items(self.trees(tree, "items")[0]))

    def c_display(self, tree: "Tree[Token]") -> n.Display:
        return n.Display(self.span(tree), self.items(self.trees(tree, "items")[0]))

    def c_filter(self, tree: "Tree[Token]") -> n.Filter:
        return n.Filter(self.span(tree), self.expr(self.trees(tree)[0]))

    def c_filter_index(self, tree: "Tree[Token]") -> n.Filter:
        condition = self.expr(self.trees(tree)[0])
        parts = condition.operands if isinstance(condition, n.Logic) else (condition,)
        for part in parts:
            equality = isinstance(part, n.Compare) and part.op == "=" and isinstance(part.left, n.Ref)
            member = isinstance(part, n.In) and not part.negated and isinstance(part.subject, n.Ref)
            if not (equality or member):
                raise self.fail("filterIndex accepts field = value and field in [...]", part.span)
        return n.Filter(self.span(tree), condition, indexed=True)

    def c_stats(self, tree: "Tree[Token]") -> n.Stats:
        keys: tuple[n.Item, ...] = ()
        offset: n.Period | None = None
        for clause in self.trees(tree, "by_clause"):
            keys = self.items(self.trees(clause, "items")[0])
            period = self.token(clause, "PERIOD")
            offset = self.period(period) if period else None
        return n.Stats(self.span(tree), self.items(self.trees(tree, "items")[0]), keys, offset)

    def c_sort(self, tree: "Tree[Token]") -> n.Sort:
        keys = []
        for key in self.trees(tree, "sort_key"):
            inner = self.trees(key)[0]
            direction = self.token(key, "DIRECTION")
            expr = self.expr(inner)
            keys.append(
                n.SortKey(self.span(key), expr, self.heading(expr), bool(direction and direction.lower() == "desc"))
            )
        return n.Sort(self.span(tree), tuple(keys))

    def c_limit(self, tree: "Tree[Token]") -> n.Limit:
        token = self.token(tree, "NUMBER")
        assert token is not None
        if not token.isdigit():
            raise self.fail("limit expects a whole number", self.span(token))
        count = int(token)
        if not 1 <= count <= 100_000:
            raise self.fail("limit must be between 1 and 100000", self.span(token))
        return n.Limit(self.span(tree), count, self.token(tree, "ANY") is not None)

    def c_dedup(self, tree: "Tree[Token]") -> n.Dedup:
        return n.Dedup(self.span(tree), tuple(self.ref(c) for c in self.trees(tree, "ref")))

    def parse_field(self, tree: "Tree[Token]") -> n.Ref | None:
        """The field that parse reads, if it is named."""
        refs = self.trees(tree, "ref")
        return self.ref(refs[0]) if refs else None

    def c_parse_glob(self, tree: "Tree[Token]") -> n.Parse:
        token = self.token(tree, "STRING")
        assert token is not None
        pattern = n.String(self.span(token), unquote(token))
        names = self.names(self.trees(tree, "names")[0])
        stars = pattern.value.count("*")
        if stars != len(names):
            raise self.fail(f"the pattern has {stars} wildcards (*), but {len(names)} names follow as", self.span(tree))
        return n.Parse(self.span(tree), self.parse_field(tree), "glob", pattern, names)

    def c_parse_regex(self, tree: "Tree[Token]") -> n.Parse:
        token = self.token(tree, "REGEX")
        assert token is not None
        blocks = self.trees(tree, "names")
        names = self.names(blocks[0]) if blocks else ()
        pattern = n.Regex(self.span(token), str(token)[1:-1])
        multi = self.token(tree, "MULTI") is not None
        return n.Parse(self.span(tree), self.parse_field(tree), "regex", pattern, names, multi)

    def c_parse_logfmt(self, tree: "Tree[Token]") -> n.Parse:
        name = self.name(self.trees(tree, "name")[0])
        return n.Parse(self.span(tree), self.parse_field(tree), "logfmt", None, (name,))

    def c_parse_csv(self, tree: "Tree[Token]") -> n.Parse:
        names = self.names(self.trees(tree, "names")[0])
        return n.Parse(self.span(tree), self.parse_field(tree), "csv", None, names)

    def c_json_path(self, tree: "Tree[Token]") -> n.JsonPath:
        token = self.token(tree, "STRING")
        assert token is not None
        path = n.String(self.span(token), unquote(token))
        return n.JsonPath(
            self.span(tree),
            self.ref(self.trees(tree, "ref")[0]),
            path,
            self.name(self.trees(tree, "name")[0]),
        )

    def c_unnest(self, tree: "Tree[Token]") -> n.Unnest:
        subject = self.trees(tree)
        return n.Unnest(self.span(tree), self.expr(subject[0]), self.name(subject[-1]))

    def c_expand(self, tree: "Tree[Token]") -> n.Expand:
        return n.Expand(self.span(tree), self.ref(self.trees(tree, "ref")[0]))

    def c_lookup(self, tree: "Tree[Token]") -> n.Lookup:
        matches = []
        for match in self.trees(tree, "match"):
            column = self.name(self.trees(match, "name")[0])
            refs = self.trees(match, "ref")
            matches.append((column, self.ref(refs[0]) if refs else n.Ref(column.span, (column.text,))))
        overwrite, outputs = self.outputs(tree)
        return n.Lookup(self.span(tree), self.table(tree), tuple(matches), overwrite, outputs)

    def c_cidrlookup(self, tree: "Tree[Token]") -> n.CidrLookup:
        columns = self.trees(tree, "name")
        overwrite, outputs = self.outputs(tree)
        return n.CidrLookup(
            self.span(tree),
            self.table(tree),
            self.ref(self.trees(tree, "ref")[0]),
            self.name(columns[0]) if columns else None,
            overwrite,
            outputs,
        )

    def table(self, tree: "Tree[Token]") -> n.Name:
        """The name of a lookup table."""
        block = self.trees(tree, "table_name")[0]
        token = cast(Token, block.children[0])
        text = unquote(token) if token.type == "STRING" else plain(token)
        return n.Name(self.span(block), text)

    def outputs(self, tree: "Tree[Token]") -> tuple[bool, tuple[n.LookupOutput, ...]]:
        """Whether to overwrite, and the outputs."""
        block = self.trees(tree, "output", "output_new")[0]
        found = []
        for out in self.trees(block, "out"):
            names = [self.name(c) for c in self.trees(out, "name")]
            found.append(n.LookupOutput(self.span(out), names[0], names[-1]))
        return block.data == "output", tuple(found)

    def c_accum(self, tree: "Tree[Token]") -> n.Accum:
        field = self.ref(self.trees(tree, "ref")[0])
        names = self.trees(tree, "name")
        return n.Accum(self.span(tree), field, self.name(names[0]) if names else n.Name(field.span, field.name))

    def c_addtotals(self, tree: "Tree[Token]") -> n.AddTotals:
        settings: dict[str, str] = {}
        for option in self.trees(tree, "option"):
            key = str(self.token(option, "OPTION")).lower()
            value = self.trees(option, "option_value")[0]
            text = plain(str(value.children[0]))
            if key != "fieldname" and text.lower() not in ("true", "false"):
                raise self.fail(f"{key} expects true or false", self.span(value))
            settings[key] = text
        blocks = self.trees(tree, "refs")
        return n.AddTotals(
            self.span(tree),
            settings.get("fieldname", "Total"),
            settings.get("row", "true").lower() == "true",
            settings.get("col", "false").lower() == "true",
            tuple(self.ref(c) for c in self.trees(blocks[0], "ref")) if blocks else (),
        )

    def c_fillmissing(self, tree: "Tree[Token]") -> n.FillMissing:
        values = []
        for fill in self.trees(tree, "fill"):
            value, field = self.trees(fill)
            values.append((self.expr(value), self.ref(field)))
        return n.FillMissing(self.span(tree), tuple(values))

    def c_count_frequent(self, tree: "Tree[Token]") -> n.CountFrequent:
        block = self.trees(tree, "refs")[0]
        return n.CountFrequent(self.span(tree), tuple(self.ref(c) for c in self.trees(block, "ref")))

    def c_estimate(self, tree: "Tree[Token]") -> n.Estimate:
        return n.Estimate(self.span(tree))
