"""The estimator: AWS's published examples, the free tier's two totals, sizes, and refusals."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.pricing import (
    EVENT_OVERHEAD,
    TYPICAL_BYTES,
    PriceError,
    athena_terabytes,
    estimate,
    gigabytes,
    gigabytes_of,
    lab_hour,
    record_bytes,
)

amounts = st.decimals(min_value=0, max_value=10**5, places=2)


def test_official_example_1_custom_logs_with_free_tier() -> None:
    """1 GB a day for 30 days, stored compressed to 6 GB, free tier deducted: $12.50 + $0.03."""
    bill = estimate(30, vended=False, stored_gb=6, free_tier=True)
    assert [row["amount"] for row in bill.rows] == [Decimal("12.50"), Decimal("0.03")]
    assert bill.total == Decimal("12.53")
    assert bill.full_total == Decimal("15.18")


def test_official_example_2_72_tb_to_cloudwatch() -> None:
    bill = estimate(72 * 1024, stored_gb=30 * 1024)
    assert bill.total == Decimal("14336.00")


def test_official_example_3_72_tb_to_s3() -> None:
    """AWS prints 153.01 for the storage and 8,447.41 in total; exact are 153.088 and 8,447.488."""
    bill = estimate(72 * 1024, destination="s3", stored_gb=Decimal("6.5") * 1024)
    assert bill.rows[0]["amount"] == Decimal("8294.40")
    assert bill.total == Decimal("8447.488")
    assert abs(bill.total - Decimal("8447.41")) <= Decimal("0.10")


def test_infracost_golden_file() -> None:
    bill = estimate(1000, vended=False, stored_gb=500, scanned_gb=250)
    assert [row["amount"] for row in bill.rows] == [Decimal(500), Decimal(15), Decimal("1.25")]


def test_calculator_example_compression() -> None:
    """The AWS calculator stores 100 GB as 15 GB for one month (its Tokyo price was 0.033: 0.495)."""
    row = estimate(100).rows[1]
    assert row["quantity"] == 15
    assert Decimal("0.033") * Decimal(str(row["quantity"])) == Decimal("0.495")


def test_a_million_default_records() -> None:
    assert 9.7e6 < 1 / gigabytes_of(1, 110, overhead=0) < 9.9e6
    assert 7.8e6 < 1 / gigabytes_of(1, 110) < 8.0e6
    for overhead in (0, EVENT_OVERHEAD):
        ingest = estimate(gigabytes_of(10**6, 110, overhead), stored_gb=0).total
        assert Decimal("0.05") <= ingest <= Decimal("0.065")


def test_a_nodata_line_weighs_81_bytes_and_a_month_of_them_3_3_mib() -> None:
    line = "2 123456789012 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA"
    assert record_bytes(line, overhead=0) == TYPICAL_BYTES["nodata"] == 81
    assert record_bytes(line + "\n") == 81 + EVENT_OVERHEAD
    month = gigabytes(81 * 60 * 24 * 30) * 1024
    assert Decimal("3.3") < month < Decimal("3.4")


def test_bytes_are_counted_as_utf8() -> None:
    assert record_bytes("é", overhead=0) == 2


def test_infrequent_access_halves_ingestion_and_nothing_else() -> None:
    standard, infrequent = (
        estimate(100, scanned_gb=50),
        estimate(100, scanned_gb=50, destination="infrequent-access"),
    )
    assert infrequent.rows[0]["amount"] == Decimal(25)
    assert [row["amount"] for row in infrequent.rows[1:]] == [row["amount"] for row in standard.rows[1:]]


def test_retention_multiplies_storage_and_not_ingestion() -> None:
    month, year = estimate(100, retention_days=30), estimate(100, retention_days=360)
    assert year.rows[0] == month.rows[0]
    assert year.rows[1]["quantity"] == Decimal(180)


def test_official_examples_with_the_free_tier_as_an_option() -> None:
    """AWS deducts the free tier in its example of custom logs, and none in those of vended logs: both are shown."""
    vended = estimate(72 * 1024, stored_gb=30 * 1024)
    assert vended.total == vended.full_total == Decimal("14336.00")
    assert vended.full_total - vended.free_tier_total == 5 * Decimal("0.05") + 5 * Decimal("0.03")
    assert estimate(72 * 1024, destination="s3").notes and "free tier" not in str(estimate(1, destination="s3"))


def test_the_first_terabytes_by_destination() -> None:
    """The tier edges of the price list through the estimator, for each destination."""
    for gb, standard, cheaper in ((10_240, "5120", "2560"), (10_241, "5120.25", "2560.15"), (51_200, "12288", "7168")):
        assert estimate(gb, stored_gb=0).total == Decimal(standard)
        for destination in ("infrequent-access", "s3"):
            assert estimate(gb, destination=destination, stored_gb=0).total == Decimal(cheaper)  # type: ignore[arg-type]


def test_an_hour_of_the_lab_is_machines_addresses_and_disks() -> None:
    hour = lab_hour()
    assert [row["amount"] for row in hour.rows][:2] == [Decimal("0.0416"), Decimal("0.010")]
    assert round(hour.total, 4) == Decimal("0.0551")
    assert hour.total == sum(Decimal(str(row["amount"])) for row in hour.rows)


@given(amounts, amounts, st.integers(0, 20), st.integers(0, 20))
def test_the_free_tier_never_makes_it_dearer(ingest: Decimal, scan: Decimal, metrics: int, boards: int) -> None:
    bill = estimate(ingest, scanned_gb=scan, metrics=metrics, dashboards=boards)
    assert 0 <= bill.free_tier_total <= bill.full_total == bill.total
    free = estimate(ingest, scanned_gb=scan, metrics=metrics, dashboards=boards, free_tier=True)
    assert free.total == bill.free_tier_total and free.full_total == bill.total


@given(amounts)
def test_rows_add_up_to_the_total(ingest: Decimal) -> None:
    bill = estimate(ingest, scanned_gb=3, metrics=1, alarms=1, dashboards=1, instance_hours=5)
    assert sum(Decimal(str(row["amount"])) for row in bill.rows) == bill.total


def test_the_doubt_about_the_free_tier_is_said_with_both_totals() -> None:
    text = str(estimate(100))
    assert "$50.45 without free tier" in text and "$47.80 with it" in text
    assert "AWS does not say whether flow logs" in text
    assert "published 2026-09-22" in text


def test_what_cannot_be_free_has_one_total() -> None:
    assert "free tier" not in str(estimate(instance_hours=10))
    assert "GB" not in str(estimate(metrics=2, alarms=2, dashboards=1)), "where nothing is counted in GB"


def test_html_shows_both_totals_and_escapes() -> None:
    html = estimate(100)._repr_html_()
    assert "50.45 USD without free tier, 47.80 USD with it" in html and "<table>" in html
    assert "$" not in html  # JupyterLab shows what stands between two of them as a formula
    assert "<script" not in html


def test_nothing_costs_nothing() -> None:
    bill = estimate()
    assert bill.rows == [] and bill.total == 0 and "$0.00" in str(bill)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ({"ingest_gb": -1}, "ingest_gb must be zero or more"),
        ({"ingest_gb": "lots"}, "ingest_gb must be a number"),
        ({"destination": "glacier"}, "standard, infrequent-access, s3"),
        ({"destination": "s3", "scanned_gb": 1}, "Insights does not read S3"),
        ({"destination": "s3", "vended": False}, "only vended logs go to S3"),
        ({"parquet": True}, "only for the destination s3"),
        ({"retention_days": -30}, "retention_days"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(arguments: dict[str, object], reason: str) -> None:
    with pytest.raises(PriceError, match=reason):
        estimate(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scanned", "megabytes"), [(0, 10), (1, 10), (10 * 2**20, 10), (10 * 2**20 + 1, 11), (2**40, 2**20)]
)
def test_an_athena_query_is_billed_by_whole_megabytes_and_for_ten_at_least(scanned: int, megabytes: int) -> None:
    assert athena_terabytes(scanned) == Decimal(megabytes) / 2**20
