"""What catching up runs and in which order, and what it says where that makes no sense."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from helpers._data import NOTEBOOKS
from helpers.lab import LabError, catchup
from helpers.lab.catchup import CatchUp
from helpers.lab.needs import needed_notebooks
from helpers.lab.repair import calls_noted
from helpers.lab.snapshot import snapshot
from tests.support.homes import served_lab_after


def boto3_client(service: str) -> Any:
    """One that nothing is asked of."""
    return boto3.client(service, "us-east-1", aws_access_key_id="x", aws_secret_access_key="x")


@pytest.mark.parametrize("number", ["7", "007", "xx", "", "\u0660\u0667", 7, None])
def test_only_two_digits_are_a_notebook(number: Any) -> None:
    lab: Any = None
    with pytest.raises(LabError, match='two digits, such as "07", not'):
        CatchUp.run(lab, number, {})


def shipped(folder: Path, needs: dict[str, Any]) -> Path:
    """A folder of notebooks with these needs, each with one build cell that says that it ran."""
    for number, needed in needs.items():
        build = {"cell_type": "code", "id": "b", "metadata": {"tags": ["build"]}, "source": f"lab.ran += [{number!r}]"}
        asked = {"cell_type": "code", "id": "p", "metadata": {"tags": ["parameters"]}, "source": "region: str = ''"}
        document = {"metadata": {"workbook": {"needs": needed}}, "cells": [asked, build]}
        (folder / f"{number}_x.ipynb").write_text(json.dumps(document))
    return folder


def names(paths: list[Path]) -> list[str]:
    return [path.name[:2] for path in paths]


def test_what_is_not_needed_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "NOTEBOOKS", shipped(tmp_path, {"01": [], "02": ["01"], "03": [], "04": ["02"]}))
    monkeypatch.setattr(catchup, "snapshot", lambda lab, *asked: {})
    lab: Any = SimpleNamespace(prefix="demo", region="us-east-1", ran=[], client=boto3_client)
    told = CatchUp.run(lab, "04", {})
    assert lab.ran == ["01", "02"]
    assert [name for name, _ in told.outcomes] == ["01_x", "02_x"]


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({"01": [], "02": [], "03": ["02", "01"]}, ["01", "02"]),
        ({"01": ["02"], "02": [], "03": ["01"]}, ["02", "01"]),
        ({"01": ["04"], "02": [], "03": ["02", "01"], "04": []}, ["02", "04", "01"]),
        ({"01": [], "02": [], "03": []}, []),
    ],
)
def test_a_need_comes_first_and_then_the_lower_number(tmp_path: Path, needs: dict[str, Any], order: list[str]) -> None:
    assert names(needed_notebooks("03", shipped(tmp_path, needs))) == order


@pytest.mark.parametrize(
    ("needs", "sentence"),
    [
        ({"02": []}, "There is no notebook 03; there are 02."),
        ({"03": ["07"]}, "03_x.ipynb needs notebook 07, and there is none of this number."),
        ({"03": ["02"], "02": ["01"], "01": ["02"]}, "Of the notebooks 01, 02, 03 some need each other in a circle."),
        ({"03": None}, "03_x.ipynb does not declare which notebooks it needs"),
        ({"03": ["7"]}, "03_x.ipynb does not declare which notebooks it needs"),
    ],
)
def test_needs_that_make_no_sense_are_a_sentence(tmp_path: Path, needs: dict[str, Any], sentence: str) -> None:
    with pytest.raises(LabError, match=sentence):
        needed_notebooks("03", shipped(tmp_path, needs))


def test_the_shipped_notebooks_need_the_network_and_the_records_they_work_on() -> None:
    assert names(needed_notebooks("08", NOTEBOOKS)) == ["01", "02", "03", "04"]
    assert names(needed_notebooks("07", NOTEBOOKS)) == ["01", "02", "03", "04", "05"]
    assert names(needed_notebooks("99", NOTEBOOKS)) == []


def test_a_look_at_the_lab_that_fails_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ClientErrors and lost connections alike, before the first notebook and after one."""
    monkeypatch.setattr(catchup, "NOTEBOOKS", shipped(tmp_path, {"01": [], "02": ["01"]}))
    denied = ClientError({"Error": {"Code": "UnauthorizedOperation", "Message": "Not you."}}, "DescribeVpcs")
    lost = EndpointConnectionError(endpoint_url="https://ec2.us-east-1.amazonaws.com")
    for problem, answers in ((denied, []), (lost, []), (denied, [{}]), (lost, [{}])):
        given: list[Any] = list(answers)

        def look(lab: Any, *asked: Any, given: list[Any] = given, problem: Exception = problem) -> Any:
            if not given:
                raise problem
            return given.pop()

        monkeypatch.setattr(catchup, "snapshot", look)
        lab: Any = SimpleNamespace(prefix="demo", region="us-east-1", ran=[], client=boto3_client)
        with pytest.raises(LabError, match="Catching up could not look at what the lab consists of"):
            CatchUp.run(lab, "02", {})
        assert lab.ran == ["01"] * len(answers)


