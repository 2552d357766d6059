"""The journal's first line: with which edition, seed and start an account began, and what that settles."""

import logging
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from helpers.lab import sandbox_process
from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.account.journal import EDITION, Beginning, Journal, read_beginning
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process.home import Home, HomeIdentity, HomeUnusable
from helpers.sandbox.process.server import open_account
from tests.sandbox.core.test_account import create_vpc
from tests.support.box import Box
from tests.support.served import OWNER

BEGINNING = Beginning(EDITION, 7, 1767603600.0, "us-east-1", 5.0)
Opener = Callable[[], SandboxAccount]


def test_the_first_line_holds_the_beginning_and_shifts_no_position(tmp_path: Path) -> None:
    path = tmp_path / "j"
    written = Journal(path, BEGINNING)
    for number in range(3):
        written.append({"kind": "advance", "to": number})
    written.close()
    assert len(path.read_bytes().splitlines()) == 4
    again = Journal(path, BEGINNING)
    assert [entry["to"] for entry in again.load(after=1)] == [1, 2]
    assert len(again) == len(written) == 3
    again.append({"kind": "advance", "to": 3})
    assert len(path.read_bytes().splitlines()) == 5
    assert read_beginning(path) == vars(BEGINNING)


def test_a_beginning_that_a_kill_tore_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "j"
    Journal(path, BEGINNING).append({"kind": "advance", "to": 1})
    whole = path.read_bytes()
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        again = Journal(path, BEGINNING)
        entries = list(again.load())
        if not entries:  # also where just the last newline is missing, for then the line is known to be whole
            again.append({"kind": "advance", "to": 1})
        else:
            again.append({"kind": "advance", "to": 2})
            assert path.read_bytes().startswith(whole)
            continue
        assert path.read_bytes() == whole


def test_a_journal_without_a_beginning_goes_on_without(tmp_path: Path) -> None:
    path = tmp_path / "j"
    Journal(path).append({"kind": "advance", "to": 1})
    again = Journal(path, BEGINNING)
    assert len(list(again.load())) == 1
    again.append({"kind": "advance", "to": 2})
    assert read_beginning(path) == {"edition": 1}
    assert [entry["to"] for entry in Journal(path).load()] == [1, 2]


def test_an_account_of_another_edition_is_refused_in_one_sentence_and_kept(tmp_path: Path) -> None:
    other = {"edition": EDITION + 1, "something": "that this edition does not know"}
    journal_file = Journal(tmp_path / "journal.jsonl")
    journal_file.append(other)
    journal_file.append({"kind": "unknown"})
    before = (tmp_path / "journal.jsonl").read_bytes()
    with pytest.raises(
        sandbox_process.SandboxError, match=rf"^The account in .* was made by edition {EDITION + 1} of .*sandbox reset`"
    ):
        sandbox_process.start(tmp_path)
    assert (tmp_path / "journal.jsonl").read_bytes() == before
    assert not (tmp_path / "events").exists()
    aside = sandbox_process.reset(tmp_path)
    assert aside is not None
    assert (aside / "journal.jsonl").read_bytes() == before
    Box(tmp_path).stop()


def test_an_account_without_a_beginning_is_of_edition_1(tmp_path: Path, opened: Opener) -> None:
    account = opened()
    account.journal = Journal(tmp_path / "journal.jsonl")  # as before journals had a beginning
    account.handle(create_vpc("10.1.0.0/16"))
    account.journal.close()
    account.events.close()
    with pytest.raises(HomeUnusable, match=f"made by edition 1 of the course, and this is edition {EDITION}"):
        opened()


def test_seed_and_start_stand_in_the_journal_and_a_lost_identity_costs_the_key_only(tmp_path: Path) -> None:
    box = Box(tmp_path, seed=7, start_at=1780000000.0, role_delay=3.0)
    vpc = box("ec2").create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    now = box.advance(0)
    for damage in ("missing", "damaged"):
        box.stop()
        (tmp_path / "checkpoint.pickle").unlink()
        if damage == "missing":
            (tmp_path / "identity.json").unlink()
        else:
            (tmp_path / "identity.json").write_text("{")
        key = box.info.access_key_id
        box = Box(tmp_path)
        assert box.info.access_key_id != key
        assert [vpc["VpcId"] for vpc in box("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == [vpc]
        assert box.advance(0) == now
        identity = orjson.loads((tmp_path / "identity.json").read_bytes())
        assert (identity["seed"], identity["start_at"], identity["role_delay"]) == (7, 1780000000.0, 3.0)
    box.stop()


def test_the_journal_decides_where_the_identity_says_something_else(
    tmp_path: Path, opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    account = opened()
    account.handle(create_vpc("10.1.0.0/16"))
    account.journal.close()
    account.events.close()
    changed = HomeIdentity(OWNER.access_key_id, OWNER.secret_access_key, start_at=1.0, seed=9)
    account.moto.reset()
    with caplog.at_level(logging.WARNING):
        again = open_account(Home(tmp_path), changed, Moto())
    assert (again.seed, again.now()) == (account.seed, account.now())
    assert not caplog.records
