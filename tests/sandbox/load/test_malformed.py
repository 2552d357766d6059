"""Requests that no client should send: each gets a 4xx answer, and nothing is left behind."""

import gc
import json
import os
import random
import re
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.lab.sandbox_process import SandboxInfo
from tests.sandbox.load.raw import FORM, JSON, Line, Raw
from tests.support import network
from tests.support.box import Box
from tests.support.cases import sampled
from tests.support.served import Sandbox

# Actions with a required parameter, each with parameters that would be right: changes of it are wrong.
FORMS = {
    "ec2": [
        "Action=CreateVpc&Version=2016-11-15&CidrBlock={}",
        "Action=CreateSubnet&Version=2016-11-15&VpcId=vpc-1&CidrBlock={}",
        "Action=RunInstances&Version=2016-11-15&ImageId={}&MinCount=1&MaxCount=1",
        "Action=CreateTags&Version=2016-11-15&ResourceId.1={}&Tag.1.Key=a&Tag.1.Value=b",
        "Action=CreateSecurityGroup&Version=2016-11-15&GroupName=g&GroupDescription=d&VpcId={}",
        "Action=AuthorizeSecurityGroupIngress&Version=2016-11-15&GroupId={}&IpPermissions.1.IpProtocol=tcp",
        "Action=CreateFlowLogs&Version=2016-11-15&ResourceType=VPC&ResourceId.1={}&TrafficType=ALL&LogGroupName=g",
        "Action=DeleteFlowLogs&Version=2016-11-15&FlowLogId.1={}",
        "Action=CreateRoute&Version=2016-11-15&RouteTableId={}&DestinationCidrBlock=10.9.0.0/16&GatewayId=igw-1",
        "Action=CreateNetworkAclEntry&Version=2016-11-15&NetworkAclId={}&RuleNumber=1&Protocol=-1&RuleAction=allow"
        "&Egress=true&CidrBlock=0.0.0.0/0",
        "Action=DescribeInstances&Version=2016-11-15&InstanceId.1={}",
        "Action=DescribeFlowLogs&Version=2016-11-15&Filter.1.Name={}&Filter.1.Value.1=x",
        "Action=CreateVpcPeeringConnection&Version=2016-11-15&VpcId={}&PeerVpcId=vpc-2",
        "Action=TerminateInstances&Version=2016-11-15&InstanceId.1={}",
    ],
    "iam": [
        "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument={}",
        "Action=PutRolePolicy&Version=2010-05-08&RoleName=r&PolicyName=p&PolicyDocument={}",
        "Action=CreatePolicy&Version=2010-05-08&PolicyName=p&PolicyDocument={}",
        "Action=GetRole&Version=2010-05-08&RoleName={}",
        "Action=SimulatePrincipalPolicy&Version=2010-05-08&PolicySourceArn={}&ActionNames.member.1=ec2:RunInstances",
        "Action=AttachRolePolicy&Version=2010-05-08&RoleName=r&PolicyArn={}",
    ],
    "sts": ["Action=AssumeRole&Version=2011-06-15&RoleSessionName=s&RoleArn={}"],
}
TARGETS = {
    "logs": (
        "Logs_20140328",
        [
            ("CreateLogGroup", {"logGroupName": "?"}),
            ("CreateLogStream", {"logGroupName": "?", "logStreamName": "s"}),
            ("PutLogEvents", {"logGroupName": "?", "logStreamName": "s", "logEvents": [{"timestamp": 1}]}),
            ("GetLogEvents", {"logGroupName": "?", "logStreamName": "s"}),
            ("FilterLogEvents", {"logGroupName": "?", "filterPattern": "["}),
            ("StartQuery", {"logGroupName": "?", "startTime": 0, "endTime": 1, "queryString": "fields @message"}),
            ("GetQueryResults", {"queryId": "?"}),
            ("PutRetentionPolicy", {"logGroupName": "?", "retentionInDays": 7}),
        ],
    ),
    "ssm": (
        "AmazonSSM",
        [
            ("SendCommand", {"DocumentName": "?", "InstanceIds": ["i-0123456789abcdef0"]}),
            ("GetCommandInvocation", {"CommandId": "?", "InstanceId": "i-0123456789abcdef0"}),
            ("GetParameter", {"Name": "?"}),
        ],
    ),
}
ABSURD = [
    *(
        "\0",
        "\ufffe",
        "\U0001d54a" * 200,
        "%",
        "../../etc/passwd",
        "{}",
        "[]",
        "-1",
        "1e999",
        "NaN",
        "9" * 5000,
        " ",
        "\r\n\r\n",
    ),
    *("x" * 100_000, "<a/>", "]]>", "&amp;", "' OR 1=1 --", "${jndi:x}", "\ud800", "\u0661\u0662", "*", "?", "\x1b[2J"),
]


