"""What was found from outside, in ``tests/data/findings.toml``: each finding with its test, or why it has none."""

import ast
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FINDINGS: dict[str, dict[str, str]] = tomllib.loads((ROOT / "tests/data/findings.toml").read_text("utf-8"))
PAGES = {
    "access": [f"A{number}" for number in range(1, 13)] + ["B", "C", "D"],
    "clients": [f"C{number}" for number in range(31)],
    "dataplane": ["F1", "F2", "F3", "F4", *(f"F5{letter}" for letter in "abcdef"), "F6"],
    "newcomer": [str(number) for number in range(1, 13)],
    "reliability": [str(number) for number in range(1, 13)],
    "reports": [
        "rep-cli-date-space-time",
        "rep-cli-export-task-lines",
        "rep-cli-header-names-the-fields",
        "rep-cli-pkt-names",
        "rep-lambda-report-fields",
        "rep-logformat-trailing-space",
        "rep-pattern-then-sort",
        "rep-period-subtracted-in-filter",
        "rep-query-ends-before-group",
        "rep-sg-duplicate-names-the-rule",
        "rep-sg-name-prefix",
        "rep-shell-dev-tcp",
        "rep-shell-http-date",
        "rep-shell-udp",
        "rep-ssm-invalid-instance-text",
        "rep-timestamp-arithmetic-shows-a-time",
    ],
}
EXPECTED = {f"{page} {finding}" for page, findings in PAGES.items() for finding in findings}


@cache
def functions_of(path: Path) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)}


def test_every_finding_is_listed() -> None:
    assert set(FINDINGS) == EXPECTED


@pytest.mark.parametrize("finding", FINDINGS)
def test_a_finding_has_a_test_that_exists_or_a_reason(finding: str) -> None:
    entry = FINDINGS[finding]
    assert set(entry) <= {"test", "why"} and entry
    if "why" in entry:
        assert entry["why"].endswith(".") and len(entry["why"].split()) > 3
    for named in entry.get("test", "").split():
        path, _, name = named.partition("::")
        assert name.partition("[")[0] in functions_of(ROOT / path), named
