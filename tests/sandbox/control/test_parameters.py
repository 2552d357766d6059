"""Parameters that EC2 refuses whatever the account holds: malformed ids, several attributes, nothing to act on."""

import pytest

MALFORMED = [
    ("describe_instances", {"InstanceIds": ["i-123"]}, "InvalidInstanceID.Malformed", "i-"),
    ("terminate_instances", {"InstanceIds": ["{vpc}"]}, "InvalidInstanceID.Malformed", "i-"),
    ("describe_vpcs", {"VpcIds": ["vpc-XYZ"]}, "InvalidVpcID.Malformed", "vpc-"),
    ("create_subnet", {"VpcId": "my-vpc", "CidrBlock": "10.1.9.0/24"}, "InvalidVpcID.Malformed", "vpc-"),
    ("create_vpc_peering_connection", {"VpcId": "{vpc}", "PeerVpcId": "b"}, "InvalidVpcID.Malformed", "vpc-"),
    ("describe_subnets", {"SubnetIds": ["subnet"]}, "InvalidSubnetID.Malformed", "subnet-"),
    ("describe_security_groups", {"GroupIds": ["web"]}, "InvalidGroupId.Malformed", "sg-"),
    ("create_network_interface", {"SubnetId": "{subnet}", "Groups": ["web"]}, "InvalidGroupId.Malformed", "sg-"),
    ("describe_network_interfaces", {"NetworkInterfaceIds": ["eni-1"]}, "InvalidNetworkInterfaceId.Malformed", "eni-"),
    ("describe_route_tables", {"RouteTableIds": ["rtb-12345"]}, "InvalidRouteTableId.Malformed", "rtb-"),
    ("describe_network_acls", {"NetworkAclIds": ["{vpc}"]}, "InvalidNetworkAclId.Malformed", "acl-"),
    ("describe_internet_gateways", {"InternetGatewayIds": ["igw"]}, "InvalidInternetGatewayId.Malformed", "igw-"),
    ("describe_volumes", {"VolumeIds": ["vol-1"]}, "InvalidVolumeID.Malformed", "vol-"),
    ("describe_images", {"ImageIds": ["al2023"]}, "InvalidAMIID.Malformed", "ami-"),
    (
        "accept_vpc_peering_connection",
        {"VpcPeeringConnectionId": "pcx-1"},
        "InvalidVpcPeeringConnectionId.Malformed",
        "pcx-",
    ),
]


def filled(params, network):
    def fill(value):
        if isinstance(value, list):
            return [fill(item) for item in value]
        return value.format(vpc=network.vpc, subnet=network.subnet)

    return {name: fill(value) for name, value in params.items()}


@pytest.mark.parametrize(("action", "params", "code", "head"), MALFORMED)
def test_an_id_that_is_none_of_its_kind_is_malformed(ec2, network, refused, action, params, code, head):
    told, message = refused(getattr(ec2, action), **filled(params, network))
    assert told == code
    assert message.startswith('Invalid id: "') and message.endswith(f'" (expecting "{head}...")')


def test_a_malformed_group_in_a_rule_and_in_a_launch(ec2, network, refused):
    group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    rule = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": "web"}]}
    answer = refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[rule])
    assert answer == ("InvalidGroupId.Malformed", 'Invalid id: "web" (expecting "sg-...")')
    launch = {"ImageId": network.image, "MinCount": 1, "MaxCount": 1, "SubnetId": network.subnet}
    assert refused(ec2.run_instances, **launch, SecurityGroupIds=["web"])[0] == "InvalidGroupId.Malformed"


def test_ids_of_eight_and_of_seventeen_digits_are_well_formed(ec2, refused):
    for vpc in ("vpc-1a2b3c4d", "vpc-0123456789abcdef0"):
        assert refused(ec2.describe_vpcs, VpcIds=[vpc])[0] == "InvalidVpcID.NotFound"


@pytest.mark.parametrize(
    ("action", "named", "attributes"),
    [
        ("modify_vpc_attribute", {"VpcId": "{vpc}"}, ("EnableDnsSupport", "EnableDnsHostnames")),
        ("modify_subnet_attribute", {"SubnetId": "{subnet}"}, ("MapPublicIpOnLaunch", "AssignIpv6AddressOnCreation")),
    ],
)
def test_one_attribute_is_changed_at_a_time(ec2, network, refused, action, named, attributes):
    asked = {name: {"Value": True} for name in attributes}
    code, message = refused(getattr(ec2, action), **filled(named, network), **asked)
    assert code == "InvalidParameterCombination" and message.startswith("Fields for multiple attribute types specified")
    assert refused(getattr(ec2, action), **filled(named, network))[1] == "No attributes specified."
    one = attributes[0]
    assert getattr(ec2, action)(**filled(named, network), **{one: {"Value": True}})


def test_an_interface_and_an_instance_take_one_attribute_too(ec2, network, refused):
    launched = network.launch()
    interface = launched["NetworkInterfaces"][0]["NetworkInterfaceId"]
    more = {"Description": {"Value": "x"}, "SourceDestCheck": {"Value": False}}
    answer = refused(ec2.modify_network_interface_attribute, NetworkInterfaceId=interface, **more)
    assert answer[0] == "InvalidParameterCombination"
    more = {"DisableApiTermination": {"Value": False}, "SourceDestCheck": {"Value": False}}
    answer = refused(ec2.modify_instance_attribute, InstanceId=launched["InstanceId"], **more)
    assert answer[0] == "InvalidParameterCombination"


@pytest.mark.parametrize("action", ["start_instances", "stop_instances", "terminate_instances", "reboot_instances"])
def test_no_instances_are_none_to_act_on(unchecked, refused, action):
    answer = refused(getattr(unchecked, action), InstanceIds=[])
    assert answer == ("InvalidParameterCombination", "No instances specified")


def test_a_route_to_a_gateway_that_is_not_there(ec2, network, refused):
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    asked = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0", "GatewayId": "igw-0123456789abcdef0"}
    answer = refused(ec2.create_route, **asked)
    assert answer == ("InvalidGatewayID.NotFound", "The gateway ID 'igw-0123456789abcdef0' does not exist")
    for no_gateway in ("internet", "eni-0123456789abcdef0", "igw-1"):
        answer = refused(ec2.create_route, **{**asked, "GatewayId": no_gateway})
        assert answer == ("InvalidGatewayID.NotFound", f"The gateway ID '{no_gateway}' does not exist")
    assert refused(ec2.create_route, **{**asked, "GatewayId": "local"})[0] == "UnsupportedOperation"


def test_a_subnet_with_ipv6_only_is_refused_by_name(ec2, network, refused):
    asked = {"VpcId": network.vpc, "Ipv6Native": True, "Ipv6CidrBlock": "2001:db8::/64"}
    assert refused(ec2.create_subnet, **asked)[0] == "UnsupportedOperation"


@pytest.mark.parametrize(
    ("action", "member", "filters"),
    [
        ("describe_vpcs", "Vpcs", {"isDefault": "true"}),
        ("describe_vpcs", "Vpcs", {"is-default": "true"}),
        ("describe_addresses", "Addresses", {"domain": "vpc"}),
        ("describe_instances", "Reservations", {"instance.group-name": "default"}),
    ],
)
def test_filters_that_guides_and_sdks_still_send(ec2, network, action, member, filters):
    ec2.allocate_address()
    network.launch()
    wanted = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    assert getattr(ec2, action)(Filters=wanted)[member]
