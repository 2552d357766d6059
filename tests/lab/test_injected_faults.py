"""Calls that fail before or after AWS did what they ask, on the way up and on the way down, against stock moto.

A cell, or the teardown, ends in a sentence; the second run reaches the same state; nothing is there twice, nothing is
left, and another lab of the account is as it was.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError, ReadTimeoutError, TokenRetrievalError
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from helpers.lab import Lab, LabError, open_lab
from helpers.lab.snapshot import Snapshot, snapshot
from tests.lab.conftest import ACCOUNT
from tests.support.cases import sampled

ANSWER = BotocoreStubber.__call__
pytestmark = pytest.mark.usefixtures("account", "ready_machines")
AWS = "https://ec2.us-east-1.amazonaws.com"
CLOSED, TIMED_OUT = ConnectionClosedError(endpoint_url=AWS), ReadTimeoutError(endpoint_url=AWS)
UNREACHABLE = EndpointConnectionError(endpoint_url=AWS)
SIGNED_OUT = TokenRetrievalError(provider="sso", error_msg="Token has expired and refresh failed")


class Fault(NamedTuple):
    """What happens to the ``number``-th request for ``operation`` (any, where it is ""), and to all later ones.

    ``what`` is an error of the connection, or AWS's code and status. ``done``: AWS has done it all the same.
    """

    operation: str
    number: int
    what: Exception | tuple[str, int]
    done: bool = False
    lasting: bool = False


ROUNDS = [
    (Fault("CreateVpc", 1, CLOSED, done=True), Fault("TerminateInstances", 2, TIMED_OUT, done=True)),
    (Fault("RunInstances", 3, TIMED_OUT, done=True), Fault("DeleteSecurityGroup", 1, ("Throttling", 400))),
    (Fault("CreateInternetGateway", 2, ("InternalError", 500), done=True), Fault("", 61, UNREACHABLE, lasting=True)),
    (Fault("PutRolePolicy", 1, ("AccessDenied", 403)), Fault("DeleteRole", 1, ("AccessDenied", 403), lasting=True)),
    (Fault("CreateFlowLogs", 2, CLOSED, done=True), Fault("DeleteVpc", 1, ("RequestExpired", 400))),
    (Fault("CreateSecurityGroup", 2, SIGNED_OUT, lasting=True), Fault("DeleteLogGroup", 1, CLOSED, done=True)),
    (Fault("CreateRoute", 3, ("RequestLimitExceeded", 503), lasting=True), Fault("DescribeInstances", 1, SIGNED_OUT)),
]


class Injector:
    """Stands before moto, as the network and AWS's front stand before a service."""

    def __init__(self) -> None:
        self.fault: Fault | None = None
        self.seen = self.hits = 0

    def inject(self, fault: Fault | None) -> None:
        self.fault, self.seen, self.hits = fault, 0, 0

    def answer(self, moto: Any, event_name: str, request: Any, **more: Any) -> Any:
        fault = self.fault
        if fault is None or not event_name.endswith(f".{fault.operation}" if fault.operation else ""):
            return ANSWER(moto, event_name, request, **more)
        self.seen += 1
        if self.seen < fault.number or (self.seen > fault.number and not fault.lasting):
            return ANSWER(moto, event_name, request, **more)
        self.hits += 1
        if fault.done:
            ANSWER(moto, event_name, request, **more)
        if isinstance(fault.what, Exception):
            raise fault.what
        return refused(*fault.what, request)


def refused(code: str, status: int, request: Any) -> AWSResponse:
    """An error in the form of the service that was asked."""
    body = {"__type": code, "message": "injected"}
    error = f"<Code>{code}</Code><Message>injected</Message>"
    forms = {
        "ec2": f"<Response><Errors><Error>{error}</Error></Errors></Response>",
        "iam": f"<ErrorResponse><Error>{error}</Error></ErrorResponse>",
    }
    service = re.split(r"[/.]", request.url)[2]
    return AWSResponse(request.url, status, {}, MockRawResponse(forms.get(service, json.dumps(body))))


@pytest.fixture
def injector(monkeypatch: pytest.MonkeyPatch) -> Injector:
    injector = Injector()
    monkeypatch.setattr(BotocoreStubber, "__call__", lambda *given, **more: injector.answer(*given, **more))
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    return injector


def a_lab(prefix: str = "demo") -> Lab:
    return open_lab(mode="aws", prefix=prefix, confirm_account=ACCOUNT)


def shape(lab: Lab) -> list[str]:
    """Everything that carries the lab's tags, with names in place of ids: equal for equal labs, longer for a second."""
    found: Snapshot = snapshot(lab)
    names = {id_: name for (_, id_), text in found.items() for name in re.findall(r'"Name", "Value": "([^"]+)"', text)}

    def named(text: str) -> str:
        for id_, name in names.items():
            text = text.replace(id_, name)
        text = re.sub(r"(?<=[a-z]-)[0-9a-f]{8,}|\b\d+\.\d+\.\d+\.\d+\b(?!/)|([0-9a-f]{2}:){5}[0-9a-f]{2}", "*", text)
        return re.sub(r"(?:ec2|ip)-[\d-]+|\"\d{4}-\d\d-\d\d[^\"]*\"|\d{13}|\"ClientToken\": \"[^\"]*\"", "*", text)

    return sorted(f"{kind} {named(id_)} {named(text)}" for (kind, id_), text in found.items())


def told(work: Callable[[], object]) -> str:
    """What the learner is told: nothing where it worked, else the one sentence, without a call's remains."""
    try:
        work()
    except LabError as problem:
        return str(problem)
    return ""


@pytest.mark.parametrize("rounds", [1, pytest.param(3, marks=pytest.mark.long)])
def test_every_fault_ends_in_a_sentence_and_the_second_run_in_the_same_state(injector: Injector, rounds: int) -> None:
    other = a_lab("demo-b")
    other.catch_up("03")
    neighbour = shape(other)
    calm = a_lab()
    calm.catch_up("05")
    expected = shape(calm)
    assert len(expected) == len(set(expected)) and len(neighbour) > 20
    for up, down in sampled(ROUNDS, rounds):
        lab = a_lab()
        injector.inject(down)
        lab.teardown.run()
        said = str(lab.teardown.verify())
        assert injector.hits, down
        injector.inject(None)
        assert lab.teardown.run().ok, said
        assert not lab.teardown.verify() and snapshot(lab) == {}, down
        injector.inject(up)
        sentence = told(lambda: a_lab().catch_up("05"))
        assert injector.hits, up
        assert not sentence or re.search(r"(again|preflight`.*)\.$|else they do not allow\.$", sentence), sentence
        injector.inject(None)
        lab = a_lab()
        lab.catch_up("05")
        assert shape(lab) == expected, up
    assert shape(other) == neighbour
