"""``DryRun`` on every EC2 action that the course uses: a clear answer, and nothing changes."""

import pytest

UNKNOWN = "0123456789abcdef0"
CALLS = {
    "create_vpc": {"CidrBlock": "10.60.0.0/16"},
    "create_subnet": {"VpcId": "{vpc}", "CidrBlock": "10.1.60.0/24"},
    "create_internet_gateway": {},
    "create_route_table": {"VpcId": "{vpc}"},
    "create_security_group": {"GroupName": "dry", "Description": "x", "VpcId": "{vpc}"},
    "create_network_acl": {"VpcId": "{vpc}"},
    "create_network_interface": {"SubnetId": "{subnet}"},
    "create_vpc_peering_connection": {"VpcId": "{vpc}", "PeerVpcId": "{vpc}"},
    "create_tags": {"Resources": ["{vpc}"], "Tags": [{"Key": "Dry", "Value": "run"}]},
    "run_instances": {
        "ImageId": "{image}",
        "InstanceType": "t3.micro",
        "MinCount": 1,
        "MaxCount": 1,
        "SubnetId": "{subnet}",
    },
    "associate_route_table": {"RouteTableId": "{table}", "SubnetId": "{subnet}"},
    "create_route": {
        "RouteTableId": "{table}",
        "DestinationCidrBlock": "10.9.0.0/16",
        "NetworkInterfaceId": f"eni-{UNKNOWN}",
    },
    "delete_route_table": {"RouteTableId": "{spare}"},
    "describe_vpcs": {},
    "describe_instances": {},
}


@pytest.fixture(scope="module")
def names(ec2, network):
    tables = [ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    ids = {"vpc": network.vpc, "subnet": network.subnet, "image": network.image}
    return {**ids, "table": tables[0], "spare": tables[1]}


def everything(ec2):
    kinds = {
        "vpcs": "Vpcs",
        "subnets": "Subnets",
        "internet_gateways": "InternetGateways",
        "route_tables": "RouteTables",
        "security_groups": "SecurityGroups",
        "network_acls": "NetworkAcls",
        "network_interfaces": "NetworkInterfaces",
        "vpc_peering_connections": "VpcPeeringConnections",
        "instances": "Reservations",
        "tags": "Tags",
    }
    return {kind: getattr(ec2, f"describe_{kind}")()[key] for kind, key in kinds.items()}


@pytest.mark.parametrize("action", CALLS)
def test_dry_run_answers_and_changes_nothing(sandbox, ec2, names, refused, action):
    params = {name: value.format(**names) if isinstance(value, str) else value for name, value in CALLS[action].items()}
    if action == "create_tags":
        params["Resources"] = [names["vpc"]]
    before, then = everything(ec2), sandbox.now
    code, message = refused(getattr(ec2, action), **params, DryRun=True)
    assert (code, message) == ("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
    assert sandbox.now == then
    assert everything(ec2) == before


def test_a_refusal_is_told_first(ec2, network, refused):
    assert refused(ec2.delete_vpc, VpcId=network.vpc, DryRun=True)[0] == "DependencyViolation"
    assert refused(ec2.create_vpc, CidrBlock="nonsense", DryRun=True)[0] == "InvalidParameterValue"
