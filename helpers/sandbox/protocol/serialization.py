"""AWS's wire protocols from the server's side, driven by botocore's own service models.

botocore holds, for every action, the shape of the request and of the reply. :func:`read_request` turns a body into
parameters and :func:`write_reply` turns a dict into a body, for the three protocols the course's services speak:
``json`` (Logs, SSM), ``query`` (IAM, STS) and ``ec2``. ``validation`` checks the parameters.
"""

import base64
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree

import orjson
from botocore import parsers, serialize
from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StructureShape
from botocore.utils import parse_timestamp

from helpers.sandbox.calls import Params, ServiceError
from helpers.sandbox.protocol import dialects

Tree = dict[str, Any]
_LARGEST = {"integer": 2**31, "long": 2**63}
_MOST_ITEMS = 10_000
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@lru_cache(maxsize=16)
def service_model(service: str) -> ServiceModel:
    """botocore's model of a service. Raises ``UnknownServiceError`` for a name it does not know.

    A loader keeps all it ever loaded, and anybody may name any of AWS's services: so each load has its own. And
    a client of S3 in this process takes the bucket out of the paths in its loader's model.
    """
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def protocol(service: str) -> str:
    """``json``, ``query`` or ``ec2``, S3's ``rest-xml`` (others are not simulated)."""
    return str(service_model(service).resolved_protocol)


def protocols(service: str) -> frozenset[str]:
    """All that a service speaks: older SDKs ask CloudWatch by ``query``, newer ones by ``json``."""
    return frozenset(service_model(service).metadata["protocols"]) | ({"s3"} if service == "s3" else set())


def dialect_of(service: str, spoken: str) -> str:
    """The protocol as :mod:`helpers.sandbox.protocol.dialects` names it: with the version of ``json``, S3's own XML."""
    if service == "s3":
        return "s3"
    return f"json-{service_model(service).metadata['jsonVersion']}" if spoken == "json" else spoken


def operation(service: str, action: str) -> OperationModel | None:
    """The action's model, or ``None`` where the service has no such action."""
    model = service_model(service)
    return model.operation_model(action) if action in model.operation_names else None


# --- requests ---------------------------------------------------------------------------------------------------


def read_action(service: str, headers: Mapping[str, str], body: bytes) -> str:
    """The action that a request names: in ``X-Amz-Target`` (json) or in the form field ``Action``."""
    if protocol(service) == "json":
        return headers.get("X-Amz-Target", "").rpartition(".")[2]
    return dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)).get("Action", "")


def read_request(model: OperationModel, body: bytes, spoken: str) -> Params:
    """Parameters in the shape that a boto3 caller passed them; raises :class:`ServiceError` where unreadable."""
    shape = model.input_shape
    if shape is None:
        return {}
    try:
        if spoken == "json":
            document = orjson.loads(body or b"{}")
            if not isinstance(document, dict):
                raise ValueError("the body is not a JSON object")
            return _from_json(shape, document)  # type: ignore[no-any-return]
        form = parse_qsl(body.decode("utf-8"), keep_blank_values=True)
        if any(_NOT_IN_XML.search(text) for pair in form for text in pair):
            raise ValueError("it holds a character that XML, the language of the reply, does not have")
        return _from_form(shape, _tree(form), spoken)  # type: ignore[no-any-return]
    except (ValueError, TypeError, AttributeError, OverflowError, RuntimeError) as problem:
        raise ServiceError("SerializationException", f"The request cannot be read: {problem}") from problem


