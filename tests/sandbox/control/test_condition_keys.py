"""The condition keys that requests carry, and policies that name one which none carries."""

import json
from datetime import UTC, datetime

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.control.test_permissions import ACCOUNT, allow, assume, policy, role, sts, trust, user

__all__ = ["sts", "user"]
EC2 = f"arn:aws:ec2:us-east-1:{ACCOUNT}"


def deny(action, resource="*", **condition):
    return {"Effect": "Deny", "Action": action, "Resource": resource, "Condition": condition}


@pytest.fixture
def launch(user, network):
    """Try a launch as the user; an empty list where it may, else the code. Nothing is started."""

    def call(**params):
        wanted = {"ImageId": network.image, "InstanceType": "t3.micro", "SubnetId": network.subnet, **params}
        wanted = {key: value for key, value in wanted.items() if value is not None}
        with pytest.raises(ClientError) as caught:
            user.client("ec2").run_instances(MinCount=1, MaxCount=1, DryRun=True, **wanted)
        return caught.value.response["Error"]["Code"] == "DryRunOperation"

    return call


CARRIED = {
    "instance/*": {
        "ec2:InstanceType": "t3.micro",
        "ec2:AvailabilityZone": "us-east-1a",
        "ec2:Tenancy": "default",
        "ec2:EbsOptimized": "false",
        "ec2:RootDeviceType": "ebs",
        "ec2:Region": "us-east-1",
        "aws:RequestedRegion": "us-east-1",
        "aws:ResourceAccount": ACCOUNT,
        "aws:ViaAWSService": "false",
    },
    "network-interface/*": {
        "ec2:Subnet": EC2 + ":subnet/{subnet}",
        "ec2:Vpc": EC2 + ":vpc/{vpc}",
        "ec2:AssociatePublicIpAddress": "false",
        "ec2:AvailabilityZone": "us-east-1a",
    },
    "volume/*": {"ec2:VolumeSize": "{size}", "ec2:Encrypted": "false"},
    "subnet/*": {"ec2:Vpc": EC2 + ":vpc/{vpc}", "ec2:SubnetID": "{subnet}", "ec2:AvailabilityZone": "us-east-1a"},
    "security-group/*": {"ec2:Vpc": EC2 + ":vpc/{vpc}", "ec2:SecurityGroupID": "{group}"},
    "image/*": {"ec2:Owner": "amazon", "ec2:ImageType": "machine", "ec2:Public": "true", "ec2:ImageID": "{image}"},
}


ROWS = [(resource, key) for resource, keys in CARRIED.items() for key in keys]


@pytest.mark.parametrize(("resource", "key"), ROWS, ids=range(len(ROWS)))
def test_a_launch_carries_the_keys_of_each_resource(ec2, user, launch, network, resource, key):
    group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["SecurityGroups"][0]
    ids = {"subnet": network.subnet, "vpc": network.vpc, "group": group["GroupId"], "image": network.image}
    disk = ec2.describe_images(ImageIds=[network.image])["Images"][0]["BlockDeviceMappings"][0]["Ebs"]
    ids["size"] = disk["VolumeSize"]
    expected = CARRIED[resource][key].format(**ids)
    arn = f"{EC2}:{resource}" if resource != "image/*" else "arn:aws:ec2:us-east-1::image/*"
    for value, may in ((expected, True), ("another", False)):
        user(allow("ec2:RunInstances"), deny("ec2:RunInstances", arn, StringNotEquals={key: value}))
        assert launch(SecurityGroupIds=[ids["group"]]) is may, (key, value)


def test_the_usual_policy_about_instance_types_decides_as_in_aws(user, launch):
    instances = f"{EC2}:instance/*"
    user(allow("ec2:*"), deny("ec2:RunInstances", instances, StringNotEquals={"ec2:InstanceType": ["t3.micro"]}))
    assert launch() and not launch(InstanceType="t3.large")
    user(allow("ec2:*"), deny("ec2:RunInstances", instances, StringEquals={"ec2:InstanceType": "t3.large"}))
    assert launch() and not launch(InstanceType="t3.large")


