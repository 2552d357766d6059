"""What moto works out again for each request, although it stays the same: worked out once. No reply changes by it."""

from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from moto.core import responses, serialize
from moto.ec2.models.core import TaggedEC2Resource
from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

_responses: Any = responses
_list_names: Any = _responses.method_names_from_class
_get_value: Any = serialize.ResponseSerializer.get_value
_serialize: Any = serialize
xmltodict: Any = _serialize.xmltodict
_NONE = object()
_possible_keys: Any = serialize.XFormedAttributePicker.get_possible_keys
_keys: dict[tuple[type, Any, str], tuple[str, ...]] = {}
"""By a value's type, the member's shape (botocore keeps each shape for good) and the member's name."""


def apply() -> None:
    """Put the quick parts in place. Safe to call again."""
    serializers: Any = serialize
    if _responses.method_names_from_class is not _names_of_methods:
        _responses.method_names_from_class = _names_of_methods
        xmltodict._validate_name = cache(xmltodict._validate_name)
        serializers.xmltodict = SimpleNamespace(unparse=_as_xml)
    serializers.XFormedAttributePicker.get_possible_keys = _keys_once
    serializers.ResponseSerializer.get_value = _value
    tagged: Any = TaggedEC2Resource
    tagged.get_tags = _own_tags


@cache
def _names_of_methods(kind: type) -> list[str]:
    """For every request moto lists all methods of a service, to see whether the action is one."""
    return list(_list_names(kind))


def _keys_once(picker: Any, context: Any) -> Sequence[str]:
    """The names under which a member may be found in a value: they follow from its type, shape and name."""
    asked = (type(context.obj), context.shape, context.key)
    if (known := _keys.get(asked)) is None:
        known = tuple(dict.fromkeys(_possible_keys(picker, context)))
        if not any("." in name for name in known):  # a path of names: moto follows it
            _keys[asked] = known
    return known


def _value(serializer: Any, value: Any, key: str, shape: Any) -> Any:
    """A member's value. moto writes down the way to each member, and compares it with every way of a changed one."""
    picker = serializer._value_picker
    keys = _keys.get((type(value), shape, key))
    if keys is None:
        return _get_value(serializer, value, key, shape)
    found = None
    if hasattr(value, "__getitem__"):
        for name in keys:
            with suppress(KeyError, IndexError, TypeError, AttributeError):
                found = value[name]
                break
    else:
        for name in keys:
            if (found := getattr(value, name, _NONE)) is not _NONE:
                break
        else:
            found = None
    changes = picker.response_transformers
    for path in _ending_in(tuple(changes), key) if changes else ():
        if f"{'.'.join(serializer.path)}.{key}".endswith(path):
            return changes[path](found)
    return found


@cache
def _ending_in(paths: tuple[str, ...], key: str) -> tuple[str, ...]:
    """Those of the paths that a path to a member of this name can end with."""
    return tuple(path for path in paths if path.endswith(f".{key}") or f".{key}".endswith(path))


def _as_xml(document: dict[str, Any], *, full_document: bool, **_: Any) -> str:
    """What xmltodict writes of a reply, without a call of Python's XML writer for each element."""
    parts = ['<?xml version="1.0" encoding="utf-8"?>\n'] if full_document else []
    for name, content in document.items():
        _write(parts, name, content)
    return "".join(parts)


def _write(parts: list[str], name: str, content: Any) -> None:
    """Elements of this name, one for each item of a list; keys with ``@`` are attributes, ``#text`` is the text."""
    xmltodict._validate_name(name, "element")
    for item in content if isinstance(content, list | tuple) else (content,):
        held = item if isinstance(item, dict) else {"#text": item}
        attributes = [f" {key[1:]}={quoteattr(_text(held[key]))}" for key in held if key[0] == "@"]
        parts.append(f"<{name}{''.join(attributes)}")
        parts.append(">")
        begun = len(parts)
        for key, child in held.items():
            if key[0] not in "@#" and child != []:
                _write(parts, key, child)
        if text := _text(held.get("#text")):
            parts.append(escape(text))
        if len(parts) > begun:
            parts.append(f"</{name}>")
        else:
            parts[-1] = "/>"


def _text(value: Any) -> str:
    return "" if value is None else str(xmltodict._convert_value_to_string(value))


def _own_tags(resource: Any) -> list[dict[str, str]]:
    """moto looks through the tags of all resources for those of each one."""
    held = resource.ec2_backend.tags.get(resource.id, {}) if resource.id else {}
    kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "") if held else ""
    return [
        {"resource_id": resource.id, "key": key, "resource_type": kind, "value": value} for key, value in held.items()
    ]
