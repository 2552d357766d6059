"""The picture of a role shows IAM's three answers, and changes with one statement."""

from typing import Any

import pytest

from helpers.figures import Figure, role_figure
from tests.figures.account_documents import (
    ACCOUNT,
    ALL,
    GROUP,
    GROUP_ARN,
    ROLE,
    TRUST,
    WRITE,
    Account,
    copied,
    document,
)
from tests.figures.legible import all_words, illegible, shapes, words

TITLES = ("1 PassRole: may the person pass it?", "2 Trust: may the service assume it?")
PASS = {"Effect": "Allow", "Action": "iam:PassRole", "Resource": ROLE}
PASS_TO = copied(PASS, Condition={"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}})


def drawing(**changes: Any) -> Figure:
    return role_figure(Account(**changes).lab(), "demo-flow-logs", GROUP)


def verdicts(figure: Figure) -> list[str]:
    """The three answers, as the drawing gives them."""
    return [text for text in words(figure) if text in ("✓ allowed", "✗ denied")]


def test_it_says_who_passes_assumes_and_writes_and_which_statement_decides() -> None:
    figure = drawing()
    assert verdicts(figure) == ["✓ allowed"] * 3
    said = all_words(figure)
    for fact in (
        *("user ana", "vpc-flow-logs.amazonaws.com", "demo-flow-logs", GROUP, *TITLES),
        "iam:PassRole: statement 1 of policy Administrator allows it",
        "statement 1 of the trust policy allows it, where aws:SourceAccount is <account>",
        "logs:CreateLogStream, logs:PutLogEvents: statement 'WriteRecords' of policy demo-write allows it",
    ):
        assert fact in said
    assert figure.alt.startswith("A new flow log with role demo-flow-logs works")
    assert ACCOUNT not in said + str(figure)


@pytest.mark.parametrize(
    ("changes", "expected", "why"),
    [
        (
            {"trust": document(copied(TRUST, Principal={"Service": "ec2.amazonaws.com"}))},
            "✓✗✓",
            "it trusts ec2.amazonaws.com, not vpc-flow-logs.amazonaws.com",
        ),
        (
            {"trust": document(copied(TRUST, Condition={"StringEquals": {"aws:SourceAccount": "111111111111"}}))},
            "✓✗✓",
            "wants 111111111111, the request carried <account>",
        ),
        (
            {"inline": {("Role", "demo-flow-logs"): {"demo-write": document(copied(WRITE, Resource=GROUP_ARN))}}},
            "✓✓✗",
            "is the log group alone",
        ),
        (
            {
                "inline": {
                    ("Role", "demo-flow-logs"): {
                        "demo-write": document(WRITE, copied(WRITE, Sid="Stop", Effect="Deny", Resource="*"))
                    }
                }
            },
            "✓✓✗",
            "statement 'Stop' of policy demo-write denies it, and a deny beats every allow",
        ),
        ({"managed": {("User", "ana"): {}}}, "✗✓✓", "iam:PassRole: no statement allows it"),
        (
            {"managed": {("User", "ana"): {"Passing": document(copied(PASS, Resource=f"{ROLE}-other"))}}},
            "✗✓✓",
            "not on this resource: it names …:role/demo-flow-logs-other",
        ),
    ],
)
def test_one_statement_changes_an_arrow_and_its_words(changes: dict[str, Any], expected: str, why: str) -> None:
    figure, before = drawing(**changes), drawing()
    assert [verdict[0] for verdict in verdicts(figure)] == list(expected)
    assert why in all_words(figure)
    assert "does not work" in figure.alt
    arrows = [[shape for shape in shapes(picture) if shape[0] == "polygon"] for picture in (before, figure)]
    broken = [shape for shape in shapes(figure) if "stroke-dasharray" in shape[1]]
    assert (len(arrows[0]), len(arrows[1]), len(broken)) == (3, 2, 1)
    assert illegible(figure) == []


def test_a_missing_group_is_told_and_has_to_be_created() -> None:
    figure = drawing(groups=("/demo/vpc-flow-logs-2",))
    assert "log group, which does not exist yet" in words(figure)
    assert "logs:CreateLogGroup: no statement allows it" in all_words(figure)
    assert verdicts(figure)[2] == "✗ denied"


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (Account(caller=f"arn:aws:iam::{ACCOUNT}:root"), "the account's root user needs no policy"),
        (
            Account(managed={("User", "ana"): {}}, inline={("User", "ana"): {"own": document(PASS_TO)}}),
            "policy own allows it, where iam:PassedToService is vpc-flow-logs.amazonaws.com",
        ),
        (
            Account(managed={("User", "ana"): {}}, inline={("Group", "ops"): {"team": document(PASS)}}, teams=("ops",)),
            "statement 1 of policy team allows it",
        ),
        (
            Account(
                caller=f"arn:aws:sts::{ACCOUNT}:assumed-role/builder/me",
                inline={("Role", "builder"): {"build": document(PASS)}},
            ),
            "statement 1 of policy build allows it",
        ),
    ],
)
def test_the_persons_policies_are_found_wherever_they_are(account: Account, expected: str) -> None:
    figure = role_figure(account.lab(), "demo-flow-logs", GROUP)
    assert verdicts(figure)[0] == "✓ allowed"
    assert expected in all_words(figure)


def test_a_permissions_boundary_limits_the_person() -> None:
    limit = document({"Effect": "Allow", "Action": "logs:*", "Resource": "*"})
    managed = {("User", "ana"): {"Administrator": document(ALL)}, ("Any", "any"): {"Limit": limit}}
    figure = drawing(managed=managed, boundaries={("User", "ana"): "Limit"})
    assert verdicts(figure) == ["✗ denied", "✓ allowed", "✓ allowed"]


def test_another_person_may_be_asked_about() -> None:
    figure = role_figure(Account().lab(), "demo-flow-logs", GROUP, person=f"arn:aws:iam::{ACCOUNT}:user/ben")
    assert verdicts(figure)[0] == "✗ denied"
    assert "user ben" in words(figure)


def test_it_is_legible_and_the_text_holds_all_that_is_drawn() -> None:
    figure = drawing()
    assert illegible(figure) == []
    for title in TITLES:
        assert f"{title} allowed" in figure.text
    assert "  logs:CreateLogStream, logs:PutLogEvents: statement 'WriteRecords' of policy" in figure.text
