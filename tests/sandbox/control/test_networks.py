"""VPCs, subnets, routes, ACLs and groups: values, quota, replies."""

import pytest


@pytest.mark.parametrize(
    ("block", "code"),
    [
        ("10.0.0.0/33", "InvalidParameterValue"),
        ("10.0.0", "InvalidParameterValue"),
        ("10.0.0.0", "InvalidParameterValue"),
        ("300.0.0.0/16", "InvalidParameterValue"),
        ("10.0.0.0/15", "InvalidVpc.Range"),
        ("10.0.0.0/29", "InvalidVpc.Range"),
    ],
)
def test_a_bad_block_for_a_vpc(ec2, refused, block, code):
    assert refused(ec2.create_vpc, CidrBlock=block)[0] == code


def test_a_malformed_cidr_is_a_parameter_error_in_aws_words(ec2, network, refused):
    assert refused(ec2.create_vpc, CidrBlock="10.0.0.0/33")[1] == (
        "Value (10.0.0.0/33) for parameter cidrBlock is invalid. This is not a valid CIDR block."
    )
    assert refused(ec2.create_subnet, VpcId=network.vpc, CidrBlock="x")[0] == "InvalidParameterValue"
    assert refused(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.1.9.0/29")[0] == "InvalidSubnet.Range"
    assert refused(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.8.0.0/24")[0] == "InvalidSubnet.Range"
    assert refused(ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.1.1.128/25")[0] == "InvalidSubnet.Conflict"


def test_blocks_are_kept_in_canonical_form(ec2, network):
    vpc = ec2.create_vpc(CidrBlock="10.77.3.4/16")["Vpc"]
    assert vpc["CidrBlock"] == "10.77.0.0/16"
    subnet = ec2.create_subnet(VpcId=vpc["VpcId"], CidrBlock="10.77.5.6/24")["Subnet"]
    assert subnet["CidrBlock"] == "10.77.5.0/24"


def test_a_new_subnet_is_no_default_one(ec2, network):
    subnet = ec2.create_subnet(VpcId=network.vpc, CidrBlock="10.1.200.0/24")["Subnet"]
    assert (subnet["MapPublicIpOnLaunch"], subnet["DefaultForAz"]) == (False, False)
    shown = ec2.describe_subnets(SubnetIds=[subnet["SubnetId"]])["Subnets"][0]
    assert (shown["MapPublicIpOnLaunch"], shown["DefaultForAz"]) == (False, False)
    assert shown["AvailabilityZone"] == "us-east-1a"


def test_a_zone_of_another_region_is_refused(ec2, network, refused):
    code, message = refused(
        ec2.create_subnet, VpcId=network.vpc, CidrBlock="10.1.201.0/24", AvailabilityZone="eu-west-1a"
    )
    assert code == "InvalidParameterValue"
    assert "us-east-1a" in message


def test_a_second_gateway_is_refused(ec2, network, refused):
    gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(2)]
    ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=network.vpc)
    code, message = refused(ec2.attach_internet_gateway, InternetGatewayId=gateways[1], VpcId=network.vpc)
    assert code == "InvalidParameterValue"
    assert message == f"Network {network.vpc} already has an internet gateway attached"
    ec2.detach_internet_gateway(InternetGatewayId=gateways[0], VpcId=network.vpc)


def test_a_subnet_has_one_route_table(ec2, network, refused):
    tables = [ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    association = ec2.associate_route_table(RouteTableId=tables[0], SubnetId=network.subnet)["AssociationId"]
    again = ec2.associate_route_table(RouteTableId=tables[0], SubnetId=network.subnet)["AssociationId"]
    assert again == association
    code, _ = refused(ec2.associate_route_table, RouteTableId=tables[1], SubnetId=network.subnet)
    assert code == "Resource.AlreadyAssociated"
    ec2.disassociate_route_table(AssociationId=association)


def test_what_is_asked_for_again_does_not_count_as_a_change(sandbox, ec2, network, refused):
    vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.77.1.0/24")["Subnet"]["SubnetId"]
    link = {"RouteTableId": ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"], "SubnetId": subnet}
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    group = ec2.create_security_group(GroupName="g", Description="g", VpcId=vpc)["GroupId"]
    rule = {"GroupId": group, "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "CidrIp": "10.0.0.0/8"}
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.authorize_security_group_ingress(**rule)
    association = ec2.associate_route_table(**link)["AssociationId"]
    before = sandbox.account.network_version
    assert ec2.associate_route_table(**link)["AssociationId"] == association
    for asked in (vpc, network.vpc):
        code, message = refused(ec2.attach_internet_gateway, InternetGatewayId=gateway, VpcId=asked)
        assert code == "Resource.AlreadyAssociated"
        assert message == f"resource {gateway} is already attached to network {vpc}"
    assert refused(ec2.authorize_security_group_ingress, **rule)[0] == "InvalidPermission.Duplicate"
    assert sandbox.account.network_version == before
    ec2.disassociate_route_table(AssociationId=association)
    assert sandbox.account.network_version > before
    ec2.detach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    ec2.delete_subnet(SubnetId=subnet)
    ec2.delete_route_table(RouteTableId=link["RouteTableId"])
    ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=vpc)


def test_routes_that_aws_refuses(ec2, network, refused):
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    loose = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ask = ec2.create_route
    anywhere = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    assert refused(ask, **anywhere)[0] == "MissingParameter"
    code, message = refused(ask, **anywhere, GatewayId=loose)
    assert code == "InvalidParameterValue"
    assert message == f"route table {table} and network gateway {loose} belong to different networks"
    inside = {"RouteTableId": table, "GatewayId": loose}
    assert refused(ask, **inside, DestinationCidrBlock="10.1.0.0/16")[0] == "RouteAlreadyExists"
    assert "more specific" in refused(ask, **inside, DestinationCidrBlock="10.1.4.0/24")[1]
    assert refused(ask, **inside, DestinationCidrBlock="nonsense")[0] == "InvalidParameterValue"
    local = refused(ec2.delete_route, RouteTableId=table, DestinationCidrBlock="10.1.0.0/16")
    assert local[1] == f"cannot remove local route 10.1.0.0/16 in route table {table}"


def test_a_new_acl_shows_its_two_deny_entries(ec2, network):
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]
    entry = {"CidrBlock": "0.0.0.0/0", "Protocol": "-1", "RuleAction": "deny", "RuleNumber": 32767}
    expected = [{**entry, "Egress": True}, {**entry, "Egress": False}]
    assert acl["Entries"] == expected
    shown = ec2.describe_network_acls(NetworkAclIds=[acl["NetworkAclId"]])["NetworkAcls"][0]
    assert shown["Entries"] == expected


def test_acl_entries_are_checked_and_protocols_are_numbers(ec2, network, refused):
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    entry = {
        "NetworkAclId": acl,
        "RuleNumber": 100,
        "Protocol": "6",
        "RuleAction": "allow",
        "Egress": False,
        "CidrBlock": "10.2.3.4/16",
        "PortRange": {"From": 22, "To": 22},
    }
    ec2.create_network_acl_entry(**entry)
    shown = ec2.describe_network_acls(NetworkAclIds=[acl])["NetworkAcls"][0]["Entries"]
    made = next(each for each in shown if each["RuleNumber"] == 100)
    assert (made["Protocol"], made["CidrBlock"]) == ("6", "10.2.0.0/16")
    ask = ec2.create_network_acl_entry
    assert refused(ask, **entry)[0] == "NetworkAclEntryAlreadyExists"
    assert refused(ask, **{**entry, "RuleNumber": 32767})[0] == "InvalidParameterValue"
    assert refused(ask, **{**entry, "RuleNumber": 101, "CidrBlock": "10/8"})[0] == "InvalidParameterValue"
    for act in (ask, ec2.replace_network_acl_entry):
        for word in ("bogus", "tcp", "ICMP", "all", "256", "-2", "٦"):
            told = refused(act, **{**entry, "Protocol": word})
            assert told == ("InvalidParameterValue", f"Invalid value '{word}' for IP protocol. Unknown protocol.")
    both = {**entry, "RuleNumber": 101, "Ipv6CidrBlock": "::/0"}
    assert refused(ask, **both)[0] == "InvalidParameterCombination"
    without_ports = {name: value for name, value in entry.items() if name != "PortRange"}
    assert refused(ask, **{**without_ports, "RuleNumber": 101})[0] == "MissingParameter"
    missing = refused(ec2.delete_network_acl_entry, NetworkAclId=acl, RuleNumber=7, Egress=False)
    assert missing[0] == "InvalidNetworkAclEntry.NotFound"
    unknown = refused(ec2.describe_network_acls, NetworkAclIds=["acl-0123456789abcdef0"])
    assert unknown[0] == "InvalidNetworkAclID.NotFound"


def test_replacing_an_acl_association(ec2, network, refused):
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    ask = ec2.replace_network_acl_association
    code, _ = refused(ask, AssociationId="aclassoc-0123456789abcdef0", NetworkAclId=acl)
    assert code == "InvalidAssociationID.NotFound"


def test_authorize_replies_with_all_new_rules(ec2, network):
    group = ec2.create_security_group(GroupName="many", Description="x", VpcId=network.vpc)["GroupId"]
    permissions = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.2.9.9/16"}]}
        for port in (22, 80, 443)
    ]
    permissions.append({"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": group}]})
    rules = ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)["SecurityGroupRules"]
    assert [each.get("FromPort") for each in rules] == [22, 80, 443, -1]
    assert {each["CidrIpv4"] for each in rules[:3]} == {"10.2.0.0/16"}
    assert rules[3]["ReferencedGroupInfo"]["GroupId"] == group
    out = ec2.authorize_security_group_egress(GroupId=group, IpPermissions=permissions[:2])["SecurityGroupRules"]
    assert [each["IsEgress"] for each in out] == [True, True]


