"""Security groups as AWS takes them: names, descriptions, sources, and rules that name other groups."""

import pytest

NAMES = "Invalid security group name. Valid names are strings less than 256 characters from the following set:  "
SET = "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
TEXTS = "Invalid security group description. Valid descriptions are strings less than 256 characters from the "
OTHER_NETWORKS = ("InvalidGroup.NotFound", "You have specified two resources that belong to different networks.")
TWICE = ("InvalidParameterValue", "The same permission must not appear multiple times")
NO_SOURCE = ("MissingParameter", "Missing source specification: include source security group or CIDR information")
_count = iter(range(10_000))


def new_group(ec2, vpc):
    return ec2.create_security_group(GroupName=f"g-{next(_count)}", Description="x", VpcId=vpc)["GroupId"]


def tcp(*blocks, port=22, **more):
    ranges = [{"CidrIp": block} for block in blocks]
    return {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": ranges, **more}


def from_group(group, port=5432):
    return tcp(port=port, UserIdGroupPairs=[{"GroupId": group}])


# --- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "description", "message"),
    [
        (
            "sg-web",
            "d",
            "Value (sg-web) for parameter GroupName is invalid. Group names may not be in the format sg-*.",
        ),
        ("SG-1", "d", "Value (SG-1) for parameter GroupName is invalid. Group names may not be in the format sg-*."),
        ("w|b", "d", NAMES + SET),
        ("x" * 256, "d", NAMES + SET),
        ("wéb", "d", "Value (wéb) for parameter GroupName is invalid. Character sets beyond ASCII are not supported."),
        (
            "web",
            "für",
            "Value (für) for parameter GroupDescription is invalid. Character sets beyond ASCII are not supported.",
        ),
        ("web", "the learner's", TEXTS + "following set:  " + SET),
        ("web", "x" * 256, TEXTS + "following set:  " + SET),
        ("default", "d", "Cannot use reserved security group name: default"),
    ],
)
def test_a_name_or_description_that_aws_refuses(ec2, network, refused, name, description, message):
    asked = {"GroupName": name, "Description": description, "VpcId": network.vpc}
    assert refused(ec2.create_security_group, **asked) == ("InvalidParameterValue", message)
    assert refused(ec2.create_security_group, **asked, DryRun=True) == ("InvalidParameterValue", message)


def test_names_are_unique_in_a_vpc_whatever_their_case(ec2, network, refused):
    ec2.create_security_group(GroupName="Web: (a) _#@[]+=&;{}!$*", Description=SET, VpcId=network.vpc)
    again = {"GroupName": "WEB: (A) _#@[]+=&;{}!$*", "Description": "d", "VpcId": network.vpc}
    message = f"The security group '{again['GroupName']}' already exists for VPC '{network.vpc}'"
    assert refused(ec2.create_security_group, **again) == ("InvalidGroup.Duplicate", message)
    other = ec2.create_vpc(CidrBlock="10.71.0.0/16")["Vpc"]["VpcId"]
    assert ec2.create_security_group(**again | {"VpcId": other})["GroupId"]


@pytest.mark.parametrize("text", ["für alle", "it's", "a|b", "x" * 256])
def test_a_rule_description_that_aws_refuses(ec2, network, refused, text):
    rule = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.0.0.0/8", "Description": text}]}
    code, message = refused(
        ec2.authorize_security_group_ingress, GroupId=new_group(ec2, network.vpc), IpPermissions=[rule]
    )
    assert code == "InvalidParameterValue" and message.startswith("Invalid rule description. Valid descriptions are")


# --- rules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["ingress", "egress"])
@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (tcp("10.0.0.0/8"), "peer: 10.0.0.0/8, TCP, from port: 22, to port: 22, ALLOW"),
        (
            {"IpProtocol": "udp", "FromPort": 1, "ToPort": 9, "Ipv6Ranges": [{"CidrIpv6": "::/0"}]},
            "peer: ::/0, UDP, from port: 1, to port: 9, ALLOW",
        ),
        (
            {"IpProtocol": "icmp", "FromPort": 8, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]},
            "peer: 0.0.0.0/0, ICMP, type: 8, code: ALL, ALLOW",
        ),
        ({"IpProtocol": "-1", "IpRanges": [{"CidrIp": "10.9.0.0/16"}]}, "peer: 10.9.0.0/16, ALL, ALLOW"),
    ],
    ids=["tcp", "udp6", "icmp", "all"],
)
def test_a_rule_that_is_there_is_named(ec2, network, refused, way, rule, words):
    group, authorize = new_group(ec2, network.vpc), getattr(ec2, f"authorize_security_group_{way}")
    authorize(GroupId=group, IpPermissions=[rule])
    before = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    more = tcp("192.0.2.0/24", port=4)
    message = f'the specified rule "{words}" already exists'
    assert refused(authorize, GroupId=group, IpPermissions=[more, rule]) == ("InvalidPermission.Duplicate", message)
    assert refused(authorize, GroupId=group, IpPermissions=[rule], DryRun=True)[0] == "DryRunOperation"
    after = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroupRules"]
    assert after == before


