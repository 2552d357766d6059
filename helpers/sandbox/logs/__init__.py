"""CloudWatch Logs, all of it ours: importing this package puts its behaviours into the table.

Groups, streams, events, retention, classes, tags, filter patterns, metric filters (stored and tested; no metric is
produced), Insights queries and lookup tables. What it does not simulate is refused with a sentence: KMS keys, the
class ESSENTIALS, entities, transformers, the query languages SQL and PPL.

A flow log's delivery writes through :func:`deliver`; :func:`make_group` is for a role that may create the group;
:func:`warm` spares the first query of a process its half second.

>>> from helpers.sandbox.calls import TABLE
>>> sorted(action for service, action in TABLE if service == "logs" and action.startswith("Put"))
['PutLogEvents', 'PutLogGroupDeletionProtection', 'PutMetricFilter', 'PutRetentionPolicy']
>>> FilterPattern.parse('[..., action="REJECT", status]').matches("2 123456789012 eni-1 REJECT OK")
True
"""

from helpers.sandbox.logs import filtering, groups, lookups, metricfilters, put, queries, reads, records, streams, tags
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
    "lookups",
    "make_group",
    "metricfilters",
    "put",
    "queries",
    "reads",
    "records",
    "streams",
    "tags",
    "warm",
]


def warm() -> None:
    """Load the query engine and run one query, so that the learner's first is not the slow one."""
    from helpers.sandbox.logs import engine

    engine.warm()
