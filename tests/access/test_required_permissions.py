"""API calls become IAM questions; refusals become the errors that each service answers."""

from typing import Any

import pytest

from helpers.access import (
    Policy,
    Principal,
    Request,
    checks_of,
    denial,
    evaluate,
    iam_action,
    may_assume,
    validate_permissions,
    validate_trust,
)
from tests.access.calls import ACCOUNT, REGION, authorize

LOGS = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}:"
IAM = f"arn:aws:iam::{ACCOUNT}:"
SSM = f"arn:aws:ssm:{REGION}:"
VPC, SUBNET, SG = "vpc-0123456789abcdef0", "subnet-0123456789abcdef0", "sg-0123456789abcdef0"
GROUP, RULE = f"{EC2}security-group/{SG}", "sgr-0123456789abcdef0"
ANA = Principal.user("ana", ACCOUNT)
READER = Principal.role("reader", ACCOUNT, "ana")


def resources(service: str, operation: str, params: dict[str, Any]) -> list[str]:
    action = iam_action(service, operation)
    checks = checks_of(service, operation, params, ACCOUNT, REGION)
    return [check.resource for check in checks if check.action == action]


@pytest.mark.parametrize(
    ("service", "operation", "params", "expected"),
    [
        ("logs", "CreateLogGroup", {"logGroupName": "/flow"}, [f"{LOGS}/flow:log-stream:"]),
        (
            "logs",
            "StartQuery",
            {"logGroupNames": ["/a", "/b"]},
            [f"{LOGS}/a:log-stream:", f"{LOGS}/b:log-stream:"],
        ),
        ("logs", "StartQuery", {"logGroupIdentifiers": [f"{LOGS}/a:*"]}, [f"{LOGS}/a:log-stream:"]),
        ("logs", "GetLogEvents", {"logGroupName": "/a", "logStreamName": "s"}, [f"{LOGS}/a:log-stream:s"]),
        ("logs", "FilterLogEvents", {"logGroupName": "/a"}, [f"{LOGS}/a:log-stream:"]),
        ("logs", "DescribeLogGroups", {"logGroupNamePrefix": "/a"}, [f"{LOGS}:log-stream:"]),
        ("logs", "GetQueryResults", {"queryId": "q"}, [f"{LOGS}:log-stream:"]),
        ("logs", "TagResource", {"resourceArn": f"{LOGS}/a:*"}, [f"{LOGS}/a"]),
        ("ec2", "DescribeVpcs", {"VpcIds": [VPC]}, ["*"]),
        ("ec2", "CreateVpc", {"CidrBlock": "10.1.0.0/16"}, [f"{EC2}vpc/*"]),
        ("ec2", "CreateSubnet", {"VpcId": VPC}, [f"{EC2}subnet/*", f"{EC2}vpc/{VPC}"]),
        ("ec2", "DeleteVpc", {"VpcId": VPC}, [f"{EC2}vpc/{VPC}"]),
        ("ec2", "RevokeSecurityGroupIngress", {"GroupId": SG, "SecurityGroupRuleIds": [RULE]}, [GROUP]),
        ("ec2", "RevokeSecurityGroupEgress", {"GroupId": SG, "IpPermissions": []}, [GROUP]),
        (
            "ec2",
            "AuthorizeSecurityGroupIngress",
            {"GroupId": SG, "IpPermissions": []},
            [f"{EC2}security-group/{SG}"],
        ),
        (
            "ec2",
            "CreateRoute",
            {"RouteTableId": "rtb-0123456789abcdef0", "GatewayId": "igw-0123456789abcdef0"},
            [f"{EC2}route-table/rtb-0123456789abcdef0"],
        ),
        (
            "ec2",
            "CreateVpcPeeringConnection",
            {"VpcId": VPC, "PeerVpcId": "vpc-ffffffffffffffff0"},
            [f"{EC2}vpc-peering-connection/*", f"{EC2}vpc/{VPC}"],
        ),
        (
            "ec2",
            "CreateFlowLogs",
            {"ResourceIds": [VPC], "ResourceType": "VPC"},
            [f"{EC2}vpc-flow-log/*", f"{EC2}vpc/{VPC}"],
        ),
        (
            "ec2",
            "DeleteFlowLogs",
            {"FlowLogIds": ["fl-0123456789abcdef0"]},
            [f"{EC2}vpc-flow-log/fl-0123456789abcdef0"],
        ),
        (
            "ec2",
            "CreateSecurityGroup",
            {"VpcId": VPC, "Description": "vpc-wide"},
            [f"{EC2}security-group/*", f"{EC2}vpc/{VPC}"],
        ),
        ("iam", "CreateRole", {"RoleName": "r", "Path": "/course/"}, [f"{IAM}role/course/r"]),
        ("iam", "AttachRolePolicy", {"RoleName": "r", "PolicyArn": f"{IAM}policy/p"}, [f"{IAM}role/r"]),
        ("iam", "CreatePolicy", {"PolicyName": "p"}, [f"{IAM}policy/p"]),
        ("iam", "DeletePolicy", {"PolicyArn": f"{IAM}policy/p"}, [f"{IAM}policy/p"]),
        (
            "iam",
            "AddRoleToInstanceProfile",
            {"InstanceProfileName": "i", "RoleName": "r"},
            [f"{IAM}instance-profile/i"],
        ),
        ("iam", "AddUserToGroup", {"GroupName": "g", "UserName": "u"}, [f"{IAM}group/g"]),
        ("iam", "RemoveUserFromGroup", {"UserName": "u", "GroupName": "g"}, [f"{IAM}group/g"]),
        ("iam", "ListGroupsForUser", {"UserName": "u"}, [f"{IAM}user/u"]),
        ("iam", "ListRoles", {}, ["*"]),
        ("sts", "AssumeRole", {"RoleArn": f"{IAM}role/r"}, [f"{IAM}role/r"]),
        ("sts", "GetCallerIdentity", {}, ["*"]),
        (
            "ssm",
            "SendCommand",
            {"DocumentName": "AWS-RunShellScript", "InstanceIds": ["i-0123456789abcdef0"]},
            [f"{SSM}:document/AWS-RunShellScript", f"{EC2}instance/i-0123456789abcdef0"],
        ),
        ("ssm", "GetParameter", {"Name": "/aws/service/ami"}, [f"{SSM}:parameter/aws/service/ami"]),
        ("ssm", "GetParameter", {"Name": "mine"}, [f"{SSM}{ACCOUNT}:parameter/mine"]),
        ("ssm", "DescribeInstanceInformation", {}, [f"{SSM}{ACCOUNT}:*"]),
        ("s3", "GetObject", {"Bucket": "b", "Key": "k"}, ["arn:aws:s3:::b/k"]),
        ("s3", "ListObjectsV2", {"Bucket": "b"}, ["arn:aws:s3:::b"]),
        ("cloudwatch", "PutMetricAlarm", {"AlarmName": "a"}, ["arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"]),
        ("cloudwatch", "GetMetricData", {}, ["*"]),
        ("cloudwatch", "PutDashboard", {"DashboardName": "a"}, ["arn:aws:cloudwatch::123456789012:dashboard/a"]),
        ("sns", "CreateTopic", {"Name": "a"}, ["arn:aws:sns:us-east-1:123456789012:a"]),
        ("logs", "PutQueryDefinition", {"name": "a", "logGroupNames": ["/flow"]}, ["*"]),
    ],
)
def test_resources_of_a_call(service: str, operation: str, params: dict[str, Any], expected: list[str]) -> None:
    assert resources(service, operation, params) == expected


