"""The learner's session: clients, names, time, and what the lab's resources are."""

import json
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from helpers.flowlogs.recorded_day import recorded_day
from helpers.lab import resources, settings
from helpers.lab.account_reading import read_account
from helpers.lab.catchup import CatchUp
from helpers.lab.connection import (
    POLL_SECONDS,
    AccountConnection,
    AwsConnection,
    SandboxConnection,
    issued_keys,
)
from helpers.lab.copies import remark_here
from helpers.lab.errors import LabError
from helpers.lab.given_roles import given_roles, leave_out_cells, name_of, protect
from helpers.lab.loaded_day import LoadedDay, load_day
from helpers.lab.readiness import preflight
from helpers.lab.readings import Readings
from helpers.lab.teardown import Teardown
from helpers.network import Interface, Topology

Found = TypeVar("Found")
_LIFETIME = timedelta(days=7)
_LEFT_BROKEN = (
    "A broken lab of notebook 14 is open, so nothing was built or repaired: "
    "there case = broken(lab) shows it, and case.reset() puts it back."
)


def open_lab(
    mode: str = "sandbox",
    region: str = "us-east-1",
    prefix: str = "demo",
    confirm_account: str | None = None,
) -> "Lab":
    """Open a lab: your resources, called ``prefix``, in one account and one region.

    ``mode="sandbox"`` uses the offline AWS on this machine and starts it when needed. ``mode="aws"`` uses your own
    account with the credentials that the AWS CLI would use, and refuses to unless ``confirm_account`` is its id.
    Where the environment's ``FLOWLOGS_ROLES`` names two roles, the lab uses these and makes none.
    Raises :class:`LabError` with a sentence that says what to do.
    """
    settings.check(mode, region, prefix, confirm_account)
    if remark := remark_here():
        warnings.warn(remark, stacklevel=2)
    access = SandboxConnection(region) if mode == "sandbox" else AwsConnection(region, confirm_account)
    lab = Lab(access, prefix)
    if lab.given_roles:
        leave_out_cells()
    return lab