NAMELIKE = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")  # a log group may be called NaN


NO_NAMES = [text for text in ABSURD if not NAMELIKE.fullmatch(text)]


def quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def form(draw: random.Random, value: str) -> tuple[str, str]:
    service = draw.choice(list(FORMS))
    return service, draw.choice(FORMS[service]).replace("{}", value)


def call(draw: random.Random) -> tuple[str, dict[str, str], dict[str, object]]:
    service = draw.choice(list(TARGETS))
    prefix, calls = TARGETS[service]
    action, params = draw.choice(calls)
    return service, {"X-Amz-Target": f"{prefix}.{action}", "Content-Type": JSON}, dict(params)


# --- the ways to be wrong: each gives a request that must be refused -------------------------------------------------


def absurd_form(draw: random.Random) -> Raw:
    value = draw.choice(ABSURD)
    service, body = form(draw, quoted(value))
    return Raw(service, body.encode(), {"Content-Type": FORM}, why=f"absurd {value[:10]!r}")


def absurd_json(draw: random.Random) -> Raw:
    service, headers, params = call(draw)
    wrong = draw.choice([-1, 1e308, True, None, [], {}, [[[]]], {"a": {"b": 1}}, 2**63, 2**70, *NO_NAMES])
    for name, value in params.items():
        if value == "?":
            params[name] = wrong
    return Raw(service, json.dumps(params).encode(), headers, why=f"absurd {str(wrong)[:10]!r}")


def random_bytes(draw: random.Random) -> Raw:
    body = draw.randbytes(draw.choice([1, 10, 1000, 50_000]))
    if draw.random() < 0.5:
        service, headers, _ = call(draw)
        return Raw(service, b"\xff" + body, headers, why="random bytes")
    service, start = form(draw, "")
    where = {"Content-Type": FORM}
    return Raw(service, draw.choice([b"", start.encode()]) + b"\xff" + body, where, why="random bytes")


def cut_before_signing(draw: random.Random) -> Raw:
    service, headers, params = call(draw)
    body = json.dumps(params).encode()
    return Raw(service, body[: draw.randrange(1, len(body))], headers, why="cut")


def cut_on_the_way(draw: random.Random) -> Raw:
    service, text = form(draw, "10.0.0.0/16")
    body = text.encode()
    return Raw(service, body, {"Content-Type": FORM}, sent=body[: draw.randrange(len(body))], why="cut on the way")


def wrong_kind(draw: random.Random) -> Raw:
    """A form to a service that speaks JSON, JSON to one that speaks forms, under any content type."""
    kind = draw.choice(
        [FORM, JSON, "text/xml", "multipart/form-data; boundary=x", "image/png", "", "\xe4", "a/b; charset="]
    )
    service, headers, params = call(draw)
    other, text = form(draw, "x")
    if draw.random() < 0.5:
        return Raw(service, text.encode(), {**headers, "Content-Type": kind}, why=f"a form as {kind}")
    return Raw(other, json.dumps(params).encode(), {"Content-Type": kind}, why=f"JSON as {kind}")


