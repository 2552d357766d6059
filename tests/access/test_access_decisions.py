"""Who may do what, and the sentence that says why; who may assume a role."""

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.access import (
    Decision,
    Policy,
    Principal,
    Request,
    evaluate,
    may_assume,
    validate_permissions,
    validate_trust,
)

ACCOUNT = "123456789012"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/flow"
STREAM = f"{GROUP}:log-stream:eni-0123456789abcdef0-all"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/flow-logs"
ANA = Principal.user("ana", ACCOUNT)
SERVICE = Principal.service("vpc-flow-logs.amazonaws.com")


def policy(*statements: dict[str, Any], name: str = "p", version: str = "2012-10-17") -> Policy:
    return Policy.parse({"Version": version, "Statement": list(statements)}, name)


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {**allow(action, resource, **more), "Effect": "Deny"}


def ask(action: str, resource: str, *policies: Policy, **context: str) -> Decision:
    keys = {key.replace("__", ":"): value for key, value in context.items()}
    return evaluate(Request(ANA, action, resource, keys), policies)


@pytest.mark.parametrize(
    ("statement", "action", "resource", "allowed"),
    [
        (allow("logs:PutLogEvents"), "logs:PutLogEvents", STREAM, True),
        (allow("LOGS:putlogevents"), "logs:PutLogEvents", STREAM, True),
        (allow("logs:Put*"), "logs:PutLogEvents", STREAM, True),
        (allow("logs:?utLogEvents"), "logs:PutLogEvents", STREAM, True),
        (allow("logs:Get*"), "logs:PutLogEvents", STREAM, False),
        (allow("*"), "iam:CreateUser", "*", True),
        (allow("logs:*", GROUP), "logs:PutLogEvents", STREAM, False),
        (allow("logs:*", f"{GROUP}:*"), "logs:PutLogEvents", STREAM, True),
        (allow("logs:*", f"{GROUP}*"), "logs:PutLogEvents", STREAM, True),
        (allow("logs:*", f"{GROUP}:*"), "logs:PutLogEvents", STREAM.replace("/flow", "/Flow"), False),
        (allow("logs:*", f"{GROUP}:*"), "logs:PutLogEvents", STREAM.replace("/flow", "/flow2"), False),
        (allow("logs:*", "arn:aws:logs:*:*:*"), "logs:PutLogEvents", STREAM, True),
        (allow("ec2:*", "arn:aws:ec2:*:*:vpc/*"), "ec2:DescribeVpcs", "*", False),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "logs:PutLogEvents", STREAM, True),
        ({"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}, "iam:CreateUser", "*", False),
        ({"Effect": "Allow", "Action": "*", "NotResource": f"{GROUP}:*"}, "logs:PutLogEvents", STREAM, False),
        ({"Effect": "Allow", "Action": "*", "NotResource": ROLE}, "logs:PutLogEvents", STREAM, True),
        (allow("iam:*", "arn:aws:iam::*:user/${aws:username}"), "iam:GetUser", ANA.arn, True),
        (allow("iam:*", "arn:aws:iam::*:user/${aws:username}"), "iam:GetUser", ROLE, False),
        (allow("iam:*", "arn:aws:iam::*:user/${aws:Nothing}"), "iam:GetUser", ANA.arn, False),
    ],
)
def test_one_statement(statement: dict[str, Any], action: str, resource: str, allowed: bool) -> None:
    assert ask(action, resource, policy(statement)).allowed is allowed


def test_an_allow_reads_like_a_sentence() -> None:
    written = policy(allow("logs:PutLogEvents", f"{GROUP}:*", Sid="WriteFlowLogs"), name="flow-logs-policy")
    assert str(ask("logs:PutLogEvents", STREAM, written)) == (
        f"Allowed: statement 'WriteFlowLogs' of policy flow-logs-policy allows logs:PutLogEvents on {STREAM}."
    )


def test_a_deny_beats_an_allow_and_says_so() -> None:
    decision = ask("logs:PutLogEvents", STREAM, policy(allow(), deny("logs:*", Sid="NoLogs")))
    assert not decision and decision.explicit_deny and decision.simulated == "explicitDeny"
    assert "statement 'NoLogs' of policy p explicitly denies logs:PutLogEvents" in str(decision)


def test_nobody_allows() -> None:
    decision = ask("logs:PutLogEvents", STREAM)
    assert decision.simulated == "implicitDeny"
    assert str(decision) == (
        f"Denied: no statement allows logs:PutLogEvents on {STREAM} to arn:aws:iam::{ACCOUNT}:user/ana."
    )


def test_near_miss_group_without_star() -> None:
    decision = ask("logs:PutLogEvents", STREAM, policy(allow("logs:PutLogEvents", GROUP, Sid="Write")))
    assert f"{GROUP}:* would include its streams" in decision.hints[0]
    assert decision.hints[0] in str(decision)


def test_near_miss_condition_says_what_was_carried() -> None:
    conditional = allow(Condition={"StringEquals": {"aws:SourceAccount": "111122223333"}})
    decision = ask("logs:PutLogEvents", STREAM, policy(conditional), aws__SourceAccount=ACCOUNT)
    assert "wants 111122223333, the request carried 123456789012" in str(decision)


def test_near_miss_action_without_resources() -> None:
    decision = ask("ec2:DescribeVpcs", "*", policy(allow("ec2:*", "arn:aws:ec2:*:*:vpc/*")))
    assert "knows no resources: it needs *" in decision.hints[0]


def test_the_closest_miss_comes_first_and_other_subjects_stay_out() -> None:
    decision = ask(
        "logs:PutLogEvents",
        STREAM,
        policy(
            allow("logs:*", ROLE, Sid="Far", Condition={"Bool": {"aws:SecureTransport": "true"}}),
            allow("logs:*", ROLE, Sid="Near"),
            allow("ec2:*", Sid="Other"),
        ),
    )
    assert [hint.split()[1] for hint in decision.hints] == ["'Near'", "'Far'"]


def test_a_deny_that_does_not_apply_does_nothing() -> None:
    elsewhere = deny("logs:*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})
    assert ask("logs:PutLogEvents", STREAM, policy(allow(), elsewhere), aws__RequestedRegion="us-east-1")


def test_the_root_needs_no_policy() -> None:
    decision = evaluate(Request(Principal.root(ACCOUNT), "ec2:CreateVpc"))
    assert decision and "root" in str(decision)


def resource_policy(principal: Any, **more: Any) -> Policy:
    return policy(allow(Principal=principal, **more), name="")


@pytest.mark.parametrize(
    ("principal", "allowed"),
    [
        ({"AWS": ANA.arn}, True),
        ({"AWS": "*"}, True),
        ("*", True),
        ({"AWS": ACCOUNT}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:user/bob"}, False),
        ({"Service": "ec2.amazonaws.com"}, False),
    ],
)
def test_a_resource_policy_that_names_the_caller_is_enough(principal: Any, allowed: bool) -> None:
    request = Request(ANA, "s3:GetObject", "arn:aws:s3:::b/k")
    assert evaluate(request, (), resource_policy(principal)).allowed is allowed


def test_a_resource_policy_denies_even_the_root() -> None:
    denying = policy(deny(Principal="*"), name="bucket")
    decision = evaluate(Request(Principal.root(ACCOUNT), "s3:GetObject"), (), denying)
    assert decision.explicit_deny


def test_not_principal_denies_everyone_else() -> None:
    sealed = policy(deny(NotPrincipal={"AWS": ANA.arn}))
    for who, denied in ((ANA, False), (Principal.user("bob", ACCOUNT), True)):
        request = Request(who, "s3:GetObject")
        assert evaluate(request, [policy(allow())], sealed).explicit_deny is denied


# --- trust ---


def trust(principal: Any, **more: Any) -> Policy:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return validate_trust({"Version": "2012-10-17", "Statement": [statement]})


OWN = policy(allow("sts:AssumeRole", ROLE), name="own")
STRANGER = Principal.user("eve", "210987654321")


@pytest.mark.parametrize(
    ("principal", "caller", "identity", "allowed"),
    [
        ({"Service": "vpc-flow-logs.amazonaws.com"}, SERVICE, (), True),
        ({"Service": "ec2.amazonaws.com"}, SERVICE, (), False),
        ({"Service": ["ec2.amazonaws.com", "vpc-flow-logs.amazonaws.com"]}, SERVICE, (), True),
        ({"Service": "vpc-flow-logs.amazonaws.com"}, ANA, (OWN,), False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, SERVICE, (), False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ANA, (), False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, ANA, (OWN,), True),
        ({"AWS": ACCOUNT}, ANA, (OWN,), True),
        ({"AWS": ANA.arn}, ANA, (), True),
        ({"AWS": ANA.arn}, Principal.user("bob", ACCOUNT), (OWN,), False),
        ({"AWS": "210987654321"}, STRANGER, (), False),
        ({"AWS": "210987654321"}, STRANGER, (OWN,), True),
        ({"AWS": STRANGER.arn}, STRANGER, (), False),
        ({"AWS": STRANGER.arn}, STRANGER, (OWN,), True),
        ({"AWS": ROLE.replace("flow-logs", "admin")}, Principal.role("admin", ACCOUNT, "x"), (), True),
        (
            {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/x"},
            Principal.role("admin", ACCOUNT, "x"),
            (),
            True,
        ),
        (
            {"AWS": f"arn:aws:sts::{ACCOUNT}:assumed-role/admin/x"},
            Principal.role("admin", ACCOUNT, "y"),
            (),
            False,
        ),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, Principal.root(ACCOUNT), (), False),
    ],
)
def test_who_may_assume(principal: Any, caller: Principal, identity: tuple[Policy, ...], allowed: bool) -> None:
    assert may_assume(trust(principal), caller, {}, identity, role_arn=ROLE).allowed is allowed


def test_the_wrong_service_is_named() -> None:
    decision = may_assume(trust({"Service": "ec2.amazonaws.com"}), SERVICE, role_arn=ROLE)
    assert "it trusts ec2.amazonaws.com, not vpc-flow-logs.amazonaws.com" in str(decision)


def test_a_trusted_account_still_needs_its_user_to_be_allowed() -> None:
    decision = may_assume(trust({"AWS": ACCOUNT}), ANA, role_arn=ROLE)
    assert "trusts the account, but no policy of" in str(decision)


def test_an_own_deny_beats_the_trust() -> None:
    denied = policy(deny("sts:*"), name="own")
    assert may_assume(trust({"AWS": ANA.arn}), ANA, {}, [denied], role_arn=ROLE).explicit_deny


@pytest.mark.parametrize(
    ("carried", "allowed"), [({"sts:ExternalId": "x1"}, True), ({"sts:ExternalId": "X1"}, False), ({}, False)]
)
def test_external_id(carried: dict[str, str], allowed: bool) -> None:
    guarded = trust({"AWS": ANA.arn}, Condition={"StringEquals": {"sts:ExternalId": "x1"}})
    assert may_assume(guarded, ANA, carried, role_arn=ROLE).allowed is allowed


def test_other_sts_actions_are_not_assume_role() -> None:
    tagging = trust({"AWS": ANA.arn}, Action="sts:TagSession")
    assert not may_assume(tagging, ANA, role_arn=ROLE)
    assert may_assume(tagging, ANA, role_arn=ROLE, action="sts:TagSession")


@pytest.mark.parametrize(
    ("arn", "kind", "caller"),
    [
        (f"arn:aws:iam::{ACCOUNT}:root", "root", f"arn:aws:iam::{ACCOUNT}:root"),
        (f"arn:aws:iam::{ACCOUNT}:user/path/ana", "user", f"arn:aws:iam::{ACCOUNT}:user/path/ana"),
        (
            f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/ana",
            "role",
            f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/ana",
        ),
        (
            f"arn:aws:iam::{ACCOUNT}:role/path/reader",
            "role",
            f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/session",
        ),
    ],
)
def test_principals_from_arns(arn: str, kind: str, caller: str) -> None:
    principal = Principal.from_arn(arn)
    assert (principal.kind, principal.account, principal.caller_arn) == (kind, ACCOUNT, caller)


@pytest.mark.parametrize("arn", ["", "ana", "arn:aws:s3:::b", f"arn:aws:iam::{ACCOUNT}:policy/p"])
def test_what_is_no_principal_is_refused(arn: str) -> None:
    with pytest.raises(ValueError, match="is not the ARN"):
        Principal.from_arn(arn)


# --- what holds for every policy ---

actions = st.sampled_from(["*", "logs:*", "logs:Put*", "logs:PutLogEvents", "ec2:*", "iam:PassRole"])
resources = st.sampled_from(["*", GROUP, f"{GROUP}:*", STREAM, ROLE, "arn:aws:logs:*:*:*"])
conditions = st.sampled_from(
    [
        {},
        {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        {"StringNotEquals": {"aws:SourceAccount": ACCOUNT}},
        {"Null": {"aws:SourceIp": "true"}},
        {"IpAddressIfExists": {"aws:SourceIp": "203.0.113.0/24"}},
    ]
)
statements = st.builds(
    lambda effect, action, resource, condition, negate: {
        "Effect": effect,
        ("NotAction" if negate & 1 else "Action"): action,
        ("NotResource" if negate & 2 else "Resource"): resource,
        "Condition": condition,
    },
    st.sampled_from(["Allow", "Deny"]),
    actions,
    resources,
    conditions,
    st.integers(0, 3),
)
documents = st.lists(statements, min_size=1, max_size=5).map(
    lambda found: validate_permissions({"Version": "2012-10-17", "Statement": found})
)
requests = st.builds(
    Request,
    st.just(ANA),
    st.sampled_from(["logs:PutLogEvents", "logs:GetLogEvents", "ec2:CreateVpc", "iam:PassRole"]),
    st.sampled_from(["*", STREAM, ROLE]),
    st.sampled_from([{}, {"aws:SourceAccount": ACCOUNT}, {"aws:SourceIp": "198.51.100.1"}]),
)


@given(requests, st.lists(documents, max_size=3))
def test_an_applying_deny_always_wins(request_: Request, identity: list[Policy]) -> None:
    decision = evaluate(request_, identity)
    denies = [r for r in decision.readings if r.applies and r.statement.effect == "Deny"]
    allows = [r for r in decision.readings if r.applies and r.statement.effect == "Allow"]
    assert decision.explicit_deny is bool(denies)
    assert decision.allowed is (bool(allows) and not denies)


@given(requests, st.lists(documents, max_size=2), statements)
def test_another_allow_never_takes_away_and_another_deny_never_gives(
    request_: Request, identity: list[Policy], statement: dict[str, Any]
) -> None:
    before = evaluate(request_, identity).allowed
    more = evaluate(request_, [*identity, policy({**statement, "Effect": "Allow"})]).allowed
    less = evaluate(request_, [*identity, policy({**statement, "Effect": "Deny"})]).allowed
    assert more >= before >= less


@given(requests, st.lists(documents, max_size=3))
def test_the_order_of_policies_does_not_matter(request_: Request, identity: list[Policy]) -> None:
    assert evaluate(request_, identity).simulated == evaluate(request_, identity[::-1]).simulated


@given(requests, st.lists(documents, max_size=2))
def test_every_decision_has_a_sentence_a_page_and_a_pickle(request_: Request, identity: list[Policy]) -> None:
    decision = evaluate(request_, identity)
    assert str(decision).startswith("Allowed: " if decision else "Denied: ") and str(decision).endswith(".")
    assert decision._repr_html_().startswith("<details")
    assert pickle.loads(pickle.dumps(decision)) == decision


def test_html_escapes_what_learners_write() -> None:
    hostile = policy(allow("logs:*", "arn:aws:logs:::<script>"), name="<script>alert(1)</script>")
    html = ask("logs:PutLogEvents", "<img onerror=x>", hostile)._repr_html_()
    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html
