"""The course's sequence of calls in plain boto3, from the first VPC to the empty account."""

import json
from typing import Any

from tests.support import network
from tests.support.box import Box


def run(box: Box) -> tuple[str, str]:
    """Build, enable, send traffic, query, take everything down; what could be seen before and after the last part."""
    built = network.build(box)
    flow_logs = network.enable(box, built)
    box("ec2").create_tags(Resources=[built.client.vpc, built.server.vpc], Tags=[{"Key": "Lab", "Value": "demo"}])
    network.shell(box, built.client.instance, f"ping -c 3 {network.SERVER_ADDRESS}", "sleep 90")
    network.shell(box, built.client.instance, f"curl -sS -m 5 http://{network.SERVER_ADDRESS}/")
    network.allow(box("ec2"), built.server.group, "tcp", 443, 443)
    box.advance(900)
    box("logs").put_retention_policy(logGroupName=network.GROUP, retentionInDays=7)
    found = {side: network.records(box, getattr(built, side).interface) for side in ("client", "server")}
    assert found["client"] and found["server"]
    full = network.everything(box) + json.dumps([found, query(box)])
    tear_down(box, built, flow_logs)
    return full, network.everything(box)


def query(box: Box) -> Any:
    """What every address sent, as Logs Insights counts it."""
    logs, at = box("logs"), 1767603600
    asked = "stats sum(bytes) as sent by srcAddr, dstAddr, action | sort sent desc"
    query_id = logs.start_query(logGroupName=network.GROUP, startTime=at, endTime=at + 7200, queryString=asked)[
        "queryId"
    ]
    reply = logs.get_query_results(queryId=query_id)
    while reply["status"] in ("Scheduled", "Running"):
        reply = logs.get_query_results(queryId=query_id)
    assert reply["results"]
    return reply["results"]


def tear_down(box: Box, built: network.Network, flow_logs: list[str]) -> None:
    """Delete what :func:`run` made, in the order that AWS asks for."""
    ec2, iam, logs = box("ec2"), box("iam"), box("logs")
    ec2.delete_flow_logs(FlowLogIds=flow_logs)
    instances = [built.client.instance, built.server.instance]
    ec2.terminate_instances(InstanceIds=instances)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=instances)
    ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=built.peering)
    for gateway in ec2.describe_internet_gateways(
        Filters=[{"Name": "attachment.vpc-id", "Values": [built.client.vpc]}]
    )["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=built.client.vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for side in (built.client, built.server):
        ec2.delete_security_group(GroupId=side.group)
        ec2.delete_subnet(SubnetId=side.subnet)
        ec2.delete_network_acl(NetworkAclId=side.acl)
        ec2.delete_route_table(RouteTableId=side.table)
        ec2.delete_vpc(VpcId=side.vpc)
    iam.delete_role_policy(RoleName="delivery", PolicyName="write")
    iam.delete_role(RoleName="delivery")
    iam.remove_role_from_instance_profile(InstanceProfileName="ssm", RoleName="ssm")
    iam.delete_instance_profile(InstanceProfileName="ssm")
    iam.detach_role_policy(RoleName="ssm", PolicyArn=network.SSM_POLICY)
    iam.delete_role(RoleName="ssm")
    box.advance(900)
    logs.delete_log_group(logGroupName=network.GROUP)
