"""What catching up runs and in which order, and what it says where that makes no sense."""

import json
import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from helpers._data import NOTEBOOKS
from helpers.lab import Lab, LabError, catchup, sandbox_process
from helpers.lab.catchup import CatchUp
from helpers.lab.connection import SandboxConnection
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


def a_lab_that_only_runs_cells(folder: Path, ran: list[str]) -> Any:
    own = {"prefix": "demo", "region": "us-east-1", "given_roles": {}, "notes": lambda topic: folder / f"{topic}.json"}
    return SimpleNamespace(**own, ran=ran, client=boto3_client)


def names(paths: list[Path]) -> list[str]:
    return [path.name[:2] for path in paths]


def test_what_is_not_needed_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catchup, "NOTEBOOKS", shipped(tmp_path, {"01": [], "02": ["01"], "03": [], "04": ["02"]}))
    monkeypatch.setattr(catchup, "snapshot", lambda lab, *asked: {})
    lab = a_lab_that_only_runs_cells(tmp_path, [])
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
        lab = a_lab_that_only_runs_cells(tmp_path, [])
        with pytest.raises(LabError, match="Catching up could not look at what the lab consists of"):
            CatchUp.run(lab, "02", {})
        assert lab.ran == ["01"] * len(answers)


OF_DB_B = (("security-group", "sg-private-b"), ("route-table", "rt-private-b"), ("network-acl", "acl-private-b"))
MOST_CALLS = 60


@pytest.mark.parametrize("code", ["VpcLimitExceeded", "InternetGatewayLimitExceeded", "AddressLimitExceeded"])
def test_a_full_account_names_the_way_to_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    monkeypatch.setattr(catchup, "NOTEBOOKS", shipped(tmp_path, {"01": [], "02": ["01"]}))
    monkeypatch.setattr(catchup, "snapshot", lambda lab, *asked: {})

    class Full(list[str]):
        def __iadd__(self, more: Any) -> Any:
            raise ClientError({"Error": {"Code": code, "Message": "The maximum has been reached."}}, "CreateVpc")

    lab = a_lab_that_only_runs_cells(tmp_path, Full())
    with pytest.raises(LabError, match=f"01_x.ipynb, cell b: .*{code}.*python -m helpers teardown --prefix NAME"):
        CatchUp.run(lab, "02", {})


@contextmanager
def calls_of(lab: Any) -> Iterator[list[str]]:
    """The operations that are asked of a lab's clients inside."""
    calls: list[str] = []
    for service in ("ec2", "iam", "ssm", "logs"):
        lab.client(service).meta.events.register("before-call", lambda model, **_: calls.append(model.name))
    yield calls


def test_catching_up_asks_little_where_all_is_there_and_sees_what_others_changed_since(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        readings = tmp_path / "home" / "readings"
        before = len(list(readings.rglob("*.json")))
        assert {how for _, how in lab.catch_up("10").outcomes} == {"found"}
        assert len(calls) < MOST_CALLS
        assert all(name.startswith(("Describe", "Get", "List", "Filter")) for name in calls)
        assert len(list(readings.rglob("*.json"))) == before
        by_another = type(lab)(lab._access, lab.prefix).client("ec2")
        by_another.delete_route(RouteTableId=lab.find("route-table", "rt-public-b"), DestinationCidrBlock="10.1.0.0/16")
        assert dict(lab.catch_up("10").outcomes)["01_network"] == "repaired"


def test_what_a_snapshot_alone_shows_is_put_right(tmp_path: Path) -> None:
    """What stands beside the things that cells name, and what no rule or policy tells."""
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        ec2, iam, ssm = lab.client("ec2"), lab.client("iam"), lab.client("ssm")
        role, web = lab.name("instance"), lab.find("instance", "web-b")
        deny = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "logs:*", "Resource": "*"}]}
        core = "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"

        def state() -> str:
            return str(ec2.describe_instances(InstanceIds=[web])["Reservations"][0]["Instances"][0]["State"]["Name"])

        def agents() -> int:
            online = [{"Key": "PingStatus", "Values": ["Online"]}]
            return len(ssm.describe_instance_information(Filters=online)["InstanceInformationList"])

        def without_agents() -> None:
            iam.detach_role_policy(RoleName=role, PolicyArn=core)
            lab.wait_until(lambda: not agents(), 3600, "lost agents")

        flow_logs = lab.name("flow-logs")
        changes: list[tuple[str, Callable[[], Any], Callable[[], bool]]] = [
            ("01", lambda: ec2.stop_instances(InstanceIds=[web]), lambda: state() == "running"),
            ("01", without_agents, lambda: agents() > 1),
            (
                "03",
                lambda: iam.put_role_policy(RoleName=flow_logs, PolicyName="x", PolicyDocument=json.dumps(deny)),
                lambda: "x" not in iam.list_role_policies(RoleName=flow_logs)["PolicyNames"],
            ),
        ]
        assert {how for _, how in lab.catch_up("05").outcomes} == {"found"}
        for number, change, is_right in changes:
            change()
            assert not is_right()
            outcomes = {name[:2]: how for name, how in lab.catch_up("05").outcomes}
            assert is_right() and outcomes.pop(number) == "repaired" and set(outcomes.values()) == {"found"}
            calls.clear()
            assert {how for _, how in lab.catch_up("05").outcomes} == {"found"}
            assert not [name for name in calls if name.startswith(("Authorize", "Put"))]