def _from_json(shape: Shape, value: Any) -> Any:
    if value is None:
        return None
    if isinstance(shape, StructureShape):
        members = shape.members
        found = {name: _from_json(members[name], value[name]) for name in members if name in value}
        return {name: item for name, item in found.items() if item is not None}
    if isinstance(shape, ListShape):
        if not isinstance(value, list):
            raise ValueError(f"{shape.name} is not a list")
        return [_from_json(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _from_json(shape.value, item) for key, item in value.items()}
    return scalar(shape, value)


def _tree(form: list[tuple[str, str]]) -> Tree:
    """``Tag.1.Key=a`` becomes ``{"Tag": {"1": {"Key": "a"}}}``."""
    root: Tree = {}
    for name, value in form:
        node = root
        *parents, leaf = name.split(".")
        for part in parents:
            child = node.setdefault(part, {})
            if not isinstance(child, dict):
                raise ValueError(f"{name} is both a value and a structure")
            node = child
        node[leaf] = value
    return root


def _form_name(shape: Shape, default: str, dialect: str) -> str:
    if dialect == "ec2":
        if "queryName" in shape.serialization:
            return str(shape.serialization["queryName"])
        name = str(shape.serialization.get("name", default))
        return name[0].upper() + name[1:]
    return str(shape.serialization.get("name", default))


def _from_form(shape: Shape, node: Any, dialect: str) -> Any:
    if isinstance(shape, StructureShape):
        found = {}
        for name, member in shape.members.items():
            child = _child(member, name, node, dialect)
            if child is not None:
                found[name] = _from_form(member, child, dialect)
        return found
    if isinstance(shape, ListShape):
        if node == "":
            return []
        items = node
        if dialect == "query" and not shape.serialization.get("flattened"):
            items = node.get(shape.member.serialization.get("name", "member"), {})
        return [_from_form(shape.member, items[key], dialect) for key in sorted(items, key=_index)]
    if isinstance(shape, MapShape):
        key, value = (
            str(each.serialization.get("name", name)) for each, name in ((shape.key, "key"), (shape.value, "value"))
        )
        entries = node.get("entry", {})
        if not all(key in entry and value in entry for entry in entries.values()):
            raise ValueError(f"an entry of {shape.name} has no {key} or no {value}")
        return {
            entries[at][key]: _from_form(shape.value, entries[at][value], dialect) for at in sorted(entries, key=_index)
        }
    return scalar(shape, node)


def _index(key: str) -> int:
    """The number in ``Tag.1.Key``: moto silently leaves out what it cannot count to."""
    if not (key.isascii() and key.isdigit() and len(key) < 9 and int(key) <= _MOST_ITEMS):
        raise ValueError(f"{key[:20]!r} is not the number of a list's item")
    return int(key)


def _child(member: Shape, name: str, node: Tree, dialect: str) -> Any:
    if dialect == "query" and isinstance(member, ListShape) and member.serialization.get("flattened"):
        name = str(member.member.serialization.get("name", name))
        return node.get(name)
    return node.get(_form_name(member, name, dialect))


def scalar(shape: Shape, value: Any) -> Any:
    """A value of a request as boto3's caller gave it. Raises ``ValueError`` for one that is of another type."""
    kind = shape.type_name
    if isinstance(value, dict | list):
        raise ValueError(f"{shape.name} is not a {kind}")
    if kind in ("integer", "long"):
        number = int(value)
        if number != value and not isinstance(value, str):
            raise ValueError(f"{shape.name} is not a whole number")
        if not -_LARGEST[kind] <= number < _LARGEST[kind]:
            raise ValueError(f"{shape.name} is out of the range of its type")
        return number
    if kind in ("float", "double"):
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else str(value).lower() == "true"
    if kind == "timestamp":
        return parse_timestamp(value).astimezone(UTC)
    if kind == "blob":
        return base64.b64decode(value)
    if not isinstance(value, str):
        raise ValueError(f"{shape.name} is not a string")
    return value


# --- replies ----------------------------------------------------------------------------------------------------


def write_reply(service: str, model: OperationModel, output: Params, spoken: str) -> tuple[bytes, str]:
    """The body and content type of a reply; members that the model does not know are refused."""
    if spoken == "json":
        document = _to_json(model.output_shape, output) if model.output_shape else {}
        return orjson.dumps(document), f"application/x-amz-{dialect_of(service, spoken)}"
    root = ElementTree.Element(f"{model.name}Response", xmlns=str(service_model(service).metadata["xmlNamespace"]))
    shape = model.output_shape
    target = root
    if spoken == "ec2":
        ElementTree.SubElement(root, "requestId").text = str(uuid.uuid4())
    elif shape is not None:
        target = ElementTree.SubElement(root, shape.serialization.get("resultWrapper", f"{model.name}Result"))
    if shape is not None:
        _members_to_xml(shape, output, target, spoken)
    if spoken == "query":
        metadata = ElementTree.SubElement(root, "ResponseMetadata")
        ElementTree.SubElement(metadata, "RequestId").text = str(uuid.uuid4())
    return dialects.xml(root)


_MANY = 1_000
"""A longer list (events, rows) is not looked at item by item: that takes a quarter of a second for a full page."""


@cache
def _is_plain(shape: Shape) -> bool:
    """Whether all inside a shape is written in JSON as it is."""
    if isinstance(shape, StructureShape):
        return all(_is_plain(member) for member in shape.members.values())
    if isinstance(shape, ListShape):
        return _is_plain(shape.member)
    return shape.type_name in ("string", "integer", "long", "boolean")


def _to_json(shape: Shape, value: Any) -> Any:
    if isinstance(shape, StructureShape):
        members = shape.members
        return {name: _to_json(members[name], item) for name, item in value.items() if item is not None}
    if isinstance(shape, ListShape):
        if len(value) > _MANY and _is_plain(shape.member):
            return value
        return [_to_json(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: _to_json(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp":
        return value.timestamp() if isinstance(value, datetime) else value
    if shape.type_name == "blob":
        return base64.b64encode(value).decode()
    return value


def _members_to_xml(shape: StructureShape, value: Params, parent: ElementTree.Element, dialect: str) -> None:
    for name, item in value.items():
        if item is not None:
            _to_xml(
                shape.members[name],
                shape.members[name].serialization.get("name", name),
                item,
                parent,
                dialect,
            )


def _to_xml(shape: Shape, name: str, value: Any, parent: ElementTree.Element, dialect: str) -> None:
    if isinstance(shape, ListShape) and shape.serialization.get("flattened"):
        for item in value:
            _to_xml(shape.member, name, item, parent, dialect)
        return
    node = ElementTree.SubElement(parent, name)
    if isinstance(shape, StructureShape):
        _members_to_xml(shape, value, node, dialect)
    elif isinstance(shape, ListShape):
        item_name = shape.member.serialization.get("name", "item" if dialect == "ec2" else "member")
        for item in value:
            _to_xml(shape.member, item_name, item, node, dialect)
    elif isinstance(shape, MapShape):
        for key, item in value.items():
            entry = ElementTree.SubElement(node, "entry")
            ElementTree.SubElement(entry, "key").text = str(key)
            _to_xml(shape.value, "value", item, entry, dialect)
    else:
        node.text = _scalar_text(value)


def _scalar_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return str(value)


def write_error(service: str, error: ServiceError, spoken: str) -> tuple[bytes, str]:
    """The body and content type of an error reply of a service that the sandbox simulates."""
    namespace = service_model(service).metadata.get("xmlNamespace", "")
    return dialects.write_error(dialect_of(service, spoken), error, namespace)


def query_code(service: str, action: str, spoken: str, code: str) -> str:
    """The name of the shape of an error code, where a service keeps its old codes beside JSON; else ``""``."""
    model = service_model(service)
    if spoken != "json" or "awsQueryCompatible" not in model.metadata:
        return ""
    asked = operation(service, action)
    shapes = [*(asked.error_shapes if asked else ()), *model.error_shapes]
    return next((shape.name for shape in shapes if shape.metadata.get("error", {}).get("code") == code), code)


# --- the client's side, for calls from inside -------------------------------------------------------------------


@cache
def _serializer(service: str) -> Any:
    return serialize.create_serializer(protocol(service), include_validation=False)


@cache
def _parser(service: str) -> Any:
    factory = parsers.ResponseParserFactory()
    factory.set_parser_defaults(timestamp_parser=_timestamp)
    return factory.create_parser(protocol(service))


def _timestamp(value: Any) -> datetime:
    """As botocore reads it; its own way, which takes any form of date, is a third of what a list of machines costs."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return parse_timestamp(value)  # type: ignore[no-any-return]


def write_request(service: str, model: OperationModel, params: Params) -> tuple[bytes, dict[str, str]]:
    """The body and headers of a request, as boto3 would send them."""
    request = _serializer(service).serialize_to_request(params, model)
    body = request["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    return body.encode() if isinstance(body, str) else body, dict(request["headers"])


def read_reply(service: str, model: OperationModel, status: int, headers: Mapping[str, str], body: bytes) -> Params:
    """A reply as boto3 would return it (without ``ResponseMetadata``); raises :class:`ServiceError` for an error."""
    parsed: Params = _parser(service).parse(
        {"status_code": status, "headers": headers, "body": body}, model.output_shape
    )
    if status >= 300:
        error = parsed.get("Error", {})
        raise ServiceError(error.get("Code", str(status)), error.get("Message", ""), status)
    parsed.pop("ResponseMetadata", None)
    return parsed