def test_authorize_takes_all_rules_or_none(ec2, network, refused):
    group = ec2.create_security_group(GroupName="strict", Description="x", VpcId=network.vpc)["GroupId"]
    ssh = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
    web = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "10.2.0.0/16"}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[ssh])
    code, _ = refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[web, ssh])
    assert code == "InvalidPermission.Duplicate"
    shown = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    assert [each["FromPort"] for each in shown] == [22]
    bad = {**web, "IpRanges": [{"CidrIp": "10.0.0.0/40"}]}
    code, message = refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[bad])
    assert (code, message) == ("InvalidParameterValue", "CIDR block 10.0.0.0/40 is malformed")


def test_an_unknown_group_and_an_unknown_vpc(ec2, refused):
    code, message = refused(ec2.describe_security_groups, GroupIds=["sg-0123456789abcdef0"])
    assert code == "InvalidGroup.NotFound"
    assert message == "The security group 'sg-0123456789abcdef0' does not exist"
    missing = refused(ec2.create_security_group, GroupName="x", Description="x", VpcId="vpc-0123456789abcdef0")
    assert missing[0] == "InvalidVpcID.NotFound"


@pytest.mark.parametrize("which", ["a new VPC", "the default VPC"])
def test_a_default_group_lets_its_own_members_in(ec2, network, which):
    """What AWS makes with every VPC: all traffic from the group itself, all traffic out."""
    is_default = [{"Name": "is-default", "Values": ["true"]}]
    vpc = network.vpc if which == "a new VPC" else ec2.describe_vpcs(Filters=is_default)["Vpcs"][0]["VpcId"]
    wanted = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    group = ec2.describe_security_groups(Filters=wanted)["SecurityGroups"][0]
    (ingress,) = group["IpPermissions"]
    assert ingress["IpProtocol"] == "-1"
    assert not ingress["IpRanges"]
    assert [pair["GroupId"] for pair in ingress["UserIdGroupPairs"]] == [group["GroupId"]]
    (egress,) = group["IpPermissionsEgress"]
    assert [block["CidrIp"] for block in egress["IpRanges"]] == ["0.0.0.0/0"]


