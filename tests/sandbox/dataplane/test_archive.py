"""Flow logs in S3: AWS's names, headers, types and DDL beside what the sandbox writes, and who may make it write.

Sources: "Flow log files" (Amazon VPC User Guide); "Create a table for Amazon VPC flow logs and query it" and "Create
tables for flow logs in Apache Parquet format" (Amazon Athena User Guide); the suffix of Parquet's files and the 32 bits
of its protocol: opensearch-project/opensearch-catalog 167 and 195.
"""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from helpers.flowlogs import FIELDS, LogFormat
from tests.support import network
from tests.support.served import Sandbox

Refused = Callable[..., tuple[str, str]]
ACCOUNT, BUCKET = "123456789012", "demo-archive"
FULL = LogFormat(tuple(name for name, field in FIELDS.items() if field.version <= 5))
# Hive, hourly: the folder below AWSLogs/ of a file of 9 o'clock and later, as AWS prints it.
LAYOUTS = {
    (False, False): rf"{ACCOUNT}/vpcflowlogs/us-east-1/2026/01/05/",
    (False, True): rf"{ACCOUNT}/vpcflowlogs/us-east-1/2026/01/05/\d\d/",
    (True, False): rf"aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=01/day=05/",
    (
        True,
        True,
    ): rf"aws-account-id={ACCOUNT}/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=01/day=05/hour=\d\d/",
}
# The columns of AWS's DDL of both pages, in the order of a record, with the type that Parquet's files have.
INTEGERS = {"version", "srcport", "dstport", "protocol", "tcp_flags", "traffic_path"}
LONGS = {"packets", "bytes", "start", "end"}


@dataclass(frozen=True)
class Made:
    """One flow log, and what it delivered: key and bytes."""

    flow_log_id: str
    hive: bool
    hourly: bool
    parquet: bool
    folder: str
    files: dict[str, bytes]