def nested_json(draw: random.Random) -> Raw:
    service, headers, params = call(draw)
    depth = draw.choice([50, 1000, 100_000])
    opened, closed = draw.choice([(b"[", b"]"), (b'{"a":', b"}"), (b'{"logEvents":[', b"]}")])
    middle = opened * depth + b"1" + closed * depth
    if draw.random() < 0.5:
        name = next(name for name, value in params.items() if value == "?")
        middle = b'{"' + name.encode() + b'":' + middle + b"}"
    return Raw(service, middle, headers, why=f"{depth} deep")


def nested_form(draw: random.Random) -> Raw:
    depth = draw.choice([10, 1000, 20_000])
    name = draw.choice(
        ["CidrBlock", "Tag.1.Key", "ResourceId", "IpPermissions.1.Groups", "ActionNames.member", "RoleArn", "VpcId"]
    )
    service, body = form(draw, "x")
    tail = draw.choice([".1", ".a", "."]) * depth
    return Raw(
        service, f"{body}&{name}={name}&{name}{tail}=1".encode(), {"Content-Type": FORM}, why=f"{name}{tail[:4]}"
    )


def many_parameters(draw: random.Random) -> Raw:
    service, body = form(draw, "x")
    more = "&".join(f"{draw.choice(['Filter', 'Tag', 'ResourceId', 'Zz'])}.{n}.Name={n}" for n in range(2000))
    return Raw(service, f"{body}&{more}".encode(), {"Content-Type": FORM}, why="many parameters")


def odd_numbers(draw: random.Random) -> Raw:
    """List indices and counts that are no numbers, negative or huge."""
    index = draw.choice(["-1", "x", "9" * 30, "1.5", "", "0x1", "\u0661", "1e3", "9" * 5000])
    body = draw.choice(
        [
            f"Action=DescribeVpcs&Version=2016-11-15&VpcId.{index}=vpc-none",
            f"Action=CreateTags&Version=2016-11-15&ResourceId.{index}=x&Tag.1.Key=a",
            f"Action=RunInstances&Version=2016-11-15&ImageId=ami-1&MinCount={index}&MaxCount={index}",
            f"Action=DescribeVpcs&Version=2016-11-15&MaxResults={index}&VpcId.1=vpc-none",
            f"Action=AuthorizeSecurityGroupIngress&GroupId=sg-1&IpPermissions.1.FromPort={index}",
            f"Action=CreateNetworkAclEntry&NetworkAclId=acl-1&RuleNumber={index}&Egress=x&Protocol=6&RuleAction=allow",
        ]
    )
    return Raw("ec2", body.encode(), {"Content-Type": FORM}, why=f"number {index[:8]}")


def unknown(draw: random.Random) -> Raw:
    name = draw.choice(
        ["", "Nothing", "createvpc", "Create Vpc", "__class__", "CreateVpc\0", "DescribeVpcs;", "é", "A" * 9999]
    )
    service = draw.choice(["ec2", "iam", "sts", "logs", "ssm", "s3", "lambda", "nothing", "dynamodb", "sqs"])
    headers = {"Content-Type": FORM}
    if name.isascii() and name.isprintable():
        headers["X-Amz-Target"] = draw.choice([f"Logs_20140328.{name}", name, f"..{name}.", "AmazonSSM."])
    return Raw(service, f"Action={quoted(name)}&Version=x".encode(), headers, why=f"unknown {service} {name[:12]!r}")


def odd_place(draw: random.Random) -> Raw:
    method = draw.choice(["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"])
    path = draw.choice(
        [
            "/",
            "/_sandbox",
            "/_sandbox/nothing",
            "/bucket/key",
            "/" + "a" * 5000,
            "/moto-api/reset",
            "/%00",
            "/?Action=DescribeVpcs",
        ]
    )
    asks_for_buckets = method == "GET" and path.partition("?")[0] == "/"
    service = draw.choice(["ec2", "iam", "logs", "glacier" if asks_for_buckets else "s3", "sandbox"])
    return Raw(service, b"", {}, method, path, why=f"{method} {path[:20]}")


