"""``@ptr``: what leads from a row of a result back to its event."""

import base64
import binascii
import json

from helpers.insights.events.log_table import LogTable


def make_pointer(table: LogTable, seq: int) -> str:
    """The ``@ptr`` of an event."""
    text = json.dumps([table.account_id, table.name, int(seq)], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_pointer(pointer: str) -> tuple[str, str, int]:
    """(account, log group, seq) of a ``@ptr``; raises ValueError for any other text."""
    try:
        account, group, seq = json.loads(base64.urlsafe_b64decode(pointer.encode()))
        return str(account), str(group), int(seq)
    except (ValueError, TypeError, binascii.Error) as error:
        raise ValueError("not a pointer to a log event") from error
