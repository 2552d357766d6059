"""The files for a hosting site and for pre-commit call make targets, subcommands and tools that exist, no others."""

import json
import re
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from helpers.commands.jupyterlab import IDLE_SECONDS
from tests.pages import ROOT, gone, make_targets, subcommands

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PRE_COMMIT = ROOT / ".pre-commit-config.yaml"
FORM = ROOT / ".github" / "ISSUE_TEMPLATE" / "problem.yml"
PAGES = {"pages": "write", "id-token": "write"}
PUBLISH = "actions/deploy-pages"
ACTIONS = {"actions/checkout", "actions/setup-python", "actions/upload-pages-artifact", PUBLISH}
HOSTED = (ROOT / "docs" / "hosted.md").read_text("utf-8")


def loaded(path: Any) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def strange(workflow: Any) -> Iterator[str]:
    """A sentence for each thing in a workflow that is not a make target, or on Windows the same without make."""
    if workflow.get("permissions") != {"contents": "read"}:
        yield "may do more than read: permissions are contents: read"
    for name, job in workflow["jobs"].items():
        if "permissions" in job and not _only_publishes(workflow, job):
            yield f"{name} has permissions of its own"
        if not job.get("timeout-minutes"):
            yield f"{name} has no limit of time"
        for step in job["steps"]:
            yield from (f"{name}: {problem}" for problem in _strange_step(step, job["runs-on"]))


def _only_publishes(workflow: Any, job: Any) -> bool:
    """Whether a job does nothing but put a site that another job built on its pages, and that for main alone."""
    from_main = workflow.get(True) == {"push": {"branches": ["main"]}}  # YAML takes the word "on" for true
    steps = [step.get("uses", "").partition("@")[0] for step in job["steps"]]
    return from_main and steps == [PUBLISH] and job["permissions"] == PAGES


def _strange_step(step: Any, system: str) -> Iterator[str]:
    if "uses" in step:
        action, _, version = step["uses"].partition("@")
        if action not in ACTIONS or not re.fullmatch(r"v\d+", version):
            yield f"uses {step['uses']}, which is no known action at a major version"
        if action == "actions/upload-pages-artifact" and step.get("with") != {"path": "build/book"}:
            yield "publishes something else than what make book builds"
        return
    command = step["run"]
    target = re.fullmatch(r"make ([a-z-]+)", command)
    if target and "windows" not in system:
        if target[1] not in make_targets():
            yield f"runs {command}, which is no target"
        return
    without_make = re.fullmatch(r"python (\w+\.py)|\.venv\\Scripts\\python -m helpers (\w+)", command)
    if not without_make or "windows" not in system:
        yield f"runs {command}, which is not a make target"
    elif without_make[1] and not (ROOT / without_make[1]).exists():
        yield f"runs {without_make[1]}, which is not there"
    elif without_make[2] and without_make[2] not in subcommands():
        yield f"runs {without_make[2]}, which is no subcommand"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_calls_make_targets_and_nothing_else(path: Any) -> None:
    assert list(strange(loaded(path))) == []


def test_the_systems_and_the_pythons_are_looked_at() -> None:
    jobs = loaded(ROOT / ".github" / "workflows" / "ci.yml")["jobs"].values()
    runs = {(job["runs-on"].partition("-")[0], step["run"]) for job in jobs for step in job["steps"] if "run" in step}
    assert {("ubuntu", "make test-all"), ("macos", "make course"), ("windows", "python setup_workbook.py")} <= runs
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pythons = next(job["strategy"]["matrix"]["python"] for job in jobs if "strategy" in job)
    assert pythons == [project["requires-python"].removeprefix(">="), "3.x"]


def test_the_site_is_built_and_published_from_main() -> None:
    workflow = loaded(ROOT / ".github" / "workflows" / "site.yml")
    build, publish = workflow["jobs"]["build"], workflow["jobs"]["publish"]
    assert [step.get("run") or step["uses"].partition("@")[0] for step in build["steps"]][-2:] == [
        "make book",
        "actions/upload-pages-artifact",
    ]
    assert publish["needs"] == "build" and _only_publishes(workflow, publish)
    assert publish["environment"]["name"] == "github-pages"


def made(**changes: Any) -> Any:
    """A workflow with one job of one step, changed."""
    job = {"runs-on": "ubuntu-latest", "timeout-minutes": 5, "steps": [{"run": "make test"}]}
    top = {key: changes.pop(key) for key in ("permissions",) if key in changes}
    return {"permissions": {"contents": "read"}, **top, "jobs": {"one": job | changes}}


def publishing(on: Any = None, **changes: Any) -> Any:
    """A workflow with one job that publishes, changed."""
    job = {"runs-on": "ubuntu-latest", "timeout-minutes": 5, "steps": [{"uses": f"{PUBLISH}@v4"}], "permissions": PAGES}
    made_of = {"permissions": {"contents": "read"}, "jobs": {"one": job | changes}}
    return {True: on or {"push": {"branches": ["main"]}}, **made_of}


