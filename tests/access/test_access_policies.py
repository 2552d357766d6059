"""What IAM refuses when a policy is created, in its words, and what it takes."""

import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.access import (
    OPERATORS,
    MalformedPolicy,
    Policy,
    known_service_principal,
    validate_permissions,
    validate_trust,
)

FLOW_LOGS = {"Service": "vpc-flow-logs.amazonaws.com"}


def permissions(**changes: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*", **changes}
    kept = {key: value for key, value in statement.items() if value is not ...}
    return {"Version": "2012-10-17", "Statement": [kept]}


def trust(**changes: Any) -> dict[str, Any]:
    return permissions(**{"Action": "sts:AssumeRole", "Resource": ..., "Principal": FLOW_LOGS, **changes})


PERMISSION_FAULTS: list[tuple[Any, str, str]] = [
    ("{nope", "Syntax errors in policy.", "line 1, column 2"),
    ("", "Syntax errors in policy.", "line 1"),
    ("[]", "Syntax errors in policy.", "a policy is a JSON object"),
    ("[" * 100_000, "Syntax errors in policy.", "not JSON"),
    ('{"Version": "2012-10-17", "Version": "2012-10-17"}', "Syntax errors in policy.", "twice"),
    ({"Version": "2012-10-17"}, "Syntax errors in policy.", "at least one statement"),
    ({"Version": "2012-10-17", "Statement": []}, "Syntax errors in policy.", "at least one statement"),
    ({**permissions(), "Statements": []}, "Syntax errors in policy.", "Statements is not a field"),
    ({**permissions(), "Version": "2012-10-18"}, "Policy document must be version 2012-10-17", "not"),
    ({**permissions(), "Version": "2008-10-17"}, "Policy document must be version 2012-10-17", "write"),
    ({"Statement": permissions()["Statement"]}, "Policy document must be version 2012-10-17", "write"),
    (permissions(Effect="allow"), "Syntax errors in policy.", "exactly"),
    (permissions(Effect=...), "Syntax errors in policy.", "Effect is missing"),
    (permissions(Effect=["Allow"]), "Syntax errors in policy.", "exactly"),
    (permissions(Action=...), "Policy statement must contain actions.", "add"),
    (permissions(Action=[]), "Policy statement must contain actions.", "add"),
    (permissions(Action=[1]), "Syntax errors in policy.", "Action must be a text"),
    (permissions(Action="PutLogEvents"), "Actions/Conditions must be prefaced by a vendor", "logs:"),
    (permissions(Action="logs:"), "Actions/Conditions must be prefaced by a vendor", "logs:"),
    (permissions(Action="l*:Put"), "Vendor l* is not valid", "in the action"),
    (permissions(Action="logs:a:b"), "Actions/Condition can contain only one colon.", "in"),
    (permissions(NotAction="logs:*"), "Syntax errors in policy.", "exclude each other"),
    (permissions(Resource=...), "Policy statement must contain resources.", "add"),
    (permissions(Resource="/flow"), 'Resource /flow must be in ARN format or "*".', "ARN"),
    (permissions(Resource="arn:aws:logs:us-east-1"), "The policy failed legacy parsing", "4 of"),
    (permissions(Resource="arn:ibm:logs:a:b:c"), 'Partition "ibm" is not valid', "aws"),
    (permissions(Resource="arn:aws:l*:a:b:c"), "Resource vendor must be fully qualified", "name"),
    (permissions(Resource="arn:aws:iam:us-east-1:1:role/a"), "IAM resource", "region information"),
    (permissions(Resource="arn:aws:iam::1:rolle/a"), "IAM resource path must either be", "in"),
    (permissions(NotResource="*"), "Syntax errors in policy.", "exclude each other"),
    (permissions(Principal="*"), "Policy document should not specify a principal.", "trust"),
    (permissions(Sid="a-b"), "Statement IDs (SID) must be alpha-numeric.", "a-b"),
    (permissions(Sid=5), "Syntax errors in policy.", "Sid must be a text"),
    (permissions(Resources="*"), "Syntax errors in policy.", "Resources is not a field"),
    (permissions(Condition={"StringEqual": {"a:b": "c"}}), "Syntax errors in policy.", "StringEqual"),
    (permissions(Condition={"NullIfExists": {"a:b": "c"}}), "Syntax errors in policy.", "NullIfExists"),
    (permissions(Condition={"ForSome:StringLike": {"a:b": "c"}}), "Syntax errors", "ForSome"),
    (permissions(Condition={"StringEquals": "c"}), "Syntax errors in policy.", "must hold condition keys"),
    (permissions(Condition={"StringEquals": {"a:b": {}}}), "Syntax errors in policy.", "compared"),
    (permissions(Condition={"StringEquals": {"SourceAccount": "1"}}), "Actions/Conditions must", "prefix"),
    (permissions(Condition=[]), "Syntax errors in policy.", "Condition must be an object"),
    (
        {"Version": "2012-10-17", "Statement": [permissions(Sid="A")["Statement"][0]] * 2},
        "Statement IDs (SID) in a single policy must be unique.",
        "called A",
    ),
]
TRUST_FAULTS: list[tuple[Any, str, str]] = [
    ("{nope", "This policy contains invalid Json", "line 1, column 2"),
    (trust(Principal=...), "Missing required field Principal", "vpc-flow-logs"),
    (trust(Principal={}), "Missing required field Principal cannot be empty!", "name"),
    (trust(Principal="*"), 'AssumeRolepolicy contained an invalid principal: "STAR":"*".', "everyone"),
    (trust(Principal="me"), "Principal must be a JSON object.", "me"),
    (trust(Principal={"Services": "ec2.amazonaws.com"}), "Invalid principal in policy", "Service"),
    (
        trust(Principal={"Service": "vpc-flowlogs.amazonaws.com"}),
        'Invalid principal in policy: "SERVICE":"vpc-flowlogs.amazonaws.com"',
        "did you mean vpc-flow-logs.amazonaws.com?",
    ),
    (trust(Principal={"Service": "vpc-flow-logs"}), "Invalid principal in policy", "did you mean"),
    (trust(Principal={"Service": "*"}), "Invalid principal in policy", "not the name"),
    (trust(Principal={"AWS": "12345"}), 'Invalid principal in policy: "AWS":"12345"', "account id"),
    (trust(Principal={"AWS": "arn:aws:iam::123456789012:role/*"}), "Invalid principal", "wildcard"),
    (trust(Principal={"AWS": []}), "Syntax errors in policy.", "at least one principal"),
    (trust(Resource="*"), "Has prohibited field Resource", "permissions policy"),
    (trust(NotResource="*"), "AssumeRole policy must not contain resources.", "remove"),
    (trust(Principal=..., NotPrincipal=FLOW_LOGS), "Allow with NotPrincipal is not allowed.", "name"),
    (trust(Action="s3:*"), "AssumeRole policy may only specify STS AssumeRole actions.", "s3:*"),
    (trust(Action="sts:*"), "AssumeRole policy may only specify STS AssumeRole actions.", "sts:*"),
    (trust(Action="*"), "AssumeRole policy may only specify STS AssumeRole actions.", "'*'"),
    (trust(Action=...), "Missing required field Action", "add"),
    (trust(Effect=...), "Missing required field Effect", "Effect is missing"),
    (trust(Effect="Permit"), "Invalid effect: Permit", "exactly"),
    ({**trust(), "Version": "2020-01-01"}, "The policy must contain a valid version string", "2012"),
    ({"Version": "2012-10-17", "Statement": []}, "Could not parse the policy: Statement is empty!", "one"),
]


@pytest.mark.parametrize(("document", "reason", "detail"), PERMISSION_FAULTS)
def test_permission_policies_are_refused_in_iams_words(document: Any, reason: str, detail: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        validate_permissions(document)
    assert refused.value.reason.startswith(reason)
    assert detail in str(refused.value)


@pytest.mark.parametrize(("document", "reason", "detail"), TRUST_FAULTS)
def test_trust_policies_are_refused_in_iams_words(document: Any, reason: str, detail: str) -> None:
    with pytest.raises(MalformedPolicy) as refused:
        validate_trust(document)
    assert refused.value.reason.startswith(reason)
    assert detail in str(refused.value)


@pytest.mark.parametrize(
    "document",
    [
        permissions(),
        permissions(Sid="", Action=["logs:*", "*"], Resource=["arn:aws:logs:*:*:*", "arn:aws:s3:::b/*"]),
        permissions(Resource="arn:aws:iam::*:role/*"),
        permissions(Resource="arn:aws:iam::${aws:PrincipalAccount}:user/${aws:username}"),
        permissions(Action=..., NotAction="iam:*", Resource=..., NotResource="arn:aws:s3:::b"),
        permissions(Condition={"NumericLessThan": {"aws:x": 5}, "Bool": {"aws:y": True}}),
        permissions(Condition={"ForAnyValue:StringLikeIfExists": {"aws:TagKeys": ["a*", "b"]}}),
        {"Id": "x", "Version": "2012-10-17", "Statement": permissions()["Statement"][0]},
    ],
)
def test_permission_policies_that_iam_takes(document: dict[str, Any]) -> None:
    assert validate_permissions(json.dumps(document)) == validate_permissions(document)


@pytest.mark.parametrize(
    "document",
    [
        trust(),
        trust(Action=["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]),
        trust(Action="STS:assumerole"),
        trust(Principal={"AWS": ["123456789012", "arn:aws:iam::123456789012:root", "*"]}),
        trust(Principal={"AWS": "arn:aws:sts::123456789012:assumed-role/reader/ana"}),
        trust(Principal={"Service": ["ec2.amazonaws.com", "logs.us-east-1.amazonaws.com"]}),
        trust(Principal={"Federated": "cognito-identity.amazonaws.com"}, Action="sts:TagSession"),
        trust(Sid="not alphanumeric, which trust policies may be"),
        {**trust(), "Version": "2008-10-17"},
        {"Statement": trust()["Statement"]},
    ],
)
def test_trust_policies_that_iam_takes(document: dict[str, Any]) -> None:
    assert validate_trust(document).statements


def test_a_refused_policy_says_where() -> None:
    document = {"Version": "2012-10-17", "Statement": [*permissions()["Statement"], {"Effect": "Allow"}]}
    with pytest.raises(MalformedPolicy) as refused:
        validate_permissions(document)
    assert refused.value.where == "Statement[1]"
    assert pickle.loads(pickle.dumps(refused.value)).reason == refused.value.reason


def test_every_operator_of_the_iam_guide_is_known() -> None:
    assert len(OPERATORS) == 27
    for operator in OPERATORS:
        validate_permissions(permissions(Condition={operator: {"aws:SourceAccount": "1"}}))


def test_service_principals() -> None:
    for name in ("vpc-flow-logs", "ec2", "ssm", "delivery.logs", "lambda"):
        assert known_service_principal(f"{name}.amazonaws.com")
    for name in ("vpc-flow-logs.amazonaws.org", "bogus.amazonaws.com", "", "amazonaws.com"):
        assert not known_service_principal(name)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Principal", "Condition"])
            | st.text(max_size=5),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_the_document_the_answer_is_a_policy_or_a_reason(value: Any) -> None:
    for check in (validate_permissions, validate_trust, Policy.parse):
        try:
            check(json.dumps(value))
        except MalformedPolicy as refused:
            assert refused.reason


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_any_text_is_a_policy_or_a_reason(text: str | bytes) -> None:
    try:
        Policy.parse(text)
    except MalformedPolicy as refused:
        assert refused.reason
