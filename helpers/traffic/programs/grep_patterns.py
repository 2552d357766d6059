"""grep's patterns, basic and extended, as Python's."""

import re
from itertools import pairwise

from helpers.traffic.programs.options import Options
from helpers.traffic.shell.syntax import NotSimulatedError

_CLASSES = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "xdigit": "0-9A-Fa-f",
    "punct": r"!-/:-@\[-`{-~",
}
_WORDS = {"<": r"\b(?=\w)", ">": r"\b(?<=\w)"}
_OPERATORS = ("+", "?", "|", "(", ")", "{", "}")
_SPECIAL, _BACK = r"([\\\[\]^&~|])", r"\\\1"
_TOKEN = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|[^\]])*\]|.", re.DOTALL)
_OPENS = ("", "(", "|")


def compiled(patterns: str, options: Options) -> re.Pattern[str]:
    """The pattern of ``grep``'s options E, F, i, w and x; a newline stands between several.

    Raises NotSimulatedError for what these two kinds of pattern do not have in common.
    """
    try:
        texts = [re.escape(t) if "F" in options else _translated(t, "E" in options) for t in patterns.split("\n")]
        whole = "|".join(f"(?:{text})" for text in texts)
        whole = rf"(?<!\w)(?:{whole})(?!\w)" if "w" in options else whole
        whole = rf"\A(?:{whole})\Z" if "x" in options else whole
        return re.compile(whole, re.IGNORECASE | re.ASCII if "i" in options else re.ASCII)
    except (re.error, LookupError):
        raise NotSimulatedError(f"grep: the sandbox does not simulate the pattern {patterns}") from None


def _translated(pattern: str, extended: bool) -> str:
    """A pattern as Python's; LookupError for what may mean something else there, such as ``a**`` or ``a^b``."""
    tokens = [_token(token, extended) for token in _TOKEN.findall(pattern)]
    for before, token in pairwise(("", *tokens, "")):
        repeats_nothing = token in ("*", "+", "?", "{") and before in (*_OPENS, "^", "*", "+", "?", "}")
        within = (token == "^" and before not in _OPENS) or (before == "$" and token not in ("", ")", "|"))
        if repeats_nothing or within:
            raise LookupError(token)
    return "".join(tokens)


def _token(token: str, extended: bool) -> str:
    char = token[-1]
    if len(token) > 1 and token[0] == "[":
        begin = 2 if token[1] == "^" else 1
        pieces = re.findall(r"\[:\w+:\]|.", token[begin:-1], re.DOTALL)
        return f"{token[:begin]}{''.join(_CLASSES[p[2:-2]] if p[2:] else re.sub(_SPECIAL, _BACK, p) for p in pieces)}]"
    if char in _OPERATORS:
        return char if extended == (len(token) == 1) else f"\\{char}"
    if len(token) == 1:
        if char in ("[", "\\"):
            raise LookupError(char)
        return char if char in ".^$*" else re.escape(char)
    if char in _WORDS:
        return _WORDS[char]
    if char.isalnum() and char not in "wWsSbB123456789":
        raise LookupError(char)
    return token if char.isalnum() else re.escape(char)
