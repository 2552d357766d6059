"""Dependencies are declared once, in pyproject.toml, and everything else agrees with it."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
OURS = {"benchmarks", "helpers", "setup_workbook", "tests"}
# What a module imports only where its command is called, and an extra brings.
OPTIONAL = {("book.py", "sphinx"), ("query_tables.py", "pyspark")}


@cache
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return table


def runtime() -> list[Requirement]:
    return [Requirement(text) for text in project()["dependencies"]]


def extras() -> list[Requirement]:
    return [Requirement(text) for texts in project()["optional-dependencies"].values() for text in texts]


def pins() -> list[Requirement]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [Requirement(line) for line in lines if line.strip()]


def imported(source: str) -> set[str]:
    """The top-level modules that a Python text imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names - OURS - set(sys.stdlib_module_names)


def without_magics(source: str) -> str:
    return "" if source.startswith("%%") else re.sub(r"^%.*$", "pass", source, flags=re.MULTILINE)


def sources(folder: str) -> Iterator[tuple[Path, str]]:
    for path in sorted((ROOT / folder).rglob("*.py")):
        yield path, path.read_text("utf-8")
    for path in sorted((ROOT / folder).rglob("*.ipynb")):
        for cell in nbformat.read(path, as_version=4).cells:
            if cell.cell_type == "code":
                yield path, without_magics(cell.source)


@cache
def distributions(module: str) -> set[str]:
    found = {canonicalize_name(name) for name in metadata.packages_distributions().get(module, [])}
    return set(found) or {canonicalize_name(module)}


@pytest.mark.parametrize(("folder", "with_extras"), [("helpers", False), ("notebooks", False), ("tests", True)])
def test_every_import_is_declared(folder: str, with_extras: bool) -> None:
    declared = {canonicalize_name(one.name) for one in runtime() + (extras() if with_extras else [])}
    undeclared = {
        f"{path.relative_to(ROOT)} imports {module}"
        for path, source in sources(folder)
        for module in imported(source)
        if not distributions(module) & declared and (path.name, module) not in OPTIONAL
    }
    assert not undeclared


def test_imports_are_found_wherever_they_stand() -> None:
    source = "import json\nfrom helpers import x\ndef f():\n    import boto3.session\n    from yaml import load\n"
    assert imported(source) == {"boto3", "yaml"}
    assert "pyyaml" in distributions("yaml")


def test_every_dependency_has_a_pin_that_satisfies_its_range() -> None:
    pinned: dict[str, list[Requirement]] = {}
    for pin in pins():
        pinned.setdefault(canonicalize_name(pin.name), []).append(pin)
    for requirement in runtime() + extras():
        found = pinned.get(canonicalize_name(requirement.name), [])
        assert found, f"{requirement.name} has no pin in constraints.txt"
        for pin in found:
            version = next(iter(pin.specifier)).version
            assert requirement.specifier.contains(version, prereleases=True), f"{pin} is outside {requirement}"


def test_constraints_are_pins_and_name_no_place() -> None:
    text = (ROOT / "constraints.txt").read_text("utf-8")
    assert "/" not in text
    assert "@" not in text
    for pin in pins():
        assert pin.url is None
        assert [(one.operator, "*" in one.version) for one in pin.specifier] == [("==", False)], str(pin)


def test_setup_and_this_test_agree_on_what_a_pin_is() -> None:
    import setup_workbook

    setup_workbook.check_constraints((ROOT / "constraints.txt").read_text("utf-8"))


def test_conda_gets_python_and_pip_and_nothing_else() -> None:
    document = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    names = []
    for entry in document["dependencies"]:
        if isinstance(entry, dict):
            assert entry == {"pip": ["-c constraints.txt", "-e ."]}
        else:
            names.append(re.split(r"[=<> ]", entry)[0])
    assert names == ["python", "pip"]


def test_no_version_of_python_is_promised_that_the_pins_do_not_cover() -> None:
    oldest = Requirement(f"python{project()['requires-python']}").specifier
    for version in ("3.11", "3.12", "3.13", "3.14"):
        assert oldest.contains(version)
        names = [
            canonicalize_name(pin.name)
            for pin in pins()
            if pin.marker is None
            or pin.marker.evaluate({"python_full_version": f"{version}.9", "python_version": version})
        ]
        assert len(names) == len(set(names)), f"two pins of one package hold on Python {version}"
        assert {canonicalize_name(one.name) for one in runtime()} <= set(names)
