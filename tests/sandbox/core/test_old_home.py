"""A home of an older edition is kept as it is: replayed through new behaviours, it would become another account.

``tests/data/old_home`` holds the journal of such a home, of edition 1, from before journals had a beginning.
"""

import gzip
import hashlib
from pathlib import Path

import pytest

from helpers.lab import sandbox_process

DATA = Path(__file__).resolve().parents[2] / "data" / "old_home"


def test_a_home_of_edition_1_is_kept_and_the_sentence_says_how_to_go_on(tmp_path: Path) -> None:
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(gzip.decompress((DATA / "journal.jsonl.gz").read_bytes()))
    before = hashlib.sha256(journal.read_bytes()).hexdigest()
    with pytest.raises(sandbox_process.SandboxError, match=r"made by edition 1 of the course.*sandbox reset"):
        sandbox_process.start(tmp_path)
    assert hashlib.sha256(journal.read_bytes()).hexdigest() == before
    assert not (tmp_path / "events").exists()
