"""A replay gives what was answered: for every test that opens a home again."""

import re

from helpers.sandbox.account.journal import Entry
from helpers.sandbox.account.requests import Reply

IDS = re.compile(
    r"\b[a-z]+-[0-9a-f]{8,17}\b"
    r"|\bA[A-Z]{3}[A-Z0-9]{16,17}\b"
    r"|\b[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}\b"
    r"|\barn:aws:[^\"'<>\s\\]+"
)
"""Ids of EC2, of IAM and its keys, of queries and commands (UUIDs), and ARNs."""
_REQUEST_ID = re.compile(r"<requestId>[^<]*", re.IGNORECASE)


class ReplayDiffers(AssertionError):
    """Applying an entry of the journal again gave another answer than the recorded one."""


def compare(entry: Entry, position: int, reply: Reply) -> None:
    """Raise :class:`ReplayDiffers` where status or any id of ``reply`` is not the recorded one."""
    recorded = entry["status"], ids(entry["reply"])
    replayed = reply.status, ids(reply.body.decode("utf-8", "surrogateescape"))
    if recorded != replayed:
        raise ReplayDiffers(
            f"{entry['action']} at position {position} answered {recorded} and is replayed as {replayed}"
        )


def ids(text: str) -> list[str]:
    """Every id in a reply, in order, but for the id of the request itself, which is drawn anew each time."""
    return IDS.findall(_REQUEST_ID.sub("", text))
