"""docs/architecture.md says what the code says: rooms, imports, events and files; and a breach is seen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers.sandbox import behaviours
from helpers.sandbox.calls import EVENTS
from tests.architecture_picture import COMMAND, PAGE, drawn, in_page, rooms
from tests.modules import HELPERS, ROOT
from tests.test_architecture import ALLOWED, PURE, SHARED

TEXT = PAGE.read_text("utf-8")
MOST_WORDS = 1200
_ROOM_LINE = re.compile(r"^- `([\w/.]+)`:")
_FILE = re.compile(r"[\w./*-]+(?:\.(?:py|toml|json|md|lark)|/)")
# What every room may import, and what leads into the rooms.
_NO_ROOMS = SHARED | {"__init__", "__main__"}


def rows(text: str, first: str) -> Iterator[list[str]]:
    """The rows of the table whose first heading is ``first``, each as its cells."""
    table = text.partition(f"| {first} |")[2].partition("\n\n")[0]
    for line in table.splitlines()[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def imports_allowed(text: str) -> Iterator[str]:
    said: dict[str, set[str]] = {}
    for names, allowed in rows(text, "Room"):
        for room in re.findall(r"`(\w+)`", names):
            said[room] = set(re.findall(r"`(\w+)`", allowed))
            said[room] |= PURE if "the pure rooms" in allowed else set()
            said[room] |= ALLOWED.keys() - _NO_ROOMS - {room} if "every room" in allowed else set()
    for room in said.keys() | (ALLOWED.keys() - SHARED - {"__init__"}):
        if said.get(room) != ALLOWED.get(room):
            yield f"the page lets {room} import {said.get(room)}, tests/test_architecture.py {ALLOWED.get(room)}"


def rooms_named(text: str) -> Iterator[str]:
    lines = {match[1].rstrip("/") for match in map(_ROOM_LINE.match, text.splitlines()) if match}
    folders = [path.parent for path in HELPERS.rglob("__init__.py") if path.parent != HELPERS]
    files = [HELPERS / f"{room}.py" for room in ALLOWED.keys() - _NO_ROOMS]
    for path in [*folders, *(file for file in files if file.exists())]:
        name = path.relative_to(HELPERS).as_posix()
        if name not in lines and f"`{name.rpartition('/')[2]}/`" not in text:
            yield f"no line of the page says what {name} is"


def events_named(text: str) -> Iterator[str]:
    behaviours.load()
    said = {kind.strip("`"): place.strip("`") for kind, place, _ in rows(text, "Event")}
    real = {kind: handler.__module__.replace(".", "/") + ".py" for kind, handler in EVENTS.items()}
    for kind in said.keys() | real.keys():
        if f"helpers/{said.get(kind)}" != real.get(kind):
            yield f"the page has the event {kind} in {said.get(kind)}, the code in {real.get(kind)}"
    walk = text.partition("## One ping")[2].partition("| Event |")[0]
    for kind in ("ssm.deliver", "machine.next", "dataplane.close", "delivery.burst"):
        if f"`{kind}`" not in walk:
            yield f"the walk of one ping lacks {kind}"


def files_named(text: str) -> Iterator[str]:
    for line in text.replace("\n  ", " ").splitlines():
        room = _ROOM_LINE.match(line)
        start = HELPERS / room[1] if room and room[1].endswith("/") else HELPERS
        for name in re.findall(r"`([^`]+)`", line):
            if _FILE.fullmatch(name) and not any(_there(folder, name) for folder in (start, HELPERS, ROOT)):
                yield f"{name} is not there: {line[:60]}"
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        if not (PAGE.parent / link).exists():
            yield f"the link {link} leads nowhere"


def _there(folder: Path, name: str) -> bool:
    return any(folder.glob(name)) if "*" in name else (folder / name).exists()


def picture(text: str) -> Iterator[str]:
    if in_page(text) != drawn(rooms()):
        yield f"the picture is not what the imports are: run {COMMAND}"


def length(text: str) -> Iterator[str]:
    words = len(text.replace(in_page(text), "").split())
    if words > MOST_WORDS:
        yield f"the page has {words} words beside its picture, more than {MOST_WORDS}"


RULES = [imports_allowed, rooms_named, events_named, files_named, picture, length]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_page_keeps_the_rule(rule: Callable[[str], Iterator[str]]) -> None:
    assert list(rule(TEXT)) == []


@pytest.mark.parametrize(
    ("rule", "old", "new", "words"),
    [
        (imports_allowed, "| `traffic` | `network`, `flowlogs` |", "| `traffic` | `network` |", "lets traffic import"),
        (imports_allowed, "| `sandbox` | `flow", "| `sand` | `flow", "lets sandbox import None"),
        (imports_allowed, "`figures`, `magics` |", "`figures`, `magics`, `halls` |", "lets halls import"),
        (rooms_named, "- `sandbox/ec2/`:", "- of EC2:", "what sandbox/ec2 is"),
        (rooms_named, "- `magics.py`:", "- a magic:", "what magics.py is"),
        (events_named, "| `machine.agent` |", "| `machine.agents` |", "the event machine.agent in None"),
        (events_named, "| `ssm.deliver` | `sandbox/ssm/run", "| `ssm.deliver` | `sandbox/ssm/walk", "walk_command.py"),
        (events_named, "`dataplane.close`: windows", "Windows", "lacks dataplane.close"),
        (files_named, "`delivery.py` decides", "`deliveries.py` decides", "deliveries.py is not there"),
        (files_named, "`sandbox/ssm/agents.py` decides", "`sandbox/agents.py` decides", "sandbox/agents.py is not"),
        (files_named, "(../CONTRIBUTING.md)", "(CONTRIBUTING.md)", "leads nowhere"),
        (picture, "traffic --> network", "network --> traffic", "run python -m"),
        (length, "## Words", "word " * 400 + "## Words", "more than 1200"),
    ],
)  # fmt: skip
def test_a_breach_is_seen(rule: Callable[[str], Iterator[str]], old: str, new: str, words: str) -> None:
    assert TEXT.count(old) == 1
    assert any(words in breach for breach in rule(TEXT.replace(old, new))), list(rule(TEXT.replace(old, new)))


def test_the_picture_shows_each_room_once_and_no_arrow_that_others_imply() -> None:
    text = drawn({"a": {"b", "c"}, "b": {"c"}, "c": set(), "alone": set()})
    assert text.splitlines()[1:-1] == ["    a --> b", "    b --> c", "    alone"]
