"""open_lab and Lab against a running sandbox."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from filelock import FileLock

from helpers.lab import Lab, LabError, open_lab, sandbox_process
from tests.support.labs import lab_in


def test_a_region_that_does_not_exist_is_a_sentence() -> None:
    with pytest.raises(LabError, match="'us-esat-1' is no AWS Region"):
        open_lab(region="us-esat-1")


def test_a_learner_sees_the_sentence_and_not_our_lines() -> None:
    """IPython asks the exception itself what to show below the cell."""
    from IPython.core.interactiveshell import InteractiveShell

    shown: list[list[str]] = []
    shell: Any = InteractiveShell()
    shell._showtraceback = lambda kind, error, lines: shown.append(lines)
    shell.run_cell("from helpers.lab import open_lab\nopen_lab(mode='azure')")
    assert shown == [['LabError: mode=\'azure\' does not exist: use "sandbox" or "aws".']]


@pytest.mark.parametrize("prefix", ["", "Demo", "1a", "a_b", "x" * 21, "a b", "ä"])
def test_a_prefix_that_makes_no_names_is_refused(prefix: str) -> None:
    with pytest.raises(LabError, match="lower-case letters"):
        open_lab(prefix=prefix)


@pytest.mark.parametrize("prefix", ["anna-", "a-b-", "a--"])
def test_a_prefix_that_ends_in_a_hyphen_is_refused_with_a_better_one(prefix: str) -> None:
    with pytest.raises(LabError, match=f"{prefix}-vpc-a: take '{prefix.rstrip('-')}'"):
        open_lab(prefix=prefix)


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(LabError, match='"sandbox" or "aws"'):
        open_lab(mode="prod")


def test_a_home_that_cannot_be_written_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(LabError, match=r"cannot write in .* FLOWLOGS_HOME"):
        open_lab()


def test_the_banner_says_the_mode_in_words_and_colour(lab: Lab) -> None:
    html = lab._repr_html_()
    assert "Sandbox" in html
    assert "#009E73" in html
    assert repr(lab).startswith("Sandbox")


def test_a_client_of_issued_credentials_is_whoever_they_were_issued_to(lab: Lab) -> None:
    """Not cached, never the owner: what the role's policy does not allow is refused."""
    iam, logs = lab.client("iam"), lab.client("logs")
    account = lab.client("sts").get_caller_identity()["Account"]
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    role = iam.create_role(RoleName="asker", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    issued = lab.client("sts").assume_role(RoleArn=role, RoleSessionName="me")["Credentials"]
    who = lab.client("sts", credentials=issued).get_caller_identity()["Arn"]
    assert who.endswith("assumed-role/asker/me")
    with pytest.raises(ClientError, match="AccessDeniedException"):
        lab.client("logs", credentials=issued).describe_log_groups()
    with pytest.raises(ClientError, match="UnauthorizedOperation"):
        lab.client("ec2", credentials=issued).describe_vpcs()
    assert lab.client("logs") is logs and logs.describe_log_groups()["logGroups"] is not None
    iam.create_user(UserName="ana")
    key = iam.create_access_key(UserName="ana")["AccessKey"]
    assert lab.client("sts", credentials=key).get_caller_identity()["Arn"].endswith("user/ana")


@pytest.mark.parametrize("given", [{}, {"AccessKeyId": "x"}, "AKIA", 7, ["AccessKeyId", "SecretAccessKey"]])
def test_what_are_no_credentials_is_refused_with_where_to_get_some(lab: Lab, given: Any) -> None:
    with pytest.raises(LabError, match="assume_role"):
        lab.client("logs", credentials=given)


def test_find_sees_what_lives_and_carries_the_lab_s_tags(tmp_path: Path) -> None:
    with lab_in(tmp_path / "home") as lab:
        ec2, mine = lab.client("ec2"), lab.tag_spec("vpc", "find-me")
        assert lab.find("vpc", "find-me") is None
        ec2.create_vpc(CidrBlock="10.50.0.0/16")
        made = ec2.create_vpc(CidrBlock="10.51.0.0/16", TagSpecifications=mine)["Vpc"]["VpcId"]
        assert lab.find("vpc", "find-me") == made
        assert open_lab(prefix="test2").find("vpc", "find-me") is None
        ec2.delete_vpc(VpcId=made)
        assert lab.find("vpc", "find-me") is None


def test_find_names_the_kinds_it_knows(lab: Lab) -> None:
    with pytest.raises(LabError, match="vpc-peering-connection"):
        lab.find("peering", "a-b")


def test_every_kind_of_find_is_a_call_that_works(lab: Lab) -> None:
    from helpers.lab.resources import KINDS

    assert {lab.find(kind, "nothing-of-that-name") for kind in KINDS} == {None}


def test_already_lets_the_named_errors_pass_and_no_other(lab: Lab) -> None:
    logs = lab.client("logs")
    logs.create_log_group(logGroupName="/twice")
    with lab.already("ResourceAlreadyExistsException"):
        logs.create_log_group(logGroupName="/twice")
    with pytest.raises(ClientError, match="ResourceNotFoundException"), lab.already("ResourceAlreadyExistsException"):
        logs.delete_log_group(logGroupName="/never")


def test_wait_until_moves_virtual_time_and_gives_what_was_found(lab: Lab) -> None:
    start = lab.now()
    found = lab.wait_until(lambda: lab.now() - start > timedelta(minutes=7) and "there", 600, "moment")
    assert found == "there"
    assert lab.now() - start < timedelta(minutes=8)


def test_wait_until_gives_up_at_the_limit_and_says_what_it_waited_for(lab: Lab) -> None:
    start = lab.now()
    with pytest.raises(TimeoutError, match=r"After 100 seconds there is still no blue moon\."):
        lab.wait_until(lambda: None, 100, "blue moon")
    assert lab.now() - start == timedelta(seconds=100)


def test_a_poll_asks_the_clock_once_and_wakes_at_round_moments(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    own_call = sandbox_process._own_call

    def noted(method: str, *words: Any, **more: Any) -> Any:
        asked.append(method)
        return own_call(method, *words, **more)

    seen: list[datetime] = []

    def fourth_look() -> bool:
        with monkeypatch.context() as unseen:
            unseen.setattr(sandbox_process, "_own_call", own_call)
            seen.append(lab.now())
        return len(seen) == 4

    monkeypatch.setattr(sandbox_process, "_own_call", noted)
    lab.wait_until(lambda: True, 600, "nothing")
    assert not asked
    lab.wait_until(fourth_look, 600, "fourth look")
    assert asked == ["GET", "POST", "POST", "POST"]
    asked.clear()
    with pytest.raises(TimeoutError):
        lab.wait_until(lambda: None, 45, "third look")
    assert asked == ["GET", "POST", "POST", "POST", "GET"]  # to the round moment, to the end, and no more
    assert [moment.timestamp() % 30 for moment in seen[1:]] == [0, 0, 0]
    assert len({*seen}) == 4


def test_a_look_that_takes_longer_than_all_the_time_is_the_last(lab: Lab) -> None:
    looks: list[datetime] = []

    def slow() -> None:
        looks.append(lab.now())
        lab._access.sleep_until(lab.now() + timedelta(minutes=5))

    with pytest.raises(TimeoutError, match="After 40 seconds"):
        lab.wait_until(slow, 40, "quick look")
    assert len(looks) == 2  # time counts from the end of the first one


def test_an_older_sandbox_is_waited_for_as_it_can(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    move = sandbox_process.move_clock

    def older(*who: str, **to: Any) -> Any:
        if "every" in to:
            raise sandbox_process.SandboxError("Send advance_seconds or until.")
        return move(*who, **to)

    monkeypatch.setattr(sandbox_process, "move_clock", older)
    start = lab.now()
    assert lab.wait_until(lambda: lab.now() - start > timedelta(minutes=2), 600, "moment")
    assert timedelta(minutes=2) < lab.now() - start < timedelta(minutes=3)


def test_a_running_session_survives_the_end_of_the_sandbox(lab: Lab, home: Path) -> None:
    vpcs = lab.client("ec2").describe_vpcs()["Vpcs"]
    before = lab.now()
    sandbox_process.stop(home)
    assert lab.now() >= before
    sandbox_process.stop(home)
    assert lab.client("ec2").describe_vpcs()["Vpcs"] == vpcs


def test_a_sandbox_that_is_too_busy_to_answer_is_stopped_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("identity.json", "server.json"):
        (tmp_path / name).write_text('{"port": 1}')
    busy = FileLock(tmp_path / "lock")
    info = sandbox_process.SandboxInfo("", "", "", "", str(tmp_path), 7, "")
    answers, killed = iter([None, info, None]), list[int]()

    def kill(process: int, _: int) -> None:
        killed.append(process)
        busy.release()

    monkeypatch.setattr(sandbox_process, "find", lambda _: next(answers))
    monkeypatch.setattr("os.kill", kill)
    with busy:
        assert sandbox_process.stop(tmp_path)
    assert killed == [7]
    answers = iter([None])
    assert not sandbox_process.stop(tmp_path), "nobody holds it"


def test_times_are_aware_and_virtual(lab: Lab) -> None:
    now = lab.now()
    assert now.tzinfo is not None
    assert now < datetime.now(now.tzinfo)


def test_a_topology_is_remembered_from_before_a_change(lab: Lab) -> None:
    """Explaining yesterday's record with today's rules would be a lie."""
    from tests.support import network

    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.62.0.0/16", TagSpecifications=lab.tag_spec("vpc", "vpc-c"))["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="web", Description="test", VpcId=vpc)["GroupId"]
    iam = lab.client("iam")
    role = iam.create_role(RoleName="delivery", AssumeRolePolicyDocument=json.dumps(network.FLOW_LOGS_TRUST))
    ec2.create_flow_logs(
        ResourceIds=[vpc],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/g",
        DeliverLogsPermissionArn=role["Role"]["Arn"],
        TagSpecifications=lab.tag_spec("vpc-flow-log", "flow-log-a"),
    )
    network.allow(ec2, group, "tcp", 80, 80)
    with_rule = lab.now()
    lab.wait_until(lambda: lab.now() > with_rule + timedelta(minutes=5), 600, "later")
    ec2.revoke_security_group_ingress(
        GroupId=group,
        IpPermissions=ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"],
    )
    assert lab.topology().group(group).ingress == ()
    assert len(lab.topology(at=with_rule).group(group).ingress) == 1
    assert len(lab.topology(at=with_rule.timestamp()).group(group).ingress) == 1
