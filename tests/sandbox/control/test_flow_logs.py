"""CreateFlowLogs, DescribeFlowLogs, DeleteFlowLogs: every parameter, every refusal, one id at a time."""

import json

import pytest

ACCOUNT = "123456789012"
UNKNOWN = "0123456789abcdef0"
TRUST = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"Service": "vpc-flow-logs.amazonaws.com"},
        "Action": "sts:AssumeRole",
    },
}
ALLOW = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:*", "Resource": "*"}}


@pytest.fixture(scope="module")
def role(iam):
    made = iam.create_role(RoleName="delivery", AssumeRolePolicyDocument=json.dumps(TRUST))["Role"]["Arn"]
    iam.put_role_policy(RoleName="delivery", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
    return made


@pytest.fixture
def order(ec2, network, role):
    """A call that AWS takes; whatever it makes is gone after the test."""
    yield {
        "ResourceIds": [network.vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogGroupName": "/control/flow-logs",
        "DeliverLogsPermissionArn": role,
    }
    made = [each["FlowLogId"] for each in ec2.describe_flow_logs()["FlowLogs"]]
    if made:
        ec2.delete_flow_logs(FlowLogIds=made)


def group_arn(name, region="us-east-1", account=ACCOUNT):
    return f"arn:aws:logs:{region}:{account}:log-group:{name}"


def without(order, *names):
    return {name: value for name, value in order.items() if name not in names}


def shown(ec2, reply):
    assert reply["Unsuccessful"] == []
    (found,) = ec2.describe_flow_logs(FlowLogIds=reply["FlowLogIds"])["FlowLogs"]
    return found


# --- what is made -----------------------------------------------------------------------------------------------


def test_what_is_not_said_has_its_default(ec2, network, order, role):
    found = shown(ec2, ec2.create_flow_logs(**order))
    assert found["FlowLogStatus"] == "ACTIVE"
    assert (found["DeliverLogsStatus"], found["LogDestinationType"]) == ("SUCCESS", "cloud-watch-logs")
    assert (found["MaxAggregationInterval"], found["TrafficType"]) == (600, "ALL")
    assert found["LogFormat"].split()[0] == "${version}"
    assert len(found["LogFormat"].split()) == 14
    assert (found["ResourceId"], found["LogGroupName"]) == (network.vpc, "/control/flow-logs")
    assert (found["DeliverLogsPermissionArn"], found["Tags"]) == (role, [])
    assert "DeliverLogsErrorMessage" not in found


def test_a_subnet_and_an_interface_have_flow_logs_too(ec2, network, order):
    interface = ec2.create_network_interface(SubnetId=network.subnet)["NetworkInterface"]["NetworkInterfaceId"]
    for kind, resource in (("Subnet", network.subnet), ("NetworkInterface", interface)):
        made = ec2.create_flow_logs(**{**order, "ResourceType": kind, "ResourceIds": [resource]})
        assert shown(ec2, made)["ResourceId"] == resource


@pytest.mark.parametrize("traffic", ["ALL", "ACCEPT", "REJECT"])
@pytest.mark.parametrize("interval", [60, 600])
def test_traffic_types_and_intervals_are_kept(ec2, order, traffic, interval):
    asked = {**order, "TrafficType": traffic, "MaxAggregationInterval": interval}
    found = shown(ec2, ec2.create_flow_logs(**asked))
    assert (found["TrafficType"], found["MaxAggregationInterval"]) == (traffic, interval)


def test_a_destination_arn_means_the_group(ec2, order):
    arn = group_arn("/control/by-arn")
    found = shown(ec2, ec2.create_flow_logs(**without(order, "LogGroupName"), LogDestination=arn))
    assert (found["LogDestination"], found["LogGroupName"]) == (arn, "/control/by-arn")


def test_tags_are_told_by_every_action(ec2, order):
    spec = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "one"}]}]
    found = shown(ec2, ec2.create_flow_logs(**order, TagSpecifications=spec))
    assert found["Tags"] == [{"Key": "Name", "Value": "one"}]
    ec2.create_tags(Resources=[found["FlowLogId"]], Tags=[{"Key": "More", "Value": "two"}])
    told = ec2.describe_tags(Filters=[{"Name": "resource-type", "Values": ["vpc-flow-log"]}])["Tags"]
    assert {(each["ResourceId"], each["Key"]) for each in told} == {
        (found["FlowLogId"], "Name"),
        (found["FlowLogId"], "More"),
    }
    assert {each["ResourceType"] for each in told} == {"vpc-flow-log"}


