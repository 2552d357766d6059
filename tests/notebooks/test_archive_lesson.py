"""Lesson 12 takes every right way: other conditions in the policy, a partition by hand, projection, other SQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.notebooks.classroom import Classroom, notebook_of
from tests.support.homes import copy_after
from tests.support.served import ServedHome

pytestmark = pytest.mark.long

BY_HAND = """
values = {"aws-account-id": account, "aws-service": "vpcflowlogs", "aws-region": region}
values |= dict(part.split("=") for part in max(files()).split("/") if part[:4] in ("year", "mont", "day=", "hour"))
named = ", ".join(f"`{name}`='{value}'" for name, value in values.items())
run(f"ALTER TABLE vpc_flow_logs ADD PARTITION ({named})")
"""
PROJECTION = """
template = "/".join(f"{part}=${{{part}}}" for part in parts)
rules = {"projection.enabled": "true", "storage.location.template": f"s3://{bucket}/AWSLogs/{template}"}
only = {"aws-account-id": account, "aws-service": "vpcflowlogs", "aws-region": region}
for part, value in only.items():
    rules |= {f"projection.{part}.type": "enum", f"projection.{part}.values": value}
for part, last, digits in (("year", 2036, 4), ("month", 12, 2), ("day", 31, 2), ("hour", 23, 2)):
    rules |= {f"projection.{part}.type": "integer", f"projection.{part}.digits": digits}
    rules |= {f"projection.{part}.range": f"{0 if part == 'hour' else 1:0{digits}},{last}"}
properties = ", ".join(f"'{name}'='{value}'" for name, value in rules.items())
run("DROP TABLE vpc_flow_logs")
run(f"{define} TBLPROPERTIES ({properties})")
"""
RIGHT = {
    "12.1": [
        "s3.put_bucket_policy(Bucket=bucket, Policy=demanded)",
        """
folder = f"arn:aws:s3:::{bucket}/AWSLogs/aws-account-id={account}/*"
source = {"ArnLike": {"aws:SourceArn": f"arn:aws:logs:*:{account}:*"}}
one = {"Effect": "Allow", "Principal": {"Service": ["delivery.logs.amazonaws.com"]}, "Condition": source}
one |= {"Action": ["s3:PutObject", "s3:Get*"], "Resource": [f"arn:aws:s3:::{bucket}", folder]}
s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": one}))
""",
    ],
    "12.2": [BY_HAND, PROJECTION],
    "12.3": [
        """cheap_query = f'''SELECT sum(packets) AS n, srcaddr AS source FROM vpc_flow_logs
WHERE '{hour}' = hour AND year = '2026' AND action = 'REJECT' GROUP BY srcaddr ORDER BY 1 DESC'''""",
        """cheap_query = f'''WITH late AS (
SELECT * FROM vpc_flow_logs WHERE "hour" IN ('{hour}'))
SELECT srcaddr, sum(packets) FROM late WHERE action <> 'ACCEPT' GROUP BY srcaddr'''""",
    ],
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedHome]:
    home = copy_after("11", tmp_path / "home")
    monkeypatch.setenv("FLOWLOGS_HOME", str(home))
    monkeypatch.chdir(tmp_path)
    served = ServedHome(home)
    yield served
    served.close()


def test_another_right_way_is_right(served: ServedHome) -> None:
    room = Classroom(notebook_of("12"))
    for exercise in room.lessons():
        for cell in RIGHT[exercise.id]:
            with served.put_back():
                room.must_run(cell, f"a right answer to {exercise.id}")
                verdict = room.check(exercise)
                assert verdict.outcome == "done", f"{cell}\n{verdict}"


def test_the_lesson_begins_again_where_it_was_stopped_without_a_policy(served: ServedHome) -> None:
    for _ in range(2):
        room = Classroom(notebook_of("12"))
        assert next(room.lessons()).id == "12.1"
        assert room.names["policy"]() == "" and "AWSLogDeliveryWrite" in room.names["demanded"]


def test_a_right_policy_of_the_learner_s_own_stays(served: ServedHome) -> None:
    room = Classroom(notebook_of("12"))
    lessons = room.lessons()
    room.must_run(next(lessons).solution, "the solution")
    own = room.names["policy"]()
    assert next(lessons).id == "12.2"
    assert room.names["policy"]() == own != room.names["demanded"]
