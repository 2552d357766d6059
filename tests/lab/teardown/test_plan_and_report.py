"""What people see: tables as text and as HTML."""

import dataclasses
import doctest

import pytest

from helpers.lab import looks
from helpers.lab.teardown import (
    Kept,
    Leftover,
    Leftovers,
    Report,
    StepResult,
    TeardownPlan,
    TeardownStep,
    log_groups,
    read_iam,
)

STEP = TeardownStep("delete", "vpc", "vpc-1", "demo-<a>", "It is empty")
KEPT = Kept("subnet", "subnet-1", "demo-s", "instance i-1 is in it")


def test_values_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        STEP.why = "else"  # type: ignore[misc]


def test_a_plan_is_a_table_with_a_caption_and_scoped_heads() -> None:
    plan = TeardownPlan("demo", (STEP,), (KEPT,))
    html = plan._repr_html_()
    assert html.count("<caption>") == 2 and ">Why now</th>" in html
    assert '<th scope="row">1</th>' in html and "demo-&lt;a&gt;" in html and "<a>" not in html
    assert "It is empty" in str(plan) and "instance i-1 is in it" in str(plan)
    assert "nothing to take down" in str(TeardownPlan("demo")) and not TeardownPlan("demo")


def test_a_report_counts() -> None:
    report = Report(
        "demo", (StepResult(STEP, "done"), StepResult(STEP, "failed", "no"), StepResult(STEP, "kept", "used"))
    )
    assert not report.ok and [result.detail for result in report.failed] == ["no"]
    assert str(report).startswith("Teardown of lab demo: 1 done, 1 kept, 1 failed")
    assert ">Outcome</th>" in report._repr_html_()
    assert Report("demo", (StepResult(STEP, "gone"),)).ok and not Report("demo", kept=(KEPT,)).ok


def test_leftovers_are_falsy_when_there_are_none() -> None:
    assert not Leftovers("demo", "eu-west-1")
    assert str(Leftovers("demo", "eu-west-1")) == "Nothing is left of lab 'demo' in eu-west-1."
    left = Leftovers("demo", "eu-west-1", (Leftover("vpc", "vpc-1", "demo-a", "tags"),))
    assert left and "vpc-1" in str(left) and "<caption>Left of lab demo in eu-west-1: 1</caption>" in left._repr_html_()


@pytest.mark.parametrize("module", [read_iam, log_groups, looks])
def test_the_examples_run(module: object) -> None:
    assert doctest.testmod(module) == (0, doctest.testmod(module).attempted)  # type: ignore[arg-type]
    assert doctest.testmod(module).attempted  # type: ignore[arg-type]
