"""Which records two network interfaces wrote about one conversation, and which of the four are missing."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from helpers.figures.network_parts import Names, interface_name
from helpers.network import Interface, Topology

if TYPE_CHECKING:
    import pandas as pd

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}
Way = Literal["there", "back"]
Row = dict[Hashable, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """One record in short: its action, what it counts, and its window in epoch seconds."""

    action: str
    packets: int
    bytes: int
    start: int
    end: int

    @property
    def counts(self) -> str:
        """How much it counts: ``6 packets, 392 bytes``."""
        return f"{self.packets} packet{'' if self.packets == 1 else 's'}, {self.bytes} bytes"

    @property
    def window(self) -> str:
        """Its window in UTC: ``window 09:03:29 to 09:04:29``."""
        return f"window {clock(self.start)} to {clock(self.end)}"

    def __str__(self) -> str:
        return f"{self.action}, {self.counts}, {self.window}"


@dataclass(frozen=True, slots=True)
class Side:
    """One end: its name, address and port; ``writes`` says whether a network interface of yours is there."""

    name: str
    address: str
    port: int
    interface_id: str | None

    @property
    def writes(self) -> bool:
        """Whether a flow log of yours can write here."""
        return self.interface_id is not None

    @property
    def endpoint(self) -> str:
        """Address and port, or the address alone where there are no ports."""
        return f"{self.address}:{self.port}" if self.port else self.address


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the four places for a record: the way, the end that writes, and the records that are there."""

    way: Way
    side: Side
    records: tuple[Written, ...]

    def __str__(self) -> str:
        missing = "no record" if self.side.writes else "no flow log of yours there"
        what = "; ".join(map(str, self.records)) or missing
        own = f" ({self.side.interface_id})" if self.side.interface_id not in (None, self.side.name) else ""
        return f"{self.way}, at {self.side.name}{own}: {what}"


@dataclass(frozen=True, slots=True)
class Conversation:
    """Both ends of a conversation, and its four slots: there at the client and server, back at server and client."""

    protocol: str
    client: Side
    server: Side
    slots: tuple[Slot, Slot, Slot, Slot]

    @property
    def title(self) -> str:
        """Protocol and both endpoints, the client first."""
        return f"{self.protocol} {self.client.endpoint} -> {self.server.endpoint}"

    @property
    def missing(self) -> list[Slot]:
        """The slots without a record where a flow log could have written one."""
        return [slot for slot in self.slots if slot.side.writes and not slot.records]

    @property
    def summary(self) -> str:
        """At how many places there is a record, and where there is none."""
        expected = sum(slot.side.writes for slot in self.slots)
        there = f"records at {expected - len(self.missing)} of {expected} places"
        if not self.missing:
            return there
        return f"{there}; no record: {', '.join(f'{slot.way} at {slot.side.name}' for slot in self.missing)}"


def clock(moment: float) -> str:
    """The time of day in UTC of epoch seconds."""
    return datetime.fromtimestamp(moment, UTC).strftime("%H:%M:%S")


def conversations(topology: Topology, table: "pd.DataFrame", names: Names) -> list[Conversation]:
    """The conversations of a table in the order of their first rows. Lines without traffic are left out."""
    traffic = table.dropna(subset=["srcaddr", "dstaddr", "protocol", "interface_id"])
    groups: dict[tuple[int, frozenset[tuple[str, int]]], list[Row]] = {}
    for row in traffic.to_dict("records"):
        ends = frozenset({(row["srcaddr"], _port(row["srcport"])), (row["dstaddr"], _port(row["dstport"]))})
        groups.setdefault((int(row["protocol"]), ends), []).append(row)
    return [_conversation(topology, protocol, rows, names) for (protocol, _), rows in groups.items()]


def _port(value: Any) -> int:
    return int(value) if value == value and value is not None else 0


def _conversation(topology: Topology, protocol: int, rows: list[Row], names: Names) -> Conversation:
    first = _opening(rows)
    client = _side(topology, rows, first["srcaddr"], _port(first["srcport"]), names)
    server = _side(topology, rows, first["dstaddr"], _port(first["dstport"]), names)
    slots = (
        *(_slot("there", client, client, rows), _slot("there", server, client, rows)),
        *(_slot("back", server, server, rows), _slot("back", client, server, rows)),
    )
    return Conversation(PROTOCOLS.get(protocol, f"protocol {protocol}"), client, server, slots)


def _opening(rows: list[Row]) -> Mapping[Hashable, Any]:
    """A row of the way there: by a SYN where flags were recorded, else to the lower port, else the first row."""
    for row in rows:
        if row.get("tcp_flags") is not None and row["tcp_flags"] == row["tcp_flags"] and row["tcp_flags"] & 18 == 2:
            return row
    there = [row for row in rows if _port(row["dstport"]) < _port(row["srcport"])]
    if there:
        return there[0]
    back = [row for row in rows if _port(row["srcport"]) < _port(row["dstport"])]
    if back:  # only the way back was recorded: turned, it is the way there
        turned = {"srcaddr": "dstaddr", "dstaddr": "srcaddr", "srcport": "dstport", "dstport": "srcport"}
        return {key: back[0][turned[key]] for key in turned}
    return min(rows, key=lambda row: row["start"])


def _side(topology: Topology, rows: list[Row], address: str, port: int, names: Names) -> Side:
    holders = topology.interfaces_with(address)
    writers = {row["interface_id"] for row in rows}
    held: Interface | None = next((holder for holder in holders if holder.id in writers), next(iter(holders), None))
    name = interface_name(held, names) if held else "outside"
    return Side(name, address, port, held.id if held else None)


def _slot(way: Way, writer: Side, sender: Side, rows: list[Row]) -> Slot:
    written = [
        Written(row["action"], int(row["packets"]), int(row["bytes"]), int(row["start"]), int(row["end"]))
        for row in rows
        if row["interface_id"] == writer.interface_id
        and (row["srcaddr"], _port(row["srcport"])) == (sender.address, sender.port)
    ]
    return Slot(way, writer, tuple(sorted(written, key=lambda record: (record.start, record.action))))