def test_a_rule_of_the_older_form_and_of_a_group_is_named_too(ec2, network, refused):
    group, other = new_group(ec2, network.vpc), new_group(ec2, network.vpc)
    older = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "CidrIp": "10.0.0.0/8"}
    ec2.authorize_security_group_ingress(GroupId=group, **older)
    words = 'the specified rule "peer: 10.0.0.0/8, TCP, from port: 80, to port: 80, ALLOW" already exists'
    assert refused(ec2.authorize_security_group_ingress, GroupId=group, **older)[1] == words
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[from_group(other)])
    message = refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[from_group(other)])[1]
    assert f"peer: {other}, TCP, from port: 5432, to port: 5432, ALLOW" in message


@pytest.mark.parametrize(
    "rules",
    [
        [tcp("10.0.0.0/8", "10.0.0.0/8")],
        [tcp("10.0.0.0/8"), tcp("10.1.2.3/8")],
        [{"IpProtocol": "6", **{k: v for k, v in tcp("10.0.0.0/8").items() if k != "IpProtocol"}}, tcp("10.0.0.0/8")],
    ],
)
def test_the_same_permission_twice_in_a_call(ec2, network, refused, rules):
    group = new_group(ec2, network.vpc)
    assert refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=rules) == TWICE
    assert refused(ec2.authorize_security_group_egress, GroupId=group, IpPermissions=rules) == TWICE


def test_ports_without_a_source_are_refused(ec2, network, refused):
    group, ports = new_group(ec2, network.vpc), {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22}
    assert refused(ec2.authorize_security_group_ingress, GroupId=group, **ports) == NO_SOURCE
    assert refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[ports]) == NO_SOURCE
    assert refused(ec2.authorize_security_group_egress, GroupId=group, IpPermissions=[tcp()]) == NO_SOURCE


def test_a_deleted_group_is_named_in_the_reply(ec2, network):
    group = new_group(ec2, network.vpc)
    reply = ec2.delete_security_group(GroupId=group)
    assert (reply["Return"], reply["GroupId"]) == (True, group)


# --- rules that name groups of another VPC --------------------------------------------------------------------------


@pytest.fixture
def pair(ec2, network):
    """A group in the network's VPC and one in another VPC, which the test may peer."""
    other = ec2.create_vpc(CidrBlock="10.72.0.0/16")["Vpc"]["VpcId"]
    groups = new_group(ec2, network.vpc), new_group(ec2, other)
    yield (*groups, other)
    connections = ec2.describe_vpc_peering_connections(Filters=[{"Name": "status-code", "Values": ["active"]}])
    for connection in connections["VpcPeeringConnections"]:
        ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=connection["VpcPeeringConnectionId"])
    for group in groups:
        for way, member in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
            shown = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroups"]
            if shown and shown[0][member]:
                getattr(ec2, f"revoke_security_group_{way}")(GroupId=group, IpPermissions=shown[0][member])
    for group in groups:
        if ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": [group]}])["SecurityGroups"]:
            ec2.delete_security_group(GroupId=group)
    ec2.delete_vpc(VpcId=other)


def peer(ec2, vpc, other):
    connection = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    peering = connection["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])
    return peering


@pytest.mark.parametrize("way", ["ingress", "egress"])
def test_a_group_of_a_vpc_that_is_not_peered_cannot_be_named(ec2, network, refused, pair, way):
    group, far, other = pair
    authorize = getattr(ec2, f"authorize_security_group_{way}")
    assert refused(authorize, GroupId=group, IpPermissions=[from_group(far)]) == OTHER_NETWORKS
    asked = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    assert refused(authorize, GroupId=group, IpPermissions=[from_group(far)]) == OTHER_NETWORKS
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=asked["VpcPeeringConnectionId"])
    peer(ec2, network.vpc, other)
    assert authorize(GroupId=group, IpPermissions=[from_group(far)])["Return"]


def test_a_group_that_is_not_there_cannot_be_named(ec2, network, refused, pair):
    unknown = "sg-0123456789abcdef0"
    assert refused(ec2.authorize_security_group_ingress, GroupId=pair[0], IpPermissions=[from_group(unknown)]) == (
        "InvalidGroup.NotFound",
        f"The security group '{unknown}' does not exist",
    )


