"""Facts that a lesson once had wrong: their numbers are computed again, and the false sentences stay out."""

import re
from decimal import Decimal

import pytest

from helpers._data import NOTEBOOKS
from helpers.lab.notebook_file import read_notebook
from helpers.pricing import COMPRESSION, lab_hour, price_list, record_bytes
from helpers.sandbox.flow_logs.delivery import BURST_SECONDS
from tests.test_assumptions_told import TEXTS

# A pattern that no lesson and no exercise may contain, because AWS's pages or the course's own evidence say otherwise.
FALSE = {
    "sender's refusal looks like a missing route": r"\*No record at the door: look at routing",
    "a role is passed only within its account": r"stranger('s flow log uses| could (point|name))",
    "one stream for all flow logs of an interface": r"with the same traffic type\* would write",
    "start is the first packet's": r"(when (its|the) window \*?beg|start\*? of (its|a record's) window)",
    "no password is sent": r"(tr(y|ies|ied)|guess(es)?|[Ee]very) passwords?\b",
    "precision needs a finding": r"accuse everybody, or nobody",
    "a test with permission is no crime": r"\bcrime\b",
    "DNS is not recorded, nor are the others": r"is never in a flow log, and so are",
}


@pytest.mark.parametrize("pattern", FALSE.values(), ids=FALSE)
def test_a_false_sentence_stays_out(pattern: str) -> None:
    assert [place for place, text in TEXTS.items() if re.search(pattern, text)] == []


def test_the_tree_asks_the_sender_before_it_blames_the_route() -> None:
    tree, recap = TEXTS["08"].partition("The same in words:")[2], TEXTS["08"].partition("## Recap")[2]
    for text in (tree, recap):
        assert 0 < text.index("own security group or network ACL") < text.lower().index("the route there")
    assert "no `REJECT` at the source" in recap


def test_the_tree_is_drawn_as_it_is_told() -> None:
    drawing, words = re.findall(r"```mermaid (.*?) ``` The same in words: (.*?) Question 5", TEXTS["08"])[0]
    causes, questions = dict(re.findall(r'(\w+)\["(.*?)"\]', drawing)), dict(re.findall(r'(\w+)\("(\d)', drawing))
    assert len(questions) == 5
    assert sorted(causes.values()) == sorted(re.findall(r"\*\*(.*?)\*\*", words))
    ways = re.findall(r"(\w+) -- (.+?) --> (\w+)", drawing)
    assert {way[2] for way in ways} == {*causes, *questions} - {"client"}
    steps = dict(re.findall(r"(\d)\. (.*?)(?= \d\. |$)", words))
    for question, answer, then in ways:
        step = steps[questions[question]].replace("*", "")
        assert causes.get(then, f"question {questions.get(then)} follows") in step
        assert answer.split()[-1].lower() in step.lower()


def test_a_silence_may_also_be_a_missing_route() -> None:
    silence = TEXTS["05"].partition("Silence means")[2][:200]
    assert "route" in silence
    assert re.search(r"\| `timed out` \| [^|]*route[^|]*\|", TEXTS["05"].partition("## Recap")[2])


def test_each_notebook_but_two_catches_up_before_its_first_step_as_00_says() -> None:
    assert "Every notebook except [01](01_network.ipynb) and [99](99_cleanup.ipynb) makes this call" in TEXTS["00"]
    late = set()
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb")):
        cells = [cell for cell in read_notebook(path)["cells"] if cell["cell_type"] == "code"]
        first = next(place for place, cell in enumerate(cells) if "setup" in cell["metadata"].get("tags", ()))
        if not any(".catch_up(" in "".join(cell["source"]) for cell in cells[:first]):
            late.add(path.name[:2])
    assert late == {"01", "99"}


def test_the_compression_that_10_tells_is_the_estimate_s() -> None:
    assert f"the estimate assumes {COMPRESSION} of their size" in TEXTS["10"]


def test_a_quiet_lab_writes_what_the_box_says() -> None:
    line = "2 123456789012 eni-0123456789abcdef0 - - - - - - - 1700000000 1700000060 - NODATA"
    custom = "eni-0123456789abcdef0 i-0123456789abcdef0 - - - - - - - 1700000000 1700000060 - NODATA - - -"
    lines, minutes = [line] * 4 + [custom] * 2, 60 * 24 * 30  # four interfaces, two of them with a second flow log
    least, most = (minutes * sum(record_bytes(one, overhead=more) for one in lines) / 1e6 for more in (0, 26))
    told = re.search(r"a quiet lab writes about (\d+) MB a month", TEXTS["04"])
    assert told
    assert least < int(told[1]) < most


def test_a_nat_gateway_costs_nearly_as_much_as_the_lab() -> None:
    prices = price_list("us-east-1")
    usages = ("NatGateway-Hours", "PublicIPv4:InUseAddress", "NatGateway-Bytes")
    hour, address, byte = (prices.cost(usage, 1).amount for usage in usages)
    assert f"{hour} USD per hour, {address} for its address, and {byte} per GB" in TEXTS["99"]
    assert Decimal("0.8") < (hour + address) / lab_hour(prices).total < 1


def test_the_cadence_that_04_tells_is_the_sandbox_s() -> None:
    assert f"the sandbox assumes every {BURST_SECONDS[60]} seconds at this interval" in TEXTS["04"]
