from collections.abc import Iterator

import botocore.waiter
import pytest
from moto import mock_aws

from tests.lab.teardown.labs import MotoLab


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> Iterator[MotoLab]:
    """The lab "demo" in an empty account of stock moto."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    # A thousand images per test take longer than the test, and none is asked for.
    monkeypatch.setenv("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
    # whoever imported the sandbox in this process before has switched the check of images on
    monkeypatch.setattr("moto.settings.ENABLE_AMI_VALIDATION", False)
    with mock_aws():
        yield MotoLab("demo")


@pytest.fixture
def no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiters look again at once."""
    monkeypatch.setattr(botocore.waiter.time, "sleep", lambda seconds: None)
