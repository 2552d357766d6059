"""What cleanup meets: things in use are not deleted."""

import pytest

from tests.sandbox.control.conftest import build


@pytest.fixture
def network(sandbox):
    made = build(sandbox, "10.4.0.0/16")
    yield made
    empty(made)


def empty(network):
    """Take the network down in the right order; also a test that the right order works."""
    ec2, inside = network.ec2, [{"Name": "vpc-id", "Values": [network.vpc]}]
    found = ec2.describe_instances(Filters=inside)["Reservations"]
    ids = [each["InstanceId"] for reservation in found for each in reservation["Instances"]]
    if ids:
        ec2.terminate_instances(InstanceIds=ids)
        ec2.describe_instances(InstanceIds=ids)
    for each in ec2.describe_network_interfaces(Filters=inside)["NetworkInterfaces"]:
        ec2.delete_network_interface(NetworkInterfaceId=each["NetworkInterfaceId"])
    attached = [{"Name": "attachment.vpc-id", "Values": [network.vpc]}]
    for each in ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=each["InternetGatewayId"], VpcId=network.vpc)
    for each in ec2.describe_subnets(Filters=inside)["Subnets"]:
        ec2.delete_subnet(SubnetId=each["SubnetId"])
    tables = ec2.describe_route_tables(Filters=inside)["RouteTables"]
    for table_id in [each["RouteTableId"] for each in tables if not each["Associations"]]:
        ec2.delete_route_table(RouteTableId=table_id)
    acls = ec2.describe_network_acls(Filters=inside)["NetworkAcls"]
    for acl_id in [each["NetworkAclId"] for each in acls if not each["IsDefault"]]:
        ec2.delete_network_acl(NetworkAclId=acl_id)
    groups = ec2.describe_security_groups(Filters=inside)["SecurityGroups"]
    for group_id in [each["GroupId"] for each in groups if each["GroupName"] != "default"]:
        ec2.delete_security_group(GroupId=group_id)
    ec2.delete_vpc(VpcId=network.vpc)


def group(network, name):
    return network.ec2.create_security_group(GroupName=name, Description="x", VpcId=network.vpc)["GroupId"]


def test_a_group_in_use_by_an_interface(network, refused):
    used = group(network, "used")
    instance = network.launch(SecurityGroupIds=[used])["InstanceId"]
    network.state(instance)
    code, message = refused(network.ec2.delete_security_group, GroupId=used)
    assert (code, message) == ("DependencyViolation", f"resource {used} has a dependent object")
    network.ec2.terminate_instances(InstanceIds=[instance])
    assert refused(network.ec2.delete_security_group, GroupId=used)[0] == "DependencyViolation"
    network.ec2.delete_security_group(GroupId=used)


def test_a_group_named_in_another_groups_rules(network, refused):
    named, naming = group(network, "named"), group(network, "naming")
    permission = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": named}]}]
    network.ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=permission)
    network.ec2.authorize_security_group_ingress(GroupId=named, IpPermissions=permission)
    assert refused(network.ec2.delete_security_group, GroupId=named)[0] == "DependencyViolation"
    network.ec2.revoke_security_group_ingress(GroupId=naming, IpPermissions=permission)
    network.ec2.delete_security_group(GroupId=named)


def test_a_group_named_by_a_peer_goes_and_leaves_a_stale_rule(network):
    """EC2 API Reference, DeleteSecurityGroup: only references of the same VPC hold a group back."""
    ec2 = network.ec2
    named = group(network, "named-by-peer")
    peer_vpc = ec2.create_vpc(CidrBlock="10.77.0.0/16")["Vpc"]["VpcId"]
    naming = ec2.create_security_group(GroupName="naming", Description="x", VpcId=peer_vpc)["GroupId"]
    made = ec2.create_vpc_peering_connection(VpcId=peer_vpc, PeerVpcId=network.vpc)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.describe_vpc_peering_connections(VpcPeeringConnectionIds=[peering])
    permission = [{"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "UserIdGroupPairs": [{"GroupId": named}]}]
    ec2.authorize_security_group_ingress(GroupId=naming, IpPermissions=permission)
    ec2.delete_security_group(GroupId=named)
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [naming]}])["SecurityGroupRules"]
    (rule,) = [each for each in rules if not each["IsEgress"]]
    assert rule["ReferencedGroupInfo"]["GroupId"] == named
    ec2.revoke_security_group_ingress(GroupId=naming, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"]])
    ec2.delete_security_group(GroupId=naming)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.delete_vpc(VpcId=peer_vpc)


def test_the_default_group(network, refused):
    inside = [{"Name": "vpc-id", "Values": [network.vpc]}]
    default = network.ec2.describe_security_groups(Filters=inside)["SecurityGroups"][0]["GroupId"]
    assert refused(network.ec2.delete_security_group, GroupId=default)[0] == "CannotDelete"


def test_a_subnet_with_an_interface(network, refused):
    interface = network.ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]
    code, message = refused(network.ec2.delete_subnet, SubnetId=network.subnet)
    assert code == "DependencyViolation"
    assert message == f"The subnet '{network.subnet}' has dependencies and cannot be deleted."
    network.ec2.delete_network_interface(NetworkInterfaceId=interface["NetworkInterfaceId"])
    network.ec2.delete_subnet(SubnetId=network.subnet)


