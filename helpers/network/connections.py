"""Connection tracking as an immutable value: what the groups of every interface remember."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from helpers.network.packet import Hop

Key = tuple[Any, ...]
"""(interface id, protocol, local address, local port, remote address, remote port), addresses as numbers."""

_BITS = 5
_WIDTH = 1 << _BITS
_MASK = _WIDTH - 1
_LATE = 3600.0  # commands overlap, so a packet may be traced after one that was sent later
_Shelf = tuple[dict[Key, "TrackedConnection"], ...]
_EMPTY_BOX: dict[Key, "TrackedConnection"] = {}
_EMPTY_SHELF: _Shelf = (_EMPTY_BOX,) * _WIDTH


class TrackedConnection(NamedTuple):
    """What an interface remembers of one connection.

    ``tracked`` False: only who began it is known, and rules are asked for every packet. ``begun_by`` is the direction
    of the first packet (True: egress). ``stage`` counts replies and closing, see ``tracking``. ``opened`` is the hop
    that let the first packet through.
    """

    tracked: bool
    begun_by_egress: bool
    expires: float
    stage: int
    opened: Hop


class Connections:
    """Every connection that the interfaces' security groups remember: an immutable value.

    A fixed tree of 32 x 32 small dicts; deriving copies one path of it, whatever the number of entries.

    >>> len(Connections())
    0
    """

    __slots__ = ("_root",)
    _root: tuple[_Shelf, ...]

    def __init__(self, entries: Mapping[Key, TrackedConnection] | Iterable[tuple[Key, TrackedConnection]] = ()) -> None:
        shelves: dict[int, dict[int, dict[Key, TrackedConnection]]] = {}
        for key, entry in dict(entries).items():
            place = hash(key)
            shelves.setdefault(place & _MASK, {}).setdefault((place >> _BITS) & _MASK, {})[key] = entry
        self._root = tuple(
            tuple(shelves[i].get(j, _EMPTY_BOX) for j in range(_WIDTH)) if i in shelves else _EMPTY_SHELF
            for i in range(_WIDTH)
        )

    def get(self, key: Key) -> TrackedConnection | None:
        """The entry of a connection, expired or not; None if there is none."""
        place = hash(key)
        return self._root[place & _MASK][(place >> _BITS) & _MASK].get(key)

    def updated(self, key: Key, entry: TrackedConnection, at: float) -> "Connections":
        """Return these connections with one entry set; what ended long before ``at`` (epoch seconds) may be dropped."""
        place = hash(key)
        i, j = place & _MASK, (place >> _BITS) & _MASK
        shelf = self._root[i]
        box = shelf[j]
        if len(box) & 15 == 15:
            ended = at - _LATE
            box = {other: kept for other, kept in box.items() if kept.expires >= ended}
        new = Connections.__new__(Connections)
        new._root = (
            *self._root[:i],
            (*shelf[:j], {**box, key: entry}, *shelf[j + 1 :]),
            *self._root[i + 1 :],
        )
        return new

    def merged(self, start: "Connections", end: "Connections", at: float) -> "Connections":
        """These connections with what has changed between ``start`` and ``end``, which began as one of them.

        What ended long before ``at`` (epoch seconds) may be dropped.
        """
        if self is start:
            return end
        merged = self
        for shelf, before in zip(end._root, start._root, strict=True):
            if shelf is not before:
                for box, old in zip(shelf, before, strict=True):
                    for key, entry in box.items() if box is not old else ():
                        if old.get(key) is not entry:
                            merged = merged.updated(key, entry, at)
        return merged

    def where(self, wanted: Callable[[Key, TrackedConnection], bool]) -> Iterator[tuple[Key, TrackedConnection]]:
        """The entries that a test wants; looks at every one."""
        return ((key, entry) for key, entry in self.items() if wanted(key, entry))

    def items(self) -> Iterator[tuple[Key, TrackedConnection]]:
        """Every key with its entry."""
        for shelf in self._root:
            if shelf is not _EMPTY_SHELF:
                for box in shelf:
                    yield from box.items()

    def __len__(self) -> int:
        return sum(len(box) for shelf in self._root if shelf is not _EMPTY_SHELF for box in shelf)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Connections) and dict(self.items()) == dict(other.items())

    def __hash__(self) -> int:
        return hash(frozenset(key for key, _ in self.items()))

    def __repr__(self) -> str:
        return f"Connections({len(self)} entries)"

    def __reduce__(self) -> tuple[Any, ...]:
        # text hashes differ from process to process, so the tree must be grown anew
        return Connections, (tuple(self.items()),)
