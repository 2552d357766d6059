"""The bars of a month's cost follow the estimates that they are drawn from."""

from dataclasses import replace

import pytest

from helpers.figures import Figure, cost_figure
from helpers.pricing import PriceError, estimate
from tests.figures.legible import illegible, shapes, words

AS_IT_IS = estimate(80, scanned_gb=800)


def bars(figure: Figure) -> list[list[float]]:
    """The widths of the three parts of each bar."""
    boxes = [shape for kind, shape in shapes(figure) if kind == "rect" and shape.get("stroke-width") == "0.5"]
    widths = [float(box["width"]) for box in boxes]
    return [widths[start : start + 3] for start in range(0, len(widths), 3)]


def test_a_bar_has_the_parts_of_its_estimate() -> None:
    figure = cost_figure({"as it is": AS_IT_IS})
    ingestion, storage, analysis = (float(row["amount"]) for row in AS_IT_IS.rows)  # type: ignore[arg-type]
    (widths,) = bars(figure)
    assert widths[0] / widths[2] == pytest.approx(ingestion / analysis, rel=0.01)
    assert widths[0] / widths[1] == pytest.approx(ingestion / storage, rel=0.05)
    assert f"ingestion {ingestion:.2f} USD, storage {storage:.2f} USD, analysis {analysis:.2f} USD" in figure.text
    assert f"{AS_IT_IS.total:.2f} USD" in words(figure)
    assert "The largest part is ingestion." in figure.alt


def test_bars_have_one_scale_and_the_cheapest_is_named() -> None:
    half = estimate(80, destination="infrequent-access", scanned_gb=800)
    figure = cost_figure({"as it is": AS_IT_IS, "Infrequent Access": half})
    before, after = bars(figure)
    assert after[0] == pytest.approx(before[0] / 2, abs=0.02)
    assert after[1:] == before[1:]
    assert figure.alt.endswith("The least of 2: Infrequent Access.")


def test_what_is_not_paid_has_no_width() -> None:
    (widths,) = bars(cost_figure({"no queries": estimate(80)}))
    assert widths[0] > 0
    assert widths[2] == 0


def test_no_dollar_sign_and_legible() -> None:
    ways = {
        "as it is": AS_IT_IS,
        "a way with a name that is far too long for its place": estimate(1),
        "none": estimate(0),
    }
    figure = cost_figure(ways)
    assert "$" not in figure.html
    assert illegible(figure) == []


def test_nothing_to_draw_and_an_unknown_meter_are_refused() -> None:
    with pytest.raises(PriceError, match="no estimate"):
        cost_figure({})
    line = AS_IT_IS.lines[0]
    other = replace(line, meter=replace(line.meter, usage="Keys"))
    with pytest.raises(PriceError, match="Keys is neither"):
        cost_figure({"keys": replace(AS_IT_IS, lines=(other,))})
