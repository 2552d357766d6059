"""The flow log record: field catalogue, formats, one line to one record and back, bulk tables.

>>> from helpers.flowlogs import DEFAULT_FORMAT, FIELDS
>>> line = "2 123456789012 eni-0a1b2c3d4e5f6 10.1.1.10 10.2.1.10 0 0 1 4 336 1432917027 1432917142 ACCEPT OK"
>>> record = DEFAULT_FORMAT.read(line)
>>> record.srcaddr, record.packets, record.action
('10.1.1.10', 4, 'ACCEPT')
>>> DEFAULT_FORMAT.render(record) == line
True
>>> FIELDS["tcp-flags"].version, FIELDS["srcaddr"].insights_name
(3, 'srcAddr')
>>> DEFAULT_FORMAT.read(line.replace("336", "many"))
Traceback (most recent call last):
    ...
helpers.flowlogs.format.RecordError: field 10 (bytes): 'many' is not a whole number (int64)
>>> from helpers.flowlogs import read_table
>>> read_table([line, line]).groupby("srcaddr")["bytes"].sum().to_dict()
{'10.1.1.10': 672}
"""

from typing import TYPE_CHECKING, Any

from helpers.flowlogs.fields import FIELDS, Field
from helpers.flowlogs.format import DEFAULT_FORMAT, FormatError, LogFormat, RecordError
from helpers.flowlogs.record import FlowRecord

if TYPE_CHECKING:
    from helpers.flowlogs.table import BadLine, read_table

__all__ = [
    "DEFAULT_FORMAT",
    "FIELDS",
    "BadLine",
    "Field",
    "FlowRecord",
    "FormatError",
    "LogFormat",
    "RecordError",
    "read_table",
]


def __getattr__(name: str) -> Any:
    # tables bring pandas and DuckDB along, which who only needs records should not wait for
    if name in ("BadLine", "read_table"):
        from helpers.flowlogs import table

        return getattr(table, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
