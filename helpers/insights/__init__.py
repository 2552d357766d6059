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
('No event has a field srcaddr: it is srcAddr; upper and lower case matter.',)
>>> compile("filter dstPort = | limit 5")
Traceback (most recent call last):
helpers.insights.syntax.errors.MalformedQuery: unexpected symbol found |; expected ...

``open_logs`` makes a table of files (text, gzip, Parquet, a folder) and of events in memory. What AWS leaves open:
data/assumptions.toml.
"""

from helpers.insights.display import as_frame
from helpers.insights.engine import Query, case_remarks, compile, prepare, run  # noqa: A004
from helpers.insights.events.database import Database
from helpers.insights.events.log_files import open_logs
from helpers.insights.events.log_table import Event, LogTable
from helpers.insights.events.pointers import make_pointer, read_pointer
from helpers.insights.query_result import Result
from helpers.insights.sql_query import SqlQuery
from helpers.insights.syntax.errors import MalformedQuery, QueryFailed
from helpers.insights.times import parse_time

__all__ = [
    "Database",
    "Event",
    "LogTable",
    "MalformedQuery",
    "Query",
    "QueryFailed",
    "Result",
    "SqlQuery",
    "as_frame",
    "case_remarks",
    "compile",
    "make_pointer",
    "open_logs",
    "parse_time",
    "prepare",
    "read_pointer",
    "run",
]
