"""Who may do what: issued identities are held to their policies, the owner is not."""

import json

import pytest

ACCOUNT = "123456789012"
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
GROUP = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/flow:*"


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action, resource="*", **more):
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def trust(principal, **more):
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more})


def role(iam, name, *statements, trusting=None):
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trusting or trust({"AWS": ROOT}))
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="inline", PolicyDocument=policy(*statements))
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@pytest.fixture(scope="module")
def sts(sandbox):
    return sandbox.client("sts")


@pytest.fixture
def user(sandbox, iam, request):
    """A user of its own for each test, and its clients."""
    name = request.node.name.replace("[", "-").replace("]", "")[:60]
    iam.create_user(UserName=name)
    key = iam.create_access_key(UserName=name)["AccessKey"]

    def may(*statements):
        iam.put_user_policy(UserName=name, PolicyName="inline", PolicyDocument=policy(*statements))

    may.name = name
    may.arn = f"arn:aws:iam::{ACCOUNT}:user/{name}"
    may.client = lambda service: sandbox.client_of(service, key)
    return may


def assume(sts, arn, session="work", **params):
    return sts.assume_role(RoleArn=arn, RoleSessionName=session, **params)


# --- the gate ---------------------------------------------------------------------------------------------------


def test_a_user_without_policies_is_refused_everything_in_each_services_words(user, refused):
    ec2_code, message = refused(user.client("ec2").describe_vpcs)
    assert ec2_code == "UnauthorizedOperation"
    assert message == (
        f"You are not authorized to perform this operation. User: {user.arn} is not authorized to perform: "
        f"ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action."
    )
    assert refused(user.client("logs").describe_log_groups)[0] == "AccessDeniedException"
    assert refused(user.client("ssm").describe_instance_information)[0] == "AccessDeniedException"
    assert refused(user.client("iam").list_roles)[0] == "AccessDenied"
    assert user.client("sts").get_caller_identity()["Arn"] == user.arn


def test_a_refused_call_changes_nothing(sandbox, user, ec2, refused):
    before, then = ec2.describe_vpcs(), sandbox.now
    assert refused(user.client("ec2").create_vpc, CidrBlock="10.33.0.0/16")[0] == "UnauthorizedOperation"
    assert ec2.describe_vpcs()["Vpcs"] == before["Vpcs"]
    assert sandbox.now == then


def test_inline_attached_and_group_policies_count_at_once(iam, user, refused):
    ec2 = user.client("ec2")
    user(allow("ec2:DescribeVpcs"))
    ec2.describe_vpcs()
    assert refused(ec2.describe_subnets)[0] == "UnauthorizedOperation"
    iam.create_group(GroupName="viewers")
    iam.attach_group_policy(GroupName="viewers", PolicyArn="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    iam.add_user_to_group(GroupName="viewers", UserName=user.name)
    ec2.describe_subnets()
    assert refused(ec2.create_vpc, CidrBlock="10.33.0.0/16")[0] == "UnauthorizedOperation"
    iam.attach_user_policy(UserName=user.name, PolicyArn="arn:aws:iam::aws:policy/AmazonVPCFullAccess")
    ec2.delete_vpc(VpcId=ec2.create_vpc(CidrBlock="10.33.0.0/16")["Vpc"]["VpcId"])


def test_an_explicit_deny_wins(user, refused):
    user(allow("*"), {"Effect": "Deny", "Action": "ec2:CreateVpc", "Resource": "*"})
    code, message = refused(user.client("ec2").create_vpc, CidrBlock="10.33.0.0/16")
    assert code == "UnauthorizedOperation"
    assert "with an explicit deny in an identity-based policy" in message


def test_dry_run_tells_whether_one_may(user, refused):
    ec2 = user.client("ec2")
    assert refused(ec2.create_vpc, CidrBlock="10.33.0.0/16", DryRun=True)[0] == "UnauthorizedOperation"
    user(allow("ec2:CreateVpc"))
    assert refused(ec2.create_vpc, CidrBlock="10.33.0.0/16", DryRun=True)[0] == "DryRunOperation"


def test_another_acl_for_a_subnet_asks_for_the_acl_and_for_the_subnet(ec2, user, refused):
    vpc = ec2.create_vpc(CidrBlock="10.34.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.34.{number}.0/24")["Subnet"]["SubnetId"] for number in (1, 2)
    ]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    acls = ec2.describe_network_acls(Filters=here)["NetworkAcls"]
    links = {each["SubnetId"]: each["NetworkAclAssociationId"] for one in acls for each in one["Associations"]}
    where = f"arn:aws:ec2:us-east-1:{ACCOUNT}"
    user(allow("ec2:ReplaceNetworkAclAssociation", [f"{where}:network-acl/*", f"{where}:subnet/{subnets[0]}"]))
    replace = user.client("ec2").replace_network_acl_association
    code, message = refused(replace, AssociationId=links[subnets[1]], NetworkAclId=acl)
    assert code == "UnauthorizedOperation" and f"on resource: {where}:subnet/{subnets[1]}" in message
    replace(AssociationId=links[subnets[0]], NetworkAclId=acl)


