"""Values as CloudWatch prints them."""

import math

import numpy as np

from helpers.insights.sql.typed import Kind


def java_double(value: float) -> str:
    """A double as Java's ``Double.toString`` writes it: 15.0, 14.97, 6.7E7, 1.0E-4.

    >>> [java_double(value) for value in (15.0, 14.97, 67000000.0, 0.0001)]
    ['15.0', '14.97', '6.7E7', '1.0E-4']
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    exponent = f"{value:e}".split("e")[1]
    digits = repr(value).lower().split("e")[0].replace(".", "").replace("-", "").strip("0") or "0"
    sign = "-" if value < 0 else ""
    return f"{sign}{digits[0]}.{digits[1:] or '0'}E{int(exponent)}"


def plain_number(value: float) -> str:
    """A number without a decimal point when it is whole, else as Java writes it.

    >>> plain_number(48960.0), plain_number(2.5)
    ('48960', '2.5')
    """
    if value == math.floor(value) if math.isfinite(value) else False:
        return str(int(value)) if abs(value) < 1e15 else java_double(value)
    return java_double(value)


def timestamps(values: list[int | None]) -> list[str | None]:
    """Epoch milliseconds as ``2023-11-14 23:00:00.000`` in UTC."""
    array = np.array([0 if value is None else value for value in values], dtype="datetime64[ms]")
    texts = np.datetime_as_string(array, unit="ms")
    return [None if value is None else str(text).replace("T", " ") for value, text in zip(values, texts, strict=True)]


def printed(values: list[object], kind: Kind) -> list[str | None]:
    """A column of values as text; None where a value is missing."""
    if kind is Kind.TIME:
        return timestamps([None if value is None else int(value) for value in values])  # type: ignore[call-overload]
    if kind is Kind.DOUBLE:
        return [None if value is None else java_double(float(value)) for value in values]  # type: ignore[arg-type]
    if kind is Kind.NUMBER:
        return [None if value is None else plain_number(float(value)) for value in values]  # type: ignore[arg-type]
    if kind is Kind.BOOL:
        return [None if value is None else str(int(bool(value))) for value in values]
    return [None if value is None else str(value) for value in values]
