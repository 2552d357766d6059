"""Two roles as somebody who may make roles gives them to a learner: under names of their own."""

import json
from typing import Any

from helpers.lab import Lab

ACCOUNT = "123456789012"
_WRITES = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
_ELSEWHERE = {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}


def trust(service: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_given_roles(lab: Lab, names: tuple[str, str] = ("delivery", "machines"), **tags: str) -> dict[str, str]:
    """Their ARNs by the names that a lab has for them."""
    iam, tagged = lab.client("iam"), [{"Key": key, "Value": value} for key, value in tags.items()]
    own_account = {"Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}}}
    trusts = trust("vpc-flow-logs.amazonaws.com", **own_account), trust("ec2.amazonaws.com")
    given = {}
    for short, name, document in zip(("flow-logs", "instance"), names, trusts, strict=True):
        settings = {"AssumeRolePolicyDocument": document, "Tags": tagged}
        given[short] = iam.create_role(RoleName=name, **settings)["Role"]["Arn"]
    groups = f"arn:aws:logs:*:{ACCOUNT}:log-group:/demo/*"
    write = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": _WRITES, "Resource": groups}, _ELSEWHERE],
    }
    iam.put_role_policy(RoleName=names[0], PolicyName="write", PolicyDocument=json.dumps(write))
    agent = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"
    iam.attach_role_policy(RoleName=names[1], PolicyArn=agent)
    iam.create_instance_profile(InstanceProfileName=names[1], Tags=tagged)
    iam.add_role_to_instance_profile(InstanceProfileName=names[1], RoleName=names[1])
    return given
