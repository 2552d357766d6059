"""A sandbox in this process for each module, which gets a fresh account, and plain boto3 clients."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from helpers.sandbox.moto_adapter import Moto
from tests.support.served import Sandbox, the_moto


@pytest.fixture(scope="session")
def moto() -> Moto:
    return the_moto()


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, moto: Moto) -> Iterator[Sandbox]:
    """A fresh account for this module's tests."""
    running = Sandbox(tmp_path_factory.mktemp("home"), moto)
    yield running
    running.close()


@pytest.fixture
def fresh_sandbox(tmp_path: Path, moto: Moto) -> Iterator[Sandbox]:
    """A fresh account for one test; do not mix with ``sandbox`` in one module."""
    running = Sandbox(tmp_path, moto)
    yield running
    running.close()


@pytest.fixture(scope="module")
def ec2(sandbox: Sandbox) -> Any:
    return sandbox.client("ec2")


@pytest.fixture(scope="module")
def unchecked(sandbox: Sandbox) -> Any:
    """An EC2 client that leaves all checks to the service."""
    return sandbox.client("ec2", checks=False)


@pytest.fixture(scope="module")
def iam(sandbox: Sandbox) -> Any:
    return sandbox.client("iam")


@pytest.fixture
def unchanged(sandbox: Sandbox) -> Iterator[None]:
    """Nothing that happens in the test goes into the account: not into its journal, its time or what it holds."""

    def state() -> tuple[int, float, bytes]:
        return len(sandbox.account.journal), sandbox.now, sandbox.moto.save()

    before = state()
    yield
    assert state() == before


@pytest.fixture
def refused() -> Callable[..., tuple[str, str]]:
    """Make a call that must fail: ``code, message = refused(ec2.create_vpc, CidrBlock="x")``."""

    def call(action: Callable[..., Any], **params: Any) -> tuple[str, str]:
        with pytest.raises(ClientError) as caught:
            action(**params)
        error = caught.value.response["Error"]
        return error["Code"], error["Message"]

    return call
