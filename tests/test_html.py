"""The one table that every room shows in a notebook."""

import re
from pathlib import Path

import helpers
from helpers._html import table


def test_a_table_has_headings_rows_and_no_markup_of_its_cells() -> None:
    assert table(("name", "<b>"), [("a & b", ("1", 'from "x"'))]) == (
        '<table><thead><tr><th scope="col">name</th><th scope="col">&lt;b&gt;</th></tr></thead><tbody>'
        '<tr><td>a &amp; b</td><td title="from &quot;x&quot;">1</td></tr></tbody></table>'
    )


def test_a_table_with_a_caption_heads_its_rows_and_sets_words_to_the_left() -> None:
    left = ' style="text-align:left"'
    assert table(("kind", "id"), [("vpc", "<vpc-1>")], caption="Left & kept") == (
        f'<table><caption>Left &amp; kept</caption><thead><tr><th scope="col"{left}>kind</th>'
        f'<th scope="col"{left}>id</th></tr></thead><tbody><tr><th scope="row">vpc</th>'
        f"<td{left}>&lt;vpc-1&gt;</td></tr></tbody></table>"
    )


def test_no_other_module_writes_a_table_by_hand() -> None:
    folder = Path(helpers.__file__).parent
    by_hand = [path.name for path in folder.rglob("*.py") if re.search(r"<(table|tr|td|th)\b", path.read_text("utf-8"))]
    assert by_hand == ["_html.py"]