def test_what_rules_routes_and_entries_lost_or_got_is_put_right_without_the_cells(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        ec2 = lab.client("ec2")
        group, table, acl = (lab.find(*what) or "" for what in OF_DB_B)
        ping = {"IpProtocol": "icmp", "FromPort": -1, "ToPort": -1, "IpRanges": [{"CidrIp": "10.1.0.0/16"}]}
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        to_a = {"RouteTableId": table, "DestinationCidrBlock": "10.1.0.0/16"}
        elsewhere = {"RouteTableId": table, "DestinationCidrBlock": "192.0.2.0/24"}
        peering = {"VpcPeeringConnectionId": lab.find("vpc-peering-connection", "a-b")}
        entry = {"NetworkAclId": acl, "Egress": False, "RuleNumber": 100}
        allow = {"Protocol": "-1", "CidrBlock": "10.0.0.0/8"}
        changes: list[tuple[str, Callable[[], Any]]] = [
            ("sg-private-b", lambda: ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=[ping])),
            ("sg-private-b", lambda: ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])),
            ("removed from", lambda: ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[everything])),
            ("rt-private-b", lambda: ec2.delete_route(**to_a)),
            ("removed from", lambda: ec2.create_route(**elsewhere, **peering)),
            ("acl-private-b", lambda: ec2.delete_network_acl_entry(**entry)),
            ("replaced in", lambda: ec2.replace_network_acl_entry(**entry, **allow, RuleAction="deny")),
            ("removed", lambda: ec2.create_network_acl_entry(**entry | {"RuleNumber": 90}, **allow, RuleAction="deny")),
        ]
        lab.catch_up("02")
        before = snapshot(lab)
        for words, change in changes:
            change()
            assert snapshot(lab) != before, words
            calls.clear()
            done = lab.catch_up("02")
            assert len(calls) < MOST_CALLS and "GetParameter" not in calls, (words, len(calls))
            assert snapshot(lab) == before, words
            assert dict(done.outcomes)["01_network"] == "repaired", words
            assert words in str(done.repairs["01_network"]), done.repairs
        assert {how for _, how in lab.catch_up("02").outcomes} == {"found"}


def test_cells_run_where_asking_again_is_not_enough(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        ec2 = lab.client("ec2")
        group, table, acl = (lab.find(*what) or "" for what in OF_DB_B)
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]

        def another_acl() -> None:
            subnet = lab.find("subnet", "private-b")
            acls = ec2.describe_network_acls(Filters=[{"Name": "vpc-id", "Values": [lab.find("vpc", "vpc-b")]}])
            default = next(each["NetworkAclId"] for each in acls["NetworkAcls"] if each["IsDefault"])
            links = [link for each in acls["NetworkAcls"] for link in each["Associations"]]
            ours = next(link["NetworkAclAssociationId"] for link in links if link["SubnetId"] == subnet)
            ec2.replace_network_acl_association(AssociationId=ours, NetworkAclId=default)

        def another_table() -> None:
            links = ec2.describe_route_tables(RouteTableIds=[table])["RouteTables"][0]["Associations"]
            other = lab.find("route-table", "rt-public-b")
            ec2.replace_route_table_association(AssociationId=links[0]["RouteTableAssociationId"], RouteTableId=other)

        def a_rule_and_a_machine() -> None:
            ec2.revoke_security_group_egress(GroupId=group, IpPermissions=everything)
            ec2.stop_instances(InstanceIds=[lab.find("instance", "db-b") or ""])

        def kinds() -> dict[str, Any]:
            here = [{"Name": "instance-id", "Values": [lab.find("instance", "db-b") or ""]}]
            subnet = [{"Name": "association.subnet-id", "Values": [lab.find("subnet", "private-b") or ""]}]
            machine = ec2.describe_instances(Filters=here)["Reservations"][0]["Instances"][0]
            return {
                "acl": [each["NetworkAclId"] for each in ec2.describe_network_acls(Filters=subnet)["NetworkAcls"]],
                "table": [each["RouteTableId"] for each in ec2.describe_route_tables(Filters=subnet)["RouteTables"]],
                "group": ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissionsEgress"],
                "machine": machine["State"]["Name"],
            }

        lab.catch_up("02")
        before = kinds()
        assert (before["acl"], before["table"]) == ([acl], [table])
        for change in (another_acl, another_table, a_rule_and_a_machine):
            change()
            assert kinds() != before, change
            calls.clear()
            assert dict(lab.catch_up("02").outcomes)["01_network"] == "repaired"
            assert "GetParameter" in calls and kinds() == before, change
            assert {how for _, how in lab.catch_up("02").outcomes} == {"found"}


