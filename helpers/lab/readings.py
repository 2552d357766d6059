"""What the network was when: readings saved around the changes that this lab makes.

Explaining yesterday's REJECT with today's rules would be a lie. So just before a change the network is read, unless
nothing changed since the last reading, and the reading is kept: it shows the rules in force up to that change. Nothing
is read before the lab has a flow log, because then there is no record to explain.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from helpers.lab import names
from helpers.lab.access import Access
from helpers.network import Topology

Pages = dict[str, list[Any]]

_CALLS = (
    ("describe_vpcs", "Vpcs"),
    ("describe_subnets", "Subnets"),
    ("describe_route_tables", "RouteTables"),
    ("describe_internet_gateways", "InternetGateways"),
    ("describe_vpc_peering_connections", "VpcPeeringConnections"),
    ("describe_security_groups", "SecurityGroups"),
    ("describe_security_group_rules", "SecurityGroupRules"),
    ("describe_network_acls", "NetworkAcls"),
    ("describe_network_interfaces", "NetworkInterfaces"),
)
_LOOKS = ("Describe", "Get", "List")
_NO_RULES = {"CreateTags", "DeleteTags", "CreateFlowLogs", "DeleteFlowLogs"}


def read_pages(ec2: Any) -> Pages:
    """The region's network in the plain shapes of EC2's replies."""
    pages: Pages = {}
    for method, key in _CALLS:
        pages[key] = [item for page in ec2.get_paginator(method).paginate() for item in page[key]]
    reservations = ec2.get_paginator("describe_instances").paginate()
    pages["Instances"] = [
        instance for page in reservations for entry in page["Reservations"] for instance in entry["Instances"]
    ]
    pages["ManagedPrefixLists"] = list(_prefix_lists(ec2, pages))
    return pages


def _prefix_lists(ec2: Any, pages: Pages) -> Iterator[dict[str, Any]]:
    """The prefix lists that a rule or a route names, with their entries."""
    named = {rule["PrefixListId"] for rule in pages["SecurityGroupRules"] if rule.get("PrefixListId")}
    for table in pages["RouteTables"]:
        named |= {route["DestinationPrefixListId"] for route in table["Routes"] if "DestinationPrefixListId" in route}
    if named:
        for item in ec2.describe_managed_prefix_lists(PrefixListIds=sorted(named))["PrefixLists"]:
            entries = ec2.get_managed_prefix_list_entries(PrefixListId=item["PrefixListId"])["Entries"]
            yield item | {"Entries": entries}


class Readings:
    """The saved readings of one lab, oldest first."""

    def __init__(self, access: Access, prefix: str) -> None:
        self._access = access
        self._prefix = prefix
        self._folder = access.home / "readings" / f"{access.account_key()}-{prefix}"
        self._current = False
        self._needed: bool | None = None

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
        return Topology.from_describe(self._access.now(), **read_pages(self._access.client("ec2")))

    def _before(self, model: Any, **_: Any) -> None:
        if _changes_rules(model.name) and not self._current and self._is_needed():
            self._save()
            self._current = True

    def _after(self, model: Any, http_response: Any, **_: Any) -> None:
        if http_response.status_code < 300:
            self._current = self._current and not _changes_rules(model.name)
            if model.name in ("CreateFlowLogs", "DeleteFlowLogs"):
                self._needed = None

    def _is_needed(self) -> bool:
        """Whether records may exist that somebody could ask about: while the lab has a flow log."""
        if self._needed is None:
            wanted = [("tag:Lab", self._prefix)]
            self._needed = bool(names.described(self._access.client("ec2"), "vpc-flow-log", wanted))
        return self._needed

    def _save(self) -> None:
        pages = read_pages(self._access.client("ec2"))
        self._folder.mkdir(parents=True, exist_ok=True)
        moment = self._access.now().astimezone(UTC).strftime("%Y%m%dT%H%M%S.%f")
        (self._folder / f"{moment}.json").write_text(json.dumps(pages, default=str))

    def _saved(self) -> list[Path]:
        return sorted(self._folder.glob("*.json")) if self._folder.exists() else []


def _read_at(path: Path) -> datetime:
    return datetime.strptime(path.stem, "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)


def _changes_rules(operation: str) -> bool:
    return not operation.startswith(_LOOKS) and operation not in _NO_RULES
