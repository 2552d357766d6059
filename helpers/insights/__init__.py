"""CloudWatch Logs Insights: the query language, compiled to SQL over typed columns.

>>> from helpers.insights import Event, LogTable, compile, run
>>> line = "2 123456789012 eni-1 203.0.113.9 10.0.1.5 51000 {} 6 1 40 1700002860 1700002920 REJECT OK"
>>> table = LogTable("/vpc/flow")
>>> table.append(Event(1700002860000, 1700002861000, "eni-1", line.format(port)) for port in (22, 23, 22))
3
>>> result = run("stats count(*) as n by dstPort | sort n desc", table, 1700000000, 1700009999)
>>> result.rows
[[('dstPort', '22'), ('n', '2')], [('dstPort', '23'), ('n', '1')]]
>>> run("filter action = 'REJECT' | limit 1", table).statistics["recordsMatched"]
3.0
>>> run("filter srcaddr = '203.0.113.9'", table).remarks
('No event has a field srcaddr. Did you mean srcAddr?',)
>>> compile("filter dstPort = | limit 5")
Traceback (most recent call last):
helpers.insights.errors.MalformedQuery: unexpected symbol found |; expected ...

`open_logs` makes a table of files (text, gzip, Parquet, a folder) and of events in memory. `Query.sql` and
`Query.explain` show what a query does. What AWS leaves open: data/assumptions.toml.
"""

from .engine import Query, Result, compile, make_pointer, read_pointer, run  # noqa: A004
from .errors import MalformedQuery, QueryFailed
from .files import open_logs
from .moments import duration, moment
from .table import Database, Event, LogTable

__all__ = [
    "Database",
    "Event",
    "LogTable",
    "MalformedQuery",
    "Query",
    "QueryFailed",
    "Result",
    "compile",
    "duration",
    "make_pointer",
    "moment",
    "open_logs",
    "read_pointer",
    "run",
]
