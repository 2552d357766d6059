"""Run Command through boto3: who can be reached, how a command ends, both output streams, overlapping commands."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.sandbox.dataplane.conftest import Lab
from tests.support.network import SERVER_ADDRESS

EVERYWHERE = "0.0.0.0/0"


def send(lab: Lab, command: str, **more: Any) -> str:
    sent = lab("ssm").send_command(
        InstanceIds=[lab.net.client.instance],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": [command], **more.pop("parameters", {})},
        **more,
    )
    return str(sent["Command"]["CommandId"])


def look(lab: Lab, command: str) -> dict[str, Any]:
    found = lab("ssm").get_command_invocation(CommandId=command, InstanceId=lab.net.client.instance)
    return {key: found[key] for key in ("Status", "StatusDetails", "ResponseCode")} | {
        "out": found["StandardOutputContent"],
        "err": found["StandardErrorContent"],
    }


def end(lab: Lab, command: str) -> dict[str, Any]:
    seen = look(lab, command)
    while seen["Status"] in ("Pending", "InProgress"):
        seen = look(lab, command)
    return seen


def pings(lab: Lab) -> dict[str, str]:
    found = lab("ssm").describe_instance_information()["InstanceInformationList"]
    return {one["InstanceId"]: one["PingStatus"] for one in found}


def gateway(lab: Lab) -> str:
    where = [{"Name": "attachment.vpc-id", "Values": [lab.net.client.vpc]}]
    return str(lab("ec2").describe_internet_gateways(Filters=where)["InternetGateways"][0]["InternetGatewayId"])


def test_an_agent_that_loses_its_way_is_connection_lost_and_never_asked_before(lab: Lab) -> None:
    """No command was ever sent: the agent had registered when its machine came up."""
    client, ec2 = lab.net.client, lab("ec2")
    route = {"RouteTableId": client.table, "DestinationCidrBlock": EVERYWHERE}
    way = gateway(lab)
    ec2.delete_route(**route)
    assert pings(lab) == {client.instance: "ConnectionLost"}, "the server never had a way out: it is not managed"
    seen = end(lab, send(lab, "echo hello", TimeoutSeconds=60))
    assert (seen["Status"], seen["StatusDetails"], seen["ResponseCode"]) == ("TimedOut", "DeliveryTimedOut", -1)
    ec2.create_route(**route, GatewayId=way)
    assert pings(lab) == {client.instance: "Online"}


def test_a_role_without_its_policy_is_connection_lost(lab: Lab) -> None:
    policy = {"RoleName": "ssm", "PolicyArn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"}
    lab("iam").detach_role_policy(**policy)
    assert pings(lab) == {lab.net.client.instance: "ConnectionLost"}
    lab("iam").attach_role_policy(**policy)
    assert pings(lab) == {lab.net.client.instance: "Online"}


def test_a_role_whose_boundary_does_not_allow_it_is_connection_lost(lab: Lab) -> None:
    """IAM User Guide: a boundary limits what the identity's policies may give."""
    bound = lab("iam").put_role_permissions_boundary
    bound(RoleName="ssm", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess")
    assert pings(lab) == {lab.net.client.instance: "ConnectionLost"}
    bound(RoleName="ssm", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")
    assert pings(lab) == {lab.net.client.instance: "Online"}
    lab("iam").delete_role_permissions_boundary(RoleName="ssm")


def test_a_failed_script_ends_with_the_agents_own_line(lab: Lab) -> None:
    assert end(lab, send(lab, "echo out; exit 3")) == {
        "Status": "Failed",
        "StatusDetails": "Failed",
        "ResponseCode": 3,
        "out": "out\n",
        "err": "failed to run commands: exit status 3",
    }
    missing = end(lab, send(lab, "telnet 10.2.1.10"))
    assert missing["ResponseCode"] == 127 and missing["out"] == ""
    said = "_script.sh: line 1: telnet: command not found\nfailed to run commands: exit status 127"
    assert missing["err"] == said
    syntax = end(lab, send(lab, "echo before\nfor p in 1 2 do echo; done"))
    assert (syntax["ResponseCode"], syntax["out"]) == (
        2,
        "before\n",
    ) and "syntax error near unexpected token" in syntax["err"]


def test_a_good_script_has_nothing_but_its_own_words_on_either_stream(lab: Lab) -> None:
    seen = end(lab, send(lab, "echo out; echo err >&2"))
    assert seen == {"Status": "Success", "StatusDetails": "Success", "ResponseCode": 0, "out": "out\n", "err": "err\n"}


def test_a_script_that_takes_too_long_is_timed_out(lab: Lab) -> None:
    seen = end(lab, send(lab, "echo begun; sleep 60; echo ended", parameters={"executionTimeout": ["5"]}))
    assert (seen["Status"], seen["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")
    assert seen["out"] == "begun\n"


def test_commands_overlap(lab: Lab) -> None:
    long, short = send(lab, "sleep 30; date +%s"), send(lab, "sleep 2; date +%s")
    assert look(lab, long)["Status"] == "InProgress"
    said = {name: int(end(lab, command)["out"]) for name, command in (("short", short), ("long", long))}
    assert 25 <= said["long"] - said["short"] <= 30


def test_invocations_are_filtered_by_status_or_the_filter_is_refused(lab: Lab) -> None:
    end(lab, send(lab, "true"))
    end(lab, send(lab, "false"))
    failed = [{"key": "Status", "value": "Failed"}]
    listed = lab("ssm").list_command_invocations(Filters=failed)["CommandInvocations"]
    assert listed and {one["Status"] for one in listed} == {"Failed"}
    assert {one["Status"] for one in lab("ssm").list_commands(Filters=failed)["Commands"]} == {"Failed"}
    with pytest.raises(ClientError, match="does not filter commands by InvokedAfter"):
        lab("ssm").list_commands(Filters=[{"key": "InvokedAfter", "value": "2026-01-05T00:00:00Z"}])


def test_who_was_terminated_is_no_target_any_more(own_lab: Lab) -> None:
    """It ends the client."""
    lab = own_lab
    assert end(lab, send(lab, f"ping -c 1 {SERVER_ADDRESS}"))["Status"] == "Success"
    lab("ec2").terminate_instances(InstanceIds=[lab.net.client.instance])
    lab.box.advance(120)
    assert pings(lab) == {}
    with pytest.raises(ClientError, match="InvalidInstanceId"):
        send(lab, "echo hello")


@pytest.mark.parametrize("key", ["InstanceIds", "instanceids", "instanceIds"])
def test_instances_are_targets_by_their_ids_in_any_spelling_of_the_key(lab: Lab, key: str) -> None:
    sent = lab("ssm").send_command(
        Targets=[{"Key": key, "Values": [lab.net.client.instance]}],
        DocumentName="AWS-RunShellScript",
        Parameters={"commands": ["hostname"]},
    )
    assert end(lab, sent["Command"]["CommandId"])["Status"] == "Success"


@pytest.mark.parametrize(
    "command",
    [
        "ss -tln || echo nothing listens",
        "timeout 3 bash -c 'host example.com || echo DNS is broken'\necho next",
        "if nslookup example.com; then echo up; else echo down; fi",
    ],
)
def test_what_the_sandbox_does_not_simulate_fails_the_whole_command(lab: Lab, command: str) -> None:
    seen = end(lab, send(lab, command))
    assert (seen["Status"], seen["ResponseCode"], seen["out"]) == ("Failed", 126, "")
    assert "the sandbox does not simulate this program\nfailed to run commands: exit status 126" in seen["err"]


def test_a_port_is_tried_as_people_try_it(lab: Lab) -> None:
    line = f'timeout 3 bash -c "</dev/tcp/{SERVER_ADDRESS}/22" && echo open || echo closed'
    seen = end(lab, send(lab, line))
    assert (seen["Status"], seen["out"]) == ("Success", "open\n")


def test_the_date_of_a_page_is_the_date_of_the_machine(lab: Lab) -> None:
    seen = end(
        lab, send(lab, "python3 -m http.server 8080 & sleep 1; curl -sI localhost:8080 | grep Date; date -u +%Y")
    )
    date, year = seen["out"].splitlines()
    assert f" {year} " in date and date.endswith(" GMT")
