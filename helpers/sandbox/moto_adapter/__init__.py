"""The adapter: this package alone touches moto and its private parts.

moto keeps the object graph of EC2, IAM, STS, S3 and the Parameter Store. This module starts it, seeds it, calls it,
saves and restores it; ``ec2``, ``iam`` and ``s3`` set and tell what no API does, ``patches`` fixes what goes wrong
inside.
``tests/sandbox/test_moto_contract.py`` fails loudly when a new moto moves any of it; that is why ``pyproject.toml``
pins moto exactly.
"""

import io
import os
import pickle
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from urllib.parse import unquote

import orjson
from botocore.loaders import JSONFileLoader
from werkzeug.exceptions import HTTPException

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

    moto reads its tables of instance types, and botocore's list of endpoints three times, with the standard library's
    parser; time-machine loads pytest wherever it is installed, for a plug-in that a server has no use for.
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
    from moto.core.model_instances import reset_model_data
    from moto.core.request import Request
    from moto.ec2.models.subnets import Subnet
    from moto.moto_api._internal import mock_random

    # These need the quick imports too.
    from helpers.sandbox.moto_adapter import iam_patches, speed
    from helpers.sandbox.moto_adapter import patches as moto_patches
    from helpers.sandbox.moto_adapter.ec2 import STATE_CODES, Ec2State
    from helpers.sandbox.moto_adapter.iam import IamPrincipal, IamState
    from helpers.sandbox.moto_adapter.s3 import Bucket, S3State

# Calls to which moto's answers depend on nothing but what moto holds for the service, and not on the time.
_SHOWN = {
    "ec2": {
        f"Describe{kind}".encode()
        for kind in (
            *("Vpcs", "Subnets", "RouteTables", "InternetGateways", "VpcPeeringConnections", "SecurityGroups"),
            *("SecurityGroupRules", "NetworkAcls", "NetworkInterfaces", "Instances", "FlowLogs", "Tags"),
        )
    },
    "iam": {
        *(b"GetRole", b"GetRolePolicy", b"GetInstanceProfile", b"ListRoles", b"ListInstanceProfiles"),
        *(b"ListRolePolicies", b"ListAttachedRolePolicies"),
    },
}
_LOOKS = {"ec2": (b"Describe",), "iam": (b"Get", b"List")}
_ONE_RULE = [f"{verb}SecurityGroup{way}" for verb in ("Authorize", "Revoke") for way in ("Ingress", "Egress")]
TOUCHED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("CreateRoute", "ReplaceRoute", "DeleteRoute", "AssociateRouteTable"), ("RouteTables",)),
    **dict.fromkeys(("CreateNetworkAclEntry", "ReplaceNetworkAclEntry", "DeleteNetworkAclEntry"), ("NetworkAcls",)),
    **dict.fromkeys(_ONE_RULE, ("SecurityGroups", "SecurityGroupRules", "Tags")),
    **dict.fromkeys(("CreateFlowLogs", "DeleteFlowLogs"), ("FlowLogs", "Tags")),
}
"""What the actions that lessons and learners repeat can change of what EC2 shows; any other may change all of it."""
_MOST_SHOWN = 200
_ACTION = re.compile(rb"(?:^|&)Action=(\w+)")
SERVICES = ("ec2", "iam", "sts", "ssm", "s3")
_WITHOUT_REGION = ("iam", "sts", "s3")
Where = tuple[str, str, str]
"""Method, path and query, both as they came over the wire."""
Reply = tuple[int, dict[str, str], bytes]

__all__ = ["ACCOUNT_ID", "MOTO_VERSION", "SERVICES", "STATE_CODES", "TOUCHED"]
__all__ += ["Bucket", "IamPrincipal", "Moto", "at_time"]


@contextmanager
def at_time(epoch_seconds: float) -> Iterator[None]:
    """Let moto believe that it is this moment. Monotonic time stays real."""
    with time_machine.travel(epoch_seconds, tick=False):
        yield


def _bucket_accounts() -> dict[str, tuple[str, str]]:
    """Partition and account of each bucket of the world, by name: moto keeps it beside its backends."""
    known: Any = moto_backends.get_backend("s3")
    return known.bucket_accounts  # type: ignore[no-any-return]


class _Request(Request):
    """Tells moto that a server adds the date."""

    from_wsgi_server = True


