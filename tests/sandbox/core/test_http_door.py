"""Who may come in, and what is said to those who may not."""

import http.client
import json
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from helpers.lab import sandbox_process
from helpers.sandbox.process.server import KEPT_CONNECTIONS
from tests.support.box import Box


def raw(
    box: Box, method: str = "GET", path: str = "/", host: str | None = None, body: bytes = b"", **headers: str
) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", int(box.info.endpoint.rpartition(":")[2]), timeout=10)
    if host:
        headers["Host"] = host
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    return reply.status, reply.read().decode()


def client(box: Box, service: str, key: str | None = None, secret: str | None = None) -> Any:
    return boto3.client(
        service,
        endpoint_url=box.info.endpoint,
        region_name="us-east-1",
        aws_access_key_id=key or box.info.access_key_id,
        aws_secret_access_key=secret or box.info.secret_access_key,
        config=Config(retries={"max_attempts": 0}),
    )


def test_a_foreign_host_name_is_refused(box: Box) -> None:
    assert raw(box, host="evil.example.com")[0] == 403
    assert raw(box, host="evil.example.com:80")[0] == 403


def test_an_unsigned_call_is_refused(box: Box) -> None:
    status, text = raw(box, "POST", body=b"Action=DescribeVpcs&Version=2016-11-15")
    assert status == 403
    assert "sign the request" in text


def test_the_server_listens_on_the_loopback_address_only(box: Box) -> None:
    port = int(box.info.endpoint.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    with socket.socket() as other:
        other.settimeout(2)
        assert other.connect_ex(("127.0.0.2", port)) != 0


@pytest.mark.parametrize(
    ("service", "call", "code"),
    [
        ("ec2", "describe_vpcs", "AuthFailure"),
        ("logs", "describe_log_groups", "UnrecognizedClientException"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
    ],
)
def test_an_unknown_key_gets_the_service_s_own_error(box: Box, service: str, call: str, code: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(box, service, key="AKIAIOSFODNN7EXAMPLE"), call)()
    assert caught.value.response["Error"]["Code"] == code


def test_a_wrong_secret_is_noticed(box: Box) -> None:
    with pytest.raises(ClientError) as caught:
        client(box, "ec2", secret="wrong").describe_vpcs()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"


@pytest.mark.parametrize(
    ("service", "call", "arguments"),
    [
        ("ec2", "create_network_insights_path", {"Source": "i-1", "Protocol": "tcp"}),
        ("ssm", "start_session", {"Target": "i-1"}),
        ("ssm", "put_parameter", {"Name": "/a", "Value": "b", "Type": "String"}),
        ("logs", "put_destination", {"destinationName": "a", "targetArn": "a", "roleArn": "a"}),
        ("lambda", "list_functions", {}),
        ("s3", "get_bucket_acl", {"Bucket": "demo"}),
    ],
)
def test_what_is_not_simulated_is_said_at_once(box: Box, service: str, call: str, arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(client(box, service), call)(**arguments)
    assert "does not simulate" in str(caught.value)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_enums_that_boto3_lets_pass_are_refused(box: Box) -> None:
    with pytest.raises(ClientError) as caught:
        client(box, "ec2").create_flow_logs(ResourceIds=["vpc-1"], ResourceType="VPC", TrafficType="SOME")
    assert caught.value.response["Error"]["Code"] == "InvalidParameterValue"


def test_an_unknown_region_is_an_error(box: Box) -> None:
    with pytest.raises(ClientError):
        boto3.client(
            "ec2",
            endpoint_url=box.info.endpoint,
            region_name="moon-north-1",
            aws_access_key_id=box.info.access_key_id,
            aws_secret_access_key=box.info.secret_access_key,
        ).describe_vpcs()


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b'{"advance_seconds": "x"}', b'{"until": "soon"}', b'{"advance_seconds": 1e99}'),
        *(b'{"every": "nan", "end": "2096-01-05"}', b'{"every": 30, "end": "2025-01-05"}'),
        *(b'{"every": 0, "end": "2026-01-05"}', b'{"every": 30}', b'{"every": "x", "end": "2026-01-05"}'),
    ],
)
def test_a_clock_call_that_makes_no_sense_is_a_400(box: Box, body: bytes) -> None:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest("POST", f"{box.info.endpoint}/_sandbox/clock", data=body)
    SigV4Auth(Credentials(box.info.access_key_id, box.info.secret_access_key), "sandbox", "us-east-1").add_auth(request)
    status, text = raw(box, "POST", "/_sandbox/clock", body=body, **dict(request.headers.items()))
    assert status == 400
    assert "advance_seconds" in text


