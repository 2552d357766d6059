"""``python -m helpers status``: a class's progress, by the number of the seat: no names, no code, no answers."""

import argparse
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from helpers.commands.command_line import add_json, folder, for_machines
from helpers.commands.errors import ExitCode
from helpers.lessons.content import checkable, exercises
from helpers.lessons.progress import ExerciseProgress, next_exercise, read

STUCK_MINUTES = 8
STUCK_TRIES = 2
"""A seat is stuck when its exercise was checked twice without success, and nothing was done for eight minutes."""
WATCH_SECONDS = 10
NOT_THERE, NOT_BEGUN, UNREADABLE = "no such folder", "not begun", "progress cannot be read"


@dataclass(frozen=True)
class Seat:
    """What is known of one seat: how many exercises are ``done`` by notebook, and ``minutes`` since its last sign."""

    number: int
    note: str = ""
    done: tuple[tuple[str, int], ...] = ()
    exercise: str = ""
    tries: int = 0
    hints: int = 0
    minutes: int | None = None
    stuck: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "home", type=folder, nargs="+", metavar="HOME",
        help="a seat's folder: a sandbox's home, or a checkout; the first is seat 1",
    )  # fmt: skip
    parser.add_argument("--watch", action="store_true", help="show it every ten seconds, until Ctrl-C")
    add_json(parser)
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Print the table; 1 where a seat's progress could not be read."""
    if arguments.watch and arguments.json:
        arguments.refuse("--json is one document, and --watch never ends: choose one of them")
    while True:
        now = datetime.now(UTC)
        seats = [seat(number, home, now) for number, home in enumerate(arguments.home, start=1)]
        with for_machines(arguments.json) as write:
            print("\033[2J\033[H" if arguments.watch and sys.stdout.isatty() else "", end="")
            print(table(seats), flush=True)
            write({"at": now.isoformat(timespec="seconds"), "seats": [_for_json(each) for each in seats]})
        if not arguments.watch:
            return ExitCode.CHECK_FAILED if any(each.note == UNREADABLE for each in seats) else ExitCode.DONE
        time.sleep(WATCH_SECONDS)


def seat(number: int, home: Path, now: datetime) -> Seat:
    """Read a seat's progress and change nothing; ``now`` is the time from which minutes are counted."""
    try:
        if not home.is_dir():
            return Seat(number, NOT_THERE)
        path = home / "my" / "progress.json"
        return _seat(number, read(path if path.exists() else home / "progress.json"), now)
    except FileNotFoundError:
        return Seat(number, NOT_BEGUN)
    except (OSError, ValueError, TypeError, OverflowError):  # a time that is none or has no zone; infinite tries
        return Seat(number, UNREADABLE)


def _seat(number: int, entries: dict[str, ExerciseProgress], now: datetime) -> Seat:
    every = checkable()
    known = {name: entry for name, entry in entries.items() if name in every}
    done = Counter(every[name].notebook for name, entry in known.items() if entry.outcome == "done")
    open_ = [name for name, entry in known.items() if entry.outcome != "done" and entry.last_at]
    following = next_exercise(list(exercises().values()), known)
    current = max(open_, key=lambda name: known[name].last_at, default=following.id if following else "")
    entry = known.get(current, ExerciseProgress())
    last = _minutes([each.last_at or each.done_at for each in entries.values()], now)
    idle = _minutes([each.done_at for each in entries.values()], now)
    return Seat(
        number,
        done=tuple(sorted(done.items())),
        exercise=current,
        tries=entry.tries,
        hints=sum(each.hints for each in known.values()),
        minutes=last,
        stuck=entry.tries >= STUCK_TRIES and (idle is None or idle >= STUCK_MINUTES),
    )


def _minutes(times: list[str], now: datetime) -> int | None:
    """Whole minutes since the latest of these times; ``None`` where there is none. Raises ``ValueError``."""
    latest = max((datetime.fromisoformat(each) for each in times if each), default=None)
    return None if latest is None else max(0, int((now - latest).total_seconds() // 60))


def table(seats: list[Seat]) -> str:
    """One row a seat, one column a notebook that somebody began."""
    all_of = Counter(exercise.notebook for exercise in checkable().values())
    begun = sorted(
        {notebook for each in seats for notebook, _ in each.done} | {e.exercise[:2] for e in seats if e.exercise}
    )
    rows = [("seat", *begun, "at", "tries", "hints", "idle", "")]
    for each in seats:
        done = dict(each.done)
        counts = [f"{done.get(notebook, 0)}/{all_of[notebook]}" if not each.note else "" for notebook in begun]
        idle = "" if each.minutes is None else f"{each.minutes} min"
        numbers = ("", "") if each.note else (str(each.tries), str(each.hints))
        rows.append((str(each.number), *counts, each.exercise, *numbers, idle, each.note or "stuck" * each.stuck))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _for_json(each: Seat) -> dict[str, object]:
    return {**asdict(each), "done": dict(each.done)}
