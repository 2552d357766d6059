"""The command line: ``python -m helpers SUBCOMMAND``; ``--help`` lists the subcommands.

Exit codes: 0 done, 1 a check failed, 2 used wrongly, 3 the set-up is broken.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence

from helpers.commands.command_line import CommandParser
from helpers.commands.errors import CommandError, ExitCode, broken

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python in a checkout gets this far
    print(f"Python 3.11 or newer is needed, and {sys.executable} is older: run `make setup`.", file=sys.stderr)
    sys.exit(3)

# Subcommand -> (its module in helpers.commands, with add_arguments(parser) and run(arguments); what it does).
_SUBCOMMANDS = {
    "run": ("run", "run notebooks headless, in order, in a sandbox of their own"),
    "lab": ("jupyterlab", "open JupyterLab on your own copies of the notebooks"),
    "start-at": ("start_at", "make an account in which all that a notebook needs is there"),
    "break": ("break_seat", "break one thing in a lab, for a learner to find"),
    "reset": ("reset", "repair a broken lab, or begin a new account at a notebook"),
    "status": ("status", "show the progress of a class, by seat"),
    "fresh": ("fresh", "put your copy of a notebook aside and take the shipped one"),
    "query": ("query", "run a Logs Insights query against log files, free of charge"),
    "sandbox": ("sandbox", "the offline AWS: start, stop, status, reset, clock"),
    "exercises": ("exercise_cells", "write the exercises' cells into the notebooks, from data/exercises"),
    "doctor": ("doctor", "say whether this machine is ready, and what to do if not"),
    "book": ("book", "build the course as a site from its executed notebooks and docs/"),
    "day": ("day", "make the recorded day of data/recorded_day anew from its scenario"),
    "preflight": ("preflight", "say whether an account is ready for a lab, and what it will cost"),
    "health": ("health", "check whether the flow logs of an account really work; it only reads"),
    "assumptions": ("assumptions", "try in an account what AWS does not document, and write down what was seen"),
    "writeup": ("write_up", "write the report of your lab: claims with their evidence, no account ids"),
    "teardown": ("teardown", "remove what the course made in an account"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] not in _SUBCOMMANDS:
        return _overview(words)
    module_name, purpose = _SUBCOMMANDS[words[0]]
    try:
        module = importlib.import_module(f"helpers.commands.{module_name}")
        parser = CommandParser(prog=f"python -m helpers {words[0]}", description=f"{purpose[0].upper()}{purpose[1:]}.")
        module.add_arguments(parser)
        return int(module.run(parser.parse_args(words[1:])))
    except (CommandError, ModuleNotFoundError) as error:
        mistake = _missing(error) if isinstance(error, ModuleNotFoundError) else error
        print(mistake, file=sys.stderr)
        return mistake.code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return ExitCode.CHECK_FAILED


def _overview(words: Sequence[str]) -> int:
    """Show the help that was asked for, or refuse what is no subcommand."""
    parser = CommandParser(prog="python -m helpers", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subcommand", choices=_SUBCOMMANDS, metavar="subcommand")
    parser.epilog = "\n".join(f"  {name:<12}{purpose}" for name, (_, purpose) in _SUBCOMMANDS.items())
    parser.parse_args(words)
    return ExitCode.USAGE


def _missing(error: ModuleNotFoundError) -> CommandError:
    if error.name and error.name.partition(".")[0] == "helpers":
        return broken(f"this checkout has no {error.name}: is it complete?")
    return broken(
        f"{error.name} is not installed in this Python ({sys.executable}): "
        "run `make setup` and use the Python of .venv."
    )


if __name__ == "__main__":
    sys.exit(main())
