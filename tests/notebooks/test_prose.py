"""The shipped notebooks and exercises are written in short plain sentences and keep the pace of a lesson."""

from typing import Any

import pytest

from helpers.lessons.content import lessons
from tests.notebooks import prose
from tests.notebooks.classroom import notebook_of
from tests.notebooks.lint import Notebook
from tests.notebooks.test_anatomy import CODE, made

LONG = "word " * 26 + "."
HARD = "Organizational heterogeneity necessitates interoperability."


@pytest.mark.parametrize("number", list(lessons()))
def test_a_notebook_is_written_in_plain_words_and_keeps_its_pace(number: str) -> None:
    notebook = Notebook.read(notebook_of(number))
    found = [sentence for rule in prose.RULES for sentence in rule(notebook)]
    assert found == []


@pytest.mark.parametrize("number", list(lessons()))
def test_an_exercise_is_written_in_short_sentences(number: str) -> None:
    texts = [
        sentence for exercise in lessons()[number].exercises for sentence in prose.sentences(prose.texts_of(exercise))
    ]
    found = [sentence for sentence in texts if prose.words(sentence) > prose.MOST_WORDS]
    assert found == []


@pytest.mark.parametrize(
    ("rule", "notebook", "words"),
    [
        (prose.short_sentences, made(("prose", LONG)), "a sentence of 26 words"),
        (prose.short_sentences, made(("prose", f"| A | {LONG} |")), "a sentence of 26 words"),
        (prose.short_sentences, made(("prose", f"- Short.\n- {LONG}")), "a sentence of 26 words"),
        (prose.easy_to_read, made(("prose", HARD)), "reads at grade"),
        (prose.headings_differ, made(("prose", "## Look"), ("prose", "## Look")), "the heading 'Look' 2 times"),
        (prose.promises_in_bold, made(("prose", "You should see 4.")), "in bold"),
        (prose.answers_folded, made(("prose", "1. *Why?*\n   Because.")), "no heading ## Questions"),
        (prose.answers_folded, made(("prose", "## Questions\n\n1. *Why?*\n   Because.")), "1 numbered questions and 0"),
        (
            prose.folded_markdown,
            made(("prose", "<details><summary>A</summary>Use `x`.</details>")),
            "marks as they are",
        ),
        (
            prose.folded_markdown,
            made(("prose", "1. *B?*\n   <details><summary>A</summary>\n   *C*")),
            "marks as they are",
        ),
        (prose.predictions_are_open, made((CODE, 'prediction = "yes"')), "guesses for the learner"),
        (prose.predictions_are_open, made(("prose", "**Predict.** What?")), "has 0 cells that take one"),
        (prose.predictions_are_open, made((CODE, "prediction = None\nprint(prediction)")), 'or "no guess"'),
        (prose.pace, made(("prose", "word " * 401), ("prose", "**Predict.** What?")), "after 401 words"),
        (prose.pace, made((CODE, "x = 1\n" * 120), ("prose", "**Predict.** What?")), "and 10 minutes"),
        (prose.pace, made((CODE, "x = 1\n" * 150), (CODE, "answer = None", "exercise")), "first exercise after 12"),
        (prose.pace, made(*[(CODE, "answer = None", "exercise")] * 4), "more than 3 exercises"),
        (prose.pace, made(("prose", "| **Time** | 60 minutes |")), "promises 60"),
    ],
)
def test_a_breach_is_said(rule: Any, notebook: Notebook, words: str) -> None:
    assert any(words in sentence for sentence in rule(notebook)), list(rule(notebook))


def test_what_is_well_is_not_said() -> None:
    asked = ("prose", "**Predict.** Which?"), (CODE, "prediction = None"), (CODE, 'print(prediction or "no guess")')
    other = (
        ("prose", "**Predict.** Which now?"),
        (CODE, "last_prediction = None"),
        (CODE, 'last_prediction or "no guess"'),
    )
    lesson = made(
        *asked, *other, ("prose", "## Questions\n\n1. *Why?*\n   <details><summary>Answer</summary>So.</details>")
    )
    assert [sentence for rule in prose.RULES for sentence in rule(lesson)] == []


def test_a_sentence_ends_at_its_point_and_at_the_end_of_its_line() -> None:
    text = "# A heading\n\nOne. *Two* and [three](x.md): four.\n\n- five `six seven`\n- eight\n"
    text += "\n| nine | ten. Eleven |\n|---|---|"
    assert prose.sentences(text) == [
        *("A heading", "One.", "Two and three:", "four.", "five code", "eight", "nine", "ten.", "Eleven"),
    ]
