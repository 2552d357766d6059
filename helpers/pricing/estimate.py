"""One month's bill of a flow log and what surrounds it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from html import escape
from typing import Literal

from helpers._html import table
from helpers.pricing.prices import ZERO, Cost, Meter, Number, PriceError, PriceList, exact, money, plain, price_list
from helpers.pricing.size import COMPRESSION

Destination = Literal["standard", "infrequent-access", "s3"]

_VENDED = {
    "standard": "VendedLog-Bytes",
    "infrequent-access": "VendedLogIA-Bytes",
    "s3": "S3-Egress-Bytes",
}
_CUSTOM = {"standard": "DataProcessing-Bytes", "infrequent-access": "DataProcessingIA-Bytes"}
_DAYS_PER_MONTH = 30
_HOURS_PER_MONTH = 730
_MACHINES, _ADDRESSES, _DISK_GB = 4, 2, 8

FREE_TIER_NOTE = (
    "The always-free tier names 5 GB of ingestion, archive storage and Insights scan (taken as 5 GB of each, "
    "as AWS's own example does), 10 custom metrics, 10 alarms and 3 dashboards. AWS does not say whether "
    "flow logs (vended logs) may use the 5 GB of ingestion, and its flow-log example deducts none: so both "
    "totals are given."
)
COUNTS_NOTE = "The always-free tier names 10 custom metrics, 10 alarms and 3 dashboards: so both totals are given."
STORAGE_NOTE = (
    "Ingestion is billed on uncompressed bytes, storage on compressed ones; retention deletes late "
    "(up to 72 hours, rarely more), but expired data is no longer billed."
)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an estimate: a quantity of a meter, and how much of it the free tier would cover."""

    meter: Meter
    quantity: Decimal
    free: Decimal

    @property
    def full(self) -> Cost:
        """The cost without free tier."""
        return self.meter.cost(self.quantity)

    @property
    def reduced(self) -> Cost:
        """The cost when the free tier applies in full."""
        return self.meter.cost(self.quantity - self.free)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month's estimate in US dollars, exact; rounded only where it is shown.

    ``total`` follows the chosen option; ``full_total`` and ``free_tier_total`` are both always there.
    """

    lines: tuple[Line, ...]
    prices: PriceList
    free_tier: bool = False
    notes: tuple[str, ...] = field(default=())

    @property
    def full_total(self) -> Decimal:
        """What it costs when nothing is free."""
        return sum((line.full.amount for line in self.lines), ZERO)

    @property
    def free_tier_total(self) -> Decimal:
        """What it costs when the free tier applies to every line in full."""
        return sum((line.reduced.amount for line in self.lines), ZERO)

    @property
    def total(self) -> Decimal:
        """The total for the chosen option."""
        return self.free_tier_total if self.free_tier else self.full_total

    def cost_of(self, line: Line) -> Cost:
        """A line's cost for the chosen option."""
        return line.reduced if self.free_tier else line.full

    @property
    def rows(self) -> list[dict[str, object]]:
        """A table: item, usage, quantity, unit, free, amount (US dollars), published, grade.

        ``pandas.DataFrame(estimate.rows)`` shows it. Quantities and amounts are ``Decimal``.
        """
        return [
            {
                "item": line.meter.description,
                "usage": line.meter.usage,
                "quantity": line.quantity,
                "unit": line.meter.unit,
                "free": line.free if self.free_tier else ZERO,
                "amount": self.cost_of(line).amount,
                "published": line.meter.published,
                "grade": line.meter.grade,
            }
            for line in self.lines
        ]

    @property
    def dated(self) -> str:
        """Where the prices come from, in one sentence."""
        return f"Prices of {self.prices.region}, published {self.prices.published} ({self.prices.source})."

    def _totals(self) -> str:
        word = "with" if self.free_tier else "without"
        other, amount = ("without", self.full_total) if self.free_tier else ("with", self.free_tier_total)
        if self.full_total == self.free_tier_total:
            return f"Total for the month: {money(self.total)}"
        return f"Total for the month: {money(self.total)} {word} free tier, {money(amount)} {other} it"

    def __str__(self) -> str:
        rows = [
            f"  {row['item']!s:<62} {plain(_rounded(row['quantity'])):>14} {row['unit']:<16}"
            f" {money(self.cost_of(line).amount):>12}"
            for row, line in zip(self.rows, self.lines, strict=True)
        ]
        return "\n".join([*rows, self._totals(), self.dated, *self.notes])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        head = ("item", "quantity", "unit", "US dollars", "price of")
        rows = [
            (
                (line.meter.description, line.meter.source),
                plain(_rounded(line.quantity)),
                line.meter.unit,
                money(self.cost_of(line).amount).lstrip("$"),
                line.meter.published,
            )
            for line in self.lines
        ]
        notes = "".join(f"<li>{_in_words(escape(note))}</li>" for note in (self.dated, *self.notes))
        return (
            f"{table(head, rows)}<p><strong>{_in_words(escape(self._totals()))}</strong></p>"
            f"<details><summary>Sources and doubts</summary><ul>{notes}</ul></details>"
        )


