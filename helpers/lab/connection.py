"""The two ways into AWS: the sandbox on this machine, or a real account. Only this module knows the difference.

Everything above asks an :class:`AccountConnection` for clients and for the time, and never which kind it is.
"""

import os
import threading
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.loaders import create_loader

from helpers._data import sandbox_home
from helpers.flowlogs import DEFAULT_FORMAT
from helpers.lab import sandbox_process
from helpers.lab.day_upload import put_slice
from helpers.lab.errors import LabError
from helpers.lab.looks import AWS_ERRORS
from helpers.lab.sandbox_process import SandboxInfo

POLL_SECONDS = 30.0
"""How often something awaited is looked at: virtual seconds in the sandbox, real ones in an account."""
_CLOCK_TRIES = 5
_MODELS = create_loader()
"""Reads what botocore knows of the services, each once in a process and not once in a session."""
_QUICK_SECONDS = 1.0
_AWS_HOSTS = (".amazonaws.com", ".amazonaws.com.cn", ".api.aws")


class AccountConnection(ABC):
    """Clients and time of one AWS account in one region."""

    region: str
    home: Path
    """Where the session keeps its own notes."""
    real = False
    """Whether what is made there may cost money."""

    @abstractmethod
    def client(self, service: str, keys: Mapping[str, str] | None = None, region: str | None = None) -> Any:
        """A boto3 client of the account's own session and Region, or of others (``keys``: boto3's arguments)."""

    @abstractmethod
    def now(self) -> datetime:
        """The account's time."""

    @abstractmethod
    def sleep_until(self, moment: datetime) -> None:
        """Come back at ``moment`` of the account's time, at the earliest."""

    def sleep_until_round(self, seconds: float, end: datetime) -> bool:
        """Come back at the next multiple of ``seconds``, or at ``end`` where that comes first; False where it is past.

        Looking at round moments keeps equal runs equal, whatever was looked at in between.
        """
        if (now := self.now()) >= end:
            return False
        moment = datetime.fromtimestamp((now.timestamp() // seconds + 1) * seconds, now.tzinfo)
        self.sleep_until(min(moment, end))
        return True

    def network(self) -> dict[str, list[Any]] | None:
        """What EC2's describe calls show of the Region's network, where one request brings it; None elsewhere."""
        return None

    def put_day(self, group: str, tags: Mapping[str, str], ids: Mapping[str, str], incident: str = "") -> None:
        """Put the recorded day into a new log group, with these tags and ids: as much as an account takes.

        ``incident``: what happened to this prefix in lesson 15 instead. Raises :class:`LabError` for it in an account.
        """
        if incident:
            raise LabError('The incident is played in the sandbox only: open_lab() without mode="aws".')
        put_slice(self.client("logs"), group, tags, ids)

    def noise(
        self, lab: str, scenario: str, seed: str, machines: Mapping[str, str], until: datetime, every: float
    ) -> str:
        """See :meth:`helpers.lab.Lab.noise`; gives what it did in a sentence."""
        return "Nothing was started: scanners on the internet send to every public address of an account, for free."

    def messages(self) -> list[dict[str, Any]]:
        """What was published to the Region's topics. Raises :class:`LabError` in an account, which does not keep it."""
        raise LabError("AWS keeps no messages of a topic: read your mail, or the history of the alarm (type Action).")

    @abstractmethod
    def banner(self) -> tuple[str, str, str]:
        """The mode in one word, a colour for it, and a sentence."""

    def account_key(self) -> str:
        """A word that tells this account's notes from another's."""
        return self.region

    def html(self) -> str:
        word, colour, sentence = self.banner()
        return (
            f'<div style="border-left:6px solid {colour};padding:2px 10px">'
            f"<b>{escape(word)}</b> {escape(sentence)}</div>"
        )


class SandboxConnection(AccountConnection):
    """The offline AWS. It is started when needed, and again when somebody ended it."""

    def __init__(self, region: str, home: Path | None = None) -> None:
        self.region = region
        self.home = home or sandbox_home()
        try:
            self._info = sandbox_process.start(self.home, say=_remark)
        except sandbox_process.SandboxError as problem:
            raise LabError(str(problem)) from problem
        self._session = isolated_session(self._info, region)
        self._looked, self._reviving = 0.0, threading.Lock()

    def client(self, service: str, keys: Mapping[str, str] | None = None, region: str | None = None) -> Any:
        # Its own name for itself botocore puts together anew for each call, twice.
        agent = f"Boto3/{boto3.__version__}"
        settings = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 5}, user_agent=agent)
        where = {"region_name": region or self.region, "endpoint_url": self._info.endpoint}
        client = self._session.client(service, **where, config=settings, verify=False, **(keys or {}))
        client.meta.events.register_first("before-send", self._revive)
        return client

    def now(self) -> datetime:
        return datetime.fromisoformat(self._clock(sandbox_process.read_clock)["now"])

    def sleep_until(self, moment: datetime) -> None:
        self._clock(sandbox_process.move_clock, until=moment.isoformat())

    def sleep_until_round(self, seconds: float, end: datetime) -> bool:
        try:
            return bool(self._clock(sandbox_process.move_clock, every=seconds, end=end.isoformat()))
        except sandbox_process.SandboxError:  # the end is past; or it is an older one that still runs
            return super().sleep_until_round(seconds, end)

    def network(self) -> dict[str, list[Any]] | None:
        try:
            return self._clock(sandbox_process.ask, name="network", region=self.region)
        except sandbox_process.SandboxError:  # the describe calls say why; or it is an older one that still runs
            return None

    def put_day(self, group: str, tags: Mapping[str, str], ids: Mapping[str, str], incident: str = "") -> None:
        what = {"group": group, "tags": dict(tags), "ids": dict(ids), "format": str(DEFAULT_FORMAT)}
        what |= {"incident": incident} if incident else {}
        try:
            self._clock(sandbox_process.ask, name="day", region=self.region, **what)
        except sandbox_process.SandboxError as problem:
            raise LabError(f"The recorded day cannot be loaded: {problem}") from problem

    def noise(
        self, lab: str, scenario: str, seed: str, machines: Mapping[str, str], until: datetime, every: float
    ) -> str:
        what: dict[str, Any] = {"lab": lab, "scenario": scenario, "seed": seed, "machines": dict(machines)}
        what["until"] = until.timestamp()
        try:
            self._clock(sandbox_process.ask, name="noise", region=self.region, every=every, **what)
        except sandbox_process.SandboxError as problem:
            raise LabError(f"There is no such traffic: {problem}") from problem
        return f"Background traffic of {len(machines)} machines, until {until:%Y-%m-%d %H:%M} UTC."

    def messages(self) -> list[dict[str, Any]]:
        return list(self._clock(sandbox_process.ask, name="messages", region=self.region)["messages"])

    def banner(self) -> tuple[str, str, str]:
        return "Sandbox", "#009E73", f"An AWS on this machine: no account, no network, no cost. Region {self.region}."

    def _clock(self, ask: Any, **arguments: Any) -> dict[str, Any]:
        info = self._info
        for tries_left in reversed(range(_CLOCK_TRIES)):
            try:
                answer = ask(info.endpoint, info.access_key_id, info.secret_access_key, **arguments)
                break
            except OSError:
                if not tries_left:
                    raise
                self._revive()
        return dict(answer)

    def _revive(self, request: Any = None, **_: Any) -> None:
        """Before a request: a sandbox that ended (idle, killed) comes back on its old port.

        Between two calls in quick succession nobody looks: where it ended there, the retry finds out.
        """
        with self._reviving:
            last, self._looked = self._looked, time.monotonic()
            is_first = request is not None and "attempt=1;" in str(request.headers.get("amz-sdk-request"))
            quick = is_first and self._looked - last < _QUICK_SECONDS
            if quick or sandbox_process.listens(self._info.endpoint):
                return
            try:
                again = sandbox_process.start(self.home)
            except sandbox_process.SandboxError as problem:
                raise LabError(str(problem)) from problem
        if again.endpoint != self._info.endpoint:
            raise LabError(
                "The sandbox ended and its old port is taken by another program. "
                "Restart the kernel (menu Kernel) and run the notebook again: nothing was lost."
            )


