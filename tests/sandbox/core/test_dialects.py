"""What is not simulated is refused in the protocol of the caller, whichever it is, signed or not."""

import http.client
import random
from typing import Any
from urllib.parse import urlparse

import botocore.session
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from botocore.model import ServiceModel
from botocore.parsers import QueryParser, RpcV2CBORParser

from helpers.sandbox.calls import TABLE
from tests.support.any_call import parameters
from tests.support.cases import sampled, tree
from tests.support.served import OWNER, Sandbox

SIMULATED = ("ec2", "iam", "logs", "ssm", "sts")
# Their clients ask for a token or an ARN of their own, put a parameter before the host, or go to a fixed address
# whatever endpoint they are given: no such call arrives.
_UNREACHABLE = {
    "account-access-runtime",
    "cloudfront-keyvaluestore",
    "codecatalyst",
    "machinelearning",
    "s3control",
    "signin",
}
OTHERS = [name for name in create_loader().list_available_services("service-2") if name not in _UNREACHABLE]
# One or more of each protocol, and of each kind of signing name: its own, another, one that several services share.
CHOSEN = (
    "cloudwatch",
    "elb",
    "elbv2",
    "resourcegroupstaggingapi",
    "stepfunctions",
    "s3",
    "lambda",
    "events",
    "eventbridgev2",
    "route53",
    "cloudfront",
    "sesv2",
    "ses",
    "iotsecuretunneling",
    "iam-toolbox",
    "sdb",
    "dynamodb",
    "sso",
)
SERVICES = sorted({*CHOSEN, *SIMULATED, *sampled(OTHERS, 8)})
CALLS_OF_EACH = 10


def client(sandbox: Sandbox, service: str, **config: Any) -> Any:
    made = botocore.session.Session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{sandbox.http.port}",
        aws_access_key_id=OWNER.access_key_id,
        aws_secret_access_key=OWNER.secret_access_key,
        config=Config(
            retries={"total_max_attempts": 1},
            proxies={},
            parameter_validation=False,
            inject_host_prefix=False,
            **config,
        ),
    )
    made.meta.events.register("before-send", stay_here)
    return made


def stay_here(request: Any, **_: Any) -> None:
    """Let no call leave this machine: a client may know another address than the one it was given."""
    host = urlparse(request.url).hostname
    assert host == "127.0.0.1", f"{request.url} is not the sandbox: its service belongs to _UNREACHABLE"


def in_no_table(service: Any) -> list[str]:
    """Some actions of a service that the sandbox does not simulate, other ones for each commit.

    A reply to HEAD has no body, so that no service can say a sentence there.
    """
    model = service.meta.service_model
    actions = [action for action in model.operation_names if (model.service_name, action) not in TABLE]
    told = [action for action in actions if model.operation_model(action).http["method"] != "HEAD"]
    return random.Random(tree()).sample(told, min(CALLS_OF_EACH, len(told)))