MOST_CALLS = 160


@pytest.mark.parametrize("code", ["VpcLimitExceeded", "InternetGatewayLimitExceeded", "AddressLimitExceeded"])
def test_a_full_account_names_the_way_to_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(catchup, "NOTEBOOKS", shipped(tmp_path, {"01": [], "02": ["01"]}))
    monkeypatch.setattr(catchup, "snapshot", lambda lab, *asked: {})

    class Full(list[str]):
        def __iadd__(self, more: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": "The maximum has been reached."}}, "CreateVpc")

    lab: Any = SimpleNamespace(prefix="demo", region="us-east-1", ran=Full(), client=boto3_client)
    with pytest.raises(LabError, match=f"01_x.ipynb, cell b: .*{code}.*python -m helpers teardown --prefix NAME"):
        CatchUp.run(lab, "02", {})


def test_catching_up_asks_little_where_all_is_there_and_sees_what_others_changed_since(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        calls: list[str] = []
        for service in ("ec2", "iam", "ssm", "logs"):
            lab.client(service).meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        readings = tmp_path / "home" / "readings"
        before = len(list(readings.rglob("*.json")))
        assert {how for _, how in lab.catch_up("10").outcomes} == {"found"}
        # each look at everything in between would cost 56 more, and at what the cells asked for again 27
        assert len(calls) < MOST_CALLS
        # route tables are associated again, which changes nothing: there is nothing new to read
        assert len(list(readings.rglob("*.json"))) <= before + 1
        by_another = type(lab)(lab._access, lab.prefix).client("ec2")
        by_another.delete_route(RouteTableId=lab.find("route-table", "rt-public-b"), DestinationCidrBlock="10.1.0.0/16")
        assert dict(lab.catch_up("10").outcomes)["01_network"] == "repaired"


def test_looking_at_what_was_touched_shows_all_that_changed(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        ec2, iam, role = lab.client("ec2"), lab.client("iam"), lab.name("flow-logs")
        allowed = {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
        trust = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]
        one, other = lab.find("route-table", "rt-private-a"), lab.find("route-table", "rt-public-a")
        assert one and other
        table = ec2.describe_route_tables(RouteTableIds=[one])["RouteTables"][0]
        link, subnet = table["Associations"][0]["RouteTableAssociationId"], table["Associations"][0]["SubnetId"]

        def another_table() -> None:
            ec2.disassociate_route_table(AssociationId=link)
            ec2.associate_route_table(RouteTableId=other, SubnetId=subnet)

        changes = {
            "PutRolePolicy": lambda: iam.put_role_policy(RoleName=role, PolicyName="x", PolicyDocument=document),
            "UpdateAssumeRolePolicy": lambda: iam.update_assume_role_policy(
                RoleName=role, PolicyDocument=json.dumps(trust | {"Id": "another"})
            ),
            "AttachRolePolicy": lambda: iam.attach_role_policy(
                RoleName=role, PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess"
            ),
            "AssociateRouteTable": another_table,
            "CreateTags": lambda: ec2.create_tags(Resources=[one], Tags=[{"Key": "a", "Value": "b"}]),
        }
        before = snapshot(lab)
        for name, change in changes.items():
            with calls_noted(lab, before) as calls:
                change()
            after = snapshot(lab, before, calls.touched)
            assert after == snapshot(lab) != before, name
            before = after


def test_what_is_asked_for_again_touches_nothing(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        iam, role, before = lab.client("iam"), lab.name("flow-logs"), snapshot(lab)
        policy = {"RoleName": role, "PolicyName": lab.name("flow-logs-write")}
        document = json.dumps(iam.get_role_policy(**policy)["PolicyDocument"])
        with calls_noted(lab, before) as calls:
            iam.put_role_policy(**policy, PolicyDocument=document)
            CatchUp.run(lab, "05", {})
        assert not calls.touched
        with calls_noted(lab, before) as calls:
            iam.put_role_policy(**policy, PolicyDocument=document.replace("logs:PutLogEvents", "logs:GetLogEvents"))
            iam.put_role_policy(**policy, PolicyDocument=document)
        assert calls.touched == {("role", role)}


def test_a_policy_put_again_is_looked_for_in_its_role_only(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        before, asked = snapshot(lab), []
        lab.client("iam").meta.events.register("before-call", lambda model, **_: asked.append(model.name))
        assert snapshot(lab, before, {("role", lab.name("flow-logs"))}) == before
        assert asked.count("GetRole") == 1
        assert "GetInstanceProfile" not in asked
