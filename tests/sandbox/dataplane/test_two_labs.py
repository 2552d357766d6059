"""Networks with the same addresses in one account: each one's records are of its own packets, requests and replies."""

import json
from collections import Counter

import pytest

from helpers.flowlogs import FlowRecord
from helpers.lab.readings import read_pages
from helpers.network import Topology, explain
from tests.sandbox.conftest import Sandbox
from tests.sandbox.dataplane.conftest import DELIVERED_SECONDS, FORMAT, WINDOW_SECONDS
from tests.support import network
from tests.support.network import CLIENT_ADDRESS, SERVER_ADDRESS, Network

Seen = dict[tuple[str, str, str, str], int]
CLIENT, SERVER = "client", "server"


def watch(sandbox: Sandbox, net: Network, group: str) -> None:
    """Flow logs of both VPCs into a group of their own."""
    iam, ec2 = sandbox.client("iam"), sandbox.client("ec2")
    role = iam.create_role(RoleName=group[1:], AssumeRolePolicyDocument=json.dumps(network.FLOW_LOGS_TRUST))["Role"]
    iam.put_role_policy(RoleName=group[1:], PolicyName="write", PolicyDocument=json.dumps(network.DELIVERY))
    sandbox.client("logs").create_log_group(logGroupName=group)
    reply = ec2.create_flow_logs(
        ResourceIds=[net.client.vpc, net.server.vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName=group,
        DeliverLogsPermissionArn=role["Arn"], LogFormat=str(FORMAT), MaxAggregationInterval=60,
    )  # fmt: skip
    assert not reply["Unsuccessful"]
    sandbox.advance(2 * WINDOW_SECONDS)


def records(sandbox: Sandbox, group: str) -> list[FlowRecord]:
    sandbox.advance(DELIVERED_SECONDS)
    pages = sandbox.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
    every = [FORMAT.read(message) for message in pages.search("events[].message")]
    return [record for record in every if record.log_status == "OK"]


def pings(found: list[FlowRecord], net: Network) -> Seen:
    """Packets by (end, direction, source, action); KeyError for an interface of another network."""
    ends = {net.client.interface: CLIENT, net.server.interface: SERVER}
    counted: Counter[tuple[str, str, str, str]] = Counter()
    for record in found:
        end = ends[str(record.interface_id)]
        if record.protocol == 1:
            key = (end, str(record.flow_direction), str(record.srcaddr), str(record.action))
            counted[key] += record.packets or 0
    return dict(counted)


def answered(count: int) -> Seen:
    """What both ends see of that many pings that are answered."""
    return {
        (CLIENT, "egress", CLIENT_ADDRESS, "ACCEPT"): count,
        (SERVER, "ingress", CLIENT_ADDRESS, "ACCEPT"): count,
        (SERVER, "egress", SERVER_ADDRESS, "ACCEPT"): count,
        (CLIENT, "ingress", SERVER_ADDRESS, "ACCEPT"): count,
    }


def ping(sandbox: Sandbox, net: Network, count: int) -> str:
    reply = network.shell(sandbox.client, net.client.instance, f"ping -c {count} {SERVER_ADDRESS}")
    return str(reply["StandardOutputContent"])


def test_records_of_two_labs_with_the_same_addresses_are_each_labs_own(fresh_sandbox: Sandbox) -> None:
    """Traffic in turn, twice; in the end the second lab refuses pings, and its record is explained by its own group."""
    labs = {name: network.build(fresh_sandbox.client) for name in ("ann", "bob")}
    for name, net in labs.items():
        watch(fresh_sandbox, net, f"/{name}")
    for _ in range(2):
        for count, net in zip((3, 5), labs.values(), strict=True):
            assert f"{count} received, 0% packet loss" in ping(fresh_sandbox, net, count)
    for count, (name, net) in zip((6, 10), labs.items(), strict=True):
        assert pings(records(fresh_sandbox, f"/{name}"), net) == answered(count)

    ann, bob = labs.values()
    anywhere = [{"CidrIp": "10.1.0.0/16"}]
    icmp = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": anywhere}
    fresh_sandbox.client("ec2").revoke_security_group_ingress(GroupId=bob.server.group, IpPermissions=[icmp])
    assert "0 received, 100% packet loss" in ping(fresh_sandbox, bob, 2)
    assert "1 received, 0% packet loss" in ping(fresh_sandbox, ann, 1)
    assert pings(records(fresh_sandbox, "/ann"), ann) == answered(7)
    [refused] = [record for record in records(fresh_sandbox, "/bob") if record.action == "REJECT"]
    assert (refused.interface_id, refused.packets) == (bob.server.interface, 2)
    decided = explain(refused, Topology.from_describe(None, **read_pages(fresh_sandbox.client("ec2")))).decided
    assert decided is not None and bob.server.group in decided.decider


@pytest.mark.parametrize("order", ["before", "after"])
def test_a_foreign_network_with_the_same_addresses_does_not_matter(fresh_sandbox: Sandbox, order: str) -> None:
    """Machines of somebody else at the lab's own addresses, made before the lab or after it."""

    def strangers() -> None:
        network.side(fresh_sandbox.client, "10.1.0.0/16", "10.1.0.0/24", CLIENT_ADDRESS, public=True)
        network.side(fresh_sandbox.client, "10.2.0.0/16", "10.2.1.0/24", SERVER_ADDRESS, public=False)

    if order == "before":
        strangers()
    net = network.build(fresh_sandbox.client)
    if order == "after":
        strangers()
    watch(fresh_sandbox, net, "/lab")
    assert "4 received, 0% packet loss" in ping(fresh_sandbox, net, 4)
    page = f"curl -sS -m 5 -o /dev/null -w '%{{http_code}}' http://{SERVER_ADDRESS}/"
    assert network.shell(fresh_sandbox.client, net.client.instance, page)["StandardOutputContent"] == "200"
    found = records(fresh_sandbox, "/lab")
    assert pings(found, net) == answered(4)
    pages = {(record.interface_id, record.srcport == 80) for record in found if 80 in (record.srcport, record.dstport)}
    assert pages == {(end.interface, answer) for end in (net.client, net.server) for answer in (False, True)}
