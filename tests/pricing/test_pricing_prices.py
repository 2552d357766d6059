"""The price list and its tiers: AWS's own examples, the edges, and what must hold for every quantity."""

import json
import pickle
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers._data import data_path
from helpers.pricing import PriceError, PriceList, money, price_list, regions

PRICES = price_list("us-east-1")
quantities = st.decimals(min_value=0, max_value=10**7, places=3)
meters = st.sampled_from(sorted(PRICES.meters))


@pytest.mark.parametrize(
    ("usage", "gb", "dollars"),
    [
        ("VendedLog-Bytes", 10_240, "5120.00"),
        ("VendedLog-Bytes", 10_241, "5120.25"),
        ("VendedLog-Bytes", 30_720, "10240.00"),
        ("VendedLog-Bytes", 51_200, "12288.00"),
        ("VendedLog-Bytes", 72 * 1024, "13414.40"),
        ("VendedLogIA-Bytes", 10_240, "2560.00"),
        ("VendedLogIA-Bytes", 10_241, "2560.15"),
        ("VendedLogIA-Bytes", 30_720, "5632.00"),
        ("VendedLogIA-Bytes", 51_200, "7168.00"),
        ("S3-Egress-Bytes", 51_200, "7168.00"),
        ("S3-Egress-Bytes", 72 * 1024, "8294.40"),
        ("DataProcessing-Bytes", 1000, "500.00"),
        ("TimedStorage-ByteHrs", 500, "15.00"),
        ("DataScanned-Bytes", 250, "1.25"),
        ("CW:MetricMonitorUsage", 10_001, "3000.10"),
        ("BoxUsage:t3.micro", 1000, "10.4"),
        ("PublicIPv4:InUseAddress", 730, "3.65"),
        ("VendedLog-Bytes", 0, "0"),
    ],
)
def test_worked_examples_and_edges_are_exact(usage: str, gb: int, dollars: str) -> None:
    assert PRICES.cost(usage, gb).amount == Decimal(dollars)


def test_the_72_terabyte_example_splits_as_aws_prints_it() -> None:
    steps = PRICES.cost("VendedLog-Bytes", 72 * 1024).steps
    assert [step.amount for step in steps] == [
        Decimal(5120), Decimal(5120), Decimal(2048), Decimal("1126.40"),
    ]  # fmt: skip
    assert sum(step.quantity for step in steps) == 72 * 1024


@given(meters, quantities, quantities)
def test_more_never_costs_less(usage: str, one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert PRICES.cost(usage, low).amount <= PRICES.cost(usage, high).amount


@given(meters, quantities, st.decimals(min_value=0, max_value=1, places=3))
def test_tiers_are_continuous(usage: str, quantity: Decimal, step: Decimal) -> None:
    """A small step costs at most the step at the dearest price: no jump at any edge."""
    dearest = max(price for _, price in PRICES.meter(usage).tiers)
    rise = PRICES.cost(usage, quantity + step).amount - PRICES.cost(usage, quantity).amount
    assert rise <= step * dearest


@given(meters, quantities)
def test_the_steps_of_a_cost_add_up_to_its_quantity(usage: str, quantity: Decimal) -> None:
    cost = PRICES.cost(usage, quantity)
    assert sum((step.quantity for step in cost.steps), Decimal(0)) == quantity
    starts = dict(PRICES.meter(usage).tiers)
    assert all(starts[step.start] == step.price for step in cost.steps)


def test_floats_mean_what_they_print() -> None:
    assert PRICES.cost("DataScanned-Bytes", 0.1).quantity == Decimal("0.1")


@pytest.mark.parametrize("wrong", [-1, "many", float("nan"), float("inf"), "1e99", True, None, [1]])
def test_a_quantity_that_cannot_be_is_refused(wrong: object) -> None:
    with pytest.raises(PriceError, match="quantity of VendedLog-Bytes"):
        PRICES.cost("VendedLog-Bytes", wrong)  # type: ignore[arg-type]


def test_usage_types_are_matched_exactly() -> None:
    with pytest.raises(PriceError, match="VendedLog-Bytes-WAFLogs"):
        PRICES.cost("VendedLog-Bytes-WAFLogs", 1)


def test_an_unknown_region_names_the_known_ones() -> None:
    assert "us-east-1" in regions()
    for region in ("mars-1", "../prices/us-east-1", ""):
        with pytest.raises(PriceError, match="only for us-east-1"):
            price_list(region)


def test_every_price_says_where_it_comes_from_and_from_when() -> None:
    for meter in PRICES.meters.values():
        assert meter.source and meter.grade in ("D", "T"), meter.usage
        assert meter.published.startswith("2026-"), meter.usage
        assert all(price > 0 for _, price in meter.tiers)


def test_storage_costs_the_same_in_both_classes_and_ingestion_does_not() -> None:
    """The claim of many pages, that Infrequent Access has cheaper storage and dearer queries, is not so."""
    assert PRICES.cost("VendedLogIA-Bytes", 1).amount * 2 == PRICES.cost("VendedLog-Bytes", 1).amount
    assert PRICES.cost("TimedStorage-ByteHrs", 1).amount == Decimal("0.03")
    assert not [usage for usage in PRICES.meters if usage.startswith(("TimedStorage-IA", "DataScannedIA"))]


def test_a_broken_price_file_is_refused_with_the_reason() -> None:
    fields = json.loads(data_path("prices", "us-east-1.json").read_text("utf-8"))
    meter = fields["meters"]["VendedLog-Bytes"]
    for tiers in ([["1", "0.5"]], [["0", "1"], ["0", "2"]], [], [["0", "-1"]]):
        broken = {**fields, "meters": {"VendedLog-Bytes": {**meter, "tiers": tiers}}}
        with pytest.raises(PriceError, match="VendedLog-Bytes"):
            PriceList.from_dict(broken)
    with pytest.raises(PriceError, match="published"):
        PriceList.from_dict({key: value for key, value in fields.items() if key != "published"})


def test_a_price_list_survives_pickling() -> None:
    copy = pickle.loads(pickle.dumps(PRICES))
    assert copy.cost("VendedLog-Bytes", 10_241) == PRICES.cost("VendedLog-Bytes", 10_241)


def test_a_shared_price_list_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        PRICES.meters["VendedLog-Bytes"] = PRICES.meters["DataScanned-Bytes"]  # type: ignore[index]


@given(st.decimals(min_value=0, max_value=10**9, places=9))
def test_money_keeps_the_first_digits(amount: Decimal) -> None:
    shown = Decimal(money(amount).removeprefix("$").replace(",", ""))
    assert abs(shown - amount) <= max(Decimal("0.005"), amount / 10)
    assert (shown == 0) == (amount == 0)
