"""Whatever a client asks of whatever is simulated, the answer is a reply or an error of AWS's, never a 500."""

import random
import re
from typing import Any

import pytest
from botocore.exceptions import (
    ClientError,
    FlexibleChecksumError,
    HTTPClientError,
    MissingDependencyException,
    ParamValidationError,
)

from helpers.sandbox.calls import TABLE
from tests.sandbox.control.conftest import Network
from tests.support.any_call import fuzzed
from tests.support.cases import sampled
from tests.support.network import everything
from tests.support.served import Sandbox

REQUESTS = 3000
BATCHES = 30
"""Each with an account that it changes as it goes."""


@pytest.mark.parametrize("seed", sampled(range(BATCHES), 2))
def test_no_request_is_answered_by_a_500(sandbox: Sandbox, network: Network, seed: int) -> None:
    draw, actions = random.Random(seed), sorted(TABLE)
    known = sorted(set(re.findall(r'"([^"]{1,40})"', everything(sandbox.client))))
    failed = []
    for _ in range(REQUESTS // BATCHES):
        service, action = draw.choice(actions)
        client: Any = sandbox.client(service)
        model = client.meta.service_model.operation_model(action)
        params = fuzzed(model.input_shape, draw, known) if model.input_shape else {}
        try:
            client._make_api_call(action, params)
        except (ParamValidationError, HTTPClientError, MissingDependencyException, FlexibleChecksumError):
            continue  # boto3 itself does not send it
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
                failed.append((service, action, params))
    assert failed == []


@pytest.mark.parametrize(
    ("service", "action", "params", "code"),
    [
        ("resourcegroupstaggingapi", "GetResources", {"TagFilters": [{}]}, "InvalidParameterException"),
        (
            "resourcegroupstaggingapi",
            "GetResources",
            {"TagFilters": [{"Values": ["demo"]}]},
            "InvalidParameterException",
        ),
        (
            "ec2",
            "DeleteTags",
            {"Resources": ["vpc-0123456789abcdef0"], "Tags": [{"Value": "a"}]},
            "InvalidParameterValue",
        ),
        ("ec2", "DescribeInstanceTypeOfferings", {"LocationType": "rack"}, "InvalidParameterValue"),
        ("ec2", "DescribeInstanceTypeOfferings", {"LocationType": "outpost"}, "UnsupportedOperation"),
    ],
)
def test_such_a_request_is_refused(
    sandbox: Sandbox, service: str, action: str, params: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        sandbox.client(service)._make_api_call(action, params)  # type: ignore[attr-defined]
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize("value", [{"StringValue": "b"}, {"BinaryValue": b"b"}, {}])
def test_a_map_is_read_by_the_names_of_its_keys(sandbox: Sandbox, value: dict[str, Any]) -> None:
    """SNS writes ``MessageAttributes.entry.1.Name``, where most services write ``key``."""
    attributes = {"unit": {"DataType": "Binary" if "BinaryValue" in value else "String", **value}}
    with pytest.raises(ClientError, match="The sandbox does not simulate sns Publish with MessageAttributes"):
        sandbox.client("sns").publish(TopicArn="arn", Message="hello", MessageAttributes=attributes)


def test_a_tag_may_be_a_key_alone(sandbox: Sandbox) -> None:
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=[{"Key": "webserver"}])
    assert ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["Tags"] == [{"Key": "webserver", "Value": ""}]
    ec2.delete_tags(Resources=[vpc], Tags=[{"Key": "webserver"}])
    assert not ec2.describe_vpcs(VpcIds=[vpc])["Vpcs"][0].get("Tags")
    ec2.delete_vpc(VpcId=vpc)
