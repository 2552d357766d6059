"""What the network was when: readings saved around the changes that this lab makes.

Explaining yesterday's REJECT with today's rules would be false. So just before a change the network is read, unless
nothing changed since the last reading, and the reading is kept: it shows the rules in force up to that change. Nothing
is read before the lab has a flow log, because then there is no record to explain.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore import xform_name

from helpers import network
from helpers.lab import resources
from helpers.lab.connection import AccountConnection
from helpers.network import Topology

Pages = dict[str, list[Any]]

_LOOKS = ("Describe", "Get", "List")
_NO_RULES = {"CreateTags", "DeleteTags", "CreateFlowLogs", "DeleteFlowLogs"}


def read_pages(ec2: Any) -> Pages:
    """The region's network in the plain shapes of EC2's replies."""

    def describe(action: str, key: str, **params: Any) -> Iterator[Any]:
        for page in ec2.get_paginator(xform_name(action)).paginate(**params):
            yield from page[key]

    return network.read_pages(describe)


class Readings:
    """The saved readings of one lab, oldest first."""

    def __init__(self, access: AccountConnection, prefix: str) -> None:
        self._access = access
        self._prefix = prefix
        self._folder = access.home / "readings" / f"{access.account_key()}-{prefix}"
        self._current = False
        self._needed: bool | None = None
        self._associations: set[str] = set()

    @cached_property
    def _ec2(self) -> Any:
        """A client whose calls nobody reads around."""
        return self._access.client("ec2")

    def watch(self, ec2: Any) -> None:
        """Have the changes made through this client read around."""
        ec2.meta.events.register("before-call.ec2", self._before)
        ec2.meta.events.register("after-call.ec2", self._after)

    def topology(self, at: datetime | float | None = None) -> Topology:
        """The network at a moment; now, where nothing is said or nothing has changed since."""
        if at is not None:
            moment = at if isinstance(at, datetime) else datetime.fromtimestamp(at, UTC)
            for path in self._saved():
                read_at = _read_at(path)
                if read_at >= moment:
                    return Topology.from_describe(read_at, **json.loads(path.read_text()))
        return Topology.from_describe(self._access.now(), **self._read())

    def _before(self, model: Any, **_: Any) -> None:
        if _changes_rules(model.name) and not self._current and self._is_needed():
            self._save()
            self._current = True

    def _after(self, model: Any, http_response: Any, parsed: Any, **_: Any) -> None:
        if http_response.status_code < 300:
            # A subnet that has this route table already keeps its association, and nothing has changed.
            as_it_was = model.name == "AssociateRouteTable" and parsed["AssociationId"] in self._associations
            self._current = self._current and (as_it_was or not _changes_rules(model.name))
            if model.name in ("CreateFlowLogs", "DeleteFlowLogs"):
                self._needed = None

    def _is_needed(self) -> bool:
        """Whether records may exist that can be asked about: while the lab has a flow log."""
        if self._needed is None:
            wanted = resources.tag_filters(self._prefix)
            self._needed = bool(resources.described(self._ec2, "vpc-flow-log", wanted))
        return self._needed

    def _read(self) -> Pages:
        pages = self._access.network()
        return read_pages(self._ec2) if pages is None else pages

    def _save(self) -> None:
        pages = self._read()
        links = [link for table in pages["RouteTables"] for link in table["Associations"]]
        self._associations = {link["RouteTableAssociationId"] for link in links}
        self._folder.mkdir(parents=True, exist_ok=True)
        moment = self._access.now().astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")
        (self._folder / f"{moment}.json").write_text(json.dumps(pages, default=str))

    def _saved(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder.exists() else []


def _read_at(path: Path) -> datetime:
    return datetime.strptime(path.stem, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)


def _changes_rules(operation: str) -> bool:
    return not operation.startswith(_LOOKS) and operation not in _NO_RULES
