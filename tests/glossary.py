"""The words of the course: ``python -m tests.glossary`` makes ``docs/glossary.md`` from ``data/glossary.toml``."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from helpers._data import data_path
from tests.modules import ROOT

PAGE = ROOT / "docs" / "glossary.md"
COMMAND = "python -m tests.glossary"
_INTRODUCTION = f"""# Glossary

The words of the course, with the lesson that introduces each. They are AWS's or the field's, so you meet them again in
AWS's documentation, on the bill and in the console. The last column names AWS's page by its title.

*Made from `data/glossary.toml` by `{COMMAND}`.*

| Term | Meaning | Lesson | AWS's page |
|---|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, its meaning in one sentence, the number of the lesson that introduces it, and AWS's page by title."""

    name: str
    meaning: str
    first: str
    page: str = ""

    @property
    def used(self) -> re.Pattern[str]:
        """Finds the word and its plural, as in a sentence."""
        return re.compile(rf"(?<![\w-]){re.escape(self.name)}(?:s|es)?(?![\w-])", re.IGNORECASE)

    @property
    def introduced(self) -> re.Pattern[str]:
        """Finds the word or its plural in italics."""
        return re.compile(rf"(?<!\*)\*(?:an? |the )?{re.escape(self.name)}(?:s|es)?\*(?!\*)", re.IGNORECASE)


@cache
def terms() -> tuple[Term, ...]:
    return tuple(Term(**entry) for entry in tomllib.loads(data_path("glossary.toml").read_text("utf-8"))["term"])


@cache
def private_words(table: str = "private") -> Mapping[re.Pattern[str], str]:
    """Patterns of words that nobody but us would understand, and what to write instead; ``private_prose``: in prose."""
    words = tomllib.loads(data_path("glossary.toml").read_text("utf-8"))[table]
    return {re.compile(pattern, re.IGNORECASE): instead for pattern, instead in words.items()}


def page() -> str:
    """``docs/glossary.md`` as it should be."""
    lessons = {path.name[:2]: path.name for path in (ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb")}
    rows = [
        f"| {term.name} | {term.meaning} | [{term.first}](../notebooks/{lessons[term.first]}) | {term.page} |"
        for term in sorted(terms(), key=lambda term: term.name.lower())
    ]
    return _INTRODUCTION + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
