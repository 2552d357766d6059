"""Answers in a learner's own form: an address, a number, a number of bytes. Each is None where it cannot be read.

>>> address(" 198.51.100.7/32"), address("web-b")
('198.51.100.7', None)
>>> number("1,000"), number("1 000"), number("0,5"), number(7), number("many")
(1000.0, 1000.0, 0.5, 7.0, None)
>>> size("398 MB"), size("380 MiB"), size(1_000.0), size("much")
(398000000.0, 398458880.0, 1000.0, None)
>>> near(103, 100), near(106, 100)
(True, False)
"""

import re
from ipaddress import ip_interface
from typing import Any

from helpers.lessons.account_view import as_number

_DAY = 86_400
_UNITS = {"": 1, "b": 1, "bytes": 1} | {f"{letter}b": 1000**n for n, letter in enumerate("kmgt", 1)}
_UNITS |= {f"{letter}ib": 1024**n for n, letter in enumerate("kmgt", 1)}
_SIZE = re.compile(r"([0-9][0-9.,]*)\s*([a-z]*)")
_GROUPED = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")


def address(value: Any) -> str | None:
    """An IPv4 address without its length."""
    try:
        return str(ip_interface("".join(str(value).split())).ip)
    except ValueError:
        return None


def seconds_apart(one: float, other: float) -> float:
    """How far a moment is from another one; negative where it is earlier.

    Of a time of day (below 86400) nobody knows the day: then it is the shorter way round the clock, -43200 to 43200.
    """
    return one - other if one >= _DAY else (one - other + _DAY / 2) % _DAY - _DAY / 2


def number(value: Any) -> float | None:
    """A number, or a text with one and no unit."""
    read = _SIZE.fullmatch(_joined(value)) if isinstance(value, str) else None
    return as_number(value) if read is None else None if read[2] else _digits(read[1])


def size(value: Any) -> float | None:
    """Bytes, from a number or a text with a unit: MB are millions, MiB are 1024 * 1024."""
    if (bare := as_number(value)) is not None:
        return bare
    found = _SIZE.fullmatch(_joined(value))
    digits = _digits(found[1]) if found and found[2] in _UNITS else None
    return digits * _UNITS[found[2]] if found and digits is not None else None


def _joined(value: Any) -> str:
    """A text in small letters, with the digits of a number side by side."""
    return re.sub(r"(?<=[0-9])[\s_](?=[0-9])", "", str(value).strip().lower())


def _digits(text: str) -> float | None:
    """The number of a text. A comma parts thousands where three digits follow each; else it is a decimal comma."""
    plain = text.replace(",", "") if _GROUPED.fullmatch(text) else text.replace(",", ".")
    try:
        return as_number(float(plain))
    except ValueError:
        return None


def near(value: float, right: float, share: float = 0.05) -> bool:
    """Whether a number is right within a share."""
    return abs(value - right) <= share * right
