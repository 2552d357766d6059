"""A region's network as a value, read from the account's own describe calls."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

from helpers.network import Topology, read_pages
from helpers.sandbox.calls import Account
from helpers.sandbox.ec2.icmp_entries import restore
from helpers.sandbox.moto_adapter import TOUCHED

Pages = dict[str, list[Any]]


@dataclass(frozen=True)
class _Reading:
    actions: int
    version: int
    pages: Pages
    network: Topology


_readings: WeakKeyDictionary[Account, dict[str, _Reading]] = WeakKeyDictionary()
"""The newest reading of each account and region, with its version; a cache, so no part of any account's state."""


def topology(account: Account, region: str) -> Topology:
    """The region's network as it is now."""
    readings = _readings.setdefault(account, {})
    known = readings.get(region)
    if known is None or known.version != account.network_version:
        still = still_so(account, known.actions, known.version, known.pages) if known else {}
        known = readings[region] = _read(account, region, still)
    return known.network


def still_so(account: Account, actions: int, version: int, pages: Pages) -> Pages:
    """What of a reading, made after so many actions and at this version, the actions since then cannot have changed."""
    since = account.network_actions[actions:]
    if account.network_version - version != len(since) or not TOUCHED.keys() >= set(since):
        return {}
    touched = {key for action in since for key in TOUCHED[action]}
    return {key: items for key, items in pages.items() if key not in touched}


def _read(account: Account, region: str, still: Pages) -> _Reading:
    def describe(action: str, key: str, **params: Any) -> Iterable[Any]:
        items: list[Any] = account.aws("ec2", action, region, **params)[key]
        return items

    pages = read_pages(describe, still)
    if "NetworkAcls" not in still:
        restore(account, region, pages["NetworkAcls"])
    actions, version = len(account.network_actions), account.network_version
    return _Reading(actions, version, pages, Topology.from_describe(None, **pages))
