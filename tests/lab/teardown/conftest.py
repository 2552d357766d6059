from collections.abc import Iterator

import botocore.waiter
import pytest
from moto import mock_aws

from tests.lab.teardown.labs import MotoLab
from tests.support.stock_moto import leave_out_what_no_test_asks_for


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoLab]:
    """The lab "demo" in an empty account of stock moto."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    leave_out_what_no_test_asks_for(monkeypatch)
    with mock_aws():
        yield MotoLab("demo")


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters look again at once."""
    monkeypatch.setattr(botocore.waiter.time, "sleep", lambda seconds: None)
