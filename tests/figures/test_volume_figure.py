"""The lines of the cost over the volume follow the costs that they are drawn from."""

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

import pytest

from helpers.figures import Figure, volume_figure
from helpers.pricing import PriceError, PriceList, estimate, price_list
from tests.figures.legible import illegible, shapes, words

VOLUMES = (0.1, 1, 10, 100)
PRICES = price_list()


def months(prices: PriceList = PRICES) -> dict[str, dict[float, float]]:
    """Two ways, the second with a sum that does not depend on the volume."""
    logs = {gb: float(estimate(gb, prices=prices).total) for gb in VOLUMES}
    return {
        "logs": logs,
        "S3": {gb: float(estimate(gb, destination="s3", prices=prices).total) + 0.1 for gb in VOLUMES},
    }


def lines(figure: Figure) -> list[list[tuple[float, float]]]:
    """The points of the thick lines, the dearest at the right first."""
    paths = [shape["points"] for kind, shape in shapes(figure) if kind == "polyline" and shape["stroke-width"] == "2.5"]
    return [[(float(x), float(y)) for x, y in (point.split(",") for point in path.split())] for path in paths]


def test_a_line_is_as_high_as_a_gb_costs_and_its_points_stand_a_power_of_ten_apart() -> None:
    logs, s3 = lines(volume_figure(months()))
    across = [x for x, _ in s3]
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.2)
    foot = 274.0  # where nothing is paid
    costs = months()
    assert (foot - s3[0][1]) / (foot - s3[-1][1]) == pytest.approx(costs["S3"][0.1] * 1000 / costs["S3"][100], rel=0.02)
    assert logs[0][1] == logs[-1][1], "a GB costs the same in the first terabytes"


def test_one_price_that_changes_moves_one_line_and_its_words() -> None:
    meter = PRICES.meter("VendedLog-Bytes")
    dearer = replace(meter, tiers=tuple((start, price * Decimal("1.5")) for start, price in meter.tiers))
    changed = replace(PRICES, meters=MappingProxyType({**PRICES.meters, meter.usage: dearer}))
    before, after = volume_figure(months()), volume_figure(months(changed))
    assert "1 GB a month: logs 0.504 USD, S3 0.353 USD; the least: S3" in before.text
    assert "1 GB a month: logs 0.754 USD, S3 0.353 USD; the least: S3" in after.text
    (logs, s3), (dearer_logs, same_s3) = lines(before), lines(after)
    assert logs[0][1] > dearer_logs[0][1], "a dearer GB stands higher"
    assert s3 == same_s3, "the scale is that of the highest point, which stayed"


def test_the_sentence_names_where_another_way_becomes_the_cheapest() -> None:
    figure = volume_figure(months())
    assert figure.alt.startswith("What a GB costs over the volume, in USD. The least costs, ")
    assert figure.alt.endswith(" from 0.1 GB a month on: logs; from 1 GB a month on: S3.")
    assert {"logs", "S3", "0.1", "1", "10", "100"} <= set(words(figure))


def test_it_is_legible_with_long_names_and_a_single_volume() -> None:
    long = {f"a way with a name that is far too long for its place, number {number}": {3.0: 1.0} for number in range(4)}
    assert illegible(volume_figure(long)) == []
    assert illegible(volume_figure(months())) == []


def test_nothing_to_draw_is_refused() -> None:
    with pytest.raises(PriceError, match="no volume"):
        volume_figure({"logs": {}})