def _remark(remark: str) -> None:
    """Shown below the cell that opened the lab, without stopping it."""
    warnings.warn(remark, stacklevel=2)


def isolated_session(info: SandboxInfo, region: str) -> boto3.Session:
    """A session that reads no AWS setting of this machine: no variable, no profile, no file.

    Explicit keys alone do not isolate: a bad ``AWS_PROFILE`` breaks every boto3 session.
    """
    nothing_outside = {
        name: (None, None, default, conversion)
        for name, (_, _, default, conversion) in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()
    }
    nothing_outside["config_file"] = (None, None, os.devnull, None)
    nothing_outside["credentials_file"] = (None, None, os.devnull, None)
    core = botocore.session.Session(session_vars=nothing_outside)
    core.register_component("data_loader", _MODELS)
    session = boto3.Session(
        aws_access_key_id=info.access_key_id,
        aws_secret_access_key=info.secret_access_key,
        region_name=region,
        botocore_session=core,
    )
    session.events.register("creating-client-class", _wait_without_sleeping)
    return session


def warm() -> None:
    """Make a client of each service that the core course calls, and throw it away: the next ones are made sooner."""
    session = isolated_session(SandboxInfo("", "x", "x", "us-east-1", "", 0, ""), "us-east-1")
    for service in ("ec2", "logs", "iam", "ssm", "sts"):
        session.client(service, endpoint_url="http://127.0.0.1", verify=False)