class Lab:
    """One learner's resources in one account and region. Tags are its memory; this object keeps nothing."""

    def __init__(self, access: AccountConnection, prefix: str) -> None:
        self.prefix = prefix
        self.region = access.region
        self._access = access
        self._clients: dict[str, Any] = {}
        self._looked = False

    # --- clients and time ---------------------------------------------------------------------------------------

    def client(self, service: str, credentials: Mapping[str, Any] | None = None, *, region: str | None = None) -> Any:
        """A boto3 client, for example ``lab.client("ec2")``. The same object every time. ``region``: of another Region.

        With ``credentials``, a new client that calls as the identity that they were issued to: the ``Credentials`` of
        ``sts.assume_role``, or the ``AccessKey`` of ``iam.create_access_key``. Raises :class:`LabError` for
        anything else.
        """
        if credentials is not None:
            return self._watched(service, self._access.client(service, issued_keys(credentials)))
        key = f"{service} {region or ''}"
        if key not in self._clients:
            made = self._access.client(service, region=region) if region else self._access.client(service)
            self._clients[key] = made if region else self._watched(service, made)
        return self._clients[key]

    def _before_creating(self, model: Any, params: Any, **_: Any) -> None:
        """Preflight, once, before the first creating call of a lab of which nothing is there yet."""
        dry = isinstance(params["body"], dict) and params["body"].get("DryRun")
        if self._looked or dry or not model.name.startswith(("Create", "Run")):
            return
        self._looked = True
        if resources.described(self.client("ec2"), "vpc", self.tag_filters()):
            return
        found = preflight(self)
        if found.stops:
            self._looked = False
            reasons = "\n".join(f"{line.what}: {line.sentence}" for line in found.stops)
            raise LabError(f"Nothing was made, because this account is not ready for the lab.\n{reasons}")
        warnings.warn(f"Before anything is made:\n{found}", stacklevel=2)

    def _watched(self, service: str, client: Any) -> Any:
        if self._access.real:
            client.meta.events.register("before-call", self._before_creating)
        if service == "ec2":
            self._readings.watch(client)
        if service == "iam" and self.given_roles:
            protect(client, self.given_roles)
        return client

    def now(self) -> datetime:
        """The account's time, in UTC: the sandbox's virtual clock or the clock on the wall."""
        return self._access.now()

    def wait_until(self, condition: Callable[[], Found], timeout: float | timedelta, what: str) -> Found:
        """Look again and again until ``condition()`` gives something; that is what you get.

        ``timeout`` is in seconds of the account's time, after the first look. Raises :class:`TimeoutError` that says
        ``what`` was awaited.
        """
        limit = timeout if isinstance(timeout, timedelta) else timedelta(seconds=timeout)
        end = None
        while not (found := condition()):
            end = end or self.now() + limit
            if not self._access.sleep_until_round(POLL_SECONDS, end):
                raise TimeoutError(f"After {limit.total_seconds():.0f} seconds there is still no {what}.")
        return found

    @cached_property
    def given_roles(self) -> Mapping[str, str]:
        """The ARNs of the roles that the lab is given, by ``flow-logs`` and ``instance``; empty where it makes its own.

        Raises :class:`LabError` where ``FLOWLOGS_ROLES`` does not name two roles of this account.
        """
        return given_roles(self._access)

    @property
    def real(self) -> bool:
        """Whether this is an account of AWS."""
        return self._access.real

    def notes(self, topic: str) -> Path:
        """The file in which a lesson keeps what it has to know of this lab later; it may not be there yet."""
        return self._access.home / topic / f"{self._access.account_key()}-{self.prefix}.json"

    @property
    def place(self) -> str:
        """Where the lab is, in a word or three: ``Sandbox``, ``Real AWS account``, or ``Not AWS``."""
        return self._access.banner()[0]

    # --- names and tags -----------------------------------------------------------------------------------------

    def name(self, short: str) -> str:
        """The full name of one of the lab's things: ``demo-vpc-a`` for ``vpc-a``; of a given role, its own."""
        given = self.given_roles.get(short)
        return name_of(given) if given else f"{self.prefix}-{short}"

    def tag_list(self, short: str) -> list[dict[str, str]]:
        """The lab's tags for a resource, as ``[{"Key": ..., "Value": ...}, ...]``.

        In a real account ``ExpiresAt`` says when whoever cleans up there may take it for forgotten.
        """
        tags = resources.tags(self.prefix, short)
        if self._access.real:
            tags.append({"Key": "ExpiresAt", "Value": (self.now() + _LIFETIME).strftime("%Y-%m-%dT%H:%MZ")})
        return tags

    def tag_dict(self, short: str) -> dict[str, str]:
        """The lab's tags for a resource, as ``{key: value}``: CloudWatch Logs takes them so."""
        return {tag["Key"]: tag["Value"] for tag in self.tag_list(short)}

    def tag_spec(self, kind: str, short: str) -> list[dict[str, Any]]:
        """The argument ``TagSpecifications`` of EC2's create calls."""
        return [{"ResourceType": kind, "Tags": self.tag_list(short)}]

    def tag_filters(self, short: str = "") -> list[dict[str, Any]]:
        """The argument ``Filters`` of EC2's describe calls: the lab's tags and, where one is given, a name."""
        return resources.tag_filters(self.prefix, short)

    def find(self, kind: str, short: str) -> str | None:
        """The id of the lab's living resource of that kind and name, or ``None``.

        Kinds are EC2's resource types, as in ``TagSpecifications``: ``vpc``, ``subnet``, ``instance``, ...
        """
        if kind not in resources.KINDS:
            raise LabError(f"find() does not know the kind {kind!r}; it knows {', '.join(sorted(resources.KINDS))}.")
        items = resources.described(self.client("ec2"), kind, self.tag_filters(short))
        return str(items[0][resources.KINDS[kind].key]) if items else None

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

    def teardown_command(self, region: str = "") -> str:
        """What a shell needs to remove this lab, of a Region or of its own; ``ID`` stands for the account's id."""
        where = f"--prefix {self.prefix} --region {region or self.region}"
        return f"python -m helpers teardown {where}" + (" --mode aws --confirm-account ID" if self._access.real else "")

    # --- the whole lab ------------------------------------------------------------------------------------------

    def topology(self, at: datetime | float | None = None) -> Topology:
        """The network as it is, or as it was at a moment (a datetime, or epoch seconds as in a record)."""
        return self._readings.topology(at)

    def reading(self, *, region: str = "", minutes: float = 60, most_events: int = 100_000) -> dict[str, Any]:
        """What a health check needs, as plain values that JSON can hold, read by clients that can only read.

        Keys: ``version``, ``read_at``, ``region``, ``account``; ``network`` (as ``Topology.from_describe`` takes it),
        ``flow_logs``, ``log_groups`` (with ``tags``), ``log_streams`` (by group), ``events`` (by group: ``since``, and
        ``lines`` of milliseconds, stream and message: the last ``minutes``, or as far back as ``most_events`` reach),
        ``roles`` (by ARN: ``trust``, ``policies``, ``boundary``, ``tags``), ``saved_queries``, ``alarms``,
        ``metric_filters`` (of the groups); and ``unread``, which names each kind that AWS did not show, and why.
        Raises :class:`LabError` where AWS hides who asks.
        """
        return read_account(self._access, region or self.region, minutes, most_events)

    def load_day(self) -> LoadedDay:
        """Put the recorded day of the course's network into the log group ``/PREFIX/recorded-day``.

        In the sandbox the whole day, as yesterday (UTC); in an account two hours of it, as the two hours that begin
        now, after saying what that costs. Interface ids are the lab's own, where it has the network. A second call
        changes nothing. Raises :class:`LabError` where the name is taken by another group.
        """
        return self._load("recorded-day")

    def load_incident(self) -> LoadedDay:
        """Put what happened to this prefix in lesson 15 into the log group ``/PREFIX/incident``, as :meth:`load_day`.

        A recorded day and a second night with an attack. Raises :class:`LabError` in an account, too.
        """
        return self._load("incident", self.prefix)

    def _load(self, what: str, incident: str = "") -> LoadedDay:
        group, tags = f"/{self.prefix}/{what}", self.tag_dict(what)
        return load_day(self._access, self.client("logs"), group, tags, self._machines(), incident)

    def _machines(self) -> dict[str, Interface]:
        """The interfaces of the course's machines, by short name, as far as they are there."""
        network, own = self.topology(), {}
        for name in recorded_day().machines:
            interface_id = self.find("network-interface", name)
            if interface_id and network.knows(interface_id):
                own[name] = network.interface(interface_id)
        return own

    def noise(self, scenario: str, *, hours: float, every: float, seed: str) -> str:
        """Background traffic of the lab's machines from now on, for so many hours of the sandbox's time.

        One conversation for each ``every`` seconds of the day, of a scenario in ``data/scenarios``. Each goes through
        the network of its own moment, so another rule gives other records. Of a jump of the clock the last 24 hours
        get traffic. A second call of this lab replaces the first; equal seeds give equal traffic.
        In an account nothing is sent. Raises :class:`LabError` for a scenario, seed, slot or time that there is not.
        """
        machines = {name: interface.id for name, interface in self._machines().items()}
        try:
            until = self.now() + timedelta(hours=hours)
        except (TypeError, ValueError, OverflowError) as problem:
            raise LabError(f"There is no such traffic: hours={hours!r} ({problem}).") from problem
        return self._access.noise(self.prefix, scenario, seed, machines, until, every)

    def messages(self) -> list[dict[str, Any]]:
        """What was published to the Region's SNS topics, oldest first, in the sandbox, which sends no mail.

        Keys: ``topic`` (ARN), ``id``, ``at`` (epoch seconds), ``subject``, ``message``. Raises :class:`LabError` in an
        account of AWS, which keeps no messages.
        """
        return self._access.messages()

    def note(self, topic: str, document: Mapping[str, Any]) -> None:
        """Keep what a lesson has to know of this lab as long as it stands."""
        path = self.notes(topic)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".new")
        draft.write_text(json.dumps({"vpc": self.find("vpc", "vpc-a"), "noted": document}), encoding="utf-8")
        draft.replace(path)

    def noted(self, topic: str) -> dict[str, Any] | None:
        """What :meth:`note` kept; None where nothing is kept, or the lab is gone since and perhaps built anew."""
        path = self.notes(topic)
        try:
            found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        except ValueError as problem:
            way = self.teardown_command() if self.real else "python -m helpers reset --to 14"
            raise LabError(f"The notes of the {topic} lab cannot be read. Begin again with `{way}`.") from problem
        vpc = found.get("vpc")
        return found["noted"] if vpc and vpc == self.find("vpc", "vpc-a") else None

    def catch_up(self, notebook: str, *, although_broken: bool = False, **parameters: Any) -> CatchUp:
        """Build what this notebook ("07") needs of the others, as far as it is missing or broken.

        Cells whose part of the lab is as they left it last time are not run again.
        Where notebook 14 broke this lab, nothing is done: that is the learner's to find.
        """
        if not although_broken and self.noted("broken"):
            return CatchUp((), left_broken=_LEFT_BROKEN)
        return CatchUp.run(self, notebook, parameters)

    @cached_property
    def teardown(self) -> Teardown:
        """Take the lab down: ``plan()``, ``run()``, ``verify()``."""
        return Teardown(self)

    @cached_property
    def _readings(self) -> Readings:
        return Readings(self._access, self.prefix)

    def __repr__(self) -> str:
        word, _, sentence = self._access.banner()
        return f"{word}: {sentence} Lab {self.prefix!r}."

    def _repr_html_(self) -> str:
        return self._access.html()
