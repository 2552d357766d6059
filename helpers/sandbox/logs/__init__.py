"""CloudWatch Logs, all of it ours: importing this package puts its behaviours into the table.

Groups, streams, events, retention, classes, tags, filter patterns, metric filters (stored; no metric is produced) and
Insights queries. What it does not simulate is refused with a sentence: KMS keys, the class ESSENTIALS, linked
accounts, entities, transformers, the query languages SQL and PPL.

A flow log's delivery writes through :func:`deliver`; :func:`make_group` is for a role that may create the group.
"""

from helpers.sandbox.logs import filtering, groups, metricfilters, put, queries, reads, records, streams, tags
from helpers.sandbox.logs.groups import make_group
from helpers.sandbox.logs.patterns import FilterPattern, PatternError
from helpers.sandbox.logs.state import LogGroup, LogsState
from helpers.sandbox.logs.streams import deliver

__all__ = [
    "FilterPattern",
    "LogGroup",
    "LogsState",
    "PatternError",
    "deliver",
    "filtering",
    "groups",
    "make_group",
    "metricfilters",
    "put",
    "queries",
    "reads",
    "records",
    "streams",
    "tags",
]
