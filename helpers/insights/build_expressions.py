"""Lark trees of expressions, items and names to nodes."""

import re
from collections.abc import Callable
from typing import cast

from lark import Token, Tree

from . import nodes as n
from .errors import MalformedQuery

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


def unquote(token: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[0]), token[1:-1])


def plain(token: str) -> str:
    """A name without its backticks; an @ in front of them stays."""
    return token.replace("`", "")


class ExpressionBuilder:
    """Walks a lark tree; holds the text (for spans and headings) and how deep the walk is."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.depth = 0

    def span(self, tree: "Tree[Token] | Token") -> n.Span:
        """The place of a tree or token."""
        if isinstance(tree, Token):
            return n.Span(tree.start_pos or 0, tree.end_pos or 0)
        return n.Span(tree.meta.start_pos, tree.meta.end_pos)

    def slice(self, span: n.Span) -> str:
        """The text of a place, blanks run together."""
        return _BLANKS.sub(" ", self.text[span.start : span.end].strip())

    def trees(self, tree: "Tree[Token]", *names: str) -> "list[Tree[Token]]":
        """The subtrees, all or those of these rules."""
        return [c for c in tree.children if isinstance(c, Tree) and (not names or c.data in names)]

    def token(self, tree: "Tree[Token]", *types: str) -> Token | None:
        """The first token of one of these types."""
        found = [c for c in tree.children if isinstance(c, Token) and c.type in types]
        return found[0] if found else None

    def fail(self, message: str, span: n.Span) -> MalformedQuery:
        """A refusal at a place."""
        return MalformedQuery(message, self.text, span.start, span.end)

    # items and names -----------------------------------------------------------------------------

    def items(self, tree: "Tree[Token]") -> tuple[n.Item, ...]:
        """``expr [as alias]``, with headings."""
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
        """Several names."""
        return tuple(self.name(c) for c in self.trees(tree, "name"))

    def name(self, tree: "Tree[Token]") -> n.Name:
        """A name without its backticks."""
        text = ""
        for child in tree.children:
            text += plain(child) if isinstance(child, Token) else "." + str(self.token(child, "SEGMENT"))
        return n.Name(self.span(tree), text)

    # expressions ---------------------------------------------------------------------------------

    def expr(self, tree: "Tree[Token]") -> n.Expr:
        """Any expression."""
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
        return n.String(self.span(tree), unquote(str(tree.children[0])))

    def e_boolean(self, tree: "Tree[Token]") -> n.Boolean:
        return n.Boolean(self.span(tree), str(tree.children[0]).lower() == "true")

    def e_regex(self, tree: "Tree[Token]") -> n.Regex:
        return n.Regex(self.span(tree), str(tree.children[0])[1:-1])

    def e_star(self, tree: "Tree[Token]") -> n.Star:
        return n.Star(self.span(tree))

    def e_period(self, tree: "Tree[Token]") -> n.Period:
        return self.period(cast(Token, tree.children[0]))

    def period(self, token: Token) -> n.Period:
        """A period such as 5m."""
        match = re.match(r"(\d+)\s*(\w+)", token)
        assert match is not None
        count = int(match[1])
        if not 1 <= count <= 1_000_000:
            raise self.fail("a period is at least 1 and at most 1000000 units", self.span(token))
        return n.Period(self.span(token), count, _UNIT_OF[match[2].lower()])

    def e_ref(self, tree: "Tree[Token]") -> n.Ref:
        return self.ref(tree)

    def ref(self, tree: "Tree[Token]") -> n.Ref:
        """A field with its attributes and positions."""
        head = plain(str(tree.children[0]))
        paths = self.trees(tree, "path")
        return n.Ref(self.span(tree), (head, *(self.path(paths[0]) if paths else ())))

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