def test_run_instances_asks_for_everything_it_touches() -> None:
    params = {
        "ImageId": "ami-0123456789abcdef0",
        "KeyName": "course",
        "NetworkInterfaces": [{"SubnetId": SUBNET, "Groups": [SG], "DeviceIndex": 0}],
    }
    assert set(resources("ec2", "RunInstances", params)) == {
        f"{EC2}instance/*",
        f"{EC2}network-interface/*",
        f"{EC2}volume/*",
        f"{EC2}subnet/{SUBNET}",
        f"{EC2}security-group/{SG}",
        f"{EC2}key-pair/course",
        f"arn:aws:ec2:{REGION}::image/ami-0123456789abcdef0",
    }


def test_tags_at_creation_ask_for_create_tags_and_are_condition_keys() -> None:
    params = {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "Lab", "Value": "demo"}]}]}
    create, tagging = checks_of("ec2", "CreateVpc", params, ACCOUNT, REGION)
    assert create.context["aws:RequestTag/Lab"] == "demo" and create.context["aws:TagKeys"] == ("Lab",)
    assert (tagging.action, tagging.resource) == ("ec2:CreateTags", f"{EC2}vpc/*")
    assert tagging.context["ec2:CreateAction"] == "CreateVpc"


def policy(*statements: dict[str, Any]) -> Policy:
    return validate_permissions({"Version": "2012-10-17", "Statement": list(statements)}, "p")