def test_resource_tags_are_conditions(ec2, user, refused):
    mine, yours = (
        ec2.create_security_group(
            GroupName=name,
            Description="x",
            TagSpecifications=[{"ResourceType": "security-group", "Tags": [{"Key": "Lab", "Value": name}]}],
        )["GroupId"]
        for name in ("mine", "yours")
    )
    user(allow("ec2:DeleteSecurityGroup", Condition={"StringEquals": {"aws:ResourceTag/Lab": "mine"}}))
    assert refused(user.client("ec2").delete_security_group, GroupId=yours)[0] == "UnauthorizedOperation"
    user.client("ec2").delete_security_group(GroupId=mine)


def test_request_tags_are_conditions(user, refused):
    user(allow(["ec2:CreateVpc", "ec2:CreateTags"], Condition={"StringEquals": {"aws:RequestTag/Lab": "demo"}}))
    ec2 = user.client("ec2")
    assert refused(ec2.create_vpc, CidrBlock="10.33.0.0/16")[0] == "UnauthorizedOperation"
    tags = [{"ResourceType": "vpc", "Tags": [{"Key": "Lab", "Value": "demo"}]}]
    assert ec2.create_vpc(CidrBlock="10.33.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]


def test_a_role_that_reads_one_log_group_is_refused_everything_else(sandbox, iam, sts, refused):
    owner = sandbox.client("logs")
    for name in ("/flow", "/other"):
        owner.create_log_group(logGroupName=name)
        owner.create_log_stream(logGroupName=name, logStreamName="eni-1-all")
    reader = role(iam, "one-group", allow(["logs:GetLogEvents", "logs:DescribeLogStreams"], GROUP))
    credentials = assume(sts, reader)["Credentials"]
    logs = sandbox.client_of("logs", credentials)
    logs.describe_log_streams(logGroupName="/flow")
    logs.get_log_events(logGroupName="/flow", logStreamName="eni-1-all")
    code, message = refused(logs.get_log_events, logGroupName="/other", logStreamName="eni-1-all")
    assert code == "AccessDeniedException"
    assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/one-group/work is not authorized to perform" in message
    assert refused(logs.delete_log_group, logGroupName="/flow")[0] == "AccessDeniedException"
    assert refused(sandbox.client_of("ec2", credentials).describe_vpcs)[0] == "UnauthorizedOperation"
    assert refused(sandbox.client_of("iam", credentials).list_users)[0] == "AccessDenied"


def test_pass_role_is_asked_for_instances_with_a_profile(iam, user, network, refused):
    machine = role(iam, "machine", trusting=trust({"Service": "ec2.amazonaws.com"}))
    iam.create_instance_profile(InstanceProfileName="machine")
    iam.add_role_to_instance_profile(InstanceProfileName="machine", RoleName="machine")
    launch = {
        "ImageId": network.image,
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": network.subnet,
        "IamInstanceProfile": {"Name": "machine"},
    }
    user(allow("ec2:*"))
    code, message = refused(user.client("ec2").run_instances, **launch)
    assert code == "UnauthorizedOperation"
    assert f"iam:PassRole on resource: {machine}" in message
    only_ec2 = {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}
    user(allow("ec2:*"), allow("iam:PassRole", machine, Condition=only_ec2))
    assert user.client("ec2").run_instances(**launch)["Instances"]


def test_pass_role_is_asked_for_flow_logs(iam, user, network, refused):
    delivery = role(iam, "delivery", trusting=trust({"Service": "vpc-flow-logs.amazonaws.com"}))
    flow_log = {
        "ResourceIds": [network.vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogGroupName": "/flow",
        "DeliverLogsPermissionArn": delivery,
    }
    user(allow("ec2:*"))
    code, message = refused(user.client("ec2").create_flow_logs, **flow_log)
    assert code == "UnauthorizedOperation"
    assert "iam:PassRole" in message


# --- roles ------------------------------------------------------------------------------------------------------


def test_assume_role_obeys_the_trust_policy(sandbox, iam, sts, refused):
    services_only = role(iam, "services-only", trusting=trust({"Service": "ec2.amazonaws.com"}))
    code, message = refused(sts.assume_role, RoleArn=services_only, RoleSessionName="work")
    assert (code, message) == (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/learner is not authorized to perform: sts:AssumeRole "
        f"on resource: {services_only}",
    )
    ghost = f"arn:aws:iam::{ACCOUNT}:role/ghost"
    assert refused(sts.assume_role, RoleArn=ghost, RoleSessionName="work") == (
        "AccessDenied",
        message.replace(services_only, ghost),
    )
    reply = assume(sts, role(iam, "open", allow("ec2:DescribeVpcs")))
    assert reply["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/open/work"
    assert reply["AssumedRoleUser"]["AssumedRoleId"].startswith("AROA")
    assert reply["Credentials"]["AccessKeyId"].startswith("ASIA")
    me = sandbox.client_of("sts", reply["Credentials"]).get_caller_identity()
    assert me["Arn"] == reply["AssumedRoleUser"]["Arn"]
    assert me["UserId"] == reply["AssumedRoleUser"]["AssumedRoleId"]
    sandbox.client_of("ec2", reply["Credentials"]).describe_vpcs()


def test_a_user_needs_its_own_allow_where_the_account_is_trusted(iam, user, refused):
    by_account = role(iam, "by-account")
    by_name = role(iam, "by-name", trusting=trust({"AWS": user.arn}))
    mine = user.client("sts")
    assert refused(mine.assume_role, RoleArn=by_account, RoleSessionName="work")[0] == "AccessDenied"
    assume(mine, by_name)
    user(allow("sts:AssumeRole", by_account))
    assume(mine, by_account)


def test_the_external_id_must_fit(iam, sts, refused):
    condition = {"StringEquals": {"sts:ExternalId": "course-42"}}
    guarded = role(iam, "guarded", trusting=trust({"AWS": ROOT}, Condition=condition))
    assert refused(sts.assume_role, RoleArn=guarded, RoleSessionName="work")[0] == "AccessDenied"
    wrong = {"RoleArn": guarded, "RoleSessionName": "work", "ExternalId": "course-41"}
    assert refused(sts.assume_role, **wrong)[0] == "AccessDenied"
    assume(sts, guarded, ExternalId="course-42")


def test_session_policies_only_take_away(sandbox, iam, sts, refused):
    wide = role(iam, "wide", allow("ec2:*"))
    narrow = policy(allow(["ec2:DescribeVpcs", "iam:ListRoles"]))
    reply = assume(sts, wide, Policy=narrow)
    assert reply["PackedPolicySize"] >= 1
    ec2 = sandbox.client_of("ec2", reply["Credentials"])
    ec2.describe_vpcs()
    code, message = refused(ec2.describe_subnets)
    assert code == "UnauthorizedOperation"
    assert "because no session policy allows the ec2:DescribeSubnets action" in message
    assert refused(sandbox.client_of("iam", reply["Credentials"]).list_roles)[0] == "AccessDenied"
    code, _ = refused(sts.assume_role, RoleArn=wide, RoleSessionName="work", Policy="{nope")
    assert code == "MalformedPolicyDocument"


def test_a_permissions_boundary_only_takes_away(sandbox, iam, sts, refused):
    boundary = iam.create_policy(PolicyName="limit", PolicyDocument=policy(allow("ec2:DescribeVpcs")))["Policy"]["Arn"]
    limited = role(iam, "limited", allow("ec2:*"))
    iam.put_role_permissions_boundary(RoleName="limited", PermissionsBoundary=boundary)
    ec2 = sandbox.client_of("ec2", assume(sts, limited)["Credentials"])
    ec2.describe_vpcs()
    assert "no permissions boundary allows" in refused(ec2.describe_subnets)[1]


def test_keys_end_in_virtual_time(sandbox, iam, sts, refused):
    short = role(iam, "short", allow("ec2:DescribeVpcs"))
    credentials = assume(sts, short, DurationSeconds=900)["Credentials"]
    assert credentials["Expiration"].timestamp() == pytest.approx(sandbox.now + 900, abs=2)
    ec2 = sandbox.client_of("ec2", credentials)
    ec2.describe_vpcs()
    sandbox.advance(901)
    assert refused(ec2.describe_vpcs)[0] == "RequestExpired"
    assert refused(sandbox.client_of("sts", credentials).get_caller_identity)[0] == "ExpiredToken"
    code, message = refused(sts.assume_role, RoleArn=short, RoleSessionName="work", DurationSeconds=7200)
    assert code == "ValidationError"
    assert "MaxSessionDuration" in message


def test_roles_of_roles_last_an_hour(sandbox, iam, sts, refused):
    second = role(iam, "second")
    iam.update_role(RoleName="second", MaxSessionDuration=7200)
    first = role(iam, "first", allow("sts:AssumeRole", second))
    mine = sandbox.client_of("sts", assume(sts, first)["Credentials"])
    code, message = refused(mine.assume_role, RoleArn=second, RoleSessionName="work", DurationSeconds=7200)
    assert code == "ValidationError"
    assert "role chaining" in message
    assume(mine, second)


def test_a_deleted_roles_session_may_nothing(sandbox, iam, sts, refused):
    brief = role(iam, "brief", allow("ec2:DescribeVpcs"))
    ec2 = sandbox.client_of("ec2", assume(sts, brief)["Credentials"])
    ec2.describe_vpcs()
    iam.delete_role_policy(RoleName="brief", PolicyName="inline")
    iam.delete_role(RoleName="brief")
    assert refused(ec2.describe_vpcs)[0] == "UnauthorizedOperation"


def test_a_session_token_is_needed_and_checked(sandbox, iam, sts, refused):
    credentials = assume(sts, role(iam, "tokened", allow("ec2:DescribeVpcs")))["Credentials"]
    for token in (None, "x" * 200):
        wrong = {**credentials, "SessionToken": token}
        assert refused(sandbox.client_of("ec2", wrong).describe_vpcs)[0] == "AuthFailure"


def test_session_tokens_of_users(sandbox, user, sts, refused):
    user(allow("*"))
    credentials = user.client("sts").get_session_token(DurationSeconds=900)["Credentials"]
    assert sandbox.client_of("sts", credentials).get_caller_identity()["Arn"] == user.arn
    sandbox.client_of("ec2", credentials).describe_vpcs()
    assert refused(sandbox.client_of("iam", credentials).list_roles)[0] == "AccessDenied"
    assert refused(sandbox.client_of("sts", credentials).get_session_token)[0] == "AccessDenied"
    of_owner = sts.get_session_token()["Credentials"]
    sandbox.client_of("ec2", of_owner).describe_vpcs()


def test_what_is_not_simulated_says_so(iam, sts, refused):
    assert refused(sts.get_federation_token, Name="bob")[0] == "UnsupportedOperation"
    tagged = {"RoleArn": role(iam, "tags"), "RoleSessionName": "work", "Tags": [{"Key": "a", "Value": "b"}]}
    assert refused(sts.assume_role, **tagged)[0] == "UnsupportedOperation"


def test_each_group_that_a_query_names_with_source_needs_its_own_permission(sandbox, user, refused):
    owner = sandbox.client("logs")
    for name in ("/joined/left", "/joined/right"):
        owner.create_log_group(logGroupName=name)
    where = {"logGroupName": "/joined/left", "startTime": 0, "endTime": 4_000_000_000}
    texts = [
        "filter a in (SOURCE '/joined/right' | fields a)",
        "join left=l right=r where l.a=r.a (SOURCE '/joined/right')",
    ]
    left = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/joined/left:*"
    user(allow("logs:StartQuery", left))
    user.client("logs").start_query(**where, queryString="fields a")
    for text in texts:
        code, message = refused(user.client("logs").start_query, **where, queryString=text)
        assert code == "AccessDeniedException" and "log-group:/joined/right" in message
    user(allow("logs:StartQuery", [left, left.replace("left", "right")]))
    for text in texts:
        user.client("logs").start_query(**where, queryString=text)


# --- paths ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/flow/", "/a/b/"], ids=["none", "one", "two"])
def test_a_role_with_a_path_is_asked_about_by_its_whole_arn(user, iam, refused, path):
    made = iam.create_role(RoleName=f"at{len(path)}", Path=path, AssumeRolePolicyDocument=trust({"AWS": ROOT}))["Role"]
    try:
        user(allow("iam:*", made["Arn"]))
        assert user.client("iam").get_role(RoleName=made["RoleName"])["Role"]["Arn"] == made["Arn"]
        user.client("iam").put_role_policy(
            RoleName=made["RoleName"], PolicyName="p", PolicyDocument=policy(allow("s3:*"))
        )
        user.client("iam").delete_role_policy(RoleName=made["RoleName"], PolicyName="p")
        user(allow("iam:*", f"arn:aws:iam::{ACCOUNT}:role{path}another"))
        code, message = refused(user.client("iam").get_role, RoleName=made["RoleName"])
        assert (code, f"on resource: role {made['RoleName']} because" in message) == ("AccessDenied", True)
    finally:
        iam.delete_role(RoleName=made["RoleName"])


def test_users_groups_and_profiles_with_a_path_are_asked_about_by_their_whole_arns(user, iam, refused):
    iam.create_user(UserName="pathless", Path="/peoples/")
    iam.create_group(GroupName="crew", Path="/crews/")
    iam.create_instance_profile(InstanceProfileName="web", Path="/machines/")
    calls = {"get_user": "UserName", "get_group": "GroupName", "get_instance_profile": "InstanceProfileName"}
    names = ("pathless", "crew", "web")
    try:
        sorts = ("user", "group", "instance-profile")
        user(allow("iam:Get*", [f"arn:aws:iam::{ACCOUNT}:{sort}/*s/*" for sort in sorts]))
        for (operation, parameter), name in zip(calls.items(), names, strict=True):
            getattr(user.client("iam"), operation)(**{parameter: name})
        user(allow("iam:Get*", f"arn:aws:iam::{ACCOUNT}:group/crew"))
        assert refused(user.client("iam").get_group, GroupName="crew")[0] == "AccessDenied"
    finally:
        iam.delete_user(UserName="pathless")
        iam.delete_group(GroupName="crew")
        iam.delete_instance_profile(InstanceProfileName="web")


def test_the_role_of_a_profile_is_passed_by_its_whole_arn(user, iam, refused):
    iam.create_instance_profile(InstanceProfileName="pass")
    role = iam.create_role(
        RoleName="passed", Path="/service/", AssumeRolePolicyDocument=trust({"Service": "ec2.amazonaws.com"})
    )
    arn = role["Role"]["Arn"]
    asked = {"InstanceProfileName": "pass", "RoleName": "passed"}
    try:
        user(allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/passed"))
        assert refused(user.client("iam").add_role_to_instance_profile, **asked)[0] == "AccessDenied"
        user(allow("iam:AddRoleToInstanceProfile"), allow("iam:PassRole", arn))
        user.client("iam").add_role_to_instance_profile(**asked)
        iam.remove_role_from_instance_profile(**asked)
    finally:
        iam.delete_instance_profile(InstanceProfileName="pass")
        iam.delete_role(RoleName="passed")


def test_an_arn_that_the_call_tells_is_asked_about_as_it_stands(user, iam, ec2, refused):
    """Of a role that is made or handed over, the call says the path; a namesake elsewhere has nothing to do with it."""
    made = iam.create_role(RoleName="told", Path="/there/", AssumeRolePolicyDocument=trust({"AWS": ROOT}))["Role"]
    here, there = f"arn:aws:iam::{ACCOUNT}:role/told", made["Arn"]
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    asked = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "/told"}
    try:
        user(allow("ec2:CreateFlowLogs"), allow("iam:PassRole", there))
        passed = refused(user.client("ec2").create_flow_logs, DeliverLogsPermissionArn=here, **asked)
        assert passed[0] == "UnauthorizedOperation" and f"iam:PassRole on resource: {here} because" in passed[1]
        user(allow("iam:CreateRole", here))
        again = {"RoleName": "told", "AssumeRolePolicyDocument": trust({"AWS": ROOT})}
        assert refused(user.client("iam").create_role, **again)[0] == "EntityAlreadyExists"
        user(allow("iam:CreateRole", there))
        code, message = refused(user.client("iam").create_role, **again)
        assert code == "AccessDenied" and f"iam:CreateRole on resource: {here} because" in message
    finally:
        iam.delete_role(RoleName="told")
        ec2.delete_vpc(VpcId=vpc)


@pytest.mark.parametrize("becomes", [{"NewPath": "/admins/"}, {"NewUserName": "robert"}], ids=["path", "name"])
def test_who_renames_a_user_must_be_allowed_what_it_becomes(user, iam, refused, becomes):
    iam.create_user(UserName="kim", Tags=[{"Key": "team", "Value": "a"}])
    kim, name = f"arn:aws:iam::{ACCOUNT}:user/kim", becomes.get("NewUserName", "kim")
    after = f"arn:aws:iam::{ACCOUNT}:user{becomes.get('NewPath', '/')}{name}"
    try:
        user(allow("iam:UpdateUser", kim))
        assert refused(user.client("iam").update_user, UserName="kim", **becomes)[0] == "AccessDenied"
        user(allow("iam:UpdateUser", [kim, after]))
        user.client("iam").update_user(UserName="kim", **becomes)
        shown = iam.get_user(UserName=name)["User"]
        assert shown["Arn"] == after
        assert iam.list_user_tags(UserName=name)["Tags"] == [{"Key": "team", "Value": "a"}]
    finally:
        iam.delete_user(UserName=name)


def test_a_namesake_of_a_renamed_user_has_not_its_tags(iam):
    iam.create_user(UserName="mia", Tags=[{"Key": "team", "Value": "a"}])
    iam.update_user(UserName="mia", NewUserName="mia2")
    iam.create_user(UserName="mia")
    try:
        assert iam.list_user_tags(UserName="mia")["Tags"] == []
    finally:
        for name in ("mia", "mia2"):
            iam.delete_user(UserName=name)
