"""What is the lab's: equal values of two tags, nothing else."""

import json
from typing import Any

import pytest

from tests.lab.teardown.labs import ACCOUNT, MotoLab, build, count_steps, group_name, policy
from tests.lab.teardown.test_run import left_in_account

PARTS = ("a", "identities", "logging")


@pytest.mark.parametrize(("mine", "theirs"), [("demo", "demo2"), ("demo", "demo-2")])
def test_two_labs_never_see_each_other(lab: MotoLab, mine: str, theirs: str) -> None:
    first, second = MotoLab(mine, access=lab.access), MotoLab(theirs, access=lab.access)
    build(first, parts=PARTS)
    build(second, parts=PARTS)
    before, untouched = second.teardown.verify(), first.teardown.verify()
    assert not {item.id for item in before} & {item.id for item in untouched}
    assert first.teardown.run().ok
    assert not first.teardown.verify() and not first.teardown.verify().lookalikes
    assert second.teardown.verify() == before and len(before) == 12
    assert second.teardown.run().ok and left_in_account(lab) == []


def test_the_returned_group_of_a_lab_with_a_longer_prefix_is_not_ours(lab: MotoLab) -> None:
    longer = MotoLab("demo-2", access=lab.access)
    build(longer, 1)
    lab.client("logs").create_log_group(logGroupName=group_name(longer))
    assert not lab.teardown.verify()
    assert {item.kind for item in longer.teardown.verify()} == {"vpc", "log-group"}


@pytest.mark.parametrize(
    "tags",
    [
        [],
        [{"Key": "Lab", "Value": "demo"}],
        [{"Key": "Project", "Value": "vpc-flow-logs-workbook"}],
        [{"Key": "Project", "Value": "another"}, {"Key": "Lab", "Value": "demo"}],
        [{"Key": "Project", "Value": "vpc-flow-logs-workbook"}, {"Key": "Lab", "Value": "Demo"}],
        [{"Key": "Name", "Value": "demo-vpc-a"}],
    ],
)
def test_what_does_not_carry_both_tags_is_never_touched(lab: MotoLab, tags: list[dict[str, str]]) -> None:
    ec2, iam, logs = lab.client("ec2"), lab.client("iam"), lab.client("logs")
    specification: dict[str, Any] = {"TagSpecifications": [{"ResourceType": "vpc", "Tags": tags}]} if tags else {}
    ec2.create_vpc(CidrBlock="10.9.0.0/16", **specification)
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="demo-role", AssumeRolePolicyDocument=trust, Tags=tags)
    iam.create_instance_profile(InstanceProfileName="demo-profile", Tags=tags)
    logs.create_log_group(logGroupName="demo-logs", tags={tag["Key"]: tag["Value"] for tag in tags})
    before = left_in_account(lab)
    assert lab.teardown.run().ok
    assert left_in_account(lab) == before and len(before) == 4


def test_names_without_tags_are_told_but_not_counted_for_identities(lab: MotoLab) -> None:
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    lab.client("iam").create_role(RoleName="demo-admin", AssumeRolePolicyDocument=trust)
    left = lab.teardown.verify()
    assert not left and [item.id for item in left.lookalikes] == ["demo-admin"]
    assert "demo-admin" in str(left) and "demo-admin" in left._repr_html_()


def test_a_log_group_with_the_labs_name_and_no_tags_is_left(lab: MotoLab) -> None:
    lab.client("logs").create_log_group(logGroupName="/vpc/demo-flow-logs")
    assert lab.teardown.run().ok
    left = lab.teardown.verify()
    assert [(item.kind, item.id) for item in left] == [("log-group", "/vpc/demo-flow-logs")]
    assert "no tags" in left.items[0].why


def test_tags_decide_for_log_groups_whatever_they_are_called(lab: MotoLab) -> None:
    logs = lab.client("logs")
    logs.create_log_group(logGroupName="/x/y", tags=lab.tag_dict("y"))
    logs.create_log_group(logGroupName="demo-theirs", tags={"Lab": "else", "Project": "vpc-flow-logs-workbook"})
    lab.teardown.run()
    assert [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]] == ["demo-theirs"]


def test_the_default_vpc_stays_even_with_the_labs_tags(lab: MotoLab) -> None:
    ec2 = lab.client("ec2")
    default = next(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if vpc["IsDefault"])
    inside = [{"Name": "vpc-id", "Values": [default]}]
    parts = [default]
    parts += [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=inside)["Subnets"]]
    parts += [group["GroupId"] for group in ec2.describe_security_groups(Filters=inside)["SecurityGroups"]]
    parts += [acl["NetworkAclId"] for acl in ec2.describe_network_acls(Filters=inside)["NetworkAcls"]]
    parts += [table["RouteTableId"] for table in ec2.describe_route_tables(Filters=inside)["RouteTables"]]
    ec2.create_tags(Resources=parts, Tags=lab.tag_list("mine"))
    assert not lab.teardown.plan() and lab.teardown.run().ok
    assert len(ec2.describe_subnets(Filters=inside)["Subnets"]) > 1


def test_what_aws_made_for_a_vpc_of_the_lab_goes_with_it(lab: MotoLab) -> None:
    """Tagged by the learner or not: default group, default ACL, main route table."""
    made = build(lab, 2)
    ec2, inside = lab.client("ec2"), [{"Name": "vpc-id", "Values": [made["vpc-a"]]}]
    group = ec2.describe_security_groups(Filters=inside)["SecurityGroups"][0]["GroupId"]
    ec2.create_tags(Resources=[group], Tags=lab.tag_list("default"))
    assert {step.kind for step in lab.teardown.plan()} == {"vpc", "subnet"}
    assert lab.teardown.run().ok and left_in_account(lab) == []


def test_an_unknown_kind_is_reported(lab: MotoLab) -> None:
    ec2 = lab.client("ec2")
    volume = ec2.create_volume(
        AvailabilityZone="us-east-1a", Size=1, TagSpecifications=lab.tag_spec("volume", "spare")
    )["VolumeId"]
    assert lab.teardown.run().ok
    assert [(item.kind, item.id) for item in lab.teardown.verify()] == [("volume", volume)]


def test_a_network_interface_of_its_own_goes(lab: MotoLab) -> None:
    made = build(lab, 2)
    lab.client("ec2").create_network_interface(
        SubnetId=made["public-a"], TagSpecifications=lab.tag_spec("network-interface", "spare")
    )
    assert lab.teardown.run().ok and left_in_account(lab) == [] and not lab.teardown.verify()


def test_a_role_with_managed_policies_of_aws_goes_and_they_stay(lab: MotoLab) -> None:
    iam = lab.client("iam")
    trust = json.dumps({"Version": "2012-10-17", "Statement": []})
    iam.create_role(RoleName="demo-r", Path="/a/b/", AssumeRolePolicyDocument=trust, Tags=lab.tag_list("r"))
    theirs = iam.create_policy(PolicyName="else", PolicyDocument=json.dumps(policy("ec2:*", "*")))
    arn = theirs["Policy"]["Arn"]
    iam.attach_role_policy(RoleName="demo-r", PolicyArn=arn)
    assert arn.startswith(f"arn:aws:iam::{ACCOUNT}:policy/")
    assert lab.teardown.run().ok
    assert left_in_account(lab) == ["else"]


def test_the_recipe_has_the_number_of_steps_that_the_tests_name(lab: MotoLab) -> None:
    assert count_steps(lab) == 44
