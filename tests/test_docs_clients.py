"""docs/clients.md: its lines can be typed, and each client that it names was heard by a sandbox."""

import re
import shlex
from functools import cache
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.loaders import create_loader
from botocore.model import ServiceModel

from helpers.__main__ import main
from tests.pages import ROOT, code_of, gone

TEXT = (ROOT / "docs" / "clients.md").read_text("utf-8")
CALLS = {path.stem: path.read_text("utf-8").splitlines() for path in (ROOT / "tests/data/client_calls").glob("*.txt")}
NAMES = {"AWS SDK for JavaScript": "javascript-sdk"}
OF_THE_CLI = {"query", "output", "max-items", "page-size", "endpoint-url", "since"}
LINES = sorted(set(code_of(TEXT)))


@cache
def model(service: str) -> ServiceModel:
    return ServiceModel(create_loader().load_service_model(service, "service-2"), service)


def test_every_client_of_the_page_was_recorded() -> None:
    rows = re.findall(r"^\| (\w.*?) \| .*\d.* \| .+ \|$", TEXT, re.MULTILINE)
    assert sorted(NAMES.get(name, name.lower().replace(" ", "-")) for name in rows) == sorted(CALLS)


@pytest.mark.parametrize("client", sorted(CALLS))
def test_a_recording_names_actions_of_aws_in_order(client: str) -> None:
    assert CALLS[client] == sorted(set(CALLS[client]))
    for service, action in (line.split() for line in CALLS[client]):
        assert action in model(service).operation_names, f"{service} {action}"


def test_what_the_page_names_is_there() -> None:
    assert list(gone(TEXT)) == []


@pytest.mark.parametrize("line", [line for line in LINES if "-m helpers sandbox " in line])
def test_a_command_of_ours_can_be_typed(line: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """With --help behind them its words are read, and nothing is started."""
    words = re.search(r"-m helpers (sandbox [\w -]+)", line)
    assert words is not None
    with pytest.raises(SystemExit) as ended:
        main([*words[1].split(), "--help"])
    assert ended.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize("line", [line for line in LINES if line.startswith("aws ")])
def test_a_command_of_the_aws_cli_can_be_typed(line: str) -> None:
    service, command, *rest = shlex.split(line)[1:]
    options = {word.removeprefix("--") for word in rest if word.startswith("--")} - OF_THE_CLI
    if (service, command) == ("logs", "tail"):
        return
    operations = {xform_name(name, "-"): name for name in model(service).operation_names}
    shape = model(service).operation_model(operations[command]).input_shape
    assert shape is not None
    assert options <= {xform_name(name, "-") for name in shape.members}
