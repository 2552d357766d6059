"""More than one interface of a machine, and more than one flow log of an interface."""

from tests.sandbox.dataplane.conftest import DELIVERED_SECONDS, Lab
from tests.support import network

BESIDE = "10.2.2.10"


def test_a_second_interface_in_another_subnet_answers_by_itself(own_lab: Lab) -> None:
    """Amazon Linux 2023 sets up a route for each interface."""
    ec2, server = own_lab("ec2"), own_lab.net.server
    subnet = ec2.create_subnet(VpcId=server.vpc, CidrBlock="10.2.2.0/24")["Subnet"]["SubnetId"]
    ec2.associate_route_table(RouteTableId=server.table, SubnetId=subnet)
    interface = ec2.create_network_interface(SubnetId=subnet, PrivateIpAddress=BESIDE, Groups=[server.group])
    interface_id = interface["NetworkInterface"]["NetworkInterfaceId"]
    ec2.attach_network_interface(NetworkInterfaceId=interface_id, InstanceId=server.instance, DeviceIndex=1)
    reply, records = own_lab.run(f"ping -c 2 {BESIDE}")
    assert (reply["Status"], " 0% packet loss" in reply["StandardOutputContent"]) == ("Success", True)
    at_interface = [record for record in records if record.interface_id == interface_id]
    assert {(record.flow_direction, record.action, record.packets) for record in at_interface} == {
        ("ingress", "ACCEPT", 2),
        ("egress", "ACCEPT", 2),
    }


def test_flow_logs_of_one_interface_in_one_group_write_one_combined_stream(lab: Lab) -> None:
    """CloudWatch Logs user guide: the combined stream holds what each of the flow logs captures."""
    group, server = "/test/combined", lab.net.server
    lab("logs").create_log_group(logGroupName=group)
    role = lab("iam").get_role(RoleName="delivery")["Role"]["Arn"]
    into = {"LogGroupName": group, "DeliverLogsPermissionArn": role, "MaxAggregationInterval": 60}
    for traffic, kind, resource in (("ACCEPT", "Subnet", server.subnet), ("REJECT", "VPC", server.vpc)):
        reply = lab("ec2").create_flow_logs(ResourceIds=[resource], ResourceType=kind, TrafficType=traffic, **into)
        assert not reply["Unsuccessful"]
    lab.box.advance(60)
    network.shell(
        lab, lab.net.client.instance, f"ping -c 1 {network.SERVER_ADDRESS}; curl -m 2 {network.SERVER_ADDRESS}:81"
    )
    lab.box.advance(DELIVERED_SECONDS)
    streams = lab("logs").describe_log_streams(logGroupName=group, logStreamNamePrefix=server.interface)["logStreams"]
    assert len(streams) == 1
    events = lab("logs").filter_log_events(logGroupName=group)["events"]
    verdicts = {event["message"].split()[12] for event in events if event["message"].split()[7] in ("1", "6")}
    assert verdicts == {"ACCEPT", "REJECT"}
