"""Who signed a request: Signature Version 4, checked with botocore's own signer.

The times in a signature are the caller's and are not compared: the sandbox lives in another time.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from helpers.sandbox.calls import ServiceError

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<date>\d{8})/(?P<region>[a-z0-9-]+)/(?P<service>[A-Za-z0-9-]+)"
    r"/aws4_request,\s*SignedHeaders=(?P<signed>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]{64})"
)


@dataclass(frozen=True)
class Claim:
    """What an ``Authorization`` header says: unproven until :func:`prove`."""

    access_key_id: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str


def read_claim(headers: Mapping[str, str]) -> Claim | None:
    """The claim of a request, or ``None`` where it is unsigned or the header cannot be read."""
    found = _AUTHORIZATION.fullmatch(headers.get("Authorization", ""))
    if found is None:
        return None
    return Claim(found["key"], found["region"], found["service"], tuple(found["signed"].split(";")), found["signature"])


def prove(
    claim: Claim,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    secret: str,
    session_token: str | None,
) -> None:
    """Check that the claim's key made the signature, of all that counts; raises :class:`ServiceError` as AWS does.

    ``session_token`` is that of a temporary key. The host, every ``x-amz-`` header and the body must be signed.
    """
    if session_token != headers.get("X-Amz-Security-Token"):
        raise unknown_key(claim.service)
    unsigned = {"host", *(name for name in headers if name.startswith("x-amz-"))} - set(claim.signed_headers)
    declared = headers.get("X-Amz-Content-Sha256")
    if unsigned or declared not in (None, hashlib.sha256(body).hexdigest()):
        raise _mismatch(claim.service)
    signed = {name: headers.get(name, "") for name in claim.signed_headers}
    request = AWSRequest(method=method, url=url, headers=signed, data=body)
    request.context["timestamp"] = headers.get("X-Amz-Date", "")
    kind = S3SigV4Auth if claim.service == "s3" else SigV4Auth  # S3 signs a path as it is
    signer = kind(Credentials(claim.access_key_id, secret), claim.service, claim.region)
    to_sign = signer.string_to_sign(request, signer.canonical_request(request))
    if not hmac.compare_digest(signer.signature(to_sign, request), claim.signature):
        raise _mismatch(claim.service)


def _mismatch(service: str) -> ServiceError:
    return ServiceError(
        "InvalidSignatureException" if service in ("logs", "ssm") else "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method.",
        403,
    )


def unknown_key(service: str) -> ServiceError:
    """What each service answers to a key it does not know."""
    if service == "ec2":
        return ServiceError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if service in ("logs", "ssm"):
        message = "The security token included in the request is invalid."
        return ServiceError("UnrecognizedClientException", message)
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return ServiceError("InvalidAccessKeyId", message, 403)
    return ServiceError("InvalidClientTokenId", "The security token included in the request is invalid.", 403)


def expired(service: str) -> ServiceError:
    """What each service answers to a temporary key past its time."""
    code = "RequestExpired" if service == "ec2" else "ExpiredTokenException"
    code = "ExpiredToken" if service in ("iam", "sts") else code
    return ServiceError(code, "The security token included in the request is expired", 400)