class Archive:
    """A network that was watched for a while by flow logs of each kind, all of one interface."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.net = network.build(sandbox.client)
        self.s3 = sandbox.client("s3")
        self.s3.create_bucket(Bucket=BUCKET)
        self.orders: dict[str, tuple[bool, bool, bool, str]] = {}
        for hive, hourly in LAYOUTS:
            for parquet in (False, True):
                folder = f"{'hive' if hive else 'plain'}-{'hourly' if hourly else 'daily'}-{parquet}/"
                self.orders[self.create(f"{BUCKET}/{folder}", hive, hourly, parquet)] = (hive, hourly, parquet, folder)
        network.enable(sandbox.client, self.net)
        network.shell(sandbox.client, self.net.client.instance, "ping -c 3 10.2.1.10", "curl -s http://10.2.1.10/")
        sandbox.advance(1500)
        # Other tests send more; these are what came until here.
        self.delivered = [*self._delivered()]
        self.in_group = network.records(sandbox.client, self.net.client.interface)

    def create(self, destination: str, hive: bool = False, hourly: bool = False, parquet: bool = False) -> str:
        reply = self.sandbox.client("ec2").create_flow_logs(
            **order(self.net.client.interface, destination),
            LogFormat=str(FULL),
            DestinationOptions={
                "FileFormat": "parquet" if parquet else "plain-text",
                "HiveCompatiblePartitions": hive,
                "PerHourPartition": hourly,
            },
        )
        assert reply["Unsuccessful"] == []
        return str(reply["FlowLogIds"][0])

    def files(self, prefix: str = "") -> dict[str, bytes]:
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        keys = [item["Key"] for item in listed]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def _delivered(self) -> Iterator[Made]:
        for flow_log_id, (hive, hourly, parquet, folder) in self.orders.items():
            yield Made(flow_log_id, hive, hourly, parquet, folder, self.files(folder))


def where(destination: str) -> dict[str, str]:
    return {"LogDestination": f"arn:aws:s3:::{destination}"}


def order(interface: str, destination: str) -> dict[str, Any]:
    return {
        "ResourceIds": [interface],
        "ResourceType": "NetworkInterface",
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "MaxAggregationInterval": 60,
        **where(destination),
    }


@pytest.fixture(scope="module")
def archive(sandbox: Sandbox) -> Archive:
    return Archive(sandbox)


@pytest.fixture(scope="module")
def made(archive: Archive) -> list[Made]:
    return archive.delivered


def test_keys_are_aws_s(made: list[Made]) -> None:
    """Folders by layout, and the name of the file: account, service, Region, flow log, time of its begin, 8 digits."""
    assert len(made) == 8
    for one in made:
        ending = r"log\.parquet" if one.parquet else r"log\.gz"
        name = rf"{ACCOUNT}_vpcflowlogs_us-east-1_{one.flow_log_id}_20260105T\d\d[0-5][05]Z_[0-9a-f]{{8}}\.{ending}"
        assert one.files
        for key in one.files:
            assert re.fullmatch(rf"{one.folder}AWSLogs/{LAYOUTS[one.hive, one.hourly]}{name}", key), key


def rows(one: Made, tmp_path: Path) -> Iterator[tuple[str, list[tuple[object, ...]]]]:
    """Of each file: the time in its name, and its records as typed values."""
    for key, content in one.files.items():
        path = tmp_path / key.rpartition("/")[2]
        path.write_bytes(content)
        if one.parquet:
            found = duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall()
        else:
            lines = gzip.decompress(content).decode().splitlines()
            assert lines[0].split() == list(FULL.names), "the first line names the fields"
            found = [
                tuple(typed(name, text) for name, text in zip(FULL.names, line.split(), strict=True))
                for line in lines[1:]
            ]
        yield re.search(r"_(\d{8}T\d{4})Z_", key)[1], found  # type: ignore[index]


def typed(name: str, text: str) -> object:
    return None if text == "-" else int(text) if FIELDS[name].type.startswith("int") else text


def test_the_types_of_parquet_are_those_that_aws_lists(made: list[Made], tmp_path: Path) -> None:
    path = tmp_path / "one.parquet"
    path.write_bytes(next(content for one in made if one.parquet for content in one.files.values()))
    described = duckdb.sql(f"SELECT name, type, converted_type FROM parquet_schema('{path}') OFFSET 1").fetchall()
    names = [name.replace("-", "_") for name in FULL.names]
    assert [row[0] for row in described] == names
    wanted = [
        ("INT32", "INT_32") if name in INTEGERS else ("INT64", "INT_64") if name in LONGS else ("BYTE_ARRAY", "UTF8")
        for name in names
    ]
    assert [(row[1], row[2]) for row in described] == wanted
    codecs = duckdb.sql(f"SELECT DISTINCT compression FROM parquet_metadata('{path}')").fetchall()
    assert codecs == [("GZIP",)]


def test_every_layout_and_format_holds_the_same_records_each_in_its_five_minutes(
    made: list[Made], tmp_path: Path
) -> None:
    end = FULL.names.index("end")
    contents = []
    for one in made:
        held: list[tuple[object, ...]] = []
        for name, found in rows(one, tmp_path):
            began = duckdb.sql(f"SELECT epoch(strptime('{name}', '%Y%m%dT%H%M'))").fetchall()[0][0]
            assert found and all(began <= row[end] < began + 300 for row in found)  # type: ignore[operator]
            held += found
        contents.append(sorted(held, key=repr))
    # Each flow log delivers at moments of its own: the last file of some is still to come.
    there = min(max(row[end] for row in content) for content in contents)  # type: ignore[type-var]
    contents = [[row for row in content if row[end] <= there] for content in contents]  # type: ignore[operator]
    assert len(contents[0]) > 5
    assert all(content == contents[0] for content in contents)


def test_the_records_are_those_of_the_log_group(archive: Archive, made: list[Made], tmp_path: Path) -> None:
    """Windows are cut by the flow log's own interval: what is equal are the sums of each flow."""
    group = archive.in_group
    ports, packets = FULL.names.index("dstport"), FULL.names.index("packets")
    filed = [row for _, found in rows(made[0], tmp_path) for row in found if row[packets] is not None]
    assert group
    for port in {row[ports] for row in filed}:
        in_group = sum(int(fields[8]) for fields in group if fields[6] == str(port))
        assert sum(row[packets] for row in filed if row[ports] == port) == in_group, port  # type: ignore[misc]


