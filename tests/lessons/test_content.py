"""The content files read, and what is missing in one is said in words."""

from pathlib import Path

import pytest

from helpers.lessons.content import ContentError, common, exercises, lessons, read_lesson

GOOD = {
    "id": '"03.2"',
    "kind": '"predict"',
    "title": '"Who?"',
    "pains": "[10]",
    "task": '"Say who."',
    "variable": '"who"',
    "accepted": '["service"]',
    "starter": '"who = None"',
    "solution": "'who = \"service\"'",
    "reasoning": '"It is named."',
    "hints": '["look", "which", "almost"]',
    "explanation": '"The service."',
    "messages": '{ me = "Not you: {answer}." }',
    "wrong": '[{ answer = "me", says = "me" }]',
}


def written(folder: Path, **changes: str | None) -> Path:
    entry = {key: value for key, value in (GOOD | changes).items() if value is not None}
    path = folder / "03_roles.toml"
    path.write_text("[[exercise]]\n" + "\n".join(f"{key} = {value}" for key, value in entry.items()), "utf-8")
    return path


def test_an_exercise_is_read(tmp_path: Path) -> None:
    [exercise] = read_lesson(written(tmp_path)).exercises
    assert (exercise.id, exercise.notebook, exercise.hints) == ("03.2", "03", ("look", "which", "almost"))
    assert exercise.wrong_cell(exercise.wrong[0]) == "who = 'me'"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"id": '"04.2"'}, "the notebook's number"),
        ({"id": '"03"'}, "the notebook's number"),
        ({"kind": '"quiz"'}, "the kind is one of"),
        ({"hints": '["look"]'}, "has 1 hints"),
        ({"title": None}, "lacks title"),
        ({"colour": '"red"'}, "unknown keys: colour"),
        ({"variable": None}, "no variable"),
        ({"wrong": '[{ answer = "me", says = "nobody" }]'}, "which is no message"),
        ({"wrong": '[{ says = "me" }]'}, "has a source, or an answer"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[str, str | None], words: str) -> None:
    with pytest.raises(ContentError, match=words):
        read_lesson(written(tmp_path, **changes))


def test_what_is_no_toml_is_said(tmp_path: Path) -> None:
    path = tmp_path / "03_roles.toml"
    path.write_text("[[exercise", "utf-8")
    with pytest.raises(ContentError, match=r"03_roles\.toml is not TOML"):
        read_lesson(path)


def test_the_shipped_content_reads_and_ids_are_unique() -> None:
    ids = [each.id for lesson in lessons().values() for each in lesson.exercises]
    assert len(ids) == len(set(ids)) == len(exercises())
    assert "untouched" in common()