def test_trying_again_while_an_instance_leaves_succeeds(network, refused):
    instance = network.launch()["InstanceId"]
    network.ec2.terminate_instances(InstanceIds=[instance])
    assert refused(network.ec2.delete_subnet, SubnetId=network.subnet)[0] == "DependencyViolation"
    network.ec2.delete_subnet(SubnetId=network.subnet)


def test_an_interface_in_use(network, refused):
    instance = network.launch()
    network.state(instance["InstanceId"])
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    code, message = refused(network.ec2.delete_network_interface, NetworkInterfaceId=interface)
    assert code == "InvalidParameterValue"
    assert message == f"Network interface '{interface}' is currently in use."


def test_a_vpc_with_content(network, refused):
    ec2 = network.ec2
    words = f"The vpc '{network.vpc}' has dependencies and cannot be deleted."
    assert refused(ec2.delete_vpc, VpcId=network.vpc) == ("DependencyViolation", words)
    ec2.delete_subnet(SubnetId=network.subnet)
    extra = group(network, "extra")
    assert refused(ec2.delete_vpc, VpcId=network.vpc)[0] == "DependencyViolation"
    ec2.delete_security_group(GroupId=extra)
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    assert refused(ec2.delete_vpc, VpcId=network.vpc)[0] == "DependencyViolation"
    ec2.delete_network_acl(NetworkAclId=acl)
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    assert refused(ec2.delete_vpc, VpcId=network.vpc)[0] == "DependencyViolation"
    ec2.delete_route_table(RouteTableId=table)
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    assert refused(ec2.delete_vpc, VpcId=network.vpc)[0] == "DependencyViolation"


def test_a_vpc_with_an_active_peering(network, refused):
    ec2 = network.ec2
    other = ec2.create_vpc(CidrBlock="10.5.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_peering_connection(VpcId=network.vpc, PeerVpcId=other)["VpcPeeringConnection"]
    peering = made["VpcPeeringConnectionId"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering)
    assert refused(ec2.delete_vpc, VpcId=other)[0] == "DependencyViolation"
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering)
    ec2.delete_vpc(VpcId=other)


def test_an_attached_gateway(network, refused):
    gateway = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    network.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    code, message = refused(network.ec2.delete_internet_gateway, InternetGatewayId=gateway)
    assert code == "DependencyViolation"
    assert message == f"The internetGateway '{gateway}' has dependencies and cannot be deleted."


def test_a_gateway_with_mapped_public_addresses(network, refused):
    gateway = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    network.ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=network.vpc)
    instance = network.launch(
        SubnetId=None,
        NetworkInterfaces=[{"DeviceIndex": 0, "SubnetId": network.subnet, "AssociatePublicIpAddress": True}],
    )["InstanceId"]
    network.state(instance)
    code, message = refused(network.ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=network.vpc)
    assert code == "DependencyViolation"
    assert message.startswith(f"Network {network.vpc} has some mapped public address(es).")
    other = network.ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    code, _ = refused(network.ec2.detach_internet_gateway, InternetGatewayId=other, VpcId=network.vpc)
    assert code == "Gateway.NotAttached"


def test_an_associated_route_table(network, refused):
    ec2 = network.ec2
    table = ec2.create_route_table(VpcId=network.vpc)["RouteTable"]["RouteTableId"]
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=network.subnet)["AssociationId"]
    code, message = refused(ec2.delete_route_table, RouteTableId=table)
    assert code == "DependencyViolation"
    assert message == f"The routeTable '{table}' has dependencies and cannot be deleted."
    ec2.disassociate_route_table(AssociationId=association)


def test_the_main_route_table(network, refused):
    inside = [{"Name": "vpc-id", "Values": [network.vpc]}]
    main = network.ec2.describe_route_tables(Filters=inside)["RouteTables"][0]["RouteTableId"]
    assert refused(network.ec2.delete_route_table, RouteTableId=main)[0] == "DependencyViolation"


def test_an_associated_acl_and_the_default_one(network, refused):
    ec2 = network.ec2
    default = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [network.vpc]}])["NetworkAcls"][0]
    assert refused(ec2.delete_network_acl, NetworkAclId=default["NetworkAclId"])[0] == "InvalidParameterValue"
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    association = default["Associations"][0]["NetworkAclAssociationId"]
    ec2.replace_network_acl_association(AssociationId=association, NetworkAclId=acl)
    code, message = refused(ec2.delete_network_acl, NetworkAclId=acl)
    assert code == "DependencyViolation"
    assert message == f"The networkAcl '{acl}' has dependencies and cannot be deleted."