class Moto(Ec2State, IamState, S3State):
    """moto's services behind one call, with their state."""

    def __init__(self) -> None:
        moto_patches.apply()
        speed.apply()
        iam_patches.apply(ACCOUNT_ID)
        self._regions: set[str] = set()
        self.changes = self.asked = 0
        self.shown = {}
        # Straight to the services: moto's own server looks for the one that is meant, which costs a third of a call.
        urls = {service: import_module(f"moto.{service}.urls").url_paths for service in SERVICES}
        self._dispatch = {service: next(iter(paths.values())) for service, paths in urls.items()}
        self._s3: Any = import_module("moto.s3.responses").S3Response

    def call(
        self, service: str, region: str, headers: dict[str, str], body: bytes, where: Where = ("POST", "/", "")
    ) -> Reply:
        """Pass a request on to moto: status, headers, body. What nothing has changed since it shows again."""
        named = _ACTION.search(body) if service in _SHOWN else None
        action = named[1] if named else b""
        if action in _SHOWN.get(service, ()):
            if (region, body) not in self.shown:
                if len(self.shown) >= _MOST_SHOWN:
                    self.shown.clear()
                draws = mock_random.getstate()
                self.shown[region, body] = self._passed_on(service, region, headers, body, where)
                mock_random.setstate(draws)  # an id must not depend on what was looked at before
            return self.shown[region, body]
        if service in _SHOWN and not action.startswith(_LOOKS[service]):
            self.asked += service == "ec2"
            self._forget(service, action.decode())
        return self._passed_on(service, region, headers, body, where)

    def _forget(self, service: str, action: str) -> None:
        """What this action may change is not shown again."""
        touched = {f"Describe{kind}".encode() for kind in TOUCHED.get(action, ())} or _SHOWN[service]
        for key in [key for key in self.shown if _ACTION.findall(key[1])[0] in touched]:
            del self.shown[key]

    def _passed_on(self, service: str, region: str, headers: dict[str, str], body: bytes, where: Where) -> Reply:
        method, path, query = where
        scope = f"AKIAIOSFODNN7EXAMPLE/20260101/{region}/{service}/aws4_request"
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote(path, "latin-1"),
            "RAW_URI": path,
            "QUERY_STRING": query,
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
        told = {name.upper().replace("-", "_"): text for name, text in headers.items()}
        environ |= {f"HTTP_{name}": text for name, text in told.items() if name != "CONTENT_TYPE"}
        request = _Request(environ)
        try:
            status, reply_headers, content = self._answered(service, request)
        except HTTPException as refusal:  # of the request as such: a form that is too large, for example
            status, reply_headers, content = refusal.code, {"Content-Type": "text/html"}, refusal.get_body()
        return int(status), dict(reply_headers), content.encode() if isinstance(content, str) else content

    def _answered(self, service: str, request: _Request) -> tuple[Any, Any, Any]:
        """An object's path has a second part."""
        if service != "s3":
            return self._dispatch[service](request)  # type: ignore[no-any-return]
        is_object = "/" in request.raw_path.strip("/")
        answer = self._s3.key_dispatch if is_object else self._s3.bucket_dispatch
        return answer(request, request.raw_url, request.headers)  # type: ignore[no-any-return]

    def seed(self, value: int) -> None:
        """Make moto's next draws depend on ``value`` only."""
        mock_random.seed(value)

    def preload(self, region: str) -> None:
        """Load the services now, so that the learner's first call is not the slow one."""
        self.ensure(region)

    def ensure(self, region: str) -> bool:
        """Make a region's default VPC and the like, with ids that depend on the region only.

        False where there is no such region.
        """
        if region in self._regions:
            return True
        if region not in moto_backends.get_backend("ec2")[ACCOUNT_ID].regions:
            return False
        self.seed(int.from_bytes(region.encode()))
        self.shown.clear()
        for service in SERVICES:
            self.backend(service, region)
        self._regions.add(region)
        return True

    @staticmethod
    def is_untouched(region: str) -> bool:
        """Whether nobody has asked for anything in this Region yet, so that nothing can be in it."""
        known = moto_backends.get_backend("ec2")[ACCOUNT_ID]
        return region in known.regions and region not in set(known)

    # --- state --------------------------------------------------------------------------------------------------

    def save(self) -> bytes:
        """All regions' backends of the services above, as a pickle for :meth:`restore` of the same moto."""
        state = {
            service: dict(moto_backends.get_backend(service)[ACCOUNT_ID])  # type: ignore[call-overload]
            for service in ("ec2", "iam", "sts", "s3")
        }
        return pickle.dumps(state, protocol=pickle.HIGHEST_PROTOCOL)

    def restore(self, saved: bytes) -> None:
        self.shown.clear()
        for service, regions in pickle.loads(saved).items():
            mine = moto_backends.get_backend(service)[ACCOUNT_ID]
            for region, backend in regions.items():
                mine[region] = backend
        _bucket_accounts().update(dict.fromkeys(self.bucket_names(), ("aws", ACCOUNT_ID)))

    def reset(self) -> None:
        """Forget everything: in tests one process holds several accounts one after another."""
        self.shown.clear()
        reset_model_data()  # moto lists every object that it ever made, and keeps some in caches
        Subnet._base_avail_ip_iterator.cache_clear()
        for service in SERVICES:
            held = moto_backends.get_backend(service).pop(ACCOUNT_ID, {})  # type: ignore[call-overload]
            held.clear()
        _bucket_accounts().clear()
        self._regions.clear()

    @staticmethod
    def backend(service: str, region: str) -> Any:
        return moto_backends.get_backend(service)[ACCOUNT_ID]["aws" if service in _WITHOUT_REGION else region]  # type: ignore[call-overload]