def test_a_vpc_goes_with_its_default_group(ec2, refused):
    vpc = ec2.create_vpc(CidrBlock="10.66.0.0/16")["Vpc"]["VpcId"]
    ec2.delete_vpc(VpcId=vpc)
    wanted = [{"Name": "vpc-id", "Values": [vpc]}]
    assert not ec2.describe_security_groups(Filters=wanted)["SecurityGroups"]


@pytest.mark.parametrize(
    ("permission", "words"),
    [
        (
            {"IpProtocol": "tcp"},
            "Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange.",
        ),
        ({"IpProtocol": "tcp", "FromPort": 80, "ToPort": 79}, "Invalid TCP/UDP port range (80:79)"),
        ({"IpProtocol": "udp", "FromPort": 1, "ToPort": 65536}, "TCP/UDP port (65536) out of range"),
        ({"IpProtocol": "icmp", "FromPort": 256, "ToPort": -1}, "ICMP type (256) out of range"),
        ({"IpProtocol": "ping", "FromPort": 1, "ToPort": 1}, "Invalid value 'ping' for IP protocol. Unknown protocol."),
        ({"IpProtocol": "256"}, "Invalid value '256' for IP protocol. Unknown protocol."),
    ],
)
def test_a_rule_that_aws_refuses(ec2, network, refused, permission, words):
    group = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["SecurityGroups"][0]
    ranges = {"IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    for action in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
        answer = refused(action, GroupId=group["GroupId"], IpPermissions=[{**permission, **ranges}])
        assert answer == ("InvalidParameterValue", words)
    flat = refused(ec2.authorize_security_group_ingress, GroupId=group["GroupId"], CidrIp="10.0.0.0/8", **permission)
    assert flat == ("InvalidParameterValue", words)


def test_a_call_without_a_rule_is_refused(ec2, network, refused):
    made = ec2.create_security_group(GroupName="no-rule", Description="x", VpcId=network.vpc)["GroupId"]
    assert refused(ec2.authorize_security_group_ingress, GroupId=made)[0] == "MissingParameter"


def test_protocols_are_names_and_replies_are_whole(ec2, network, refused):
    made = ec2.create_security_group(GroupName="whole", Description="x", VpcId=network.vpc)["GroupId"]
    given = [
        {"IpProtocol": "6", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.1.2.3/8"}]},
        {"IpProtocol": "-1", "FromPort": 5, "ToPort": 6, "Ipv6Ranges": [{"CidrIpv6": "2001:db8:0::/32"}]},
    ]
    told = ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=given)["SecurityGroupRules"]
    assert [each["IpProtocol"] for each in told] == ["tcp", "-1"]
    assert {each["GroupOwnerId"] for each in told} == {"123456789012"}
    for each in told:
        assert each["SecurityGroupRuleArn"].endswith(f":security-group-rule/{each['SecurityGroupRuleId']}")
    assert told[0]["CidrIpv4"] == "10.0.0.0/8"
    assert told[1]["CidrIpv6"] == "2001:db8::/32"
    shown = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])["SecurityGroupRules"]
    assert all(each in shown for each in told)
    gone = ec2.revoke_security_group_ingress(GroupId=made, IpPermissions=given[:1])["RevokedSecurityGroupRules"]
    assert [each["SecurityGroupRuleId"] for each in gone] == [told[0]["SecurityGroupRuleId"]]
    code, _ = refused(
        ec2.revoke_security_group_ingress, GroupId=made, SecurityGroupRuleIds=[told[0]["SecurityGroupRuleId"]]
    )
    assert code == "InvalidSecurityGroupRuleId.NotFound"


