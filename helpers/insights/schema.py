"""What a log group's table looks like: its physical columns, and which names of the language they hold.

The one place that knows the discovered fields of the default flow-log format (CloudWatch Logs User Guide,
"Supported logs and discovered fields": camelCase, `startTime` and `endTime` for start and end).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from helpers.flowlogs import DEFAULT_FORMAT, FIELDS

INTEGERS = ("INTEGER", "BIGINT")


@dataclass(frozen=True, slots=True)
class Column:
    """A discovered field: its name in the language, its physical column, its DuckDB type.

    ``numeric_text`` marks a text whose values look like numbers (an account id keeps its leading zeros).
    """

    name: str
    column: str
    type: str
    numeric_text: bool = False

    @property
    def is_integer(self) -> bool:
        """Whether the column holds integers."""
        return self.type in INTEGERS


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns for records whose format has these fields (LogFormat names), in their order.

    Fields of other formats than the default are not discovered by AWS; for files they get the camelCase name
    that follows the same rule (``flow-direction`` -> flowDirection).
    """
    found = []
    for position, name in enumerate(names):
        spec = FIELDS[name]
        kind = {"int32": "INTEGER", "int64": "BIGINT"}.get(spec.type, "VARCHAR")
        head, *rest = name.split("-")
        title = spec.insights_name or head + "".join(part.capitalize() for part in rest)
        found.append(Column(title, f"f{position}", kind, numeric_text=name == "account-id"))
    return tuple(found)


FLOW_COLUMNS = columns_of(DEFAULT_FORMAT.names)
FLOW_FIELDS = {column.name: column for column in FLOW_COLUMNS}
SYSTEM_FIELDS = ("@timestamp", "@message", "@ingestionTime", "@logStream", "@log")

# The kinds of message, found once when events come in.
PLAIN, FLOW, JSON_OBJECT = 0, 1, 2


def stored_columns(columns: Sequence[Column]) -> str:
    """The columns of a table as SQL.

    seq: order of arrival; ts, ing: epoch milliseconds; size: bytes of the message in UTF-8.
    """
    fixed = "seq BIGINT, ts BIGINT, ing BIGINT, stream VARCHAR, event_id VARCHAR, message VARCHAR, size INTEGER, "
    return fixed + "kind TINYINT, " + ", ".join(f"{column.column} {column.type}" for column in columns)


def stored_names(columns: Sequence[Column]) -> tuple[str, ...]:
    """The names of the columns of a table, in order."""
    fixed = ("seq", "ts", "ing", "stream", "event_id", "message", "size", "kind")
    return fixed + tuple(column.column for column in columns)


@dataclass(frozen=True, slots=True)
class Schema:
    """What is known of the tables that a query reads; the SQL depends on nothing else."""

    flow: bool = True
    json: bool = False
    columns: tuple[Column, ...] = FLOW_COLUMNS
    logs: tuple[str, ...] = ("123456789012:events",)
    by_ingestion: bool = False
    bounded: bool = True  # False when every event of every table lies in the time range

    def column(self, name: str) -> Column | None:
        """The column of a discovered field of the record format, if there is one of this name."""
        if not self.flow:
            return None
        return next((column for column in self.columns if column.name == name), None)
