"""Decisions as HTML for notebooks: readable without colour, every text from outside escaped."""

from html import escape
from typing import TYPE_CHECKING

from helpers._html import table

if TYPE_CHECKING:
    from helpers.access.decision import Decision, Reading
    from helpers.access.log_delivery import Delivery

_HEAD = ("policy", "statement", "effect", "principal", "action", "resource", "conditions")
_MARK = {True: "✓ yes", False: "✗ no"}


def decision_html(decision: "Decision") -> str:
    """A decision as ``<details>``: the sentence as summary, the statements that were read inside."""
    verdict = "Allowed" if decision.allowed else "Denied"
    hints = "".join(f"<li>{escape(hint)}</li>" for hint in decision.hints)
    rows = table(_HEAD, map(_row, decision.readings)) if decision.readings else ""
    return (
        f'<details class="access-decision"><summary><strong>{verdict}</strong>: {escape(decision.reason)}'
        f"</summary>{f'<ul>{hints}</ul>' if hints else ''}{rows}</details>"
    )


def _row(reading: "Reading") -> tuple[str, ...]:
    failing = ", ".join(f"{condition.key} ({condition.operator})" for condition in reading.failing)
    conditions = f"✗ no: {failing}" if failing else "✓ yes" if reading.statement.conditions else "none"
    return (
        reading.policy.name or reading.side,
        reading.statement.label,
        reading.statement.effect,
        _MARK[reading.principal] if reading.side == "resource" else "the caller's own",
        _MARK[reading.action],
        _MARK[reading.resource],
        conditions,
    )


def delivery_html(delivery: "Delivery") -> str:
    """A delivery check as ``<details>``, one decision per step."""
    steps = "".join(f"<li>{escape(step.name)}: {decision_html(step.decision)}</li>" for step in delivery.steps)
    return (
        f'<details class="access-delivery"><summary><strong>{escape(delivery.status)}</strong>: '
        f"{escape(delivery.reason)}</summary><ol>{steps}</ol></details>"
    )
