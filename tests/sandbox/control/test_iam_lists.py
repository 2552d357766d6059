"""IAM's lists, names and tags: pages, what is not there, and what IAM does not tell apart."""

import json

import pytest

from tests.sandbox.control.test_permissions import ACCOUNT, allow, policy, trust

TRUST = trust({"Service": "ec2.amazonaws.com"})
READ = policy(allow("logs:GetLogEvents"))
HELD = f"arn:aws:iam::{ACCOUNT}:policy/held-0"
LISTS = {
    "list_users": ({}, "Users"),
    "list_groups": ({}, "Groups"),
    "list_roles": ({}, "Roles"),
    "list_instance_profiles": ({}, "InstanceProfiles"),
    "list_policies": ({"Scope": "Local"}, "Policies"),
    "list_policy_versions": ({"PolicyArn": HELD}, "Versions"),
    "list_role_policies": ({"RoleName": "role-0"}, "PolicyNames"),
    "list_user_tags": ({"UserName": "user-0"}, "Tags"),
    "list_access_keys": ({"UserName": "user-0"}, "AccessKeyMetadata"),
    "list_attached_role_policies": ({"RoleName": "role-0"}, "AttachedPolicies"),
    "list_groups_for_user": ({"UserName": "user-0"}, "Groups"),
}


@pytest.fixture(scope="module")
def full(iam):
    """Three of everything."""
    for number in range(3):
        iam.create_user(UserName=f"user-{number}", Tags=[{"Key": f"k{key}", "Value": "v"} for key in range(3)])
        iam.create_group(GroupName=f"group-{number}")
        iam.add_user_to_group(GroupName=f"group-{number}", UserName="user-0")
        iam.create_role(RoleName=f"role-{number}", AssumeRolePolicyDocument=TRUST)
        iam.create_instance_profile(InstanceProfileName=f"profile-{number}")
        arn = iam.create_policy(PolicyName=f"held-{number}", PolicyDocument=READ)["Policy"]["Arn"]
        iam.attach_role_policy(RoleName="role-0", PolicyArn=arn)
        iam.put_role_policy(RoleName="role-0", PolicyName=f"inline-{number}", PolicyDocument=READ)
    for _ in range(2):
        iam.create_policy_version(PolicyArn=HELD, PolicyDocument=READ)
        iam.create_access_key(UserName="user-0")
    return iam


@pytest.mark.parametrize("name", LISTS)
def test_the_pages_together_are_the_list(full, refused, name):
    asked, member = LISTS[name]
    whole = getattr(full, name)(**asked)
    assert whole["IsTruncated"] is False
    first = getattr(full, name)(**asked, MaxItems=1)
    assert first["IsTruncated"] is True
    pages = list(full.get_paginator(name).paginate(**asked, PaginationConfig={"PageSize": 1}))
    assert [len(page[member]) for page in pages] == [1] * len(whole[member])
    assert [item for page in pages for item in page[member]] == whole[member]
    code, _ = refused(getattr(full, name), **asked, Marker="1")
    assert code == "ValidationError"


def test_pages_of_several_lists_go_on_from_one_to_the_next(full):
    whole = full.get_account_authorization_details(Filter=["User", "Role", "Group", "LocalManagedPolicy"])
    pages = full.get_paginator("get_account_authorization_details").paginate(
        Filter=["User", "Role", "Group", "LocalManagedPolicy"], PaginationConfig={"PageSize": 2}
    )
    names = ("UserDetailList", "RoleDetailList", "GroupDetailList", "Policies")
    gathered = {name: [] for name in names}
    for page in pages:
        assert sum(len(page[name]) for name in names) <= 2
        for name in names:
            gathered[name] += page[name]
    assert gathered == {name: whole[name] for name in names}
    assert len(gathered["RoleDetailList"]) == 3


def test_all_of_awss_policies_are_listed(iam):
    pages = iam.get_paginator("list_policies").paginate(Scope="AWS", PaginationConfig={"PageSize": 1000})
    assert len({found["Arn"] for page in pages for found in page["Policies"]}) > 1000


@pytest.mark.parametrize(
    ("action", "asked"),
    [
        ("list_entities_for_policy", {"PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/gone"}),
        ("list_entities_for_policy", {"PolicyArn": "arn:aws:iam::aws:policy/NoSuchThing"}),
        ("list_instance_profiles_for_role", {"RoleName": "gone"}),
    ],
)
def test_what_is_not_there_has_no_list(iam, refused, action, asked):
    code, message = refused(getattr(iam, action), **asked)
    assert code == "NoSuchEntity"
    assert "was not found" in message or "cannot be found" in message


@pytest.mark.parametrize(
    ("action", "asked", "message"),
    [
        ("create_user", {"UserName": "USER-1"}, "User with name USER-1 already exists."),
        ("update_user", {"UserName": "user-2", "NewUserName": "User-1"}, "User with name User-1 already exists."),
        ("create_group", {"GroupName": "Group-1"}, "Group with name Group-1 already exists."),
        (
            "create_role",
            {"RoleName": "Role-1", "AssumeRolePolicyDocument": TRUST},
            "Role with name Role-1 already exists.",
        ),
        (
            "create_instance_profile",
            {"InstanceProfileName": "PROFILE-1"},
            "Instance Profile PROFILE-1 already exists.",
        ),
        (
            "create_policy",
            {"PolicyName": "Held-1", "PolicyDocument": READ, "Path": "/other/"},
            "A policy called Held-1 already exists. Duplicate names are not allowed.",
        ),
    ],
)
def test_names_are_not_told_apart_by_case(full, refused, action, asked, message):
    assert refused(getattr(full, action), **asked) == ("EntityAlreadyExists", message)


def test_a_name_of_awss_own_policies_is_free(iam):
    iam.create_policy(PolicyName="ReadOnlyAccess", PolicyDocument=READ)


@pytest.mark.parametrize("keys", [("team", "Team"), ("aws:team",), ("AWS:Team",)])
def test_tags_that_iam_does_not_take(full, refused, keys):
    tags = [{"Key": key, "Value": "v"} for key in keys]
    for call, asked in (
        (full.tag_user, {"UserName": "user-1"}),
        (full.tag_role, {"RoleName": "role-1"}),
        (full.tag_instance_profile, {"InstanceProfileName": "profile-1"}),
        (full.tag_policy, {"PolicyArn": HELD}),
        (full.create_user, {"UserName": "new"}),
        (full.create_role, {"RoleName": "new", "AssumeRolePolicyDocument": TRUST}),
    ):
        code, _ = refused(call, **asked, Tags=tags)
        assert code == "InvalidInput"


def test_a_renamed_user_is_one_user_everywhere(sandbox, iam):
    iam.create_user(UserName="before")
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": everything})
    iam.put_user_policy(UserName="before", PolicyName="p", PolicyDocument=document)
    key = iam.create_access_key(UserName="before")["AccessKey"]
    iam.update_user(UserName="before", NewUserName="Before")
    own = sandbox.client_of("iam", key)
    assert own.get_user()["User"]["UserName"] == "Before"
    assert [held["UserName"] for held in own.list_access_keys()["AccessKeyMetadata"]] == ["Before"]
    assert own.list_mfa_devices()["MFADevices"] == []
    assert iam.list_mfa_devices()["MFADevices"] == []
