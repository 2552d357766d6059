"""IAM as its users meet it: documents, what is in use, keys, simulation."""

import json

import pytest

ACCOUNT = "123456789012"


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def trust(**principal):
    return document(Principal=principal, Action="sts:AssumeRole")


READ = document(Action="logs:GetLogEvents", Resource="*")
EC2_TRUST = trust(Service="ec2.amazonaws.com")


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{nope", "invalid Json"),
        (document(Action="sts:AssumeRole"), "Missing required field Principal"),
        (document(Principal={"Service": "ec2.amazonaws.com"}, Action="sts:AssumeRole", Resource="*"), "Resource"),
        (document(Principal={"Service": "ec2.amazonaws.com"}, Action="s3:*"), "AssumeRole"),
        (trust(Service="bogus.amazonaws.com"), "Invalid principal in policy"),
        (trust(AWS=f"arn:aws:iam::{ACCOUNT}:role/nobody"), "Invalid principal in policy"),
    ],
)
def test_a_trust_policy_is_checked_when_it_is_made(iam, refused, bad, reason):
    code, message = refused(iam.create_role, RoleName="bad", AssumeRolePolicyDocument=bad)
    assert code == "MalformedPolicyDocument"
    assert reason in message
    assert "bad" not in [each["RoleName"] for each in iam.list_roles()["Roles"]]


def test_a_changed_trust_policy_is_checked(iam, refused):
    iam.create_role(RoleName="trusting", AssumeRolePolicyDocument=EC2_TRUST)
    code, _ = refused(
        iam.update_assume_role_policy, RoleName="trusting", PolicyDocument=document(Action="sts:AssumeRole")
    )
    assert code == "MalformedPolicyDocument"
    iam.update_assume_role_policy(RoleName="trusting", PolicyDocument=trust(AWS=f"arn:aws:iam::{ACCOUNT}:root"))


def test_a_permission_policy_is_checked_when_it_is_made(iam, refused):
    iam.create_role(RoleName="holder", AssumeRolePolicyDocument=EC2_TRUST)
    with_principal = document(Principal={"AWS": "*"}, Action="logs:*", Resource="*")
    for bad in ("{nope", with_principal, document(Action="logs:*"), document(Action="nonsense", Resource="*")):
        assert refused(iam.create_policy, PolicyName="bad", PolicyDocument=bad)[0] == "MalformedPolicyDocument"
        code, _ = refused(iam.put_role_policy, RoleName="holder", PolicyName="bad", PolicyDocument=bad)
        assert code == "MalformedPolicyDocument"
    arn = iam.create_policy(PolicyName="good", PolicyDocument=READ)["Policy"]["Arn"]
    code, message = refused(iam.create_policy_version, PolicyArn=arn, PolicyDocument=with_principal)
    assert code == "MalformedPolicyDocument"
    assert message.startswith("Policy document should not specify a principal.")


def test_an_attached_policy_stays(iam, refused):
    arn = iam.create_policy(PolicyName="attached", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_role(RoleName="reader", AssumeRolePolicyDocument=EC2_TRUST)
    iam.attach_role_policy(RoleName="reader", PolicyArn=arn)
    code, message = refused(iam.delete_policy, PolicyArn=arn)
    assert (code, message) == ("DeleteConflict", "Cannot delete a policy attached to entities.")
    code, message = refused(iam.delete_role, RoleName="reader")
    assert (code, message) == ("DeleteConflict", "Cannot delete entity, must detach all policies first.")
    iam.detach_role_policy(RoleName="reader", PolicyArn=arn)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=READ)
    assert refused(iam.delete_policy, PolicyArn=arn)[0] == "DeleteConflict"
    iam.delete_policy_version(PolicyArn=arn, VersionId="v2")
    iam.delete_policy(PolicyArn=arn)
    iam.delete_role(RoleName="reader")


