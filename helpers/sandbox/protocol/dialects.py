"""Which of AWS's protocols a request is in, and an error in each of them.

The request itself tells: some signing names are shared by services of several protocols, and an SDK chooses among those
that a service speaks. ``json-1.0`` and ``json-1.1`` differ in their content type only.
"""

import uuid
from collections.abc import Mapping
from urllib.parse import parse_qs
from xml.etree import ElementTree

import orjson

from helpers.sandbox.calls import ServiceError

_XML_OVER_REST = frozenset({"cloudfront", "route53", "s3", "s3-object-lambda", "s3express"})


def spoken(signing_name: str, headers: Mapping[str, str], path: str, body: bytes) -> tuple[str, str]:
    """The protocol of a request and the action that it names, ``""`` where that is left to method and path.

    The signing name is ``""`` for an unsigned request. What tells nothing is taken for ``query``.
    """
    content_type = headers.get("Content-Type", "")
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor", path.rpartition("/")[2]
    if headers.get("X-Amz-Target"):
        version = "1.0" if content_type.endswith("1.0") else "1.1"
        return f"json-{version}", headers.get("X-Amz-Target", "").rpartition(".")[2]
    if signing_name in _XML_OVER_REST:
        return "s3" if signing_name.startswith("s3") else "rest-xml", ""
    if b"Action=" in body and "json" not in content_type:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        return "ec2" if signing_name == "ec2" else "query", form.get("Action", [""])[-1]
    told = signing_name or "json" in content_type or headers.get("Authorization", "").startswith("Bearer")
    return "rest-json" if told else "query", ""


def write_error(dialect: str, error: ServiceError, namespace: str = "") -> tuple[bytes, str]:
    """The body and content type of an error reply; ``namespace`` is that of the service's XML."""
    if dialect == "cbor":
        return _cbor({"__type": error.code, "message": error.message}), "application/cbor"
    if "json" in dialect:
        document = {"__type": error.code, "message": error.message, **error.members}
        kind = "application/json" if dialect == "rest-json" else f"application/x-amz-{dialect}"
        return orjson.dumps(document), kind
    return xml(_error_tree(dialect, error, namespace))


def _error_tree(dialect: str, error: ServiceError, namespace: str) -> ElementTree.Element:
    request_id = "RequestId"
    if dialect == "ec2":
        root = ElementTree.Element("Response")
        node = ElementTree.SubElement(ElementTree.SubElement(root, "Errors"), "Error")
        request_id = "RequestID"
    elif dialect == "s3":
        root = node = ElementTree.Element("Error")
    else:
        root = ElementTree.Element("ErrorResponse", xmlns=namespace)
        node = ElementTree.SubElement(root, "Error")
        ElementTree.SubElement(node, "Type").text = "Sender" if error.status < 500 else "Receiver"
    ElementTree.SubElement(node, "Code").text = error.code
    ElementTree.SubElement(node, "Message").text = error.message
    ElementTree.SubElement(root, request_id).text = str(uuid.uuid4())
    return root


def xml(root: ElementTree.Element) -> tuple[bytes, str]:
    """A document and its content type."""
    return ElementTree.tostring(root, encoding="utf-8", xml_declaration=True), "text/xml;charset=UTF-8"


def _cbor(texts: Mapping[str, str]) -> bytes:
    """A map of texts (RFC 8949: major type 5 holds pairs, type 3 a text behind its length, here in four bytes)."""
    parts = [text.encode() for pair in texts.items() for text in pair]
    return bytes([0xA0 + len(texts)]) + b"".join(b"\x7a" + len(part).to_bytes(4) + part for part in parts)
