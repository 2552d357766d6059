"""``run``: what it refuses before anything starts, and what a run leaves behind."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.__main__ import main
from helpers.commands import run as command

PARAMETERS = (
    'region: str = "us-east-1"  # where\ncount: int = 4  # pings\n'
    "confirm_account: str | None = None  # yours\nstrict: bool = False  # x\nshare: float = 0.5  # x"
)


def ship(folder: Path, name: str, *cells: str, parameters: str = PARAMETERS) -> None:
    made = [
        new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        *(new_code_cell(text) for text in cells),
    ]
    metadata = {"kernelspec": {"name": "python3", "display_name": "x", "language": "python"}}
    nbformat.write(new_notebook(cells=made, metadata=metadata), folder / f"{name}.ipynb")


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of two notebooks, and a learner's folder beside it."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    ship(folder, "01_one", "print(region, count)")
    ship(folder, "05_five", "print('five')")
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "01_one.ipynb").write_text("not even a notebook")
    monkeypatch.setattr(command, "NOTEBOOKS", folder)
    monkeypatch.setattr(command, "MY", tmp_path / "my")
    return tmp_path


def refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    try:
        code = main(["run", *words])
    except SystemExit as ended:
        code = int(str(ended.code))
    said = capsys.readouterr()
    assert said.out == ""
    assert len(said.err.splitlines()) == 1, said.err
    return code, said.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["42"], "there are: 01_one, 05_five"),
        (["1_one"], "there is no notebook '1_one'"),
        (["-p", "regoin", "x"], "it knows region, count, confirm_account, strict, share"),
        (["-p", "count", "many"], "count is of type int, and 'many' is not"),
        (["-p", "count", "1.5"], "count is of type int"),
        (["-p", "count", "True"], "count is of type int"),
        (["-p", "strict", "perhaps"], "strict is of type bool"),
        (["-p", "share", "half"], "share is of type float"),
        (["-p", "region", "a", "-p", "region", "b"], "given twice"),
        (["-p", "region"], "expected 2 arguments"),
        (["--time-limit", "soon"], "soon"),
        (["--time-limit", "0"], "0"),
    ],
)
def test_a_wrong_command_is_refused(
    words: list[str], sentence: str, course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = refused(["--out", str(course / "out"), *words], capsys)
    assert code == 2
    assert sentence in said
    assert not (course / "out").exists()


def test_a_parameter_without_a_value_has_to_be_given(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ship(course / "notebooks", "07_seven", parameters="ticket: str  # no default")
    code, said = refused(["07", "--out", str(course / "out")], capsys)
    assert code == 2
    assert "-p ticket VALUE" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-p", "region", "us-esat-1"], "'us-esat-1' is no AWS Region"),
        (["-p", "region", "cn-north-1"], "is no AWS Region that the sandbox knows"),
        (["-p", "mode", "azure"], 'use "sandbox" or "aws"'),
        (["-p", "mode", "aws"], "-p confirm_account ID"),
        (["-p", "prefix", "Ann B"], "lower-case letters"),
    ],
)
def test_a_value_that_no_lab_can_have_is_refused_before_anything_runs(
    words: list[str], sentence: str, course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lab = 'mode: str = "sandbox"  # x\nregion: str = "us-east-1"  # x\nprefix: str = "demo"  # x'
    ship(course / "notebooks", "07_lab", parameters=lab)
    code, said = refused(["07", "--out", str(course / "out"), *words], capsys)
    assert code == 2
    assert sentence in said
    assert not (course / "out").exists()


def test_a_damaged_home_is_a_broken_set_up_and_no_failed_notebook(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = course / "home"
    home.mkdir()
    (home / "journal.jsonl").write_text("damaged\nmore\n")
    code, said = refused(["01", "--out", str(course / "out"), "--home", str(home)], capsys)
    assert code == 3
    assert "journal is damaged at line 1" in said
    assert (home / "journal.jsonl").read_text() == "damaged\nmore\n"


@pytest.mark.parametrize("where", ["notebooks", "my", "my/deeper"])
def test_it_never_writes_over_notebooks(where: str, course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(["--out", str(course / where)], capsys)
    assert code == 2
    assert "overwrite" in said


def test_a_folder_that_is_not_its_own_is_left_alone(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "out" / "sandbox").mkdir(parents=True)
    (course / "out" / "sandbox" / "precious").touch()
    code, said = refused(["--out", str(course / "out")], capsys)
    assert code == 2
    assert "was not made by an earlier run" in said
    assert (course / "out" / "sandbox" / "precious").exists()


@pytest.mark.parametrize("words", [["--out", "a file/out"], ["--out", "out", "--home", "a file/home"]])
def test_what_cannot_be_written_is_said(
    words: list[str], course: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (course / "a file").touch()
    monkeypatch.chdir(course)
    code, said = refused(words, capsys)
    assert code == 3
    assert "cannot write to" in said


def test_without_notebooks_the_checkout_is_broken(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (course / "notebooks").iterdir():
        path.unlink()
    assert refused([], capsys)[0] == 3


def test_a_broken_notebook_is_named(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (course / "notebooks" / "05_five.ipynb").write_text("{")
    code, said = refused(["--out", str(course / "out")], capsys)
    assert code == 3
    assert "05_five.ipynb" in said


def test_notebooks_are_chosen_by_number_or_name_in_the_courses_order(course: Path) -> None:
    chosen = command.choose(["05_five", "1", "5"], course / "notebooks")
    assert [path.stem for path in chosen] == ["01_one", "05_five"]
    assert command.choose(["05.ipynb"], course / "notebooks")[0].stem == "05_five"


def test_a_run_reports_and_leaves_the_learners_folder_alone(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = course / "out"
    assert main(["run", "--out", str(out), "-p", "count", "7", "-p", "confirm_account", "012345678901"]) == 0
    said = capsys.readouterr().out
    assert "[ 2/2] 05_five ... passed, 3 cells" in said
    assert "notebook  cells  seconds  status" in said
    results = json.loads((out / "results.json").read_text())
    assert results["parameters"]["01_one"] == {"count": 7, "confirm_account": "012345678901"}
    assert (out / "junit.xml").exists()
    executed = nbformat.read(out / "01_one.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0]["text"] == "us-east-1 7\n"
    assert [path.read_text() for path in (course / "my").iterdir()] == ["not even a notebook"]


def test_each_run_has_a_new_home_and_its_server_is_stopped(
    course: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ship(
        course / "notebooks",
        "01_one",
        "import os, pathlib\nhome = pathlib.Path(os.environ['FLOWLOGS_HOME'])\n"
        "assert not (home / 'server').exists()\n(home / 'server').touch()",
    )
    stopped: list[list[str]] = []
    really = subprocess.run

    def note(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        stopped.append(words[2:])
        return really(words, **options)

    monkeypatch.setattr(command.subprocess, "run", note)
    monkeypatch.setenv("FLOWLOGS_HOME", str(course / "learners"))
    home = course / "out" / "sandbox"
    stop = ["helpers", "sandbox", "stop", "--home", str(home)]
    assert main(["run", "01", "--out", str(course / "out")]) == 0
    assert stopped == [stop]
    assert main(["run", "01", "--out", str(course / "out")]) == 0
    assert stopped == [stop] * 3
    assert not (course / "learners").exists()


def test_a_real_sandbox_is_private_to_the_run_and_ends_with_it(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    open_it = "from helpers.lab import open_lab\nlab = open_lab()\nec2 = lab.client('ec2')"
    ship(course / "notebooks", "01_one", open_it, "ec2.create_vpc(CidrBlock='10.9.0.0/16')")
    same = "assert '10.9.0.0/16' in [vpc['CidrBlock'] for vpc in ec2.describe_vpcs()['Vpcs']]"
    ship(course / "notebooks", "05_five", open_it, same)
    out = course / "out"
    assert main(["run", "--out", str(out)]) == 0, (out / "results.json").read_text()
    assert capsys.readouterr().err == ""
    assert main(["sandbox", "status", "--home", str(out / "sandbox")]) == 1
    assert main(["run", "05", "--out", str(out)]) == 1, "the next run begins with an empty account"


def test_a_failure_is_1_and_an_old_report_does_not_survive_it(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = course / "out"
    assert main(["run", "--out", str(out)]) == 0
    ship(course / "notebooks", "01_one", "1 / 0")
    assert main(["run", "--out", str(out)]) == 1
    said = capsys.readouterr().out
    assert "cell [2] raised ZeroDivisionError" in said
    assert "not run" in said
    assert json.loads((out / "results.json").read_text())["status"] == "failed"
    assert not (out / "05_five.ipynb").exists()


def test_a_second_run_says_what_each_notebook_took_and_machines_read_only_the_result(
    course: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = course / "out"
    earlier = [{"name": "01_one", "seconds": 7.2, "status": "passed"}]
    earlier += [{"name": "05_five", "seconds": 30, "status": "failed"}]
    out.mkdir()
    (out / "results.json").write_text(json.dumps({"notebooks": earlier}))
    assert main(["run", "--out", str(out), "--json"]) == 0
    said = capsys.readouterr()
    assert "[ 1/2] 01_one (about 7 s, 7 s to the end) ... passed" in said.err
    assert "[ 2/2] 05_five ... passed" in said.err, "a failed notebook may have ended early"
    assert json.loads(said.out) == json.loads((out / "results.json").read_text())


def test_a_full_account_is_told_how_to_make_room(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = "{'Error': {'Code': 'VpcLimitExceeded', 'Message': 'The maximum has been reached.'}}, 'CreateVpc'"
    ship(course / "notebooks", "01_one", f"from botocore.exceptions import ClientError\nraise ClientError({refusal})")
    assert main(["run", "01", "--out", str(course / "out")]) == 1
    assert "`python -m helpers teardown --prefix NAME`" in capsys.readouterr().out


def test_the_account_s_id_is_masked_in_all_that_is_written(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ship(course / "notebooks", "01_one", "print('record of', confirm_account)")
    asked = ("-p", "confirm_account", "123456789012", "--mask", "--json")
    assert main(["run", "01", "--out", str(course / "out"), *asked]) == 0
    written = [path.read_text() for path in (course / "out").iterdir() if path.is_file()]
    assert "record of 1234********" in "".join(written)
    assert not any("123456789012" in text for text in [*written, capsys.readouterr().out])


def test_numbers_after_json_are_no_file(course: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = refused(["--out", str(course / "out"), "--json", "05"], capsys)
    assert code == 2
    assert "put the numbers of notebooks first" in said


def test_without_credentials_the_set_up_is_broken_and_no_notebook_has_failed(
    course: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(course / "none"))
    lab = 'mode: str = "sandbox"  # x\nconfirm_account: str = ""  # x'
    ship(course / "notebooks", "07_lab", parameters=lab)
    words = ["07", "--out", str(course / "out"), "-p", "mode", "aws", "-p", "confirm_account", "123456789012"]
    code, said = refused(words, capsys)
    assert code == 3
    assert "AWS did not accept your credentials" in said
    assert not (course / "out").exists()