def test_cells_run_again_where_the_recipe_or_the_notes_are_others(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        ran = "AuthorizeSecurityGroupIngress"
        lab.catch_up("05")
        assert ran not in calls
        lab.catch_up("05", mode="sandbox")
        assert ran in calls
        shapes = ("1", "[1, 2]", '[[], ""]', '[[[]], ""]', '[[{}], ""]', '["x", ""]')
        for notes in ("{", "[]", "7", "[" * 9999, *(f'{{"01_network": {shape}}}' for shape in shapes)):
            lab.notes("caught-up").write_text(notes)
            calls.clear()
            assert {how for _, how in lab.catch_up("05").outcomes} == {"found"}
            assert ran in calls, notes
            calls.clear()
            lab.catch_up("05")
            assert ran not in calls, notes
        table, notes_file = {"RouteTableId": lab.find("route-table", "rt-private-b")}, lab.notes("caught-up")
        lab.client("ec2").delete_route(**table, DestinationCidrBlock="10.1.0.0/16")
        notes = json.loads(notes_file.read_text("utf-8"))
        notes["01_network"][2] = [call for call in notes["01_network"][2] if call[0] != "CreateRoute"]
        notes_file.write_text(json.dumps(notes))  # what is missing in it would be taken for what nobody asked for
        calls.clear()
        assert "removed" not in str(lab.catch_up("05").repairs)
        assert ran in calls and {how for _, how in lab.catch_up("05").outcomes} == {"found"}


def test_parameters_of_any_kind_are_taken(tmp_path: Path) -> None:
    with served_lab_after("02", tmp_path / "home") as (lab, _):
        for value in ({(1, 2): 3}, object(), {1, 2}, float("nan")):
            assert lab.catch_up("02", mode=value).outcomes


def test_what_a_snapshot_does_not_show_is_looked_at_each_time(tmp_path: Path) -> None:
    """Without the lab's tags a group or a role is found by its name and not seen in a snapshot."""
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        logs, iam, group = lab.client("logs"), lab.client("iam"), f"/{lab.prefix}/vpc-flow-logs"
        arn = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["arn"].removesuffix(":*")
        logs.untag_resource(resourceArn=arn, tagKeys=["Project", "Lab", "Name"])
        lab.catch_up("03")
        logs.put_retention_policy(logGroupName=group, retentionInDays=1)
        lab.catch_up("03")
        assert logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["retentionInDays"] == 30
        role = lab.name("flow-logs")
        iam.untag_role(RoleName=role, TagKeys=["Project", "Lab", "Name"])
        lab.catch_up("04")
        iam.delete_role_policy(RoleName=role, PolicyName=lab.name("flow-logs-write"))
        lab.catch_up("04")
        assert lab.name("flow-logs-write") in iam.list_role_policies(RoleName=role)["PolicyNames"]


def test_a_policy_of_somebody_s_own_is_read_each_time(tmp_path: Path) -> None:
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        iam, role = lab.client("iam"), lab.name("flow-logs")
        allow = {"Effect": "Allow", "Action": "logs:DescribeLogGroups", "Resource": "*"}

        def document(effect: str) -> str:
            return json.dumps({"Version": "2012-10-17", "Statement": [allow | {"Effect": effect}]})

        mine = iam.create_policy(PolicyName="mine", PolicyDocument=document("Allow"))["Policy"]["Arn"]
        iam.attach_role_policy(RoleName=role, PolicyArn=mine)
        lab.catch_up("04")
        iam.create_policy_version(PolicyArn=mine, PolicyDocument=document("Deny"), SetAsDefault=True)
        assert dict(lab.catch_up("04").outcomes)["03_iam_policy_and_trust_role"] == "repaired"
        assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]


