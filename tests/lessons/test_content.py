"""The content files read, and what is missing in one is said in words."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

import pytest

from helpers.lessons import checks
from helpers.lessons.content import ContentError, common, exercises, lessons, read_lesson

GOOD = {
    "id": '"03.2"',
    "kind": '"predict"',
    "title": '"Who?"',
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
    assert (exercise.variable, exercise.wrong[0].answer) == ("who", "me")


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


def test_the_words_to_choose_from_stand_in_the_task_and_hold_the_answer() -> None:
    offered = [exercise for exercise in exercises().values() if exercise.words]
    assert {"00.1", "03.2", "06.2"} <= {exercise.id for exercise in offered}
    for exercise in offered:
        shown = exercise.task + exercise.starter
        assert all(f'"{word}"' in shown for word in exercise.words), exercise.id
        right = [[answer] if isinstance(answer, str) else answer for answer in exercise.accepted]
        assert all(set(answer) <= set(exercise.words) for answer in right), exercise.id


@pytest.mark.parametrize("number", list(lessons()))
def test_every_message_that_a_check_may_choose_is_written(number: str) -> None:
    """A check's function, and all that it calls in its module, names only keys that its exercise or all have."""
    path = Path(checks.__file__).with_name(f"n{number}.py")
    if not path.exists():
        return
    functions = {
        each.name: each for each in ast.parse(path.read_text("utf-8")).body if isinstance(each, ast.FunctionDef)
    }
    for exercise in lessons()[number].exercises:
        start = f"check_{exercise.id.replace('.', '_')}"
        if start in functions:
            missing = set(_keys(start, functions, set())) - exercise.messages.keys() - common().keys()
            assert not missing, f"{exercise.id} has no message {sorted(missing)}"


def _keys(name: str, functions: dict[str, ast.FunctionDef], seen: set[str]) -> Iterator[str]:
    seen.add(name)
    for node in ast.walk(functions[name]):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("not_yet", "not_attempted") and node.args:
            yield from (str(each.value) for each in ast.walk(node.args[0]) if _is_key(each))
        if isinstance(node, ast.Name) and node.id in functions and node.id not in seen:
            yield from _keys(node.id, functions, seen)


def _is_key(node: ast.AST) -> TypeGuard[ast.Constant]:
    text = node.value if isinstance(node, ast.Constant) else None
    return isinstance(text, str) and bool(re.fullmatch(r"[a-z0-9-]*[a-z0-9]", text))