def test_only_a_flow_log_that_exists_is_tagged(ec2, refused):
    code, _ = refused(ec2.create_tags, Resources=[f"fl-{UNKNOWN}"], Tags=[{"Key": "a", "Value": "b"}])
    assert code == "InvalidFlowLogId.NotFound"


# --- what is refused --------------------------------------------------------------------------------------------

REFUSED = {
    "traffic type unknown": ({"TrafficType": "SOME"}, "InvalidParameterValue"),
    "traffic type missing": ({"TrafficType": None}, "MissingParameter"),
    "resource type unknown": ({"ResourceType": "Vpc"}, "InvalidParameterValue"),
    "vpc unknown": ({"ResourceIds": [f"vpc-{UNKNOWN}"]}, "InvalidVpcID.NotFound"),
    "id of another type": ({"ResourceIds": [f"subnet-{UNKNOWN}"]}, "InvalidParameter"),
    "too many": ({"ResourceIds": [f"vpc-{number:017x}" for number in range(301)]}, "InvalidParameter"),
    "interval": ({"MaxAggregationInterval": 300}, "InvalidParameter"),
    "role missing": ({"DeliverLogsPermissionArn": None}, "InvalidParameter"),
    "role no arn": ({"DeliverLogsPermissionArn": "delivery"}, "InvalidParameter"),
    "role of another account": (
        {"DeliverLogsPermissionArn": "arn:aws:iam::123456789013:role/delivery"},
        "InvalidParameter",
    ),
    "no group": ({"LogGroupName": None}, "InvalidParameter"),
    "group and destination": ({"LogDestination": group_arn("/control/flow-logs")}, "InvalidParameter"),
    "group with a star": ({"LogGroupName": "a:*"}, "InvalidParameter"),
    "group with a blank": ({"LogGroupName": "a b"}, "InvalidParameter"),
    "group too long": ({"LogGroupName": "g" * 513}, "InvalidParameter"),
    "group of AWS": ({"LogGroupName": "aws/mine"}, "InvalidParameter"),
    "destination with a star": ({"LogGroupName": None, "LogDestination": group_arn("/g:*")}, "InvalidParameter"),
    "destination elsewhere": (
        {"LogGroupName": None, "LogDestination": group_arn("/g", region="eu-west-1")},
        "InvalidParameter",
    ),
    "destination of another": (
        {"LogGroupName": None, "LogDestination": group_arn("/g", account="123456789013")},
        "InvalidParameter",
    ),
    "destination no group": ({"LogGroupName": None, "LogDestination": "arn:aws:s3:::bucket"}, "InvalidParameter"),
    "format unknown": ({"LogFormat": "${srcaddr} ${no-such-field}"}, "InvalidParameter"),
    "format twice": ({"LogFormat": "${srcaddr} ${srcaddr}"}, "InvalidParameter"),
    "format no field": ({"LogFormat": "srcaddr"}, "InvalidParameter"),
    "format without blank": ({"LogFormat": "${srcaddr}${dstaddr}"}, "InvalidParameter"),
    "role for s3": (
        {"LogGroupName": None, "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket"},
        "InvalidParameter",
    ),
    "tag of another type": (
        {"TagSpecifications": [{"ResourceType": "vpc", "Tags": [{"Key": "a", "Value": "b"}]}]},
        "InvalidParameterValue",
    ),
    "tag reserved": (
        {"TagSpecifications": [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "aws:a", "Value": "b"}]}]},
        "InvalidParameterValue",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_call_that_aws_refuses_makes_nothing(ec2, order, refused, name):
    changes, code = REFUSED[name]
    asked = {name: value for name, value in {**order, **changes}.items() if value is not None}
    assert refused(ec2.create_flow_logs, **asked)[0] == code
    assert ec2.describe_flow_logs()["FlowLogs"] == []


