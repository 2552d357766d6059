"""IAM is one for all Regions: what the lab needs elsewhere stays, and it is said where nothing is left."""

from typing import Any

import pytest

from helpers.__main__ import main
from tests.lab.teardown.guard import REGION, refusal
from tests.lab.teardown.labs import MotoAccess, MotoLab, build
from tests.lab.teardown.test_run import SMALL, left_in_account

OTHER = "eu-west-1"
IDENTITIES = {"demo-ssm", "demo-ssm-role", "demo-flow-logs-role", "demo-delivery"}


def in_the_other_region(lab: MotoLab) -> MotoLab:
    """The same lab and account, opened with another Region."""
    return MotoLab(lab.prefix, access=MotoAccess(lab.access.guard, OTHER))


def test_a_teardown_elsewhere_leaves_the_living_lab_its_identities(lab: MotoLab) -> None:
    build(lab, parts=(*SMALL, "logging"))
    before = left_in_account(lab)
    other = in_the_other_region(lab)
    assert not [step for step in other.teardown.plan() if step.action == "delete"], "nothing is there, IAM is in use"
    report = other.teardown.run()
    assert {item.id for item in report.kept} == IDENTITIES
    assert all(f"the lab has resources in {REGION}" in item.because for item in report.kept)
    assert left_in_account(lab) == before
    left = other.teardown.verify()
    assert not left and str(left) == f"Nothing is left of lab 'demo' in {OTHER}; it has resources in {REGION}."
    assert lab.teardown.run().ok and left_in_account(lab) == []
    assert str(lab.teardown.verify()) == f"Nothing is left of lab 'demo' in {REGION}."


def test_the_last_of_two_regions_takes_the_identities_along(lab: MotoLab) -> None:
    other = in_the_other_region(lab)
    build(lab, parts=("a", "identities"))
    build(other, parts=("a",))
    report = lab.teardown.run()
    assert {item.id for item in report.kept} == IDENTITIES and not report.failed
    assert str(lab.teardown.verify()).endswith(f"it has resources in {OTHER}.")
    assert other.teardown.run().ok and not other.teardown.verify()
    assert left_in_account(lab) == [] == left_in_account(other)


@pytest.mark.parametrize("tags", [{"Project": "payroll"}, {"Lab": "demo2"}, {"Lab": "Demo"}])
def test_what_is_not_the_lab_s_elsewhere_keeps_nothing(lab: MotoLab, tags: dict[str, str]) -> None:
    build(lab, parts=("identities",))
    theirs = [{"Key": key, "Value": value} for key, value in {**lab.tag_dict("x"), **tags}.items()]
    spec: Any = [{"ResourceType": "vpc", "Tags": theirs}]
    ec2 = lab.client("ec2", region=OTHER)
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=spec)["Vpc"]["VpcId"]
    assert lab.teardown.run().ok and not lab.teardown.verify()
    assert left_in_account(lab) == [] and ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"]


def test_a_terminated_machine_elsewhere_keeps_nothing(lab: MotoLab) -> None:
    """It and its tags show for about an hour after its end."""
    build(lab, parts=("identities",))
    other = in_the_other_region(lab)
    spec = lab.tag_spec("instance", "short-lived")
    reply = other.client("ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=spec)
    other.client("ec2").terminate_instances(InstanceIds=[reply["Instances"][0]["InstanceId"]])
    assert lab.teardown.run().ok and left_in_account(lab) == []


@pytest.mark.parametrize(
    ("operation", "where", "said"),
    [("DescribeTags", OTHER, OTHER), ("DescribeVpcs", OTHER, OTHER), ("DescribeRegions", REGION, "all other Regions")],
)
def test_where_nobody_can_look_the_identities_stay_and_it_is_said(
    lab: MotoLab,
    operation: str,
    where: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build(lab, parts=("a", "identities"))
    build(in_the_other_region(lab), parts=("a",))
    code = "UnauthorizedOperation"
    lab.access.guard.failing = lambda *call: refusal(code, operation) if call == (operation, where) else None
    monkeypatch.setattr("helpers.lab.open_lab", lambda *_: lab)
    assert main(["teardown", "--prefix", "demo"]) == 1
    assert f"{said} ({code})" in capsys.readouterr().out
    assert set(left_in_account(lab)) == IDENTITIES == {item.id for item in lab.teardown.verify()}
