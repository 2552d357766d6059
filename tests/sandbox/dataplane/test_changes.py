"""What changes while a command runs changes its packets from then on, and none before."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sandbox.dataplane.conftest import GROUP, WINDOW_SECONDS, Lab
from tests.support.network import SERVER_ADDRESS

PING = f"ping -c 120 {SERVER_ADDRESS}"


@pytest.fixture
def lab(own_lab: Lab) -> Lab:
    """Every test takes its account apart."""
    return own_lab


def under_way(lab: Lab, command: str, seconds: float) -> tuple[str, float]:
    """Begin a command on the client, and let time pass."""
    lab.box.advance(2 * WINDOW_SECONDS)
    sent = lab("ssm").send_command(
        InstanceIds=[lab.net.client.instance],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [command]},
    )["Command"]
    began = sent["RequestedDateTime"].timestamp()
    lab.box.advance(seconds)
    return sent["CommandId"], began


def ended(lab: Lab, command: str) -> dict[str, Any]:
    lab.box.advance(1200)
    return dict(lab("ssm").get_command_invocation(CommandId=command, InstanceId=lab.net.client.instance))


def requests(lab: Lab, since: float) -> dict[tuple[str, str], int]:
    """Packets from the client to the server, by (end, action)."""
    counted: dict[tuple[str, str], int] = {}
    ends = {lab.net.client.interface: "client", lab.net.server.interface: "server"}
    for record in lab.delivered(since - WINDOW_SECONDS):
        if record.dstaddr == SERVER_ADDRESS:
            key = ends[str(record.interface_id)], str(record.action)
            counted[key] = counted.get(key, 0) + (record.packets or 0)
    return counted


def deny(lab: Lab) -> None:
    lab("ec2").create_network_acl_entry(
        NetworkAclId=lab.net.server.acl, RuleNumber=50, Protocol="-1", RuleAction="deny", Egress=False,
        CidrBlock="0.0.0.0/0",
    )  # fmt: skip


def test_a_denying_acl_entry_rejects_from_its_second_on(lab: Lab) -> None:
    command, began = under_way(lab, PING, 30)
    deny(lab)
    reply = ended(lab, command)
    assert requests(lab, began) == {("client", "ACCEPT"): 120, ("server", "ACCEPT"): 30, ("server", "REJECT"): 90}
    assert "120 packets transmitted, 30 received, 75% packet loss" in reply["StandardOutputContent"]
    assert reply["StandardOutputContent"].count("icmp_seq=") == 30


def route_gone(lab: Lab) -> None:
    lab("ec2").delete_route(RouteTableId=lab.net.client.table, DestinationCidrBlock="10.2.0.0/16")


def target_gone(lab: Lab) -> None:
    lab("ec2").terminate_instances(InstanceIds=[lab.net.server.instance])


def peering_gone(lab: Lab) -> None:
    lab("ec2").delete_vpc_peering_connection(VpcPeeringConnectionId=lab.net.peering)


@pytest.mark.parametrize("change", [route_gone, target_gone, peering_gone], ids=lambda change: change.__name__)
def test_what_carries_no_packet_any_more_carries_none_from_then_on(lab: Lab, change: Callable[[Lab], None]) -> None:
    command, began = under_way(lab, PING, 20)
    change(lab)
    reply = ended(lab, command)
    assert requests(lab, began)["server", "ACCEPT"] == 20
    assert "120 packets transmitted, 20 received" in reply["StandardOutputContent"]


def stopped(lab: Lab, command: str) -> None:
    lab("ec2").stop_instances(InstanceIds=[lab.net.client.instance])


def cancelled(lab: Lab, command: str) -> None:
    lab("ssm").cancel_command(CommandId=command)


@pytest.mark.parametrize("change", [stopped, cancelled], ids=lambda change: change.__name__)
def test_a_command_that_is_ended_sends_nothing_more(lab: Lab, change: Callable[[Lab, str], None]) -> None:
    command, began = under_way(lab, PING, 20)
    change(lab, command)
    ended(lab, command)
    assert requests(lab, began) == {("client", "ACCEPT"): 20, ("server", "ACCEPT"): 20}


def test_a_cancelled_command_says_so_and_shows_what_it_had_printed(lab: Lab) -> None:
    command, _ = under_way(lab, PING, 20)
    cancelled(lab, command)
    reply = ended(lab, command)
    assert (reply["Status"], reply["ResponseCode"]) == ("Cancelled", -1)
    assert reply["StandardOutputContent"].count("icmp_seq=") == 20


def test_a_command_that_runs_out_of_time_sends_nothing_more(lab: Lab) -> None:
    lab.box.advance(2 * WINDOW_SECONDS)
    sent = lab("ssm").send_command(
        InstanceIds=[lab.net.client.instance],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [PING], "executionTimeout": ["20"]},
    )["Command"]
    reply = ended(lab, sent["CommandId"])
    assert reply["StatusDetails"] == "ExecutionTimedOut"
    assert requests(lab, sent["RequestedDateTime"].timestamp())["client", "ACCEPT"] == 20


def test_a_job_in_the_background_meets_the_change_too(lab: Lab) -> None:
    command, began = under_way(lab, f"{PING} > /dev/null &\nsleep 5; sleep 60", 30)
    deny(lab)
    ended(lab, command)
    assert requests(lab, began)["server", "REJECT"] == 90


def test_a_flow_log_sees_nothing_from_before_it_existed(lab: Lab) -> None:
    """Nothing watched before: the packets of the first 60 seconds are nobody's, all later ones are recorded."""
    ec2 = lab("ec2")
    logs = [log["FlowLogId"] for log in ec2.describe_flow_logs()["FlowLogs"]]
    ec2.delete_flow_logs(FlowLogIds=logs)
    lab.box.advance(1200)
    command, began = under_way(lab, f"ping -c 300 {SERVER_ADDRESS}", 60)
    role = lab("iam").get_role(RoleName="delivery")["Role"]["Arn"]
    from tests.sandbox.dataplane.conftest import FORMAT

    ec2.create_flow_logs(
        ResourceIds=[lab.net.client.vpc], ResourceType="VPC", TrafficType="ALL", LogGroupName=GROUP,
        DeliverLogsPermissionArn=role, LogFormat=str(FORMAT), MaxAggregationInterval=60,
    )  # fmt: skip
    ended(lab, command)
    assert requests(lab, began) == {("client", "ACCEPT"): 240}


def test_a_flow_log_that_is_deleted_sees_nothing_from_then_on(lab: Lab) -> None:
    command, began = under_way(lab, PING, 30)
    lab("ec2").delete_flow_logs(FlowLogIds=[log["FlowLogId"] for log in lab("ec2").describe_flow_logs()["FlowLogs"]])
    ended(lab, command)
    assert requests(lab, began) == {("client", "ACCEPT"): 30, ("server", "ACCEPT"): 30}


def test_a_second_flow_log_does_not_show_the_ping_of_five_seconds_ago(lab: Lab) -> None:
    role = lab("iam").get_role(RoleName="delivery")["Role"]["Arn"]
    lab("logs").create_log_group(logGroupName="/test/second")
    command, _ = under_way(lab, f"ping -c 1 {SERVER_ADDRESS}", 5)
    lab("ec2").create_flow_logs(
        ResourceIds=[lab.net.client.interface], ResourceType="NetworkInterface", TrafficType="ALL",
        LogGroupName="/test/second", DeliverLogsPermissionArn=role, MaxAggregationInterval=60,
    )  # fmt: skip
    ended(lab, command)
    events = lab("logs").filter_log_events(logGroupName="/test/second", filterPattern="ACCEPT")["events"]
    assert events == []
