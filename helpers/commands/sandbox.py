"""``python -m helpers sandbox``: the offline AWS as a service of this machine.

``start`` prints one JSON line with endpoint and keys, ``env`` the same as commands for a shell: any AWS client can use
them. Everything else prints a sentence, and ``status --json`` what ``start`` prints.
"""

import argparse
import json
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from helpers._data import sandbox_home
from helpers.commands.command_line import add_json, folder, for_machines, shown
from helpers.commands.errors import ExitCode, broken, usage
from helpers.commands.fresh import put_aside
from helpers.commands.progress_line import Progress
from helpers.lab import sandbox_process

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?[smhd])+")
_MOST_SECONDS = 10 * 365 * 86400.0
_YEARS = range(2000, 2100)
_MISLEADING = {
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"),
    *("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"),
}
"""Variables that keep a client from the endpoint or the key that it is given, as does each ``AWS_ENDPOINT_URL_EC2``."""
_SHELLS = ("sh", "powershell")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="action")
    start = actions.add_parser("start", help="start it, or find the one that runs; prints one JSON line")
    start.add_argument(
        "--start-at", type=_time, help="when a new account's time begins: now, or e.g. 2026-01-05T09:00:00Z"
    )
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
    env = actions.add_parser("env", help="print the commands that point any AWS client of this shell to it")
    env.add_argument(
        "--shell", choices=_SHELLS, default=_SHELLS[os.name == "nt"], help="whose commands (default: %(default)s)"
    )
    stop = actions.add_parser("stop", help="stop it; the account stays")
    status = actions.add_parser("status", help="say whether it runs: exit code 0 or 1")
    add_json(status)
    reset = actions.add_parser("reset", help="begin a new account; the old files are put aside")
    reset.add_argument("--yes", action="store_true", help="put the learner's progress aside, too, without asking")
    clock = actions.add_parser("clock", help="print its time, or move it forward")
    move = clock.add_mutually_exclusive_group()
    move.add_argument("--advance", type=_duration, metavar="10m")
    move.add_argument("--until", type=_time, metavar="ISO")
    for action in (start, env, stop, status, reset, clock):
        action.add_argument("--home", type=folder, help="its folder (else FLOWLOGS_HOME, else .sandbox/)")


def run(arguments: argparse.Namespace) -> int:
    try:
        return int(_ACTIONS[arguments.action](arguments.home or sandbox_home(), arguments))
    except sandbox_process.SandboxError as problem:
        raise broken(str(problem)) from problem


def _start(home: Path, arguments: argparse.Namespace) -> int:
    running = sandbox_process.find(home)
    begun = running is not None or sandbox_process.has_history(home)
    if begun and (arguments.start_at is not None or arguments.seed is not None):
        _remark(
            "--start-at and --seed count for a new account only; this one has begun: "
            "`python -m helpers sandbox reset` makes one."
        )
    if running is not None:
        print(f"A sandbox already serves {home} (process {running.pid}); this is it.", file=sys.stderr)
    else:
        start_at = arguments.start_at.timestamp() if arguments.start_at else None
        with Progress(sys.stderr) as progress:
            progress.say("starting: about 2 s for a new account, more where a long history is read again")
            options = (start_at, arguments.seed, arguments.idle, arguments.role_delay)
            running = sandbox_process.start(home, *options, _remark)
    print(json.dumps(asdict(running)))
    return ExitCode.DONE


def _remark(remark: str) -> None:
    print(remark, file=sys.stderr)


def _env(home: Path, arguments: argparse.Namespace) -> int:
    for name, value in _variables(_running(home), os.environ):
        print(_command(name, value, arguments.shell))
    return ExitCode.DONE