class _QuickWaiters:
    """A poll of the sandbox moves its clock; sleeping between polls would only waste the learner's time."""

    def get_waiter(self, waiter_name: str) -> Any:
        waiter = super().get_waiter(waiter_name)  # type: ignore[misc]
        waiter.config.delay = 0
        return waiter


def _wait_without_sleeping(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _QuickWaiters)


class AwsConnection(AccountConnection):
    """A real account, by the ordinary chain of credentials. Refused unless the account id is confirmed."""

    real = True

    def __init__(self, region: str, confirm_account: str | None) -> None:
        self.region = region
        self.home = sandbox_home() / "aws"
        self._session = boto3.Session(region_name=region)
        try:
            who = self._session.client("sts").get_caller_identity()
        except AWS_ERRORS as problem:
            raise LabError(
                f"AWS did not accept your credentials ({problem}). Sign in as you do for the AWS CLI, then try again."
            ) from problem
        self._account, self._arn = who["Account"], who["Arn"]
        # AWS_ENDPOINT_URL or a profile may lead to another server.
        endpoint = str(self.client("ec2").meta.endpoint_url)
        self._elsewhere = "" if (urlsplit(endpoint).hostname or "").endswith(_AWS_HOSTS) else endpoint
        if confirm_account != self._account:
            where = f"at {self._elsewhere}, which is not AWS," if self._elsewhere else "that cost money,"
            raise LabError(
                f'mode="aws" builds real resources {where} in account {masked(self._account)} as '
                f"{masked_arn(self._arn)}. If that is what you want, set confirm_account to the full id of that "
                f'account. To learn without an account, use mode="sandbox".'
            )

    def client(self, service: str, keys: Mapping[str, str] | None = None, region: str | None = None) -> Any:
        client = self._session.client(service, region_name=region or self.region, **(keys or {}))
        client.meta.events.register_first("needs-retry.ec2", _create_once)
        return client

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep_until(self, moment: datetime) -> None:
        left = (moment - self.now()) / timedelta(seconds=1)
        if left > 0:
            time.sleep(left)

    def banner(self) -> tuple[str, str, str]:
        whose = f"Account {masked(self._account)} as {masked_arn(self._arn)}, region {self.region}."
        if self._elsewhere:
            return "Not AWS", "#D55E00", f"Calls go to {self._elsewhere}. {whose}"
        return "Real AWS account", "#D55E00", f"{whose} This costs money."

    def account_key(self) -> str:
        return f"{self._account}-{self.region}"


def _create_once(operation: Any, response: Any, caught_exception: Exception | None, **_: Any) -> bool | None:
    """A creating call that was lost on the way is not repeated: EC2 might make a second one, and nobody would notice.

    The error reaches the learner instead, whose next run finds by its tags what was made, or makes it.
    """
    failed = response is not None and response[0].status_code >= 500
    lost = failed or isinstance(caught_exception, ConnectionClosedError | ReadTimeoutError)
    return False if lost and operation.name.startswith(("Create", "Run")) else None


def issued_keys(credentials: Mapping[str, Any]) -> dict[str, str]:
    """Credentials as STS and IAM issue them, in boto3's names. Raises :class:`LabError` where a part is missing."""
    parts = {
        "aws_access_key_id": "AccessKeyId",
        "aws_secret_access_key": "SecretAccessKey",
        "aws_session_token": "SessionToken",
    }
    known = credentials if isinstance(credentials, Mapping) else {}
    keys = {mine: known[theirs] for mine, theirs in parts.items() if theirs in known}
    if not {"aws_access_key_id", "aws_secret_access_key"} <= keys.keys():
        raise LabError(
            'credentials= takes what AWS issued: sts.assume_role(...)["Credentials"], '
            'or iam.create_access_key(...)["AccessKey"].'
        )
    return keys


def masked(account_id: str) -> str:
    """``1234********``: enough to recognise one's own account, too little to copy."""
    return account_id[:4] + "*" * (len(account_id) - 4)


def masked_arn(arn: str) -> str:
    parts = arn.split(":")
    return ":".join(masked(part) if part.isdigit() else part for part in parts)
