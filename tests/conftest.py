"""What holds for every test: no connection leaves the machine, and a skip has to be excused."""

import functools
import ipaddress
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore.loaders
import pytest

ROOT = Path(__file__).resolve().parents[1]
EXCUSE = "not on this machine: "
pytest_plugins = ("tests.support.cases", "tests.support.order", "tests.support.budget", "tests.support.browser")

# Each of a test's sessions would read the models of its services again; each lab, account and Region has a session.
botocore.loaders.create_loader = functools.cache(botocore.loaders.create_loader)


class OutsideConnectionError(AssertionError):
    """A test tried to reach something that is not this machine."""


def _refuse_outside(address: Any) -> None:
    if not isinstance(address, tuple):
        return
    host = str(address[0])
    try:
        inside = ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        inside = host == "localhost"
    if not inside:
        raise OutsideConnectionError(f"a test tried to connect to {address!r}")


@pytest.fixture(autouse=True, scope="session")
def no_outside_connections() -> Iterator[None]:
    """Only loopback addresses and Unix sockets can be connected to from the tests' own process."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(self: socket.socket, address: Any) -> None:
        _refuse_outside(address)
        return connect(self, address)

    def guarded_ex(self: socket.socket, address: Any) -> int:
        _refuse_outside(address)
        return connect_ex(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket.socket, "connect_ex", guarded_ex)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_sandbox_is_left_running() -> Iterator[None]:
    """A test that fails before its end leaves its sandbox to this."""
    yield
    support = sys.modules.get("tests.support.box")  # nothing was made where nobody imported it
    for box in support.MADE if support else ():
        box.stop()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--must-run",
        action="store_true",
        help=f"a skipped test fails, unless its reason starts with {EXCUSE!r}",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report: Any = yield
    if report.skipped and not hasattr(report, "wasxfail") and item.config.getoption("--must-run"):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if not reason.startswith(EXCUSE):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped although it could have run: {reason}"
    return report
