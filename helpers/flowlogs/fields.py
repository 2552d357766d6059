"""The catalogue of flow log fields, read from ``data/flow_log_fields.toml``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, cast

from helpers._data import data_path

FieldType = Literal["int32", "int64", "string"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a flow log record.

    ``name`` is spelled as in a LogFormat (``tcp-flags``), ``version`` is the record version that brought it, ``type``
    is AWS's data type, ``insights_name`` its name in Logs Insights (None: the camelCase of ``name``; it discovers the
    fields of the default format only), ``source`` says who documents it.
    """

    name: str
    version: int
    type: FieldType
    insights_name: str | None
    description: str
    source: str = "vpc-user-guide"

    @property
    def attribute(self) -> str:
        """Name of the attribute in ``FlowRecord`` and of the column in a table: ``tcp_flags``."""
        return self.name.replace("-", "_")

    @property
    def is_integer(self) -> bool:
        """Whether the value is a whole number."""
        return self.type != "string"


def _load() -> Mapping[str, Field]:
    with data_path("flow_log_fields.toml").open("rb") as file:
        rows = tomllib.load(file)["field"]
    return MappingProxyType(
        {
            row["name"]: Field(
                name=row["name"],
                version=row["version"],
                type=cast(FieldType, row["type"]),
                insights_name=row.get("insights_name"),
                description=row["description"],
                source=row["source"],
            )
            for row in rows
        }
    )


FIELDS: Mapping[str, Field] = _load()
"""Every documented field by its LogFormat name, in the order of AWS's table."""