@pytest.mark.parametrize(
    ("workflow", "words"),
    [
        (made(permissions={"contents": "write"}), "may do more than read"),
        (made(permissions={"contents": "read", "issues": "write"}), "may do more than read"),
        (made(**{"timeout-minutes": None}), "no limit of time"),
        (made(steps=[{"run": "make everything"}]), "which is no target"),
        (made(steps=[{"run": "pytest"}]), "which is not a make target"),
        (made(steps=[{"run": "make test && curl x"}]), "which is not a make target"),
        (made(steps=[{"run": "python setup_workbook.py"}]), "which is not a make target"),
        (made(steps=[{"run": "python set_up.py"}], **{"runs-on": "windows-latest"}), "set_up.py, which is not there"),
        (made(steps=[{"run": r".venv\Scripts\python -m helpers dance"}], **{"runs-on": "windows-latest"}), "dance"),
        (made(steps=[{"uses": "actions/checkout@main"}]), "no known action"),
        (made(steps=[{"uses": "somebody/else@v1"}]), "no known action"),
        (made(steps=[{"uses": f"{PUBLISH}@v4"}], permissions=PAGES), "may do more than read"),
        (made(steps=[{"uses": "actions/upload-pages-artifact@v3", "with": {"path": "my"}}]), "something else than"),
        (publishing(on={"pull_request": None}), "permissions of its own"),
        (publishing(permissions={**PAGES, "contents": "write"}), "permissions of its own"),
        (publishing(steps=[{"run": "make book"}]), "permissions of its own"),
    ],
)  # fmt: skip
def test_a_strange_workflow_is_seen(workflow: Any, words: str) -> None:
    assert list(strange(made())) == list(strange(publishing())) == []
    assert any(words in sentence for sentence in strange(workflow)), list(strange(workflow))


def test_pre_commit_calls_the_tools_of_the_environment_and_fetches_nothing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    tools = {re.split(r"[<>=]", name)[0] for name in project["optional-dependencies"]["test"]}
    for repo in loaded(PRE_COMMIT)["repos"]:
        assert repo["repo"] == "local"
        for hook in repo["hooks"]:
            assert hook["language"] == "system"
            call = re.fullmatch(r"\.venv/bin/python -m (\w+)( [\w -]+)?", hook["entry"])
            assert call and call[1] in tools, hook["entry"]


def test_the_form_asks_what_is_needed_to_see_it_again() -> None:
    asked = {part["id"]: part for part in loaded(FORM)["body"] if part["type"] != "markdown"}
    assert list(asked) == ["notebook", "cell", "mode", "system", "happened", "doctor"]
    assert all(part["validations"]["required"] for part in asked.values())
    assert asked["mode"]["attributes"]["options"][:2] == ["sandbox", "aws"]
    assert "doctor" in subcommands()


@pytest.mark.parametrize("path", [FORM, ROOT / ".github" / "pull_request_template.md"], ids=lambda path: path.name)
def test_the_forms_name_only_what_is_there(path: Any) -> None:
    assert list(gone(path.read_text("utf-8"))) == []


def strange_container(container: Any) -> Iterator[str]:
    """A sentence for each command of a dev container that is no make target, and for a Python that none makes."""
    for key, command in container.items():
        if key.endswith("Command"):
            words = str(command).split()
            if words[:1] != ["make"] or len(words) != 2 or words[1] not in make_targets():
                yield f"{key} runs {command}, which is no make target"
    settings = container["customizations"]["vscode"]["settings"]
    if settings != {"python.defaultInterpreterPath": "${containerWorkspaceFolder}/.venv/bin/python"}:
        yield "the editor takes another Python than make setup makes"
    python = container["image"].partition(":")[2]
    if tuple(map(int, python.split("."))) < (3, 11):
        yield f"the image has Python {python}"


def container(**changes: Any) -> Any:
    return json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8")) | changes


def test_a_dev_container_calls_make_targets_and_nothing_else() -> None:
    assert "postCreateCommand" in container()
    assert list(strange_container(container())) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"postCreateCommand": "make set-up"}, "which is no make target"),
        ({"postStartCommand": "make setup && curl x"}, "which is no make target"),
        ({"customizations": {"vscode": {"settings": {}}}}, "another Python"),
        ({"image": "mcr.microsoft.com/devcontainers/python:3.9"}, "has Python 3.9"),
    ],
)
def test_a_strange_dev_container_is_seen(changes: dict[str, Any], words: str) -> None:
    assert any(words in sentence for sentence in strange_container(container(**changes)))


def test_binder_finds_an_environment_that_installs_the_course_with_its_pins() -> None:
    """The folder ``binder`` would hide the file from Binder, and ``requirements.txt`` is what it takes without it."""
    assert not (ROOT / "binder").exists() and not (ROOT / "requirements.txt").exists()
    needed = loaded(ROOT / "environment.yml")["dependencies"]
    (pip,) = [entry["pip"] for entry in needed if isinstance(entry, dict)]
    assert pip == ["-c constraints.txt", "-e ."]
    assert (ROOT / "constraints.txt").exists() and (ROOT / "pyproject.toml").exists()


def test_the_page_names_only_what_is_there_and_says_what_was_tried() -> None:
    assert list(gone(HOSTED)) == []
    headings = re.findall(r"^## (.*)$", HOSTED, re.MULTILINE)
    assert len(headings) == 4
    assert [heading for heading in headings if not re.search(r"\(.*\btried\)$", heading)] == []
    assert f"{ {2: 'two'}[IDLE_SECONDS // 3600] } idle hours" in HOSTED
    rows = re.findall(r"^\| .* \| (\d+) \|$", HOSTED, re.MULTILINE)
    assert len(rows) == 4 and sum(map(int, rows[:3])) == int(rows[3]), "server, kernel and sandbox, and their sum"
