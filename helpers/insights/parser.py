"""Text to `Program`: lark parses (LALR), `_Builder` turns its tree into frozen nodes, errors get their place."""

import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from . import nodes as n
from .errors import MalformedQuery
from .wording import expected, not_simulated, refuse_command

MAX_LENGTH = 10_000  # StartQuery's queryString, API reference
MAX_DEPTH = 100

_UNITS = {
    "ms": ("ms", "msec", "msecs", "millisecond", "milliseconds"),
    "s": ("s", "sec", "secs", "second", "seconds"),
    "m": ("m", "min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
    "w": ("w", "week", "weeks"),
    "mo": ("mo", "mos", "mon", "mons", "month", "months"),
    "q": ("q", "qtr", "qtrs", "quarter", "quarters"),
    "y": ("y", "yr", "yrs", "year", "years"),
}
_UNIT_OF = {name: unit for unit, names in _UNITS.items() for name in names}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\"}
_BLANKS = re.compile(r"\s+")


@cache
def _lark() -> Lark:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, keep_all_tokens=True)


def parse(text: str) -> n.Program:
    """The syntax tree of a query. Raises `MalformedQuery` with the place of the first mistake."""
    if len(text) > MAX_LENGTH:
        raise MalformedQuery(
            f"the query has {len(text)} characters, more than the {MAX_LENGTH} that are allowed",
            text,
            MAX_LENGTH,
            len(text),
        )
    for position, character in enumerate(text):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            raise MalformedQuery("a character that cannot be part of a query", text, position)
    try:
        tree = _lark().parse(text)
    except UnexpectedInput as error:
        raise _placed(error, text) from None
    return _Builder(text).program(cast("Tree[Token]", tree))


def _placed(error: UnexpectedInput, text: str) -> MalformedQuery:
    """The lark error as ours: what was found, what could have stood there, and where."""
    at = getattr(error, "pos_in_stream", None)
    start = len(text) if at is None or at < 0 else at
    end = start + 1
    names: Iterable[str] = ()
    if isinstance(error, UnexpectedToken):
        names = error.accepts or error.expected
        if error.token.type == "$END":
            start = end = len(text.rstrip())
            return MalformedQuery(f"unexpected end of the query{expected(names)}", text, start, end)
        start, end = error.token.start_pos or 0, error.token.end_pos or start + 1
    elif isinstance(error, UnexpectedCharacters):
        names = error.allowed or ()
        word = re.compile(r"@{0,2}\w+|.", re.DOTALL).match(text, start)
        end = word.end() if word else start + 1
    found = text[start:end]
    refusal = refuse_command(text, start, found)
    if refusal:
        return MalformedQuery(refusal, text, start, end)
    before = text[:start].rstrip()
    if found == "(" and re.search(r"\bin$", before, re.IGNORECASE):
        return MalformedQuery(not_simulated("subqueries"), text, start, end)
    hint = ""
    if found == "=" and before.endswith("="):
        hint = "; equality is written with one ="
    elif found in ('"', "'"):
        hint = "; the quotation mark is not closed"
    elif found == "-" and before.endswith("-"):
        hint = "; a comment begins with #"
    return MalformedQuery(f"unexpected symbol found {found}{hint}{expected(names)}", text, start, end)


def _unquote(token: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), token[1:-1])


def _plain(token: str) -> str:
    """A name without its backticks; an @ in front of them stays."""
    return token.replace("`", "")