def test_the_same_bytes_after_a_restart(sandbox: Sandbox, archive: Archive) -> None:
    before = archive.files()
    for from_checkpoint in (False, True):
        sandbox.reopen(from_checkpoint=from_checkpoint)
        assert archive.files() == before


# --- who may -----------------------------------------------------------------------------------------------------


def test_aws_attaches_the_policy_and_keeps_what_is_there(archive: Archive) -> None:
    archive.s3.create_bucket(Bucket="demo-policy")
    own = {"Sid": "Mine", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    own["Resource"] = "arn:aws:s3:::demo-policy/*"
    document = json.dumps({"Version": "2012-10-17", "Statement": own})
    archive.s3.put_bucket_policy(Bucket="demo-policy", Policy=document)
    for folder in ("", "/b"):
        archive.create(f"demo-policy{folder}")
    held = json.loads(archive.s3.get_bucket_policy(Bucket="demo-policy")["Policy"])["Statement"]
    assert held[0] == own
    assert [each["Sid"] for each in held[1:3]] == ["AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"]
    assert held[1] == {
        "Sid": "AWSLogDeliveryWrite",
        "Effect": "Allow",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::demo-policy/AWSLogs/{ACCOUNT}/*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT, "s3:x-amz-acl": "bucket-owner-full-control"},
            "ArnLike": {"aws:SourceArn": f"arn:aws:logs:us-east-1:{ACCOUNT}:*"},
        },
    }
    assert len({each["Sid"] for each in held}) == len(held) == 5


def test_a_bucket_that_takes_its_policy_back_gets_nothing_more(archive: Archive) -> None:
    archive.s3.create_bucket(Bucket="demo-closed")
    flow_log = archive.create("demo-closed")

    def status() -> tuple[Any, Any]:
        (shown,) = archive.sandbox.client("ec2").describe_flow_logs(FlowLogIds=[flow_log])["FlowLogs"]
        return shown["DeliverLogsStatus"], shown.get("DeliverLogsErrorMessage")

    assert status() == ("SUCCESS", None)
    archive.s3.delete_bucket_policy(Bucket="demo-closed")
    network.shell(archive.sandbox.client, archive.net.client.instance, "ping -c 1 10.2.1.10")
    archive.sandbox.advance(900)
    assert status() == ("FAILED", "Access error")
    assert "Contents" not in archive.s3.list_objects_v2(Bucket="demo-closed")
    archive.s3.delete_bucket(Bucket="demo-closed")
    archive.sandbox.advance(900)
    assert status() == ("FAILED", "Access error")


def test_what_describe_shows(archive: Archive) -> None:
    shown = archive.sandbox.client("ec2").describe_flow_logs(
        Filter=[{"Name": "log-destination-type", "Values": ["s3"]}], FlowLogIds=[*archive.orders]
    )["FlowLogs"]
    last = shown[len(archive.orders) - 1]
    assert last["LogDestination"] == f"arn:aws:s3:::{BUCKET}/hive-hourly-True/"
    assert last["DestinationOptions"] == {
        "FileFormat": "parquet",
        "HiveCompatiblePartitions": True,
        "PerHourPartition": True,
    }
    assert not {"LogGroupName", "DeliverLogsPermissionArn"} & last.keys()


ROLE = {"DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/a"}
NOT_APPLICABLE = "{} is not applicable for s3 delivery"
REFUSED = {
    "role": (ROLE, "InvalidParameter", NOT_APPLICABLE.format("DeliverLogsPermissionArn")),
    "group": ({"LogGroupName": "a"}, "InvalidParameter", NOT_APPLICABLE.format("LogGroupName")),
    "no ARN": ({"LogDestination": BUCKET}, "InvalidParameter", ""),
    "reserved": (where(f"{BUCKET}/AWSLogs/"), "InvalidParameter", "AWSLogs is a reserved term"),
    "twice": (where(f"{BUCKET}/plain-daily-False/"), "FlowLogAlreadyExists", ""),
    "firehose": ({"LogDestinationType": "kinesis-data-firehose"}, "UnsupportedOperation", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(archive: Archive, refused: Refused, case: str) -> None:
    changes, code, message = REFUSED[case]
    asked = {**order(archive.net.client.interface, BUCKET), **changes}
    told = refused(archive.sandbox.client("ec2").create_flow_logs, **asked)
    assert (told[0], message in told[1]) == (code, True), told


@pytest.mark.parametrize("count", [1, 2])
def test_a_bucket_that_is_not_there_is_told_for_each_resource(archive: Archive, count: int) -> None:
    resources = [archive.net.client.interface, archive.net.server.interface][:count]
    asked = order(resources[0], BUCKET) | where("demo-none") | {"ResourceIds": resources}
    reply = archive.sandbox.client("ec2").create_flow_logs(**asked)
    assert (reply["FlowLogIds"], reply["ResponseMetadata"]["HTTPStatusCode"]) == ([], 200)
    told = {"Code": "400", "Message": "LogDestination: demo-none does not exist"}
    assert reply["Unsuccessful"] == [{"ResourceId": resource, "Error": told} for resource in resources]


def test_options_are_for_s3(archive: Archive, refused: Refused) -> None:
    asked = {**order(archive.net.client.interface, BUCKET), "DestinationOptions": {"FileFormat": "parquet"}}
    asked |= {"LogDestinationType": "cloud-watch-logs", "LogDestination": None, "LogGroupName": "a"}
    asked = {name: value for name, value in asked.items() if value is not None}
    role = archive.sandbox.client("iam").get_role(RoleName="delivery")["Role"]["Arn"]
    assert refused(archive.sandbox.client("ec2").create_flow_logs, **asked, DeliverLogsPermissionArn=role)[0] == (
        "InvalidParameter"
    )


def test_a_caller_who_may_not_touch_the_policy_needs_one_that_fits(archive: Archive, refused: Refused) -> None:
    iam = archive.sandbox.client("iam")
    iam.create_user(UserName="operator")
    document = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}

    def allow(*actions: str) -> None:
        document["Statement"]["Action"] = ["ec2:*", *actions]  # type: ignore[index]
        iam.put_user_policy(UserName="operator", PolicyName="p", PolicyDocument=json.dumps(document))

    allow()
    operator = archive.sandbox.client_of("ec2", iam.create_access_key(UserName="operator")["AccessKey"])
    archive.s3.create_bucket(Bucket="demo-operator")
    asked = order(archive.net.client.interface, "demo-operator")
    code, message = refused(operator.create_flow_logs, **asked)
    assert (code, "logs:CreateLogDelivery" in message) == ("UnauthorizedOperation", True)
    allow("logs:CreateLogDelivery", "logs:DeleteLogDelivery")
    [failed] = operator.create_flow_logs(**asked)["Unsuccessful"]
    sentence = "Access Denied for LogDestination: demo-operator. Please check LogDestination permission."
    assert failed["Error"] == {"Code": "400", "Message": sentence}
    allow("logs:CreateLogDelivery", "s3:GetBucketPolicy", "s3:PutBucketPolicy")
    made = operator.create_flow_logs(**asked)["FlowLogIds"]
    code, message = refused(operator.delete_flow_logs, FlowLogIds=made)
    assert (code, "logs:DeleteLogDelivery" in message) == ("UnauthorizedOperation", True)
    allow("logs:DeleteLogDelivery")
    assert operator.delete_flow_logs(FlowLogIds=made)["Unsuccessful"] == []


def test_a_policy_that_would_pass_20_kb_stays(archive: Archive, refused: Refused) -> None:
    archive.s3.create_bucket(Bucket="demo-full")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}
    many = [{**statement, "Resource": f"arn:aws:s3:::demo-full/{number:060d}/*"} for number in range(130)]
    document = json.dumps({"Version": "2012-10-17", "Statement": many})
    archive.s3.put_bucket_policy(Bucket="demo-full", Policy=document)
    code, _ = refused(
        archive.sandbox.client("ec2").create_flow_logs, **order(archive.net.client.interface, "demo-full")
    )
    assert code == "LogDestinationPermissionIssueException"
    assert archive.s3.get_bucket_policy(Bucket="demo-full")["Policy"] == document
