"""What the course tells and AWS does not document is said in one way, which names its entry of the assumptions.

"AWS does not document when it changes; the sandbox assumes at creation and at each delivery (`flow-log-status-times`)."
"""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers._data import NOTEBOOKS, data_path

KNOWN = {entry["id"] for entry in tomllib.loads(data_path("assumptions.toml").read_text("utf-8"))["assumption"]}
# Each assumption on which a statement of a lesson or an exercise rests -> where the learner is told.
TOLD = {
    "alarm-range": ["11"],
    "agent-traffic": ["05"],
    "delivery-cadence": ["04"],
    "delivery-role-describe": ["03"],
    "flow-log-bucket-policy": ["12"],
    "flow-log-bucket-status": ["12"],
    "flow-log-first-window": ["04"],
    "flow-log-fixed-role": ["04", "04.toml"],
    "flow-log-last-windows": ["99"],
    "flow-log-parquet-dash": ["12"],
    "flow-log-same-again": ["04"],
    "flow-log-status-times": ["04"],
    "flow-log-unsuccessful": ["04"],
    "insights-custom-format": ["07"],
    "insights-group-missing": ["07"],
    "insights-pattern": ["07"],
    "insights-pct": ["07"],
    "logs-expiry": ["02"],
    "logs-query-milliseconds": ["07", "07.toml"],
    "no-way-back": ["01.toml", "08", "08.toml", "13"],
    "no-way-on": ["01", "08"],
    "nodata-lines": ["06", "08"],
    "record-start": ["06"],
    "stream-names": ["06"],
}
_SAID = re.compile(r"AWS does not document [^.;]+; the sandbox assumes [^.;]+ \(`([a-z0-9-]+)`\)\.")
_MENTIONED = re.compile(r"\(`([a-z]+(?:-[a-z]+)+)`\)")


def texts() -> Iterator[tuple[str, str]]:
    """Each notebook's prose as its number, each content file's text as number and ``.toml``; on one line."""
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        prose = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        yield path.name[:2], " ".join("\n".join(prose).split())
    for path in sorted(Path(data_path("exercises")).glob("[0-9][0-9]_*.toml")):
        yield f"{path.name[:2]}.toml", " ".join(path.read_text("utf-8").split())


TEXTS = dict(texts())


@pytest.mark.parametrize("place", TEXTS)
def test_an_assumption_is_told_in_one_way(place: str) -> None:
    text = TEXTS[place]
    said = _SAID.findall(text)
    general = 1 if place == "00" else 0  # where the learner is told what the phrase means
    assert len(said) == text.count("sandbox assumes") - general
    assert set(said) <= KNOWN
    assert all(len(match[0].split()) <= 25 for match in re.finditer(_SAID, text))


def test_the_list_of_what_is_told_is_whole() -> None:
    told = {(name, place) for place, text in TEXTS.items() for name in _MENTIONED.findall(text) if name in KNOWN}
    assert told == {(name, place) for name, places in TOLD.items() for place in places}
