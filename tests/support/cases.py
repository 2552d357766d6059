"""Long lists of cases: a run takes a sample of each, drawn from the files of the commit; ``CASES=all`` takes all."""

import os
import random
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypeVar

Case = TypeVar("Case")
WITHOUT_GIT = "no git"


@cache
def tree() -> str:
    """The id of the files of the commit under test; always the same text where git or the repository is missing."""
    command, here = ["git", "rev-parse", "HEAD^{tree}"], Path(__file__).parent
    try:
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return WITHOUT_GIT
    return done.stdout.strip()


def all_cases() -> bool:
    """Whether this run takes every case."""
    return os.environ.get("CASES") == "all"


def sampled(cases: Sequence[Case], count: int) -> list[Case]:
    """``count`` of the cases in their own order, which ones depends on the commit's files; all with ``CASES=all``."""
    if all_cases() or count >= len(cases):
        return list(cases)
    chosen = random.Random(f"{tree()}:{len(cases)}").sample(range(len(cases)), count)
    return [cases[position] for position in sorted(chosen)]


def pytest_report_header() -> str:
    return "long lists of cases: whole" if all_cases() else f"long lists of cases: a sample drawn from tree {tree()}"
