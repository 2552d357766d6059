"""Members that AWS's replies have, as recorded from AWS in public tests."""

from datetime import timedelta

import pytest

from tests.support.served import Sandbox


def test_a_new_vpc_is_pending_and_has_the_default_dhcp_options(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.101.0.0/16")["Vpc"]
    assert vpc["State"] == "pending"
    assert ec2.describe_vpcs(VpcIds=[vpc["VpcId"]])["Vpcs"][0]["State"] == "available"
    options = ec2.describe_dhcp_options(DhcpOptionsIds=[vpc["DhcpOptionsId"]])["DhcpOptions"]
    values = {item["Key"]: [value["Value"] for value in item["Values"]] for item in options[0]["DhcpConfigurations"]}
    assert values == {"domain-name": ["ec2.internal"], "domain-name-servers": ["AmazonProvidedDNS"]}
    assert {held["DhcpOptionsId"] for held in ec2.describe_vpcs()["Vpcs"]} == {vpc["DhcpOptionsId"]}
    ec2.delete_vpc(VpcId=vpc["VpcId"])
    assert ec2.describe_dhcp_options()["DhcpOptions"] == options


def test_each_region_names_its_own_domain(sandbox):
    options = sandbox.client("ec2", region="eu-west-1").describe_dhcp_options()["DhcpOptions"]
    values = [value["Value"] for item in options[0]["DhcpConfigurations"] for value in item["Values"]]
    assert "eu-west-1.compute.internal" in values


@pytest.mark.parametrize(
    ("region", "long_name"), [("us-east-1", "US East (N. Virginia) 1"), ("eu-central-1", "Europe (Frankfurt) 1")]
)
def test_zones_tell_their_group(sandbox, region, long_name):
    for zone in sandbox.client("ec2", region=region).describe_availability_zones()["AvailabilityZones"]:
        assert zone["GroupName"] == f"{region}-zg-1"
        assert (zone["GroupLongName"], zone["NetworkBorderGroup"]) == (long_name, region)
        assert zone["OptInStatus"] == "opt-in-not-required"


def test_route_tables_tell_of_virtual_gateways(ec2, network):
    assert ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["PropagatingVgws"] == []
    assert all(table["PropagatingVgws"] == [] for table in ec2.describe_route_tables()["RouteTables"])
    none = [{"Name": "vpc-id", "Values": ["vpc-0123456789abcdef0"]}]
    assert ec2.describe_route_tables(Filters=none)["RouteTables"] == []


@pytest.fixture
def other(ec2):
    vpc = ec2.create_vpc(CidrBlock="10.102.0.0/16")["Vpc"]["VpcId"]
    yield vpc
    ec2.delete_vpc(VpcId=vpc)


def test_a_pending_peering_tells_its_blocks_and_its_end(sandbox, ec2, network, other):
    ec2.associate_vpc_cidr_block(VpcId=other, CidrBlock="10.103.0.0/16")
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    shown = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"][0]
    for connection in (made, shown):
        assert {"CidrBlock": "10.1.0.0/16"} in connection["RequesterVpcInfo"]["CidrBlockSet"]
        blocks = [block["CidrBlock"] for block in connection["AccepterVpcInfo"]["CidrBlockSet"]]
        assert blocks == ["10.102.0.0/16", "10.103.0.0/16"]
        assert abs(connection["ExpirationTime"].timestamp() - sandbox.now - 7 * 86400) < 60
    sandbox.advance(timedelta(days=7).total_seconds() + 10)
    shown = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])["VpcPeeringConnections"][0]
    assert shown["Status"]["Code"] == "expired" and "ExpirationTime" not in shown


def test_a_peering_fails_where_a_secondary_block_overlaps(sandbox, ec2, network, other):
    ec2.associate_vpc_cidr_block(VpcId=network.vpc, CidrBlock="10.104.0.0/16")
    ec2.associate_vpc_cidr_block(VpcId=other, CidrBlock="10.104.128.0/17")
    ends = []
    for sides in ({"VpcId": network.vpc, "PeerVpcId": other}, {"VpcId": other, "PeerVpcId": network.vpc}):
        made = ec2.create_vpc_peering_connection(**sides)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
        shown = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[made])["VpcPeeringConnections"][0]
        ends.append(shown["Status"]["Code"])
    assert ends == ["failed", "failed"]


def test_an_accepted_peering_does_not_expire(sandbox, ec2, network, other):
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    peering = {"VpcPeeringConnectionId": made["VpcPeeringConnectionId"]}
    ec2.accept_vpc_peering_connection(**peering)
    sandbox.advance(8 * 86400)
    ids = [peering["VpcPeeringConnectionId"]]
    shown = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=ids)["VpcPeeringConnections"][0]
    assert shown["Status"]["Code"] == "active"
    ec2.delete_vpc_peering_connection(**peering)


def test_a_public_parameter_belongs_to_no_account(sandbox: Sandbox) -> None:
    ssm, path = sandbox.client("ssm"), "/aws/service/ami-amazon-linux-latest"
    name = f"{path}/al2023-ami-kernel-default-x86_64"
    shown = [
        ssm.get_parameter(Name=name)["Parameter"],
        *ssm.get_parameters(Names=[name])["Parameters"],
        *ssm.get_parameters_by_path(Path=path)["Parameters"],
    ]
    assert len(shown) > 2
    assert {parameter["ARN"] for parameter in shown} == {
        f"arn:aws:ssm:us-east-1::parameter{parameter['Name']}" for parameter in shown
    }
