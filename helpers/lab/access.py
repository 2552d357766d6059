"""The two ways into AWS: the sandbox on this machine, or a real account. Only this module knows the difference.

Everything above asks an :class:`Access` for clients and for the time, and never which kind it is.
"""

import os
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from html import escape
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES
from botocore.exceptions import BotoCoreError, ClientError

from helpers.lab import process
from helpers.lab.process import SandboxInfo

POLL_SECONDS = 30.0
"""How often something awaited is looked at: virtual seconds in the sandbox, real ones in an account."""
_CLOCK_TRIES = 5


class LabError(Exception):
    """The lab cannot do what was asked; the text says what to do next."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows below the cell: the sentence alone. Our own lines would not tell a learner more."""
        return [f"{type(self).__name__}: {self}"]


class Access(ABC):
    """Clients and time of one AWS account in one region."""

    region: str
    home: Path
    """Where the session keeps its own notes."""

    @abstractmethod
    def client(self, service: str, keys: Mapping[str, str] | None = None) -> Any:
        """A boto3 client of the account's own session, or one that signs with these keys (boto3's arguments)."""

    @abstractmethod
    def now(self) -> datetime:
        """The account's time."""

    @abstractmethod
    def sleep_until(self, moment: datetime) -> None:
        """Come back at ``moment`` of the account's time, at the earliest."""

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


class SandboxAccess(Access):
    """The offline AWS. It is started when needed, and again when somebody ended it."""

    def __init__(self, region: str, home: Path | None = None) -> None:
        self.region = region
        self.home = (home or process.default_home()).expanduser().absolute()
        try:
            self._info = process.start(self.home, say=_remark)
        except process.SandboxError as problem:
            raise LabError(str(problem)) from problem
        self._session = isolated_session(self._info, region)

    def client(self, service: str, keys: Mapping[str, str] | None = None) -> Any:
        settings = Config(proxies={}, retries={"mode": "standard", "total_max_attempts": 5})
        where = {"region_name": self.region, "endpoint_url": self._info.endpoint}
        client = self._session.client(service, **where, config=settings, verify=False, **(keys or {}))
        client.meta.events.register_first("before-send", self._revive)
        return client

    def now(self) -> datetime:
        return datetime.fromisoformat(self._clock(process.read_clock)["now"])

    def sleep_until(self, moment: datetime) -> None:
        self._clock(process.move_clock, until=moment.isoformat())

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

    def _revive(self, **_: Any) -> None:
        """Before every request: a sandbox that ended (idle, killed) comes back on its old port."""
        if process.listens(self._info.endpoint):
            return
        again = process.start(self.home)
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
    session = boto3.Session(
        aws_access_key_id=info.access_key_id,
        aws_secret_access_key=info.secret_access_key,
        region_name=region,
        botocore_session=botocore.session.Session(session_vars=nothing_outside),
    )
    session.events.register("creating-client-class", _wait_without_sleeping)
    return session


class _QuickWaiters:
    """A poll of the sandbox moves its clock; sleeping between polls would only waste the learner's time."""

    def get_waiter(self, waiter_name: str) -> Any:
        waiter = super().get_waiter(waiter_name)  # type: ignore[misc]
        waiter.config.delay = 0
        return waiter


def _wait_without_sleeping(base_classes: list[type], **_: Any) -> None:
    base_classes.insert(0, _QuickWaiters)


class AwsAccess(Access):
    """A real account, by the ordinary chain of credentials. Refused unless the account id is confirmed."""

    def __init__(self, region: str, confirm_account: str | None) -> None:
        self.region = region
        self.home = process.default_home().expanduser().absolute() / "aws"
        self._session = boto3.Session(region_name=region)
        try:
            who = self._session.client("sts").get_caller_identity()
        except (BotoCoreError, ClientError) as problem:
            raise LabError(
                f"AWS did not accept your credentials ({problem}). Sign in as you do for the AWS CLI, then try again."
            ) from problem
        self._account, self._arn = who["Account"], who["Arn"]
        if confirm_account != self._account:
            raise LabError(
                f'mode="aws" builds real resources that cost money, in account {masked(self._account)} as '
                f"{masked_arn(self._arn)}. If that is what you want, set confirm_account to the full id of that "
                f'account. To learn without an account, use mode="sandbox".'
            )

    def client(self, service: str, keys: Mapping[str, str] | None = None) -> Any:
        return self._session.client(service, region_name=self.region, **(keys or {}))

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep_until(self, moment: datetime) -> None:
        left = (moment - self.now()) / timedelta(seconds=1)
        if left > 0:
            time.sleep(left)

    def banner(self) -> tuple[str, str, str]:
        sentence = (
            f"Account {masked(self._account)} as {masked_arn(self._arn)}, region {self.region}. This costs money."
        )
        return "Real AWS account", "#D55E00", sentence

    def account_key(self) -> str:
        return f"{self._account}-{self.region}"


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