def refusal(service: Any, action: str, /, **params: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        service._make_api_call(action, params)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("name", SERVICES)
def test_boto3_reads_the_refusal_of_every_action_that_no_table_lists(
    sandbox: Sandbox, unchanged: None, name: str
) -> None:
    service = client(sandbox, name)
    for action in in_no_table(service):
        model = service.meta.service_model.operation_model(action)
        code, message = refusal(service, action, **parameters(model))
        if model.auth_type == "none":  # unsigned by its model: no service is named, so the sentence is inside XML
            message = message[message.find("The sandbox") :]
        assert (code, message.startswith("The sandbox does not simulate ")) == ("UnsupportedOperation", True), action


@pytest.mark.parametrize("url", ["https://signin.us-east-1.api.aws/", "http://10.0.0.1/", "http://127.0.0.2:80/"])
def test_a_call_to_another_address_is_not_sent(url: str) -> None:
    with pytest.raises(AssertionError, match="is not the sandbox"):
        stay_here(AWSRequest("GET", url))


def test_two_hundred_actions_of_more_than_ten_services_are_tried() -> None:
    assert len(SERVICES) > 20
    assert CALLS_OF_EACH * len(SERVICES) >= 200


@pytest.mark.parametrize(
    ("name", "action", "params"),
    [
        (
            "sts",
            "AssumeRoleWithWebIdentity",
            {"RoleArn": "r" * 20, "RoleSessionName": "ann", "WebIdentityToken": "tttt"},
        ),
        ("sts", "AssumeRoleWithSAML", {"RoleArn": "r" * 20, "PrincipalArn": "p" * 20, "SAMLAssertion": "ssss"}),
        ("cognito-identity", "GetId", {"IdentityPoolId": "p"}),
        ("cognito-idp", "SignUp", {"ClientId": "c", "Username": "ann"}),
        ("cognito-idp", "GetUser", {"AccessToken": "t"}),  # IAM has an action of this name
        ("sso", "ListAccounts", {"accessToken": "t"}),
        ("sso-oidc", "CreateToken", {"clientId": "c", "clientSecret": "s", "grantType": "g"}),
        ("s3", "ListBuckets", {}),
        ("cloudwatch", "ListMetricStreams", {}),
    ],
)
def test_boto3_reads_the_refusal_of_an_unsigned_call(
    sandbox: Sandbox, unchanged: None, name: str, action: str, params: dict[str, str]
) -> None:
    code, message = refusal(client(sandbox, name, signature_version=UNSIGNED), action, **params)
    assert (code, "The sandbox does not simulate " in message) == ("UnsupportedOperation", True)


@pytest.mark.parametrize(
    ("name", "action"), [("ec2", "DescribeVpcs"), ("logs", "DescribeLogGroups"), ("iam", "GetUser")]
)
def test_who_forgot_to_sign_what_is_simulated_is_told_to(sandbox: Sandbox, name: str, action: str) -> None:
    code, message = refusal(client(sandbox, name, signature_version=UNSIGNED), action)
    assert (code, "sign the request" in message) == ("MissingAuthenticationToken", True)


@pytest.mark.parametrize(
    ("signing_name", "target", "sentence"),
    [
        ("monitoring", "GraniteServiceVersion20100801/operation/PutMetricData", "cloudwatch PutMetricData in cbor."),
        ("logs", "Logs_20140328/operation/DescribeLogGroups", "logs DescribeLogGroups in cbor."),
        ("tagging", "ResourceGroupsTaggingAPI_20170126/operation/TagResources", "TagResources"),
    ],
)
def test_a_client_that_speaks_cbor_reads_its_refusal(
    sandbox: Sandbox, unchanged: None, signing_name: str, target: str, sentence: str
) -> None:
    url = f"http://127.0.0.1:{sandbox.http.port}/service/{target}"
    headers = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"}
    request = AWSRequest("POST", url, headers, b"\xa0")
    SigV4Auth(Credentials(OWNER.access_key_id, OWNER.secret_access_key), signing_name, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.http.port, timeout=10)
    connection.request("POST", f"/service/{target}", b"\xa0", dict(request.headers.items()))
    reply = connection.getresponse()
    assert (reply.status, reply.headers["smithy-protocol"]) == (400, "rpc-v2-cbor")
    parsed = RpcV2CBORParser().parse(
        {"status_code": 400, "headers": dict(reply.headers.items()), "body": reply.read()}, None
    )
    assert parsed["Error"]["Code"] == "UnsupportedOperation"
    assert sentence in parsed["Error"]["Message"]


@pytest.mark.parametrize(
    ("action", "status", "shown"),
    [
        ("DescribeAlarms", 200, {"MetricAlarms": [], "CompositeAlarms": []}),
        ("ListMetricStreams", 400, "The sandbox does not simulate cloudwatch ListMetricStreams."),
    ],
)
def test_cloudwatch_answers_an_older_sdk_that_sends_a_form(
    sandbox: Sandbox, unchanged: None, action: str, status: int, shown: Any
) -> None:
    body = f"Action={action}&Version=2010-08-01".encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    request = AWSRequest("POST", f"http://127.0.0.1:{sandbox.http.port}/", headers, body)
    SigV4Auth(Credentials(OWNER.access_key_id, OWNER.secret_access_key), "monitoring", "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.http.port, timeout=10)
    connection.request("POST", "/", body, dict(request.headers.items()))
    reply = connection.getresponse()
    model = create_loader().load_service_model("cloudwatch", "service-2")
    shape = ServiceModel(model, "cloudwatch").operation_model(action).output_shape
    raw = {"status_code": reply.status, "headers": dict(reply.headers.items()), "body": reply.read()}
    parsed = QueryParser().parse(raw, shape)
    assert reply.status == status
    if status == 200:
        assert {name: parsed[name] for name in shown} == shown
    else:
        assert (parsed["Error"]["Code"], parsed["Error"]["Message"]) == ("UnsupportedOperation", shown)
