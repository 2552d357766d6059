"""``python -m helpers start-at``: an account in which everything that a notebook needs is there, in seconds.

It runs the build cells of the notebooks before, as ``lab.catch_up`` does. Exercises stay open: nothing is said to be
done that nobody did.
"""

import argparse
import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

from helpers._data import DEFAULT_HOME, NOTEBOOKS, in_home, sandbox_home
from helpers.commands.command_line import choose, folder, shown
from helpers.commands.errors import ExitCode
from helpers.commands.progress_line import Progress
from helpers.lab import LabError, open_lab, sandbox_process
from helpers.lab.looks import AWS_ERRORS
from helpers.lab.settings import check
from helpers.lessons.errors import LessonError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebook", metavar="NN", help="the notebook that shall be ready to begin, such as 07")
    add_seats(parser)


def add_seats(parser: argparse.ArgumentParser) -> None:
    """The arguments that name sandboxes and the lab in each."""
    parser.add_argument(
        "--home", type=folder, nargs="+", default=[], metavar="HOME",
        help="the folder of a sandbox, one for each seat (else FLOWLOGS_HOME, else .sandbox/)",
    )  # fmt: skip
    parser.add_argument("--prefix", default="demo", help="the lab's prefix, as given to open_lab")
    parser.set_defaults(refuse=parser.error)


def run(arguments: argparse.Namespace) -> int:
    """Prepare each seat and say what was done; 3 where one could not be prepared, after all others."""
    return start_at(arguments.notebook, arguments)


def start_at(notebook: str, arguments: argparse.Namespace, *, new: bool = False) -> int:
    """Catch up to ``notebook`` in each seat, after putting its account aside where ``new`` asks for it."""
    number = choose([notebook], NOTEBOOKS)[0].stem[:2]

    def prepare(home: Path) -> str:
        aside = sandbox_process.reset(home) if new else None
        caught_up = open_lab(prefix=arguments.prefix).catch_up(number)
        if caught_up.left_broken:
            raise LabError(f"{caught_up.left_broken} From a shell: `python -m helpers reset`")
        kept = f" The account before it is in {shown(aside)}." if aside else ""
        named = "" if home == DEFAULT_HOME else f" For its notebooks, set FLOWLOGS_HOME to {home}."
        return f"{shown(home)} is ready for {number}.{named}{kept}"

    return each_seat(arguments, prepare)


def each_seat(arguments: argparse.Namespace, act: Callable[[Path], str]) -> int:
    """Print what ``act`` says of each seat, whose sandbox runs on only where it ran before.

    A seat that fails does not stop the others; 3 then, after all of them. A wrong prefix touches no seat.
    """
    try:
        check("sandbox", "us-east-1", arguments.prefix)
    except LabError as problem:
        arguments.refuse(str(problem))
    homes = arguments.home or [sandbox_home()]
    failed = 0
    with Progress(sys.stderr) as line:
        for seat, home in enumerate(homes, start=1):
            line.say(f"seat {seat} of {len(homes)}")
            try:
                print(_in_seat(home, act), flush=True)
            # Of OSError: a condition that is awaited in vain (TimeoutError), and a file that cannot be written.
            except (LabError, LessonError, sandbox_process.SandboxError, OSError, *AWS_ERRORS) as problem:
                print(f"{shown(home)}: {_advice(problem, home if arguments.home else None)}", file=sys.stderr)
                failed += 1
    return ExitCode.SETUP if failed else ExitCode.DONE


def _in_seat(home: Path, act: Callable[[Path], str]) -> str:
    ran = sandbox_process.find(home) is not None
    try:
        with in_home(home):
            return act(home)
    finally:
        if not ran:
            sandbox_process.stop(home)


def _advice(problem: Exception, home: Path | None) -> str:
    """What went wrong; a reset that it advises is one of this home, and not of the reader's own."""
    named = f" --home {shlex.quote(shown(home))}" if home else ""
    return re.sub(r"python -m helpers (sandbox )?reset\b", lambda found: found[0] + named, str(problem))
