"""A describe call against the sandbox and against stock moto, in one run: ``python -m benchmarks.describe [rounds]``.

Both are servers of their own process on the loopback address, hold the same network (two VPCs, subnets, rules, tags)
and answer the same plain boto3 calls in turn, so that both meet the same machine. Target: at most 1.3 times the time
that moto takes.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from helpers.lab import sandbox_process

TARGET = 1.3
WARM = 10
# ThreadedMotoServer as a user of moto starts it: in a process, here one of its own.
STOCK = """
import logging
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would write a line for every call
server.start()
print(server.get_host_and_port()[1], file=sys.stderr, flush=True)
sys.stdin.read()
server.stop()
"""
CALLS = {
    "DescribeVpcs": lambda ec2: ec2.describe_vpcs(),
    "DescribeSubnets": lambda ec2: ec2.describe_subnets(Filters=[{"Name": "tag:Lab", "Values": ["demo"]}]),
    "DescribeSecurityGroups": lambda ec2: ec2.describe_security_groups(),
    "DescribeRouteTables": lambda ec2: ec2.describe_route_tables(),
    "DescribeNetworkAcls": lambda ec2: ec2.describe_network_acls(),
}


def client(endpoint: str, key: str = "bench", secret: str = "bench") -> Any:
    settings = Config(proxies={}, retries={"total_max_attempts": 1})
    made: Any = boto3.session.Session(key, secret, region_name="us-east-1").client(
        "ec2", endpoint_url=endpoint, config=settings
    )
    return made


def furnish(ec2: Any) -> None:
    """The course's network, in short."""
    tags = [{"Key": "Project", "Value": "bench"}, {"Key": "Lab", "Value": "demo"}]

    def tagged(kind: str) -> list[dict[str, Any]]:
        return [{"ResourceType": kind, "Tags": tags}]

    for ten in ("10.1", "10.2"):
        vpc = ec2.create_vpc(CidrBlock=f"{ten}.0.0/16", TagSpecifications=tagged("vpc"))["Vpc"]["VpcId"]
        table = ec2.create_route_table(VpcId=vpc, TagSpecifications=tagged("route-table"))["RouteTable"]["RouteTableId"]
        for third in range(4):
            subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=f"{ten}.{third}.0/24", TagSpecifications=tagged("subnet"))[
                "Subnet"
            ]["SubnetId"]
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
            group = ec2.create_security_group(GroupName=f"g{third}", Description="x", VpcId=vpc)["GroupId"]
            rules = [
                {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
                for port in (22, 80)
            ]
            ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=rules)


def measure(ours: Any, stock: Any, rounds: int) -> dict[str, dict[str, float]]:
    """Median milliseconds per action, the two servers in turn, each of them first half of the time."""
    figures = {}
    for action, ask in CALLS.items():
        taken: dict[str, list[float]] = {"sandbox": [], "moto": []}
        for turn in range(WARM + rounds):
            pair = [("sandbox", ours), ("moto", stock)]
            for name, ec2 in pair if turn % 2 else reversed(pair):
                start = time.perf_counter()
                ask(ec2)
                if turn >= WARM:
                    taken[name].append((time.perf_counter() - start) * 1000)
        medians = {name: statistics.median(times) for name, times in taken.items()}
        figures[action] = {**medians, "ratio": medians["sandbox"] / medians["moto"]}
    return figures


def main(rounds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        info = sandbox_process.start(home)
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        stock = subprocess.Popen([sys.executable, "-c", STOCK], text=True, **pipes)  # type: ignore[call-overload]
        try:
            assert stock.stderr is not None and stock.stdin is not None
            pair = (
                client(info.endpoint, info.access_key_id, info.secret_access_key),
                client(f"http://127.0.0.1:{int(stock.stderr.readline())}"),
            )
            for ec2 in pair:
                furnish(ec2)
            figures = measure(*pair, rounds)
        finally:
            stock.communicate("")
            sandbox_process.stop(home)
    worst = max(medians["ratio"] for medians in figures.values())
    shown = {action: {name: round(value, 2) for name, value in medians.items()} for action, medians in figures.items()}
    print(json.dumps({"rounds": rounds, "calls": shown, "largest_ratio": round(worst, 3), "at_most": TARGET}, indent=2))
    return 1 if worst > TARGET else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
