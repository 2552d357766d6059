"""``DryRun`` on every EC2 action that the course uses: a clear answer, and nothing changes."""

import pytest

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
        "VpcPeeringConnectionId": "{peering}",
    },
    "delete_route_table": {"RouteTableId": "{spare}"},
    "describe_vpcs": {},
    "describe_instances": {},
}


@pytest.fixture(scope="module")
def names(ec2, network):
    tables = [ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    other = ec2.create_vpc(CidrBlock="10.62.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    ids = {"vpc": network.vpc, "subnet": network.subnet, "image": network.image}
    ids["peering"] = peering["VpcPeeringConnectionId"]
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


def test_parameters_are_looked_at_first(ec2, network, refused):
    assert refused(ec2.create_vpc, CidrBlock="nonsense", DryRun=True)[0] == "InvalidParameterValue"
    assert refused(ec2.describe_vpcs, VpcIds=["nonsense"], DryRun=True)[0] == "InvalidVpcID.Malformed"
    asked = {"ResourceIds": [network.vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "/g"}
    role = "arn:aws:iam::123456789012:role/none"
    asked |= {"DeliverLogsPermissionArn": role, "MaxAggregationInterval": 300}
    assert refused(ec2.create_flow_logs, **asked, DryRun=True)[0] == "InvalidParameter"


def test_the_state_of_things_is_not_asked(ec2, network, names, refused):
    instance = network.launch()["InstanceId"]
    acl = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["NetworkAcls"][0]
    group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["SecurityGroups"][0]
    default = {"NetworkAclId": acl["NetworkAclId"]}
    for action, params in {
        "delete_vpc": {"VpcId": network.vpc},
        "delete_subnet": {"SubnetId": network.subnet},
        "stop_instances": {"InstanceIds": [instance]},
        "start_instances": {"InstanceIds": [instance]},
        "reboot_instances": {"InstanceIds": [instance]},
        "delete_network_acl": default,
        "delete_network_acl_entry": {**default, "RuleNumber": 7, "Egress": True},
        "delete_security_group": {"GroupId": group["GroupId"]},
        "create_security_group": {"GroupName": group["GroupName"] + "x", "Description": "d", "VpcId": network.vpc},
        "accept_vpc_peering_connection": {"VpcPeeringConnectionId": "pcx-0123456789abcdef0"},
        "attach_internet_gateway": {"InternetGatewayId": "igw-0123456789abcdef0", "VpcId": network.vpc},
        "release_address": {"AllocationId": "eipalloc-0123456789abcdef0"},
    }.items():
        assert refused(getattr(ec2, action), **params, DryRun=True)[0] == "DryRunOperation", action
