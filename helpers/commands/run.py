"""``python -m helpers run``: the notebooks, headless, in a sandbox of their own."""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat

from helpers._data import CHECKOUT, MY, NOTEBOOKS
from helpers.commands.command_line import add_json, choose, folder, for_machines, shown
from helpers.commands.errors import ExitCode, broken, usage
from helpers.commands.parameters import declared, resolve

if TYPE_CHECKING:
    from helpers.runner import CourseResult

_MARKER = "made-by-the-runner"
_DEFAULT_LIMIT = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers of notebooks; all when none is given")
    parser.add_argument(
        "-p", dest="parameters", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="a value for the notebooks' parameters cell; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=folder, default=CHECKOUT / "build" / "course", metavar="DIR",
        help="where executed copies, results.json and junit.xml go (build/course)",
    )  # fmt: skip
    parser.add_argument(
        "--home",
        type=folder,
        metavar="DIR",
        help="use this sandbox instead of a fresh private one, and let it run",
    )
    parser.add_argument(
        "--solved", action="store_true", help="with every exercise solved; a check that is not done then fails"
    )
    parser.add_argument("--keep-going", action="store_true", help="run the rest after a failure")
    parser.add_argument(
        "--time-limit", type=minutes, default=_DEFAULT_LIMIT * 60.0, metavar="MINUTES",
        help=f"for all notebooks together ({_DEFAULT_LIMIT})",
    )  # fmt: skip
    parser.add_argument(
        "--mask", action="store_true", help="in what is written, most digits of the id in confirm_account are stars"
    )
    add_json(parser)


def minutes(text: str) -> float:
    minutes = float(text)
    if not 0 < minutes < 24 * 60:
        raise ValueError(text)
    return minutes * 60


def run(arguments: argparse.Namespace) -> int:
    """Run what was asked for; 0 when everything passed, 1 when anything failed."""
    from helpers.commands import report

    chosen = choose(arguments.notebooks, NOTEBOOKS)
    given = _once(arguments.parameters)
    parameters = {path.stem: resolve(given, declared(_read(path)), path.stem) for path in chosen}
    _must_make_sense(given)
    out, private = arguments.out, arguments.home is None
    home = out / "sandbox" if private else arguments.home
    expected = report.earlier_seconds(out / "results.json")
    _prepare(out, chosen, home, private=private)
    try:
        in_sandbox = given.get("mode") != "aws"
        with tempfile.TemporaryDirectory(prefix="workbook-solved-") as folder, for_machines(arguments.json) as write:
            notebooks = _solved(chosen, Path(folder)) if arguments.solved else chosen
            result = _run(notebooks, parameters, out, home, arguments, expected, in_sandbox=in_sandbox)
            if arguments.mask and given.get("confirm_account"):
                parameters = _masked(out, str(given["confirm_account"]), parameters)
            write(report.as_document(result, parameters))
        return ExitCode.DONE if result.passed else ExitCode.CHECK_FAILED
    finally:
        if private:
            stop_sandbox(home)


def _run(
    chosen: Sequence[Path],
    parameters: Mapping[str, Mapping[str, object]],
    out: Path,
    home: Path,
    arguments: argparse.Namespace,
    expected: Mapping[str, float],
    *,
    in_sandbox: bool,
) -> "CourseResult":
    from helpers.commands import report
    from helpers.lab.errors import ROOM
    from helpers.runner import NotebookResult, run_notebooks

    def starting(number: int, name: str) -> None:
        left = [expected.get(path.stem, 0) for path in chosen[number - 1 :]]
        about = f" (about {left[0]:.0f} s, {sum(left):.0f} s to the end)" if name in expected else ""
        print(f"[{number:>2}/{len(chosen)}] {name}{about} ... ", end="", flush=True)

    def ended(result: NotebookResult) -> None:
        print(f"{result.status}, {result.cells} cells, {result.seconds:.1f} s", flush=True)
        if result.problem:
            print(f"        {result.problem}", flush=True)
        if "LimitExceeded)" in result.problem:  # as botocore words it: An error occurred (VpcLimitExceeded) when ...
            print(f"        {ROOM}", flush=True)

    result = run_notebooks(
        chosen,
        out,
        environment={**os.environ, "FLOWLOGS_HOME": str(home)},
        parameters=parameters,
        keep_going=arguments.keep_going,
        time_limit=arguments.time_limit,
        all_done=arguments.solved,
        meanwhile=partial(_start_sandbox, home) if in_sandbox else lambda: None,
        on_start=starting,
        on_end=ended,
    )
    report.write_json(result, out / "results.json", parameters)
    report.write_junit(result, out / "junit.xml")
    failed = sum(notebook.status == "failed" for notebook in result.notebooks)
    print(f"\n{report.table(result.notebooks)}\n")
    if arguments.solved:
        print(f"{report.exercise_table(result.notebooks)}\n")
    verdict = "all passed" if result.passed else f"{failed} failed"
    print(f"{len(chosen)} notebooks in {result.seconds:.0f} s, {verdict}; see {shown(out)}", flush=True)
    return result


