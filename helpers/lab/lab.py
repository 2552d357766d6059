"""The learner's session: clients, names, time, and what the lab's resources are."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError

from helpers.lab import names, parameters
from helpers.lab.access import POLL_SECONDS, Access, AwsAccess, LabError, SandboxAccess, issued_keys
from helpers.lab.catchup import CatchUp
from helpers.lab.readings import Readings
from helpers.lab.snapshot import MARK
from helpers.network import Topology

if TYPE_CHECKING:
    from helpers.lab.teardown import Teardown

Found = TypeVar("Found")


def open_lab(
    mode: str = "sandbox",
    region: str = "us-east-1",
    prefix: str = "demo",
    confirm_account: str | None = None,
) -> "Lab":
    """Open a lab: your resources, called ``prefix``, in one account and one region.

    ``mode="sandbox"`` uses the offline AWS on this machine and starts it when needed. ``mode="aws"`` uses your own
    account with the credentials that the AWS CLI would use, and refuses to unless ``confirm_account`` is its id.
    Raises :class:`LabError` with a sentence that says what to do.
    """
    parameters.check(mode, region, prefix)
    access = SandboxAccess(region) if mode == "sandbox" else AwsAccess(region, confirm_account)
    return Lab(access, prefix)


class Lab:
    """One learner's resources in one account and region. Tags are its memory; this object keeps nothing."""

    def __init__(self, access: Access, prefix: str) -> None:
        self.prefix = prefix
        self.region = access.region
        self._access = access
        self._clients: dict[str, Any] = {}

    # --- clients and time ---------------------------------------------------------------------------------------

    def client(self, service: str, credentials: Mapping[str, Any] | None = None) -> Any:
        """A boto3 client, for example ``lab.client("ec2")``. The same object every time.

        With ``credentials``, a new client that calls as whoever they were issued to: the ``Credentials`` of
        ``sts.assume_role``, or the ``AccessKey`` of ``iam.create_access_key``. Raises :class:`LabError` for
        anything else.
        """
        if credentials is not None:
            return self._watched(service, self._access.client(service, issued_keys(credentials)))
        if service not in self._clients:
            self._clients[service] = self._watched(service, self._access.client(service))
        return self._clients[service]

    def _watched(self, service: str, client: Any) -> Any:
        if service == "ec2":
            self._readings.watch(client)
        return client

    def now(self) -> datetime:
        """The account's time, in UTC: the sandbox's virtual clock or the clock on the wall."""
        return self._access.now()

    def wait_until(self, condition: Callable[[], Found], timeout: float | timedelta, what: str) -> Found:
        """Look again and again until ``condition()`` gives something; that is what you get.

        ``timeout`` is in seconds of the account's time. Raises :class:`TimeoutError` that says ``what`` was awaited.
        """
        start = self.now()
        limit = timeout if isinstance(timeout, timedelta) else timedelta(seconds=timeout)
        while not (found := condition()):
            now = self.now()
            if now - start >= limit:
                raise TimeoutError(f"After {limit.total_seconds():.0f} seconds there is still no {what}.")
            # Looking at round moments keeps equal runs equal, whatever was looked at in between.
            rounds = now.timestamp() // POLL_SECONDS + 1
            moment = datetime.fromtimestamp(rounds * POLL_SECONDS, now.tzinfo)
            self._access.sleep_until(min(moment, start + limit))
        return found

    # --- names and tags -----------------------------------------------------------------------------------------

    def name(self, short: str) -> str:
        """The full name of one of the lab's things: ``demo-vpc-a`` for ``vpc-a``."""
        return f"{self.prefix}-{short}"

    def tag_list(self, short: str) -> list[dict[str, str]]:
        """The lab's tags for a resource, as ``[{"Key": ..., "Value": ...}, ...]``."""
        return names.tags(self.prefix, short)

    def tag_dict(self, short: str) -> dict[str, str]:
        """The lab's tags for a resource, as ``{key: value}``: CloudWatch Logs takes them so."""
        return {tag["Key"]: tag["Value"] for tag in self.tag_list(short)}

    def tag_spec(self, kind: str, short: str) -> list[dict[str, Any]]:
        """The argument ``TagSpecifications`` of EC2's create calls."""
        return [{"ResourceType": kind, "Tags": self.tag_list(short)}]

    def find(self, kind: str, short: str) -> str | None:
        """The id of the lab's living resource of that kind and name, or ``None``.

        Kinds are EC2's resource types, as in ``TagSpecifications``: ``vpc``, ``subnet``, ``instance``, ...
        """
        if kind not in names.KINDS:
            raise LabError(f"find() does not know the kind {kind!r}; it knows {', '.join(sorted(names.KINDS))}.")
        wanted = [("tag:Lab", self.prefix), ("tag:Name", self.name(short))]
        items = names.described(self.client("ec2"), kind, wanted)
        return str(items[0][names.KINDS[kind].key]) if items else None

    @contextmanager
    def already(self, *codes: str) -> Iterator[None]:
        """Go on where AWS answers that the thing is already there.

        For what carries no tags: ``with lab.already("InvalidPermission.Duplicate"): ...``
        """
        try:
            yield
        except ClientError as error:
            if error.response["Error"]["Code"] not in codes:
                raise

    def done(self, mark: str) -> bool:
        """Whether :meth:`mark_done` was called with this mark: for what cannot be found, such as traffic sent."""
        return any(tag["Key"] == MARK + mark for tag in self._first_vpc().get("Tags", []))

    def mark_done(self, mark: str) -> None:
        """Remember, in a tag of the lab's first VPC, that something was done."""
        vpc = self._first_vpc()
        if not vpc:
            raise LabError("There is no VPC of this lab to write the mark on: run notebook 01 first.")
        tag = {"Key": MARK + mark, "Value": self.now().isoformat(timespec="seconds")}
        self.client("ec2").create_tags(Resources=[vpc["VpcId"]], Tags=[tag])

    def _first_vpc(self) -> dict[str, Any]:
        vpcs = names.described(self.client("ec2"), "vpc", [("tag:Lab", self.prefix)])
        named = {tag["Value"]: vpc for vpc in vpcs for tag in vpc["Tags"] if tag["Key"] == "Name"}
        return named[min(named)] if named else {}

    # --- the whole lab ------------------------------------------------------------------------------------------

    def topology(self, at: datetime | float | None = None) -> Topology:
        """The network as it is, or as it was at a moment (a datetime, or epoch seconds as in a record)."""
        return self._readings.topology(at)

    def catch_up(self, notebook: str, **parameters: Any) -> CatchUp:
        """Build what the notebooks before this one build, as far as it is missing or broken."""
        return CatchUp.run(self, notebook, parameters)

    @cached_property
    def teardown(self) -> "Teardown":
        """Take the lab down: ``plan()``, ``run()``, ``verify()``."""
        from helpers.lab.teardown import Teardown

        return Teardown(self)

    @cached_property
    def _readings(self) -> Readings:
        return Readings(self._access, self.prefix)

    def __repr__(self) -> str:
        word, _, sentence = self._access.banner()
        return f"{word}: {sentence} Lab {self.prefix!r}."

    def _repr_html_(self) -> str:
        return self._access.html()