def _in_words(text: str) -> str:
    """Amounts without the dollar sign: JupyterLab takes what stands between two of them for a formula."""
    return re.sub(r"\$(\d[\d,.]*\d|\d)", r"\1 USD", text)


def _rounded(value: object) -> Decimal:
    number = value if isinstance(value, Decimal) else ZERO
    return number if number == number.to_integral() else round(number, 4 if number >= 1 else 6)


def estimate(
    ingest_gb: Number = 0,
    *,
    destination: Destination = "standard",
    vended: bool = True,
    stored_gb: Number | None = None,
    retention_days: Number = 30,
    compression: Number = COMPRESSION,
    scanned_gb: Number = 0,
    parquet: bool = False,
    metrics: Number = 0,
    alarms: Number = 0,
    dashboards: Number = 0,
    instance_hours: Number = 0,
    public_ipv4_hours: Number = 0,
    disk_gb_months: Number = 0,
    free_tier: bool = False,
    prices: PriceList | None = None,
) -> Estimate:
    """Estimate one month in the steady state.

    ``ingest_gb``: uncompressed gigabytes (2**30) in the month, see ``gigabytes_of``. ``destination``: the log group's
    class, or S3. ``vended``: flow logs are; what you send with PutLogEvents is not. ``stored_gb``: gigabyte-months
    stored; by default what ``retention_days`` of that ingestion compress to (with "never expire" give the age of the
    group instead). ``scanned_gb``: by Insights queries, which scan all of a group's time range whatever they filter.
    ``metrics``: custom metrics, one or more for each metric filter; a filter itself costs nothing. ``parquet``:
    conversion on the way to S3. ``instance_hours`` are of t3.micro, ``disk_gb_months`` of EBS volumes of type gp3.
    ``free_tier`` chooses which of the two totals is ``total``. Raises ``PriceError`` for what cannot be: a negative
    quantity, Insights over S3, custom logs to S3.

    >>> flow_logs = estimate(100, scanned_gb=20)
    >>> flow_logs.total, flow_logs.free_tier_total
    (Decimal('50.5500'), Decimal('47.8750'))
    """
    list_ = prices or price_list()
    ingest = exact(ingest_gb, "ingest_gb")
    if stored_gb is None:
        kept = exact(retention_days, "retention_days") / _DAYS_PER_MONTH
        stored = ingest * exact(compression, "compression") * kept
    else:
        stored = exact(stored_gb, "stored_gb")
    usage = _log_usage(destination, vended, parquet, ingest, stored, exact(scanned_gb, "scanned_gb"))
    usage |= {
        "CW:MetricMonitorUsage": exact(metrics, "metrics"),
        "CW:AlarmMonitorUsage": exact(alarms, "alarms"),
        "DashboardsUsageHour-Basic": exact(dashboards, "dashboards"),
        "BoxUsage:t3.micro": exact(instance_hours, "instance_hours"),
        "PublicIPv4:InUseAddress": exact(public_ipv4_hours, "public_ipv4_hours"),
        "EBS:VolumeUsage.gp3": exact(disk_gb_months, "disk_gb_months"),
    }
    lines = tuple(_lines(usage, list_))
    notes = [STORAGE_NOTE] if stored else []
    if any(line.free for line in lines):
        notes.append(FREE_TIER_NOTE if any("GB" in line.meter.unit for line in lines if line.free) else COUNTS_NOTE)
    return Estimate(lines, list_, free_tier, tuple(notes))


def lab_hour(prices: PriceList | None = None) -> Estimate:
    """What the course's machines cost in one hour of a real account, whether anything is recorded or not.

    Four t3.micro, each with a disk of 8 GB as Amazon Linux brings it, and two public addresses. Every notebook that
    names a price per hour takes it from here.

    >>> lab_hour().total.quantize(Decimal("0.0001"))
    Decimal('0.0551')
    """
    disks = Decimal(_MACHINES * _DISK_GB) / _HOURS_PER_MONTH
    return estimate(instance_hours=_MACHINES, public_ipv4_hours=_ADDRESSES, disk_gb_months=disks, prices=prices)


def _log_usage(
    destination: str, vended: bool, parquet: bool, ingest: Decimal, stored: Decimal, scanned: Decimal
) -> dict[str, Decimal]:
    meters = _VENDED if vended else _CUSTOM
    if destination not in _VENDED:
        raise PriceError(f"destination must be one of {', '.join(_VENDED)}, not {destination!r}")
    if destination not in meters:
        raise PriceError("custom logs are sent to a log group; only vended logs go to S3")
    if destination != "s3":
        if parquet:
            raise PriceError("Parquet exists only for the destination s3")
        return {
            meters[destination]: ingest,
            "TimedStorage-ByteHrs": stored,
            "DataScanned-Bytes": scanned,
        }
    if scanned:
        raise PriceError("Logs Insights does not read S3; Athena does, at a price of its own")
    usage = {meters[destination]: ingest, "S3:TimedStorage-ByteHrs": stored}
    return usage | {"S3-Egress-InputBytes": ingest} if parquet else usage


def _lines(usage: dict[str, Decimal], prices: PriceList) -> Iterator[Line]:
    for name, quantity in usage.items():
        if quantity:
            meter = prices.meter(name)
            yield Line(meter, quantity, min(quantity, meter.free))
