"""Compliant and blind: every published control is green, and not one record arrives."""

import json
from pathlib import Path
from typing import Any

from tests.support import network
from tests.support.box import Box

ACCOUNT = "123456789012"
# What Prowler's confused-deputy check asks of a service role's trust.
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
            "Action": "sts:AssumeRole",
            "Condition": {
                "StringEquals": {"aws:SourceAccount": ACCOUNT},
                "ArnLike": {"aws:SourceArn": f"arn:aws:ec2:us-east-1:{ACCOUNT}:vpc-flow-log/*"},
            },
        }
    ],
}
GROUP_ARN = f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:{network.GROUP}"


def write_to(resource: str) -> dict[str, Any]:
    action = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogGroups", "logs:DescribeLogStreams"]
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


def controls(box: Box, built: network.Network) -> dict[str, bool]:
    """The controls as published, asked of the account: nobody of them asks whether anything is delivered."""
    flow_logs = box("ec2").describe_flow_logs()["FlowLogs"]
    active = [log for log in flow_logs if log["FlowLogStatus"] == "ACTIVE"]
    covered = {log["ResourceId"] for log in active}
    vpcs = {built.client.vpc, built.server.vpc}
    (group,) = box("logs").describe_log_groups(logGroupNamePrefix=network.GROUP)["logGroups"]
    trust = box("iam").get_role(RoleName="delivery")["Role"]["AssumeRolePolicyDocument"]["Statement"][0]
    keys = {key for operator in trust.get("Condition", {}).values() for key in operator}
    return {
        "AWS Config VPC_FLOW_LOGS_ENABLED": vpcs <= covered,
        "Security Hub EC2.6": vpcs <= {log["ResourceId"] for log in active if log["TrafficType"] in ("REJECT", "ALL")},
        "CIS 3.0 3.7, Prowler vpc_flow_logs_enabled": vpcs <= covered,
        "Checkov CKV_AWS_338, Security Hub CloudWatch.16": group.get("retentionInDays", 0) >= 365,
        "Prowler iam_role_cross_service_confused_deputy_prevention": bool(
            keys & {"aws:SourceArn", "aws:SourceAccount"}
        ),
    }


def test_all_controls_are_green_and_no_record_arrives(tmp_path: Path) -> None:
    box = Box(tmp_path)
    built = network.build(box)
    # The group's own ARN without ":*" does not reach its streams: the mistake of flow-logs.md, section 3.
    network.enable(box, built, trust=TRUST, policy=write_to(GROUP_ARN))
    box("logs").put_retention_policy(logGroupName=network.GROUP, retentionInDays=365)
    network.shell(box, built.client.instance, f"ping -c 3 {network.SERVER_ADDRESS}")
    box.advance(1800)
    assert set(controls(box, built).values()) == {True}, controls(box, built)
    for log in box("ec2").describe_flow_logs()["FlowLogs"]:
        seen = (log["FlowLogStatus"], log["DeliverLogsStatus"], log["DeliverLogsErrorMessage"])
        assert seen == ("ACTIVE", "FAILED", "Access error")
    assert box("logs").describe_log_streams(logGroupName=network.GROUP)["logStreams"] == []
    assert network.records(box, built.client.interface) == []
    # The same controls say the same where records do arrive: they cannot tell the one from the other.
    document = json.dumps(write_to(f"{GROUP_ARN}:*"))
    box("iam").put_role_policy(RoleName="delivery", PolicyName="write", PolicyDocument=document)
    network.shell(box, built.client.instance, f"ping -c 3 {network.SERVER_ADDRESS}")
    box.advance(1800)
    assert set(controls(box, built).values()) == {True}
    assert network.records(box, built.client.interface)
    assert {log["DeliverLogsStatus"] for log in box("ec2").describe_flow_logs()["FlowLogs"]} == {"SUCCESS"}
    box.stop()
