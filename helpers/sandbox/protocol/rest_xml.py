"""Amazon S3's protocol from the server's side: method, path and query name the action, driven by botocore's model.

``serialization`` does the same for the protocols in which a request names its action.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, unquote
from xml.etree import ElementTree

import orjson
from botocore.model import ListShape, OperationModel, Shape, StructureShape

from helpers.sandbox.calls import Params, ServiceError
from helpers.sandbox.protocol import serialization

# What says how a call was signed and sent, and nothing of what it asks for.
_NOT_ASKED = ("x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-user-agent")
_ASKED = ("x-amz-", "content-type", "content-md5", "content-encoding", "range", "if-")


@dataclass(frozen=True)
class RestRequest:
    """A request without its body; ``path`` and ``query`` as they came, with their percent signs."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str]) -> "RestRequest":
        """``target`` is the request line's second word."""
        path, _, query = target.partition("?")
        asked = {name: text for name, text in headers.items() if name.startswith(_ASKED) and name not in _NOT_ASKED}
        return cls(method, path, query, asked)

    @classmethod
    def read(cls, text: str) -> "RestRequest":
        """What :meth:`written` wrote."""
        return cls(**orjson.loads(text))

    def written(self) -> str:
        """As the journal keeps it."""
        return orjson.dumps(asdict(self), option=orjson.OPT_SORT_KEYS).decode()

    @property
    def names(self) -> tuple[str, ...]:
        """The bucket and the key, as far as the path has them."""
        bucket, _, key = self.path.removeprefix("/").partition("/")
        return tuple(unquote(part) for part in (bucket, key) if part)

    @property
    def asked(self) -> dict[str, str]:
        """The query's parameters."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def action(self, service: str) -> str:
        """The action that fits most closely, "" where none does."""
        query, fitting = self.asked, []
        for name, method, places, literals, required in _operations(service):
            told = all(key in query and value in ("", query[key]) for key, value in literals)
            missing = [key for key, is_header in required if key not in (self.headers if is_header else query)]
            # Fixed parts of the query are enough: what else is missing is then told by name.
            if told and (literals or not missing) and (method, places) == (self.method, len(self.names)):
                fitting.append(((len(literals), len(required) - len(missing)), name))
        return max(fitting, key=lambda found: found[0])[1] if fitting else ""

    def params(self, model: OperationModel, body: bytes) -> Params:
        """Parameters as a boto3 caller passed them, but for an object's bytes. Raises :class:`ServiceError`."""
        shape = model.input_shape
        assert shape is not None
        try:
            return dict(self._params(shape, body))
        except (ValueError, ElementTree.ParseError) as problem:
            raise ServiceError("MalformedXML", f"The request cannot be read: {problem}") from problem

    def _params(self, shape: StructureShape, body: bytes) -> Iterator[tuple[str, Any]]:
        found = {"querystring": self.asked, "header": self.headers}
        path = dict(zip(("Bucket", "Key"), self.names, strict=False))
        for name, member in shape.members.items():
            where, called = member.serialization.get("location"), member.serialization.get("name", name)
            if where == "uri":
                yield name, path[name]
            elif where in found and called.lower() in {key.lower() for key in found[where]}:
                text = found[where].get(called, found[where].get(called.lower(), ""))
                yield name, serialization.scalar(member, text)
            elif name == shape.serialization.get("payload") and body and member.type_name != "blob":
                yield (
                    name,
                    body.decode() if member.type_name == "string" else _tree(member, ElementTree.fromstring(body)),
                )


@cache
def _operations(
    service: str,
) -> tuple[tuple[str, str, int, tuple[tuple[str, str], ...], tuple[tuple[str, bool], ...]], ...]:
    """Of each action: name, method, names in the path, fixed parts of the query, and what else a request must have
    (with whether it is a header).
    """
    found = []
    for name in serialization.service_model(service).operation_names:
        model = serialization.operation(service, name)
        assert model is not None
        path, _, query = model.http["requestUri"].partition("?")
        if path not in _PLACES:
            continue
        literals = tuple((key, value) for key, value in parse_qsl(query, keep_blank_values=True) if key != "x-id")
        members = (
            [model.input_shape.members[each] for each in model.input_shape.required_members]
            if model.input_shape
            else []
        )
        required = tuple(
            (str(each.serialization["name"]), each.serialization["location"] == "header")
            for each in members
            if each.serialization.get("location") in ("querystring", "header")
        )
        found.append((name, model.http["method"], _PLACES[path], literals, required))
    return tuple(found)


_PLACES = {"/": 0, "/{Bucket}": 1, "/{Bucket}/{Key+}": 2}


def _tree(shape: Shape, node: ElementTree.Element) -> Any:
    """An element's value; namespaces do not count."""
    if isinstance(shape, StructureShape):
        found = {}
        for name, member in shape.members.items():
            called = member.serialization.get("name", name)
            children = [child for child in node if child.tag.rpartition("}")[2] == called]
            if children and isinstance(member, ListShape) and member.serialization.get("flattened"):
                found[name] = [_tree(member.member, child) for child in children]
            elif children:
                found[name] = _tree(member, children[0])
        return found
    if isinstance(shape, ListShape):
        return [_tree(shape.member, child) for child in node]
    return serialization.scalar(shape, node.text or "")
