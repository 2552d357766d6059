"""What IAM's replies hold, and that a caller, a deleted user and a document are the same in all of them.

Recorded from AWS in the public tests of localstack/localstack (tests/aws/services/iam and sts, 2025 and 2026).
"""

import json
import re

import pytest

from tests.sandbox.control.test_permissions import ACCOUNT, allow, assume, policy, role, sts, trust, user

__all__ = ["sts", "user"]
EC2_TRUST = trust({"Service": "ec2.amazonaws.com"})
READ = policy(allow("logs:GetLogEvents"))
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


def test_each_call_tells_what_aws_tells_of_a_role(iam):
    made = iam.create_role(RoleName="told", AssumeRolePolicyDocument=EC2_TRUST)["Role"]
    members = {"Arn", "AssumeRolePolicyDocument", "CreateDate", "Path", "RoleId", "RoleName"}
    assert set(made) == members
    assert set(iam.get_role(RoleName="told")["Role"]) == members | {"MaxSessionDuration", "RoleLastUsed"}
    listed = next(item for item in iam.list_roles()["Roles"] if item["RoleName"] == "told")
    assert set(listed) == members | {"MaxSessionDuration"}
    tagged = iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=EC2_TRUST, Tags=[{"Key": "a", "Value": ""}])
    assert tagged["Role"]["Tags"] == [{"Key": "a", "Value": ""}]


def test_each_call_tells_what_aws_tells_of_an_instance_profile(iam):
    members = {"Arn", "CreateDate", "InstanceProfileId", "InstanceProfileName", "Path", "Roles"}
    assert set(iam.create_instance_profile(InstanceProfileName="told")["InstanceProfile"]) == members
    iam.add_role_to_instance_profile(InstanceProfileName="told", RoleName=role(iam, "held").rpartition("/")[2])
    got = iam.get_instance_profile(InstanceProfileName="told")["InstanceProfile"]
    assert set(got) == members | {"Tags"}
    assert not {"MaxSessionDuration", "RoleLastUsed"} & set(got["Roles"][0])
    for reply in (iam.list_instance_profiles(), iam.list_instance_profiles_for_role(RoleName="held")):
        assert set(reply["InstanceProfiles"][0]) == members
    tags = [{"Key": "a", "Value": "b"}]
    tagged = iam.create_instance_profile(InstanceProfileName="told2", Tags=tags)["InstanceProfile"]
    assert tagged["Tags"] == tags


def test_each_call_tells_what_aws_tells_of_a_policy(iam):
    made = iam.create_policy(PolicyName="told", PolicyDocument=READ, Description="testing")["Policy"]
    members = {
        "Arn",
        "AttachmentCount",
        "CreateDate",
        "DefaultVersionId",
        "IsAttachable",
        "Path",
        "PermissionsBoundaryUsageCount",
        "PolicyId",
        "PolicyName",
        "UpdateDate",
    }
    assert set(made) == members
    assert set(iam.get_policy(PolicyArn=made["Arn"])["Policy"]) == members | {"Tags", "Description"}
    iam.create_role(RoleName="bounded", AssumeRolePolicyDocument=EC2_TRUST, PermissionsBoundary=made["Arn"])
    assert iam.get_policy(PolicyArn=made["Arn"])["Policy"]["PermissionsBoundaryUsageCount"] == 1
    listed = next(item for item in iam.list_policies(Scope="Local")["Policies"] if item["PolicyName"] == "told")
    assert (set(listed), listed["PermissionsBoundaryUsageCount"]) == (members, 1)


def test_versions_of_a_policy_come_newest_first_and_without_their_documents(iam):
    arn = iam.create_policy(PolicyName="versions", PolicyDocument=READ)["Policy"]["Arn"]
    made = iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ, SetAsDefault=True)["PolicyVersion"]
    assert (made["VersionId"], "Document" in made) == ("v2", False)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    versions = iam.list_policy_versions(PolicyArn=arn)["Versions"]
    assert [(item["VersionId"], item["IsDefaultVersion"]) for item in versions] == [
        ("v3", False),
        ("v2", True),
        ("v1", False),
    ]
    assert not any("Document" in item for item in versions)
    assert iam.get_policy_version(PolicyArn=arn, VersionId="v2")["PolicyVersion"]["Document"] == json.loads(READ)


