from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.sandbox.account.account import SandboxAccount
from helpers.sandbox.moto_adapter import Moto
from helpers.sandbox.process.home import Home
from helpers.sandbox.process.server import open_account
from tests.support.box import Box
from tests.support.replay import compare
from tests.support.served import OWNER


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox process shared by the tests of a module."""
    made = Box(tmp_path_factory.mktemp("home"))
    yield made
    made.stop()


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[[], SandboxAccount]]:
    """Opens the account of one home, as a start does after whatever became of the last process."""
    home, moto = Home(tmp_path), Moto()
    home.prepare()

    def again() -> SandboxAccount:
        moto.reset()
        return open_account(home, OWNER, moto, compare)

    yield again
    moto.reset()
