""" "Unable to assume given IAM role" right after create_role: switched on, refused; off, as by default, not."""

import json
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support import network
from tests.support.box import Box
from tests.support.homes import copy_after
from tests.support.labs import lab_in


def enable(box: Box, role: str) -> list[str]:
    """Make a role and, at once, a flow log of a new VPC that is delivered by it."""
    document = json.dumps(network.FLOW_LOGS_TRUST)
    arn = box("iam").create_role(RoleName=role, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    vpc = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    order: dict[str, Any] = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "/g"}
    for _ in range(2):
        try:
            return list(box("ec2").create_flow_logs(**order, DeliverLogsPermissionArn=arn)["FlowLogIds"])
        except ClientError as problem:
            refusal = problem
            assert not box("ec2").describe_flow_logs(Filters=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"]
            assert box("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"]
            print(refusal)
    raise refusal


def test_a_new_role_is_refused_once_and_the_choice_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    box = Box(tmp_path)
    made = enable(box, "at-once")
    assert "Unable" not in capsys.readouterr().out
    box.stop()
    box = Box(tmp_path, role_delay=30.0)  # what was let through before is not judged again
    assert [log["FlowLogId"] for log in box("ec2").describe_flow_logs()["FlowLogs"]] == made
    enable(box, "first")
    said = capsys.readouterr().out
    assert said.count("(InvalidParameter)") == 1 and "Unable to assume given IAM role" in said
    box.kill()
    (tmp_path / "checkpoint.pickle").unlink(missing_ok=True)
    enable(box, "second")  # started again without the option
    assert "Unable to assume given IAM role" in capsys.readouterr().out
    assert len(box("ec2").describe_flow_logs()["FlowLogs"]) == 3
    box.stop()
    box = Box(tmp_path, role_delay=0.0)
    enable(box, "third")
    assert "Unable" not in capsys.readouterr().out
    box.stop()


def test_an_old_role_passes(tmp_path: Path) -> None:
    box = Box(tmp_path, role_delay=30.0)
    document = json.dumps(network.FLOW_LOGS_TRUST)
    arn = box("iam").create_role(RoleName="old", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    vpc = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    box.advance(30)
    order: dict[str, Any] = {"ResourceIds": [vpc], "ResourceType": "VPC", "TrafficType": "ALL", "LogGroupName": "/g"}
    assert box("ec2").create_flow_logs(**order, DeliverLogsPermissionArn=arn)["FlowLogIds"]
    box.stop()


def test_the_build_cells_of_the_course_wait_for_a_new_role(tmp_path: Path) -> None:
    identity = copy_after("02", tmp_path / "home") / "identity.json"
    identity.write_text(json.dumps(json.loads(identity.read_text()) | {"role_delay": 20.0}))
    with lab_in(identity.parent) as lab:
        assert [outcome for _, outcome in lab.catch_up("05").outcomes] == ["found", "found", "built", "built"]