def test_a_role_in_an_instance_profile_stays(iam, refused):
    iam.create_role(RoleName="machine", AssumeRolePolicyDocument=EC2_TRUST)
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    code, message = refused(iam.delete_role, RoleName="machine")
    assert code == "DeleteConflict"
    assert message == "Cannot delete entity, must remove roles from instance profile first."
    assert refused(iam.delete_instance_profile, InstanceProfileName="machine")[0] == "DeleteConflict"
    code, _ = refused(iam.add_role_to_instance_profile, InstanceProfileName="machine", RoleName="holder")
    assert code == "LimitExceeded"
    iam.remove_role_from_instance_profile(InstanceProfileName="machine", RoleName="machine")
    iam.delete_instance_profile(InstanceProfileName="machine")
    iam.delete_role(RoleName="machine")


def test_a_user_with_keys_or_groups_stays(iam, refused):
    iam.create_user(UserName="kim")
    key = iam.create_access_key(UserName="kim")["AccessKey"]
    assert refused(iam.delete_user, UserName="kim")[0] == "DeleteConflict"
    iam.delete_access_key(UserName="kim", AccessKeyId=key["AccessKeyId"])
    iam.create_group(GroupName="crew")
    iam.add_user_to_group(GroupName="crew", UserName="kim")
    assert refused(iam.delete_user, UserName="kim")[0] == "DeleteConflict"
    assert refused(iam.delete_group, GroupName="crew")[0] == "DeleteConflict"
    iam.remove_user_from_group(GroupName="crew", UserName="kim")
    iam.delete_group(GroupName="crew")
    iam.delete_user(UserName="kim")


def test_keys_open_the_account_while_they_are_active(sandbox, iam, refused):
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    sts = sandbox.client_of("sts", key)
    assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/ana"
    iam.update_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"], Status="Inactive")
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"
    iam.update_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"], Status="Active")
    sts.get_caller_identity()
    iam.delete_access_key(UserName="ana", AccessKeyId=key["AccessKeyId"])
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_user_manages_its_own_keys_without_naming_itself(sandbox, iam):
    iam.create_user(UserName="selfish")
    own = f"arn:aws:iam::{ACCOUNT}:user/${{aws:username}}"
    iam.put_user_policy(UserName="selfish", PolicyName="own", PolicyDocument=document(Action="iam:*", Resource=own))
    key = iam.create_access_key(UserName="selfish")["AccessKey"]
    mine = sandbox.client_of("iam", key)
    assert mine.get_user()["User"]["UserName"] == "selfish"
    assert mine.create_access_key()["AccessKey"]["UserName"] == "selfish"
    assert len(mine.list_access_keys()["AccessKeyMetadata"]) == 2


def test_the_owner_is_a_user(iam):
    assert iam.get_user()["User"]["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/learner"


def test_simulate_principal_policy(iam, refused):
    group = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/flow:*"
    iam.create_role(RoleName="simulated", AssumeRolePolicyDocument=EC2_TRUST)
    allow = {"Effect": "Allow", "Action": "logs:*", "Resource": group}
    deny = {"Effect": "Deny", "Action": "logs:DeleteLogGroup", "Resource": "*"}
    text = json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})
    iam.put_role_policy(RoleName="simulated", PolicyName="logs", PolicyDocument=text)
    arn = f"arn:aws:iam::{ACCOUNT}:role/simulated"
    reply = iam.simulate_principal_policy(
        PolicySourceArn=arn,
        ActionNames=["logs:StartQuery", "logs:DeleteLogGroup", "ec2:DescribeVpcs"],
        ResourceArns=[group],
    )
    found = {each["EvalActionName"]: each["EvalDecision"] for each in reply["EvaluationResults"]}
    assert found == {
        "logs:StartQuery": "allowed",
        "logs:DeleteLogGroup": "explicitDeny",
        "ec2:DescribeVpcs": "implicitDeny",
    }
    assert reply["EvaluationResults"][0]["MatchedStatements"][0]["SourcePolicyId"] == "logs"
    code, _ = refused(iam.simulate_principal_policy, PolicySourceArn=f"{arn}x", ActionNames=["logs:StartQuery"])
    assert code == "NoSuchEntity"


