"""The log group that comes back, because the last windows are delivered minutes after the flow log ended."""

from datetime import timedelta

from helpers.lab.teardown.executor import LAST_DELIVERY
from tests.lab.teardown.labs import START, MotoLab, build, group_name

PARTS = ("a", "identities", "logging")


def create_again(lab: MotoLab, **tags: str) -> None:
    """Make the group anew. Stock moto gives it the tags of the deleted one back, AWS does not."""
    logs = lab.client("logs")
    logs.create_log_group(logGroupName=group_name(lab), tags=tags)
    logs.untag_log_group(logGroupName=group_name(lab), tags=["Project", "Lab", "Name"])


def deliver_late(lab: MotoLab, *minutes: float) -> None:
    """What AWS does when the role may create groups: a group without tags or retention, with an interface's stream."""
    logs = lab.client("logs")

    def deliver() -> None:
        create_again(lab)
        logs.create_log_stream(logGroupName=group_name(lab), logStreamName="eni-0123456789abcdef0-all")

    lab.access.due += [(START + timedelta(minutes=minute), deliver) for minute in minutes]


def groups(lab: MotoLab) -> list[str]:
    return [group["logGroupName"] for group in lab.client("logs").describe_log_groups()["logGroups"]]


def test_the_group_that_comes_back_is_caught(lab: MotoLab) -> None:
    build(lab, parts=PARTS)
    deliver_late(lab, 11)
    report = lab.teardown.run()
    assert report.ok and report.results[-1].detail == "came back and was deleted"
    assert lab.now() >= START + LAST_DELIVERY
    assert groups(lab) == [] and not lab.teardown.verify()


def test_without_a_late_delivery_it_is_still_waited_for(lab: MotoLab) -> None:
    build(lab, parts=PARTS)
    report = lab.teardown.run()
    assert report.results[-1].detail == "did not come back" and lab.now() == START + LAST_DELIVERY


def test_a_group_that_came_back_before_the_teardown_is_found_by_the_role_that_may_write_to_it(lab: MotoLab) -> None:
    """The learner deleted flow logs and group by hand, as lesson 99 does, and uses the teardown for the rest."""
    made = build(lab, parts=PARTS)
    lab.client("ec2").delete_flow_logs(FlowLogIds=[made["flow-log-a"]])
    lab.client("logs").delete_log_group(logGroupName=group_name(lab))
    deliver_late(lab, -1, 9)
    lab.access.sleep_until(START)
    plan = lab.teardown.plan()
    assert [step.id for step in plan if step.kind == "log-group"] == [group_name(lab)] * 2
    report = lab.teardown.run(plan)
    assert report.ok and report.results[-1].detail == "came back and was deleted"
    assert groups(lab) == []


def test_when_nothing_of_the_lab_is_left_to_prove_it_the_group_is_only_reported(lab: MotoLab) -> None:
    build(lab, parts=PARTS)
    assert lab.teardown.run().ok
    deliver_late(lab, 60)
    lab.access.sleep_until(START + timedelta(hours=2))
    assert lab.teardown.run().ok and groups(lab) == [group_name(lab)]
    assert [item.id for item in lab.teardown.verify()] == [group_name(lab)]


def test_somebody_elses_new_group_of_the_same_name_stays(lab: MotoLab) -> None:
    build(lab, parts=PARTS)

    def theirs() -> None:
        create_again(lab, Owner="someone")

    lab.access.due.append((START + timedelta(minutes=3), theirs))
    report = lab.teardown.run()
    assert "somebody else" in report.results[-1].detail
    assert groups(lab) == [group_name(lab)] and not lab.teardown.verify()


def test_a_central_group_that_the_labs_flow_log_writes_to_stays(lab: MotoLab) -> None:
    made = build(lab, 2)
    ec2, logs = lab.client("ec2"), lab.client("logs")
    logs.create_log_group(logGroupName="/central/network")
    ec2.create_flow_logs(
        ResourceIds=[made["vpc-a"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/central/network",
        DeliverLogsPermissionArn="arn:aws:iam::123456789012:role/central",
        TagSpecifications=lab.tag_spec("vpc-flow-log", "central"),
    )
    assert lab.teardown.run().ok
    assert groups(lab) == ["/central/network"] and not lab.teardown.verify()
