"""From a line of a log to the rule that decided, with the rules of its time."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

from helpers.flowlogs import DEFAULT_FORMAT, FlowRecord, LogFormat
from helpers.network import AGREEMENTS, Explanation, Topology
from helpers.network import explain as explain_by_rules


class HasTopology(Protocol):
    """What is asked of a :class:`helpers.lab.Lab`: the network now, or at a moment."""

    def topology(self, at: datetime | float | None = None) -> Topology: ...


def explain(
    record: FlowRecord | str,
    lab: HasTopology,
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
    readings = _readings(lab, read)
    now = lab.topology()
    return _chosen([explain_by_rules(read, then, others=around, current=now) for then in readings])


def _readings(lab: HasTopology, record: FlowRecord) -> list[Topology]:
    """The network's readings that held at some time between a record's start and its end, in order."""
    if record.start is None or record.end is None:
        return [lab.topology()]
    moment, end = (datetime.fromtimestamp(at, UTC) for at in (record.start, record.end))
    readings = [lab.topology(at=moment)]
    while (read_at := readings[-1].read_at) is not None and moment <= read_at < end:
        moment = read_at + timedelta(microseconds=1)
        readings.append(lab.topology(at=moment))
    return readings


def _chosen(told: list[Explanation]) -> Explanation:
    """The explanation by the rules that give the record's verdict; with a note where none or several do."""
    chosen = min(told, key=lambda explanation: AGREEMENTS.index(explanation.agreement))
    agreeing = [explanation for explanation in told if explanation.agreement in ("by a rule", "as an answer")]
    if len(told) == 1 or not any(explanation.candidates for explanation in told):
        return chosen
    note = f"the rules changed between its start and its end; {len(told)} readings of the network were tried"
    if not agreeing:
        note += ", and none gives this action for certain"
    elif len({explanation.decided for explanation in agreeing}) > 1:
        others = {told.decided.text for told in agreeing if told.decided and told.decided != chosen.decided}
        note += f", and several give this action: it may hold traffic under each. Also {'; '.join(sorted(others))}"
    else:
        note += f", and {len(agreeing)} of them give this action"
    return replace(chosen, notes=(*chosen.notes, note))


def _record(record: FlowRecord | str, layout: LogFormat) -> FlowRecord:
    return layout.read(record.strip()) if isinstance(record, str) else record
