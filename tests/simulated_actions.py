"""Every action that the sandbox simulates, and what uses it: ``python -m tests.simulated_actions``.

It writes the table into ``docs/simulated.md``, between its two marks. What uses an action is read from the sources of
the lessons and of the house, which name it as a boto3 method, and from the calls that clients were recorded to make.
"""

import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from botocore import xform_name

from helpers._data import data_path
from helpers.sandbox import behaviours
from helpers.sandbox.calls import TABLE, Behaviour
from tests.modules import ROOT

PAGE = ROOT / "docs" / "simulated.md"
COMMAND = "python -m tests.simulated_actions"
CLIENT_CALLS = ROOT / "tests" / "data" / "client_calls"
_OPENING, _CLOSING = "<!-- table -->\n", "<!-- end of table -->\n"
_SOURCES = {
    "the lab": "helpers/lab/*.py",
    "teardown": "helpers/lab/teardown/*.py",
    "checks and faults": "helpers/lessons/**/*.py",
    "figures": "helpers/figures/*.py",
}
Action = tuple[str, str]
behaviours.load()


@cache
def users() -> dict[Action, list[str]]:
    """What uses each action of the table: lessons by number, parts of the house, clients by name."""
    methods: dict[str, list[Action]] = {}
    for service, action in TABLE:
        methods.setdefault(xform_name(action), []).append((service, action))
    used: dict[Action, list[str]] = {action: [] for action in TABLE}
    for user, text in _texts():
        for word in set(re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b|(?<=\.)[a-z]+(?=\()", text)) & methods.keys():
            for service, action in methods[word]:  # two services have a GetQueryResults
                if len(methods[word]) == 1 or re.search(rf"\b{service}\b", text):
                    used[service, action].append(user)
    for client, actions in recorded().items():
        for action in actions & used.keys():
            used[action].append(client)
    return used


def _texts() -> Iterator[tuple[str, str]]:
    lessons = sorted((ROOT / "notebooks").glob("*.ipynb"))
    for lesson in lessons:
        number = lesson.name.partition("_")[0]
        exercises = [*(ROOT / "data" / "exercises").glob(f"{number}_*.toml")]
        exercises += sorted((ROOT / "data" / "broken_labs").glob(f"{number}.*.toml"))
        yield number, "\n".join(path.read_text("utf-8") for path in (lesson, *exercises))
    for user, pattern in _SOURCES.items():
        yield user, "\n".join(path.read_text("utf-8") for path in sorted(ROOT.glob(pattern)))
    reading = (ROOT / "helpers" / "network" / "reading.py").read_text("utf-8")
    yield "reading of the network", " ".join(xform_name(word) for word in re.findall(r'"([A-Z]\w+)"', reading))


@cache
def recorded() -> dict[str, set[Action]]:
    """The calls that each client of ``docs/clients.md`` was seen to make."""
    return {path.stem: set(_pairs(path)) for path in sorted(CLIENT_CALLS.glob("*.txt"))}


def _pairs(path: Path) -> Iterator[Action]:
    for line in path.read_text("utf-8").splitlines():
        service, _, action = line.partition(" ")
        yield service, action


def how_far(behaviour: Behaviour) -> str:
    """In which of four ways an action is answered."""
    if behaviour.replacement is not None:
        return "always empty" if "always_empty" in repr(behaviour.replacement) else "computed here"
    return "moto, guarded" if behaviour.guards or behaviour.state_guards or behaviour.followers else "moto, unchanged"


@cache
def assumptions() -> dict[str, set[Action]]:
    """The assumptions that name an action in their own words."""
    entries = tomllib.loads(data_path("assumptions.toml").read_text("utf-8"))["assumption"]
    words = {entry["id"]: set(re.findall(r"\b[A-Z]\w+", " ".join(entry.values()))) for entry in entries}
    return {name: {action for action in TABLE if action[1] in said} for name, said in words.items()}


def table() -> str:
    """The table of all actions, and below it the reasons for what is moto's."""
    lines = ["| Action | How far | Assumptions | Used by |", "|---|---|---|---|"]
    for action, used in sorted(users().items()):
        assumed = ", ".join(f"`{name}`" for name, actions in assumptions().items() if action in actions)
        lines.append(f"| {action[0]} {action[1]} | {how_far(TABLE[action])} | {assumed} | {', '.join(used)} |")
    reasons: dict[str, list[str]] = {}
    for action, behaviour in sorted(TABLE.items()):
        if behaviour.why_moto:
            reasons.setdefault(behaviour.why_moto, []).append(action[1])
    lines += ["", "Why moto's answer is right:", ""]
    lines += [f"- {why} {', '.join(actions)}." for why, actions in reasons.items()]
    return "\n".join(lines) + "\n"


def in_page(page: str) -> str:
    """The table that stands in the page."""
    return page.split(_OPENING)[1].split(_CLOSING)[0]


def main() -> int:
    """Write the table into the page."""
    page = PAGE.read_text("utf-8")
    PAGE.write_text(page.replace(_OPENING + in_page(page), _OPENING + table()), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
