"""The learner's four tools: three outcomes, graded hints, kept progress, and a sentence for everything else."""

import linecache
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.lab import LabError
from helpers.lessons import content, tools
from helpers.lessons.account_view import AccountView, CheckEnded, not_yet
from helpers.lessons.outcome import CHECK_MIME
from helpers.lessons.progress import ExerciseProgress, ProgressFile
from helpers.lessons.tools import Tools, exercises
from tests.lessons.test_content import written

LAB: Any = SimpleNamespace(prefix="demo")


@pytest.fixture
def notes(tmp_path: Path) -> ProgressFile:
    return ProgressFile(tmp_path / "my" / "progress.json")


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """One exercise, 03.2, and the names of the learner's cells."""
    [exercise] = content.read_lesson(written(tmp_path)).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    return {}


def tools_for(names: dict[str, Any], notes: ProgressFile) -> Tools:
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
def test_a_value_is_judged(known: dict[str, Any], notes: ProgressFile, value: Any, outcome: str, words: str) -> None:
    known["who"] = value
    verdict = tools_for(known, notes).check("03.2")
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: ProgressFile, starter: str, value: Any, outcome: str
) -> None:
    [exercise] = content.read_lesson(written(tmp_path, starter=f'"{starter}"')).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    assert tools_for({"who": value}, notes).check("03.2").outcome == outcome


def test_an_answer_that_was_never_given_is_not_attempted(known: dict[str, Any], notes: ProgressFile) -> None:
    assert tools_for({}, notes).check("03.2").outcome == "not attempted"


@pytest.mark.parametrize("given", ["3.2", "99.9", "", None, 3.2])
def test_an_unknown_exercise_is_a_sentence(known: dict[str, Any], notes: ProgressFile, given: Any) -> None:
    check, hint, solution, _ = tools_for(known, notes)
    for tool in (check, hint, solution):
        assert "There is no exercise" in str(tool(given))


def _refused(_: AccountView) -> Any:
    raise ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeVpcs")


@pytest.mark.parametrize(
    ("operation", "elsewhere", "words"),
    [
        ("PutRetentionPolicy", False, "AWS refused `PutRetentionPolicy` with `InvalidParameterException`"),
        ("DescribeVpcs", False, "Nothing to look at so far"),
        ("PutRetentionPolicy", True, "Nothing to look at so far"),
    ],
)
def test_a_refused_call_of_the_exercise_is_named_where_nothing_is_there(
    known: dict[str, Any],
    notes: ProgressFile,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    elsewhere: bool,
    words: str,
) -> None:
    [exercise] = content.exercises().values()
    solution = "logs.put_retention_policy(logGroupName=group, retentionInDays=90)"
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": replace(exercise, solution=solution)})
    answer = {"Error": {"Code": "InvalidParameterException", "Message": "80 is not in the list"}}
    names = {} if elsewhere else known
    names["error"] = error = ClientError(answer, operation)
    with pytest.raises(ClientError):
        exec("raise error", names)
    monkeypatch.setattr("sys.last_value", error, raising=False)  # as IPython does
    assert words in tools_for(known, notes).check("03.2").message


@pytest.mark.parametrize(
    ("later", "words"),
    [
        (["check('03.2')", "hint('03.2')", ""], "AWS refused `PutRetentionPolicy`"),
        (["check('03.1')", "group = lab.name('g')", "check('03.2')"], "Nothing to look at so far"),
    ],
)
def test_an_error_explains_nothing_once_another_cell_ran(
    known: dict[str, Any], notes: ProgressFile, monkeypatch: pytest.MonkeyPatch, later: list[str], words: str
) -> None:
    [exercise] = content.exercises().values()
    solution = "logs.put_retention_policy(logGroupName=group, retentionInDays=90)"
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": replace(exercise, solution=solution)})
    cell, answer = "raise error", {"Error": {"Code": "InvalidParameterException", "Message": "80"}}
    known |= {"error": ClientError(answer, "PutRetentionPolicy"), "In": ["", cell, *later]}
    file = "<a cell of the kernel>"
    monkeypatch.setitem(linecache.cache, file, (len(cell), None, [cell + "\n"], file))  # as IPython does
    with pytest.raises(ClientError):
        exec(compile(cell, file, "exec"), known)
    monkeypatch.setattr("sys.last_value", known["error"], raising=False)
    assert words in tools_for(known, notes).check("03.2").message


def _no_lab(_: AccountView) -> Any:
    raise LabError("Run notebook 01 first.")


def _broken(_: AccountView) -> Any:
    return {}["nothing"]


def _wordless(_: AccountView) -> Any:
    return not_yet("no-such-message")


