"""The lab's machines and addresses are written once, and are those that notebook 01 builds."""

import ast
import json
import re
from pathlib import Path

from helpers import lessons
from helpers.lessons import the_lab

HERE = Path(the_lab.__file__)
NOTEBOOK = HERE.parents[2] / "notebooks" / "01_network.ipynb"
OF_THE_LAB = re.compile(r"\b10\.[12]\.[01]\.10\b|\b10\.[12]\.0\.0/16")


def test_notebook_01_builds_these_machines_and_networks() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    built = re.findall(r'^    "([\w-]+)": \("[\w-]+", "([\d.]+)", ', code, re.MULTILINE)
    assert {address: name for name, address in built} == the_lab.MACHINES
    assert f'CidrBlock="{the_lab.VPC_A}"' in code
    assert f'"vpc-b", CidrBlock="{the_lab.VPC_B}"' in code


def test_no_other_module_of_the_lessons_types_an_address_of_the_lab() -> None:
    typed = [
        f"{path.name}:{node.lineno}"
        for path in Path(lessons.__file__).parent.rglob("*.py")
        if path != HERE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and OF_THE_LAB.search(node.value)
    ]
    assert typed == []
