"""The detections as data: wording, severity, ATT&CK technique, thresholds with their source, and the query."""

import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from helpers._data import data_path
from helpers.detection.findings import Finding

Known = Collection[tuple[str, str]]
"""Pairs of source and target that the owner of the network can explain; ``*:445`` is port 445 of many."""


@dataclass(frozen=True)
class Detection:
    """One entry of ``data/detections.toml``. ``technique`` is an id of MITRE ATT&CK in version ``attack_version``."""

    id: str
    title: str
    technique: str
    attack_version: int
    severity: str
    sentence: str
    false_positives: str
    bypass: str
    thresholds: Mapping[str, float]
    sources: Mapping[str, str]
    template: str

    def query(self, known: Known = (), *, since: int = 0, **thresholds: float) -> str:
        """The same detection for Logs Insights; its rows have ``srcAddr``, mostly ``dstAddr``, and ``found``.

        ``since`` (epoch seconds) ends the baseline of lateral movement. Raises ValueError for an unknown threshold.
        """
        text = self.template.strip().format(**self.with_thresholds(**thresholds), since=since)
        spared = [_is_known(source, target) for source, target in sorted(known)]
        return "\n".join([text, *(f"| filter not ({condition})" for condition in spared)])

    def say(self, finding: Finding) -> str:
        """A finding in a sentence."""
        values = {name: getattr(finding, name) for name in ("source", "target", "count", "port")}
        return self.sentence.format(**values)

    def with_thresholds(self, **thresholds: float) -> dict[str, float]:
        """The thresholds with some in place of the shipped ones. Raises ValueError for a name that it does not have."""
        if unknown := sorted(set(thresholds) - set(self.thresholds)):
            raise ValueError(f"{self.id} has no threshold {unknown[0]}; it has {', '.join(self.thresholds)}.")
        return {**self.thresholds, **thresholds}


def _is_known(source: str, target: str) -> str:
    of_many = target.removeprefix("*:")
    return f'srcAddr = "{source}" and ' + (f"dstPort = {of_many}" if of_many != target else f'dstAddr = "{target}"')


def _load() -> Mapping[str, Detection]:
    with data_path("detections.toml").open("rb") as file:
        document = tomllib.load(file)
    found = {}
    for row in document["detection"]:
        limits = row.pop("thresholds")
        values = {name: limit["value"] for name, limit in limits.items()}
        sources = {name: limit["source"] for name, limit in limits.items()}
        template, version = row.pop("query"), document["attack_version"]
        more = {"attack_version": version, "thresholds": values, "sources": sources, "template": template}
        found[row["id"]] = Detection(**row, **more)
    return MappingProxyType(found)


DETECTIONS: Mapping[str, Detection] = _load()
"""The detections by id, in the order of the file."""
