"""A dated price list and what a quantity costs through its tiers, in decimals (28 digits, never floats)."""

import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from helpers._data import data_path

# What the functions of this room take as a number. A float means the number it prints: 0.1 is a tenth.
Number = Decimal | int | float | str
ZERO = Decimal(0)
# More bytes than all of AWS holds; keeps a slip such as 1e99 from filling the page with digits.
_LARGEST = Decimal(10) ** 21


class PriceError(ValueError):
    """A quantity, meter, region or price file that cannot be used; the message says which and why."""


def exact(value: Number, what: str = "the quantity") -> Decimal:
    """A number as an exact decimal; ``PriceError`` unless it is finite and not negative."""
    if isinstance(value, bool) or not isinstance(value, Decimal | int | float | str):
        raise PriceError(f"{what} must be a number, not {value!r}")
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise PriceError(f"{what} must be a number, not {value!r}") from None
    if not number.is_finite() or number < 0:
        raise PriceError(f"{what} must be zero or more, not {value!r}")
    if number > _LARGEST:
        raise PriceError(f"{what} is beyond anything that is billed: {value!r}")
    return number


@dataclass(frozen=True, slots=True)
class PriceTier:
    """The part of a quantity that falls into one tier: from where, how much, at what price, for how much."""

    start: Decimal
    quantity: Decimal
    price: Decimal
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Meter:
    """One usage type: its unit and its tiers ``(start, price)``, each price holding from its start on.

    ``grade`` is how good the evidence is (D: AWS itself, T: a third party). ``free`` is the monthly free allowance,
    zero where there is none.
    """

    usage: str
    service: str
    unit: str
    description: str
    tiers: tuple[tuple[Decimal, Decimal], ...]
    free: Decimal
    source: str
    published: str
    grade: str

    def cost(self, quantity: Number) -> "Cost":
        """What a month's quantity costs, tier by tier.

        Continuous at the edges: the cheaper price holds only for what lies beyond the edge.
        """
        total = exact(quantity, f"the quantity of {self.usage}")
        steps = []
        ends = [start for start, _ in self.tiers[1:]]
        for (start, price), end in zip(self.tiers, [*ends, None], strict=True):
            upper = total if end is None else min(total, end)
            if upper > start:
                steps.append(PriceTier(start, upper - start, price, (upper - start) * price))
        return Cost(self, total, tuple(steps))


@dataclass(frozen=True, slots=True)
class Cost:
    """A quantity of one meter and its price; ``amount`` is exact, in US dollars."""

    meter: Meter
    quantity: Decimal
    steps: tuple[PriceTier, ...]

    @property
    def amount(self) -> Decimal:
        """The sum over the tiers."""
        return sum((step.amount for step in self.steps), ZERO)

    def __str__(self) -> str:
        parts = " + ".join(f"{plain(step.quantity)} x {plain(step.price)}" for step in self.steps) or "nothing"
        return f"{self.meter.description}: {parts} {self.meter.unit} = {money(self.amount)}"


def plain(number: Decimal) -> str:
    """A decimal without exponent, without trailing zeros, thousands separated."""
    text = f"{number:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def money(amount: Decimal) -> str:
    """Dollars to the cent, or to the first two digits that are not zero when it is less than a cent.

    >>> money(Decimal("13414.4")), money(Decimal("0.000512")), money(Decimal(0))
    ('$13,414.40', '$0.00051', '$0.00')
    """
    if amount == 0 or amount >= Decimal("0.01"):
        return f"${amount:,.2f}"
    return f"${amount.quantize(Decimal(1).scaleb(amount.adjusted() - 1)):f}"


@dataclass(frozen=True, slots=True)
class PriceList:
    """The prices of one region on one day; look meters up by usage type without region prefix."""

    region: str
    published: str
    source: str
    note: str
    meters: Mapping[str, Meter]

    def meter(self, usage: str) -> Meter:
        """The meter of a usage type, matched exactly: ``VendedLog-Bytes-WAFLogs`` is another one.

        Raises ``PriceError`` for a usage type that the list does not hold.
        """
        if usage not in self.meters:
            known = ", ".join(sorted(self.meters))
            raise PriceError(f"no price for {usage!r} in {self.region}; there are {known}")
        return self.meters[usage]

    def cost(self, usage: str, quantity: Number) -> Cost:
        """What a month's quantity of a usage type costs.

        >>> price_list().cost("VendedLog-Bytes", 10241).amount
        Decimal('5120.25')
        """
        return self.meter(usage).cost(quantity)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "PriceList":
        """Read ``{region, published, source, meters: {usage: {unit, description, tiers}}}``.

        A meter may carry ``source``, ``published``, ``grade``, ``service`` and ``free_tier`` of its own. Raises
        ``PriceError`` when something is missing, or tiers do not start at 0 and rise.
        """
        try:
            meters = {usage: _meter(usage, meter, fields) for usage, meter in fields["meters"].items()}
            return cls(
                fields["region"],
                fields["published"],
                fields["source"],
                fields.get("note", ""),
                MappingProxyType(meters),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise PriceError(f"the price list is incomplete: {error!r}") from error

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.region, self.published, self.source, self.note, dict(self.meters))


def _meter(usage: str, fields: Mapping[str, Any], whole: Mapping[str, Any]) -> Meter:
    tiers = tuple(
        (exact(start, f"a tier of {usage}"), exact(price, f"a price of {usage}")) for start, price in fields["tiers"]
    )
    starts = [start for start, _ in tiers]
    if not starts or starts[0] != 0 or any(a >= b for a, b in itertools.pairwise(starts)):
        raise PriceError(f"the tiers of {usage} must start at 0 and rise")
    return Meter(
        usage=usage,
        service=fields.get("service", "AmazonCloudWatch"),
        unit=fields["unit"],
        description=fields["description"],
        tiers=tiers,
        free=exact(fields.get("free_tier", 0), f"the free tier of {usage}"),
        source=fields.get("source", whole["source"]),
        published=fields.get("published", whole["published"]),
        grade=fields.get("grade", whole.get("grade", "T")),
    )


def regions() -> tuple[str, ...]:
    """The regions that a price list is shipped for."""
    return tuple(sorted(path.stem for path in data_path("prices").glob("*.json")))


@lru_cache(maxsize=8)
def price_list(region: str = "us-east-1") -> PriceList:
    """The shipped price list of a region; ``PriceError`` names the regions that there are."""
    if region not in regions():
        raise PriceError(
            f"no price list for {region!r}, only for {', '.join(regions())}; prices differ between regions"
        )
    try:
        fields = json.loads(data_path("prices", f"{region}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PriceError(f"the price list of {region} cannot be read: {error}") from error
    return PriceList.from_dict(fields)
