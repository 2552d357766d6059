"""What the health check reports: findings with evidence, and one outcome for each check."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

SEVERITIES = ("info", "low", "medium", "high")
"""From the lightest; ``info`` never fails a run."""
Row = tuple[tuple[str, str], ...]
"""One row of evidence: names and values, in order."""
Status = Literal["ok", "found", "not evaluated", "not used here"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What a check saw: ``key`` names its words in ``data/health.toml``, ``facts`` fill their gaps."""

    key: str
    resource: str
    evidence: tuple[Row, ...]
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Remark:
    """Something to know about a check that found nothing wrong there."""

    text: str


@dataclass(frozen=True, slots=True)
class NotEvaluated:
    """A part that the check could not judge, and why; ``young``: only because it is too new to be missed."""

    text: str
    young: bool = False


@dataclass(frozen=True, slots=True)
class NotUsed:
    """The account does not use what the check is about."""

    text: str


Seen = Problem | Remark | NotEvaluated | NotUsed


@dataclass(frozen=True, slots=True)
class Control:
    """A published control that is near a check; ``version`` is empty where its publisher gives none."""

    publisher: str
    version: str
    id: str

    def __str__(self) -> str:
        return " ".join(part for part in (self.publisher, self.version, self.id) if part)


@dataclass(frozen=True, slots=True)
class HealthFinding:
    """One thing that is wrong with one resource; its text says what."""

    id: str
    problem: str
    severity: str
    resource: str
    says: str
    evidence: tuple[Row, ...]
    controls: tuple[Control, ...]
    blind_spot: str
    fix: str

    def __str__(self) -> str:
        return self.says

    def lines(self) -> Iterator[str]:
        """All of it as lines of text: severity, evidence, fix, and the controls that are near it."""
        yield f"    {self.severity}: {self}"
        for evidence in self.evidence:
            yield f"        {'; '.join(f'{name}: {value}' for name, value in evidence)}"
        yield f"      Fix: {self.fix}"
        if self.controls:
            yield f"      Near it: {', '.join(map(str, self.controls))}. {self.blind_spot}"


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What became of one check. ``reason`` says why it was not evaluated or not used, or holds a remark.

    ``incomplete``: a part of it could not be judged, and not only because it is too young.
    """

    id: str
    title: str
    status: Status
    findings: tuple[HealthFinding, ...] = ()
    reason: str = ""
    incomplete: bool = False

    def __str__(self) -> str:
        head = f"{self.id:<4}{self.status:<15}{self.title} {self.reason}".rstrip()
        return "\n".join([head, *(line for finding in self.findings for line in finding.lines())])


@dataclass(frozen=True, slots=True)
class HealthReport:
    """All outcomes for one Region. ``unread``: each kind of thing that AWS did not show, with its reason."""

    account: str
    region: str
    read_at: str
    outcomes: tuple[CheckOutcome, ...]
    unread: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        head = f"Account {self.account}, Region {self.region}, read at {self.read_at}"
        return "\n".join([head, "", *map(str, self.outcomes)])

    @property
    def findings(self) -> tuple[HealthFinding, ...]:
        """Every finding, the worst first, then by check."""
        listed = [finding for outcome in self.outcomes for finding in outcome.findings]
        return tuple(sorted(listed, key=lambda finding: -SEVERITIES.index(finding.severity)))

    @property
    def incomplete(self) -> tuple[str, ...]:
        """The ids of the checks that could not judge all they should; a run with one of them is not green."""
        return tuple(outcome.id for outcome in self.outcomes if outcome.incomplete)

    def outcome(self, check_id: str) -> CheckOutcome:
        """The outcome of one check, such as ``"H1"``. Raises KeyError for another id."""
        return {outcome.id: outcome for outcome in self.outcomes}[check_id]

    def at_least(self, severity: str) -> tuple[HealthFinding, ...]:
        """The findings of this severity and of worse ones; ``info`` is never among them."""
        least = max(SEVERITIES.index(severity), 1)
        return tuple(finding for finding in self.findings if SEVERITIES.index(finding.severity) >= least)


def row(**values: object) -> Row:
    """A row of evidence of these names and values; underscores in names become blanks."""
    return tuple((name.replace("_", " "), str(value)) for name, value in values.items())
