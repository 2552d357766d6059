"""A reading in which no account id stands, so that it can be given to others."""

import json
import re
from collections.abc import Mapping
from typing import Any

_KNOWN = re.compile(
    r"arn:[\w-]*:[\w-]*:[\w-]*:(\d{12}):|\b(\d{12}) eni-|"
    r'"(?:account|AccountId|\w*OwnerId|UserId|aws:SourceAccount)": "(\d{12})"'
)
_ID = re.compile(r"(?<![0-9a-f])\d{12}(?![0-9a-f])")


def masked_reading(reading: Mapping[str, Any]) -> dict[str, Any]:
    """The same reading with another number for each account id: the same one everywhere, so that the checks still hold.

    The reader's own account becomes 000000000001. Ids of resources and addresses stay.
    """
    text = json.dumps(reading)
    own = str(reading.get("account", ""))
    # A document names accounts in many ways: in an ARN, alone, in a list.
    named = _ID.findall(json.dumps(reading.get("roles", {})))
    known = dict.fromkeys([own, *("".join(found) for found in _KNOWN.findall(text)), *named])
    numbers = {known_id: f"{place:012}" for place, known_id in enumerate(filter(None, known), 1)}
    if numbers:
        pattern = re.compile(rf"(?<![0-9a-f])({'|'.join(numbers)})(?![0-9a-f])")
        text = pattern.sub(lambda found: numbers[found[1]], text)
    plain: dict[str, Any] = json.loads(text)
    return plain
