"""The recorded day: 24 hours of the course's network as one Parquet file, and what really happened in it.

``python -m helpers day`` makes both files from ``data/scenarios/recorded_day.toml``, byte for byte. The file has every
field of the versions 2 to 5; :func:`day_lines` renders any format from it.

>>> from helpers.flowlogs import DEFAULT_FORMAT
>>> day = recorded_day()
>>> day.seconds, day.records > 190_000, sorted({event.kind for event in day.events})[:2]
(86400, True, ['beaconing', 'exfiltration'])
>>> at_web_b = day_lines(day, DEFAULT_FORMAT)[day.machines["web-b"]["interface"]]
>>> DEFAULT_FORMAT.read(at_web_b[0][1]).log_status
'OK'
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers._data import data_path
from helpers.flowlogs.fields import FIELDS
from helpers.flowlogs.format import LogFormat

DAY_FILE = data_path("recorded_day", "records.parquet")
TRUTH_FILE = data_path("recorded_day", "truth.json")
DAY_FORMAT = LogFormat.parse(" ".join(f"${{{name}}}" for name, field in FIELDS.items() if field.version <= 5))
"""Every field of the versions 2 to 5: the columns of the file."""

DAY_TAG = "RecordedDay"
"""The tag of a log group that holds the day: from when to when, in epoch seconds."""


@dataclass(frozen=True, slots=True)
class DayEvent:
    """Something in the recorded day: ``kind`` is an id of ``data/detections.toml``, ``*:445`` is port 445 of many.

    The owner of the network knows the ``benign`` ones. ``start`` and ``end`` are epoch seconds of the recording.
    """

    id: str
    kind: str
    benign: bool
    source: str
    target: str
    ports: int
    conversations: int
    bytes: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class RecordedDay:
    """What the file holds: ``start`` in epoch seconds, ``attack_hours`` are the two with most to find.

    ``machines``: ids (``account``, ``vpc``, ``subnet``, ``instance``, ``interface``) and ``address`` by short name.
    """

    start: int
    seconds: int
    records: int
    seed: int
    attack_hours: tuple[int, int]
    machines: Mapping[str, Mapping[str, str]]
    events: tuple[DayEvent, ...]
    path: Path = DAY_FILE

    def pairs(self, kind: str, *, benign: bool = False) -> frozenset[tuple[str, str]]:
        """Source and target of every event of a kind: the ground truth, or with ``benign`` what only looks so."""
        return frozenset((one.source, one.target) for one in self.events if (one.kind, one.benign) == (kind, benign))


def recorded_day() -> RecordedDay:
    """Read what is known of the recorded day."""
    document: dict[str, Any] = json.loads(TRUTH_FILE.read_text())
    events = tuple(DayEvent(**event) for event in document.pop("events"))
    return RecordedDay(**{**document, "attack_hours": tuple(document["attack_hours"])}, events=events)


def day_lines(
    day: RecordedDay,
    log_format: LogFormat,
    *,
    shift: int = 0,
    ids: Mapping[str, str] | None = None,
    between: tuple[int, int] | None = None,
    where: str = "true",
) -> dict[str, list[tuple[int, str]]]:
    """The lines of the day in a format by interface id: (epoch milliseconds, line) in order of time.

    ``shift`` is added to every time (seconds), ``ids`` are other ids for those of the recording, ``between`` keeps the
    records that start in these seconds of the recording, and those for which ``where`` (SQL over the columns) is true.
    Raises ``ValueError`` for a field that the day does not have.
    """
    if missing := [name for name in log_format.names if name not in DAY_FORMAT.names]:
        raise ValueError(f"The recorded day has no field {missing[0]}: it has those of the versions 2 to 5.")
    import duckdb  # here: the sandbox should not wait for it when it starts

    replaced = dict(ids or {})
    columns = ", ".join(_rendered(name, log_format, shift, replaced) for name in log_format.names)
    low, high = between or (day.start, day.start + day.seconds)
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"SELECT interface_id, (start + {shift}) * 1000, concat_ws(' ', {columns}) "
            f"FROM read_parquet($1, file_row_number = true) WHERE start >= {low} AND start < {high} AND ({where}) "
            "ORDER BY interface_id, start, file_row_number",
            [str(day.path)],
        ).fetchall()
    streams: dict[str, list[tuple[int, str]]] = {}
    for interface, moment, line in rows:
        streams.setdefault(replaced.get(interface, interface), []).append((moment, line))
    return streams


def _rendered(name: str, log_format: LogFormat, shift: int, ids: Mapping[str, str]) -> str:
    """A field as text, in SQL."""
    if name == "version":
        return f"'{log_format.version}'"
    column = f'"{FIELDS[name].attribute}"'
    if name in ("start", "end"):
        return f"CAST({column} + {shift} AS VARCHAR)"
    if name.endswith("-id") and ids:
        known = " ".join(f"WHEN '{old}' THEN '{new}'" for old, new in ids.items())
        column = f"CASE {column} {known} ELSE {column} END"
    return f"coalesce(CAST({column} AS VARCHAR), '-')"
