"""Quotas of the network: entries of an ACL, groups, addresses, what an instance type carries; addresses in use."""

import pytest

from helpers.sandbox.ec2.limits import GROUPS_PER_INTERFACE
from helpers.sandbox.ec2.network_acls import ENTRIES_PER_DIRECTION


@pytest.fixture(scope="module")
def groups(ec2, network):
    return [
        ec2.create_security_group(GroupName=f"many-{n}", Description="d", VpcId=network.vpc)["GroupId"]
        for n in range(GROUPS_PER_INTERFACE + 1)
    ]


def test_an_acl_takes_twenty_entries_each_way(ec2, network, refused):
    acl = ec2.create_network_acl(VpcId=network.vpc)["NetworkAcl"]["NetworkAclId"]
    entry = {"NetworkAclId": acl, "Protocol": "-1", "RuleAction": "allow", "CidrBlock": "10.0.0.0/8"}
    for number in range(1, ENTRIES_PER_DIRECTION + 1):
        ec2.create_network_acl_entry(**entry, RuleNumber=number, Egress=False)
    one_more = {**entry, "RuleNumber": 100, "Egress": False}
    answer = refused(ec2.create_network_acl_entry, **one_more)
    assert answer == ("NetworkAclEntryLimitExceeded", "The maximum number of network ACL entries has been reached.")
    assert refused(ec2.create_network_acl_entry, **one_more, DryRun=True)[0] == "DryRunOperation"
    ec2.create_network_acl_entry(**{**one_more, "Egress": True})
    ec2.replace_network_acl_entry(**{**entry, "RuleNumber": 20, "Egress": False, "CidrBlock": "10.9.0.0/16"})


def test_an_interface_has_five_groups(ec2, network, refused, groups):
    code, message = refused(ec2.create_network_interface, SubnetId=network.subnet, Groups=groups)
    assert code == "SecurityGroupsPerInterfaceLimitExceeded"
    assert message == "The maximum number of security groups per interface has been reached."
    made = ec2.create_network_interface(SubnetId=network.subnet, Groups=groups[1:])["NetworkInterface"]
    answer = refused(
        ec2.modify_network_interface_attribute, NetworkInterfaceId=made["NetworkInterfaceId"], Groups=groups
    )
    assert answer == (code, message)


def test_an_instance_is_launched_with_five_groups(ec2, network, refused, groups):
    launch = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    answer = refused(ec2.run_instances, **launch, SubnetId=network.subnet, SecurityGroupIds=groups)
    assert answer[0] == "SecurityGroupsPerInstanceLimitExceeded"
    interface = {"DeviceIndex": 0, "SubnetId": network.subnet, "Groups": groups}
    assert refused(ec2.run_instances, **launch, NetworkInterfaces=[interface]) == answer
    instance = network.launch(SecurityGroupIds=groups[1:])["InstanceId"]
    assert refused(ec2.modify_instance_attribute, InstanceId=instance, Groups=groups) == answer


@pytest.mark.parametrize(("kind", "carries"), [("t3.micro", 2), ("t3.medium", 3)])
def test_an_instance_type_carries_so_many_interfaces(ec2, network, refused, kind, carries):
    instance = network.launch(InstanceType=kind)["InstanceId"]
    network.state(instance)
    for index in range(1, carries + 1):
        interface = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]["NetworkInterfaceId"]
        asked = {"InstanceId": instance, "NetworkInterfaceId": interface, "DeviceIndex": index}
        if index < carries:
            ec2.attach_network_interface(**asked)
    answer = ("AttachmentLimitExceeded", f"Interface count {carries + 1} exceeds the limit for {kind}")
    assert refused(ec2.attach_network_interface, **asked) == answer
    places = [{"DeviceIndex": index, "SubnetId": network.subnet} for index in range(carries + 1)]
    launch = {"ImageId": network.image, "InstanceType": kind, "MinCount": 1, "MaxCount": 1}
    assert refused(ec2.run_instances, **launch, NetworkInterfaces=places) == answer


def test_an_instance_type_carries_so_many_addresses(ec2, network, refused):
    place = {"DeviceIndex": 0, "SubnetId": network.subnet, "SecondaryPrivateIpAddressCount": 2}
    launch = {"ImageId": network.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1}
    code, message = refused(ec2.run_instances, **launch, NetworkInterfaces=[place])
    assert (code, message) == (
        "InvalidInterface.IpAddressLimitExceeded",
        "Number of private addresses will exceed limit.",
    )


