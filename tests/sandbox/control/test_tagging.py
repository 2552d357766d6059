"""The tagging API shows what carries which tags, in pages and by filters, and nothing that is gone."""

import pytest

LAB = [{"Key": "Lab", "Value": "demo"}]
VPC = "arn:aws:ec2:us-east-1:123456789012:vpc/"
DOCUMENT = '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}]}'


@pytest.fixture(scope="module")
def tagging(sandbox):
    return sandbox.client("resourcegroupstaggingapi")


@pytest.fixture(scope="module")
def things(sandbox, ec2, iam):
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": LAB}])["Vpc"]
    other = [{"Key": "Lab", "Value": "other"}, {"Key": "Name", "Value": "gateway"}]
    ec2.create_internet_gateway(TagSpecifications=[{"ResourceType": "internet-gateway", "Tags": other}])
    ec2.create_security_group(GroupName="bare", Description="d", VpcId=vpc["VpcId"])
    sandbox.client("logs").create_log_group(logGroupName="/demo/flow", tags={"Lab": "demo"})
    sandbox.client("logs").create_log_group(logGroupName="/bare")
    policy = iam.create_policy(PolicyName="tagged", PolicyDocument=DOCUMENT, Tags=LAB)["Policy"]["Arn"]
    trust = DOCUMENT.replace(
        '"logs:*", "Resource": "*"', '"sts:AssumeRole", "Principal": {"Service": "ec2.amazonaws.com"}'
    )
    iam.create_role(RoleName="tagged", AssumeRolePolicyDocument=trust, Tags=LAB)
    return {
        "vpc": VPC + vpc["VpcId"],
        "group": "arn:aws:logs:us-east-1:123456789012:log-group:/demo/flow",
        "policy": policy,
    }


def arns(reply):
    return [mapping["ResourceARN"] for mapping in reply["ResourceTagMappingList"]]


def test_what_carries_a_tag_is_shown_over_the_services(tagging, things):
    reply = tagging.get_resources(TagFilters=[{"Key": "Lab", "Values": ["demo"]}])
    assert sorted(arns(reply)) == sorted(things.values())
    assert reply["PaginationToken"] == ""
    assert all(mapping["Tags"] == LAB for mapping in reply["ResourceTagMappingList"])
    assert len(arns(tagging.get_resources())) == 4


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"ResourceTypeFilters": ["ec2"]}, 2),
        ({"ResourceTypeFilters": ["ec2:vpc", "logs:log-group"]}, 2),
        ({"ResourceTypeFilters": ["logs"]}, 1),
        ({"ResourceTypeFilters": ["ec2:instance"]}, 0),
        ({"TagFilters": [{"Key": "Lab"}]}, 4),
        ({"TagFilters": [{"Key": "Lab", "Values": ["demo", "other"]}]}, 4),
        ({"TagFilters": [{"Key": "Lab", "Values": ["other"]}, {"Key": "Name"}]}, 1),
        ({"TagFilters": [{"Key": "lab"}]}, 0),
    ],
)
def test_filters_narrow_what_is_shown(tagging, things, asked, count):
    assert len(arns(tagging.get_resources(**asked))) == count


def test_arns_are_looked_up(tagging, things, refused):
    reply = tagging.get_resources(ResourceARNList=[things["vpc"], VPC + "vpc-0123456789abcdef0"])
    assert arns(reply) == [things["vpc"]]
    asked = {"ResourceARNList": [things["vpc"]]}
    for more in ({"TagFilters": [{"Key": "Lab"}]}, {"ResourceTypeFilters": ["ec2"]}, {"ResourcesPerPage": 5}):
        assert refused(tagging.get_resources, **asked, **more)[0] == "InvalidParameterException"


def test_pages_together_are_the_whole(tagging, things, refused):
    pages = list(tagging.get_paginator("get_resources").paginate(PaginationConfig={"PageSize": 1}))
    assert [len(arns(page)) for page in pages] == [1, 1, 1, 1]
    assert [arn for page in pages for arn in arns(page)] == arns(tagging.get_resources())
    assert refused(tagging.get_resources, PaginationToken="junk")[0] == "InvalidParameterException"
    assert refused(tagging.get_resources, ResourcesPerPage=101)[0] == "InvalidParameterException"


def test_another_region_shows_its_own_only(sandbox, things):
    elsewhere = sandbox.client("resourcegroupstaggingapi", region="eu-west-1")
    assert elsewhere.get_resources()["ResourceTagMappingList"] == []


def test_what_is_deleted_is_gone(sandbox, ec2, tagging):
    tags = [{"Key": "Short", "Value": "life"}]
    made = ec2.allocate_address(TagSpecifications=[{"ResourceType": "elastic-ip", "Tags": tags}])["AllocationId"]
    asked = {"TagFilters": [{"Key": "Short"}], "ResourceTypeFilters": ["ec2:elastic-ip"]}
    assert arns(tagging.get_resources(**asked)) == [f"arn:aws:ec2:us-east-1:123456789012:elastic-ip/{made}"]
    ec2.release_address(AllocationId=made)
    assert arns(tagging.get_resources(**asked)) == []


def test_it_asks_for_its_own_permission(sandbox, iam, refused):
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    theirs = sandbox.client_of("resourcegroupstaggingapi", key)
    code, message = refused(theirs.get_resources)
    assert code == "AccessDeniedException" and "tag:GetResources" in message
