"""The suite itself: it stands alone, in any order, within a budget, on a sample of the long lists."""

import ast
import itertools
import math
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support import cases
from tests.support.budget import Account, Budget, Meter, timed_loop
from tests.support.order import place, seed_of

TESTS = Path(__file__).resolve().parent
FILES = sorted(TESTS.rglob("*.py"))
# What `make test` and `make test-all` may use, and what each later use adds: health check, recorded day, alarms, broken
# labs, archive.
LATER_USES = 5
MOST_SECONDS = {False: 9 * 60 + 20 * LATER_USES, True: 30 * 60 + 60 * LATER_USES}


# --- alone ----------------------------------------------------------------------------------------------------------


def test_no_test_looks_outside_the_repository() -> None:
    """Every file is found from its own place, and no further up than the repository."""
    too_far = []
    for path in FILES:
        depth = len(path.relative_to(TESTS).parts)
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Attribute)
                and node.value.attr == "parents"
            ):
                up = node.slice.value if isinstance(node.slice, ast.Constant) else math.inf
                if up > depth:
                    too_far.append(f"{path}:{node.lineno} looks {up} folders up")
    assert too_far == []


# --- order ----------------------------------------------------------------------------------------------------------


def test_a_seed_gives_one_order_and_another_seed_another() -> None:
    names = [f"tests/test_{number}.py" for number in range(20)]
    orders = [sorted(names, key=lambda name, seed=seed: place(seed, name)) for seed in (1, 1, 2)]  # type: ignore[misc]
    assert orders[0] == orders[1] != orders[2]
    part = names[::3]
    assert sorted(part, key=lambda name: place(1, name)) == [name for name in orders[0] if name in part]


def run(folder: Path, root: Path, plugins: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """pytest on a folder of its own."""
    (folder / "conftest.py").write_text(plugins)
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider"]
    surroundings = {**os.environ, "PYTHONPATH": str(root), **environment}
    return subprocess.run(
        command, cwd=folder, env=surroundings, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture
def two_modules(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        body = "\n".join(f"def test_{number}(): pass" for number in range(8))
        (tmp_path / f"test_{name}.py").write_text(body)
    return tmp_path


def order_of(done: subprocess.CompletedProcess[str]) -> list[str]:
    return re.findall(r"^(test_[ab]\.py::test_\d) PASSED", done.stdout, re.MULTILINE)


def test_a_run_is_shuffled_module_by_module_and_says_its_seed(two_modules: Path, root: Path) -> None:
    plugins = 'pytest_plugins = ("tests.support.order",)'
    first, again, other = (run(two_modules, root, plugins, SEED=seed) for seed in ("7", "7", "8"))
    order = order_of(first)
    assert order == order_of(again) != order_of(other)
    assert len(order) == 16 and sorted(order) != order
    modules = [name.partition("::")[0] for name in order]
    assert sum(one != following for one, following in itertools.pairwise(modules)) == 1
    assert "SEED=7" in first.stdout


def test_a_commit_has_an_order_of_its_own(two_modules: Path, root: Path) -> None:
    plugins = 'pytest_plugins = ("tests.support.order",)'
    first, again = (run(two_modules, root, plugins, SEED="") for _ in range(2))
    assert len(order_of(first)) == 16
    assert order_of(first) == order_of(again)
    assert f"SEED={seed_of(cases.tree())} " in first.stdout
    assert seed_of("a") == seed_of("a") != seed_of("b")


# --- cases ----------------------------------------------------------------------------------------------------------


def test_a_sample_depends_on_the_commit_and_keeps_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CASES", raising=False)
    drawn = []
    for tree in ("a", "a", "b"):
        monkeypatch.setattr(cases, "tree", lambda tree=tree: tree)
        drawn.append(cases.sampled(range(1000), 10))
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[0] == sorted(set(drawn[0])) and len(drawn[0]) == 10
    assert cases.sampled([1, 2], 10) == [1, 2]
    monkeypatch.setenv("CASES", "all")
    assert cases.sampled(range(1000), 10) == list(range(1000))


def test_without_git_the_sample_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(cases.subprocess, "run", missing)
    assert cases.tree.__wrapped__() == cases.WITHOUT_GIT


# --- budget ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True], ids=["test", "test-all"])
def test_the_budget_lists_the_folders_of_tests_and_is_within_the_bar(whole: bool) -> None:
    budget = Budget.read(whole)
    folders = {path.parent.relative_to(TESTS).as_posix() for path in FILES if path.name.startswith("test_")}
    assert set(budget.folders) <= folders | {"(imports, collection, end)", "(homes of labs)"}
    assert folders - set(budget.folders) <= {"browser"}, "a folder of `make test-all` only"
    assert sum(budget.folders.values()) <= MOST_SECONDS[whole]


def test_a_folder_over_its_budget_is_dear_and_a_small_one_has_room(tmp_path: Path) -> None:
    budget = Budget(loop_seconds=0.01, margin=1.5, least_seconds=10, folders={"a": 100, "b": 1})
    account = Account(budget, {"a": 151, "b": 9, "c": 11}, speed=1)
    assert account.dear() == ["a", "c"]
    assert [line.split()[0] for line in account.lines() if "TOO DEAR" in line] == ["a", "c"]
    account.save(tmp_path / "build" / "used.toml")
    assert tomllib.loads((tmp_path / "build" / "used.toml").read_text()) == {"a": 151, "b": 9, "c": 11}


def test_the_time_of_children_counts_when_they_have_ended() -> None:
    meter = Meter()
    meter.count("before")
    subprocess.run([sys.executable, "-c", "import time\nwhile time.process_time() < 0.6: pass"], check=True)
    meter.count("child")
    assert 0.5 <= meter.used["child"] < 5
    assert timed_loop() > 0


LATER = """
import os, subprocess, sys
from tests.support.budget import Meter

def spin(seconds):
    return [sys.executable, "-c", f"import time\\nwhile time.process_time() < {seconds}: pass"]

meter = Meter()
meter.begin("test_a.py", "a")
meter.count("a")
with meter.apart("(homes)"):
    subprocess.run(spin(0.3), check=True)
process = subprocess.Popen(spin(0.6))
meter.begin("test_b.py", "b")
os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
meter.count("b")
print(*(meter.used[row] for row in ("a", "b", "(homes)")))
"""


def test_a_process_that_ends_later_counts_where_it_began(root: Path) -> None:
    """In a process of its own: this one may hold other processes that have ended."""
    surroundings = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run([sys.executable, "-c", LATER], env=surroundings, capture_output=True, text=True, check=True)
    began, ended, homes = map(float, done.stdout.split())
    assert began > 0.5 > ended and homes > 0.25


@pytest.mark.parametrize(("least", "exit_code"), [(0, 1), (1000, 0)], ids=["dear", "cheap"])
def test_a_run_over_its_budget_fails(two_modules: Path, root: Path, least: int, exit_code: int) -> None:
    plugins = (
        'pytest_plugins = ("tests.support.budget",)\nfrom tests.support import budget\n'
        f"budget.Budget.read = classmethod(lambda cls, whole: cls(0.005, 1.5, {least}, {{}}))\n"
    )
    done = run(two_modules, root, plugins, CASES="")
    assert done.returncode == exit_code, done.stdout
    assert ("TOO DEAR" in done.stdout) == bool(exit_code)