def test_a_launch_may_be_kept_from_public_addresses_and_to_one_vpc(user, launch, network):
    interfaces = f"{EC2}:network-interface/*"
    user(allow("ec2:*"), deny("ec2:RunInstances", interfaces, Bool={"ec2:AssociatePublicIpAddress": "true"}))
    place = {"DeviceIndex": 0, "SubnetId": network.subnet}
    assert launch()
    assert launch(SubnetId=None, NetworkInterfaces=[{**place, "AssociatePublicIpAddress": False}])
    assert not launch(SubnetId=None, NetworkInterfaces=[{**place, "AssociatePublicIpAddress": True}])
    assert not launch(SubnetId=None), "the default subnet gives public addresses"
    elsewhere = {"ec2:Vpc": f"{EC2}:vpc/{network.vpc}"}
    user(allow("ec2:*"), deny("ec2:RunInstances", f"{EC2}:subnet/*", ArnEquals=elsewhere))
    assert not launch()
    user(allow("ec2:*"), deny("ec2:RunInstances", f"{EC2}:subnet/*", ArnNotEquals=elsewhere))
    assert launch()


def test_what_exists_carries_its_properties(ec2, user, network, refused):
    instance = network.launch()["InstanceId"]
    user(allow("ec2:TerminateInstances", Condition={"StringEquals": {"ec2:InstanceType": "t3.large"}}))
    assert (
        refused(user.client("ec2").terminate_instances, InstanceIds=[instance], DryRun=True)[0]
        == "UnauthorizedOperation"
    )
    user(allow("ec2:TerminateInstances", Condition={"StringEquals": {"ec2:InstanceType": "t3.micro"}}))
    assert refused(user.client("ec2").terminate_instances, InstanceIds=[instance], DryRun=True)[0] == "DryRunOperation"
    user(allow("ec2:CreateSubnet", Condition={"StringEqualsIfExists": {"ec2:VpcID": network.vpc}}))
    subnet = {"VpcId": network.vpc, "CidrBlock": "10.1.9.0/24", "DryRun": True}
    assert refused(user.client("ec2").create_subnet, **subnet)[0] == "DryRunOperation"
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    other = {**subnet, "VpcId": vpc, "CidrBlock": "10.9.9.0/24"}
    assert refused(user.client("ec2").create_subnet, **other)[0] == "UnauthorizedOperation"


def test_roles_may_be_made_with_one_boundary_only(iam, user, refused):
    """IAM User Guide, "Delegate responsibility to others using permissions boundaries"."""
    arns = [
        iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("logs:*")))["Policy"]["Arn"]
        for name in ("fence", "wall")
    ]
    bounded = {"StringEquals": {"iam:PermissionsBoundary": arns[0]}}
    user(allow(["iam:CreateRole", "iam:PutRolePolicy"], Condition=bounded))
    mine = user.client("iam")
    made = {"RoleName": "fenced", "AssumeRolePolicyDocument": trust({"Service": "ec2.amazonaws.com"})}
    assert refused(mine.create_role, **made)[0] == "AccessDenied"
    assert refused(mine.create_role, PermissionsBoundary=arns[1], **made)[0] == "AccessDenied"
    mine.create_role(PermissionsBoundary=arns[0], **made)
    inline = {"PolicyName": "p", "PolicyDocument": policy(allow("logs:*"))}
    mine.put_role_policy(RoleName="fenced", **inline)
    role(iam, "free")
    assert refused(mine.put_role_policy, RoleName="free", **inline)[0] == "AccessDenied"