def test_a_role_that_does_not_exist(ec2, order, refused):
    asked = {**order, "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/nobody"}
    assert refused(ec2.create_flow_logs, **asked) == ("InvalidParameter", "Unable to assume given IAM role")


@pytest.mark.parametrize("text", ["${srcaddr} ${dstaddr} ", " ${srcaddr}", "${srcaddr}  ${dstaddr}", "${srcaddr}\n"])
def test_a_format_with_stray_blanks_is_refused(ec2, order, refused, text):
    message = f"1 validation error detected: Value '{text}' at 'logFormat' has an invalid format"
    assert refused(ec2.create_flow_logs, **order, LogFormat=text) == ("InvalidParameter", message)
    assert ec2.describe_flow_logs()["FlowLogs"] == []


def test_a_call_without_a_token_gets_one(ec2, order):
    made = ec2.create_flow_logs(**order)
    assert len(made["ClientToken"]) == 36
    assert ec2.create_flow_logs(**{**order, "TrafficType": "REJECT"})["ClientToken"] != made["ClientToken"]


def test_s3_takes_no_role_and_says_so(ec2, order, refused):
    asked = {**without(order, "LogGroupName"), "LogDestinationType": "s3", "LogDestination": "arn:aws:s3:::bucket"}
    _, message = refused(ec2.create_flow_logs, **asked)
    assert message == "DeliverLogsPermissionArn is not applicable for s3 delivery"


# --- one id at a time -------------------------------------------------------------------------------------------


def test_what_cannot_be_made_is_unsuccessful_by_its_id(ec2, network, order):
    missing = f"vpc-{UNKNOWN}"
    reply = ec2.create_flow_logs(**{**order, "ResourceIds": [missing, network.vpc, network.vpc]})
    assert len(reply["FlowLogIds"]) == 1
    told = [(each["ResourceId"], each["Error"]["Code"]) for each in reply["Unsuccessful"]]
    assert told == [(missing, "InvalidVpcID.NotFound"), (network.vpc, "FlowLogAlreadyExists")]
    assert len(ec2.describe_flow_logs()["FlowLogs"]) == 1


def test_one_resource_has_one_flow_log_per_group_and_traffic_type(ec2, order, refused):
    ec2.create_flow_logs(**order)
    by_arn = {**without(order, "LogGroupName"), "LogDestination": group_arn(order["LogGroupName"])}
    for again in (order, by_arn):
        code, message = refused(ec2.create_flow_logs, **again)
        assert code == "FlowLogAlreadyExists"
        assert message == "Error. There is an existing Flow Log with the same configuration and log destination."
    assert ec2.create_flow_logs(**{**order, "LogGroupName": "/control/another"})["FlowLogIds"]
    assert ec2.create_flow_logs(**{**order, "TrafficType": "REJECT"})["FlowLogIds"]


def test_a_deleted_flow_log_makes_room_for_the_next(ec2, order):
    first = ec2.create_flow_logs(**order)["FlowLogIds"]
    assert ec2.delete_flow_logs(FlowLogIds=first)["Unsuccessful"] == []
    assert ec2.create_flow_logs(**order)["FlowLogIds"] != first


def test_a_client_token_makes_its_flow_logs_once(ec2, network, order, refused):
    asked = {**order, "ResourceIds": [network.vpc, f"vpc-{UNKNOWN}"], "ClientToken": "once"}
    first = ec2.create_flow_logs(**asked)
    for again in (asked, {**asked, "DryRun": False}):
        reply = ec2.create_flow_logs(**again)
        assert {name: reply[name] for name in ("FlowLogIds", "ClientToken", "Unsuccessful")} == {
            name: first[name] for name in ("FlowLogIds", "ClientToken", "Unsuccessful")
        }
    assert refused(ec2.create_flow_logs, **{**asked, "TrafficType": "REJECT"})[0] == "IdempotentParameterMismatch"
    assert len(ec2.describe_flow_logs()["FlowLogs"]) == 1


