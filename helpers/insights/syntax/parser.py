"""Text to ``Program``: lark parses (LALR), the builders make nodes, errors get their place."""

import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from helpers.insights.syntax.build_commands import Builder
from helpers.insights.syntax.command_nodes import Program
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.refusals import expected, refuse_command

MAX_LENGTH = 10_000  # StartQuery's queryString, API reference


@cache
def grammar() -> Lark:
    """The parser of the language, made once: that takes a tenth of a second."""
    text = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return Lark(text, parser="lalr", lexer="contextual", propagate_positions=True, keep_all_tokens=True)


def parse(text: str) -> Program:
    """The syntax tree of a query. Raises ``MalformedQuery`` with the place of the first mistake."""
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
        tree = grammar().parse(text)
    except UnexpectedInput as error:
        raise _placed(error, text) from None
    return Builder(text).program(tree)


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
        symbol = re.compile(r"@{0,2}\w+|.", re.DOTALL).match(text, start)
        end = symbol.end() if symbol else start + 1
    word = text[start:end]
    refusal = refuse_command(text, start, word)
    if refusal:
        return MalformedQuery(refusal, text, start, end)
    before = text[:start].rstrip()
    hint = ""
    if re.search(r"\bin\s*\($", before, re.IGNORECASE):
        hint = "; a list is written [22, 443], a subquery (SOURCE 'group' | ... | fields f)"
    if word == "=" and before.endswith("="):
        hint = "; equality is written with one ="
    elif word in ('"', "'"):
        hint = "; the quotation mark is not closed"
    elif word == "-" and before.endswith("-"):
        hint = "; a comment begins with #"
    return MalformedQuery(f"unexpected symbol found {word}{hint}{expected(names)}", text, start, end)