FLOW_LOG = {
    "ResourceIds": [VPC],
    "ResourceType": "VPC",
    "DeliverLogsPermissionArn": f"{IAM}role/flow-logs",
}


def test_create_flow_logs_needs_pass_role_for_that_role_and_service() -> None:
    create = {"Effect": "Allow", "Action": "ec2:CreateFlowLogs", "Resource": "*"}
    hand_over = {
        "Effect": "Allow",
        "Action": "iam:PassRole",
        "Resource": f"{IAM}role/flow-*",
        "Condition": {"StringEquals": {"iam:PassedToService": "vpc-flow-logs.amazonaws.com"}},
    }

    def attempt(*statements: dict[str, Any]) -> Any:
        return authorize(ANA, "ec2", "CreateFlowLogs", FLOW_LOG, [policy(*statements)])

    assert attempt(create, hand_over).allowed
    refused = attempt(create)
    assert refused.request.action == "iam:PassRole"
    assert denial("ec2", refused).message == (
        f"You are not authorized to perform this operation. User: {IAM}user/ana is not authorized to "
        f"perform: iam:PassRole on resource: {IAM}role/flow-logs because no identity-based policy allows "
        "the iam:PassRole action."
    )
    elsewhere = {**hand_over, "Condition": {"StringEquals": {"iam:PassedToService": "ec2.amazonaws.com"}}}
    assert "wants ec2.amazonaws.com" in str(attempt(create, elsewhere))


def test_a_reader_of_one_group_may_query_it_and_nothing_else() -> None:
    reading = policy(
        {
            "Effect": "Allow",
            "Action": ["logs:StartQuery", "logs:GetLogEvents"],
            "Resource": f"{LOGS}/flow:*",
        },
        {"Effect": "Allow", "Action": ["logs:GetQueryResults", "logs:StopQuery"], "Resource": "*"},
    )

    def attempt(service: str, operation: str, params: dict[str, Any]) -> Any:
        return authorize(READER, service, operation, params, [reading])

    assert attempt("logs", "StartQuery", {"logGroupName": "/flow"})
    assert attempt("logs", "GetQueryResults", {"queryId": "q"})
    assert attempt("logs", "GetLogEvents", {"logGroupName": "/flow", "logStreamName": "eni-1-all"})
    assert not attempt("logs", "StartQuery", {"logGroupName": "/other"})
    assert not attempt("logs", "StartQuery", {"logGroupNames": ["/flow", "/other"]})
    refused = {
        ("logs", "DeleteLogGroup"): ("AccessDeniedException", 400),
        ("ec2", "DeleteFlowLogs"): ("UnauthorizedOperation", 403),
        ("iam", "CreateUser"): ("AccessDenied", 403),
        ("ssm", "SendCommand"): ("AccessDeniedException", 400),
        ("sts", "AssumeRole"): ("AccessDenied", 403),
    }
    for (service, operation), (code, status) in refused.items():
        answer = denial(service, attempt(service, operation, {"logGroupName": "/flow"}))
        assert (answer.code, answer.status) == (code, status)
        assert f"User: arn:aws:sts::{ACCOUNT}:assumed-role/reader/ana is not authorized" in answer.message


