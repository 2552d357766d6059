"""The list of assumptions is complete in itself, and whatever points into it finds something."""

import re
import tomllib

from helpers._data import data_path

ENTRIES = tomllib.loads(data_path("assumptions.toml").read_text())["assumption"]
FIELDS = {"id", "what", "chosen", "shows", "settle"}


def test_every_entry_says_all_five_things_once() -> None:
    assert all(set(entry) == FIELDS and all(entry.values()) for entry in ENTRIES)
    ids = [entry["id"] for entry in ENTRIES]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", each) for each in ids)
