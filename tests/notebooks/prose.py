"""How the course is written: rules for the words of a notebook, and for the pace of a lesson.

Like the rules of ``lint``, each takes a ``Notebook`` and yields sentences that tell the author what to do.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator

import textstat

from helpers.lessons.content import Exercise
from tests.notebooks.lint import Cell, Notebook, without_fences

MOST_WORDS = 25
HIGHEST_GRADE = 8
SHORT_FORMS = {"00", "99"}
# A reader in a second language: words read in a minute, and seconds for a line of code, minutes for an exercise.
WORDS_A_MINUTE, SECONDS_A_LINE, MINUTES_AN_EXERCISE = 150, 5, 4
WORDS_TO_PREDICTION, MINUTES_TO_PREDICTION, MINUTES_TO_EXERCISE = 400, 8, 12
EXERCISES_IN_A_ROW = 3

_TABLE = re.compile(r"^\s*\|.*$", re.MULTILINE)
_MARKUP = re.compile(r"<[^>]+>|[*_]{1,3}(?=\S)|(?<=\S)[*_]{1,3}")
_ITEM = re.compile(r"^\s*(?:[-+*]|\d+\.|#+|>)\s+", re.MULTILINE)
_END = re.compile(r"(?<=[.!?:])[\")]*\s+")
_WORD = re.compile(r"[A-Za-z0-9][\w'.,/:-]*")


def plain(text: str) -> str:
    """Prose without code blocks, links, tags and marks; a code span is one word, a paragraph or item one line."""
    text = re.sub(r"`[^`]+`", "code", without_fences(text))
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"</?(?:details|summary)>", "\n\n", text)
    lines = [_ITEM.sub("", line) for line in re.split(r"\n\s*\n|\n(?=\s*(?:[-+*]|\d+\.)\s)|(?<=\|)\n", text)]
    return "\n".join(" ".join(_MARKUP.sub("", line).split()) for line in lines if line.strip())


def sentences(text: str) -> list[str]:
    """The sentences of a Markdown text, cells of tables included."""
    rows = "\n\n".join(cell for row in _TABLE.findall(text) for cell in row.strip().strip("|").split("|"))
    parts = [*plain(_TABLE.sub("", text)).splitlines(), *plain(rows).splitlines()]
    return [found for part in parts for found in _END.split(part) if _WORD.search(found)]


def words(text: str) -> int:
    return len(_WORD.findall(text))


def grade(text: str) -> float:
    """The reading grade by Flesch and Kincaid of whole sentences of four words or more, tables left out."""
    lines = [found for line in plain(_TABLE.sub("", text)).splitlines() for found in _END.split(line)]
    whole = [line.rstrip(":") for line in lines if words(line) > 3]
    return float(textstat.flesch_kincaid_grade(" ".join(line if line[-1] in ".!?" else line + "." for line in whole)))


def short_sentences(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.prose:
        for sentence in sentences(cell.text):
            if (count := words(sentence)) > MOST_WORDS:
                yield f"cell {cell.place} has a sentence of {count} words, not {MOST_WORDS} at most: {sentence}"


def easy_to_read(notebook: Notebook) -> Iterator[str]:
    found = grade("\n\n".join(cell.text for cell in notebook.prose))
    if found > HIGHEST_GRADE:
        yield f"reads at grade {found} by Flesch and Kincaid; {HIGHEST_GRADE} is the measure"


def headings_differ(notebook: Notebook) -> Iterator[str]:
    counts = Counter(text for cell in notebook.prose for text in headings_of(cell))
    yield from (f"has the heading {text!r} {count} times" for text, count in counts.items() if count > 1)


def promises_in_bold(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.prose:
        if re.search(r"(?<!\*\*)You should see", cell.text):
            yield f"cell {cell.place}: write **You should see** in bold"


def answers_folded(notebook: Notebook) -> Iterator[str]:
    text = "\n".join(cell.text for cell in notebook.prose)
    if notebook.path.name[:2] in SHORT_FORMS and "## Questions" not in text:
        return
    if "\n## Questions" not in f"\n{text}":
        yield "has no heading ## Questions"
    asked = len(re.findall(r"^\d+\. \*[^*]+\*", text, re.MULTILINE))
    folded = text.count("<details><summary>Answer</summary>")
    if not asked or asked != folded:
        yield f"has {asked} numbered questions and {folded} folded answers"


def folded_markdown(notebook: Notebook) -> Iterator[str]:
    """Markdown does not read a block of HTML, which lasts up to the next empty line."""
    for cell in notebook.prose:
        for block in re.findall(r"^ *<details>(?:.+\n?)+", without_fences(cell.text), re.MULTILINE):
            if re.search(r"`|\*\w|\]\(", block):
                yield f"cell {cell.place} shows marks as they are: leave a line empty after </summary>: {block[:80]!r}"


def predictions_are_open(notebook: Notebook) -> Iterator[str]:
    """A prediction is the learner's: it begins as ``None``, and what is printed says "no guess" for it."""
    predictions = [(cell, node) for cell in notebook.code for node in _predictions(cell)]
    for cell, node in predictions:
        if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield f"cell {cell.place} guesses for the learner: write {ast.unparse(node.targets[0])} = None"
    asked = sum("**Predict.**" in cell.text for cell in notebook.prose)
    if asked != len(predictions):
        yield f"asks for {asked} predictions (**Predict.**) and has {len(predictions)} cells that take one"
    least = 1 if notebook.path.name[:2] in SHORT_FORMS else 2
    if asked < least:
        yield f"asks for {asked} predictions; {least} is the least"
    code = "\n".join(cell.text for cell in notebook.code)
    for _, node in predictions:
        name = ast.unparse(node.targets[0])
        if not re.search(rf"\b{name} or \"no guess\"", code):
            yield f'prints {name} nowhere as {name} or "no guess"'


