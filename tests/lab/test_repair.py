"""What catching up takes away from a role: policies that deny, and no others."""

import json
from typing import Any

import pytest

from helpers.lab import Lab
from helpers.lab.repair import Calls, repair

ALLOW = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
DENY = ALLOW | {"Effect": "Deny"}
NAMED = {"StringEquals": {"aws:RequestTag/Effect": "Deny"}}


@pytest.mark.parametrize(
    ("statements", "taken"),
    [
        ([ALLOW, DENY], True),
        (DENY, True),
        ([DENY | {"Condition": NAMED}], True),
        ([ALLOW], False),
        (ALLOW | {"Sid": "Deny"}, False),
        ([ALLOW | {"Condition": NAMED}], False),
    ],
)
def test_a_policy_is_removed_for_its_effect_and_not_for_its_words(lab: Lab, statements: Any, taken: bool) -> None:
    iam, name = lab.client("iam"), "watched"
    trust = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    call = {"RoleName": name, "AssumeRolePolicyDocument": json.dumps({"Version": "2012-10-17", "Statement": [trust]})}
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    with lab.already("EntityAlreadyExists"):
        iam.create_role(**call)
    iam.put_role_policy(RoleName=name, PolicyName="added", PolicyDocument=document)
    calls = Calls()
    calls["CreateRole"].append(call)
    assert repair(lab, calls) == (["policy added removed from watched"] if taken else [])
    assert iam.list_role_policies(RoleName=name)["PolicyNames"] == ([] if taken else ["added"])