def test_simulate_custom_policy(iam, refused):
    where = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    policy = document(Action="ec2:Describe*", Resource="*", Condition=where)

    def ask(**params):
        reply = iam.simulate_custom_policy(PolicyInputList=[policy], ActionNames=["ec2:DescribeVpcs"], **params)
        return reply["EvaluationResults"][0]

    without = ask()
    assert (without["EvalDecision"], without["MissingContextValues"]) == ("implicitDeny", ["aws:RequestedRegion"])
    region = {
        "ContextKeyName": "aws:RequestedRegion",
        "ContextKeyValues": ["us-east-1"],
        "ContextKeyType": "string",
    }
    assert ask(ContextEntries=[region])["EvalDecision"] == "allowed"
    code, _ = refused(iam.simulate_custom_policy, PolicyInputList=["{nope"], ActionNames=["ec2:DescribeVpcs"])
    assert code == "InvalidInput"


def test_a_boundary_must_exist_and_then_stays(iam, refused):
    missing = f"arn:aws:iam::{ACCOUNT}:policy/missing"
    code, _ = refused(
        iam.create_role, RoleName="fenced", AssumeRolePolicyDocument=EC2_TRUST, PermissionsBoundary=missing
    )
    assert code == "NoSuchEntity"
    fence = iam.create_policy(PolicyName="fence", PolicyDocument=READ)["Policy"]["Arn"]
    iam.create_role(RoleName="fenced", AssumeRolePolicyDocument=EC2_TRUST, PermissionsBoundary=fence)
    assert refused(iam.delete_policy, PolicyArn=fence)[0] == "DeleteConflict"
    user = {"UserName": "fenced", "PermissionsBoundary": fence}
    assert refused(iam.create_user, **user)[0] == "UnsupportedOperation"


def test_every_aws_managed_policy_can_be_evaluated(sandbox):
    from helpers.access import Policy

    policies = sandbox.account.moto.backend("iam", "aws").managed_policies.values()
    for policy in [each for each in policies if each.arn.startswith("arn:aws:iam::aws:")]:
        document = sandbox.account.moto.managed_policy(policy.arn)
        assert Policy.parse(document, policy.name).statements


def test_documents_have_a_size(iam, refused):
    """Counted without white space, as IAM counts."""
    trust = json.dumps({"Version": "2012-10-17", "Statement": [trusting("ec2.amazonaws.com")]})
    iam.create_role(RoleName="sized", AssumeRolePolicyDocument=trust + " " * 3000)
    many = {"Version": "2012-10-17", "Statement": [trusting("ec2.amazonaws.com")] * 30}
    assert refused(iam.create_role, RoleName="huge", AssumeRolePolicyDocument=json.dumps(many)) == (
        "LimitExceeded",
        "Cannot exceed quota for ACLSizePerRole: 2048",
    )
    groups = [f"arn:aws:logs:us-east-1:123456789012:log-group:/g{number}:*" for number in range(120)]
    allow = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": groups}}
    code, message = refused(iam.create_policy, PolicyName="huge", PolicyDocument=json.dumps(allow))
    assert (code, message) == ("LimitExceeded", "Cannot exceed quota for PolicySize: 6144")
    iam.put_role_policy(RoleName="sized", PolicyName="fits", PolicyDocument=json.dumps(allow))
    allow["Statement"]["Resource"] = groups * 2
    code, message = refused(iam.put_role_policy, RoleName="sized", PolicyName="p", PolicyDocument=json.dumps(allow))
    assert (code, message) == ("LimitExceeded", "Maximum policy size of 10240 bytes exceeded for role sized")


def test_the_owner_can_be_simulated(sandbox, iam):
    mine = sandbox.client("sts").get_caller_identity()["Arn"]
    (result,) = iam.simulate_principal_policy(PolicySourceArn=mine, ActionNames=["ec2:CreateFlowLogs"])[
        "EvaluationResults"
    ]
    assert result["EvalDecision"] == "allowed"


def trusting(service):
    return {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
