"""How good findings are, by somebody who knows what really happened."""

from collections.abc import Iterable
from dataclasses import dataclass

from helpers.detection.findings import Finding

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Score:
    """Findings against the ground truth, in pairs of source and target.

    ``found`` are true findings, ``accused`` wrong ones (false positives), ``missed`` what no finding names (false
    negatives). Without any finding precision is 1, without any truth recall is: nothing was claimed, or missed.
    """

    found: frozenset[Pair]
    accused: frozenset[Pair]
    missed: frozenset[Pair]

    @property
    def precision(self) -> float:
        """The share of the findings that is true, 0 to 1."""
        claimed = len(self.found) + len(self.accused)
        return len(self.found) / claimed if claimed else 1.0

    @property
    def recall(self) -> float:
        """The share of what happened that was found, 0 to 1."""
        happened = len(self.found) + len(self.missed)
        return len(self.found) / happened if happened else 1.0

    def __str__(self) -> str:
        claimed, happened = len(self.found) + len(self.accused), len(self.found) + len(self.missed)
        findings = "finding" if claimed == 1 else "findings"
        return (
            f"precision {self.precision:.0%} ({len(self.found)} of {claimed} {findings} is true), "
            f"recall {self.recall:.0%} ({len(self.found)} of {happened} is found)"
        )


def score(findings: Iterable[Finding], truth: Iterable[Pair]) -> Score:
    """Compare findings with what really happened: pairs of source and target address; the target of a sweep is ""."""
    claimed, happened = frozenset(finding.pair for finding in findings), frozenset(truth)
    return Score(claimed & happened, claimed - happened, happened - claimed)