def odd_clock(draw: random.Random) -> Raw:
    asked = ["", "[]", "1", "null", '{"advance_seconds":', '{"advance_seconds": "x"}', '{"advance_seconds": 1e400}']
    asked += [
        '{"advance_seconds": -5}',
        '{"until": 7}',
        '{"until": "tomorrow"}',
        '{"until": "9999-99-99"}',
        "{}",
        "[" * 9999,
    ]
    asked += [
        '{"advance_seconds": NaN}',
        '{"advance_seconds": 1e300}',
        '{"until": "0001-01-01T00:00:00+14:00"}',
        "\x00",
    ]
    asked += ['{"advance_seconds": null}', '{"until": null}', '{"advance_seconds": []}', '{"until": "1999-01-01"}']
    asked += [
        f'{{"every": {every}, "end": {end}}}'
        for every in ("0", "-30", '"x"', '"nan"', '"inf"')
        for end in ("7", '"2026-01-01"')
    ]
    return Raw("sandbox", draw.choice(asked).encode(), {"Content-Type": JSON}, path="/_sandbox/clock", why="clock")


WAYS: list[Callable[[random.Random], Raw]] = [
    *(absurd_form, absurd_json, random_bytes, cut_before_signing, cut_on_the_way, wrong_kind, nested_json),
    *(nested_form, many_parameters, odd_numbers, unknown, odd_place, odd_clock),
]


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    box = Box(tmp_path)
    yield box
    box.stop()


REQUESTS = 200
BYTES_FOR_EACH = 400
"""What may stay of a request, for Python keeps some memory for the next one; its headers alone are longer."""


def refuse_all(info: SandboxInfo, count: int, seed: int) -> None:
    """Send that many; every answer is a 4xx."""
    line, draw = Line(info), random.Random(seed)
    wrong: list[str] = []
    for number in range(count):
        raw = WAYS[number % len(WAYS)](draw)
        status, body = line.send(raw)
        if not 400 <= status < 500:
            wrong.append(f"{status} for {raw.service} {raw.why}: {raw.body[:120]!r} -> {body[:160]!r}")
    line.close()
    assert not wrong, "\n".join([f"{len(wrong)} of {count}", *wrong[:40]])


def test_malformed_requests_are_refused_and_change_nothing(box: Box) -> None:
    before = network.everything(box)
    refuse_all(box.info, 300, seed=1)
    assert network.everything(box) == before
    assert "Traceback" not in (box.home / "server.log").read_text()


@pytest.mark.long
def test_five_thousand_malformed_requests(box: Box) -> None:
    before = network.everything(box)
    for seed in sampled(range(100, 150), 12):
        refuse_all(box.info, 100, seed)
    assert network.everything(box) == before
    assert "Traceback" not in (box.home / "server.log").read_text()
    box.kill()
    assert network.everything(box) == before


@pytest.mark.long
def test_nothing_of_a_malformed_request_is_kept(fresh_sandbox: Sandbox) -> None:
    identity, url = fresh_sandbox.identity, f"http://127.0.0.1:{fresh_sandbox.http.port}"
    key, home = (identity.access_key_id, identity.secret_access_key), str(fresh_sandbox.folder)
    info = SandboxInfo(url, *key, identity.region, home, os.getpid(), "")
    for seed in range(3):
        refuse_all(info, REQUESTS, seed)  # what is loaded or kept on first use is there
    tracemalloc.start()
    try:
        _, held = [_bytes_held(lambda seed=seed: refuse_all(info, REQUESTS, seed)) for seed in (3, 4)]
    finally:
        tracemalloc.stop()
    assert held < REQUESTS * BYTES_FOR_EACH


def _bytes_held(work: Callable[[], object]) -> int:
    """How many bytes this process, which serves as well, holds more after some work."""
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    work()
    for thread in threading.enumerate():
        if "process_request" in thread.name:
            thread.join(timeout=10)  # what it serves is its own until it ends
    gc.collect()
    return tracemalloc.get_traced_memory()[0] - before