def test_flow_logs_follow_a_vpc_that_is_built_again(tmp_path: Path) -> None:
    """Also where the cells of 04 found all, so that they only looked for the VPCs and asked nothing about them."""
    with served_lab_after("05", tmp_path / "home") as (lab, _):
        lab.notes("caught-up").unlink()
        lab.catch_up("08")
        lab.catch_up("08")
        ec2, old = lab.client("ec2"), lab.find("vpc", "vpc-b")
        remove_vpc(ec2, str(old))
        lab.catch_up("08")
        new = lab.find("vpc", "vpc-b")
        watched = {row["ResourceId"] for row in ec2.describe_flow_logs(Filter=lab.tag_filters())["FlowLogs"]}
        assert new not in {None, old} and new in watched and old not in watched


def remove_vpc(ec2: Any, vpc: str) -> None:
    """A VPC with all that is in it, as somebody does in the console."""
    here = [{"Name": "vpc-id", "Values": [vpc]}]
    machines = ec2.describe_instances(Filters=here)["Reservations"]
    ids = [each["InstanceId"] for reservation in machines for each in reservation["Instances"]]
    ec2.terminate_instances(InstanceIds=ids)
    ec2.get_waiter("instance_terminated").wait(InstanceIds=ids)
    for side in ("accepter", "requester"):
        of = [{"Name": f"{side}-vpc-info.vpc-id", "Values": [vpc]}]
        for peering in ec2.describe_vpc_peering_connections(Filters=of)["VpcPeeringConnections"]:
            ec2.delete_vpc_peering_connection(VpcPeeringConnectionId=peering["VpcPeeringConnectionId"])
    attached = [{"Name": "attachment.vpc-id", "Values": [vpc]}]
    for gateway in ec2.describe_internet_gateways(Filters=attached)["InternetGateways"]:
        ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
        ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
    for subnet in ec2.describe_subnets(Filters=here)["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    for table in ec2.describe_route_tables(Filters=here)["RouteTables"]:
        if not any(link["Main"] for link in table["Associations"]):
            ec2.delete_route_table(RouteTableId=table["RouteTableId"])
    for acl in ec2.describe_network_acls(Filters=here)["NetworkAcls"]:
        if not acl["IsDefault"]:
            ec2.delete_network_acl(NetworkAclId=acl["NetworkAclId"])
    for group in ec2.describe_security_groups(Filters=here)["SecurityGroups"]:
        if group["GroupName"] != "default":
            ec2.delete_security_group(GroupId=group["GroupId"])
    ec2.delete_vpc(VpcId=vpc)


def test_a_changed_notebook_runs_its_cells_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "notebooks"
    shutil.copytree(NOTEBOOKS, folder)
    monkeypatch.setattr(catchup, "NOTEBOOKS", folder)
    with served_lab_after("05", tmp_path / "home") as (lab, _), calls_of(lab) as calls:
        lab.catch_up("03")
        assert "PutRetentionPolicy" not in calls
        group = folder / "02_cloudwatch_setup.ipynb"
        group.write_text(group.read_text("utf-8").replace("retentionInDays=30", "retentionInDays=14"), "utf-8")
        assert dict(lab.catch_up("03").outcomes)["02_cloudwatch_setup"] == "repaired"
        assert "PutRetentionPolicy" in calls and "CreateRoute" not in calls


def test_a_sandbox_that_ended_comes_back_for_many_looks_at_once(tmp_path: Path) -> None:
    home = tmp_path / "home"
    access = SandboxConnection("us-east-1", home)
    lab = Lab(access, "demo")
    for service in ("ec2", "iam", "logs", "ssm"):
        lab.client(service)
    for _ in range(3):
        sandbox_process.stop(home)
        access._looked = 0.0
        assert snapshot(lab) == {}
    sandbox_process.stop(home)


def test_one_home_is_prepared_by_many_threads(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: sandbox_process._prepare(tmp_path / "home"), range(400)))


def test_notebooks_that_others_need_ask_of_what_a_snapshot_shows() -> None:
    """Another service would have to be in the snapshot before its cells may be passed over."""
    for path in needed_notebooks("15", NOTEBOOKS) + needed_notebooks("10", NOTEBOOKS):
        cells = [cell for tags, _, cell in catchup._cells(path) if tags & {"setup", "build"}]
        services = set(re.findall(r'lab\.client\("(\w+)"\)', "\n".join(cells)))
        services |= set(re.findall(r'"(\w+)"', " ".join(re.findall(r"for service in \(([^)]*)\)", "\n".join(cells)))))
        assert services and services <= {"ec2", "iam", "ssm", "logs", "sts"}, path.name


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