def _factless(_: AccountView) -> Any:
    return not_yet("missing", kind="vpc")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")


def _speechless(_: AccountView) -> Any:
    raise Unspeakable


def _stopped(_: AccountView) -> Any:
    raise CheckEnded(not_yet("missing", kind="vpc", name="demo-vpc-a"))


@pytest.mark.parametrize(
    ("function", "words", "course_fault"),
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, notes: ProgressFile, function: Any, words: str, course_fault: bool
) -> None:
    path = written(tmp_path, accepted=None, variable=None, wrong="[]")
    [exercise] = content.read_lesson(path).exercises
    monkeypatch.setattr(content, "exercises", lambda: {"03.2": exercise})
    monkeypatch.setattr(tools, "checks_of", lambda _: {"03.2": function})
    verdict = tools_for({}, notes).check("03.2")
    assert (verdict.outcome, verdict.course_fault) == ("not yet", course_fault)
    assert words in verdict.message
    assert verdict._repr_mimebundle_()[CHECK_MIME]["passed"] is (False if course_fault else None)


def test_hints_grow_stronger_and_are_counted(known: dict[str, Any], notes: ProgressFile) -> None:
    hint = tools_for(known, notes).hint
    said = [str(hint("03.2")) for _ in range(4)]
    assert [text.splitlines()[2] for text in said] == ["look", "which", "almost", "almost"]
    assert 'solution("03.2")' in said[-1]
    entry = notes.entries()["03.2"]
    assert entry == ExerciseProgress(hints=3, last_at=entry.last_at)


def test_the_solution_comes_with_its_reasoning(known: dict[str, Any], notes: ProgressFile) -> None:
    text = str(tools_for(known, notes).solution("03.2"))
    assert 'who = "service"' in text
    assert "It is named." in text
    assert notes.entries()["03.2"].solution


def test_progress_names_the_first_open_exercise_and_survives(known: dict[str, Any], notes: ProgressFile) -> None:
    assert "0 of 1" in str(tools_for(known, notes).progress())
    assert "Next: 03.2, Who?" in str(tools_for(known, notes).progress())
    tools_for({"who": "service"}, notes).check("03.2")
    again = tools_for({}, ProgressFile(notes.path))
    assert "1 of 1" in str(again.progress())
    again.check("03.2")  # the kernel is new and the answer gone: what is done stays done
    assert notes.entries()["03.2"].outcome == "done"


def test_progress_counts_the_broken_labs_and_tells_no_mystery(notes: ProgressFile) -> None:
    notes.looked("14.05", "done")
    notes.looked("14.07", "not yet")
    told = str(tools_for({}, notes).progress())
    assert "broken labs 1 of 12" in told
    assert 0 < told.index("14.05 It ignores my pings") < told.index("14.16 Down") < told.index("15.1 to")
    assert "14.07" not in told
    assert "14.05, 14.06" in str(tools_for({}, notes).check("14.99"))


def test_a_lesson_of_which_nothing_was_tried_is_one_row(notes: ProgressFile) -> None:
    in_05 = [exercise for exercise in content.exercises().values() if exercise.notebook == "05"]
    fresh = tools_for({}, notes).progress()
    assert f"05.1 to {in_05[-1].id} | {len(in_05)} exercises" in str(fresh)
    assert in_05[1].title not in str(fresh)
    notes.looked("05.1", "not yet")
    begun = str(tools_for({}, notes).progress())
    assert all(f"{exercise.id} {exercise.title}" in begun for exercise in in_05)
    assert "04.1 to" in begun


def test_a_broken_file_is_put_aside_and_costs_nothing_else(known: dict[str, Any], notes: ProgressFile) -> None:
    notes.path.parent.mkdir()
    notes.path.write_text('{"exercises": {"03.2": ', "utf-8")
    assert "0 of 1" in str(tools_for(known, notes).progress())
    assert [path.name[:20] for path in notes.path.parent.glob("progress.unreadable*")] == ["progress.unreadable-"]


def test_a_place_that_cannot_be_written_is_a_sentence(known: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    verdict = tools_for({"who": "service"}, ProgressFile(tmp_path / "file" / "progress.json")).check("03.2")
    assert verdict.outcome == "done"
    assert "could not be noted" in verdict.message


def test_two_kernels_keep_each_others_notes(known: dict[str, Any], notes: ProgressFile) -> None:
    first, second = ProgressFile(notes.path), ProgressFile(notes.path)
    first.looked("01.1", "done")
    second.looked("02.1", "not yet")
    first.hinted("03.1", 3)
    assert list(notes.entries()) == ["01.1", "02.1", "03.1"]