def test_the_clock_says_what_is_due_next(box: Box) -> None:
    answer = sandbox_process.read_clock(box.info.endpoint, box.info.access_key_id, box.info.secret_access_key)
    assert set(json.loads(json.dumps(answer))) == {"now", "next_event"}


def test_a_huge_body_is_refused(box: Box) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", int(box.info.endpoint.rpartition(":")[2]), timeout=10)
    connection.putrequest("POST", "/")
    connection.putheader("Content-Length", str(10**9))
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_public_addresses_are_documentation_addresses(box: Box) -> None:
    address = box("ec2").allocate_address(Domain="vpc")["PublicIp"]
    assert address.startswith(("198.51.100.", "203.0.113."))


def port_of(box: Box) -> int:
    return int(box.info.endpoint.rpartition(":")[2])


def exchange(connection: socket.socket, request: bytes) -> http.client.HTTPResponse:
    """The answer to a request written by hand; the reply's body is read."""
    connection.sendall(request)
    reply = http.client.HTTPResponse(connection, method=request.partition(b" ")[0].decode())
    reply.begin()
    reply.read()
    return reply


PLAIN = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}"


def test_a_connection_is_kept_for_many_requests(box: Box) -> None:
    with socket.create_connection(("127.0.0.1", port_of(box)), timeout=10) as connection:
        replies = [exchange(connection, PLAIN) for _ in range(5)]
    assert [reply.status for reply in replies] == [400] * 5
    assert not any(reply.will_close for reply in replies)


def test_a_client_of_aws_keeps_its_connection_over_calls(box: Box) -> None:
    ec2, opened = box("ec2"), []
    pool = ec2._endpoint.http_session._manager.connection_from_url(box.info.endpoint)
    for _ in range(5):
        ec2.describe_vpcs()
        opened.append(pool.num_connections)
    assert opened == [opened[0]] * 5


@pytest.mark.parametrize(
    "request_",
    [
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: +2\r\n\r\n{}",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"HEAD / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"POST / HTTP/1.0\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=["chunked", "a length with a sign", "two lengths", "HEAD", "HTTP/1.0"],
)
def test_what_may_leave_bytes_behind_is_answered_and_its_connection_closed(box: Box, request_: bytes) -> None:
    """Otherwise the rest of one request would be read as the beginning of the next."""
    with socket.create_connection(("127.0.0.1", port_of(box)), timeout=10) as connection:
        assert exchange(connection, request_).status in (400, 403)
        assert not connection.recv(100) or request_.startswith(b"HEAD"), "and its body"


def test_a_body_is_awaited_after_the_answer_that_asks_for_it(box: Box) -> None:
    with socket.create_connection(("127.0.0.1", port_of(box)), timeout=10) as connection:
        connection.sendall(PLAIN[:-2].replace(b"\r\n", b"\r\nExpect: 100-continue\r\n", 1))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        assert exchange(connection, b"{}").status == 400
        assert exchange(connection, PLAIN).status == 400


def test_a_connection_that_nobody_uses_does_not_hold_up_the_end(tmp_path: Path) -> None:
    ending = Box(tmp_path)
    with socket.create_connection(("127.0.0.1", port_of(ending)), timeout=10) as connection:
        assert exchange(connection, PLAIN).status == 400
        assert sandbox_process.stop(tmp_path)
        assert connection.recv(100) == b""
    assert ending("ec2").describe_vpcs()["Vpcs"], "the next call starts it again"
    ending.stop()


def test_so_many_connections_are_kept_and_no_more(box: Box) -> None:
    with ExitStack() as opened:
        lines = [
            opened.enter_context(socket.create_connection(("127.0.0.1", port_of(box)), timeout=10))
            for _ in range(KEPT_CONNECTIONS + 5)
        ]
        kept = [not exchange(line, PLAIN).will_close for line in lines]
    assert 0 < sum(kept) <= KEPT_CONNECTIONS
