"""The command line: ``python -m helpers SUBCOMMAND``; ``--help`` lists the subcommands.

Exit codes: 0 done, 1 a check failed, 2 used wrongly, 3 the set-up is broken.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NoReturn

from helpers.commands.errors import CommandError, ExitCode, broken

if sys.version_info < (3, 11):  # noqa: UP036 - an old Python in a checkout gets this far
    print(f"Python 3.11 or newer is needed, and {sys.executable} is older: run `make setup`.", file=sys.stderr)
    sys.exit(3)

# Subcommand -> (module, what it does). A module of helpers.commands has add_arguments(parser) and
# run(arguments); the others read their own arguments in main(argv).
_OURS = {
    "run": ("helpers.commands.run", "run notebooks headless, in order, in a sandbox of their own"),
    "lab": ("helpers.commands.jupyterlab", "open JupyterLab on your own copies of the notebooks"),
    "fresh": ("helpers.commands.fresh", "put your copy of a notebook aside and take the shipped one"),
    "query": ("helpers.commands.query", "put a Logs Insights query to log files, for nothing"),
    "sandbox": ("helpers.commands.sandbox", "the offline AWS: start, stop, status, reset, clock"),
    "doctor": ("helpers.commands.doctor", "say whether this machine is ready, and what to do if not"),
}
_THEIRS = {
    "teardown": ("helpers.lab.teardown", "remove what the course made in an account"),
}


class _Parser(argparse.ArgumentParser):
    """argparse, with one sentence instead of the whole usage for a mistake."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words and words[0] in _THEIRS:
            module = importlib.import_module(_THEIRS[words[0]][0])
            return int(module.main(words[1:]))
        if words and words[0] in _OURS:
            module = importlib.import_module(_OURS[words[0]][0])
            parser = _Parser(prog=f"python -m helpers {words[0]}", description=_OURS[words[0]][1])
            module.add_arguments(parser)
            return int(module.run(parser.parse_args(words[1:])))
    except (CommandError, ModuleNotFoundError) as error:
        mistake = _missing(error) if isinstance(error, ModuleNotFoundError) else error
        print(mistake, file=sys.stderr)
        return mistake.code
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return ExitCode.CHECK_FAILED
    parser = _Parser(prog="python -m helpers", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("subcommand", choices=[*_OURS, *_THEIRS], metavar="subcommand")
    parser.epilog = "\n".join(f"  {name:<10}{does}" for name, (_, does) in {**_OURS, **_THEIRS}.items())
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
