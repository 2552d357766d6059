"""The whole course's account, applied again: the same answers from the same entries."""

from pathlib import Path

import orjson
import pytest

from helpers.sandbox.account.journal import Entry
from helpers.sandbox.account.requests import Reply
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process.home import Home
from helpers.sandbox.process.server import open_account
from tests.sandbox.load import course
from tests.support.box import Box
from tests.support.labs import lab_in
from tests.support.replay import compare


@pytest.mark.long
def test_a_course_s_journal_gives_every_status_and_id_again(tmp_path: Path, moto: Moto) -> None:
    with lab_in(tmp_path) as lab:
        lab.catch_up("10")
        lab.teardown.run()
    box = Box(tmp_path)
    course.run(box)
    box.stop()
    home, compared = Home(tmp_path), 0

    def counted(entry: Entry, position: int, reply: Reply) -> None:
        nonlocal compared
        compared += 1
        compare(entry, position, reply)

    home.checkpoint.unlink()
    segment = home.events / "events-000001.seg"
    written = segment.read_bytes()
    segment.unlink()  # the store too is made again
    identity = home.identity()
    assert identity is not None
    moto.reset()
    account = open_account(home, identity, moto, counted)
    lines = home.journal.read_bytes().splitlines()
    assert compared == sum(orjson.loads(line[9:]).get("kind") == "call" for line in lines) > 150
    assert segment.read_bytes() == written
    account.events.close()
