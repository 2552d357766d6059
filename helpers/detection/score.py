"""How good findings are, against what really happened."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from helpers.detection.findings import Finding
from helpers.detection.flow_rules import detect

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Score:
    """Findings against the ground truth, in pairs of source and target.

    ``found`` are true findings, ``false_positives`` wrong ones, ``missed`` what no finding names (false negatives). Of
    no findings there is no precision (NaN); where nothing happened, recall is 1.
    """

    found: frozenset[Pair]
    false_positives: frozenset[Pair]
    missed: frozenset[Pair]

    @property
    def precision(self) -> float:
        """The share of the findings that is true, 0 to 1; NaN without any finding."""
        claimed = len(self.found) + len(self.false_positives)
        return len(self.found) / claimed if claimed else math.nan

    @property
    def recall(self) -> float:
        """The share of what happened that was found, 0 to 1."""
        happened = len(self.found) + len(self.missed)
        return len(self.found) / happened if happened else 1.0

    def __str__(self) -> str:
        claimed, happened = len(self.found) + len(self.false_positives), len(self.found) + len(self.missed)
        findings, verb = "finding" if claimed == 1 else "findings", "is" if len(self.found) == 1 else "are"
        precision = f"precision {self.precision:.0%} ({len(self.found)} of {claimed} {findings} {verb} true)"
        told = precision if claimed else "no precision (there are no findings)"
        return f"{told}, recall {self.recall:.0%} ({len(self.found)} of {happened} {verb} found)"


def curve(
    detection: str,
    records: pd.DataFrame,
    truth: Iterable[Pair],
    known: Iterable[Pair] = (),
    *,
    threshold: str,
    values: Iterable[float],
) -> pd.DataFrame:
    """One row for each value of a threshold: ``found``, ``false_positives``, ``missed``, ``precision``, ``recall``.

    ``detection``, ``records``, ``known`` and what is raised as of :func:`helpers.detection.detect`.
    """
    happened, spared = frozenset(truth), frozenset(known)
    rows = []
    for value in values:
        one = score(detect(detection, records, spared, **{threshold: value}), happened)
        counts = {name: len(getattr(one, name)) for name in ("found", "false_positives", "missed")}
        rows.append({threshold: value, **counts, "precision": one.precision, "recall": one.recall})
    return pd.DataFrame(rows)


def score(findings: Iterable[Finding], truth: Iterable[Pair]) -> Score:
    """Compare findings with what really happened: pairs of source and target address."""
    claimed, happened = frozenset(finding.pair for finding in findings), frozenset(truth)
    return Score(claimed & happened, claimed - happened, happened - claimed)
