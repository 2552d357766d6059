"""Tags end with their resource, say what they hang on, and are refused where an action makes something else."""

import pytest

TAGS = [{"Key": "Lab", "Value": "x"}]


def spec(kind):
    return [{"ResourceType": kind, "Tags": TAGS}]


def tagged(ec2):
    found = ec2.describe_tags(Filters=[{"Name": "key", "Values": ["Lab"]}])["Tags"]
    return sorted((tag["ResourceType"], tag["ResourceId"]) for tag in found)


def test_tags_end_with_their_resource_of_every_kind(sandbox, ec2):
    vpc = ec2.create_vpc(CidrBlock="10.3.0.0/16", TagSpecifications=spec("vpc"))["Vpc"]["VpcId"]
    other = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    inside = {"VpcId": vpc}
    subnet = ec2.create_subnet(**inside, CidrBlock="10.3.1.0/24", TagSpecifications=spec("subnet"))["Subnet"][
        "SubnetId"
    ]
    made = ec2.create_network_interface(SubnetId=subnet, TagSpecifications=spec("network-interface"))
    interface = made["NetworkInterface"]["NetworkInterfaceId"]
    group = ec2.create_security_group(
        GroupName="g", Description="d", **inside, TagSpecifications=spec("security-group")
    )["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group,
        IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}],
        TagSpecifications=spec("security-group-rule"),
    )
    gateway = ec2.create_internet_gateway(TagSpecifications=spec("internet-gateway"))
    gateway_id = gateway["InternetGateway"]["InternetGatewayId"]
    table = ec2.create_route_table(**inside, TagSpecifications=spec("route-table"))["RouteTable"]["RouteTableId"]
    acl = ec2.create_network_acl(**inside, TagSpecifications=spec("network-acl"))["NetworkAcl"]["NetworkAclId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=spec("elastic-ip"))["AllocationId"]
    peering = ec2.create_vpc_peering_connection(
        VpcId=vpc, PeerVpcId=other, TagSpecifications=spec("vpc-peering-connection")
    )["VpcPeeringConnection"]["VpcPeeringConnectionId"]
    main = ec2.describe_route_tables(
        Filters=[{"Name": "vpc-id", "Values": [vpc]}, {"Name": "association.main", "Values": ["true"]}]
    )["RouteTables"][0]["RouteTableId"]
    ec2.create_tags(Resources=[main], Tags=TAGS)
    kinds = {kind for kind, _ in tagged(ec2)}
    assert kinds == {
        "vpc", "subnet", "network-interface", "security-group", "security-group-rule", "internet-gateway",
        "route-table", "network-acl", "elastic-ip", "vpc-peering-connection",
    }  # fmt: skip
    ec2.delete_network_interface(NetworkInterfaceId=interface)
    ec2.delete_security_group(GroupId=group)
    ec2.delete_internet_gateway(InternetGatewayId=gateway_id)
    ec2.delete_route_table(RouteTableId=table)
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.release_address(AllocationId=address)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_vpc(VpcId=vpc)
    assert [kind for kind, _ in tagged(ec2)] == ["vpc-peering-connection"]
    sandbox.advance(3 * 3600)
    assert tagged(ec2) == []
    ec2.delete_vpc(VpcId=other)
    sandbox.reopen()
    assert tagged(ec2) == []


def test_tags_of_an_instance_and_its_parts_end_with_it(sandbox, ec2, network):
    kinds = ("instance", "volume", "network-interface")
    instance = network.launch(TagSpecifications=[spec(kind)[0] for kind in kinds])["InstanceId"]
    assert sorted(kind for kind, _ in tagged(ec2)) == sorted(kinds)
    ec2.terminate_instances(InstanceIds=[instance])
    sandbox.advance(60)
    assert [kind for kind, _ in tagged(ec2)] == ["instance"]  # shown for about an hour
    sandbox.advance(4000)
    assert tagged(ec2) == []


def test_a_revoked_rule_takes_its_tags_along(ec2, network):
    group = ec2.create_security_group(GroupName="r", Description="d", VpcId=network.vpc)["GroupId"]
    rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    asked = {"GroupId": group, "IpPermissions": [rule]}
    ec2.authorize_security_group_ingress(**asked, TagSpecifications=spec("security-group-rule"))
    assert [kind for kind, _ in tagged(ec2)] == ["security-group-rule"]
    ec2.revoke_security_group_ingress(**asked)
    assert tagged(ec2) == []


def test_an_address_is_an_elastic_ip(ec2):
    address = ec2.allocate_address(TagSpecifications=spec("elastic-ip"))["AllocationId"]
    shown = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["elastic-ip"]}])["Tags"]
    assert [(tag["ResourceId"], tag["ResourceType"]) for tag in shown] == [(address, "elastic-ip")]
    ec2.release_address(AllocationId=address)


CREATES = {
    "create_vpc": ({"CidrBlock": "10.80.0.0/16"}, "InvalidParameter"),
    "create_subnet": ({"VpcId": "{vpc}", "CidrBlock": "10.1.80.0/24"}, "InvalidParameter"),
    "create_network_interface": ({"SubnetId": "{subnet}"}, "InvalidParameter"),
    "create_security_group": (
        {"GroupName": "wrong", "Description": "d", "VpcId": "{vpc}"},
        "InvalidParameterValue",
    ),
    "create_internet_gateway": ({}, "InvalidParameterValue"),
    "create_route_table": ({"VpcId": "{vpc}"}, "InvalidParameterValue"),
    "create_network_acl": ({"VpcId": "{vpc}"}, "InvalidParameterValue"),
    "allocate_address": ({}, "InvalidParameterValue"),
    "run_instances": (
        {"ImageId": "{image}", "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, "SubnetId": "{subnet}"},
        "InvalidParameterValue",
    ),
}


@pytest.mark.parametrize("action", CREATES)
@pytest.mark.parametrize("kind", ["dhcp-options", "vpc-elastic-ip"])
def test_tags_for_something_else_than_the_action_makes_are_refused(ec2, network, refused, action, kind):
    asked, code = CREATES[action]
    names = {"vpc": network.vpc, "subnet": network.subnet, "image": network.image}
    params = {name: value.format(**names) if isinstance(value, str) else value for name, value in asked.items()}
    before = ec2.describe_tags()["Tags"]
    answer = refused(getattr(ec2, action), **params, TagSpecifications=spec(kind))
    assert answer == (code, f"'{kind}' is not a valid taggable resource type for this operation.")
    assert refused(getattr(ec2, action), **params, TagSpecifications=[{"Tags": TAGS}]) == (
        code,
        "Tag specification resource type must have a value",
    )
    assert ec2.describe_tags()["Tags"] == before


def test_tags_for_nothing_are_refused(unchecked, refused):
    answer = refused(unchecked.create_tags, Resources=[], Tags=TAGS)
    assert answer == ("MissingParameter", "The request must contain the parameter resourceIdSet")
