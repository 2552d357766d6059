"""What CloudWatch Logs remembers of a region besides the events: groups, streams, filters, queries.

Everything here is picklable: a checkpoint holds it. Events live in the event store, query results in files beside it.
Times are epoch milliseconds, as in the API.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

QueryStatus = Literal["Scheduled", "Running", "Complete", "Failed", "Timeout", "Cancelled"]


@dataclass
class MetricFilter:
    """A stored metric filter: what arrives and matches its pattern becomes points of a metric."""

    name: str
    pattern: str
    transformations: list[dict[str, Any]]
    created_ms: int


@dataclass
class LogGroup:
    """A log group. ``retention_days`` None means that events never expire."""

    name: str
    created_ms: int
    log_class: str = "STANDARD"
    retention_days: int | None = None
    protected: bool = False
    tags: dict[str, str] = field(default_factory=dict)
    streams: dict[str, int] = field(default_factory=dict)
    """Stream names with their creation times."""
    metric_filters: dict[str, MetricFilter] = field(default_factory=dict)
    flow_logs: bool | None = None
    """Whether flow logs deliver to it in the default format only; None where none delivers."""


@dataclass
class QueryRun:
    """A query that was started. Its result is a file of the store, made when it started."""

    id: str
    text: str
    groups: tuple[str, ...]
    start: int
    end: int
    limit: int | None
    started_ms: int
    caller: str
    cancelled: bool = False
    language: str = "CWLI"
    summary: tuple[QueryStatus, float] | None = None
    """Final status and bytes scanned, once the result has been looked at."""


@dataclass
class LookupTable:
    """A table that queries look things up in: CSV text with a header."""

    name: str
    body: str
    description: str | None
    updated_ms: int


@dataclass(frozen=True)
class QueryDefinition:
    """A saved query."""

    id: str
    name: str
    text: str
    groups: tuple[str, ...]
    changed_ms: int


@dataclass
class LogsState:
    """One region's log groups and lookup tables by name, and queries and saved queries by id."""

    groups: dict[str, LogGroup] = field(default_factory=dict)
    queries: dict[str, QueryRun] = field(default_factory=dict)
    lookup_tables: dict[str, LookupTable] = field(default_factory=dict)
    query_definitions: dict[str, QueryDefinition] = field(default_factory=dict)