def test_a_policy_on_the_group_without_star_does_not_let_read() -> None:
    reading = policy({"Effect": "Allow", "Action": "logs:*", "Resource": f"{LOGS}/flow"})
    decision = authorize(READER, "logs", "StartQuery", {"logGroupName": "/flow"}, [reading])
    assert not decision and f"{LOGS}/flow:* would include" in decision.hints[0]


@pytest.mark.parametrize(
    ("service", "action", "resource", "message"),
    [
        (
            "logs",
            "logs:CreateLogGroup",
            f"{LOGS}/flow:log-stream:",
            f"User: {IAM}user/ana is not authorized to perform: logs:CreateLogGroup on resource: "
            f"{LOGS}/flow:log-stream: because no identity-based policy allows the logs:CreateLogGroup action",
        ),
        (
            "ec2",
            "ec2:DescribeVpcs",
            "*",
            f"You are not authorized to perform this operation. User: {IAM}user/ana is not authorized to "
            "perform: ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action.",
        ),
    ],
)
def test_denials_are_worded_as_aws_words_them(service: str, action: str, resource: str, message: str) -> None:
    assert denial(service, evaluate(Request(ANA, action, resource))).message == message


def test_denials_of_explicit_denies_and_of_assume_role() -> None:
    denying = policy({"Effect": "Deny", "Action": "iam:*", "Resource": "*"})
    decision = evaluate(Request(ANA, "iam:GetRole", f"{IAM}role/r"), [denying])
    assert denial("iam", decision).message.endswith("with an explicit deny in an identity-based policy")
    trusting = validate_trust(
        {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}}
    )
    refused = may_assume(trusting, ANA, role_arn=f"{IAM}role/r")
    assert denial("sts", refused).message == (
        f"User: {IAM}user/ana is not authorized to perform: sts:AssumeRole on resource: {IAM}role/r"
    )
    root = may_assume(trusting, Principal.root(ACCOUNT), role_arn=f"{IAM}role/r")
    assert denial("sts", root).message == "Roles may not be assumed by root accounts."


def test_what_is_allowed_has_no_denial() -> None:
    with pytest.raises(ValueError, match="allowed"):
        denial("ec2", evaluate(Request(Principal.root(ACCOUNT), "ec2:CreateVpc")))


@pytest.mark.parametrize(
    ("action", "resource", "words"),
    [  # the resource as users' reports of refused calls have it
        ("iam:GetRole", f"{IAM}role/a/r", "role r"),
        ("iam:GetUser", f"{IAM}user/u", "user u"),
        ("iam:GetInstanceProfile", f"{IAM}instance-profile/i", "instance profile i"),
        ("iam:CreateRole", f"{IAM}role/a/r", f"{IAM}role/a/r"),
        ("iam:PassRole", f"{IAM}role/a/r", f"{IAM}role/a/r"),
        ("iam:SimulatePrincipalPolicy", f"{IAM}user/u", f"{IAM}user/u"),
        ("iam:SimulatePrincipalPolicy", f"{IAM}role/r", f"{IAM}role/r"),
        ("iam:CreatePolicy", f"{IAM}policy/p", "policy p"),
        ("iam:GetPolicy", f"{IAM}policy/p", f"policy {IAM}policy/p"),
        ("iam:GetPolicy", "arn:aws:iam::aws:policy/p", "policy arn:aws:iam::aws:policy/p"),
        ("sts:AssumeRole", f"{IAM}role/r", f"{IAM}role/r"),
    ],
)
def test_a_refusal_shows_its_resource_as_iam_does(action: str, resource: str, words: str) -> None:
    refused = evaluate(Request(ANA, action, resource), [])
    assert (
        f" is not authorized to perform: {action} on resource: {words}" in denial(action.split(":")[0], refused).message
    )
