"""The sandbox's process: ``python -m helpers.sandbox --home DIR`` serves a home until it is stopped.

Prints one JSON line when it is ready. ``python -m helpers sandbox start`` runs this in the background.
"""

import argparse
import gc
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import orjson

from helpers.commands.command_line import CommandParser
from helpers.commands.errors import ExitCode
from helpers.sandbox.process.home import DISK_FULL, Home, HomeIdentity, new_identity

if TYPE_CHECKING:
    from helpers.sandbox.process.server import Server


def main(arguments: list[str] | None = None) -> int:
    gc.disable()  # to look for garbage while all is imported takes a fifth of a start
    from helpers.sandbox.process import server

    gc.freeze()  # what is imported stays, and is not looked through again
    gc.set_threshold(20_000, 20, 20)  # as often as Python does it by itself, it took a tenth of the time
    gc.enable()
    parser = CommandParser(prog="python -m helpers.sandbox", description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--start-at", type=float, help="epoch seconds at which a new account's time begins")
    parser.add_argument("--seed", type=int, help="seed of a new account's identifiers")
    parser.add_argument("--role-delay", type=float, help="seconds before a service can assume a new role; kept")
    parser.add_argument("--idle-seconds", type=float, default=server.DEFAULT_IDLE_SECONDS)
    options = parser.parse_args(arguments)
    home = Home(options.home)
    try:
        home.prepare()
        server.run(home, lambda: _identity(home, options), options.idle_seconds, _announce)
    except server.FAILURES as problem:
        print(problem, file=sys.stderr)
        return ExitCode.SETUP
    except OSError as problem:
        print(_unusable(home, problem), file=sys.stderr)
        return ExitCode.SETUP
    return ExitCode.DONE


def _unusable(home: Home, problem: OSError) -> str:
    if problem.errno in DISK_FULL:
        return (
            f"The disk that holds {home.folder} is full. Nothing that was answered is lost: make room on it and start "
            f"again."
        )
    where = problem.filename or home.folder
    return (
        f"The sandbox cannot use {where} ({problem.strerror or problem}). Give it back to its owner or move it away; "
        f"`python -m helpers sandbox reset` starts afresh and keeps the old files."
    )


def _leave(code: int) -> NoReturn:
    """End at once: all is written and closed, and on its way out a library would fill the log with its own leaks."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _identity(home: Home, options: argparse.Namespace) -> HomeIdentity:
    """The home's identity. An account that has a history keeps its beginning, its seed and its region.

    The delay of roles may change: what was let through is in the journal, and is not judged again.
    Raises :class:`HomeUnusable`.
    """
    begun, known = home.beginning(), home.identity()
    identity = known or new_identity(begun.role_delay if begun else 0.0)
    wanted = {"role_delay": options.role_delay}
    if begun:
        wanted |= {"seed": begun.seed, "start_at": begun.start_at, "region": begun.region}
    else:
        wanted |= {"seed": options.seed, "start_at": options.start_at}
    return replace(identity, **{name: value for name, value in wanted.items() if value is not None})


def _announce(running: "Server") -> None:
    from helpers.sandbox.process.http import iso

    identity = running.identity
    line = {
        "endpoint": f"http://127.0.0.1:{identity.port}",
        "access_key_id": identity.access_key_id,
        "secret_access_key": identity.secret_access_key,
        "region": identity.region,
        "home": str(running.home.folder),
        "pid": running.pid,
        "now": iso(running.account.now()),
    }
    sys.stdout.write(orjson.dumps(line).decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    _leave(main())
