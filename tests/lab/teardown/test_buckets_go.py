"""The lab's buckets go with all that is in them, after the flow logs; those of others stay."""

from pathlib import Path
from typing import Any

from tests.support.homes import served_lab_after


def make(s3: Any, name: str, tags: list[dict[str, str]], objects: int = 0) -> None:
    s3.create_bucket(Bucket=name)
    s3.put_bucket_tagging(Bucket=name, Tagging={"TagSet": tags})
    for number in range(objects):
        s3.put_object(Bucket=name, Key=f"a/{number}", Body=b"x")


def flow_log(lab: Any, bucket: str, tagged: bool) -> None:
    spec = lab.tag_spec("vpc-flow-log", "archive") if tagged else []
    lab.client("ec2").create_flow_logs(
        ResourceIds=[lab.client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]],
        ResourceType="VPC",
        TrafficType="ALL",
        LogDestinationType="s3",
        LogDestination=f"arn:aws:s3:::{bucket}",
        TagSpecifications=spec,
    )


def test_a_full_bucket_goes_and_others_stay(tmp_path: Path) -> None:
    with served_lab_after("00", tmp_path / "home") as (lab, _):
        s3 = lab.client("s3")
        make(s3, "demo-archive", lab.tag_list("archive"), objects=3)
        make(s3, "demo-written", lab.tag_list("written"))
        make(
            s3, "demo2-archive", [{**tag, "Value": tag["Value"].replace("demo", "demo2")} for tag in lab.tag_list("a")]
        )
        s3.create_bucket(Bucket="demo-untagged")
        flow_log(lab, "demo-archive", tagged=True)
        flow_log(lab, "demo-written", tagged=False)
        plan = lab.teardown.plan()
        assert [(step.kind, step.id[:3]) for step in plan] == [("vpc-flow-log", "fl-"), ("bucket", "dem")]
        assert [kept.id for kept in plan.kept] == ["demo-written"]
        report = lab.teardown.run(plan)
        assert [result.outcome for result in report] == ["done", "done"]
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == [
            "demo-written",
            "demo2-archive",
            "demo-untagged",
        ]
        assert [left.id for left in lab.teardown.verify()] == ["demo-written"]
