"""What a kernel of ``make lab`` says below an error: where a cell above helps, and nothing about anything else."""

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ParamValidationError, ReadTimeoutError, TokenRetrievalError
from IPython.core.inputtransformer2 import TransformerManager
from jupyter_client.manager import start_new_kernel

from helpers.commands import kernel_advice
from helpers.commands.kernel_advice import advice

CELLS = {
    "first": "from helpers import lab as course\n%matplotlib inline\nlog_group, (rows, _) = '/demo', (1, 2)",
    "broken": "not python at all",
    "defined": "def count(inner):\n    local = inner\n    return local",
    "asked": "log_group",
    "below": "later = 1",
}


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    cells = [{"id": id_, "cell_type": "code", "metadata": {}, "source": source} for id_, source in CELLS.items()]
    cells.insert(0, {"id": "words", "cell_type": "markdown", "metadata": {}, "source": "prose = 1"})
    path = tmp_path / "05_five.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    return path


def said_of(error: BaseException | None, notebook: Path, cell: str = "asked") -> str:
    return advice(error, notebook, cell, TransformerManager().transform_cell)


@pytest.mark.parametrize("name", ["course", "log_group", "rows", "count"])
def test_a_name_from_a_cell_above_is_told_where_to_get(name: str, notebook: Path) -> None:
    said = said_of(NameError("not defined", name=name), notebook)
    assert said.startswith(f"`{name}` comes from a cell above") and "**Run All Above Selected Cell**" in said


@pytest.mark.parametrize("name", ["log_grup", "local", "prose", "later", "len"])
def test_nothing_is_said_of_a_typing_error_and_of_what_no_cell_above_assigns(name: str, notebook: Path) -> None:
    assert said_of(NameError("not defined", name=name), notebook) == ""


@pytest.mark.parametrize(
    ("number", "name"), [("02", "every_group"), ("03", "found_policy"), ("04", "subnet_of_db_b"), ("06", "between")]
)
def test_a_name_of_an_exercise_whose_first_lines_are_deleted_is_given_back(
    number: str, name: str, notebook: Path
) -> None:
    mine = notebook.rename(notebook.with_name(f"{number}_mine.ipynb"))
    said = said_of(NameError("not defined", name=name), mine)
    assert said.startswith(f"`{name}` is given in the cell of exercise {number}.") and re.search(
        rf"^ *{name} = ", said, re.MULTILINE
    )
    assert said_of(NameError("not defined", name=name), mine.rename(mine.with_name("05_five.ipynb"))) == ""


def test_nothing_is_said_of_other_errors(notebook: Path) -> None:
    assert said_of(None, notebook) == said_of(KeyError("log_group"), notebook) == ""
    assert said_of(UnboundLocalError("not set", name="log_group"), notebook) == ""
    refusal = ClientError({"Error": {"Code": "LimitExceededException", "Message": "queries"}}, "StartQuery")
    assert said_of(refusal, notebook) == ""


def test_an_account_that_is_full_names_the_command_that_makes_room(notebook: Path) -> None:
    refusal = ClientError({"Error": {"Code": "VpcLimitExceeded", "Message": "The maximum."}}, "CreateVpc")
    assert "`python -m helpers teardown --prefix NAME`" in said_of(refusal, notebook)


@pytest.mark.parametrize(
    ("error", "way"),
    [
        (ClientError({"Error": {"Code": "ThrottlingException"}}, "StartQuery"), "in a minute"),
        (ClientError({"Error": {"Code": "RequestLimitExceeded"}}, "CreateVpc"), "in a minute"),
        (ClientError({"Error": {"Code": "ExpiredToken"}}, "CreateVpc"), "Sign in again"),
        (TokenRetrievalError(provider="sso", error_msg="expired"), "Sign in again"),
        (ClientError({"Error": {"Code": "UnauthorizedOperation"}}, "CreateVpc"), "`python -m helpers preflight`"),
        (ClientError({"Error": {"Code": "InternalError"}}, "CreateVpc"), "nobody knows whether it was done"),
        (ParamValidationError(report="Invalid type for parameter Threshold"), "Nothing was sent"),
        (ReadTimeoutError(endpoint_url="https://ec2.amazonaws.com"), "nobody knows whether it was done"),
    ],
)
def test_what_aws_refuses_or_does_not_answer_has_a_way_out(error: Exception, way: str, notebook: Path) -> None:
    assert way in said_of(error, notebook)


def answered(client: Any, code: str) -> list[tuple[str, str]]:
    """The outputs of a cell, in order: their kind, and their text or the error's name."""
    outputs: list[tuple[str, str]] = []

    def note(message: Any) -> None:
        content = message["content"]
        if message["msg_type"] in ("error", "display_data", "execute_result"):
            words = content.get("ename") or content["data"]["text/plain"]
            outputs.append((message["msg_type"], words))

    client.execute_interactive(code, output_hook=note, timeout=60)
    return outputs


def test_a_new_kernel_shows_the_error_and_then_the_way_out(notebook: Path) -> None:
    startup = Path(kernel_advice.__file__).with_name("kernel_startup.py")
    environment = {**os.environ, "PYTHONSTARTUP": str(startup), "JPY_SESSION_NAME": str(notebook)}
    manager, client = start_new_kernel(kernel_name="python3", env=environment)
    try:
        names = answered(client, "[name for name in dir() if 'watch' in name or 'helpers' in name]")
        assert names == [("execute_result", "[]")]
        (error, told) = answered(client, "log_group")
        assert error == ("error", "NameError")
        assert told[0] == "display_data" and told[1].startswith("`log_group` comes from a cell above")
        assert answered(client, "log_grup") == [("error", "NameError")]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
