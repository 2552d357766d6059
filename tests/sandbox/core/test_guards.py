"""Which guards a call passes, and in which order, in a process that starts as the sandbox does."""

import subprocess
import sys

PASSED = """
import sys
from helpers.sandbox import behaviours
from helpers.sandbox.calls import TABLE, guards_of
behaviours.load()
for guard in guards_of(sys.argv[1], TABLE[sys.argv[1], sys.argv[2]]):
    print(getattr(guard, "func", guard).__module__.removeprefix("helpers.sandbox."))
"""


def rooms_passed(service: str, action: str) -> list[str]:
    """The modules whose guards a call passes."""
    command = [sys.executable, "-c", PASSED, service, action]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_call_of_another_service_passes_no_guard_of_ec2() -> None:
    assert rooms_passed("ssm", "SendCommand") == ["iam.authorization"]


def test_a_call_of_ec2_passes_the_guards_of_every_call_then_its_own_then_the_dry_run() -> None:
    passed = rooms_passed("ec2", "CreateFlowLogs")
    of_every_call = ["iam.authorization", "ec2.filters", "ec2.paged_lists", "ec2.parameter_checks", "ec2.tags"]
    assert passed == [*of_every_call, "simulated", "flow_logs.actions", "flow_logs.actions", "ec2.dry_run"]
