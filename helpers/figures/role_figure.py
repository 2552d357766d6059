"""Draw who may pass a role, who may assume it and what it may write to, each arrow as IAM answers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from helpers.access import FLOW_LOGS_SERVICE, Decision
from helpers.figures.figure import Figure
from helpers.figures.role_documents import RoleAnswers, reasons, role_answers
from helpers.figures.svg import BAD, BLACK, BLUE, GOOD, GREY, LIGHT, ORANGE, PURPLE, Drawing, wrapped
from helpers.lab import Lab

_WIDTH, _MARGIN, _BOX, _LINE, _SIZE = 660.0, 14.0, 46.0, 16.0, 12.0
_HALF = (_WIDTH - 3 * _MARGIN) / 2
_ARN = re.compile(r"arn:[^:\s]*:\w+:[^:\s]*:[^:\s]*:")


@dataclass(frozen=True, slots=True)
class _Arrow:
    """One question: its title, IAM's answers, and where the reasons stand."""

    title: str
    decisions: tuple[Decision, ...]
    account: str

    @property
    def allowed(self) -> bool:
        return all(self.decisions)

    @property
    def verdict(self) -> str:
        return "allowed" if self.allowed else "denied"

    def lines(self) -> list[str]:
        """The deciding statements in words, one entry for each statement."""
        return [
            f"{actions}: {_reason(decision)}".replace(self.account, "<account>")
            for actions, decision in reasons(self.decisions)
        ]


def role_figure(lab: Lab, role_name: str, log_group: str, person: str | None = None) -> Figure:
    """A role of flow logs as three questions: may the person pass it, the service assume it, the role write?

    Each arrow is IAM's answer to the documents as they are now, with the statement that decided. ``person`` is the ARN
    of a user or a role, by default you. Account ids are not shown. Raises the client's own errors, ``NoSuchEntity`` for
    a role that does not exist, and ``ValueError`` for a person that is neither user, role nor root.
    """
    answers = role_answers(lab, role_name, log_group, person)
    arrows = (
        _Arrow("1 PassRole: may the person pass it?", answers.passing, answers.account),
        _Arrow("2 Trust: may the service assume it?", answers.assuming, answers.account),
        _Arrow("3 Permission: may the role write here?", answers.writing, answers.account),
    )
    alt = _alt(answers, arrows)
    text = "\n".join(line for arrow in arrows for line in (f"{arrow.title} {arrow.verdict}", *_indented(arrow)))
    return Figure(str(_draw(answers, arrows, alt)).encode(), "image/svg+xml", alt, text)


def _indented(arrow: _Arrow) -> list[str]:
    return [f"  {line}" for line in arrow.lines()]


def _reason(decision: Decision) -> str:
    """The deciding statement in words, and what it asks of the request."""
    if decision.statement is None:
        if decision.allowed:
            return "the account's root user needs no policy"
        return f"no statement allows it{'; ' if decision.hints else ''}{'; '.join(decision.hints[:1])}"
    policy = f"policy {decision.policy.name}" if decision.policy and decision.policy.name else "the trust policy"
    source = f"{decision.statement.label} of {policy}"
    if not decision.allowed:
        return f"{source} denies it, and a deny beats every allow"
    conditions = decision.statement.conditions
    asked = " and ".join(f"{part.key} {_sign(part.operator)} {' or '.join(part.values)}" for part in conditions)
    return f"{source} allows it{f', where {asked}' if asked else ''}"


def _sign(operator: str) -> str:
    return {"StringEquals": "is", "ArnEquals": "is", "ArnLike": "is like", "StringLike": "is like"}.get(
        operator, operator
    )


def _person(answers: RoleAnswers) -> str:
    return "the root user" if answers.person.kind == "root" else f"{answers.person.kind} {answers.person.name}"


def _alt(answers: RoleAnswers, arrows: Sequence[_Arrow]) -> str:
    passing, assuming, writing = (arrow.verdict for arrow in arrows)
    works = "works" if all(arrow.allowed for arrow in arrows) else "does not work"
    return (
        f"A new flow log with role {answers.role} {works}: PassRole by {_person(answers)} is {passing}, AssumeRole by "
        f"{FLOW_LOGS_SERVICE} is {assuming}, writing to {answers.log_group} is {writing}."
    )


# --- drawn ------------------------------------------------------------------------------------------------------


def _height(arrow: _Arrow, room: float) -> float:
    lines = sum(len(wrapped(_short(line), room, _SIZE)) for line in arrow.lines())
    return 24 + _LINE * (2 + lines) + 6 * len(arrow.lines()) + 14


def _short(line: str) -> str:
    return _ARN.sub("…:", line)


def _draw(answers: RoleAnswers, arrows: Sequence[_Arrow], alt: str) -> Drawing:
    room, wide = _HALF - 40, _WIDTH - 2 * _MARGIN - 40
    above, below = max(_height(arrow, room) for arrow in arrows[:2]), _height(arrows[2], wide)
    right = 2 * _MARGIN + _HALF
    drawing = Drawing(_WIDTH, 2 * _MARGIN + 3 * _BOX + above + below, "Role", alt)
    top = _MARGIN
    _box(drawing, _MARGIN, top, _HALF, "person, who creates the flow log", _person(answers), GREY)
    _box(drawing, right, top, _HALF, "service, which delivers", FLOW_LOGS_SERVICE, BLUE)
    top += _BOX
    _arrow(drawing, arrows[0], _MARGIN + 16, top, above, room)
    _arrow(drawing, arrows[1], right + 16, top, above, room)
    top += above
    _box(drawing, _MARGIN, top, _WIDTH - 2 * _MARGIN, "role", answers.role, PURPLE)
    _arrow(drawing, arrows[2], _MARGIN + 16, top + _BOX, below, wide)
    exists = "log group" if answers.group_exists else "log group, which does not exist yet"
    _box(drawing, _MARGIN, top + _BOX + below, _WIDTH - 2 * _MARGIN, exists, answers.log_group, ORANGE)
    return drawing


def _box(drawing: Drawing, x: float, y: float, width: float, kind: str, name: str, colour: str) -> None:
    drawing.box(x, y, width, _BOX, fill=LIGHT[colour], stroke=colour, thick=2)
    drawing.words(x + 12, y + 18, kind, size=_SIZE, fill=BLACK, room=width - 20)
    drawing.words(x + 12, y + 37, name, size=14, bold=True, room=width - 20)


def _arrow(drawing: Drawing, arrow: _Arrow, x: float, top: float, height: float, room: float) -> None:
    """Solid with a head where it is allowed; broken, and ending at a bar, where it is denied."""
    foot = top + height - (2 if arrow.allowed else 12)
    colour = GOOD if arrow.allowed else BAD
    drawing.path([(x, top + 2), (x, foot)], stroke=colour, thick=3, dash="" if arrow.allowed else "6 5",
                 arrow=arrow.allowed)  # fmt: skip
    if not arrow.allowed:
        drawing.path([(x - 11, foot), (x + 11, foot)], stroke=colour, thick=4)
    y = top + 24
    drawing.words(x + 20, y, arrow.title, bold=True, size=_SIZE, room=room + 10)
    drawing.words(x + 20, y + _LINE, f"{'✓' if arrow.allowed else '✗'} {arrow.verdict}", bold=True, fill=colour)
    y += 2 * _LINE + 4
    for line in arrow.lines():
        y = drawing.paragraph(x + 20, y, _short(line), room, size=_SIZE, line=_LINE) + 6
