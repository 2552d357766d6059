"""Patterns of terms: ``ERROR -Exiting``, ``?ERROR ?WARN``, ``"exact phrase"``, ``%regex%``.

A term is found anywhere in the message, inside words too, with its case (the user guide: ERROR matches ERRORCODE).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from helpers.sandbox.logs.patterns.values import invalid_term, regex

Contains = Callable[[str], bool]
_TERM = re.compile(
    r'\s*(?P<sign>[?-]?)(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|%(?P<regex>[^%]+)%|(?P<word>\w+))(?=\s|$)|\s*(?P<bad>\S+)'
)


@dataclass(frozen=True, slots=True)
class TermPattern:
    """All of ``required``, none of ``excluded``, and one of ``optional`` where nothing is required.

    Beside other terms the optional ones are ignored, as the user guide says.
    """

    required: tuple[Contains, ...]
    excluded: tuple[Contains, ...]
    optional: tuple[Contains, ...]
    regexes: int

    @classmethod
    def parse(cls, text: str) -> "TermPattern":
        by_sign: dict[str, list[Contains]] = {"": [], "-": [], "?": []}
        regexes = 0
        for match in _TERM.finditer(text.rstrip()):
            if match["bad"] is not None or match["quoted"] == "":
                raise invalid_term(match[0].strip())
            regexes += match["regex"] is not None
            by_sign[match["sign"]].append(_contains(match))
        return cls(tuple(by_sign[""]), tuple(by_sign["-"]), tuple(by_sign["?"]), regexes)

    def matches(self, message: str) -> bool:
        if self.excluded and any(contains(message) for contains in self.excluded):
            return False
        if self.required or self.excluded or not self.optional:
            return all(contains(message) for contains in self.required)
        return any(contains(message) for contains in self.optional)

    def extract(self, message: str) -> dict[str, str]:
        return {}


def _contains(match: re.Match[str]) -> Contains:
    if match["regex"] is not None:
        search = regex(match["regex"]).search
        return lambda message: search(message) is not None
    term = match["word"] if match["quoted"] is None else re.sub(r"\\(.)", r"\1", match["quoted"])
    return lambda message: term in message
