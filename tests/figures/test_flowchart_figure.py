"""A flowchart is drawn as it is written: its boxes, its arrows and their words."""

import re

import pytest

from helpers.figures.flowchart_figure import flowchart_figure
from tests.modules import ROOT

TREE = """flowchart TD
    a{"Any record?"} -->|no| b["Read the sender's record"]
    a -->|REJECT| c["Its group or ACL"]
    b -. perhaps .-> c
"""


def boxes(image: bytes) -> dict[str, tuple[float, float]]:
    """Each line of words with its place."""
    found = re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]+)</text>', image.decode())
    return {words: (float(x), float(y)) for x, y, words in found}


def test_what_follows_stands_below_and_its_words_between() -> None:
    figure = flowchart_figure(TREE)
    places = boxes(figure.image)
    assert places["Any record?"][1] < places["no"][1] < places["Read the sender&#x27;s"][1]
    assert figure.image.count(b"<polyline") == 3
    assert figure.image.count(b"stroke-dasharray") == 1


def test_its_text_holds_every_arrow() -> None:
    assert flowchart_figure(TREE).text.splitlines() == [
        "Any record? → no: Read the sender's record",
        "Any record? → REJECT: Its group or ACL",
        "Read the sender's record → perhaps: Its group or ACL",
    ]


def test_another_arrow_changes_the_drawing() -> None:
    more = flowchart_figure(TREE + "    c --> d[Fix it]\n")
    assert more.image.count(b"<polyline") == 4
    assert boxes(more.image)["Fix it"][1] > boxes(more.image)["Its group or ACL"][1]


def test_a_circle_ends() -> None:
    assert flowchart_figure("flowchart TD\n  a --> b\n  b --> a\n").image.count(b"<polyline") == 2


@pytest.mark.parametrize("text", ["sequenceDiagram\n  a->>b: c", "flowchart TD\n  a ==> b", "flowchart LR\n  a --> b"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="flowchart"):
        flowchart_figure(text)


def test_every_flowchart_of_the_course_can_be_drawn() -> None:
    pages = [*(ROOT / "docs").glob("*.md"), *(ROOT / "notebooks").glob("*.ipynb")]
    texts = [path.read_text("utf-8").replace('\\n",\n    "', "\n").replace('\\"', '"') for path in pages]
    charts = [chart for text in texts for chart in re.findall(r"```mermaid\n(.*?)```", text, re.DOTALL)]
    assert charts
    assert all(flowchart_figure(chart).text for chart in charts)
