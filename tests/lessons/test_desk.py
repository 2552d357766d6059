"""The learner's four tools: three outcomes, graded hints, kept progress, and a sentence for everything else."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.lab import LabError
from helpers.lessons import content, desk
from helpers.lessons.desk import Tools, exercises
from helpers.lessons.progress import Entry, Notebook
from helpers.lessons.scene import Scene, Stop, not_yet
from helpers.lessons.verdict import CHECK_MIME
from tests.lessons.test_content import written

LAB: Any = SimpleNamespace(prefix="demo")


@pytest.fixture
def notes(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "my" / "progress.json")


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One exercise, 03.2, and the names of the learner's cells."""
    [exercise] = content.read_lesson(written(tmp_path)).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    return {}


def tools(names: dict[str, Any], notes: Notebook) -> Tools:
    return exercises(LAB, names, notes)


@pytest.mark.parametrize(
    ("value", "outcome", "words"),
    [
        (None, "not attempted", "Do the task above"),
        (..., "not attempted", "Do the task above"),
        ("  ", "not attempted", "Do the task above"),
        ("Service ", "done", "The service."),
        ("me", "not yet", "Not you: me."),
        ("CloudTrail", "not yet", "That is not it"),
        (7, "not yet", "Your answer is a number. Expected is a text in quotes."),
        (object(), "not yet", "of type object"),
    ],
)
def test_a_value_is_judged(known: dict[str, Any], notes: Notebook, value: Any, outcome: str, words: str) -> None:
    known["who"] = value
    verdict = tools(known, notes).check("03.2")
    assert verdict.outcome == outcome
    assert words in verdict.message
    bundle = verdict._repr_mimebundle_()
    assert bundle[CHECK_MIME]["passed"] is (True if outcome == "done" else None)
    assert outcome.capitalize() in bundle["text/plain"]


@pytest.mark.parametrize(
    ("starter", "value", "outcome"),
    [
        ("who = []", [], "not attempted"),
        ("who = None", [], "not yet"),
        ("who = None", [None], "not attempted"),
        ("who = {}", {}, "not attempted"),
        ("who = None", {}, "not yet"),
    ],
)
def test_an_empty_list_is_an_answer_unless_it_stood_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Notebook, starter: str, value: Any, outcome: str
) -> None:
    [exercise] = content.read_lesson(written(tmp_path, starter=f'"{starter}"')).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    assert tools({"who": value}, notes).check("03.2").outcome == outcome


def test_an_answer_that_was_never_given_is_not_attempted(known: dict[str, Any], notes: Notebook) -> None:
    assert tools({}, notes).check("03.2").outcome == "not attempted"


@pytest.mark.parametrize("given", ["3.2", "99.9", "", None, 3.2])
def test_an_unknown_exercise_is_a_sentence(known: dict[str, Any], notes: Notebook, given: Any) -> None:
    check, hint, solution, _ = tools(known, notes)
    for tool in (check, hint, solution):
        assert "There is no exercise" in str(tool(given))


def _refused(_: Scene) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeVpcs")


def _no_lab(_: Scene) -> Any:
    raise LabError("Run notebook 01 first.")


def _broken(_: Scene) -> Any:
    return {}["nothing"]


def _wordless(_: Scene) -> Any:
    return not_yet("no-such-message")


def _factless(_: Scene) -> Any:
    return not_yet("missing", kind="vpc")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _speechless(_: Scene) -> Any:
    raise Unspeakable


def _stopped(_: Scene) -> Any:
    raise Stop(not_yet("missing", kind="vpc", name="demo-vpc-a"))


@pytest.mark.parametrize(
    ("function", "words", "stumbled"),
    [
        (_refused, "AWS answered `AccessDenied`", False),
        (_no_lab, "Run notebook 01 first.", False),
        (_stopped, "no vpc called `demo-vpc-a`", False),
        (_broken, "did not understand", True),
        (_wordless, "did not understand", True),
        (_factless, "did not understand", True),
        (_speechless, "did not understand what it found there (Unspeakable)", True),
    ],
)
def test_a_check_that_cannot_look_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: Notebook, function: Any, words: str, stumbled: bool
) -> None:
    path = written(tmp_path, accepted=None, variable=None, wrong="[]")
    [exercise] = content.read_lesson(path).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    monkeypatch.setattr(desk, "checks_of", lambda _: {"03.2": function})
    verdict = tools({}, notes).check("03.2")
    assert (verdict.outcome, verdict.stumbled) == ("not yet", stumbled)
    assert words in verdict.message
    assert verdict._repr_mimebundle_()[CHECK_MIME]["passed"] is (False if stumbled else None)


def test_hints_grow_stronger_and_are_counted(known: dict[str, Any], notes: Notebook) -> None:
    hint = tools(known, notes).hint
    said = [str(hint("03.2")) for _ in range(4)]
    assert [text.splitlines()[2] for text in said] == ["look", "which", "almost", "almost"]
    assert 'solution("03.2")' in said[-1]
    assert notes.entries()["03.2"] == Entry(hints=3)


def test_the_solution_comes_with_its_reasoning(known: dict[str, Any], notes: Notebook) -> None:
    text = str(tools(known, notes).solution("03.2"))
    assert 'who = "service"' in text
    assert "It is named." in text
    assert notes.entries()["03.2"].solution


def test_progress_names_the_first_open_exercise_and_survives(known: dict[str, Any], notes: Notebook) -> None:
    assert "0 of 1" in str(tools(known, notes).progress())
    assert "Next: 03.2, Who?" in str(tools(known, notes).progress())
    tools({"who": "service"}, notes).check("03.2")
    again = tools({}, Notebook(notes.path))
    assert "1 of 1" in str(again.progress())
    again.check("03.2")  # the kernel is new and the answer gone: what is done stays done
    assert notes.entries()["03.2"].outcome == "done"


def test_a_broken_file_is_put_aside_and_costs_nothing_else(known: dict[str, Any], notes: Notebook) -> None:
    notes.path.parent.mkdir()
    notes.path.write_text('{"exercises": {"03.2": ', "utf-8")
    assert "0 of 1" in str(tools(known, notes).progress())
    assert [path.name[:20] for path in notes.path.parent.glob("progress.unreadable*")] == ["progress.unreadable-"]


def test_a_place_that_cannot_be_written_is_a_sentence(known: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    verdict = tools({"who": "service"}, Notebook(tmp_path / "file" / "progress.json")).check("03.2")
    assert verdict.outcome == "done"
    assert "could not be noted" in verdict.message


def test_two_kernels_keep_each_others_notes(known: dict[str, Any], notes: Notebook) -> None:
    first, second = Notebook(notes.path), Notebook(notes.path)
    first.looked("01.1", "done")
    second.looked("02.1", "not yet")
    first.hinted("03.1", 3)
    assert list(notes.entries()) == ["01.1", "02.1", "03.1"]
