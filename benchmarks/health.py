"""The health check over a reading of 200 VPCs and 5,000 interfaces, and how its time grows.

Target: under 5 s of processor time, and twice the account takes less than three times as long.
"""

import sys
import time
from typing import Any

from helpers.health import examine

_MOMENT = 1767603045


def reading(vpcs: int, interfaces: int) -> dict[str, Any]:
    """VPCs in a ring of peerings, each with three subnets of which one has no route, and packets that get lost."""
    keys = ("Vpcs", "Subnets", "RouteTables", "VpcPeeringConnections", "SecurityGroups", "NetworkInterfaces")
    network: dict[str, list[Any]] = {key: [] for key in keys}
    flow_logs, streams, lines = [], [], []
    for number in range(vpcs):
        vpc, group, peering, following = (f"vpc-{number}", f"sg-{number}", f"pcx-{number}", (number + 1) % vpcs)
        block, beyond = (f"10.{place % 256}" for place in (number, following))
        network["Vpcs"].append({"VpcId": vpc, "CidrBlock": f"{block}.0.0/16"})
        ports = [
            {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
            for port in (22, 80, 443)
        ]
        network["SecurityGroups"].append({"GroupId": group, "VpcId": vpc, "IpPermissions": ports})
        ends = {"RequesterVpcInfo": {"VpcId": vpc}, "AccepterVpcInfo": {"VpcId": f"vpc-{following}"}}
        network["VpcPeeringConnections"].append(
            {"VpcPeeringConnectionId": peering, "Status": {"Code": "active"}, **ends}
        )
        for place in range(3):
            subnet = f"subnet-{number}-{place}"
            network["Subnets"].append({"SubnetId": subnet, "VpcId": vpc, "CidrBlock": f"{block}.{place}.0/24"})
            routes = [{"DestinationCidrBlock": f"{beyond}.0.0/16", "VpcPeeringConnectionId": peering}] if place else []
            table = {"RouteTableId": f"rtb-{number}-{place}", "VpcId": vpc, "Associations": [{"SubnetId": subnet}]}
            network["RouteTables"].append({**table, "Routes": routes})
        flow_log = {
            "FlowLogId": f"fl-{number}",
            "ResourceId": vpc,
            "LogGroupName": "/g",
            "DeliverLogsStatus": "SUCCESS",
        }
        flow_logs.append(flow_log)
        for place in range(interfaces // vpcs):
            name, address = f"eni-{number:06x}{place:06x}", f"{block}.{place % 3}.{10 + place // 3}"
            interface = {"NetworkInterfaceId": name, "VpcId": vpc, "SubnetId": f"subnet-{number}-{place % 3}"}
            attached = {"Status": "in-use", "Attachment": {"Status": "attached"}, "Groups": [{"GroupId": group}]}
            network["NetworkInterfaces"].append({**interface, **attached, "PrivateIpAddress": address})
            streams.append({"logStreamName": f"{name}-all", "lastEventTimestamp": _MOMENT * 1000})
            for port in range(4):
                ends_of = f"{address} {beyond}.0.{10 + port} {40000 + port} 80 6 3 180 {_MOMENT - 60} {_MOMENT}"
                lines.append([_MOMENT * 1000, f"{name}-all", f"2 1 {name} {ends_of} ACCEPT OK"])
    return {
        "read_at": "2026-01-05T09:08:30+00:00",
        "region": "us-east-1",
        "account": "1",
        "network": network,
        "flow_logs": flow_logs,
        "log_groups": [{"logGroupName": "/g"}],
        "log_streams": {"/g": streams},
        "events": {"/g": {"lines": lines}},
    }


def seconds(vpcs: int, interfaces: int) -> float:
    values = reading(vpcs, interfaces)
    began = time.process_time()
    findings = examine(values).findings
    used = time.process_time() - began
    print(f"{vpcs:4} VPCs, {interfaces:5} interfaces: {used:.2f} s, {len(findings)} findings")
    return used


def main() -> int:
    half, whole = seconds(100, 2500), seconds(200, 5000)
    return 0 if whole < 5 and whole < 3 * half else 1


if __name__ == "__main__":
    sys.exit(main())
