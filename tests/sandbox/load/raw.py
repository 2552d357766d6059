"""Requests as no SDK sends them, signed with the owner's key so that they get past the door."""

import http.client
from dataclasses import dataclass, field
from typing import Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from helpers.lab.sandbox_process import SandboxInfo

FORM = "application/x-www-form-urlencoded; charset=utf-8"
JSON = "application/x-amz-json-1.1"


@dataclass(frozen=True)
class Raw:
    """One request. ``sent`` is what goes over the wire where it differs from the signed ``body``."""

    service: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "POST"
    path: str = "/"
    sent: bytes | None = None
    why: str = ""


class Line:
    """One connection that is kept open, as a client's would be."""

    def __init__(self, info: SandboxInfo) -> None:
        self._info = info
        self._host = info.endpoint.removeprefix("http://")
        self._credentials = Credentials(info.access_key_id, info.secret_access_key)
        self._connection = http.client.HTTPConnection(self._host, timeout=60)

    def send(self, raw: Raw) -> tuple[int, bytes]:
        """Status and body of the answer."""
        url = f"http://{self._host}{raw.path}"
        request: Any = AWSRequest(raw.method, url, data=raw.body, headers=dict(raw.headers))
        SigV4Auth(self._credentials, raw.service, "us-east-1").add_auth(request)
        body = raw.body if raw.sent is None else raw.sent
        try:
            self._connection.request(raw.method, raw.path, body=body, headers=dict(request.headers.items()))
            reply = self._connection.getresponse()
            return reply.status, reply.read()
        except (http.client.RemoteDisconnected, BrokenPipeError):
            # The server may close a kept connection after a request that it could not follow: once more, fresh.
            self._connection.close()
            self._connection.request(raw.method, raw.path, body=body, headers=dict(request.headers.items()))
            reply = self._connection.getresponse()
            return reply.status, reply.read()

    def close(self) -> None:
        self._connection.close()