def pace(notebook: Notebook) -> Iterator[str]:
    """How long it takes to the first prediction, to the first exercise and to the end, and what stands in a row."""
    number, minutes, read = notebook.path.name[:2], 0.0, 0
    waiting = {"prediction", "exercise"}
    in_a_row = 0
    for cell in notebook.cells:
        if not cell.is_code and "**Predict.**" in cell.text and "prediction" in waiting:
            waiting.discard("prediction")
            if read > WORDS_TO_PREDICTION or minutes > MINUTES_TO_PREDICTION:
                yield f"has its first prediction after {read} words and {minutes:.0f} minutes, in cell {cell.place}"
        if "exercise" in cell.tags:
            if "exercise" in waiting and minutes > MINUTES_TO_EXERCISE:
                yield f"has its first exercise after {minutes:.0f} minutes, in cell {cell.place}"
            waiting.discard("exercise")
            minutes, in_a_row = minutes + MINUTES_AN_EXERCISE, in_a_row + 1
            if in_a_row == EXERCISES_IN_A_ROW + 1:
                yield f"has more than {EXERCISES_IN_A_ROW} exercises without something new, up to cell {cell.place}"
        elif cell.is_code:
            minutes += len(cell.text.splitlines()) * SECONDS_A_LINE / 60
        else:
            count = words(" ".join(sentences(_unfolded(cell.text))))
            read, minutes = read + count, minutes + count / WORDS_A_MINUTE
            if any(re.match(r"(?!Exercise)", text) for text in headings_of(cell)):
                in_a_row = 0
    told = re.search(r"\| \*\*Time\*\* \| (\d+) minutes\b", "\n".join(cell.text for cell in notebook.prose))
    if told and number != "00" and not minutes - 10 <= int(told[1]) <= minutes + 15:
        yield f"takes about {minutes:.0f} minutes and promises {told[1]}"


RULES = [
    *(short_sentences, easy_to_read, headings_differ, promises_in_bold),
    *(answers_folded, folded_markdown, predictions_are_open, pace),
]


def texts_of(exercise: Exercise) -> str:
    """All that an exercise says to a learner."""
    told = [exercise.title, exercise.task, exercise.explanation, exercise.reasoning, *exercise.hints]
    return "\n\n".join([*told, *exercise.messages.values()])


def headings_of(cell: Cell) -> list[str]:
    return re.findall(r"^#+ +(.+?) *$", without_fences(cell.text), re.MULTILINE)


def _unfolded(text: str) -> str:
    return re.sub(r"<details>.*</details>", "", text, flags=re.DOTALL)


def _predictions(cell: Cell) -> Iterator[ast.Assign]:
    for statement in cell.tree().body:
        if isinstance(statement, ast.Assign) and "prediction" in ast.unparse(statement.targets[0]):
            yield statement
