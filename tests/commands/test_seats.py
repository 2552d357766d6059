"""``start-at``, ``break``, ``reset`` and ``status``: the seats of a class."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from helpers import _data
from helpers.__main__ import main
from helpers.commands import break_seat, reset, start_at, status
from helpers.commands.status import NOT_BEGUN, NOT_THERE, UNREADABLE, seat, table
from helpers.lab import Lab, LabError, open_lab, sandbox_process
from helpers.lab.catchup import CatchUp
from helpers.lab.sandbox_process import SandboxError
from helpers.lessons.content import broken_labs
from helpers.lessons.errors import LessonError
from helpers.lessons.progress import ProgressFile, default_path
from tests.support.homes import copy_after

NOW = datetime(2026, 1, 5, 10, 0, tzinfo=UTC)
COMMANDS = {"start-at": ["start-at", "02"], "break": ["break", "14.05"], "reset": ["reset"]}


def lab_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    return open_lab()


def exit_code(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as end:
        return int(end.code or 0)


def begun(home: Path) -> Path:
    """A home with something of an account, which no sandbox could open."""
    home.mkdir()
    (home / "journal.jsonl").write_text("{}")
    return home


def wrote(home: Path, **entries: tuple[str, int, int, int]) -> Path:
    """A seat whose exercises have (outcome, tries, hints, minutes ago), by id with ``_`` for the dot."""
    at = {name: (NOW - timedelta(minutes=minutes)).isoformat() for name, (*_, minutes) in entries.items()}
    document = {
        name[1:].replace("_", "."): {
            "outcome": outcome, "hints": hints, "solution": False,
            "done_at": at[name] if outcome == "done" else "", "tries": tries, "last_at": at[name],
        }
        for name, (outcome, tries, hints, _) in entries.items()
    }  # fmt: skip
    home.mkdir()
    (home / "progress.json").write_text(json.dumps({"exercises": document}))
    return home


# --- start-at and reset ---------------------------------------------------------------------------------------------


def test_a_seat_starts_at_a_notebook_and_another_that_fails_does_not_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    ready = copy_after("00", tmp_path / "seat")
    code = main(["start-at", "02", "--home", str(tmp_path / "file" / "below"), str(ready)])
    said = capfd.readouterr()
    assert code == 3
    assert "cannot write" in said.err
    assert f"{ready} is ready for 02." in said.out
    assert sandbox_process.find(ready) is None, "it did not run before, so it does not now"
    lab = lab_of(ready, monkeypatch)
    try:
        assert lab.find("vpc", "vpc-a")
        assert not (ready / "progress.json").exists(), "what nobody did is not done"
    finally:
        sandbox_process.stop(ready)


def test_a_reset_makes_a_new_account_and_leaves_progress_and_a_running_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    home = copy_after("01", tmp_path / "seat")
    lab = lab_of(home, monkeypatch)
    try:
        vpc = lab.find("vpc", "vpc-a")
        lab.client("ec2").create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=lab.tag_spec("vpc", "astray"))
        ProgressFile(home / "progress.json").looked("01.1", "done")
        assert main(["reset", "--to", "02", "--home", str(home)]) == 0
        assert "The account before it is in" in capfd.readouterr().out
        assert sandbox_process.find(home) is not None
        assert lab.find("vpc", "astray") is None, "the lab of a running kernel sees the new account"
        assert lab.find("vpc", "vpc-a") == vpc, "with the same identifiers"
        assert ProgressFile(home / "progress.json").entries()["01.1"].outcome == "done"
    finally:
        sandbox_process.stop(home)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["start-at", "77"], "there is no notebook '77'"),
        (["start-at", "02", "--prefix", "Not Good"], "prefix"),
        (["reset", "--to", "nine"], "there is no notebook 'nine'"),
        (["reset", "--to", ""], "there is no notebook ''"),
        (["reset", "--prefix", "Not Good"], "prefix"),
        (["break", "14.05", "--prefix", "Not Good"], "prefix"),
        (["break", "14.99"], "'14.99'"),
        (["break", "14.5"], "'14.5'"),
    ],
)
def test_a_wrong_use_touches_no_seat(
    words: list[str], sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert exit_code([*words, "--home", str(tmp_path / "seat")]) == 2
    assert sentence in capfd.readouterr().err
    assert not (tmp_path / "seat").exists()


@pytest.mark.parametrize("files", [None, [], ["letter.txt"]], ids=["missing", "empty", "of something else"])
def test_a_reset_makes_no_account_where_there_is_none(
    files: list[str] | None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    if files is not None:
        home.mkdir()
        for name in files:
            (home / name).write_text("Dear Ann")
    before = sorted(tmp_path.rglob("*"))
    assert main(["reset", "--home", str(home)]) == 3
    assert f"{home}: there is no sandbox there with an account" in capfd.readouterr().err
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("words", [COMMANDS["break"], COMMANDS["reset"]], ids=["break", "reset"])
def test_a_sandbox_runs_on_only_where_it_ran_before(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(break_seat, "break_lab", lambda lab, number: lab.now())
    homes = [copy_after("01", tmp_path / "rests"), copy_after("01", tmp_path / "runs")]
    sandbox_process.start(homes[1])
    try:
        assert main([*words, "--home", *map(str, homes)]) == 0
        assert [sandbox_process.find(home) is not None for home in homes] == [False, True]
    finally:
        for home in homes:
            sandbox_process.stop(home)


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
@pytest.mark.parametrize(
    "problem",
    [
        LabError("no room"),
        LessonError("The lab has no vpc vpc-a."),
        SandboxError("no answer"),
        TimeoutError("still no record"),
        ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeVpcs"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:1"),
    ],
    ids=lambda problem: type(problem).__name__,
)
def test_a_seat_that_fails_does_not_stop_those_after_it(
    problem: Exception,
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    bad, good = begun(tmp_path / "bad"), begun(tmp_path / "good")

    def opens(prefix: str) -> Lab:
        if _data.sandbox_home() == bad:
            raise problem
        return cast(Lab, SimpleNamespace(catch_up=lambda number: CatchUp(())))

    for module in (start_at, break_seat, reset):
        monkeypatch.setattr(module, "open_lab", opens)
    monkeypatch.setattr(break_seat, "break_lab", lambda lab, number: "It is slow.")
    monkeypatch.setattr("helpers.lessons.broken_lab.put_back", lambda lab: "")
    assert main([*words, "--home", str(bad), str(good)]) == 3
    said = capsys.readouterr()
    assert said.err == f"{bad}: {problem}\n"
    assert said.out.startswith(str(good)) and str(bad) not in said.out


@pytest.mark.parametrize(
    ("folder", "advised", "shown"),
    [
        (
            "seat",
            "run `python -m helpers sandbox reset`, which",
            "run `python -m helpers sandbox reset --home {}`, which",
        ),
        ("seat", "Put it back: python -m helpers reset", "Put it back: python -m helpers reset --home {}"),
        ("a seat", "`python -m helpers sandbox reset`", "`python -m helpers sandbox reset --home '{}'`"),
        ("seat", "run `python -m helpers doctor`", "run `python -m helpers doctor`"),
    ],
)
@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_an_advised_reset_is_one_of_the_seat_and_not_of_the_reader(
    words: list[str],
    folder: str,
    advised: str,
    shown: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def opens(prefix: str) -> Lab:
        raise LabError(advised)

    for module in (start_at, break_seat, reset):
        monkeypatch.setattr(module, "open_lab", opens)
    home = begun(tmp_path / folder)
    assert main([*words, "--home", str(home)]) == 3
    assert capsys.readouterr().err == f"{home}: {shown.format(home)}\n"
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    assert main(words) == 3
    assert capsys.readouterr().err == f"{home}: {advised}\n", "no home was named, so none is needed"


@pytest.mark.parametrize(
    ("named", "given", "progress"),
    [
        ("", [], "my"),
        ("", ["--home", ".sandbox"], "my"),
        ("", ["--home", "seat"], "seat"),
        ("seat", [], "seat"),
        ("seat", ["--home", ".sandbox"], "my"),
        (".sandbox", [], ".sandbox"),
    ],
)
def test_a_lab_is_chosen_by_the_progress_that_the_notebooks_write(
    named: str, given: list[str], progress: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_data, "DEFAULT_HOME", tmp_path / ".sandbox")
    monkeypatch.setattr(_data, "MY", tmp_path / "my")
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path / named) if named else "")
    monkeypatch.setattr(break_seat, "open_lab", lambda prefix: None)
    monkeypatch.setattr(break_seat, "break_lab", lambda lab, number: seen.append(default_path()))
    before = default_path()
    assert main(["break", "mystery", *given]) == 0
    assert seen == [tmp_path / progress / "progress.json"]
    assert default_path() == before


# --- status ---------------------------------------------------------------------------------------------------------


def test_a_class_is_a_table_by_seat(tmp_path: Path) -> None:
    first = wrote(tmp_path / "a", x00_1=("done", 0, 1, 30), x01_1=("not yet", 2, 1, 1))
    second = wrote(tmp_path / "b", x00_1=("done", 1, 0, 3), x01_1=("not yet", 5, 0, 2))
    seats = [seat(number, home, NOW) for number, home in enumerate((first, second), start=1)]
    assert [(each.exercise, each.tries, each.hints, each.minutes) for each in seats] == [
        ("01.1", 2, 2, 1),
        ("01.1", 5, 0, 2),
    ]
    assert [each.stuck for each in seats] == [True, False], "the second did something three minutes ago"
    head, one, two = table(seats).splitlines()
    assert head.split() == ["seat", "00", "01", "at", "tries", "hints", "idle"]
    assert one.split()[0] == "1" and one.endswith("stuck")
    assert two.split()[-2:] == ["2", "min"]


@pytest.mark.parametrize(
    ("entries", "at", "tries", "done"),
    [
        ({"x14_05": ("not yet", 6, 3, 1), "x14_07": ("done", 0, 0, 9)}, "14.05", 6, 1),
        ({"x14_07": ("not yet", 1, 3, 1), "x07_1": ("not yet", 4, 0, 9)}, "14.07", 1, 0),
        ({"x14_05": ("not yet", 2, 3, 1), "x14_07": ("done", 0, 0, 9), "x14_16": ("done", 0, 0, 9)}, "14.05", 2, 2),
    ],
)
def test_a_seat_in_notebook_14_is_at_its_broken_lab(
    entries: dict[str, tuple[str, int, int, int]], at: str, tries: int, done: int, tmp_path: Path
) -> None:
    found = seat(1, wrote(tmp_path / "a", **entries), NOW)
    assert (found.exercise, found.tries, found.hints) == (at, tries, 3)
    assert dict(found.done).get("14", 0) == done
    head, row = (line.split() for line in table([found]).splitlines())
    assert row[head.index("14")] == f"{done}/{len(broken_labs())}"


@pytest.mark.parametrize(("tries", "stuck"), [(1, False), (2, True), (6, True)])
def test_a_seat_where_nothing_was_done_yet_can_be_stuck(tries: int, stuck: bool, tmp_path: Path) -> None:
    assert seat(1, wrote(tmp_path / "a", x00_1=("not yet", tries, 0, 1)), NOW).stuck is stuck


def test_the_exercise_is_the_next_one_where_none_was_begun(tmp_path: Path) -> None:
    done = wrote(tmp_path / "a", x00_1=("done", 0, 0, 5))
    assert seat(1, done, NOW).exercise not in ("", "00.1")


@pytest.mark.parametrize(
    ("make", "note"),
    [
        (lambda home: None, NOT_THERE),
        (lambda home: home.mkdir(), NOT_BEGUN),
        (lambda home: (home.mkdir(), (home / "progress.json").write_text("{")), UNREADABLE),
        (lambda home: wrote(home, x00_1=("done", "many", 0, 0)), UNREADABLE),  # type: ignore[arg-type]
        (lambda home: wrote(home, x00_1=("done", float("inf"), 0, 0)), UNREADABLE),  # type: ignore[arg-type]
        (lambda home: timed(home, "2026-01-05T09:00:00"), UNREADABLE),
        (lambda home: timed(home, "2026-01-05T09:00:00", "2026-01-05T09:00:00+00:00"), UNREADABLE),
        (lambda home: timed(home, "yesterday"), UNREADABLE),
    ],
    ids=["missing", "empty", "broken", "not a number", "infinite", "no zone", "one without a zone", "no time"],
)
def test_a_seat_without_progress_is_told_and_left_as_it_is(make: object, note: str, tmp_path: Path) -> None:
    home = tmp_path / "seat"
    make(home)  # type: ignore[operator]
    before = sorted(path.name for path in tmp_path.rglob("*"))
    assert seat(1, home, NOW).note == note
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_status_reads_a_checkout_too_and_answers_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    wrote(checkout / "my", x00_1=("done", 0, 0, 5))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "progress.json").write_text("[]")
    assert main(["status", str(checkout), str(tmp_path / "broken"), "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(each["number"], each["done"], each["note"]) for each in document["seats"]] == [
        (1, {"00": 1}, ""),
        (2, {}, UNREADABLE),
    ]
    assert str(tmp_path) not in json.dumps(document), "a seat is a number"


def timed(home: Path, *times: str) -> None:
    wrote(home, **{f"x00_{number}": ("not yet", 1, 0, 0) for number in range(1, len(times) + 1)})
    document = json.loads((home / "progress.json").read_text())
    for entry, moment in zip(document["exercises"].values(), times, strict=True):
        entry["last_at"] = moment
    (home / "progress.json").write_text(json.dumps(document))


@pytest.mark.parametrize("first", [True, False], ids=["options first", "seats first"])
def test_a_watched_class_is_shown_until_ctrl_c(
    first: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(status.time, "sleep", sleep)
    seats = [str(tmp_path / "one"), str(tmp_path / "two")]
    assert main(["status", *(["--watch", *seats] if first else [*seats, "--watch"])]) == 1
    assert waits == [10] * 3
    assert capsys.readouterr().out.count(NOT_THERE) == 6


@pytest.mark.parametrize("options", [["--watch", "--json"], ["--json", "all.json", "--watch"]])
def test_a_watched_class_is_no_document(
    options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert exit_code(["status", "seat", *options]) == 2
    said = capsys.readouterr()
    assert "--json" in said.err and said.out == ""
    assert list(tmp_path.iterdir()) == []


def test_a_try_is_a_wrong_answer_and_no_look_at_an_empty_cell(tmp_path: Path) -> None:
    notes = ProgressFile(tmp_path / "progress.json")
    for outcome in ("not attempted", "not yet", "not yet", "done", "not yet"):
        notes.looked("01.1", outcome)
    entry = notes.entries()["01.1"]
    assert (entry.outcome, entry.tries) == ("done", 2)
    assert entry.last_at >= entry.done_at > ""


def test_a_progress_file_of_before_tries_were_counted_is_read(tmp_path: Path) -> None:
    old = {
        "exercises": {
            "00.1": {"outcome": "done", "hints": 1, "solution": False, "done_at": "2026-01-05T09:00:00+00:00"}
        }
    }
    (tmp_path / "progress.json").write_text(json.dumps(old))
    assert seat(1, tmp_path, NOW).minutes == 60