class _Builder:
    """Walks a lark tree; holds the text (for spans and headings) and how deep the walk is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    # helpers -------------------------------------------------------------------------------------

    def span(self, tree: "Tree[Token] | Token") -> n.Span:
        if isinstance(tree, Token):
            return n.Span(tree.start_pos or 0, tree.end_pos or 0)
        return n.Span(tree.meta.start_pos, tree.meta.end_pos)

    def slice(self, span: n.Span) -> str:
        return _BLANKS.sub(" ", self.text[span.start : span.end].strip())

    def trees(self, tree: "Tree[Token]", *names: str) -> "list[Tree[Token]]":
        return [c for c in tree.children if isinstance(c, Tree) and (not names or c.data in names)]

    def token(self, tree: "Tree[Token]", *types: str) -> Token | None:
        found = [c for c in tree.children if isinstance(c, Token) and c.type in types]
        return found[0] if found else None

    def fail(self, message: str, span: n.Span) -> MalformedQuery:
        return MalformedQuery(message, self.text, span.start, span.end)

    # program -------------------------------------------------------------------------------------

    def program(self, tree: "Tree[Token]") -> n.Program:
        source: n.Source | None = None
        commands: list[n.Command] = []
        for child in self.trees(tree):
            if str(child.data).startswith("source"):
                source = self.source(child)
            else:
                commands.append(self.command(child))
        return n.Program(self.text, source, tuple(commands))

    def command(self, tree: "Tree[Token]") -> n.Command:
        build = cast("Callable[[Tree[Token]], n.Command]", getattr(self, f"c_{tree.data}"))
        return build(tree)

    def source(self, tree: "Tree[Token]") -> n.Source:
        span = self.span(tree)
        if tree.data == "source_group":
            return n.Source(span, _unquote(str(self.token(tree, "STRING"))), ())
        return n.Source(span, None, tuple(self.source_call(c) for c in self.trees(tree, "source_call")))

    def source_call(self, tree: "Tree[Token]") -> n.SourceCall:
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
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested more than {MAX_DEPTH} levels deep", self.span(tree))
        value: object
        if tree.data == "source_string":
            value = _unquote(str(self.token(tree, "STRING")))
        elif tree.data == "source_list":
            value = tuple(self.source_value(c) for c in self.trees(tree))
        else:
            pairs = []
            for pair in self.trees(tree, "source_pair"):
                key = self.token(pair, "NAME", "STRING")
                assert key is not None
                text = _unquote(key) if key.type == "STRING" else str(key)
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
                n.SortKey(
                    self.span(key), expr, self.heading(expr), bool(direction and direction.lower() == "desc")
                )
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
        refs = self.trees(tree, "ref")
        return self.ref(refs[0]) if refs else None

    def c_parse_glob(self, tree: "Tree[Token]") -> n.Parse:
        token = self.token(tree, "STRING")
        assert token is not None
        pattern = n.String(self.span(token), _unquote(token))
        names = self.names(self.trees(tree, "names")[0])
        stars = pattern.value.count("*")
        if stars != len(names):
            raise self.fail(
                f"the pattern has {stars} wildcards (*), but {len(names)} names follow as", self.span(tree)
            )
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
        path = n.String(self.span(token), _unquote(token))
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
        block = self.trees(tree, "table_name")[0]
        token = cast(Token, block.children[0])
        text = _unquote(token) if token.type == "STRING" else _plain(token)
        return n.Name(self.span(block), text)

    def outputs(self, tree: "Tree[Token]") -> tuple[bool, tuple[n.LookupOutput, ...]]:
        block = self.trees(tree, "output", "output_new")[0]
        found = []
        for out in self.trees(block, "out"):
            names = [self.name(c) for c in self.trees(out, "name")]
            found.append(n.LookupOutput(self.span(out), names[0], names[-1]))
        return block.data == "output", tuple(found)

    def c_accum(self, tree: "Tree[Token]") -> n.Accum:
        field = self.ref(self.trees(tree, "ref")[0])
        names = self.trees(tree, "name")
        return n.Accum(
            self.span(tree), field, self.name(names[0]) if names else n.Name(field.span, field.name)
        )

    def c_addtotals(self, tree: "Tree[Token]") -> n.AddTotals:
        settings: dict[str, str] = {}
        for option in self.trees(tree, "option"):
            key = str(self.token(option, "OPTION")).lower()
            value = self.trees(option, "option_value")[0]
            text = _plain(str(value.children[0]))
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

    # items and names -----------------------------------------------------------------------------

    def items(self, tree: "Tree[Token]") -> tuple[n.Item, ...]:
        found = []
        for item in self.trees(tree, "item"):
            parts = self.trees(item)
            expr = self.expr(parts[0])
            alias = self.name(parts[1]) if len(parts) > 1 else None
            found.append(n.Item(self.span(item), expr, alias, alias.text if alias else self.heading(expr)))
        return tuple(found)

    def heading(self, expr: n.Expr) -> str:
        """How an expression without alias is named: a field by its name, anything else by its text."""
        return expr.name if isinstance(expr, n.Ref) else self.slice(expr.span)

    def names(self, tree: "Tree[Token]") -> tuple[n.Name, ...]:
        return tuple(self.name(c) for c in self.trees(tree, "name"))

    def name(self, tree: "Tree[Token]") -> n.Name:
        text = ""
        for child in tree.children:
            text += _plain(child) if isinstance(child, Token) else "." + str(self.token(child, "SEGMENT"))
        return n.Name(self.span(tree), text)

    # expressions ---------------------------------------------------------------------------------

    def expr(self, tree: "Tree[Token]") -> n.Expr:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested more than {MAX_DEPTH} levels deep", self.span(tree))
        build = cast("Callable[[Tree[Token]], n.Expr]", getattr(self, f"e_{tree.data}"))
        result = build(tree)
        self.depth -= 1
        return result

    def e_number(self, tree: "Tree[Token]") -> n.Number:
        text = str(tree.children[0])
        if text.isdigit():
            return n.Number(self.span(tree), int(text))
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise self.fail("the number is too large", self.span(tree))
        return n.Number(self.span(tree), value)

    def e_string(self, tree: "Tree[Token]") -> n.String:
        return n.String(self.span(tree), _unquote(str(tree.children[0])))

    def e_boolean(self, tree: "Tree[Token]") -> n.Boolean:
        return n.Boolean(self.span(tree), str(tree.children[0]).lower() == "true")

    def e_regex(self, tree: "Tree[Token]") -> n.Regex:
        return n.Regex(self.span(tree), str(tree.children[0])[1:-1])

    def e_star(self, tree: "Tree[Token]") -> n.Star:
        return n.Star(self.span(tree))

    def e_period(self, tree: "Tree[Token]") -> n.Period:
        return self.period(cast(Token, tree.children[0]))

    def period(self, token: Token) -> n.Period:
        match = re.match(r"(\d+)\s*(\w+)", token)
        assert match is not None
        count = int(match[1])
        if not 1 <= count <= 1_000_000:
            raise self.fail("a period is at least 1 and at most 1000000 units", self.span(token))
        return n.Period(self.span(token), count, _UNIT_OF[match[2].lower()])

    def e_ref(self, tree: "Tree[Token]") -> n.Ref:
        return self.ref(tree)

    def ref(self, tree: "Tree[Token]") -> n.Ref:
        head = _plain(str(tree.children[0]))
        paths = self.trees(tree, "path")
        return n.Ref(self.span(tree), (head, *(self.path(paths[0]) if paths else ())))

    def path(self, tree: "Tree[Token]") -> tuple[str | int, ...]:
        parts: list[str | int] = []
        for step in self.trees(tree):
            token = cast(Token, step.children[1])
            if step.data == "step_name":
                parts.append(_plain(token))
                continue
            if not token.isdigit() or len(token) > 9:
                raise self.fail("a position in a list is a whole number, counted from 0", self.span(token))
            parts.append(int(token))
        return tuple(parts)

    def e_call(self, tree: "Tree[Token]") -> n.Call:
        blocks = self.trees(tree, "args")
        args = tuple(self.expr(c) for c in self.trees(blocks[0])) if blocks else ()
        return n.Call(self.span(tree), str(self.token(tree, "NAME")), args)

    def e_access(self, tree: "Tree[Token]") -> n.Access:
        base, path = self.trees(tree)
        return n.Access(self.span(tree), self.expr(base), self.path(path))

    def e_group(self, tree: "Tree[Token]") -> n.Expr:
        return self.expr(self.trees(tree)[0])

    def e_group_access(self, tree: "Tree[Token]") -> n.Access:
        base, path = self.trees(tree)
        return n.Access(self.span(tree), self.expr(base), self.path(path))

    def e_arithmetic(self, tree: "Tree[Token]") -> n.Arithmetic:
        operands = self.trees(tree)
        symbols = [str(c) for c in tree.children if isinstance(c, Token)]
        rest = tuple((s, self.expr(o)) for s, o in zip(symbols, operands[1:], strict=True))
        if len(rest) > MAX_DEPTH:
            raise self.fail(f"more than {MAX_DEPTH} operators in a row", self.span(tree))
        return n.Arithmetic(self.span(tree), self.expr(operands[0]), rest)

    def e_power(self, tree: "Tree[Token]") -> n.Arithmetic:
        base, exponent = self.trees(tree)
        return n.Arithmetic(self.span(tree), self.expr(base), (("^", self.expr(exponent)),))

    def e_negative(self, tree: "Tree[Token]") -> n.Negative:
        return n.Negative(self.span(tree), self.expr(self.trees(tree)[0]))

    def e_compare(self, tree: "Tree[Token]") -> n.Compare:
        left, right = self.trees(tree)
        return n.Compare(self.span(tree), str(self.token(tree, "COMPARE")), self.expr(left), self.expr(right))

    def e_like(self, tree: "Tree[Token]", negated: bool = False) -> n.Like:
        subject, pattern = self.trees(tree)
        return n.Like(self.span(tree), self.expr(subject), self.expr(pattern), negated)

    def e_not_like(self, tree: "Tree[Token]") -> n.Like:
        return self.e_like(tree, negated=True)

    def e_in_(self, tree: "Tree[Token]", negated: bool = False) -> n.In:
        subject, block = self.trees(tree)
        items = tuple(self.expr(c) for c in self.trees(block))
        return n.In(self.span(tree), self.expr(subject), items, negated)

    def e_not_in(self, tree: "Tree[Token]") -> n.In:
        return self.e_in_(tree, negated=True)

    def e_conjunction(self, tree: "Tree[Token]") -> n.Logic:
        return n.Logic(self.span(tree), "and", tuple(self.expr(c) for c in self.trees(tree)))

    def e_disjunction(self, tree: "Tree[Token]") -> n.Logic:
        return n.Logic(self.span(tree), "or", tuple(self.expr(c) for c in self.trees(tree)))

    def e_not_(self, tree: "Tree[Token]") -> n.Not:
        return n.Not(self.span(tree), self.expr(self.trees(tree)[-1]))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the grammar has a rule without a builder: {name}")
