"""The one module that touches moto, and its private parts.

moto keeps the object graph of EC2, IAM, STS and the Parameter Store. This module starts it, seeds it, calls it, saves
and restores it, and sets the few things that no API sets. ``tests/sandbox/test_moto_contract.py`` fails loudly when a
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
from moto.utilities import utils as moto_utilities

ACCOUNT_ID = "123456789012"

# moto reads its settings at import.
os.environ.update(
    MOTO_ACCOUNT_ID=ACCOUNT_ID,
    MOTO_ENABLE_AMI_VALIDATION="1",
    MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION="1",
    MOTO_IAM_LOAD_MANAGED_POLICIES="true",
)


@contextmanager
def _quick_imports() -> Iterator[None]:
    """Import moto in half the time, with the same result.

    moto reads its tables of instance types, and botocore's list of endpoints three times, with the standard
    library's parser; time-machine loads pytest wherever it is installed, for a plug-in that a server has no use for.
    """
    utilities: Any = moto_utilities
    read, load_file = utilities.json, JSONFileLoader.load_file
    without_pytest = "pytest" not in sys.modules
    load_once = cache(lambda path: load_file(JSONFileLoader(), path))
    utilities.json = SimpleNamespace(loads=orjson.loads)
    JSONFileLoader.load_file = lambda self, path: load_once(path)
    if without_pytest:
        sys.modules["pytest"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        utilities.json, JSONFileLoader.load_file = read, load_file
        if without_pytest:
            del sys.modules["pytest"]


with _quick_imports():
    import time_machine
    from moto import __version__ as MOTO_VERSION  # noqa: N812
    from moto import backends as moto_backends
    from moto.core.utils import camelcase_to_underscores
    from moto.ec2.models import elastic_ip_addresses, elastic_network_interfaces
    from moto.moto_api._internal import mock_random
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

RESPONSES = {
    "ec2": "EC2Response",
    "iam": "IamResponse",
    "sts": "TokenResponse",
    "ssm": "SimpleSystemManagerResponse",
}
_INSTANCE_STATES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
Reply = tuple[int, dict[str, str], bytes]

__all__ = ["ACCOUNT_ID", "MOTO_VERSION", "RESPONSES", "Moto", "at_time"]


def _documentation_address() -> str:
    """Public addresses come from the networks that are reserved for documentation (RFC 5737)."""
    network = mock_random.choice(["198.51.100", "203.0.113"])
    return f"{network}.{mock_random.randint(20, 250)}"


@contextmanager
def at_time(epoch_seconds: float) -> Iterator[None]:
    """Let moto believe that it is this moment. Monotonic time stays real."""
    with time_machine.travel(epoch_seconds, tick=False):
        yield


class Moto:
    """moto's services behind one call, with their state."""

    def __init__(self) -> None:
        # Listing its own folder for every request costs moto half of every call.
        modules = sorted(moto_backends.list_of_moto_modules())
        moto_backends.list_of_moto_modules = lambda: modules
        interfaces: Any = elastic_network_interfaces
        addresses: Any = elastic_ip_addresses
        interfaces.random_public_ip = addresses.random_ip = _documentation_address
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
        if service not in RESPONSES:
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
            self._backend(service, region)
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

    # --- what no API sets -------------------------------------------------------------------------------------

    @staticmethod
    def _backend(service: str, region: str) -> Any:
        return moto_backends.get_backend(service)[ACCOUNT_ID]["aws" if service in ("iam", "sts") else region]  # type: ignore[call-overload]

    def set_instance_state(self, region: str, instance_id: str, state: str) -> None:
        """Put an instance into a state of its life cycle, such as ``pending``."""
        self.changes += 1
        instance = self._backend("ec2", region).get_instance(instance_id)
        instance._state.name = state
        instance._state.code = _INSTANCE_STATES[state]

    def set_peering_status(self, region: str, peering_id: str, code: str, message: str) -> None:
        self.changes += 1
        status = self._backend("ec2", region).get_vpc_peering_connection(peering_id)._status
        status.code, status.message = code, message

    def tags(self, region: str, resource_id: str) -> dict[str, str]:
        """The tags of any EC2 resource, also of those that moto does not hold itself."""
        return dict(self._backend("ec2", region).tags.get(resource_id, {}))

    def set_tags(self, region: str, resource_id: str, tags: dict[str, str]) -> None:
        self._backend("ec2", region).tags[resource_id].update(tags)

    def drop_tags(self, region: str, resource_id: str) -> None:
        self._backend("ec2", region).tags.pop(resource_id, None)

    def drop_interface(self, region: str, interface_id: str) -> None:
        """Take an interface away, as AWS does for ``DeleteOnTermination`` ones."""
        self.changes += 1
        self._backend("ec2", region).enis.pop(interface_id, None)

    def add_acl_entry(self, region: str, acl_id: str, egress: bool) -> None:
        """The last rule of every ACL, ``32767`` deny, which no API creates."""
        self._backend("ec2", region).create_network_acl_entry(
            network_acl_id=acl_id,
            rule_number="32767",
            protocol="-1",
            rule_action="deny",
            egress=str(egress).lower(),
            cidr_block="0.0.0.0/0",
            icmp_code=None,
            icmp_type=None,
            port_range_from=None,
            port_range_to=None,
        )
