"""IPv6 through boto3: addresses given to running machines, ICMPv6 rules, ACL entries, records of type IPv6."""

from collections import Counter
from pathlib import Path
from typing import Any

from helpers.flowlogs import FlowRecord
from tests.sandbox.dataplane.conftest import Lab
from tests.support import network
from tests.support.box import Box

EVERYONE = [{"CidrIpv6": "::/0"}]


def with_ipv6(lab: Lab) -> tuple[str, str, str]:
    """The client's VPC gets IPv6, and the client a neighbour with a group of its own: (its group, both addresses)."""
    ec2, client = lab("ec2"), lab.net.client
    ec2.associate_vpc_cidr_block(VpcId=client.vpc, AmazonProvidedIpv6CidrBlock=True)
    found = ec2.describe_vpcs(VpcIds=[client.vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
    block = found.replace("/56", "/64")
    ec2.associate_subnet_cidr_block(SubnetId=client.subnet, Ipv6CidrBlock=block)
    state = ec2.describe_subnets(SubnetIds=[client.subnet])["Subnets"][0]["Ipv6CidrBlockAssociationSet"][0]
    assert state["Ipv6CidrBlockState"] == {"State": "associated"}
    group = ec2.create_security_group(GroupName="six", Description="test", VpcId=client.vpc)["GroupId"]
    # a group made in a VPC with IPv6 lets everything out over both; the client's is older
    everything = [{"IpProtocol": "-1", "Ipv6Ranges": EVERYONE}]
    ec2.authorize_security_group_egress(GroupId=client.group, IpPermissions=everything)
    made = ec2.run_instances(
        ImageId=lab("ssm").get_parameter(Name=network.AMI)["Parameter"]["Value"],
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        SubnetId=client.subnet,
        SecurityGroupIds=[group],
    )["Instances"][0]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]])
    interfaces = (client.interface, made["NetworkInterfaces"][0]["NetworkInterfaceId"])
    addresses = [
        ec2.assign_ipv6_addresses(NetworkInterfaceId=one, Ipv6AddressCount=1)["AssignedIpv6Addresses"][0]
        for one in interfaces
    ]
    return group, addresses[0], addresses[1]


def seen(records: list[FlowRecord], interface: str) -> list[tuple[Any, ...]]:
    """What the flows over IPv6 add up to, whatever windows they fell into, by whether the client's interface saw it."""
    total: Counter[tuple[Any, ...]] = Counter()
    for one in records:
        if one.type == "IPv6":
            mine = str(one.interface_id == interface)
            total[mine, str(one.flow_direction), str(one.action), one.protocol] += one.bytes or 0
    return sorted((*key, octets) for key, octets in total.items())


def test_ping_over_ipv6_meets_icmpv6_rules_and_no_acl_between_neighbours(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        lab = Lab(box)
        group, mine, there = with_ipv6(lab)
        client, ec2 = lab.net.client, lab("ec2")
        reply, records = lab.run(f"ping -c 2 {there}", "hostname -I")
        assert mine in reply["StandardOutputContent"]
        # the client's ACL has no entry for IPv6 at all, and is not asked inside the subnet
        refused = [("False", "ingress", "REJECT", 58, 208), ("True", "egress", "ACCEPT", 58, 208)]
        assert seen(records, client.interface) == refused
        ipv4 = [{"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=ipv4)
        assert seen(lab.run(f"ping -c 2 {there}")[1], client.interface) == refused
        six = [{"IpProtocol": "icmpv6", "FromPort": 128, "ToPort": -1, "Ipv6Ranges": EVERYONE}]
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=six)
        reply, records = lab.run(f"ping -c 2 {there}")
        assert reply["ResponseCode"] == 0
        both = [(end, way, "ACCEPT", 58, 208) for end in ("False", "True") for way in ("egress", "ingress")]
        assert seen(records, client.interface) == both
        asked = [one for one in records if one.flow_direction == "egress" and one.interface_id == client.interface]
        assert {(one.srcaddr, one.dstaddr, one.traffic_path) for one in asked} == {(mine, there, 1)}
    finally:
        box.stop()