def test_a_rule_is_stale_once_the_peering_is_gone(ec2, network, pair, sandbox):
    group, far, other = pair
    peering = peer(ec2, network.vpc, other)
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[from_group(far), tcp("10.0.0.0/8")])
    stale = ec2.describe_stale_security_groups(VpcId=network.vpc)["StaleSecurityGroupSet"]
    assert stale == []
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    sandbox.advance(3 * 3600)
    stale = ec2.describe_stale_security_groups(VpcId=network.vpc)["StaleSecurityGroupSet"]
    assert [found["GroupId"] for found in stale] == [group] and stale[0]["StaleIpPermissionsEgress"] == []
    rule = stale[0]["StaleIpPermissions"][0]
    assert (rule["FromPort"], rule["ToPort"], rule["IpProtocol"]) == (5432, 5432, "tcp")
    assert rule["UserIdGroupPairs"] == [
        {
            "GroupId": far,
            "PeeringStatus": "deleted",
            "UserId": "123456789012",
            "VpcId": other,
            "VpcPeeringConnectionId": peering,
        }
    ]
    assert ec2.describe_stale_security_groups(VpcId=other)["StaleSecurityGroupSet"] == []


def test_a_rule_is_stale_once_the_peers_group_is_gone(ec2, network, refused, pair):
    group, far, other = pair
    peer(ec2, network.vpc, other)
    ec2.authorize_security_group_egress(GroupId=group, IpPermissions=[from_group(far)])
    ec2.delete_security_group(GroupId=far)
    stale = ec2.describe_stale_security_groups(VpcId=network.vpc)["StaleSecurityGroupSet"]
    assert stale[0]["StaleIpPermissionsEgress"][0]["UserIdGroupPairs"][0]["PeeringStatus"] == "active"
    assert refused(ec2.describe_stale_security_groups, VpcId="vpc-0123456789abcdef0")[0] == "InvalidVpcID.NotFound"
    ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[from_group(far)])
    assert ec2.describe_stale_security_groups(VpcId=network.vpc)["StaleSecurityGroupSet"] == []


# --- names in place of ids --------------------------------------------------------------------------------------


def test_a_name_alone_means_a_group_of_the_default_vpc(ec2, network, refused):
    group = new_group(ec2, network.vpc)
    ec2.create_security_group(GroupName="only-here", Description="x", VpcId=network.vpc)
    nowhere = ("InvalidGroup.NotFound", "The security group 'only-here' does not exist in default VPC")
    by_name = tcp(UserIdGroupPairs=[{"GroupName": "only-here"}])
    assert refused(ec2.authorize_security_group_ingress, GroupId=group, IpPermissions=[by_name]) == nowhere
    assert refused(ec2.delete_security_group, GroupName="only-here") == nowhere
    assert (
        refused(ec2.authorize_security_group_ingress, GroupName="only-here", IpPermissions=[tcp("10.0.0.0/8")])
        == nowhere
    )
    other = ec2.create_security_group(GroupName="by-name", Description="x")["GroupId"]
    same = {"GroupName": "by-name", "IpPermissions": [tcp(UserIdGroupPairs=[{"GroupName": "by-name"}])]}
    rules = ec2.authorize_security_group_ingress(**same)["SecurityGroupRules"]
    assert [rule["ReferencedGroupInfo"]["GroupId"] for rule in rules] == [other]
    assert refused(ec2.authorize_security_group_ingress, **same)[0] == "InvalidPermission.Duplicate"
    gone = ec2.delete_security_group(GroupName="by-name")
    assert (gone["Return"], gone["GroupId"]) == (True, other)


def test_a_group_in_use_stays_also_by_its_name(ec2, network, refused):
    code, _ = refused(ec2.delete_security_group, GroupName="default")
    assert code == "CannotDelete"


def test_a_group_has_to_be_named(ec2, unchecked, network, refused):
    nothing = ("MissingParameter", "The request must contain the parameter groupName or groupId")
    assert refused(unchecked.delete_security_group) == nothing
    missing = ("MissingParameter", "The request must contain the parameter GroupName")
    assert refused(ec2.create_security_group, GroupName="", Description="x", VpcId=network.vpc) == missing


def test_a_rule_needs_a_prefix_list_that_exists(ec2, network, refused):
    rule = {"IpProtocol": "-1", "PrefixListIds": [{"PrefixListId": "pl-0123456789abcdef0"}]}
    for authorize in (ec2.authorize_security_group_ingress, ec2.authorize_security_group_egress):
        answer = refused(authorize, GroupId=new_group(ec2, network.vpc), IpPermissions=[rule])
        assert answer == (
            "InvalidPrefixListID.NotFound",
            "The prefix list ID 'pl-0123456789abcdef0' does not exist",
        )
