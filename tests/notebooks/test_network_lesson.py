"""What lesson 01 is: short, one VPC by hand, the rule as it is called, and its helper calls explained in one place."""

import ast

from helpers._data import NOTEBOOKS
from tests.notebooks.lint import Notebook

LESSON = Notebook.read(NOTEBOOKS / "01_network.ipynb")
MOST_LINES = 180


def test_the_lesson_has_at_most_180_lines_of_code() -> None:
    assert sum(len(cell.text.splitlines()) for cell in LESSON.code) <= MOST_LINES


def test_one_rule_is_written_as_it_is_called() -> None:
    calls = [node for cell in LESSON.tagged("build") for node in ast.walk(cell.tree()) if isinstance(node, ast.Call)]
    rules = [call for call in calls if ast.unparse(call.func) == "ec2.authorize_security_group_ingress"]
    permissions = [word.value for call in rules for word in call.keywords if word.arg == "IpPermissions"]
    literal = [ast.literal_eval(value) for value in permissions if not any(map(_is_name, ast.walk(value)))]
    assert [(rule["FromPort"], rule["IpRanges"]) for [rule] in literal] == [(22, [{"CidrIp": "10.1.0.0/16"}])]


def _is_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Name)


def test_the_helper_calls_are_explained_in_one_cell() -> None:
    calls = ("lab.find(", "lab.tag_spec(", "lab.already(", "lab.wait_until(", "lab.catch_up(")
    tables = [cell for cell in LESSON.prose if all(call in cell.text for call in calls)]
    assert len(tables) == 1


def test_no_cell_repairs() -> None:
    """What the lesson builds, it asks for each time; what differs is put right by catch-up."""
    code = "\n".join(cell.text for cell in LESSON.tagged("build"))
    assert not [word for word in ("delete_", "revoke_", "replace_route", "update_") if word in code]