def test_a_region_has_five_elastic_addresses(ec2, refused):
    held = [ec2.allocate_address()["AllocationId"] for _ in range(5)]
    answer = refused(ec2.allocate_address)
    assert answer == ("AddressLimitExceeded", "The maximum number of addresses has been reached.")
    ec2.release_address(AllocationId=held[0])
    held[0] = ec2.allocate_address()["AllocationId"]
    for allocation in held:
        ec2.release_address(AllocationId=allocation)


# --- addresses in use -------------------------------------------------------------------------------------------


@pytest.fixture
def address(ec2):
    made = ec2.allocate_address()
    yield made
    for held in ec2.describe_addresses()["Addresses"]:
        if held.get("AssociationId"):
            ec2.disassociate_address(AssociationId=held["AssociationId"])
        ec2.release_address(AllocationId=held["AllocationId"])


def test_a_vpc_without_a_way_out_takes_no_address(ec2, network, refused, address):
    instance = network.launch()
    answer = ("Gateway.NotAttached", f"Network {network.vpc} is not attached to any internet gateway")
    asked = {"AllocationId": address["AllocationId"]}
    assert refused(ec2.associate_address, **asked, InstanceId=instance["InstanceId"]) == answer
    interface = instance["NetworkInterfaces"][0]["NetworkInterfaceId"]
    assert refused(ec2.associate_address, **asked, NetworkInterfaceId=interface) == answer


def test_an_address_in_use_is_not_released(ec2, refused, address, sandbox):
    vpc = ec2.create_vpc(CidrBlock="10.91.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.91.1.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    interface = ec2.create_network_interface(SubnetId=subnet)["NetworkInterface"]["NetworkInterfaceId"]
    allocation = {"AllocationId": address["AllocationId"]}
    association = ec2.associate_address(**allocation, NetworkInterfaceId=interface)["AssociationId"]
    answer = refused(ec2.release_address, **allocation)
    assert answer == ("InvalidIPAddress.InUse", f"Address {address['PublicIp']} is in use.")
    assert ec2.describe_addresses(AllocationIds=[address["AllocationId"]])["Addresses"][0]["AssociationId"]
    ec2.disassociate_address(AssociationId=association)
    ec2.release_address(**allocation)


def test_in_the_default_vpc_a_release_disassociates(ec2, address):
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    interface = ec2.create_network_interface(SubnetId=default)["NetworkInterface"]["NetworkInterfaceId"]
    ec2.associate_address(AllocationId=address["AllocationId"], NetworkInterfaceId=interface)
    ec2.release_address(AllocationId=address["AllocationId"])
    shown = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
    assert "Association" not in shown


def test_an_address_moves_unless_that_is_forbidden(ec2, refused, address):
    default = ec2.describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])["Subnets"][0]["SubnetId"]
    first, second = (
        ec2.create_network_interface(SubnetId=default)["NetworkInterface"]["NetworkInterfaceId"] for _ in range(2)
    )

    def public(interface):
        shown = ec2.describe_network_interfaces(NetworkInterfaceIds=[interface])["NetworkInterfaces"][0]
        return shown.get("Association", {}).get("PublicIp")

    mine, other = address, ec2.allocate_address()
    ec2.associate_address(AllocationId=mine["AllocationId"], NetworkInterfaceId=first)
    ec2.associate_address(AllocationId=mine["AllocationId"], NetworkInterfaceId=first)
    ec2.associate_address(AllocationId=other["AllocationId"], NetworkInterfaceId=second)
    forbidden = {"AllocationId": mine["AllocationId"], "NetworkInterfaceId": second, "AllowReassociation": False}
    assert refused(ec2.associate_address, **forbidden)[0] == "Resource.AlreadyAssociated"
    assert (public(first), public(second)) == (mine["PublicIp"], other["PublicIp"])
    ec2.associate_address(AllocationId=mine["AllocationId"], NetworkInterfaceId=second)
    assert (public(first), public(second)) == (None, mine["PublicIp"])
    free = ec2.describe_addresses(AllocationIds=[other["AllocationId"]])["Addresses"][0]
    assert "AssociationId" not in free
