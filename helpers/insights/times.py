"""Times as people write them: "3h" (so long before another time), a date and time, epoch seconds."""

import re
from datetime import UTC, datetime

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?:\d{1,9}[smhdw])+")
_FORMS = "30m, 3h, 1h30m, 7d, a time in UTC such as 2026-01-31T09:30, or epoch seconds"


def duration(text: str) -> int:
    """Seconds of "90s", "30m", "3h", "1h30m", "7d", "2w"; ValueError for anything else.

    >>> duration("1h30m")
    5400
    """
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(f"{text!r} is no duration: write 90s, 30m, 3h, 1h30m, 7d or 2w")
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)([smhdw])", text))


def parse_time(text: str, before: int) -> int:
    """Epoch seconds of a time as text; a duration means so long before ``before`` (epoch seconds), "now" is ``before``.

    A time without an offset is UTC. Raises ValueError that lists what can be written.

    >>> parse_time("3h", before=1700010800), parse_time("2023-11-14T22:13:20", before=0)
    (1700000000, 1700000000)
    """
    stripped = text.strip()
    if stripped == "now":
        return before
    if _DURATION.fullmatch(stripped):
        return before - duration(stripped)
    if re.fullmatch(r"\d{9,}", stripped):
        if len(stripped) > 11:
            raise ValueError(f"{text!r} is too large for epoch seconds: are these milliseconds?")
        return int(stripped)
    try:
        time = datetime.fromisoformat(stripped)
        return int((time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp())
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time: write {_FORMS}") from None
