"""Lark trees of expressions, items and names to nodes."""

import re
from collections.abc import Callable
from typing import cast

from lark import Token, Tree

from helpers.insights.syntax import nodes
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.handler_table import HandlerTable

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


def unquote(token: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), token[1:-1])


def plain(token: str) -> str:
    """A name without its backticks; an @ in front of them stays."""
    return token.replace("`", "")


EXPRESSIONS: HandlerTable[str, Callable[["ExpressionBuilder", "Tree[Token]"], nodes.Expr]] = HandlerTable()
"""The method that builds the expression of each rule of the grammar."""


class ExpressionBuilder:
    """Walks a lark tree; holds the text (for spans and headings) and how deep the walk is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def span(self, tree: "Tree[Token] | Token") -> nodes.Span:
        """The place of a tree or token."""
        if isinstance(tree, Token):
            return nodes.Span(tree.start_pos or 0, tree.end_pos or 0)
        return nodes.Span(tree.meta.start_pos, tree.meta.end_pos)

    def trees(self, tree: "Tree[Token]", *names: str) -> "list[Tree[Token]]":
        """The subtrees, all or those of these rules."""
        return [c for c in tree.children if isinstance(c, Tree) and (not names or c.data in names)]

    def token(self, tree: "Tree[Token]", *types: str) -> Token | None:
        """The first token of one of these types."""
        return next((child for child in tree.children if isinstance(child, Token) and child.type in types), None)

    def fail(self, message: str, span: nodes.Span) -> MalformedQuery:
        """A refusal at a place."""
        return MalformedQuery(message, self.text, span.start, span.end)

    # items and names -----------------------------------------------------------------------------

    def items(self, tree: "Tree[Token]") -> tuple[nodes.Item, ...]:
        """``expr [as alias]``, with headings."""
        items = []
        for item in self.trees(tree, "item"):
            parts = self.trees(item)
            expr = self.expr(parts[0])
            alias = self.name(parts[1]) if len(parts) > 1 else None
            items.append(
                nodes.Item(self.span(item), expr, alias, alias.text if alias else nodes.heading(self.text, expr))
            )
        return tuple(items)

    def names(self, tree: "Tree[Token]") -> tuple[nodes.Name, ...]:
        """Several names."""
        return tuple(self.name(c) for c in self.trees(tree, "name"))

    def name(self, tree: "Tree[Token]") -> nodes.Name:
        """A name without its backticks."""
        text = ""
        for child in tree.children:
            text += plain(child) if isinstance(child, Token) else "." + str(self.token(child, "SEGMENT"))
        return nodes.Name(self.span(tree), text)

    # expressions ---------------------------------------------------------------------------------

    def expr(self, tree: "Tree[Token]") -> nodes.Expr:
        """Any expression."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail(f"nested more than {MAX_DEPTH} levels deep", self.span(tree))
        result = EXPRESSIONS[tree.data](self, tree)
        self.depth -= 1
        return result

    @EXPRESSIONS.on("number")
    def _number(self, tree: "Tree[Token]") -> nodes.Number:
        text = str(tree.children[0])
        if text.isdigit():
            return nodes.Number(self.span(tree), int(text))
        value = float(text)
        if value in (float("inf"), float("-inf")):
            raise self.fail("the number is too large", self.span(tree))
        return nodes.Number(self.span(tree), value)

    @EXPRESSIONS.on("string")
    def _string(self, tree: "Tree[Token]") -> nodes.String:
        return nodes.String(self.span(tree), unquote(str(tree.children[0])))

    @EXPRESSIONS.on("boolean")
    def _boolean(self, tree: "Tree[Token]") -> nodes.Boolean:
        return nodes.Boolean(self.span(tree), str(tree.children[0]).lower() == "true")

    @EXPRESSIONS.on("regex")
    def _regex(self, tree: "Tree[Token]") -> nodes.Regex:
        return nodes.Regex(self.span(tree), str(tree.children[0])[1:-1])

    @EXPRESSIONS.on("star")
    def _star(self, tree: "Tree[Token]") -> nodes.Star:
        return nodes.Star(self.span(tree))

    @EXPRESSIONS.on("period")
    def _period(self, tree: "Tree[Token]") -> nodes.Period:
        return self.period(cast(Token, tree.children[0]))

    def period(self, token: Token) -> nodes.Period:
        """A period such as 5m."""
        match = re.match(r"(\d+)\s*(\w+)", token)
        assert match is not None
        count = int(match[1])
        if not 1 <= count <= 1_000_000:
            raise self.fail("a period is at least 1 and at most 1000000 units", self.span(token))
        return nodes.Period(self.span(token), count, _UNIT_OF[match[2].lower()])

    @EXPRESSIONS.on("ref")
    def _ref(self, tree: "Tree[Token]") -> nodes.Ref:
        return self.ref(tree)

    def ref(self, tree: "Tree[Token]") -> nodes.Ref:
        """A field with its attributes and positions."""
        head = plain(str(tree.children[0]))
        paths = self.trees(tree, "path")
        return nodes.Ref(self.span(tree), (head, *(self.path(paths[0]) if paths else ())))

    def path(self, tree: "Tree[Token]") -> tuple[str | int, ...]:
        """Attributes and positions."""
        parts: list[str | int] = []
        for step in self.trees(tree):
            token = cast(Token, step.children[1])
            if step.data == "step_name":
                parts.append(plain(token))
                continue
            if not token.isdigit() or len(token) > 9:
                raise self.fail("a position in a list is a whole number, counted from 0", self.span(token))
            parts.append(int(token))
        return tuple(parts)

    @EXPRESSIONS.on("call")
    def _call(self, tree: "Tree[Token]") -> nodes.FunctionCall:
        blocks = self.trees(tree, "args")
        args = tuple(self.expr(c) for c in self.trees(blocks[0])) if blocks else ()
        return nodes.FunctionCall(self.span(tree), str(self.token(tree, "NAME")), args)

    @EXPRESSIONS.on("access", "group_access")
    def _access(self, tree: "Tree[Token]") -> nodes.Access:
        base, path = self.trees(tree)
        return nodes.Access(self.span(tree), self.expr(base), self.path(path))

    @EXPRESSIONS.on("group")
    def _group(self, tree: "Tree[Token]") -> nodes.Expr:
        return self.expr(self.trees(tree)[0])

    @EXPRESSIONS.on("arithmetic")
    def _arithmetic(self, tree: "Tree[Token]") -> nodes.Arithmetic:
        operands = self.trees(tree)
        symbols = [str(c) for c in tree.children if isinstance(c, Token)]
        rest = tuple((s, self.expr(o)) for s, o in zip(symbols, operands[1:], strict=True))
        if len(rest) > MAX_DEPTH:
            raise self.fail(f"more than {MAX_DEPTH} operators in a row", self.span(tree))
        return nodes.Arithmetic(self.span(tree), self.expr(operands[0]), rest)

    @EXPRESSIONS.on("power")
    def _power(self, tree: "Tree[Token]") -> nodes.Arithmetic:
        base, exponent = self.trees(tree)
        return nodes.Arithmetic(self.span(tree), self.expr(base), (("^", self.expr(exponent)),))

    @EXPRESSIONS.on("negative")
    def _negative(self, tree: "Tree[Token]") -> nodes.Negative:
        return nodes.Negative(self.span(tree), self.expr(self.trees(tree)[0]))

    @EXPRESSIONS.on("compare")
    def _compare(self, tree: "Tree[Token]") -> nodes.Compare:
        left, right = self.trees(tree)
        return nodes.Compare(self.span(tree), str(self.token(tree, "COMPARE")), self.expr(left), self.expr(right))

    @EXPRESSIONS.on("like", "not_like")
    def _like(self, tree: "Tree[Token]") -> nodes.Like:
        subject, pattern = self.trees(tree)
        return nodes.Like(self.span(tree), self.expr(subject), self.expr(pattern), tree.data == "not_like")

    @EXPRESSIONS.on("in_", "not_in")
    def _in(self, tree: "Tree[Token]") -> nodes.In:
        subject, block = self.trees(tree)
        items = tuple(self.expr(c) for c in self.trees(block))
        return nodes.In(self.span(tree), self.expr(subject), items, tree.data == "not_in")

    @EXPRESSIONS.on("in_subquery", "not_in_subquery")
    def _in_subquery(self, tree: "Tree[Token]") -> nodes.InSubquery:
        subject = self.expr(self.trees(tree)[0])
        return nodes.InSubquery(self.span(tree), subject, self.subquery(tree), tree.data == "not_in_subquery")

    def subquery(self, tree: "Tree[Token]") -> int:
        """Builds the query in parentheses at the end of a tree; its position. For the builder that knows commands."""
        raise NotImplementedError

    @EXPRESSIONS.on("conjunction", "disjunction")
    def _logic(self, tree: "Tree[Token]") -> nodes.Logic:
        word = "and" if tree.data == "conjunction" else "or"
        return nodes.Logic(self.span(tree), word, tuple(self.expr(operand) for operand in self.trees(tree)))

    @EXPRESSIONS.on("not_")
    def _not(self, tree: "Tree[Token]") -> nodes.Not:
        return nodes.Not(self.span(tree), self.expr(self.trees(tree)[-1]))
