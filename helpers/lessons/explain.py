"""From a line of a log to the rule that decided, with the rules of its time."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Protocol

from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord, LogFormat
from helpers.network import Explanation, Topology
from helpers.network import explain as explain_by_rules


class Network(Protocol):
    """What is asked of a :class:`helpers.lab.Lab`: the network now, or at a moment."""

    def topology(self, at: datetime | float | None = None) -> Topology: ...


def explain(
    record: FlowRecord | str,
    lab: Network,
    *,
    format: LogFormat | str = DEFAULT_FORMAT,  # noqa: A002 - the trade's own word
    others: Sequence[FlowRecord | str] = (),
) -> Explanation:
    """Say in words why a flow record says ACCEPT or REJECT, by the rules that were in force at its time.

    ``record`` is a line as it stands in the log, or a :class:`helpers.flowlogs.FlowRecord`; ``format`` the flow
    log's ``LogFormat`` where it is not the default one. ``others`` may be further records of the same time: they
    can show that this one is of an answer. The explanation says so where the rules have changed since.
    Raises ``RecordError`` or ``FormatError`` (both ``ValueError``) with the place that cannot be read.
    """
    layout = LogFormat.parse(format) if isinstance(format, str) else format
    read = _record(record, layout)
    around = [_record(other, layout) for other in others]
    then = lab.topology(at=datetime.fromtimestamp(read.start, UTC)) if read.start is not None else lab.topology()
    return explain_by_rules(read, then, others=around, current=lab.topology())


def _record(record: FlowRecord | str, layout: LogFormat) -> FlowRecord:
    return layout.read(record.strip()) if isinstance(record, str) else record
