"""``python -m helpers sandbox``: the offline AWS as a service of this machine.

``start`` prints one JSON line with endpoint and keys: any AWS client can use them. Everything else prints a sentence.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from helpers.commands.errors import ExitCode, broken, usage
from helpers.commands.places import folder, sandbox_home
from helpers.lab import process

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?[smhd])+")
_MOST_SECONDS = 10 * 365 * 86400.0
_YEARS = range(2000, 2100)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    start = actions.add_parser("start", help="start it, or find the one that runs; prints one JSON line")
    start.add_argument("--start-at", type=_moment, help="when a new account's time begins, e.g. 2026-01-05T09:00:00Z")
    start.add_argument("--seed", type=int, help="seed of a new account's identifiers")
    start.add_argument("--idle", type=_idle_time, help="stop by itself after so long without a call, e.g. 30m")
    start.add_argument(
        "--role-delay",
        type=_duration,
        metavar="10s",
        help="for so long after create_role, CreateFlowLogs is refused with 'Unable to assume given IAM role', as AWS "
        "does for some seconds; a refusal takes the time that is missing. Kept over restarts; 0s switches it off "
        "(default: off)",
    )
    stop = actions.add_parser("stop", help="stop it; the account stays")
    status = actions.add_parser("status", help="say whether it runs: exit code 0 or 1")
    reset = actions.add_parser("reset", help="begin a new account; the old files are put aside")
    clock = actions.add_parser("clock", help="print its time, or move it forward")
    move = clock.add_mutually_exclusive_group()
    move.add_argument("--advance", type=_duration, metavar="10m")
    move.add_argument("--until", type=_moment, metavar="ISO")
    for action in (start, stop, status, reset, clock):
        action.add_argument("--home", type=folder, help="its folder (else FLOWLOGS_HOME, else .sandbox/)")


def run(arguments: argparse.Namespace) -> int:
    home = (arguments.home or sandbox_home()).expanduser().absolute()
    try:
        return int(_ACTIONS[arguments.action](home, arguments))
    except process.SandboxError as problem:
        raise broken(str(problem)) from problem


def _start(home: Path, arguments: argparse.Namespace) -> int:
    running = process.find(home)
    begun = running is not None or process.has_history(home)
    if begun and (arguments.start_at is not None or arguments.seed is not None):
        _remark("--start-at and --seed count for a new account only; this one has begun: `sandbox reset` makes one.")
    if running is not None:
        print(f"A sandbox already serves {home} (process {running.pid}); this is it.", file=sys.stderr)
    else:
        start_at = arguments.start_at.timestamp() if arguments.start_at else None
        running = process.start(home, start_at, arguments.seed, arguments.idle, arguments.role_delay, _remark)
    print(json.dumps(asdict(running)))
    return ExitCode.DONE


def _remark(remark: str) -> None:
    print(remark, file=sys.stderr)


def _stop(home: Path, _: argparse.Namespace) -> int:
    print("The sandbox is stopped; its account stays." if process.stop(home) else "No sandbox was running.")
    return ExitCode.DONE


def _status(home: Path, _: argparse.Namespace) -> int:
    running = process.find(home)
    if running is None:
        print(f"No sandbox serves {home}.")
        return ExitCode.CHECK_FAILED
    print(f"A sandbox serves {home}: {running.endpoint}, process {running.pid}, its time is {running.now}.")
    return ExitCode.DONE


def _reset(home: Path, _: argparse.Namespace) -> int:
    aside = process.reset(home)
    print(f"A new account begins at the next start. The old files are in {aside}." if aside else "It was new already.")
    return ExitCode.DONE


def _clock(home: Path, arguments: argparse.Namespace) -> int:
    running = process.find(home)
    if running is None:
        raise broken(f"No sandbox serves {home}: start it with `python -m helpers sandbox start`.")
    who = (running.endpoint, running.access_key_id, running.secret_access_key)
    try:
        if arguments.advance is not None:
            answer = process.move_clock(*who, advance_seconds=arguments.advance)
        elif arguments.until is not None:
            answer = process.move_clock(*who, until=arguments.until.isoformat())
        else:
            answer = process.read_clock(*who)
    except process.SandboxError as problem:
        raise usage(str(problem)) from problem
    print(answer["now"])
    return ExitCode.DONE


_ACTIONS: Mapping[str, Callable[[Path, argparse.Namespace], int]] = {
    "start": _start,
    "stop": _stop,
    "status": _status,
    "reset": _reset,
    "clock": _clock,
}


def _duration(text: str) -> float:
    """Seconds of ``90s``, ``10m``, ``1h30m``, ``2d``; a plain number is seconds."""
    if _DURATION.fullmatch(text):
        parts = re.findall(r"([\d.]+)([smhd])", text)
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    elif re.fullmatch(r"\d+(\.\d+)?", text):
        seconds = float(text)
    else:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration: write 90s, 10m, 1h30m or 2d")
    if seconds > _MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"{text!r} is longer than ten years")
    return seconds


def _idle_time(text: str) -> float:
    seconds = _duration(text)
    if seconds <= 0:
        raise argparse.ArgumentTypeError("a sandbox that waits for nothing stops at once: write 30m, for example")
    return seconds


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-01-05T09:00:00Z") from None
    if moment.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {_YEARS[0]} and {_YEARS[-1]}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
