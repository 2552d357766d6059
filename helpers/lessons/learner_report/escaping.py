"""Texts of others in Markdown: every mark stands as the character that it is."""

import re

# What CommonMark or GitHub reads as a mark or as a link, wherever it stands; and what does so at the start of a line.
_MARKS = re.compile(r"([\\`*_{}\[\]<>|~&$#!@]|(?:(?<=http)|(?<=https)|(?<=ftp)):(?=//)|(?<=www)\.)", re.IGNORECASE)
_OPENING = re.compile(r"^(\d*)((?<!\d)[-+=:]|[.)](?=\s|$))")


def as_prose(text: str) -> str:
    """The text in one line, with no mark that Markdown or HTML would read, and no link."""
    return _OPENING.sub(r"\1\\\2", _MARKS.sub(r"\\\1", " ".join(text.split())))


def as_quote(text: str) -> str:
    """The text as a quotation; each of its lines is a paragraph."""
    return "\n>\n".join(f"> {as_prose(line)}" for line in text.splitlines() if line.strip())


def as_code(text: str) -> str:
    """The text in a fence that is longer than every run of backticks in it."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"
