"""CloudWatch Logs, all of it ours.

Groups, streams, events, retention, classes, tags, filter patterns, metric filters (stored and tested; no metric is
produced), Insights queries and lookup tables. What it does not simulate is refused with a sentence: KMS keys, the class
ESSENTIALS, entities, transformers, the query languages SQL and PPL.

A flow log's delivery writes through :func:`deliver`; :func:`make_group` is for a role that may create the group;
:func:`warm` spares the first query of a process its half second.

>>> from helpers.sandbox import behaviours
>>> from helpers.sandbox.calls import TABLE
>>> behaviours.load()
>>> sorted(action for service, action in TABLE if service == "logs" and action.startswith("Put"))
['PutLogEvents', 'PutLogGroupDeletionProtection', 'PutMetricFilter', 'PutRetentionPolicy']
>>> FilterPattern.parse('[..., action="REJECT", status]').matches("2 123456789012 eni-1 REJECT OK")
True
"""

import sys

from helpers.sandbox.logs.groups import make_group
from helpers.sandbox.logs.patterns import FilterPattern
from helpers.sandbox.logs.state import LogGroup, LogsState
from helpers.sandbox.logs.streams import deliver
from helpers.sandbox.store.event_store import EventStore

__all__ = [
    "FilterPattern",
    "LogGroup",
    "LogsState",
    "deliver",
    "make_group",
    "remove_temporary_folder",
    "stop_queries",
    "warm",
]


def warm() -> None:
    """Load the query engine and run one query, so that the learner's first is not the slow one."""
    from helpers.sandbox.logs import query_execution

    query_execution.warm()


def remove_temporary_folder() -> None:
    """Remove the query engine's temporary folder: the process ends at once, without what Python does on its way out."""
    database = sys.modules.get("helpers.insights.events.database")
    if database is not None and hasattr(database, "remove_temporary_folder"):  # else it is not loaded, or not yet
        database.remove_temporary_folder()


def stop_queries(store: EventStore) -> None:
    """End the queries that still run over a store which is about to be closed."""
    runs = sys.modules.get("helpers.sandbox.logs.query_runs")  # not loaded, nothing runs
    if runs is not None:
        runs.stop_all(store)
