"""Every EC2 list comes in pages where they are asked for; sizes and tokens that AWS refuses are refused."""

from typing import Any

import pytest

from helpers.sandbox.ec2.paged_lists import _pages
from helpers.sandbox.protocol import serialization

# What the module's account holds more than five of: the call, and the member that lists it.
LISTS = {
    "describe_subnets": "Subnets",
    "describe_security_groups": "SecurityGroups",
    "describe_security_group_rules": "SecurityGroupRules",
    "describe_route_tables": "RouteTables",
    "describe_network_acls": "NetworkAcls",
    "describe_internet_gateways": "InternetGateways",
    "describe_network_interfaces": "NetworkInterfaces",
    "describe_instances": "Reservations",
    "describe_instance_status": "InstanceStatuses",
    "describe_volumes": "Volumes",
    "describe_tags": "Tags",
    "describe_vpc_peering_connections": "VpcPeeringConnections",
    "describe_flow_logs": "FlowLogs",
}


@pytest.fixture(scope="module")
def full(sandbox: Any, ec2: Any, network: Any) -> Any:
    """Seven of everything."""
    other = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    for number in range(7):
        tags = [{"Key": "Lab", "Value": str(number)}]
        ec2.create_subnet(VpcId=network.vpc, CidrBlock=f"10.1.{100 + number}.0/24")
        ec2.create_security_group(GroupName=f"paged-{number}", Description="x", VpcId=network.vpc)
        ec2.create_route_table(VpcId=network.vpc)
        ec2.create_network_acl(VpcId=network.vpc)
        ec2.create_internet_gateway(TagSpecifications=[{"ResourceType": "internet-gateway", "Tags": tags}])
        network.launch()
        peering = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    groups = [f"/paged/{number}" for number in range(7)]
    role = sandbox.client("iam").create_role(RoleName="paged", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    asked = {"ResourceIds": [network.vpc], "ResourceType": "VPC", "TrafficType": "ALL"}
    for group in groups:
        ec2.create_flow_logs(**asked, LogGroupName=group, DeliverLogsPermissionArn=role)
    return ec2


@pytest.fixture(autouse=True)
def checks_passed(full: Any) -> None:
    """An instance's checks pass once they were asked about, and other tests on this account launch instances."""
    full.describe_instance_status()


TRUST = (
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", '
    '"Principal": {"Service": "vpc-flow-logs.amazonaws.com"}}]}'
)


@pytest.mark.parametrize("name", LISTS)
def test_the_pages_together_are_the_list(full, name):
    describe, member = getattr(full, name), LISTS[name]
    whole = describe()[member]
    assert len(whole) > 5
    pages = [describe(MaxResults=5)]
    while pages[-1].get("NextToken"):
        pages.append(describe(MaxResults=5, NextToken=pages[-1]["NextToken"]))
    assert [item for page in pages for item in page[member]] == whole
    assert [len(page[member]) for page in pages[:-1]] == [5] * ((len(whole) - 1) // 5)


def test_every_paginator_of_boto3_gives_the_list(full):
    for name, member in LISTS.items():
        pages = full.get_paginator(name).paginate(PaginationConfig={"PageSize": 5})
        assert pages.build_full_result()[member] == getattr(full, name)()[member], name


def test_filters_come_before_pages(full):
    wanted = [{"Name": "group-name", "Values": ["paged-*"]}]
    first = full.describe_security_groups(Filters=wanted, MaxResults=5)
    second = full.describe_security_groups(Filters=wanted, MaxResults=100, NextToken=first["NextToken"])
    assert [len(page["SecurityGroups"]) for page in (first, second)] == [5, 2]
    assert "NextToken" not in second


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("token", ["junk", "5", ""])
def test_a_token_that_nobody_gave_is_refused(full, refused, name, token):
    code, message = refused(getattr(full, name), NextToken=token)
    assert code == "InvalidParameterValue" and "for parameter NextToken is invalid" in message


def test_a_token_of_another_list_or_question_is_refused(full, refused):
    token = full.describe_subnets(MaxResults=5)["NextToken"]
    assert refused(full.describe_route_tables, NextToken=token)[0] == "InvalidParameterValue"
    wanted = [{"Name": "state", "Values": ["available"]}]
    assert refused(full.describe_subnets, Filters=wanted, NextToken=token)[0] == "InvalidParameterValue"
    assert full.describe_subnets(NextToken=token, MaxResults=1000)["Subnets"]


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize("size", [0, 1, 4, 1001, 2000])
def test_a_size_out_of_range_is_refused(full, unchecked, refused, name, size):
    code, message = refused(getattr(unchecked, name), MaxResults=size)
    assert code == "InvalidParameterValue" and message.startswith(f"Value ( {size} ) for parameter ")


def test_the_sentence_is_that_of_public_reports(full, refused):
    sentence = "Value ( 1 ) for parameter maxResults is invalid. Expecting a value greater than 5."
    assert refused(full.describe_instances, MaxResults=1)[1] == sentence


def test_ids_and_a_size_exclude_each_other(full, refused, network):
    for name, ids in {
        "describe_subnets": {"SubnetIds": [network.subnet]},
        "describe_vpcs": {"VpcIds": [network.vpc]},
        "describe_instances": {"InstanceIds": [network.launch()["InstanceId"]]},
    }.items():
        assert refused(getattr(full, name), MaxResults=5, **ids)[0] == "InvalidParameterCombination"
        assert getattr(full, name)(**ids)


def test_every_action_with_pages_is_in_the_one_table():
    model = serialization.service_model("ec2")
    asked = {
        name
        for name in model.operation_names
        if {"MaxResults", "NextToken"} <= set(getattr(model.operation_model(name).input_shape, "members", ()))
    }
    assert {name for name in asked if _pages(name) is None} <= {"DescribeApplicationStatus"}