def test_dry_run_makes_and_deletes_nothing(ec2, order, refused):
    assert refused(ec2.create_flow_logs, **order, DryRun=True)[0] == "DryRunOperation"
    assert ec2.describe_flow_logs()["FlowLogs"] == []
    made = ec2.create_flow_logs(**order)["FlowLogIds"]
    assert refused(ec2.delete_flow_logs, FlowLogIds=made, DryRun=True)[0] == "DryRunOperation"
    assert refused(ec2.describe_flow_logs, FlowLogIds=made, DryRun=True)[0] == "DryRunOperation"
    assert [each["FlowLogId"] for each in ec2.describe_flow_logs()["FlowLogs"]] == made


# --- describing and deleting ------------------------------------------------------------------------------------


def test_filters_select(ec2, network, order):
    spec = [{"ResourceType": "vpc-flow-log", "Tags": [{"Key": "Name", "Value": "one"}]}]
    (one,) = ec2.create_flow_logs(**order, TagSpecifications=spec)["FlowLogIds"]
    other = {**order, "LogGroupName": "/control/other", "TrafficType": "REJECT", "ResourceType": "Subnet"}
    (two,) = ec2.create_flow_logs(**{**other, "ResourceIds": [network.subnet]})["FlowLogIds"]
    expected = {
        ("flow-log-id", one): [one],
        ("log-group-name", "/control/oth*"): [two],
        ("resource-id", network.subnet): [two],
        ("traffic-type", "ALL"): [one],
        ("tag:Name", "one"): [one],
        ("tag-key", "Name"): [one],
        ("deliver-log-status", "SUCCESS"): [one, two],
        ("deliver-log-status", "FAILED"): [],
        ("log-destination-type", "cloud-watch-logs"): [one, two],
        ("log-destination-type", "s3"): [],
    }
    for (name, value), ids in expected.items():
        found = ec2.describe_flow_logs(Filter=[{"Name": name, "Values": [value]}])["FlowLogs"]
        assert [each["FlowLogId"] for each in found] == ids, name


def test_an_unknown_id_is_refused_and_nothing_is_deleted(ec2, order, refused):
    (made,) = ec2.create_flow_logs(**order)["FlowLogIds"]
    for action in (ec2.delete_flow_logs, ec2.describe_flow_logs):
        code, message = refused(action, FlowLogIds=[made, f"fl-{UNKNOWN}"])
        assert code == "InvalidFlowLogId.NotFound"
        assert f"[TotalCount: 1] fl-{UNKNOWN}" in message
    assert shown(ec2, {"Unsuccessful": [], "FlowLogIds": [made]})


def test_a_role_limited_by_its_boundary_does_not_deliver(sandbox, ec2, iam, order):
    """A permissions boundary takes away what the role's own policy gives (IAM User Guide)."""
    arn = iam.create_policy(
        PolicyName="no-logs",
        PolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}}
        ),
    )["Policy"]["Arn"]
    trust = json.dumps(TRUST)
    limited = iam.create_role(RoleName="limited", AssumeRolePolicyDocument=trust, PermissionsBoundary=arn)["Role"]
    iam.put_role_policy(RoleName="limited", PolicyName="p", PolicyDocument=json.dumps(ALLOW))
    found = shown(ec2, ec2.create_flow_logs(**{**order, "DeliverLogsPermissionArn": limited["Arn"]}))
    assert (found["DeliverLogsStatus"], found["DeliverLogsErrorMessage"]) == ("FAILED", "Access error")
    iam.delete_role_permissions_boundary(RoleName="limited")
    sandbox.advance(700)
    assert shown(ec2, {"Unsuccessful": [], "FlowLogIds": [found["FlowLogId"]]})["DeliverLogsStatus"] == "SUCCESS"
