"""The default VPC of a region, as AWS makes it: its instances reach the internet and are known to Systems Manager."""

from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.conftest import Sandbox
from tests.support import network
from tests.support.box import Box

EVERYWHERE = "0.0.0.0/0"


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1"])
def test_the_default_vpc_has_a_gateway_and_a_route_to_it(sandbox: Sandbox, region: str) -> None:
    ec2 = sandbox.client("ec2", region=region)
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    (gateway,) = ec2.describe_internet_gateways()["InternetGateways"]
    assert [(held["VpcId"], held["State"]) for held in gateway["Attachments"]] == [(vpc["VpcId"], "available")]
    (table,) = ec2.describe_route_tables()["RouteTables"]
    assert [association["Main"] for association in table["Associations"]] == [True]
    routes = {route["DestinationCidrBlock"]: (route["GatewayId"], route["State"]) for route in table["Routes"]}
    expected = {vpc["CidrBlock"]: ("local", "active"), EVERYWHERE: (gateway["InternetGatewayId"], "active")}
    assert routes == expected


def test_a_default_vpc_goes_and_comes_back_with_its_gateway(sandbox: Sandbox, refused: Any) -> None:
    ec2 = sandbox.client("ec2", region="ap-northeast-1")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    assert refused(ec2.delete_vpc, VpcId=vpc)[0] == "DependencyViolation"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    ec2.delete_vpc(VpcId=vpc)
    assert (ec2.describe_vpcs()["Vpcs"], ec2.describe_internet_gateways()["InternetGateways"]) == ([], [])
    again = ec2.create_default_vpc()["Vpc"]["VpcId"]
    (made,) = ec2.describe_internet_gateways()["InternetGateways"]
    assert [held["VpcId"] for held in made["Attachments"]] == [again]


@pytest.mark.parametrize("from_checkpoint", [True, False])
def test_a_gateway_that_was_deleted_stays_deleted_after_a_restart(sandbox: Sandbox, from_checkpoint: bool) -> None:
    ec2 = sandbox.client("ec2", region="eu-west-2" if from_checkpoint else "eu-west-3")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    gateway = ec2.describe_internet_gateways()["InternetGateways"][0]["InternetGatewayId"]
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway)
    sandbox.reopen(from_checkpoint=from_checkpoint)
    assert ec2.describe_internet_gateways()["InternetGateways"] == []


def test_an_instance_in_the_default_vpc_is_online_and_hears_from_the_internet(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        ec2, ssm = box("ec2"), box("ssm")
        made = ec2.run_instances(
            ImageId=ssm.get_parameter(Name=network.AMI)["Parameter"]["Value"],
            InstanceType="t3.micro",
            MinCount=1,
            MaxCount=1,
            IamInstanceProfile={"Name": network.profile(box)},
        )["Instances"][0]
        ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]])
        shown = ec2.describe_instances(InstanceIds=[made["InstanceId"]])["Reservations"][0]["Instances"][0]
        reply = network.shell(box, made["InstanceId"], "curl -s https://checkip.amazonaws.com")
        assert reply["ResponseCode"] == 0
        assert reply["StandardOutputContent"].startswith(shown["PublicIpAddress"])
        (known,) = ssm.describe_instance_information()["InstanceInformationList"]
        assert (known["InstanceId"], known["PingStatus"]) == (made["InstanceId"], "Online")
    finally:
        box.stop()
