"""From every state to nothing, in stock moto behind a guard that refuses what AWS refuses."""

from datetime import timedelta
from typing import Any

import pytest

from helpers.lab import LabError
from helpers.lab.teardown import TeardownPlan
from tests.lab.teardown.labs import MotoLab, build, group_name, run_instance
from tests.support.cases import sampled

# One VPC with instances and groups.
SMALL = ("a", "groups", "identities", "instances")


def left_in_account(lab: MotoLab) -> list[str]:
    """What of the lab is left, found without the code under test: every list that there is, no filters."""
    ec2, iam, logs = lab.client("ec2"), lab.client("iam"), lab.client("logs")
    vpcs = ec2.describe_vpcs()["Vpcs"]
    found = [vpc["VpcId"] for vpc in vpcs if not vpc["IsDefault"]]
    # the default VPC has a gateway where the sandbox was imported in this process before
    of_the_default = {vpc["VpcId"] for vpc in vpcs if vpc["IsDefault"]}
    found += [subnet["SubnetId"] for subnet in ec2.describe_subnets()["Subnets"] if not subnet["DefaultForAz"]]
    found += [
        gateway["InternetGatewayId"]
        for gateway in ec2.describe_internet_gateways()["InternetGateways"]
        if of_the_default.isdisjoint(link["VpcId"] for link in gateway["Attachments"])
    ]
    found += [table["RouteTableId"] for table in ec2.describe_route_tables()["RouteTables"] if table["Tags"]]
    found += [group["GroupId"] for group in ec2.describe_security_groups()["SecurityGroups"] if group.get("Tags")]
    found += [acl["NetworkAclId"] for acl in ec2.describe_network_acls()["NetworkAcls"] if not acl["IsDefault"]]
    found += [flow_log["FlowLogId"] for flow_log in ec2.describe_flow_logs()["FlowLogs"]]
    found += [
        peering["VpcPeeringConnectionId"]
        for peering in ec2.describe_vpc_peering_connections()["VpcPeeringConnections"]
        if peering["Status"]["Code"] != "deleted"
    ]
    found += [
        instance["InstanceId"]
        for reservation in ec2.describe_instances()["Reservations"]
        for instance in reservation["Instances"]
        if instance["State"]["Name"] != "terminated"
    ]
    found += [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    found += [role["RoleName"] for role in iam.list_roles()["Roles"]]
    found += [policy["PolicyName"] for policy in iam.list_policies(Scope="Local")["Policies"]]
    return found + [profile["InstanceProfileName"] for profile in iam.list_instance_profiles()["InstanceProfiles"]]


def test_a_whole_lab_goes_and_the_second_time_there_is_nothing_to_do(lab: MotoLab) -> None:
    build(lab)
    assert len(lab.teardown.verify()) == len(left_in_account(lab)) == 24
    report = lab.teardown.run()
    assert report.ok and {result.outcome for result in report} == {"done"}, report
    assert left_in_account(lab) == []
    assert not lab.teardown.verify() and not lab.teardown.verify().lookalikes
    calls = len(lab.calls)
    again = lab.teardown.run()
    assert again.ok and len(again) == 0 and len(lab.calls) == calls


# One of these ends is in the middle of each part of the recipe; the long run tries others too.
SOME = (5, 27)
OTHERS = sampled([number for number in range(1, 45) if number not in SOME], 14)


@pytest.mark.parametrize("steps", [*SOME, *(pytest.param(number, marks=pytest.mark.long) for number in OTHERS)])
def test_a_half_built_lab_goes(lab: MotoLab, steps: int) -> None:
    build(lab, steps)
    assert lab.teardown.verify()
    report = lab.teardown.run()
    assert report.ok, report
    assert left_in_account(lab) == [] and not lab.teardown.verify()


@pytest.mark.parametrize("share", [0.25, pytest.param(0.7, marks=pytest.mark.long)])
def test_a_teardown_that_was_cut_off_is_finished_by_the_next(lab: MotoLab, share: float) -> None:
    build(lab)
    plan = lab.teardown.plan()
    part = lab.teardown.run(TeardownPlan(plan.prefix, plan.steps[: int(len(plan) * share)], plan.kept))
    assert part.ok and lab.teardown.verify()
    assert lab.teardown.run(plan).ok
    assert left_in_account(lab) == [] and not lab.teardown.verify()


def test_a_plan_of_yesterday_does_what_is_still_right(lab: MotoLab) -> None:
    made = build(lab, parts=("a", "b", "logging"))
    plan = lab.teardown.plan()
    lab.client("ec2").delete_flow_logs(FlowLogIds=[made["flow-log-a"]])
    stranger = run_instance(lab, made["public-b"], [])
    report = lab.teardown.run(plan)
    outcome = {result.step.id: result.outcome for result in report}
    assert outcome[made["flow-log-a"]] == "gone" and outcome[made["flow-log-b"]] == "done"
    assert outcome[made["public-b"]] == outcome[made["vpc-b"]] == "kept"
    state = lab.client("ec2").describe_instances(InstanceIds=[stranger])["Reservations"][0]["Instances"][0]["State"]
    assert state["Name"] == "running"


def test_an_empty_plan_does_nothing(lab: MotoLab) -> None:
    build(lab, 3)
    assert len(lab.teardown.run(TeardownPlan("demo"))) == 0
    assert len(lab.teardown.verify()) == 3


def test_the_plan_of_another_lab_is_refused(lab: MotoLab) -> None:
    build(lab, 3)
    with pytest.raises(LabError, match="make a new plan"):
        MotoLab("other").teardown.run(lab.teardown.plan())
    assert len(lab.teardown.verify()) == 3


def test_one_failure_is_reported_and_the_rest_is_done(lab: MotoLab) -> None:
    build(lab, parts=("a", "b", "logging"))
    lab.access.guard.refusing["DeleteFlowLogs"] = "UnauthorizedOperation"
    report = lab.teardown.run()
    assert [result.step.kind for result in report.failed] == ["vpc-flow-log"] * 2
    assert "UnauthorizedOperation" in report.failed[0].detail
    assert {item.kind for item in lab.teardown.verify()} == {"vpc-flow-log"}
    lab.access.guard.refusing.clear()
    assert lab.teardown.run().ok and not lab.teardown.verify()


def test_ending_instances_are_waited_for(lab: MotoLab, no_sleep: None) -> None:
    build(lab, parts=SMALL)
    lab.access.guard.slow = 3
    assert lab.teardown.run().ok
    assert not lab.teardown.verify()


def test_an_instance_that_is_ending_already_is_waited_for_and_counts_as_left(lab: MotoLab, no_sleep: None) -> None:
    made = build(lab, parts=SMALL)
    lab.access.guard.slow = 12
    ids = [made[f"instance-{subnet}"] for subnet in ("public-a", "private-a")]
    lab.client("ec2").terminate_instances(InstanceIds=ids)
    assert "instance" in {item.kind for item in lab.teardown.verify()}
    plan = lab.teardown.plan()
    assert {step.action for step in plan if step.kind == "instance"} == {"wait for the end of"}
    assert lab.teardown.run(plan).ok and not lab.teardown.verify()


def test_a_use_that_ends_late_is_waited_for(lab: MotoLab) -> None:
    """AWS may say DependencyViolation for some seconds after the last user is gone."""
    made = build(lab, parts=SMALL)
    refusing = lab.access.guard.refusing
    refusing["DeleteSecurityGroup"] = "DependencyViolation"
    lab.access.due.append((lab.now() + timedelta(seconds=45), lambda: refusing.clear()))
    report = lab.teardown.run()
    assert report.ok and not lab.teardown.verify()
    assert made["sg-client"] in {result.step.id for result in report}


def test_a_use_that_does_not_end_is_reported_once_and_not_forced(lab: MotoLab) -> None:
    build(lab, parts=SMALL)
    lab.access.guard.refusing["DeleteSecurityGroup"] = "DependencyViolation"
    start = lab.now()
    report = lab.teardown.run()
    kept = {result.step.kind: result.detail for result in report if result.outcome == "kept"}
    assert set(kept) == {"security-group", "vpc"} and "DependencyViolation" in kept["vpc"]
    assert not report.ok and not report.failed
    assert lab.now() - start <= timedelta(minutes=18), "patience is spent once, not for every step"
    assert {item.kind for item in lab.teardown.verify()} == {"security-group", "vpc"}


def test_protection_against_deletion_is_switched_off(lab: MotoLab) -> None:
    build(lab, parts=("logging",))
    lab.access.guard.protected.add(group_name(lab))
    planned = lab.teardown.plan()
    report = lab.teardown.run(planned)
    assert report.ok and not lab.teardown.verify()
    assert "PutLogGroupDeletionProtection" in lab.access.guard.operations
    assert [step.action for step in planned][:2] == ["switch off deletion protection of", "delete"], "said beforehand"


def test_plan_and_verify_change_nothing(lab: MotoLab) -> None:
    build(lab, parts=SMALL)
    before = list(lab.calls)
    lab.teardown.plan()
    lab.teardown.verify()
    assert lab.calls == before


def test_all_pages_are_read(lab: MotoLab) -> None:
    """More log groups than one page holds (50), the lab's own last."""
    logs = lab.client("logs")
    for number in range(60):
        logs.create_log_group(logGroupName=f"/aws/lambda/{number:02}")
    logs.create_log_group(logGroupName="zz", tags=lab.tag_dict("zz"))
    assert [step.id for step in lab.teardown.plan()] == ["zz", "zz"]
    assert lab.teardown.run().ok and not lab.teardown.verify()
    names: list[Any] = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    assert len(names) == 60
