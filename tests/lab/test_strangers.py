"""A shared account: what carries some of the lab's tags, but not all of them, is somebody else's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers._data import NOTEBOOKS
from helpers.lab import Lab
from helpers.lab.notebook_file import read_notebook, source_of
from helpers.lab.snapshot import snapshot
from helpers.lessons.account_view import AccountView
from tests.support.labs import lab_in

FOREIGN = [
    [{"Key": "Project", "Value": "payroll"}, {"Key": "Lab", "Value": "demo"}],
    [{"Key": "Lab", "Value": "demo"}],
    [{"Key": "Project", "Value": "vpc-flow-logs-workbook"}, {"Key": "Lab", "Value": "demo2"}],
]
_MAY = {"Effect": "Allow", "Principal": {"Service": "vpc-flow-logs.amazonaws.com"}, "Action": "sts:AssumeRole"}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [_MAY]})


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_in(tmp_path_factory.mktemp("strangers") / "home") as lab:
        assert lab.prefix == "demo"
        yield lab


@pytest.fixture(params=FOREIGN, ids=["another project", "no project", "another lab"])
def theirs(request: pytest.FixtureRequest, lab: Lab) -> Iterator[str]:
    """A VPC with the name of the lab's own, and tags of which one is not the lab's."""
    tags = [*request.param, {"Key": "Name", "Value": "demo-vpc-a"}]
    ec2 = lab.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.1.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}])
    yield vpc["Vpc"]["VpcId"]
    ec2.delete_vpc(VpcId=vpc["Vpc"]["VpcId"])


def test_find_does_not_adopt_a_stranger_s_vpc(lab: Lab, theirs: str) -> None:
    assert lab.find("vpc", "vpc-a") is None


def test_it_is_no_part_of_what_catching_up_compares(lab: Lab, theirs: str) -> None:
    assert snapshot(lab) == {}


def test_a_stranger_s_group_role_and_machine_are_not_the_lab_s(lab: Lab, theirs: str) -> None:
    ec2, tags = lab.client("ec2"), FOREIGN[0]
    subnet = ec2.create_subnet(VpcId=theirs, CidrBlock="10.1.1.0/24")["Subnet"]["SubnetId"]
    image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
    named = [{"ResourceType": "instance", "Tags": [*tags, {"Key": "Name", "Value": "demo-client-a"}]}]
    asked: dict[str, Any] = {"ImageId": image, "InstanceType": "t3.micro", "SubnetId": subnet}
    machine = ec2.run_instances(**asked, MinCount=1, MaxCount=1, TagSpecifications=named)["Instances"][0]["InstanceId"]
    lab.client("logs").create_log_group(logGroupName="/theirs", tags={tag["Key"]: tag["Value"] for tag in tags})
    lab.client("iam").create_role(RoleName="demo-instance", AssumeRolePolicyDocument=TRUST, Tags=tags)
    lab.client("iam").create_instance_profile(InstanceProfileName="demo-instance", Tags=tags)
    assert snapshot(lab) == {} and lab.find("instance", "client-a") is None
    assert AccountView(lab).instances == {}
    lab.client("iam").delete_role(RoleName="demo-instance")
    lab.client("iam").delete_instance_profile(InstanceProfileName="demo-instance")
    lab.client("logs").delete_log_group(logGroupName="/theirs")
    ec2.terminate_instances(InstanceIds=[machine])
    ec2.get_waiter("instance_terminated").wait(InstanceIds=[machine])
    ec2.delete_subnet(SubnetId=subnet)


def test_a_stranger_s_flow_log_is_no_reason_to_save_readings(lab: Lab, theirs: str) -> None:
    ec2, iam = lab.client("ec2"), lab.client("iam")
    role = iam.create_role(RoleName="theirs", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    ec2.create_flow_logs(
        ResourceIds=[theirs],
        ResourceType="VPC",
        TrafficType="ALL",
        LogGroupName="/theirs",
        DeliverLogsPermissionArn=role,
        TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": FOREIGN[0]}],
    )
    before = lab._readings._saved()
    lab.client("ec2").create_subnet(VpcId=theirs, CidrBlock="10.1.9.0/24")
    assert lab._readings._saved() == before
    (subnet,) = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [theirs]}])["Subnets"]
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    flow_logs = ec2.describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [theirs]}])["FlowLogs"]
    ec2.delete_flow_logs(FlowLogIds=[flow_log["FlowLogId"] for flow_log in flow_logs])
    iam.delete_role(RoleName="theirs")


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")), ids=lambda path: path.name[:2])
def test_no_notebook_looks_for_the_lab_by_one_tag_alone(path: Path) -> None:
    for cell in read_notebook(path)["cells"]:
        source = source_of(cell)
        assert cell["cell_type"] != "code" or "tag:Lab" not in source, cell["id"]
        assert "tag:Name" not in source or "tag_filters()" in source, cell["id"]
