"""The Linux kernel's own firewall as the judge of `trace`: the same rules in nftables, real packets, watched links.

Where namespaces are to be had, fresh rule sets are tried (part of `make test-all`); everywhere, a recording of earlier
ones is replayed (`python -m tests.network.kernel.record --cases 48 --out tests/data/kernel_verdicts.json`).

The rules of nftables and of this project were written from one reading of AWS's documentation: what that reading
gets wrong, and connections that AWS does not track, routes and IPv6, no kernel can show.
"""

import json
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.network.kernel.cases import Case
from tests.network.kernel.model import WRONG, Model, Verdict, verdicts
from tests.network.kernel.wires import STOPPED, why_not

RULE_SETS = 200
RECORDING = Path(__file__).resolve().parents[2] / "data" / "kernel_verdicts.json"
Judged = list[tuple[Case, list[Verdict]]]


def read(text: str) -> Judged:
    """Cases with the kernel's verdicts."""
    rows: list[dict[str, Any]] = json.loads(text)
    return [(Case.from_json(row), [(one[0], one[1]) for one in row["verdicts"]]) for row in rows]


def differences(judged: Judged, model: Model) -> list[str]:
    """Where a model says something else than the kernel."""
    return [
        f"rule set {case.seed}, {probe}: the kernel says {kernel}, the model {ours}"
        for case, found in judged
        for probe, kernel, ours in zip(case.probes, found, model(case), strict=True)
        if kernel != ours
    ]


def check(judged: Judged, share: float) -> None:
    """No verdict differs, and each kind of verdict makes up at least a share of them: nothing is shown by denials."""
    assert not differences(judged, verdicts)
    seen = Counter(one for _, found in judged for one in found)
    total = sum(seen.values())
    requests = Counter(verdict[0] for _, found in judged for verdict in found)
    assert all(requests[where] > share * total for where in STOPPED), requests
    answers = Counter(verdict[1] for _, found in judged for verdict in found)
    # groups know an answer when they see one, so only ACLs stop any
    assert set(answers) == {None, "acl egress", "acl ingress", "delivered"}
    assert min(answers.values()) > share * total / 2, answers


@cache
def recording() -> Judged:
    return read(RECORDING.read_text())


def test_the_recorded_verdicts_of_a_kernel_are_those_of_trace() -> None:
    assert sum(len(found) for _, found in recording()) >= 700
    check(recording(), 0.05)


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_model_is_caught_by_the_recording(name: str) -> None:
    assert differences(recording(), WRONG[name])


@pytest.mark.long
def test_a_kernel_of_this_machine_agrees_with_trace_and_with_no_wrong_model() -> None:
    reason = why_not()
    if reason:
        pytest.skip(f"not on this machine: {reason}")
    seed = "20260105"
    command = [sys.executable, "-m", "tests.network.kernel.record", "--cases", str(RULE_SETS), "--seed", seed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    judged = read(done.stdout)
    assert len(judged) == RULE_SETS
    check(judged, 0.05)
    caught = {name: len(differences(judged, model)) for name, model in WRONG.items()}
    assert all(caught.values()), caught