def test_the_account_in_detail_names_its_policies(iam):
    iam.create_policy(PolicyName="detailed", PolicyDocument=READ)
    found = iam.get_account_authorization_details(Filter=["LocalManagedPolicy"])["Policies"]
    detail = next(item for item in found if item["PolicyName"] == "detailed")
    assert detail["PolicyId"].startswith("ANPA")
    assert detail["PermissionsBoundaryUsageCount"] == 0
    assert detail["PolicyVersionList"][0]["Document"] == json.loads(READ)


def test_unique_ids_begin_as_aws_says(sandbox, iam):
    made = {
        "AIDA": iam.create_user(UserName="unique")["User"]["UserId"],
        "AGPA": iam.create_group(GroupName="unique")["Group"]["GroupId"],
        "AIPA": iam.create_instance_profile(InstanceProfileName="unique")["InstanceProfile"]["InstanceProfileId"],
        "ANPA": iam.create_policy(PolicyName="unique", PolicyDocument=READ)["Policy"]["PolicyId"],
        "AROA": iam.create_role(RoleName="unique", AssumeRolePolicyDocument=EC2_TRUST)["Role"]["RoleId"],
    }
    for prefix, identifier in made.items():
        assert re.fullmatch(f"{prefix}[A-Z2-7]{{17}}", identifier)
    assert iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]["PolicyId"].startswith("ANPA")
    key = iam.create_access_key(UserName="unique")["AccessKey"]
    assert sandbox.client_of("sts", key).get_caller_identity()["UserId"] == made["AIDA"]


# --- the caller -------------------------------------------------------------------------------------------------


def test_the_caller_is_one_user_everywhere(sandbox, iam, sts):
    me = sts.get_caller_identity()
    mine = iam.get_user()["User"]
    assert (mine["Arn"], mine["UserId"], mine["UserName"]) == (me["Arn"], me["UserId"], "learner")
    assert iam.get_user(UserName="learner")["User"] == mine
    assert mine in iam.list_users()["Users"]
    keys = iam.list_access_keys()["AccessKeyMetadata"]
    assert [item["AccessKeyId"] for item in keys] == [sandbox.identity.access_key_id]
    assert iam.list_access_keys(UserName="learner")["AccessKeyMetadata"] == keys
    assert iam.get_account_summary()["SummaryMap"]["Users"] == len(iam.list_users()["Users"])
    details = iam.get_account_authorization_details(Filter=["User"])["UserDetailList"]
    assert next(item for item in details if item["UserName"] == "learner")["UserId"] == me["UserId"]
    attached = iam.list_attached_user_policies(UserName="learner")["AttachedPolicies"]
    assert [item["PolicyArn"] for item in attached] == [ADMINISTRATOR]
    (asked,) = iam.simulate_principal_policy(PolicySourceArn=me["Arn"], ActionNames=["ec2:CreateVpc"])[
        "EvaluationResults"
    ]
    assert asked["EvalDecision"] == "allowed"


