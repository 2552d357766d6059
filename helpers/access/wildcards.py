"""Wildcards and policy variables, as IAM matches them.

A pattern is compared in linear space and at worst ``len(pattern) * len(text)`` steps, so a policy made of nothing but
``*`` cannot stall its evaluation (a regular expression could).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_DEFAULTED = re.compile(r"^\s*([^,]+?)\s*,\s*'([^']*)'\s*$")
_MANY = 0
_ONE = 1
_Token = str | int

# One value, or several for a multivalued key such as ``aws:TagKeys``.
ContextValue = str | Sequence[str]
Context = Mapping[str, ContextValue]


def context_values(context: Context, key: str) -> tuple[str, ...] | None:
    """The values of a context key (keys are compared without case), or None when it is absent."""
    values = context.get(key)
    if values is None:
        wanted = key.lower()
        values = next((value for name, value in context.items() if name.lower() == wanted), None)
    if values is None:
        return None
    return (values,) if isinstance(values, str) else tuple(values)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A text in which ``*`` stands for any characters (none, too) and ``?`` for exactly one."""

    tokens: tuple[_Token, ...]

    def matches(self, text: str) -> bool:
        """Whether the whole text fits the pattern."""
        tokens = self.tokens
        at = star = resume = 0
        have_star = False
        place = 0
        while place < len(text):
            if at < len(tokens) and tokens[at] == _MANY:
                have_star, star, resume = True, at, place
                at += 1
            elif at < len(tokens) and (tokens[at] == _ONE or tokens[at] == text[place]):
                at += 1
                place += 1
            elif have_star:
                resume += 1
                at, place = star + 1, resume
            else:
                return False
        return all(token == _MANY for token in tokens[at:])


def _glob_tokens(text: str) -> list[_Token]:
    return [_MANY if char == "*" else _ONE if char == "?" else char for char in text]


@lru_cache(maxsize=4096)
def _fixed(text: str, wildcards: bool) -> Pattern:
    return Pattern(tuple(_glob_tokens(text) if wildcards else text))


def glob(pattern: str, text: str) -> bool:
    """Whether ``text`` fits ``pattern``, case mattering, with no policy variables.

    >>> glob("logs:Describe*", "logs:DescribeLogGroups"), glob("eni-?", "eni-12")
    (True, False)
    """
    return _fixed(pattern, True).matches(text)


def _variable(inside: str, context: Context) -> str | None:
    if inside in ("*", "?", "$"):
        return inside
    defaulted = _DEFAULTED.match(inside)
    key = defaulted.group(1) if defaulted else inside.strip()
    values = context_values(context, key)
    # A multivalued key has no single text to put in; IAM leaves such a variable unresolved.
    if values is not None and len(values) == 1:
        return values[0]
    return defaulted.group(2) if defaulted else None


def resolve(text: str, context: Context, *, variables: bool, wildcards: bool = True) -> Pattern | None:
    """The pattern that ``text`` means for one request, or None when a policy variable has no value.

    What a variable brings in is literal: a ``*`` in it is a star, not a wildcard. Variables exist only in policies of
    version 2012-10-17; in older ones ``${...}`` is plain text.
    """
    if not variables or "${" not in text:
        return _fixed(text, wildcards)
    tokens: list[_Token] = []
    place = 0
    for match in _VARIABLE.finditer(text):
        before = text[place : match.start()]
        tokens += _glob_tokens(before) if wildcards else list(before)
        value = _variable(match.group(1), context)
        if value is None:
            return None
        tokens += list(value)
        place = match.end()
    rest = text[place:]
    tokens += _glob_tokens(rest) if wildcards else list(rest)
    return Pattern(tuple(tokens))


def without_variables(text: str) -> str:
    """The text with every ``${...}`` replaced by one letter, for checks of its shape."""
    return _VARIABLE.sub("v", text)


def arn_like(pattern: str, arn: str, context: Context, *, variables: bool) -> bool:
    """``ArnLike`` and ``ArnEquals``: six parts, each matched alone, so that ``*`` never crosses a colon.

    Source: IAM User Guide, "Amazon Resource Name (ARN) condition operators". The last part, the resource, is everything
    after the fifth colon.
    """
    resolved = resolve(pattern, context, variables=variables)
    if resolved is None:
        return False
    wanted = _split_tokens(resolved.tokens)
    parts = arn.split(":", 5)
    if len(wanted) != 6 or len(parts) != 6:
        return False
    return all(Pattern(want).matches(part) for want, part in zip(wanted, parts, strict=True))


def _split_tokens(tokens: tuple[_Token, ...]) -> list[tuple[_Token, ...]]:
    parts: list[list[_Token]] = [[]]
    for token in tokens:
        if token == ":" and len(parts) < 6:
            parts.append([])
        else:
            parts[-1].append(token)
    return [tuple(part) for part in parts]
