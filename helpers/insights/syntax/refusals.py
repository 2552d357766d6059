"""What a refusal says: the language's own commands that are not simulated, and what a parser expected."""

import difflib
import re
from collections.abc import Iterable

COMMANDS = (
    "fields", "display", "filter", "where", "filterIndex", "stats", "sort", "limit", "dedup", "parse", "json",
    "unnest", "expand", "lookup", "cidrlookup", "accum", "addtotals", "fillmissing", "countFrequent",
    "pattern", "join", "estimate",
)  # fmt: skip

# Commands of the language (Logs Insights QL pages, 2026) that this engine refuses rather than imitates.
NOT_SIMULATED = (
    "anomaly", "appendcols", "autoregress", "diff", "filldown", "logcompare", "outlier",
    "relevantfields", "search", "sessionize", "tail", "transaction", "unmask",
)  # fmt: skip

_WORDS = {
    "AS": "as",
    "BY": "by",
    "NAME": "a name",
    "QUOTED_NAME": "",
    "ALIAS": "",
    "SEGMENT": "a name",
    "STRING": "a quoted string",
    "REGEX": "a /regular expression/",
    "NUMBER": "a number",
    "PERIOD": "a period such as 5m",
    "COMPARE": "= != < <= > >=",
    "ADD_OP": "+ -",
    "MUL_OP": "* / %",
    "POW": "^",
    "STAR": "*",
    "LPAR": "(",
    "RPAR": ")",
    "LSQB": "[",
    "RSQB": "]",
    "VBAR": "|",
    "COMMA": ",",
    "DOT": ".",
    "EQUAL": "=",
    "COLON": ":",
    "LBRACE": "{",
    "RBRACE": "}",
    "MINUS": "",
    "BANG": "",
    "BOOLEAN": "",
    "MATCHES": "=~",
    "DIRECTION": "asc or desc",
    "$END": "the end of the query",
    "FILTERINDEX": "filterIndex",
    "COUNTFREQUENT": "countFrequent",
    "JOIN_OPTION": "type= left= right=",
    "OPTION": "fieldname= row= col=",
    "WS": "",
    "COMMENT": "",
}


def expected(names: Iterable[str]) -> str:
    """``; expected one of ...`` for the names of terminals, or nothing when there are none."""
    words = sorted({_WORDS.get(name, name.lower()) for name in names} - {""})
    if not words:
        return ""
    if {"fields", "stats", "sort"} <= set(words):
        return "; expected a command: " + " ".join(COMMANDS)
    return "; expected " + (words[0] if len(words) == 1 else "one of: " + "  ".join(words))


def not_simulated(what: str) -> str:
    """The one sentence for what AWS has and the sandbox has not."""
    return f"the sandbox does not simulate {what} yet; CloudWatch Logs Insights does"


def refuse_command(text: str, start: int, word: str) -> str | None:
    """A sentence when ``word`` stands where a command begins and is none of ours; else None."""
    before = re.sub(r"#[^\n]*", "", text[:start]).rstrip()
    if (before and not before.endswith("|")) or not re.match(r"[A-Za-z]", word):
        return None
    if word.lower() in NOT_SIMULATED:
        return not_simulated(f"the command {word}")
    if word.lower() == "select":
        return "unexpected symbol found select; this is the Logs Insights query language, not SQL: use fields"
    if word.lower() == "source":
        return "SOURCE stands at the beginning of a query, before the first |"
    return f"unexpected symbol found {word}; expected a command: {' '.join(COMMANDS)}" + did_you_mean(word, COMMANDS)


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``. Did you mean x?`` when one known name is close to ``name``, else an empty text."""
    close = closest(name, known)
    return f". Did you mean {close}?" if close else ""


def closest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` was probably meant to be: other letter case, a _ too many, a slip."""

    def bare(text: str) -> str:
        return text.replace("_", "").replace("-", "").lower()

    names = list(dict.fromkeys(known))
    if name in names:
        return None
    for candidate in names:
        if bare(candidate) == bare(name):
            return candidate
    by_bare = {bare(candidate): candidate for candidate in names}
    near = difflib.get_close_matches(bare(name), list(by_bare), n=1, cutoff=0.8)
    return by_bare[near[0]] if near and len(name) > 2 else None
