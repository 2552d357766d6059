"""Filters as EC2 reads them: by tag or by value, with wildcards, and no name that it does not know."""

import pytest

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.ec2.filters import passes

ITEM = {"Tags": [{"Key": "Name", "Value": "web [1]"}, {"Key": "Lab", "Value": ""}]}


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("state", ["active"], True),
        ("state", ["act*", "x"], True),
        ("state", ["?ctive"], True),
        ("state", ["Active"], False),
        ("state", [], False),
        ("owner", ["None"], True),
        ("tag:Name", ["web [1]"], True),
        ("tag:Name", ["web [12]"], False),
        ("tag:Lab", [""], True),
        ("tag:Other", ["*"], False),
        ("tag-key", ["N*"], True),
        ("tag-key", ["n*"], False),
    ],
)
def test_a_filter_of_a_described_resource(name: str, patterns: list[str], expected: bool) -> None:
    conditions = [{"Name": name, "Values": patterns}]
    assert passes(ITEM, conditions, {"state": "active", "owner": None}) is expected


def test_all_filters_have_to_pass() -> None:
    conditions = [{"Name": "state", "Values": ["active"]}, {"Name": "tag-key", "Values": ["no"]}]
    assert not passes(ITEM, conditions, {"state": "active"})
    assert passes(ITEM, [], {})


def test_a_name_that_the_resource_does_not_have_is_refused() -> None:
    with pytest.raises(ServiceError, match="The filter 'colour' is invalid"):
        passes(ITEM, [{"Name": "colour", "Values": ["red"]}], {"state": "active"})