def test_the_owner_can_neither_be_deleted_nor_be_held_to_another_policy(sandbox, iam, refused):
    assert refused(iam.delete_user, UserName="learner")[0] == "DeleteConflict"
    own = sandbox.identity.access_key_id
    for change, params in (
        (iam.detach_user_policy, {"PolicyArn": ADMINISTRATOR}),
        (iam.attach_user_policy, {"PolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}),
        (iam.put_user_policy, {"PolicyName": "p", "PolicyDocument": READ}),
        (iam.update_user, {"NewUserName": "other"}),
        (iam.delete_access_key, {"AccessKeyId": own}),
        (iam.update_access_key, {"AccessKeyId": own, "Status": "Inactive"}),
    ):
        assert refused(change, UserName="learner", **params)[0] == "UnsupportedOperation"
    assert refused(iam.delete_access_key, AccessKeyId=own)[0] == "UnsupportedOperation"
    second = iam.create_access_key()["AccessKey"]
    sandbox.client_of("ec2", second).describe_vpcs()
    iam.delete_access_key(AccessKeyId=second["AccessKeyId"])


# --- recreated principals ---------------------------------------------------------------------------------------


def test_a_recreated_user_is_not_trusted(sandbox, iam, refused):
    """IAM User Guide, "AWS JSON policy elements: Principal": the policy no longer applies, even after recreation."""

    def made():
        identifier = iam.create_user(UserName="again")["User"]["UserId"]
        key = iam.create_access_key(UserName="again")["AccessKey"]
        return identifier, key

    arn = f"arn:aws:iam::{ACCOUNT}:user/again"
    identifier, key = made()
    both = role(iam, "trusts-both", trusting=trust({"AWS": [arn, f"arn:aws:iam::{ACCOUNT}:user/learner"]}))
    one = role(iam, "trusts-one", trusting=trust({"AWS": arn}, Condition={"ArnEquals": {"aws:PrincipalArn": arn}}))
    for trusting in (both, one):
        assume(sandbox.client_of("sts", key), trusting)
    iam.delete_access_key(UserName="again", AccessKeyId=key["AccessKeyId"])
    iam.delete_user(UserName="again")
    statement = iam.get_role(RoleName="trusts-one")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    assert statement["Principal"] == {"AWS": identifier}
    assert statement["Condition"] == {"ArnEquals": {"aws:PrincipalArn": arn}}
    other, key = made()
    assert other != identifier
    for trusting in (both, one):
        code, _ = refused(sandbox.client_of("sts", key).assume_role, RoleArn=trusting, RoleSessionName="session")
        assert code == "AccessDenied"
    assume(sandbox.client("sts"), both)
    iam.update_assume_role_policy(RoleName="trusts-one", PolicyDocument=trust({"AWS": arn}))
    assume(sandbox.client_of("sts", key), one)


def test_a_recreated_role_is_not_trusted_and_its_old_sessions_may_nothing(sandbox, iam, sts, refused):
    first = role(iam, "first", allow("sts:AssumeRole"), allow("ec2:DescribeVpcs"))
    identifier = iam.get_role(RoleName="first")["Role"]["RoleId"]
    second = role(iam, "second", trusting=trust({"AWS": first}))
    old = assume(sts, first)["Credentials"]
    assume(sandbox.client_of("sts", old), second)
    iam.delete_role_policy(RoleName="first", PolicyName="inline")
    iam.delete_role(RoleName="first")
    shown = iam.get_role(RoleName="second")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert shown == {"AWS": identifier}
    role(iam, "first", allow("sts:AssumeRole"), allow("ec2:DescribeVpcs"))
    new = assume(sts, first, "new")["Credentials"]
    sandbox.client_of("ec2", new).describe_vpcs()
    assert refused(sandbox.client_of("ec2", old).describe_vpcs)[0] == "UnauthorizedOperation"
    code, _ = refused(sandbox.client_of("sts", new).assume_role, RoleArn=second, RoleSessionName="session")
    assert code == "AccessDenied"


def test_a_renamed_user_is_still_trusted(sandbox, iam):
    iam.create_user(UserName="before")
    key = iam.create_access_key(UserName="before")["AccessKey"]
    trusting = role(iam, "trusts-before", trusting=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:user/before"}))
    iam.update_user(UserName="before", NewUserName="after")
    shown = iam.get_role(RoleName="trusts-before")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]
    assert shown == {"AWS": f"arn:aws:iam::{ACCOUNT}:user/after"}
    assume(sandbox.client_of("sts", key), trusting)


# --- documents and ARNs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "condition",
    [
        {"NumericLessThan": {"aws:MultiFactorAuthAge": 60}},
        {"NumericLessThan": {"aws:EpochTime": [4102444800, "4102444801"]}},
        {"Bool": {"aws:SecureTransport": True}, "DateGreaterThan": {"aws:CurrentTime": 0}},
        {"NumericEquals": {"ec2:VolumeSize": 8.5}},
    ],
)
def test_numbers_and_booleans_of_a_condition_need_no_quotation_marks(iam, request, condition):
    """IAM User Guide, "Grammar of the IAM JSON policy language"."""
    document = policy(allow("ec2:*", Condition=condition))
    arn = iam.create_policy(PolicyName=f"bare{abs(hash(str(condition)))}", PolicyDocument=document)["Policy"]["Arn"]
    kept = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    assert kept == json.loads(document)
    if "bare" not in [item["RoleName"] for item in iam.list_roles()["Roles"]]:
        role(iam, "bare")
    iam.put_role_policy(RoleName="bare", PolicyName="p", PolicyDocument=document)


def test_an_object_as_the_value_of_a_condition_is_still_refused(iam, refused):
    document = policy(allow("ec2:*", Condition={"NumericEquals": {"ec2:VolumeSize": {"a": 1}}}))
    assert refused(iam.create_policy, PolicyName="odd", PolicyDocument=document)[0] == "MalformedPolicyDocument"


@pytest.mark.parametrize(
    "arn",
    [
        "nothing-valid-in-here",
        "arn::b:::something/test-role",
        "arn:a::::something/test-role",
        "arn:a:::something/test-role",
        "arn:a:a::aaaaaaaaaa:",
        f"arn:aws:iam:{ACCOUNT}:role/one-colon-missing",
        "role/demo-flow-logs-that-is-no-arn",
    ],
    ids=range(7),
)
def test_a_role_arn_that_is_none_is_told_as_such(sts, user, refused, arn):
    expected = ("ValidationError", f"{arn} is invalid")
    assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="session") == expected
    assert refused(user.client("sts").assume_role, RoleArn=arn, RoleSessionName="session") == expected


