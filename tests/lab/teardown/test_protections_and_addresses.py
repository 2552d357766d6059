"""A protection is a person's word: shown before it is lifted. Addresses of the lab cost money: released."""

from typing import Any

import pytest

from tests.lab.teardown.labs import MotoLab, build, group_name, run_instance
from tests.lab.teardown.test_run import SMALL, left_in_account


@pytest.mark.parametrize(
    ("against", "attribute"), [("termination", "DisableApiTermination"), ("stop", "DisableApiStop")]
)
def test_a_machine_s_protection_is_in_the_plan_before_it_is_lifted(lab: MotoLab, against: str, attribute: str) -> None:
    made = build(lab, parts=SMALL)
    protected = made["instance-public-a"]
    lab.client("ec2").modify_instance_attribute(InstanceId=protected, **{attribute: {"Value": True}})
    plan = lab.teardown.plan()
    actions = [step.action for step in plan if step.id == protected]
    assert actions == [f"switch off {against} protection of", "terminate", "wait for the end of"]
    assert f"switch off {against} protection of" in str(plan) and "Somebody protected it" in str(plan)
    assert lab.teardown.run(plan).ok and left_in_account(lab) == []


def test_a_protection_that_came_after_the_plan_is_not_lifted(lab: MotoLab) -> None:
    made = build(lab, parts=(*SMALL, "logging"))
    plan, protected = lab.teardown.plan(), made["instance-public-a"]
    lab.client("ec2").modify_instance_attribute(InstanceId=protected, DisableApiTermination={"Value": True})
    lab.access.guard.protected.add(group_name(lab))
    lab.access.guard.refusing["TerminateInstances"] = "OperationNotPermitted"
    failed = {(result.step.action, result.step.id): result.detail for result in lab.teardown.run(plan).failed}
    assert "OperationNotPermitted" in failed["terminate", protected] and ("delete", group_name(lab)) in failed
    assert "not waited for" in failed["wait for the end of", protected]
    lab.access.guard.refusing.clear()
    assert lab.teardown.run().ok and left_in_account(lab) == []


def test_what_is_not_protected_needs_no_such_step(lab: MotoLab) -> None:
    build(lab, parts=(*SMALL, "logging"))
    assert not [step for step in lab.teardown.plan() if "protection" in step.action]


def address(lab: MotoLab, tags: list[dict[str, str]], **association: str) -> str:
    spec = [{"ResourceType": "elastic-ip", "Tags": tags}] if tags else []
    ec2: Any = lab.client("ec2")
    made = str(ec2.allocate_address(Domain="vpc", TagSpecifications=spec)["AllocationId"])
    if association:
        ec2.associate_address(AllocationId=made, **association)
    return made


def addresses(lab: MotoLab) -> set[str]:
    return {found["AllocationId"] for found in lab.client("ec2").describe_addresses()["Addresses"]}


def test_the_lab_s_addresses_are_released_and_no_others(lab: MotoLab) -> None:
    made = build(lab, parts=SMALL)
    address(lab, lab.tag_list("free"))
    address(lab, lab.tag_list("used"), InstanceId=made["instance-public-a"])
    payroll = [{"Key": "Project", "Value": "payroll"}, {"Key": "Lab", "Value": "demo"}]
    theirs = {address(lab, []), address(lab, payroll), address(lab, MotoLab("demo2", access=lab.access).tag_list("x"))}
    plan = lab.teardown.plan()
    assert [step.action for step in plan if step.kind == "elastic-ip"] == ["release", "release"]
    assert lab.teardown.run(plan).ok and not lab.teardown.verify()
    assert addresses(lab) == theirs


def test_an_address_of_the_lab_that_a_stranger_s_machine_has_stays(lab: MotoLab) -> None:
    made = build(lab, parts=("a",))
    stranger = run_instance(lab, made["public-a"], [])
    ours = address(lab, lab.tag_list("lent"), InstanceId=stranger)
    report = lab.teardown.run()
    assert stranger in {item.id: item.because for item in report.kept}[ours]
    assert addresses(lab) == {ours} and ours in {item.id for item in lab.teardown.verify()}
