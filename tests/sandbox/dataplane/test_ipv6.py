"""IPv6 through boto3: addresses given to running machines, ICMPv6 rules, ACL entries, records of type IPv6."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from helpers.flowlogs import FlowRecord
from tests.sandbox.dataplane.conftest import DELIVERED_SECONDS, Lab
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


def test_ipv6_across_subnets_of_an_unrestricted_vpc_is_accepted_at_both_ends(tmp_path: Path) -> None:
    box = Box(tmp_path)
    try:
        ec2 = box("ec2")
        vpc = ec2.create_vpc(CidrBlock="10.6.0.0/16", AmazonProvidedIpv6CidrBlock=True)["Vpc"]["VpcId"]
        block = ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Ipv6CidrBlockAssociationSet"][0]["Ipv6CidrBlock"]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        main = [{"Name": "vpc-id", "Values": [vpc]}]
        table = ec2.describe_route_tables(Filters=main)["RouteTables"][0]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        addresses = []
        for number in (1, 2):
            subnet = ec2.create_subnet(
                VpcId=vpc, CidrBlock=f"10.6.{number}.0/24", Ipv6CidrBlock=block.replace("00::/56", f"0{number}::/64")
            )["Subnet"]["SubnetId"]
            made = launch(box, SubnetId=subnet, AssociatePublicIpAddress=True, Ipv6AddressCount=1)
            interface = made["NetworkInterfaces"][0]
            addresses.append((interface["NetworkInterfaceId"], interface["Ipv6Addresses"][0]["Ipv6Address"]))
        watch(box, vpc)
        (there, address), (here, _) = addresses
        reply = network.shell(box, made["InstanceId"], f"ping -c 2 {address}")
        assert (reply["ResponseCode"], "0% packet loss" in reply["StandardOutputContent"]) == (0, True)
        box.advance(DELIVERED_SECONDS)
        for end in (here, there):
            flows = [fields for fields in network.records(box, end) if fields[7] == "58"]
            assert len(flows) == 2
            assert {(fields[8], fields[12]) for fields in flows} == {("2", "ACCEPT")}
    finally:
        box.stop()


def launch(box: Box, **interface: Any) -> dict[str, Any]:
    """A running instance that Systems Manager may manage, with one interface."""
    ec2 = box("ec2")
    made: dict[str, Any] = ec2.run_instances(
        ImageId=box("ssm").get_parameter(Name=network.AMI)["Parameter"]["Value"],
        InstanceType="t3.micro",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": network.profile(box)},
        NetworkInterfaces=[{"DeviceIndex": 0, **interface}],
    )["Instances"][0]
    ec2.get_waiter("instance_running").wait(InstanceIds=[made["InstanceId"]])
    return made


def watch(box: Box, vpc: str) -> None:
    """A flow log of a VPC into the group that ``network.records`` reads."""
    iam = box("iam")
    trust, policy = json.dumps(network.FLOW_LOGS_TRUST), json.dumps(network.DELIVERY)
    role = iam.create_role(RoleName="delivery", AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.put_role_policy(RoleName="delivery", PolicyName="write", PolicyDocument=policy)
    box("logs").create_log_group(logGroupName=network.GROUP)
    reply = box("ec2").create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName=network.GROUP,
        DeliverLogsPermissionArn=role,
        MaxAggregationInterval=60,
    )
    assert not reply["Unsuccessful"]