@pytest.mark.parametrize(
    ("tags", "words"),
    [
        ([{"Key": "aws:mine", "Value": "x"}], "reserved"),
        ([{"Key": "a", "Value": "x"}, {"Key": "a", "Value": "y"}], "Duplicate tag key 'a'"),
        ([{"Key": "k" * 129, "Value": "x"}], "between 1 and 128"),
        ([{"Key": "k", "Value": "v" * 257}], "256"),
    ],
)
def test_tags_that_aws_refuses(ec2, network, refused, tags, words):
    later = refused(ec2.create_tags, Resources=[network.vpc], Tags=tags)
    at_once = refused(
        ec2.create_route_table,
        VpcId=network.vpc,
        TagSpecifications=[{"ResourceType": "route-table", "Tags": tags}],
    )
    for code, message in (later, at_once):
        assert code == "InvalidParameterValue"
        assert words in message


@pytest.mark.parametrize(
    "action",
    [
        "describe_vpcs",
        "describe_subnets",
        "describe_security_groups",
        "describe_security_group_rules",
        "describe_network_acls",
        "describe_route_tables",
        "describe_internet_gateways",
        "describe_vpc_peering_connections",
        "describe_instances",
        "describe_instance_status",
        "describe_network_interfaces",
        "describe_flow_logs",
        "describe_tags",
        "describe_images",
    ],
)
def test_a_filter_that_ec2_does_not_know_is_refused(ec2, refused, action):
    answer = refused(getattr(ec2, action), Filters=[{"Name": "vpc_id", "Values": ["vpc-1"]}])
    assert answer == ("InvalidParameterValue", "The filter 'vpc_id' is invalid")


def test_a_filter_that_moto_cannot_is_not_simulated(ec2, refused):
    code, _ = refused(ec2.describe_security_groups, Filters=[{"Name": "ip-permission.ipv6-cidr", "Values": ["x"]}])
    assert code == "UnsupportedOperation"


def test_filters_with_other_names_and_tags_pass(ec2, network):
    found = ec2.describe_subnets(Filters=[{"Name": "cidrBlock", "Values": ["10.1.1.0/24"]}])["Subnets"]
    assert [each["SubnetId"] for each in found] == [network.subnet]
    assert ec2.describe_vpcs(Filters=[{"Name": "tag:Nobody", "Values": ["*"]}])["Vpcs"] == []
    assert ec2.describe_vpcs(Filters=[{"Name": "tag-key", "Values": ["nobody"]}])["Vpcs"] == []