def _masked(out: Path, account: str, parameters: Mapping[str, Mapping[str, object]]) -> dict[str, dict[str, object]]:
    """Mask an account's id in all files of a run, and in these parameters."""
    from helpers.lab.connection import masked

    for path in (*out.glob("*.ipynb"), out / "results.json", out / "junit.xml"):
        path.write_text(path.read_text("utf-8").replace(account, masked(account)), "utf-8")
    return {stem: {**values, "confirm_account": masked(account)} for stem, values in parameters.items()}


def _solved(chosen: Sequence[Path], folder: Path) -> list[Path]:
    """Copies of the notebooks with the solutions in the exercise cells."""
    from helpers.commands.exercise_cells import solved
    from helpers.lab.notebook_file import read_notebook, write_notebook
    from helpers.lessons.content import exercises

    copies = []
    for path in chosen:
        copies.append(folder / path.name)
        write_notebook(solved(read_notebook(path), exercises()), copies[-1])
    return copies


def _must_make_sense(given: Mapping[str, str]) -> None:
    """Refuse what ``open_lab`` would refuse in the first notebook's first cell."""
    from helpers.lab import LabError
    from helpers.lab.connection import AwsConnection
    from helpers.lab.settings import check

    mode = given.get("mode", "sandbox")
    try:
        check(mode, given.get("region", "us-east-1"), given.get("prefix", "demo"), given.get("confirm_account"))
    except LabError as problem:
        raise usage(str(problem)) from None
    if mode == "aws" and not given.get("confirm_account"):
        raise usage('mode "aws" makes real resources that cost money: name the account with -p confirm_account ID.')
    if mode == "aws":  # now, and not in the first notebook: without credentials no lesson has failed
        try:
            AwsConnection(given.get("region", "us-east-1"), given["confirm_account"])
        except LabError as problem:
            raise broken(str(problem)) from None


def _once(pairs: Sequence[Sequence[str]]) -> dict[str, str]:
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise usage(f"the parameter {name} was given twice.")
        given[name] = value
    return given


def _read(path: Path) -> Any:
    try:
        return nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError, nbformat.ValidationError, nbformat.reader.NotJSONError) as error:
        raise broken(f"{shown(path)} is not a readable notebook: {error}") from None


def _prepare(out: Path, chosen: Sequence[Path], home: Path, *, private: bool) -> None:
    """Make room for this run's files, and delete nothing that an earlier run did not make."""
    for kept in (NOTEBOOKS, MY):
        if out == kept or kept in out.parents:
            raise usage(f"--out {shown(out)} would overwrite notebooks: choose another folder.")
    if private and home.exists() and not (home / _MARKER).exists():
        raise usage(f"{shown(home)} was not made by an earlier run: choose another folder with --out.")
    try:
        if private and home.exists():
            stop_sandbox(home)
            shutil.rmtree(home)
        out.mkdir(parents=True, exist_ok=True)
        home.mkdir(parents=True, exist_ok=True)
        if private:
            (home / _MARKER).touch()
        for name in ("results.json", "junit.xml", *(path.name for path in chosen)):
            (out / name).unlink(missing_ok=True)
    except OSError as error:
        where = shown(Path(error.filename or out))
        raise broken(
            f"cannot write to {where} ({error.strerror}): choose other folders with --out and --home."
        ) from None


def _start_sandbox(home: Path) -> None:
    """Before the first notebook: where it cannot start, the set-up is broken and no lesson has failed."""
    from helpers.lab import sandbox_process

    try:
        sandbox_process.start(home, say=lambda remark: print(remark, file=sys.stderr))
    except sandbox_process.SandboxError as problem:
        raise broken(str(problem)) from None


def stop_sandbox(home: Path) -> None:
    """Stop the server of a private home, if one was started there."""
    if not any(path.name != _MARKER for path in home.iterdir()):
        return
    command = [sys.executable, "-m", "helpers", "sandbox", "stop", "--home", str(home)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        print(f"The sandbox in {shown(home)} may still be running: {reason}", file=sys.stderr)
