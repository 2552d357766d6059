"""Results as text, HTML and a DataFrame."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helpers._html import table

if TYPE_CHECKING:
    import pandas as pd

Rows = Sequence[Sequence[tuple[str, str]]]

_TIMES = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_NEVER_NUMBERS = ("@message", "@logStream", "@log", "@ptr")


def as_table(columns: list[str], rows: Rows, most: int = 100) -> str:
    """The rows as aligned text; more than ``most`` are counted instead of shown."""
    cells = [[dict(row).get(column, "") for column in columns] for row in rows[:most]]
    widths = [max([len(column), *(len(row[i]) for row in cells)]) for i, column in enumerate(columns)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
             for row in [columns, *cells]]  # fmt: skip
    if len(rows) > most:
        lines.append(f"... and {len(rows) - most} more rows")
    return "\n".join(lines)


def as_html(columns: list[str], rows: Rows, remarks: Sequence[str], most: int = 100) -> str:
    """The rows as an HTML table, remarks below."""
    notes = [*remarks, *([f"{len(rows) - most} more rows"] if len(rows) > most else [])]
    below = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return table(columns, ([dict(row).get(column, "") for column in columns] for row in rows[:most])) + below


def as_frame(reply: Mapping[str, Any]) -> "pd.DataFrame":
    """The rows of an ended query as a DataFrame, without the pointers ``@ptr``.

    A column whose values are all numbers or all times gets that type; what a record does not have is NaN or NA.
    ``frame.attrs["statistics"]`` holds the statistics. Raises RuntimeError for a query that did not complete.

    >>> rows = [[{"field": "port", "value": "22"}, {"field": "@ptr", "value": "x"}], [{"field": "port", "value": "80"}]]
    >>> as_frame({"status": "Complete", "results": rows}).port.sum()
    np.int64(102)
    """
    import pandas as pd

    if reply["status"] != "Complete":
        raise RuntimeError(f"The query ended as {reply['status']}: there is no result.")
    rows = [{pair["field"]: pair["value"] for pair in row if pair["field"] != "@ptr"} for row in reply["results"]]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    frame = pd.DataFrame({name: _typed(name, [row.get(name) for row in rows]) for name in columns})
    frame.attrs["statistics"] = reply.get("statistics", {})
    return frame


def _typed(name: str, values: list[str | None]) -> Any:
    import pandas as pd

    there = [value for value in values if value is not None]
    if name in _NEVER_NUMBERS or not there:
        return pd.Series(values, dtype="str")
    if all(map(_TIMES.fullmatch, there)):
        return pd.to_datetime(pd.Series(values, dtype="str"), format="%Y-%m-%d %H:%M:%S.%f")
    if not all(map(_NUMBER.fullmatch, there)):
        return pd.Series(values, dtype="str")
    whole = all(value.lstrip("-").isdigit() and abs(int(value)) < 2**63 for value in there)
    kind: Any = int if whole else float
    return pd.array([None if value is None else kind(value) for value in values], dtype="Int64" if whole else "Float64")
