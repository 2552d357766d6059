"""AWS's own sentences: each entry of ``data/sentences.toml`` is asked for by an error that happens."""

import json

import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.protocol import sentences

ACCOUNT = "123456789012"
READ = json.dumps({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "logs:Get*", "Resource": "*"}})
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)
HELD = f"arn:aws:iam::{ACCOUNT}:policy/held"
GONE = f"arn:aws:iam::{ACCOUNT}:policy/gone"
NO_ARN = "my-flow-logs-delivery-policy"
TAG_TWICE = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]

NO_ROLE = ("NoSuchEntity", "The role with name nope cannot be found.")
NO_USER = ("NoSuchEntity", "The user with name nope cannot be found.")
NO_GROUP = ("NoSuchEntity", "The group with name nope cannot be found.")
NO_PROFILE = ("NoSuchEntity", "Instance Profile nope cannot be found.")
NO_POLICY = ("NoSuchEntity", f"Policy {GONE} was not found.")
NOT_AN_ARN = ("ValidationError", "Invalid ARN:  Could not be parsed!")

RECORDED = [
    ("iam", "get_role", {"RoleName": "nope"}, *NO_ROLE),
    ("iam", "update_role", {"RoleName": "nope"}, *NO_ROLE),
    ("iam", "delete_role", {"RoleName": "nope"}, *NO_ROLE),
    ("iam", "tag_role", {"RoleName": "nope", "Tags": []}, *NO_ROLE),
    ("iam", "add_role_to_instance_profile", {"RoleName": "nope", "InstanceProfileName": "profile"}, *NO_ROLE),
    ("iam", "remove_role_from_instance_profile", {"RoleName": "nope", "InstanceProfileName": "profile"}, *NO_ROLE),
    ("iam", "get_user", {"UserName": "nope"}, *NO_USER),
    ("iam", "update_user", {"UserName": "nope"}, *NO_USER),
    ("iam", "delete_user", {"UserName": "nope"}, *NO_USER),
    ("iam", "get_group", {"GroupName": "nope"}, *NO_GROUP),
    ("iam", "delete_group", {"GroupName": "nope"}, *NO_GROUP),
    ("iam", "add_user_to_group", {"GroupName": "nope", "UserName": "user"}, *NO_GROUP),
    ("iam", "get_instance_profile", {"InstanceProfileName": "nope"}, *NO_PROFILE),
    ("iam", "delete_instance_profile", {"InstanceProfileName": "nope"}, *NO_PROFILE),
    ("iam", "add_role_to_instance_profile", {"RoleName": "role", "InstanceProfileName": "nope"}, *NO_PROFILE),
    (
        "iam",
        "remove_role_from_instance_profile",
        {"RoleName": "role", "InstanceProfileName": "profile"},
        "NoSuchEntity",
        "Role role in Instance Profile profile cannot be found.",
    ),
    ("iam", "create_user", {"UserName": "user"}, "EntityAlreadyExists", "User with name user already exists."),
    ("iam", "create_group", {"GroupName": "group"}, "EntityAlreadyExists", "Group with name group already exists."),
    *(
        ("iam", f"{verb}_{holder}_policy", {f"{holder.title()}Name": holder, "PolicyName": "p"}, "NoSuchEntity", text)
        for holder in ("role", "user", "group")
        for verb in ("get", "delete")
        for text in (f"The {holder} policy with name p cannot be found.",)
    ),
    *(
        (
            "iam",
            action,
            {"PolicyArn": arn, "VersionId": "v9"},
            "NoSuchEntity",
            f"Policy {arn} version v9 does not exist or is not attachable.",
        )
        for action in ("get_policy_version", "delete_policy_version", "set_default_policy_version")
        for arn in (HELD, GONE)
    ),
    ("iam", "get_policy", {"PolicyArn": GONE}, *NO_POLICY),
    ("iam", "delete_policy", {"PolicyArn": GONE}, *NO_POLICY),
    ("iam", "list_policy_versions", {"PolicyArn": GONE}, *NO_POLICY),
    ("iam", "create_policy_version", {"PolicyArn": GONE, "PolicyDocument": READ}, *NO_POLICY),
    *(
        (
            "iam",
            f"attach_{holder}_policy",
            {f"{holder.title()}Name": holder, "PolicyArn": GONE},
            "NoSuchEntity",
            f"Policy {GONE} does not exist or is not attachable.",
        )
        for holder in ("role", "user", "group")
    ),
    *(
        ("iam", f"{verb}_{holder}_policy", {f"{holder.title()}Name": holder, "PolicyArn": arn}, *NOT_AN_ARN)
        for holder in ("role", "user", "group")
        for verb in ("attach", "detach")
        for arn in (NO_ARN, "arn:aws:iam::policy/flow-logs", f"arn:aws:iam::{ACCOUNT}:role/role")
    ),
    (
        "iam",
        "detach_role_policy",
        {"RoleName": "role", "PolicyArn": HELD},
        "NoSuchEntity",
        f"Policy {HELD} was not found.",
    ),
    (
        "iam",
        "update_access_key",
        {"UserName": "user", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "Active"},
        "NoSuchEntity",
        "The Access Key with id AKIAIOSFODNN7EXAMPLE cannot be found.",
    ),
    (
        "iam",
        "get_login_profile",
        {"UserName": "user"},
        "NoSuchEntity",
        "Login Profile for User user cannot be found.",
    ),
    (
        "iam",
        "create_policy",
        {"PolicyName": "new", "PolicyDocument": READ, "Tags": TAG_TWICE},
        "InvalidInput",
        "Duplicate tag keys found.",
    ),
    (
        "iam",
        "create_role",
        {"RoleName": "new", "AssumeRolePolicyDocument": TRUST, "Tags": TAG_TWICE},
        "InvalidInput",
        "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
    ),
    *(
        (
            "logs",
            action,
            {"logGroupName": "x" * 513, **more},
            "InvalidParameterException",
            "Invalid LogGroup or LogStream, both must have length less than or equal to 512.",
        )
        for action, more in (
            ("create_log_group", {}),
            ("delete_metric_filter", {"filterName": "f"}),
            ("create_log_stream", {"logStreamName": "s"}),
        )
    ),
    (
        "logs",
        "describe_log_streams",
        {"logGroupName": "/g", "logGroupIdentifier": "/g"},
        "ValidationException",
        "LogGroup name and LogGroup ARN are mutually exclusive parameters.",
    ),
    (
        "logs",
        "describe_log_streams",
        {"logGroupIdentifier": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:/g:*"},
        "InvalidParameterException",
        "1 validation error detected: Value at 'logGroupIdentifier' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w#+=/:,.@-]*",
    ),
    (
        "ec2",
        "create_flow_logs",
        {
            "ResourceIds": ["vpc-12345678"],
            "ResourceType": "VPC",
            "TrafficType": "ALL",
            "DeliverLogsPermissionArn": f"arn:aws:iam::{ACCOUNT}:role/role",
        },
        "InvalidParameter",
        "LogDestination can't be empty if LogGroupName is not provided.",
    ),
    ("ec2", "terminate_instances", {}, "InvalidParameterCombination", "No instances specified"),
    ("ec2", "create_tags", {"Tags": []}, "MissingParameter", "The request must contain the parameter resourceIdSet"),
    ("ec2", "create_subnet", {}, "MissingParameter", "The request must contain the parameter VpcId"),
    (
        "ec2",
        "describe_subnets",
        {"MaxResults": 4},
        "InvalidParameterValue",
        "Value ( 4 ) for parameter MaxResults is invalid. Expecting a value greater than or equal to 5.",
    ),
    (
        "ec2",
        "describe_vpcs",
        {"MaxResults": 2000},
        "InvalidParameterValue",
        "Value ( 2000 ) for parameter MaxResults is invalid. Expecting a value smaller than or equal to 1000.",
    ),
    *(
        ("ec2", action, params, code, message)
        for action, params, code, message in (
            (
                "release_address",
                {"AllocationId": "eipalloc-12345678"},
                "InvalidAllocationID.NotFound",
                "The allocation ID 'eipalloc-12345678' does not exist",
            ),
            (
                "disassociate_address",
                {"AssociationId": "eipassoc-12345678"},
                "InvalidAssociationID.NotFound",
                "The association ID 'eipassoc-12345678' does not exist",
            ),
            (
                "disassociate_route_table",
                {"AssociationId": "rtbassoc-12345678"},
                "InvalidAssociationID.NotFound",
                "The association ID 'rtbassoc-12345678' does not exist",
            ),
            (
                "describe_addresses",
                {"PublicIps": ["192.0.2.1"]},
                "InvalidAddress.NotFound",
                "Address '192.0.2.1' not found.",
            ),
            (
                "describe_security_groups",
                {"GroupNames": ["web"]},
                "InvalidGroup.NotFound",
                "The security group 'web' does not exist",
            ),
            (
                "describe_volumes",
                {"VolumeIds": ["vol-12345678"]},
                "InvalidVolume.NotFound",
                "The volume 'vol-12345678' does not exist.",
            ),
            (
                "describe_key_pairs",
                {"KeyNames": ["mine"]},
                "InvalidKeyPair.NotFound",
                "The key pair 'mine' does not exist",
            ),
        )
    ),
    (
        "cloudwatch",
        "set_alarm_state",
        {"AlarmName": "a", "StateValue": "INVALID", "StateReason": "r"},
        "ValidationError",
        "1 validation error detected: Value 'INVALID' at 'stateValue' failed to satisfy constraint: "
        "Member must satisfy enum value set: [INSUFFICIENT_DATA, ALARM, OK]",
    ),
    # What no table changes: a fault of the shape is told in the names that AWS has for the parameters.
    (
        "sts",
        "assume_role",
        {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/role", "RoleSessionName": "Session1:2"},
        "ValidationError",
        "1 validation error detected: Value 'Session1:2' at 'roleSessionName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    ),
    (
        "iam",
        "set_default_policy_version",
        {"PolicyArn": HELD, "VersionId": "wrong"},
        "ValidationError",
        "1 validation error detected: Value at 'versionId' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: v[1-9][0-9]*(\\.[A-Za-z0-9-]*)?",
    ),
    (
        "iam",
        "update_access_key",
        {"UserName": "user", "AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "Status": "On"},
        "ValidationError",
        "1 validation error detected: Value at 'status' failed to satisfy constraint: "
        "Member must satisfy enum value set",
    ),
    (
        "iam",
        "create_policy",
        {"PolicyName": "new", "PolicyDocument": READ, "Tags": [{"Key": "k" * 129, "Value": "v"}]},
        "ValidationError",
        "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must have length less than or equal to 128",
    ),
    (
        "iam",
        "create_role",
        {"RoleName": "new", "AssumeRolePolicyDocument": TRUST, "Tags": [{"Key": "a&b", "Value": "v"}]},
        "ValidationError",
        "1 validation error detected: Value at 'tags.1.member.key' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+",
    ),
    (
        "iam",
        "untag_role",
        {"RoleName": "role", "TagKeys": ["k" * 129]},
        "ValidationError",
        "1 validation error detected: Value at 'tagKeys' failed to satisfy constraint: Member must satisfy "
        "constraint: [Member must have length less than or equal to 128, Member must have length greater than or "
        "equal to 1, Member must satisfy regular expression pattern: [\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+, "
        "Member must not be null]",
    ),
    (
        "iam",
        "create_instance_profile",
        {"InstanceProfileName": "a b", "Path": "no-slash"},
        "ValidationError",
        "2 validation errors detected: Value at 'instanceProfileName' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: [\\w+=,.@-]+; Value at 'path' failed to satisfy constraint: Member must "
        "satisfy regular expression pattern: (\\u002F)|(\\u002F[\\u0021-\\u007E]+\\u002F)",
    ),
    (
        "ssm",
        "send_command",
        {"DocumentName": "a b", "InstanceIds": []},
        "ValidationException",
        "1 validation error detected: Value 'a b' at 'documentName' failed to satisfy constraint: "
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9_\\-.:/]{3,128}$",
    ),
    (
        "logs",
        "get_log_events",
        {"logGroupName": "/g", "logStreamName": "s", "limit": 10001},
        "InvalidParameterException",
        "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: "
        "Member must have value less than or equal to 10000",
    ),
]
"""Service, action, parameters, and the code and message that AWS answered (``source`` in the table)."""

OTHERS = [
    ("ec2", "create_route", {"DestinationCidrBlock": "10.99.0.0/16", "GatewayId": "igw-12345678"}),
    ("ec2", "attach_internet_gateway", {}),
    ("logs", "start_query", {"logGroupName": "/nope", "queryString": "fields @message", "startTime": 1, "endTime": 2}),
]
"""Calls whose answer holds something new each time; with those above they make every entry of the table fit."""


@pytest.fixture(scope="module")
def clients(sandbox):
    iam = sandbox.client("iam")
    iam.create_policy(PolicyName="held", PolicyDocument=READ)
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=TRUST)
    iam.create_user(UserName="user")
    iam.create_group(GroupName="group")
    iam.create_instance_profile(InstanceProfileName="profile")
    sandbox.client("logs").create_log_group(logGroupName="/g")
    services = {row[0] for row in (*RECORDED, *OTHERS)}
    ec2 = sandbox.client("ec2")
    default = ec2.describe_internet_gateways()["InternetGateways"][0]
    OTHERS[1][2].update(InternetGatewayId=default["InternetGatewayId"], VpcId=default["Attachments"][0]["VpcId"])
    OTHERS[0][2]["RouteTableId"] = sandbox.client("ec2").describe_route_tables()["RouteTables"][0]["RouteTableId"]
    return {service: sandbox.client(service, checks=service != "ec2") for service in services}


def answer(clients, service, action, params):
    with pytest.raises(ClientError) as caught:
        getattr(clients[service], action)(**params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(("service", "action", "params", "code", "message"), RECORDED, ids=range(len(RECORDED)))
def test_an_error_is_told_in_the_words_of_aws(clients, service, action, params, code, message):
    assert answer(clients, service, action, params) == (code, message)


def test_an_unknown_log_group_of_a_query_is_told_with_what_aws_adds(clients):
    code, message = answer(clients, *OTHERS[-1])
    assert code == "ResourceNotFoundException"
    before, _, after = message.partition("Request ID: ")
    assert before == (
        f"Log group '/nope' does not exist for account ID '{ACCOUNT}' (Service: AWSLogs; Status Code: 400; "
        "Error Code: ResourceNotFoundException; "
    )
    assert after.endswith("; Proxy: null)")


def test_every_entry_of_the_table_fits_an_error_that_happens(clients, monkeypatch):
    asked = sentences.Sentence.fits
    fitting = set()

    def noting(self, action, error):
        match = asked(self, action, error)
        if match:
            fitting.add(self)
        return match

    monkeypatch.setattr(sentences.Sentence, "fits", noting)
    for service, action, params, *_ in (*RECORDED, *OTHERS):
        answer(clients, service, action, params)
    assert [row for rows in sentences.table().values() for row in rows if row not in fitting] == []