def _variables(running: sandbox_process.SandboxInfo, environ: Mapping[str, str]) -> Iterator[tuple[str, str | None]]:
    """What a client's environment needs for this sandbox, by name; ``None`` for what has to go from it."""
    yield "AWS_ENDPOINT_URL", running.endpoint
    yield "AWS_ACCESS_KEY_ID", running.access_key_id
    yield "AWS_SECRET_ACCESS_KEY", running.secret_access_key
    yield "AWS_DEFAULT_REGION", running.region
    yield "AWS_REGION", running.region
    if any(name.lower() in ("http_proxy", "all_proxy") for name in environ):
        for name in ("NO_PROXY", "no_proxy"):
            yield name, ",".join(filter(None, ("127.0.0.1", environ.get(name))))
    for name in sorted(_MISLEADING | {name for name in environ if name.startswith("AWS_ENDPOINT_URL_")}):
        yield name, None


def _command(name: str, value: str | None, shell: str) -> str:
    if shell == "sh":
        return f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
    text = "$null" if value is None else "'" + value.replace("'", "''") + "'"
    return f"$env:{name} = {text}"


def _stop(home: Path, _: argparse.Namespace) -> int:
    print("The sandbox is stopped; its account stays." if sandbox_process.stop(home) else "No sandbox was running.")
    return ExitCode.DONE


def _status(home: Path, arguments: argparse.Namespace) -> int:
    running = sandbox_process.find(home)
    with for_machines(arguments.json) as write:
        where = f"{running.endpoint}, process {running.pid}, its time is {running.now}" if running else ""
        print(f"A sandbox serves {home}: {where}." if running else f"No sandbox serves {home}.")
        write({"running": running is not None, **(asdict(running) if running else {"home": home})})
    return ExitCode.DONE if running else ExitCode.CHECK_FAILED


def _reset(home: Path, arguments: argparse.Namespace) -> int:
    aside = sandbox_process.reset(home)
    print(f"A new account begins at the next start. The old files are in {aside}." if aside else "It was new already.")
    if home == sandbox_home():
        _reset_progress(arguments.yes)
    return ExitCode.DONE


def _reset_progress(yes: bool) -> None:
    """Put the progress aside where the learner says so, or ``--yes`` did; a script is asked nothing."""
    from helpers.lessons.progress import default_path

    if not default_path().exists():
        return
    if not yes and sys.stdin.isatty() and sys.stdout.isatty():
        answer = input("Shall every exercise be open again, too? Your progress is kept in another file. [y/N] ")
        yes = answer.strip().lower() in ("y", "yes")
    if yes:
        aside = put_aside(default_path(), datetime.now().astimezone().strftime("%Y-%m-%d"))
        print(f"Every exercise is open again. Your progress until now is in {shown(aside or default_path())}.")
    else:
        print("Your progress stays: `python -m helpers sandbox reset --yes` puts it aside, too.")


def _clock(home: Path, arguments: argparse.Namespace) -> int:
    running = _running(home)
    who = (running.endpoint, running.access_key_id, running.secret_access_key)
    try:
        if arguments.advance is not None:
            answer = sandbox_process.move_clock(*who, advance_seconds=arguments.advance)
        elif arguments.until is not None:
            answer = sandbox_process.move_clock(*who, until=arguments.until.isoformat())
        else:
            answer = sandbox_process.read_clock(*who)
    except sandbox_process.SandboxError as problem:
        raise usage(str(problem)) from problem
    print(answer["now"])
    return ExitCode.DONE


def _running(home: Path) -> sandbox_process.SandboxInfo:
    running = sandbox_process.find(home)
    if running is None:
        raise broken(f"No sandbox serves {home}: start it with `python -m helpers sandbox start`.")
    return running


_ACTIONS: Mapping[str, Callable[[Path, argparse.Namespace], int]] = {
    "start": _start,
    "env": _env,
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


def _time(text: str) -> datetime:
    if text == "now":
        return datetime.now(UTC).replace(microsecond=0)
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no time: write 2026-01-05T09:00:00Z") from None
    if time.year not in _YEARS:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {_YEARS[0]} and {_YEARS[-1]}")
    return time if time.tzinfo else time.replace(tzinfo=UTC)