def test_attaching_carries_the_policy_for_roles_users_and_groups(iam, user, refused):
    iam.create_group(GroupName="attached")
    readers = "arn:aws:iam::aws:policy/ReadOnlyAccess"
    user(allow("iam:Attach*", Condition={"ArnEquals": {"iam:PolicyARN": readers}}))
    mine = user.client("iam")
    role(iam, "attached")
    for attach, holder in (
        (mine.attach_role_policy, {"RoleName": "attached"}),
        (mine.attach_user_policy, {"UserName": user.name}),
        (mine.attach_group_policy, {"GroupName": "attached"}),
    ):
        attach(PolicyArn=readers, **holder)
        assert refused(attach, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess", **holder)[0] == "AccessDenied"


def test_revoking_older_sessions_ends_them_and_not_the_later_ones(sandbox, iam, sts, refused):
    """The policy behind the console's "Revoke active sessions"."""
    arn = role(iam, "revoked", allow("ec2:DescribeVpcs"))
    old = sandbox.client_of("ec2", assume(sts, arn)["Credentials"])
    old.describe_vpcs()
    sandbox.advance(60)
    now = {"aws:TokenIssueTime": datetime.fromtimestamp(sandbox.now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    revoke = policy({"Effect": "Deny", "Action": ["*"], "Resource": ["*"], "Condition": {"DateLessThan": now}})
    iam.put_role_policy(RoleName="revoked", PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoke)
    assert refused(old.describe_vpcs)[0] == "UnauthorizedOperation"
    sandbox.advance(1)
    sandbox.client_of("ec2", assume(sts, arn, "later")["Credentials"]).describe_vpcs()


def test_the_keys_about_the_request_are_there(user, refused):
    ec2 = user.client("ec2")
    user(allow("ec2:DescribeVpcs", Condition={"StringLike": {"aws:UserAgent": "*Boto3*"}}))
    ec2.describe_vpcs()
    user(allow("ec2:DescribeVpcs", Condition={"Null": {"aws:TokenIssueTime": "true"}}))
    ec2.describe_vpcs()
    user(allow("iam:ListRoles", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}}))
    user.client("iam").list_roles()


def test_a_policy_that_names_a_key_which_no_request_carries_is_told_so_where_it_is_written(iam, user, sts, refused):
    for key in ("ec2:PlacementGroup", "iam:AssociatedResourceArn", "logs:LogGeneratingResourceArns", "ssm:Overwrite"):
        document = policy(allow("ec2:*", Condition={"StringEquals": {key: "x"}}))
        for write, params in (
            (iam.create_policy, {"PolicyName": "keys"}),
            (iam.put_user_policy, {"UserName": user.name, "PolicyName": "keys"}),
        ):
            code, message = refused(write, PolicyDocument=document, **params)
            assert (code, key in message) == ("UnsupportedOperation", True)
    code, message = refused(
        iam.create_role,
        RoleName="keys",
        AssumeRolePolicyDocument=trust({"AWS": user.arn}, Condition={"StringEquals": {"sts:TaskPolicyArn": "x"}}),
    )
    assert (code, "sts:TaskPolicyArn" in message) == ("UnsupportedOperation", True)
    code, _ = refused(
        iam.create_policy, PolicyName="keys", PolicyDocument=policy(allow("s3:*", "arn:aws:s3:::${ec2:Odd}"))
    )
    assert code == "UnsupportedOperation"
    iam.create_policy(
        PolicyName="keys",
        PolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    deny("s3:*", StringEquals={"s3:prefix": "x"}),
                    deny("*", Bool={"aws:MultiFactorAuthPresent": "false"}, StringEquals={"aws:PrincipalOrgID": "o-1"}),
                    deny("*", StringEquals={"EC2:instancetype": "t3.large", "ec2:ResourceTag/Lab": "x"}),
                ],
            }
        ),
    )


def test_the_disk_that_a_launch_asks_for_counts_before_the_images(user, launch):
    small = {"NumericGreaterThan": {"ec2:VolumeSize": "20"}}
    user(allow("ec2:*"), deny("ec2:RunInstances", f"{EC2}:volume/*", **small))
    disks = [[{"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": size, "VolumeType": "gp3"}}] for size in (16, 64)]
    assert launch(BlockDeviceMappings=disks[0]) and not launch(BlockDeviceMappings=disks[1])


@pytest.mark.parametrize("path", ["/", "/machines/"], ids=["none", "path"])
def test_a_launch_tells_the_whole_arn_of_its_profile(user, iam, launch, path):
    profile = iam.create_instance_profile(InstanceProfileName="of-launch", Path=path)["InstanceProfile"]
    try:
        for named in ({"Name": "of-launch"}, {"Arn": profile["Arn"]}):
            user(allow("ec2:*"), deny("ec2:RunInstances", ArnEquals={"ec2:InstanceProfile": profile["Arn"]}))
            assert launch() and not launch(IamInstanceProfile=named)
            other = profile["Arn"].replace(f"profile{path}", "profile/elsewhere/")
            user(allow("ec2:*"), deny("ec2:RunInstances", ArnEquals={"ec2:InstanceProfile": other}))
            assert launch(IamInstanceProfile=named)
    finally:
        iam.delete_instance_profile(InstanceProfileName="of-launch")
