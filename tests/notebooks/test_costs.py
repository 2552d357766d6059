"""Every dollar that a notebook's box names follows from the price list: change a price, and this says which boxes."""

import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from helpers.pricing import lab_hour, price_list
from tests.notebooks.lint import Notebook

NOTEBOOKS = sorted((Path(__file__).resolve().parents[2] / "notebooks").glob("[0-9][0-9]_*.ipynb"))
ROW = re.compile(r'^\| \*\*Cost with `mode="aws"`\*\* \| (.+) \|$', re.MULTILINE)
AMOUNT = re.compile(r"(\d+(?:\.\d+)?) (?:USD|dollars?|cents?)\b(?: (per hour|per GB ingested|per GB scanned))?")
PER_GB = {"per GB ingested": "VendedLog-Bytes", "per GB scanned": "DataScanned-Bytes"}


def rows(text: str) -> Iterator[tuple[str, str]]:
    """Each amount of a box's row of costs, with what it is per."""
    for row in ROW.findall(text):
        yield from AMOUNT.findall(row)


def priced(per: str) -> Decimal:
    """What the price list says, as exact as a box says it. ``KeyError`` for what is not computed here."""
    if per == "per hour":
        return round(lab_hour().total, 2)
    return price_list().meter(PER_GB[per]).tiers[0][1]


def problems(text: str) -> list[str]:
    """A sentence for each amount that the price list does not give."""
    found = []
    for amount, per in rows(text):
        if per != "per hour" and per not in PER_GB:
            found.append(f"{amount} is an amount without a unit that this test computes")
        elif Decimal(amount) != priced(per):
            found.append(f"says {amount} {per}, the price list gives {priced(per)}")
    return found


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_box_says_what_the_price_list_says(path: Path) -> None:
    text = "\n".join(cell.text for cell in Notebook.read(path).prose)
    assert len(ROW.findall(text)) == 1
    assert problems(text) == []


def test_the_machines_are_the_only_thing_that_costs_by_the_hour() -> None:
    amounts = {pair for path in NOTEBOOKS for cell in Notebook.read(path).prose for pair in rows(cell.text)}
    assert ("0.06", "per hour") in amounts and {per for _, per in amounts} <= {"per hour", *PER_GB}


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("about 0.50 USD per hour", "the price list gives 0.06"),
        ("0.05 USD per GB scanned", "the price list gives 0.005"),
        ("0.25 USD per GB ingested", "the price list gives 0.50"),
        ("2 cents", "without a unit"),
        ("about 3 USD a month", "without a unit"),
    ],
)
def test_a_wrong_amount_is_said(row: str, words: str) -> None:
    assert any(words in sentence for sentence in problems(f'| **Cost with `mode="aws"`** | {row} |'))
