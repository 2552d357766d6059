"""Notebook 13 on a real account: it reads that account alone, and breaks things in the sandbox. Stock moto plays it."""

import ast
from pathlib import Path
from typing import Any

import boto3
import nbformat
import pytest
from botocore.client import BaseClient
from moto import mock_aws

from helpers.health import examine
from helpers.lab import sandbox_process
from helpers.lab.read_only import READS
from tests.health.accounts import Change, course, flow_log
from tests.notebooks.classroom import notebook_of
from tests.notebooks.in_process import run_in_process
from tests.notebooks.lint import Notebook
from tests.support.homes import copy_after
from tests.support.stock_moto import leave_out_what_no_test_asks_for

ACCOUNT = "123456789012"
PARAMETERS = f'mode, region, prefix, confirm_account = "aws", "us-east-1", "demo", "{ACCOUNT}"\n'


def test_what_the_cells_ask_of_the_account_is_a_reading() -> None:
    for cell in Notebook.read(notebook_of("13")).code:
        asked = [node for node in ast.walk(cell.tree()) if isinstance(node, ast.Attribute)]
        named = [node for node in ast.walk(cell.tree()) if isinstance(node, ast.Name) and node.id == "lab"]
        readings = [node for node in asked if ast.unparse(node) == "lab.reading"]
        if cell.raw["id"] not in ("open-lab", "sandbox"):
            assert len(named) == len(readings), f"cell {cell.raw['id']} uses lab for more than a reading"


def last_cell(fail_on: str, *changes: Change) -> None:
    """Run the cell that fails a run, on a report of the course's account with these changes."""
    cell = next(cell for cell in Notebook.read(notebook_of("13")).code if cell.raw["id"] == "fail-on")
    exec(compile(cell.tree(), "fail-on", "exec"), {"found": examine(course(*changes)), "fail_on": fail_on})


def test_the_last_cell_fails_where_a_check_had_no_answer() -> None:
    without_status = flow_log(DeliverLogsStatus="")
    last_cell("high")
    last_cell("", without_status)
    with pytest.raises(AssertionError, match="not evaluated: H1"):
        last_cell("high", without_status)


def in_aws(folder: Path, fail_on: str) -> Path:
    """A copy of the notebook with the parameters of somebody who checks an account."""
    notebook = nbformat.read(notebook_of("13"), as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == "parameters")
    cell.source = f'{PARAMETERS}vpcs, minutes, fail_on, mask = "", 60, "{fail_on}", True'
    path = folder / notebook_of("13").name
    nbformat.write(notebook, path)
    return path


@pytest.mark.long
def test_in_a_real_account_nothing_is_called_that_writes_and_the_last_cell_fails_where_it_should(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    asked, send = set[tuple[str, str]](), BaseClient._make_api_call

    def noted(client: Any, action: str, params: Any) -> Any:
        if "127.0.0.1" not in client.meta.endpoint_url:
            asked.add((client.meta.service_model.service_name, action))
            if action == "DescribeQueryDefinitions":  # moto has none
                return {"queryDefinitions": []}
        return send(client, action, params)

    home = copy_after("05", tmp_path / "home")
    leave_out_what_no_test_asks_for(monkeypatch)
    with mock_aws():
        boto3.client("ec2", region_name="us-east-1").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)
        monkeypatch.setattr(BaseClient, "_make_api_call", noted)
        try:
            run_in_process([in_aws(tmp_path, "")], tmp_path / "out", home)
            executed = nbformat.read(tmp_path / "out" / notebook_of("13").name, as_version=4)
            with pytest.raises(AssertionError, match=r"cell fail-on: AssertionError: .*H3 No active flow log covers"):
                run_in_process([in_aws(tmp_path, "high")], tmp_path / "out", home)
        finally:
            sandbox_process.stop(home)
    [report] = next(cell for cell in executed.cells if cell.get("id") == "yours").outputs
    assert "Account 000000000001" in report.text and ACCOUNT not in report.text
    assert asked <= {(service, action) for service, actions in READS.items() for action in actions}
    assert ("ec2", "DescribeFlowLogs") in asked
