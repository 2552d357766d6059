"""What the tests of each folder cost in processor time, held against ``tests/budget.toml``.

The time of the test process and of every process that ended below it counts. So that it compares between machines, it
is counted in seconds of the machine that the budget was measured on: a short loop is timed beside the tests.
"""

import ctypes
import gc
import os
import statistics
import subprocess
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.support.cases import all_cases

TESTS = Path(__file__).resolve().parents[1]
ELSEWHERE = "(imports, collection, end)"
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of prctl(2)


@dataclass(frozen=True)
class Budget:
    """Processor-seconds per folder, and what a run may take more than that."""

    loop_seconds: float
    margin: float
    least_seconds: float
    folders: Mapping[str, float]

    @classmethod
    def read(cls, whole: bool, path: Path = TESTS / "budget.toml") -> "Budget":
        """The budget of ``make test-all`` (``whole``) or of ``make test``."""
        document = tomllib.loads(path.read_text("utf-8"))
        folders = document["test-all" if whole else "test"]
        return cls(document["loop_seconds"], document["margin"], document["least_seconds"], folders)

    def allowed(self, folder: str) -> float:
        """Seconds after which a folder is too dear; a folder that is not listed may take the least."""
        return max(self.folders.get(folder, 0) * self.margin, self.least_seconds)


@dataclass
class Meter:
    """What one process measured: processor-seconds per folder, and how long the loop took there each time."""

    used: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    loops: list[float] = field(default_factory=list)
    _before: float = 0.0
    _module: str = ""
    _folder: str = ELSEWHERE
    _first_seen: dict[int, str] = field(default_factory=dict)

    def count(self, folder: str) -> None:
        """Put all processor time since the last count down to a folder.

        A process that nobody waited for goes to the folder in which it was first seen: sandboxes end when they like.
        """
        now = processor_seconds()
        for process, seconds in _wait_for_ended():
            self.used[self._first_seen.pop(process, folder)] += seconds
            self._before += seconds
            now += seconds
        self.used[folder] += now - self._before
        self._before = now

    def begin(self, module: str, folder: str) -> None:
        """Where a new module begins: note which processes run since the last one, and time the loop."""
        if module != self._module:
            for process in psutil.Process().children():
                self._first_seen.setdefault(process.pid, self._folder)
            # What earlier modules left behind is looked at no more: else whoever comes late pays for all before it.
            gc.collect()
            gc.freeze()
            self._module, self._folder = module, folder
            self.loops.append(timed_loop())

    @contextmanager
    def apart(self, row: str) -> Iterator[None]:
        """Count what is done inside for a row of its own: it is done once, by whichever test comes first."""
        self.count(self._folder)
        yield
        self.count(row)


def timed_loop() -> float:
    """Processor-seconds of a fixed piece of work, about a hundredth of a second."""
    begun = time.thread_time()
    seen: dict[int, str] = {}
    for number in range(30_000):
        seen[number % 997] = str(number)
    return time.thread_time() - begun


def processor_seconds() -> float:
    """Processor time of this process and of all processes below it that somebody waited for."""
    subprocess._cleanup()  # type: ignore[attr-defined]
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _wait_for_ended() -> Iterator[tuple[int, float]]:
    """The processes below that have ended and that nobody waits for, with their processor-seconds."""
    if sys.platform == "linux":
        try:
            while True:
                process, _, usage = os.wait4(-1, os.WNOHANG)
                if not process:
                    return
                yield process, usage.ru_utime + usage.ru_stime
        except ChildProcessError:
            pass


def _adopt_orphans() -> None:
    """Processes whose parent ends become ours, so that their time counts: sandboxes that a kernel started."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


METER = Meter()
"""What this process uses."""
_WORKERS = pytest.StashKey[list[dict[str, Any]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_WORKERS] = []
    if not _is_controller(config):
        _adopt_orphans()


def _is_controller(config: pytest.Config) -> bool:
    """Whether other processes run the tests."""
    return not hasattr(config, "workerinput") and bool(getattr(config.option, "tx", None))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    path = item.path.parent
    folder = path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else path.name
    METER.begin(item.path.name, folder)
    METER.count(ELSEWHERE)
    result = yield
    METER.count(folder)
    return result


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    node.config.stash[_WORKERS].append(getattr(node, "workeroutput", {}).get("processor", {}))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    config = session.config
    METER.count(ELSEWHERE)
    own = {"used": dict(METER.used), "loops": METER.loops}
    if hasattr(config, "workerinput"):
        config.workeroutput["processor"] = own
        return
    config.stash[_WORKERS].append(own)
    if exitstatus == pytest.ExitCode.OK and _is_held_to_it(config) and _account(config).is_over():
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_unconfigure() -> None:
    gc.unfreeze()  # else what DuckDB made is still there when the interpreter ends, and it says so


def _is_held_to_it(config: pytest.Config) -> bool:
    """Whether the budget is made for such a run: not while branches are noted, and not with every case."""
    return "coverage" not in sys.modules and not all_cases()


@dataclass(frozen=True)
class Account:
    """What a run used, in seconds of the budget's machine, and what it was allowed."""

    budget: Budget
    used: Mapping[str, float]
    speed: float

    def dear(self) -> list[str]:
        """The folders that used more than they may."""
        return [folder for folder, seconds in self.used.items() if seconds > self.budget.allowed(folder)]

    def is_over(self) -> bool:
        """Whether the whole run used more than it may. A single folder's share differs too much between equal runs."""
        planned = sum(self.budget.folders.values())
        return sum(self.used.values()) > max(planned * self.budget.margin, self.budget.least_seconds)

    def save(self, path: Path) -> None:
        """Write what was used in the form of the budget."""
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f'"{folder}" = {seconds:.0f}\n' for folder, seconds in sorted(self.used.items())))

    def lines(self) -> Iterator[str]:
        """A table of the folders, and the whole in the last line."""
        width = max(len(folder) for folder in self.used)
        yield f"{'processor-seconds':{width}}    used  budget  at most"
        for folder, seconds in sorted(self.used.items()):
            planned, most = self.budget.folders.get(folder, 0), self.budget.allowed(folder)
            note = "  TOO DEAR" if seconds > most else ""
            yield f"{folder:{width}}  {seconds:6.1f}  {planned:6.0f}  {most:7.0f}{note}"
        yield f"{'all':{width}}  {sum(self.used.values()):6.1f}  {sum(self.budget.folders.values()):6.0f}"
        yield f"A second of this machine counts as {self.speed:.2f} of the budget's."


def _account(config: pytest.Config) -> Account:
    budget = Budget.read(whole="not long" not in config.option.markexpr)
    parts = [part for part in config.stash[_WORKERS] if part]
    loops = [seconds for part in parts for seconds in part["loops"]]
    speed = budget.loop_seconds / statistics.median(loops) if loops else 1.0
    used: dict[str, float] = defaultdict(float)
    for part in parts:
        for folder, seconds in part["used"].items():
            used[folder] += seconds * speed
    return Account(budget, used, speed)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if config.option.collectonly:
        return
    terminalreporter.section("processor time")
    account = _account(config)
    account.save(config.rootpath / "build" / "processor-time.toml")
    for line in account.lines():
        terminalreporter.write_line(line)