def test_a_role_arn_of_the_right_form_that_leads_nowhere_is_denied(sts, refused):
    for arn in (f"arn:aws:iam::{ACCOUNT}:role/nowhere", f"arn:aws:iam::{ACCOUNT}:user/learner"):
        assert refused(sts.assume_role, RoleArn=arn, RoleSessionName="session")[0] == "AccessDenied"


# --- the simulator ----------------------------------------------------------------------------------------------


def test_the_simulator_answers_with_the_members_and_positions_of_aws(iam):
    statement = {"Sid": "", "Effect": "Allow", "Action": "s3:PutObject", "Resource": "*"}
    arn = iam.create_policy(
        PolicyName="simulated", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement})
    )["Policy"]["Arn"]
    source = role(iam, "simulated")
    iam.attach_role_policy(RoleName="simulated", PolicyArn=arn)
    bucket = "arn:aws:s3:::bucket"
    allowed, denied = iam.simulate_principal_policy(
        PolicySourceArn=source, ActionNames=["s3:PutObject", "s3:GetObjectVersion"], ResourceArns=[bucket]
    )["EvaluationResults"]
    matched = {
        "SourcePolicyId": "simulated",
        "SourcePolicyType": "IAM Policy",
        "StartPosition": {"Line": 1, "Column": 41},
        "EndPosition": {"Line": 1, "Column": 113},
    }
    found = {"MatchedStatements": [matched], "MissingContextValues": []}
    assert allowed == {
        "EvalActionName": "s3:PutObject",
        "EvalResourceName": bucket,
        "EvalDecision": "allowed",
        "EvalDecisionDetails": {},
        "OrganizationsDecisionDetail": {"AllowedByOrganizations": True},
        "ResourceSpecificResults": [{"EvalResourceName": bucket, "EvalResourceDecision": "allowed", **found}],
        **found,
    }
    assert (denied["EvalDecision"], denied["MatchedStatements"]) == ("implicitDeny", [])
    assert denied["ResourceSpecificResults"][0]["EvalResourceDecision"] == "implicitDeny"


def test_the_second_statement_of_a_document_of_several_lines_is_found(iam):
    document = json.dumps(json.loads(policy(allow("s3:*"), allow("ec2:*"))), indent=2)
    result = iam.simulate_custom_policy(PolicyInputList=[document], ActionNames=["ec2:RunInstances"])
    (matched,) = result["EvaluationResults"][0]["MatchedStatements"]
    lines = document.splitlines()
    start, end = matched["StartPosition"], matched["EndPosition"]
    assert lines[start["Line"] - 1][: start["Column"] - 1].endswith("{")
    assert "ec2:*" in "\n".join(lines[start["Line"] - 1 : end["Line"]]) and "s3:*" not in lines[start["Line"]]
    assert lines[end["Line"] - 1][end["Column"] - 2] == "}"
