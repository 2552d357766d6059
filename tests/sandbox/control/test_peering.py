"""Peering connections and the routes through them, seen through boto3."""

import pytest

FAILURE = "Failed due to incorrect VPC-ID, Account ID, or overlapping CIDR range"


@pytest.fixture(scope="module")
def other(ec2):
    return ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]


@pytest.fixture(scope="module")
def twin(ec2):
    return ec2.create_vpc(CidrBlock="10.1.128.0/17")["Vpc"]["VpcId"]


def peer(ec2, ours, theirs, **params):
    reply = ec2.create_vpc_peering_connection(VpcId=ours, PeerVpcId=theirs, **params)
    return reply["VpcPeeringConnection"]["VpcPeeringConnectionId"]


def status(ec2, peering):
    found = ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])
    return found["VpcPeeringConnections"][0]["Status"]


def routes(ec2, table):
    found = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
    return {each["DestinationCidrBlock"]: each["State"] for each in found}


def test_pending_acceptance_then_provisioning_then_active(ec2, network, other):
    peering = peer(ec2, network.vpc, other)
    assert status(ec2, peering)["Code"] == "pending-acceptance"
    accepted = ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)["VpcPeeringConnection"]
    assert accepted["Status"]["Code"] == "provisioning"
    assert status(ec2, peering)["Code"] == "active"
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert status(ec2, peering)["Code"] == "deleted"


def test_overlapping_networks_end_failed(ec2, network, twin, refused):
    peering = peer(ec2, network.vpc, twin)
    assert status(ec2, peering) == {"Code": "failed", "Message": FAILURE}
    code, message = refused(ec2.accept_vpc_peering_connection, VpcPeeringConnectionId=peering)
    assert code == "InvalidStateTransition"
    assert "from failed to active" in message
    assert refused(ec2.delete_vpc_peering_connection, VpcPeeringConnectionId=peering)[0] == "InvalidStateTransition"


def test_peering_with_itself_ends_failed(ec2, network):
    assert status(ec2, peer(ec2, network.vpc, network.vpc))["Code"] == "failed"


def test_finished_connections_are_forgotten_after_two_hours(sandbox, ec2, network, other, refused):
    peering = peer(ec2, network.vpc, other)
    ec2.reject_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert status(ec2, peering)["Code"] == "rejected"
    sandbox.advance(7300)
    code, _ = refused(ec2.describe_vpc_peering_connections, VpcPeeringConnectionIds=[peering])
    assert code == "InvalidVpcPeeringConnectionID.NotFound"


def test_connections_are_found_by_filter(ec2, network, other):
    tags = [{"ResourceType": "vpc-peering-connection", "Tags": [{"Key": "Name", "Value": "demo-peer"}]}]
    peering = peer(ec2, network.vpc, other, TagSpecifications=tags)

    def found(*pairs):
        filters = [{"Name": name, "Values": [value]} for name, value in pairs]
        reply = ec2.describe_vpc_peering_connections(Filters=filters)["VpcPeeringConnections"]
        return [each["VpcPeeringConnectionId"] for each in reply]

    assert found(("tag:Name", "demo-peer")) == [peering]
    assert found(("tag:Name", "demo-*"), ("status-code", "pending-acceptance")) == [peering]
    assert found(("tag:Name", "demo-peer"), ("accepter-vpc-info.vpc-id", network.vpc)) == []
    assert found(("requester-vpc-info.vpc-id", network.vpc), ("status-code", "pending-acceptance")) == [peering]
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)


def test_routes_become_blackhole_when_the_peering_is_deleted(ec2, network, other, refused):
    peering = peer(ec2, network.vpc, other)
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="10.2.0.0/16", VpcPeeringConnectionId=peering)
    assert routes(ec2, table) == {"10.1.0.0/16": "active", "10.2.0.0/16": "active"}
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert routes(ec2, table) == {"10.1.0.0/16": "active", "10.2.0.0/16": "blackhole"}
    again = {"RouteTableId": table, "DestinationCidrBlock": "10.3.0.0/16", "VpcPeeringConnectionId": peering}
    assert refused(ec2.create_route, **again)[0] == "InvalidVpcPeeringConnectionID.NotFound"


def test_routes_become_blackhole_when_the_gateway_is_detached(ec2, network):
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    assert routes(ec2, table)["0.0.0.0/0"] == "active"
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    assert routes(ec2, table)["0.0.0.0/0"] == "blackhole"


def test_two_networks_have_one_connection_at_a_time(ec2, network, other, refused):
    params = {"VpcId": network.vpc, "PeerVpcId": other}
    for each in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]:
        if each["Status"]["Code"] in ("pending-acceptance", "active"):
            ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=each["VpcPeeringConnectionId"])
    made = ec2.create_vpc_peering_connection(**params)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    turned = {"VpcId": other, "PeerVpcId": network.vpc}
    for again in (params, turned):
        code, message = refused(ec2.create_vpc_peering_connection, **again)
        assert code == "VpcPeeringConnectionAlreadyExists"
        assert made in message
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made)
    made = ec2.create_vpc_peering_connection(**turned)["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=made)


def test_a_peering_names_both_networks(ec2, network, refused):
    answer = refused(ec2.create_vpc_peering_connection, VpcId=network.vpc)
    assert answer == ("MissingParameter", "The request must contain the parameter peerVpcId")
