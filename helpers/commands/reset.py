"""``python -m helpers reset``: repair a broken lab; with ``--to``, begin a new account at a notebook."""

import argparse
from pathlib import Path

from helpers.commands.command_line import shown
from helpers.commands.start_at import add_seats, each_seat, start_at
from helpers.lab import open_lab, sandbox_process


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", metavar="NN", help="put the account aside, and make one ready for this notebook")
    add_seats(parser)


def run(arguments: argparse.Namespace) -> int:
    """As ``start-at``, in a new account; without ``--to``, end a broken lab. A learner's progress stays in both."""
    if arguments.to is not None:
        return start_at(arguments.to, arguments, new=True)
    return each_seat(arguments, lambda home: f"{shown(home)}: the lab is {_put_back(home, arguments.prefix)}.")


def _put_back(home: Path, prefix: str) -> str:
    from helpers.lessons.broken_lab import put_back  # takes half a second to load

    if not sandbox_process.has_history(home):
        raise sandbox_process.SandboxError("there is no sandbox there with an account: nothing was put back.")
    return "put back to what it was before the break" if put_back(open_lab(prefix=prefix)) else "not broken"
