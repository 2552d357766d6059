"""How many bytes went between the ends of a network, and how many packets were rejected, counted from records."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from helpers.figures.network_parts import Names, interface_name
from helpers.network import Topology
from helpers.network.addresses import is_public, parse_address

if TYPE_CHECKING:
    import pandas as pd

OUTSIDE = "outside"
"""The end that stands for every address without a network interface in the picture."""


@dataclass(slots=True)
class _Counted:
    """What each network interface wrote about one direction of a conversation, in bytes and packets."""

    accepted: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    rejected: dict[str, int] = field(default_factory=lambda: defaultdict(int))


@dataclass(frozen=True, slots=True)
class Flow:
    """Traffic from one end to another.

    An end is the id of a network interface; the id of a subnet, for those of its addresses that no network interface
    has now; or ``OUTSIDE``.

    ``bytes`` arrived. ``rejected`` packets did not, and ``rejected_at`` names the ends that rejected them.
    """

    source: str
    target: str
    bytes: int
    rejected: int
    rejected_at: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """Every flow, the addresses that are outside, and by subnet those that no network interface has now."""

    flows: tuple[Flow, ...]
    outside: tuple[str, ...]
    vacant: Mapping[str, tuple[str, ...]]

    @property
    def outside_name(self) -> str:
        """What to call the end of all addresses outside."""
        public = all(is_public(parse_address(address)) for address in self.outside)
        return "the internet" if public else "outside these VPCs"

    def end_name(self, topology: Topology, end: str, names: Names) -> str:
        """What to call an end."""
        if end == OUTSIDE:
            return self.outside_name
        if end in self.vacant:
            return f"{self.vacant_name(end)} (no network interface now)"
        return interface_name(topology.interface(end), names) if topology.knows(end) else names.of(end)

    def vacant_name(self, subnet_id: str) -> str:
        """What to call the addresses of a subnet that no network interface has now."""
        addresses = self.vacant[subnet_id]
        return addresses[0] if len(addresses) == 1 else f"{len(addresses)} addresses"

    def pairs(self) -> list[tuple[str, str, int, int]]:
        """The pairs of ends that exchanged bytes: both ends, bytes there and back, the most first."""
        sizes: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
        for flow in self.flows:
            one, other = sorted((flow.source, flow.target))
            sizes[one, other][int(flow.source != one)] += flow.bytes
        pairs = [(one, other, there, back) for (one, other), (there, back) in sizes.items() if there + back]
        return sorted(pairs, key=lambda pair: (-pair[2] - pair[3], pair[:2]))


def size_in_words(size: int) -> str:
    """Bytes in short: ``840 B``, ``12.3 kB``, ``4.0 MB``."""
    number = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000
    raise AssertionError("the last unit takes every size")


def count_traffic(topology: Topology, table: "pd.DataFrame", vpc_ids: Collection[str]) -> Traffic:
    """The traffic of a table of records, between network interfaces of these VPCs and the rest of the world.

    Both ends may have written about the same packets: they count once.
    """
    counted: dict[tuple[str, ...], _Counted] = defaultdict(_Counted)
    outside: set[str] = set()
    vacant: dict[str, set[str]] = defaultdict(set)
    for writer, source, target, tuple_of_ports, action, size, packets in _sums(table):
        ends = [_holder(topology, address, writer, vpc_ids) for address in (source, target)]
        for address, end in zip((source, target), ends, strict=True):
            if end == OUTSIDE:
                outside.add(address)
            elif not topology.interfaces_with(address):
                vacant[end].add(address)
        tally = counted[ends[0], ends[1], source, target, tuple_of_ports]
        if action == "ACCEPT":
            tally.accepted[writer] += size
        else:
            tally.rejected[writer] += packets
    flows: dict[tuple[str, str], list[_Counted]] = defaultdict(list)
    for (sender, receiver, *_), tally in sorted(counted.items()):
        flows[sender, receiver].append(tally)
    empty = {subnet: tuple(sorted(addresses, key=parse_address)) for subnet, addresses in vacant.items()}
    return Traffic(tuple(_flow(*ends, tallies) for ends, tallies in flows.items()), tuple(sorted(outside)), empty)


def _sums(table: "pd.DataFrame") -> Iterator[tuple[str, str, str, str, str, int, int]]:
    """Writer, addresses, protocol and ports, action, bytes and packets: the sums over all windows."""
    traffic = table.dropna(subset=["srcaddr", "dstaddr", "interface_id", "bytes", "packets"])
    columns = ["interface_id", "srcaddr", "dstaddr", "protocol", "srcport", "dstport", "action"]
    sums = traffic.groupby(columns, dropna=False)[["bytes", "packets"]].sum().reset_index()
    for row in sums.to_dict("records"):
        ports = f"{row['protocol']} {row['srcport']} {row['dstport']}"
        names = row["interface_id"], row["srcaddr"], row["dstaddr"], ports, row["action"]
        yield *names, int(row["bytes"]), int(row["packets"])


def _holder(topology: Topology, address: str, writer: str, vpc_ids: Collection[str]) -> str:
    """The end that holds an address: the writer itself where it does, or the subnet whose address it is."""
    held = [interface.id for interface in topology.interfaces_with(address)]
    if held:
        shown = [end for end in held if topology.interface(end).vpc_id in vpc_ids]
        return writer if writer in shown else next(iter(shown), OUTSIDE)
    number = parse_address(address)
    subnets = (subnet for subnet in topology.subnets if subnet.vpc_id in vpc_ids)
    return next((subnet.id for subnet in subnets if any(number in cidr for cidr in subnet.cidrs)), OUTSIDE)


def _flow(source: str, target: str, tallies: list[_Counted]) -> Flow:
    """All conversations of one direction. What arrived is what the target wrote, where it wrote."""
    arrived = 0
    rejected: dict[str, int] = defaultdict(int)
    for tally in tallies:
        wrote = target in tally.accepted or target in tally.rejected
        arrived += tally.accepted.get(target, 0) if wrote else max(tally.accepted.values(), default=0)
        for writer, packets in tally.rejected.items():
            rejected[writer] += packets
    return Flow(source, target, arrived, sum(rejected.values()), tuple(sorted(rejected)))
