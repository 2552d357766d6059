"""The AWS CLI, in the words of a person at a shell that did what ``sandbox env`` says."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.dataplane.conftest import GROUP, Lab
from tests.support import network

AWS = Path(sys.executable).with_name("aws")
pytestmark = pytest.mark.skipif(not AWS.exists(), reason="the AWS CLI is not in .venv: make setup installs it")
Shell = Callable[..., str]
REFUSED = 255
REJECTED = "[version, account, eni, source, destination, srcport, destport=3389, protocol, ..., action=REJECT, status]"


@pytest.fixture(scope="module")
def shell(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """Run lines as a person types them; what they print, or with ``code`` what they complain of."""
    home = tmp_path_factory.mktemp("nobody")
    command = [sys.executable, "-m", "helpers", "sandbox", "env", "--home", str(lab.box.home)]
    env = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    surroundings = {"PATH": f"{AWS.parent}:/usr/bin:/bin", "HOME": str(home), "AWS_PROFILE": "work", "TZ": "UTC"}

    def run(lines: str, code: int = 0) -> str:
        done = subprocess.run(
            ["sh", "-ec", env + lines], env=surroundings, cwd=home, capture_output=True, text=True, timeout=180
        )
        assert done.returncode == code, done.stderr
        return (done.stderr if code else done.stdout).strip()

    return run


@pytest.fixture(scope="module")
def rejected(lab: Lab) -> list[str]:
    """One refused connection; the id of the interface and the source port of each record of it at the server."""
    _, records = lab.run(f"curl -s -m 2 {network.SERVER_ADDRESS}:3389")
    found = [record for record in records if record.dstport == 3389 and record.action == "REJECT"]
    assert found
    return sorted({f"{record.interface_id} {record.srcport}" for record in found})


def test_it_says_who_it_is(shell: Shell) -> None:
    assert shell("aws sts get-caller-identity --query Account --output text") == "123456789012"


def test_query_and_output_pick_and_print(shell: Shell, lab: Lab) -> None:
    side = lab.net.client
    line = shell(
        f"aws ec2 describe-subnets --filters Name=vpc-id,Values={side.vpc} --query 'Subnets[].[SubnetId,CidrBlock]' "
        "--output text"
    )
    assert line.split() == [side.subnet, "10.1.0.0/24"]
    table = shell(f"aws ec2 describe-vpcs --vpc-ids {side.vpc} --output table")
    assert "DescribeVpcs" in table.splitlines()[1] and f"|  {side.vpc} " in table.replace("||", "|")


def test_pages_go_on_where_the_token_says(shell: Shell) -> None:
    everything = json.loads(shell("aws ec2 describe-subnets"))["Subnets"]
    first = json.loads(shell("aws ec2 describe-subnets --page-size 5 --max-items 3"))
    token = first["NextToken"]
    rest = json.loads(shell(f"aws ec2 describe-subnets --page-size 5 --starting-token {token}"))
    assert first["Subnets"] + rest["Subnets"] == everything


def test_run_command_ends_for_a_waiter(shell: Shell, lab: Lab) -> None:
    instance = lab.net.client.instance
    assert (
        shell(
            f"""
            aws ec2 wait instance-running --instance-ids {instance}
            sent=$(aws ssm send-command --document-name AWS-RunShellScript --targets Key=instanceids,Values={instance} \
                --parameters commands='["echo one","echo two"]' --query Command.CommandId --output text)
            aws ssm wait command-executed --command-id $sent --instance-id {instance}
            aws ssm get-command-invocation --command-id $sent --instance-id {instance} \
                --query StandardOutputContent --output text
            """
        )
        == "one\ntwo"
    )


def test_flow_logs_are_created_by_shorthand(shell: Shell, lab: Lab) -> None:
    """One of the two VPCs is not there: the other gets its flow log, as in AWS."""
    vpc, role = lab.net.client.vpc, lab("iam").get_role(RoleName="delivery")["Role"]["Arn"]
    reply = json.loads(
        shell(
            f"aws ec2 create-flow-logs --resource-type VPC --resource-ids {vpc} vpc-0123456789abcdef0 "
            f"--traffic-type REJECT --log-group-name /cli --deliver-logs-permission-arn {role} "
            "--max-aggregation-interval 60 "
            "--tag-specifications 'ResourceType=vpc-flow-log,Tags=[{Key=Name,Value=cli},{Key=Project,Value=x}]'"
        )
    )
    assert [failure["ResourceId"] for failure in reply["Unsuccessful"]] == ["vpc-0123456789abcdef0"]
    assert len(reply["FlowLogIds"]) == 1
    tagged = shell("aws ec2 describe-flow-logs --filter Name=tag:Name,Values=cli --query 'FlowLogs[].[ResourceId]'")
    assert json.loads(tagged) == [[vpc]]
    assert json.loads(shell(f"aws ec2 delete-flow-logs --flow-log-ids {reply['FlowLogIds'][0]}"))["Unsuccessful"] == []


def test_a_pattern_finds_the_rejected_records(shell: Shell, rejected: list[str]) -> None:
    text = shell(f"aws logs filter-log-events --log-group-name {network.GROUP} --filter-pattern '{REJECTED}'")
    lines = [event["message"].split() for event in json.loads(text)["events"]]
    assert sorted({f"{line[2]} {line[5]}" for line in lines}) == rejected


def test_a_query_is_started_and_read(shell: Shell, rejected: list[str]) -> None:
    query = "filter dstPort = 3389 and action = 'REJECT' | stats count(*) by interfaceId, srcPort"
    text = shell(
        f"""
        id=$(aws logs start-query --log-group-name {network.GROUP} --start-time 1767571200 --end-time 1767830400 \
            --query-string "{query}" --query queryId --output text)
        until [ "$(aws logs get-query-results --query-id $id --query status --output text)" = Complete ]; do :; done
        aws logs get-query-results --query-id $id
        """
    )
    rows: list[dict[str, Any]] = [{cell["field"]: cell["value"] for cell in row} for row in json.loads(text)["results"]]
    assert sorted(f"{row['interfaceId']} {row['srcPort']}" for row in rows) == rejected


def test_an_answer_is_shown_in_a_table(shell: Shell) -> None:
    lines = shell(
        f"""
        aws logs put-retention-policy --log-group-name {GROUP} --retention-in-days 7
        aws logs describe-log-groups --log-group-name-prefix {GROUP} --output table \
            --query 'logGroups[].{{name:logGroupName,days:retentionInDays}}'
        """
    )
    assert [line.split() for line in lines.splitlines() if GROUP in line] == [["|", "7", "|", GROUP, "|"]]


def test_events_of_the_machines_time_are_said_to_be_too_new(shell: Shell) -> None:
    """As AWS says of events from the future: the sandbox's time is another one."""
    reply = json.loads(
        shell(
            f"""
            aws logs create-log-stream --log-group-name {GROUP} --log-stream-name mine
            aws logs put-log-events --log-group-name {GROUP} --log-stream-name mine \
                --log-events timestamp=$(date +%s)000,message=hello
            """
        )
    )
    assert reply["rejectedLogEventsInfo"] == {"tooNewLogEventStartIndex": 0}


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("ec2 describe-vpcs --vpc-ids vpc-0123456789abcdef0", "InvalidVpcID.NotFound"),
        ("iam get-role --role-name nope", "NoSuchEntity"),
        ("ec2 create-vpc --cidr-block 10.9.0.0/16 --dry-run", "DryRunOperation"),
        ("s3api list-multipart-uploads --bucket any", "UnsupportedOperation"),
        ("elbv2 describe-load-balancers", "UnsupportedOperation"),
    ],
)
def test_a_refusal_has_its_code(shell: Shell, command: str, code: str) -> None:
    assert f"An error occurred ({code})" in shell(f"aws {command}", REFUSED)
