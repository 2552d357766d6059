"""A call as it came over the wire, the reply that goes back, and which calls only read."""

from collections.abc import Mapping
from dataclasses import dataclass

from botocore.model import OperationModel

from helpers.sandbox.calls import Caller, Params, ServiceError
from helpers.sandbox.protocol import serialization
from helpers.sandbox.protocol.rest_xml import RestRequest

_READS = ("Describe", "Get", "Head", "List", "Filter", "Simulate", "Search", "Lookup", "Test")
_CHANGES = {"GetSessionToken", "GetFederationToken"}


@dataclass(frozen=True)
class WireRequest:
    """One call as it came over the wire. ``invocation`` is the SDK's id, the same for every retry.

    ``target`` is the header of that name; of S3's calls, everything but the body (:class:`RestRequest`).
    """

    service: str
    region: str
    action: str
    target: str
    body: bytes
    caller: Caller
    invocation: str | None = None

    @property
    def protocol(self) -> str:
        """In which it is asked, and answered: a service that speaks several is asked in JSON by a target."""
        is_form = not self.target and "query" in serialization.protocols(self.service)
        return "query" if is_form else serialization.protocol(self.service)

    @property
    def retry_key(self) -> str:
        """The same for a call and its retries; another caller, or another action, never gets their answer."""
        return f"{self.invocation}/{self.caller.access_key_id}/{self.region}/{self.service}.{self.action}"

    @property
    def charset(self) -> str:
        """In which the journal keeps bodies as text: those of S3 are any bytes."""
        return "latin-1" if self.service == "s3" else "utf-8"

    @property
    def where(self) -> tuple[str, str, str]:
        """Method, path and query."""
        rest = self._rest()
        return (rest.method, rest.path, rest.query) if rest else ("POST", "/", "")

    @property
    def is_head(self) -> bool:
        return self.where[0] == "HEAD"

    def params(self, model: OperationModel) -> Params:
        """The parameters. Raises :class:`ServiceError` where they cannot be read."""
        rest = self._rest()
        return rest.params(model, self.body) if rest else serialization.read_request(model, self.body, self.protocol)

    def _rest(self) -> RestRequest | None:
        return RestRequest.read(self.target) if self.service == "s3" else None

    def headers(self) -> dict[str, str]:
        if rest := self._rest():
            return dict(rest.headers)
        if self.target:
            return {"X-Amz-Target": self.target, "Content-Type": "application/x-amz-json-1.1"}
        return {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}


@dataclass(frozen=True)
class Reply:
    """What goes back over the wire."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()


def is_read(action: str) -> bool:
    """Whether an action only looks. Reads are neither journaled nor do they take time."""
    return action.startswith(_READS) and action not in _CHANGES


def error_reply(request: WireRequest, error: ServiceError) -> Reply:
    """The reply; CloudWatch's JSON names the shape, and the code of its query protocol in a header."""
    code = serialization.query_code(request.service, request.action, request.protocol, error.code)
    headers = (
        (("x-amzn-query-error", f"{error.code};{'Sender' if error.status < 500 else 'Receiver'}"),) if code else ()
    )
    worded = ServiceError(code, error.message, error.status, **error.members) if code else error
    body, content_type = serialization.write_error(request.service, worded, request.protocol)
    return Reply(error.status, content_type, body, headers)


def moto_reply(request: WireRequest, status: int, headers: Mapping[str, str], body: bytes) -> Reply:
    """moto's reply as it is sent. S3 tells much in headers; the length of a reply to HEAD is the object's."""
    told = {name.lower(): str(text) for name, text in headers.items()}
    if request.service != "s3":
        return Reply(status, told.get("content-type", "text/xml"), body)
    unsent = {"content-type", "date", "server", "connection"} | (set() if request.is_head else {"content-length"})
    kept = tuple((name, text) for name, text in told.items() if name not in unsent)
    return Reply(status, told.get("content-type", "application/xml"), body, kept)
