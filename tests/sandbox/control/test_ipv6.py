"""IPv6 in the control plane: routes beside an IPv6 block, addresses of interfaces, what a block adds to ACLs."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.sandbox.control.conftest import IMAGE_PARAMETER

EVERYWHERE, EVERYWHERE6 = "0.0.0.0/0", "::/0"
TARGETS = ("gateway", "peering")
PARAMETERS = {"gateway": "GatewayId", "peering": "VpcPeeringConnectionId"}


@dataclass
class Six:
    """A VPC with an IPv6 block, one subnet with its part of it and one without, and something of every target."""

    ec2: Any
    image: str
    vpc: str
    block: str
    subnet: str
    subnet_block: str
    ipv4_only: str
    targets: dict[str, str]

    def table(self) -> str:
        return str(self.ec2.create_route_table(VpcId=self.vpc)["RouteTable"]["RouteTableId"])

    def routes(self, table: str) -> dict[str, str]:
        """The destinations of a table, each with its target."""
        routes = self.ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Routes"]
        return {
            next(route[key] for key in route if key.startswith("Destination")): next(
                route[key] for key in PARAMETERS.values() if key in route
            )
            for route in routes
        }

    def launch(self, **params: Any) -> list[dict[str, Any]]:
        """The interfaces of new instances."""
        asked = {"ImageId": self.image, "InstanceType": "t3.micro", "MinCount": 1, "MaxCount": 1, **params}
        made = self.ec2.run_instances(**asked)["Instances"]
        return [interface for instance in made for interface in instance["NetworkInterfaces"]]

    def addresses(self, interface: dict[str, Any]) -> list[str]:
        """What an interface holds, as ``DescribeNetworkInterfaces`` tells."""
        shown = self.ec2.describe_network_interfaces(NetworkInterfaceIds=[interface["NetworkInterfaceId"]])
        return [item["Ipv6Address"] for item in shown["NetworkInterfaces"][0].get("Ipv6Addresses", [])]


@pytest.fixture(scope="module")
def six(sandbox: Any) -> Iterator[Six]:
    ec2 = sandbox.client("ec2")
    image = sandbox.client("ssm").get_parameter(Name=IMAGE_PARAMETER)["Parameter"]["Value"]
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
    block = blocks(ec2, vpc)[0]
    subnet_block = block.replace("/56", "/64")
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.1.0/24", Ipv6CidrBlock=subnet_block)["Subnet"]["SubnetId"]
    ipv4_only = ec2.create_subnet(VpcId=vpc, CidrBlock="10.1.2.0/24")["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    other = ec2.create_vpc(CidrBlock="10.2.0.0/16")["Vpc"]["VpcId"]
    peering = ec2.create_vpc_peering_connection(VpcId=vpc, PeerVpcId=other)["VpcPeeringConnection"]
    ec2.accept_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    targets = {"gateway": gateway, "peering": peering["VpcPeeringConnectionId"]}
    yield Six(ec2, image, vpc, block, subnet, subnet_block, ipv4_only, targets)


def blocks(ec2: Any, vpc: str) -> list[str]:
    """The IPv6 blocks of a VPC."""
    shown = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"]
    return [association["Ipv6CidrBlock"] for association in shown]


def entries(ec2: Any, **filters: str) -> list[tuple[bool, int, str, str]]:
    """What the ACLs that fit say: (egress, number, block, action), in order."""
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    (acl,) = ec2.describe_network_acls(Filters=wanted)["NetworkAcls"]
    return sorted(
        (
            entry["Egress"],
            entry["RuleNumber"],
            entry.get("CidrBlock") or entry["Ipv6CidrBlock"],
            entry["RuleAction"],
        )
        for entry in acl["Entries"]
    )


# --- routes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("destination", [EVERYWHERE, EVERYWHERE6, "list"])
@pytest.mark.parametrize("target", TARGETS)
def test_a_table_beside_an_ipv6_block_takes_and_gives_back_every_route(six: Six, destination: str, target: str) -> None:
    ec2, table = six.ec2, six.table()
    local = {"10.1.0.0/16": "local", six.block: "local"}
    assert six.routes(table) == local
    if destination == "list":
        made = ec2.create_managed_prefix_list(PrefixListName="any", MaxEntries=2, AddressFamily="IPv4")
        destination = made["PrefixList"]["PrefixListId"]
    name = "DestinationIpv6CidrBlock" if ":" in destination else "DestinationCidrBlock"
    named = {"DestinationPrefixListId" if destination.startswith("pl-") else name: destination, "RouteTableId": table}
    ec2.create_route(**named, **{PARAMETERS[target]: six.targets[target]})
    assert six.routes(table) == {**local, destination: six.targets[target]}
    ec2.replace_route(**named, GatewayId=six.targets["gateway"])
    assert six.routes(table) == {**local, destination: six.targets["gateway"]}
    ec2.delete_route(**named)
    assert six.routes(table) == local


def test_a_destination_inside_the_vpcs_ipv6_block_is_refused_in_the_words_for_ipv4(six: Six, refused: Any) -> None:
    ec2, table, gateway = six.ec2, six.table(), six.targets["gateway"]
    whole = {"RouteTableId": table, "DestinationIpv6CidrBlock": six.block}
    code, message = refused(ec2.create_route, **whole, GatewayId=gateway)
    assert (code, message) == ("RouteAlreadyExists", f"The route identified by {six.block} already exists.")
    inside = {"RouteTableId": table, "DestinationIpv6CidrBlock": six.subnet_block}
    code, message = refused(ec2.create_route, **inside, GatewayId=gateway)
    assert (code, six.subnet_block in message, "more specific" in message) == ("InvalidParameterValue", True, True)


def test_an_ipv6_destination_is_kept_in_canonical_form_and_found_again_in_any(six: Six, refused: Any) -> None:
    ec2, table, gateway = six.ec2, six.table(), six.targets["gateway"]
    ec2.create_route(RouteTableId=table, DestinationIpv6CidrBlock="2001:db8:0:0::1/32", GatewayId=gateway)
    assert "2001:db8::/32" in six.routes(table)
    again = {"RouteTableId": table, "DestinationIpv6CidrBlock": "2001:DB8::/32"}
    assert refused(ec2.create_route, **again, GatewayId=gateway)[0] == "RouteAlreadyExists"
    ec2.delete_route(**again)
    assert "2001:db8::/32" not in six.routes(table)
    assert refused(ec2.delete_route, **again)[0] == "InvalidRoute.NotFound"


@pytest.mark.parametrize(
    ("destination", "code"),
    [
        ({}, "MissingParameter"),
        ({"DestinationCidrBlock": EVERYWHERE, "DestinationIpv6CidrBlock": EVERYWHERE6}, "InvalidParameterCombination"),
        ({"DestinationIpv6CidrBlock": EVERYWHERE}, "InvalidParameterValue"),
        ({"DestinationIpv6CidrBlock": "2001:db8::"}, "InvalidParameterValue"),
        ({"DestinationPrefixListId": "pl-0123456789abcdef0"}, "InvalidPrefixListID.NotFound"),
    ],
)
def test_a_route_to_nowhere_is_refused(six: Six, refused: Any, destination: dict[str, str], code: str) -> None:
    table = six.table()
    assert refused(six.ec2.create_route, RouteTableId=table, GatewayId=six.targets["gateway"], **destination)[0] == code
    assert len(six.routes(table)) == 2


def test_the_local_ipv6_route_cannot_be_deleted(six: Six, refused: Any) -> None:
    table = six.table()
    for name, block in (("DestinationIpv6CidrBlock", six.block), ("DestinationCidrBlock", "10.1.0.0/16")):
        code, message = refused(six.ec2.delete_route, RouteTableId=table, **{name: block})
        assert (code, message) == ("InvalidParameterValue", f"cannot remove local route {block} in route table {table}")


# --- addresses --------------------------------------------------------------------------------------------------


def test_a_launch_gives_as_many_ipv6_addresses_as_were_asked_for(six: Six) -> None:
    block = ipaddress.IPv6Network(six.subnet_block)
    (plain,) = six.launch(SubnetId=six.subnet)
    assert six.addresses(plain) == []
    pair = six.launch(SubnetId=six.subnet, Ipv6AddressCount=2, MaxCount=2)
    held = [address for interface in pair for address in six.addresses(interface)]
    assert len(set(held)) == 4
    assert all(ipaddress.IPv6Address(address) in block for address in held)
    assert [item["Ipv6Address"] for interface in pair for item in interface["Ipv6Addresses"]] == held
    inner = {"DeviceIndex": 0, "SubnetId": six.subnet, "Ipv6AddressCount": 1}
    assert len(six.addresses(six.launch(NetworkInterfaces=[inner])[0])) == 1


def test_a_launch_gives_the_ipv6_addresses_that_were_named(six: Six, refused: Any) -> None:
    chosen = [str(ipaddress.IPv6Network(six.subnet_block)[number]) for number in (0x100, 0x101, 0x102)]
    (first,) = six.launch(SubnetId=six.subnet, Ipv6Addresses=[{"Ipv6Address": address} for address in chosen[:2]])
    assert six.addresses(first) == chosen[:2]
    inner = {"DeviceIndex": 0, "SubnetId": six.subnet, "Ipv6Addresses": [{"Ipv6Address": chosen[2]}]}
    assert six.addresses(six.launch(NetworkInterfaces=[inner])[0]) == chosen[2:]
    code, message = refused(six.launch, NetworkInterfaces=[inner])
    assert (code, message) == ("InvalidIPAddress.InUse", f"Address {chosen[2]} is in use.")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"SubnetId": "{ipv4_only}", "Ipv6AddressCount": 1}, "InvalidParameterValue"),
        ({"Ipv6AddressCount": 1}, "InvalidParameterValue"),
        ({"SubnetId": "{subnet}", "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}]}, "InvalidParameterValue"),
        ({"SubnetId": "{subnet}", "Ipv6Addresses": [{"Ipv6Address": "10.1.1.9"}]}, "InvalidParameterValue"),
        (
            {"SubnetId": "{subnet}", "Ipv6AddressCount": 1, "Ipv6Addresses": [{"Ipv6Address": "2001:db8::5"}]},
            "InvalidParameterCombination",
        ),
        (
            {"Ipv6AddressCount": 1, "NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "{subnet}"}]},
            "InvalidParameterCombination",
        ),
        (
            {"NetworkInterfaces": [{"DeviceIndex": 0, "SubnetId": "{ipv4_only}", "Ipv6AddressCount": 1}]},
            "InvalidParameterValue",
        ),
    ],
)
def test_ipv6_addresses_that_an_interface_cannot_have_are_refused(
    six: Six, refused: Any, params: dict[str, Any], code: str
) -> None:
    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: filled(item) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item) for item in value]
        return value.format(**vars(six)) if isinstance(value, str) else value

    assert refused(six.launch, **filled(params))[0] == code


def test_an_interface_gets_ipv6_addresses_when_it_is_made_and_later(six: Six, refused: Any) -> None:
    ec2 = six.ec2
    made = ec2.create_network_interface(SubnetId=six.subnet, Ipv6AddressCount=1)["NetworkInterface"]
    assert six.addresses(made) == [item["Ipv6Address"] for item in made["Ipv6Addresses"]]
    assert len(made["Ipv6Addresses"]) == 1
    added = ec2.assign_ipv6_addresses(NetworkInterfaceId=made["NetworkInterfaceId"], Ipv6AddressCount=1)
    assert len(added["AssignedIpv6Addresses"]) == 1
    assert six.addresses(made)[1:] == added["AssignedIpv6Addresses"]
    bare = ec2.create_network_interface(SubnetId=six.ipv4_only)["NetworkInterface"]["NetworkInterfaceId"]
    assert refused(ec2.assign_ipv6_addresses, NetworkInterfaceId=bare, Ipv6AddressCount=1)[0] == "InvalidParameterValue"
    assert refused(ec2.create_network_interface, SubnetId=six.ipv4_only, Ipv6AddressCount=1)[0] == (
        "InvalidParameterValue"
    )


def test_a_subnet_can_give_every_new_interface_an_ipv6_address(six: Six, refused: Any) -> None:
    ec2, on, off = six.ec2, {"Value": True}, {"Value": False}
    code, message = refused(ec2.modify_subnet_attribute, SubnetId=six.ipv4_only, AssignIpv6AddressOnCreation=on)
    assert (code, six.ipv4_only in message) == ("InvalidParameterValue", True)
    ec2.modify_subnet_attribute(SubnetId=six.subnet, AssignIpv6AddressOnCreation=on)
    try:
        assert len(six.addresses(six.launch(SubnetId=six.subnet)[0])) == 1
        assert six.addresses(six.launch(SubnetId=six.subnet, Ipv6AddressCount=0)[0]) == []
        assert len(six.addresses(ec2.create_network_interface(SubnetId=six.subnet)["NetworkInterface"])) == 1
    finally:
        ec2.modify_subnet_attribute(SubnetId=six.subnet, AssignIpv6AddressOnCreation=off)


# --- ACLs and the default group ---------------------------------------------------------------------------------

IPV4_ENTRIES = [(100, EVERYWHERE, "allow"), (32767, EVERYWHERE, "deny")]
IPV6_ENTRIES = [(101, EVERYWHERE6, "allow"), (32768, EVERYWHERE6, "deny")]


def both_ways(*rules: tuple[int, str, str]) -> list[tuple[bool, int, str, str]]:
    return sorted((egress, *rule) for egress in (False, True) for rule in rules)


def test_the_default_acl_lets_ipv6_pass_from_the_first_or_from_the_block_on(six: Six, ec2: Any) -> None:
    dual = both_ways(*IPV4_ENTRIES, *IPV6_ENTRIES)
    assert entries(ec2, vpc_id=six.vpc, default="true") == dual
    vpc = ec2.create_vpc(CidrBlock="10.3.0.0/16")["Vpc"]["VpcId"]
    ec2.associate_vpc_cidr_block(VpcId=vpc, CidrBlock="10.4.0.0/16")
    assert entries(ec2, vpc_id=vpc, default="true") == both_ways(*IPV4_ENTRIES)
    ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    assert entries(ec2, vpc_id=vpc, default="true") == dual
    group = [{"Name": "vpc-id", "Values": [vpc]}, {"Name": "group-name", "Values": ["default"]}]
    out = ec2.describe_security_groups(Filters=group)["SecurityGroups"][0]["IpPermissionsEgress"]
    assert [block["CidrIpv6"] for rule in out for block in rule["Ipv6Ranges"]] == [EVERYWHERE6]
    ec2.delete_vpc(VpcId=vpc)


def test_a_default_acl_that_was_changed_in_one_direction_lets_ipv6_pass_in_the_other_only(ec2: Any) -> None:
    vpc = ec2.create_vpc(CidrBlock="10.5.0.0/16")["Vpc"]["VpcId"]
    wanted = [{"Name": "vpc-id", "Values": [vpc]}]
    acl = ec2.describe_network_acls(Filters=wanted)["NetworkAcls"][0]["NetworkAclId"]
    rule = {"NetworkAclId": acl, "RuleNumber": 90, "Protocol": "-1", "RuleAction": "deny", "CidrBlock": "10.9.0.0/16"}
    ec2.create_network_acl_entry(**rule, Egress=False)
    ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    allowed = [(egress, number) for egress, number, block, action in entries(ec2, vpc_id=vpc) if action == "allow"]
    assert allowed == [(False, 100), (True, 100), (True, 101)]
    ec2.delete_vpc(VpcId=vpc)


def test_a_custom_acl_ends_with_a_deny_of_ipv6_where_its_vpc_has_ipv6(six: Six, ec2: Any, refused: Any) -> None:
    closing = both_ways(IPV4_ENTRIES[1], IPV6_ENTRIES[1])
    acl = ec2.create_network_acl(VpcId=six.vpc)["NetworkAcl"]["NetworkAclId"]
    assert entries(ec2, vpc_id=six.vpc, default="false") == closing
    last = {"NetworkAclId": acl, "RuleNumber": 32768, "Egress": False}
    assert refused(ec2.delete_network_acl_entry, **last)[0] == "InvalidParameterValue"
    ec2.delete_network_acl(NetworkAclId=acl)
    vpc = ec2.create_vpc(CidrBlock="10.6.0.0/16")["Vpc"]["VpcId"]
    acl = ec2.create_network_acl(VpcId=vpc)["NetworkAcl"]["NetworkAclId"]
    assert entries(ec2, vpc_id=vpc, default="false") == both_ways(IPV4_ENTRIES[1])
    ec2.associate_vpc_cidr_block(VpcId=vpc, AmazonProvidedIpv6CidrBlock=True)
    assert entries(ec2, vpc_id=vpc, default="false") == closing
    ec2.delete_network_acl(NetworkAclId=acl)
    ec2.delete_vpc(VpcId=vpc)
