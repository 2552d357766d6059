"""The adapter: this package alone touches moto and its private parts.

moto keeps the object graph of EC2, IAM, STS and the Parameter Store. This module starts it, seeds it, calls it, saves
and restores it; ``ec2`` and ``iam`` set and tell what no API does, ``patches`` mends what goes wrong
inside. ``tests/sandbox/test_moto_contract.py`` fails loudly when a
new moto moves any of it; that is why ``pyproject.toml`` pins moto exactly.
"""

import io
import os
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import orjson
from botocore.loaders import JSONFileLoader

ACCOUNT_ID = "123456789012"

# moto reads its settings with its very first import.
os.environ.update(
    MOTO_ACCOUNT_ID=ACCOUNT_ID,
    MOTO_ENABLE_AMI_VALIDATION="1",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="1",
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
)
moto_utilities: Any = import_module("moto.utilities.utils")


@contextmanager
def _quick_imports() -> Iterator[None]:
    """Import moto in half the time, with the same result.

    moto reads its tables of instance types, and botocore's list of endpoints three times, with the standard
    library's parser; time-machine loads pytest wherever it is installed, for a plug-in that a server has no use for.
    """
    read, load_file = moto_utilities.json, JSONFileLoader.load_file
    without_pytest = "pytest" not in sys.modules
    load_once = cache(lambda path: load_file(JSONFileLoader(), path))
    moto_utilities.json = SimpleNamespace(loads=orjson.loads)
    JSONFileLoader.load_file = lambda self, path: load_once(path)
    if without_pytest:
        sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        moto_utilities.json, JSONFileLoader.load_file = read, load_file
        if without_pytest:
            del sys.modules["pytest"]


with _quick_imports():
    import time_machine
    from moto import __version__ as MOTO_VERSION  # noqa: N812
    from moto import backends as moto_backends
    from moto.core.utils import camelcase_to_underscores
    from moto.moto_api._internal import mock_random
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    # These need the quick imports too.
    from helpers.sandbox.moto_adapter import patches as moto_patches
    from helpers.sandbox.moto_adapter.ec2 import Ec2State
    from helpers.sandbox.moto_adapter.iam import IamState, Identity

RESPONSES = {
    "ec2": "EC2Response",
    "iam": "IamResponse",
    "sts": "TokenResponse",
    "ssm": "SimpleSystemManagerResponse",
}
# Its state cannot be saved, so moto's Parameter Store is for reading AWS's public parameters only.
_PARAMETER_STORE = {"GetParameter", "GetParameters", "GetParametersByPath", "DescribeParameters"}
Reply = tuple[int, dict[str, str], bytes]

__all__ = ["ACCOUNT_ID", "MOTO_VERSION", "RESPONSES", "Identity", "Moto", "at_time"]


@contextmanager
def at_time(epoch_seconds: float) -> Iterator[None]:
    """Let moto believe that it is this moment. Monotonic time stays real."""
    with time_machine.travel(epoch_seconds, tick=False):
        yield


class Moto(Ec2State, IamState):
    """moto's services behind one call, with their state."""

    def __init__(self) -> None:
        # Listing its own folder for every request costs moto half of every call.
        modules = sorted(moto_backends.list_of_moto_modules())
        moto_backends.list_of_moto_modules = lambda: modules
        moto_patches.apply()
        self._regions: set[str] = set()
        self.changes = 0
        self._application = DomainDispatcherApplication(create_backend_app)

    def call(self, service: str, region: str, headers: dict[str, str], body: bytes) -> Reply:
        """Pass a request on to moto: status, headers, body."""
        status: list[Any] = []

        def start_response(line: str, reply_headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            status[:] = [int(line.split()[0]), dict(reply_headers)]

        scope = f"AKIAIOSFODNN7EXAMPLE/20260101/{region}/{service}/aws4_request"
        environ = {
            "REQUEST_METHOD": "POST",
            "SCRIPT_NAME": "",
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": f"{service}.{region}.amazonaws.com",
            "HTTP_AUTHORIZATION": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        if "X-Amz-Target" in headers:
            environ["HTTP_X_AMZ_TARGET"] = headers["X-Amz-Target"]
        chunks = self._application(environ, start_response)
        content = b"".join(chunks)
        return status[0], status[1], content

    def seed(self, value: int) -> None:
        """Make moto's next draws depend on ``value`` only."""
        mock_random.seed(value)

    @staticmethod
    @cache
    def implements(service: str, action: str) -> bool:
        """Whether moto has a method for the action (it may still refuse some of its forms)."""
        if service not in RESPONSES or (service == "ssm" and action not in _PARAMETER_STORE):
            return False
        responses = import_module(f"moto.{service}.responses")
        return hasattr(getattr(responses, RESPONSES[service]), camelcase_to_underscores(action))

    def preload(self, region: str) -> None:
        """Load the services now, so that the learner's first call is not the slow one."""
        self.ensure(region)
        for service in RESPONSES:
            self._application.app_instances.setdefault(service, create_backend_app(service))  # type: ignore[arg-type]

    def ensure(self, region: str) -> bool:
        """Make a region's default VPC and the like, with ids that depend on the region only.

        False where there is no such region.
        """
        if region in self._regions:
            return True
        if region not in moto_backends.get_backend("ec2")[ACCOUNT_ID].regions:
            return False
        self.seed(int.from_bytes(region.encode()))
        for service in RESPONSES:
            self.backend(service, region)
        self._regions.add(region)
        return True

    # --- state ------------------------------------------------------------------------------------------------

    def save(self) -> bytes:
        """All regions' backends of the services above, as a pickle for :meth:`restore` of the same moto."""
        state = {
            service: dict(moto_backends.get_backend(service)[ACCOUNT_ID])  # type: ignore[call-overload]
            for service in ("ec2", "iam", "sts")
        }
        return pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)

    def restore(self, saved: bytes) -> None:
        for service, regions in pickle.loads(saved).items():
            mine = moto_backends.get_backend(service)[ACCOUNT_ID]
            for region, backend in regions.items():
                mine[region] = backend

    def reset(self) -> None:
        """Forget everything (for tests, where one process holds several accounts one after another)."""
        for service in RESPONSES:
            moto_backends.get_backend(service).pop(ACCOUNT_ID, None)  # type: ignore[call-overload]
        self._regions.clear()

    @staticmethod
    def backend(service: str, region: str) -> Any:
        return moto_backends.get_backend(service)[ACCOUNT_ID]["aws" if service in ("iam", "sts") else region]  # type: ignore[call-overload]
