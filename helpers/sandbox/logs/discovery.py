"""The fields that Logs Insights discovers in one event, for GetLogGroupFields and GetLogRecord.

Flow logs of the default format give camelCase names, JSON objects names with dots and indexes (at most 200 of them);
``-`` is absent. Source: the user guide, "Supported logs and discovered fields".
"""

from collections.abc import Iterator
from typing import Any

import orjson

from helpers.flowlogs import DEFAULT_FORMAT

MOST_JSON_FIELDS = 200
SYSTEM_FIELDS = ("@timestamp", "@message", "@logStream", "@log", "@ingestionTime")
_FLOW_NAMES = tuple(field.insights_name or field.name for field in DEFAULT_FORMAT.fields)


def discovered(message: str, flow_logs: bool | None = None) -> dict[str, str]:
    """Names and values (as text) of a message's discovered fields, in their order.

    ``flow_logs`` False means that the group's flow logs have a format of their own, which is not discovered.
    """
    words = message.split(" ")
    if flow_logs is not False and len(words) == len(_FLOW_NAMES) and words[0] == "2":
        return {name: word for name, word in zip(_FLOW_NAMES, words, strict=True) if word != "-"}
    if message.lstrip().startswith("{"):
        try:
            document = orjson.loads(message)
        except ValueError:
            return {}
        fields: dict[str, str] = {}
        for name, value in _leaves(document, ""):
            fields[name] = value
            if len(fields) == MOST_JSON_FIELDS:
                break
        return fields
    return {}


def _leaves(node: Any, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(value, f"{path}.{key}" if path else str(key))
    elif isinstance(node, str):
        yield path, node
    elif node is not None:
        yield path, orjson.dumps(node).decode()
