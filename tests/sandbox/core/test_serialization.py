"""The wire formats against botocore's own client side: what boto3 writes we read, what we write boto3 reads."""

from datetime import UTC, datetime
from typing import Any

import botocore.loaders
import pytest
from botocore.model import ListShape, MapShape, Shape, StructureShape
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sandbox.calls import ServiceError
from helpers.sandbox.protocol import serialization

ACTIONS = {
    "ec2": ("CreateVpc", "RunInstances", "AuthorizeSecurityGroupIngress", "CreateFlowLogs", "DescribeFlowLogs"),
    "iam": ("CreateRole", "SimulatePrincipalPolicy", "ListRoles"),
    "sts": ("AssumeRole", "GetCallerIdentity"),
    "ssm": ("SendCommand", "GetCommandInvocation", "DescribeInstanceInformation"),
    "logs": ("PutLogEvents", "GetLogEvents", "StartQuery", "GetQueryResults", "CreateLogGroup"),
}
CASES = [(service, action) for service, actions in ACTIONS.items() for action in actions]
TEXT = st.text(
    st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"), max_size=8
)


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any value of a shape; lists and structures get shallow with depth."""
    if isinstance(shape, StructureShape):
        members = {name: values(member, depth + 1) for name, member in shape.members.items()}
        return st.fixed_dictionaries({}, optional=members if depth < 4 else {}).filter(
            lambda found: depth == 0 or found
        )
    if isinstance(shape, ListShape):
        return st.lists(values(shape.member, depth + 1), min_size=1, max_size=2)
    if isinstance(shape, MapShape):
        return st.dictionaries(TEXT.filter(bool), values(shape.value, depth + 1), min_size=1, max_size=2)
    simple: dict[str, st.SearchStrategy[Any]] = {
        "integer": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**53), 2**53),
        "boolean": st.booleans(),
        "float": st.integers(0, 9).map(float),
        "double": st.integers(0, 9).map(float),
        "timestamp": st.integers(0, 2**31).map(lambda at: datetime.fromtimestamp(at, UTC)),
        "blob": st.binary(max_size=5),
    }
    return simple.get(shape.type_name, TEXT.filter(bool))


@pytest.mark.parametrize(("service", "action"), CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_requests_are_read_as_they_were_meant(service: str, action: str, data: st.DataObject) -> None:
    model = serialization.operation(service, action)
    assert model is not None
    params = data.draw(values(model.input_shape)) if model.input_shape else {}
    body, headers = serialization.write_request(service, model, params)
    assert serialization.read_action(service, headers, body) == action
    assert _plain(serialization.read_request(model, body, serialization.protocol(service))) == _plain(params)


@pytest.mark.parametrize(("service", "action"), CASES)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_replies_arrive_as_they_were_meant(service: str, action: str, data: st.DataObject) -> None:
    model = serialization.operation(service, action)
    assert model is not None
    output = data.draw(values(model.output_shape)) if model.output_shape else {}
    body, content_type = serialization.write_reply(service, model, output, serialization.protocol(service))
    assert _plain(serialization.read_reply(service, model, 200, {"Content-Type": content_type}, body)) == _plain(output)


def _plain(value: Any) -> Any:
    """Without what no wire format tells apart: white space around text, empty structures, kinds of time zones."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if _plain(item) not in ({}, [], "")}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.timestamp() if isinstance(value, datetime) else value


@pytest.mark.parametrize("service", ACTIONS)
def test_errors_arrive_with_code_and_message(service: str) -> None:
    body, content_type = serialization.write_error(
        service, ServiceError("SomeCode", "a sentence", 400), serialization.protocol(service)
    )
    model = serialization.operation(service, ACTIONS[service][0])
    assert model is not None
    with pytest.raises(ServiceError) as caught:
        serialization.read_reply(service, model, 400, {"Content-Type": content_type}, body)
    assert (caught.value.code, caught.value.message) == ("SomeCode", "a sentence")


@pytest.mark.parametrize(
    ("service", "action", "body"),
    [
        ("logs", "PutLogEvents", b"{"),
        ("logs", "PutLogEvents", b"[]"),
        ("logs", "PutLogEvents", b'{"logEvents": 3}'),
        ("logs", "GetLogEvents", b'{"limit": "many"}'),
        ("ec2", "CreateTags", b"Action=CreateTags&ResourceId=a"),
        ("ec2", "CreateTags", b"Action=CreateTags&ResourceId.x=a"),
        ("ec2", "RunInstances", b"MaxCount=a"),
        ("ec2", "CreateTags", b"Tag.1=a&Tag.1.Key=b"),
        ("iam", "CreateRole", b"\xff=1"),
    ],
)
def test_what_cannot_be_read_is_one_error(service: str, action: str, body: bytes) -> None:
    model = serialization.operation(service, action)
    assert model is not None
    with pytest.raises(ServiceError):
        serialization.read_request(model, body, serialization.protocol(service))


def test_a_client_of_s3_in_this_process_does_not_change_how_its_requests_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """botocore's client takes the bucket out of the paths of the model that its loader holds."""
    shared = botocore.loaders.create_loader().load_service_model("s3", "service-2")
    monkeypatch.setitem(shared["operations"]["CreateBucket"]["http"], "requestUri", "")
    serialization.service_model.cache_clear()
    model = serialization.operation("s3", "CreateBucket")
    assert model is not None
    assert model.http["requestUri"] == "/{Bucket}"
