"""A moment in a learner's own form.

>>> moment("00:40"), moment("0:40 UTC"), moment("2026-01-02T00:40:00Z"), moment("soon")
(2400.0, 2400.0, 1767314400.0, None)
>>> moment(1767314400000), moment("1767314400"), moment("29:00"), moment("nan")
(1767314400.0, 1767314400.0, None, None)
"""

import math
import re
from datetime import UTC, datetime
from typing import Any

_CLOCK = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9]))?")
_LATEST = 1e11  # epoch seconds are below it; a larger number counts parts of a second


def moment(value: Any) -> float | None:
    """Epoch seconds, or seconds of the day (below 86400) where only a time of day is given; None where unreadable.

    A clock time, ISO 8601, a time of pandas or NumPy, or a number that counts seconds or thousandths, millionths or
    billionths of one. Without a zone it is UTC.
    """
    text = re.sub(r"\s*(?:utc|z)$", "", str(value).strip(), flags=re.IGNORECASE)
    if clock := _CLOCK.fullmatch(text):
        hours, minutes, seconds = (int(part or 0) for part in clock.groups())
        return float(hours * 3600 + minutes * 60 + seconds)
    try:
        number = float(text)
    except ValueError:
        return _iso(text)
    if not math.isfinite(number) or number < 0:
        return None
    while number > _LATEST:
        number /= 1000
    return number


def _iso(text: str) -> float | None:
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
