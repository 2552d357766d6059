"""Condition operators, policy variables and wildcards, one line of the IAM guide after the other."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.access import Condition, glob

KEY = "aws:Key"


@pytest.mark.parametrize(
    ("operator", "wanted", "carried", "holds"),
    [
        ("StringEquals", "a", "a", True),
        ("StringEquals", "a", "A", False),
        ("StringEquals", "a*", "ab", False),
        ("StringNotEquals", "a", "b", True),
        ("StringNotEquals", "a", "a", False),
        ("StringEqualsIgnoreCase", "Flow", "fLOW", True),
        ("StringNotEqualsIgnoreCase", "Flow", "fLOW", False),
        ("StringLike", "eni-?*", "eni-1", True),
        ("StringLike", "eni-?*", "eni-", False),
        ("StringLike", "Eni*", "eni-1", False),
        ("StringNotLike", "eni-*", "vpc-1", True),
        ("NumericEquals", "10", "10.0", True),
        ("NumericNotEquals", "10", "11", True),
        ("NumericLessThan", "10", "9", True),
        ("NumericLessThan", "10", "10", False),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", "10", "9", False),
        ("NumericGreaterThanEquals", "10", "10", True),
        ("NumericEquals", "ten", "10", False),
        ("NumericLessThan", "10", "NaN", False),
        ("DateLessThan", "2026-12-01T00:00:00Z", "2026-11-23T08:00:00Z", True),
        ("DateLessThan", "2026-12-01T00:00:00Z", "2026-12-01T00:30:00+01:00", True),
        ("DateGreaterThan", "2026-12-01", "2026-11-23T08:00:00Z", False),
        ("DateEquals", "1764547200", "2025-12-01T00:00:00Z", True),
        ("DateNotEquals", "2026-12-01", "2026-12-02", True),
        ("DateLessThanEquals", "soon", "2026-12-02", False),
        ("DateGreaterThanEquals", "2026-12-01", "2026-12-01", True),
        ("Bool", "true", "True", True),
        ("Bool", "false", "true", False),
        ("Bool", "yes", "yes", False),
        ("BinaryEquals", "QmluYXJ5", "QmluYXJ5", True),
        ("IpAddress", "203.0.113.0/24", "203.0.113.7", True),
        ("IpAddress", "203.0.113.7", "203.0.113.7", True),
        ("IpAddress", "203.0.113.0/24", "198.51.100.7", False),
        ("IpAddress", "2001:db8::/32", "2001:db8::1", True),
        ("IpAddress", "not an address", "203.0.113.7", False),
        ("NotIpAddress", "203.0.113.0/24", "198.51.100.7", True),
        ("ArnLike", "arn:aws:ec2:*:123456789012:vpc-*/*", "arn:aws:ec2:r:123456789012:vpc-flow-log/fl", True),
        ("ArnLike", "arn:aws:ec2:*:vpc-flow-log/*", "arn:aws:ec2:r:123456789012:vpc-flow-log/fl", False),
        ("ArnEquals", "arn:aws:iam::*:role/a?", "arn:aws:iam::123456789012:role/ab", True),
        ("ArnLike", "arn:aws:logs:*:*:log-group:*", "arn:aws:logs:r:1:log-group:/g:log-stream:s", True),
        ("ArnLike", "*", "arn:aws:iam::123456789012:role/a", False),
        ("ArnNotLike", "arn:aws:iam::*:role/a", "arn:aws:iam::1:role/b", True),
        ("ArnNotEquals", "arn:aws:iam::1:role/a", "arn:aws:iam::1:role/a", False),
        ("StringEqualsIfExists", "a", "b", False),
        ("Null", "true", "a", False),
        ("Null", "false", "a", True),
    ],
)  # fmt: skip
def test_operator(operator: str, wanted: str, carried: str, holds: bool) -> None:
    assert Condition(operator, KEY, (wanted,)).holds({KEY: carried}) is holds


@pytest.mark.parametrize(
    ("operator", "wanted", "holds"),
    [
        ("StringEquals", "a", False),
        ("StringNotEquals", "a", True),
        ("StringNotLike", "*", True),
        ("NotIpAddress", "203.0.113.0/24", True),
        ("ArnNotLike", "arn:*", True),
        ("Bool", "false", False),
        ("StringEqualsIfExists", "a", True),
        ("NumericLessThanIfExists", "1", True),
        ("ForAllValues:StringEquals", "a", True),
        ("ForAnyValue:StringEquals", "a", False),
        ("ForAnyValue:StringNotEquals", "a", False),
        ("Null", "true", True),
        ("Null", "false", False),
    ],
)
def test_a_key_that_the_request_does_not_carry(operator: str, wanted: str, holds: bool) -> None:
    assert Condition(operator, KEY, (wanted,)).holds({"aws:Other": "a"}) is holds


@pytest.mark.parametrize(
    ("operator", "wanted", "carried", "holds"),
    [
        ("ForAnyValue:StringEquals", ("a", "b"), ("b", "c"), True),
        ("ForAnyValue:StringEquals", ("a", "b"), ("c", "d"), False),
        ("ForAllValues:StringEquals", ("a", "b"), ("a", "b"), True),
        ("ForAllValues:StringEquals", ("a", "b"), ("a", "c"), False),
        ("ForAllValues:StringNotEquals", ("a",), ("b", "c"), True),
        ("ForAllValues:StringNotEquals", ("a",), ("a", "c"), False),
        ("ForAnyValue:StringNotEquals", ("a",), ("a", "c"), True),
        ("ForAnyValue:StringLike", ("a*",), ("xa", "ab"), True),
        ("ForAllValues:StringLike", ("a*",), (), True),
    ],
)
def test_set_operators(operator: str, wanted: tuple[str, ...], carried: tuple[str, ...], holds: bool) -> None:
    assert Condition(operator, "aws:TagKeys", wanted).holds({"aws:TagKeys": carried}) is holds


def test_several_values_are_alternatives_and_a_negation_refuses_them_all() -> None:
    assert Condition("StringEquals", KEY, ("a", "b")).holds({KEY: "b"})
    assert not Condition("StringNotEquals", KEY, ("a", "b")).holds({KEY: "b"})
    assert Condition("StringNotEquals", KEY, ("a", "b")).holds({KEY: "c"})


def test_keys_are_compared_without_case_and_values_with() -> None:
    assert Condition("StringEquals", "AWS:sourceaccount", ("1",)).holds({"aws:SourceAccount": "1"})


@pytest.mark.parametrize(
    ("wanted", "carried", "holds"),
    [
        ("home/${aws:username}", "home/ana", True),
        ("home/${AWS:UserName}", "home/ana", True),
        ("home/${aws:username, 'guest'}", "home/ana", True),
        ("home/${aws:missing, 'guest'}", "home/guest", True),
        ("home/${aws:missing}", "home/", False),
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("${$}1", "$1", True),
    ],
)
def test_policy_variables(wanted: str, carried: str, holds: bool) -> None:
    context = {KEY: carried, "aws:username": "ana"}
    assert Condition("StringLike", KEY, (wanted,)).holds(context) is holds


def test_policy_variables_bring_in_text_not_wildcards() -> None:
    context = {KEY: "home/bob", "aws:username": "*"}
    assert not Condition("StringLike", KEY, ("home/${aws:username}",)).holds(context)


def test_policy_variables_are_plain_text_in_the_old_version() -> None:
    condition = Condition("StringLike", KEY, ("${aws:username}",))
    assert condition.holds({KEY: "${aws:username}", "aws:username": "ana"}, variables=False)
    assert not condition.holds({KEY: "ana", "aws:username": "ana"}, variables=False)


def test_the_shortfall_says_both_sides() -> None:
    condition = Condition("StringEquals", "aws:SourceAccount", ("111122223333",))
    assert condition.shortfall({"aws:SourceAccount": "123456789012"}) == (
        "the condition aws:SourceAccount (StringEquals) wants 111122223333, the request carried 123456789012"
    )
    assert condition.shortfall({}).endswith("the request did not carry it")


def test_an_unknown_operator_is_an_error_not_an_answer() -> None:
    with pytest.raises(ValueError, match="StringEqual is not"):
        Condition("StringEqual", KEY, ("a",)).holds({KEY: "a"})


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_wildcards_match_as_the_regular_expression_does(pattern: str, text: str) -> None:
    expression = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in pattern)
    assert glob(pattern, text) is (re.fullmatch(expression, text, re.DOTALL) is not None)


def test_a_hostile_pattern_does_not_stall() -> None:
    assert not glob("*a" * 2000 + "b", "a" * 3000)
