"""What the subcommands share: their parser, folders and notebooks as arguments, paths in answers, and JSON."""

import argparse
import contextlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from helpers.commands.errors import ExitCode, broken, usage

if TYPE_CHECKING:
    from helpers.lab import Lab


class CommandParser(argparse.ArgumentParser):
    """argparse, with one sentence instead of the whole usage for a mistake."""

    def error(self, message: str) -> NoReturn:
        self.exit(ExitCode.USAGE, f"{self.prog}: {message} (see {self.prog} --help)\n")


def folder(text: str) -> Path:
    """An absolute folder. An empty word, left by an unset variable, would be the working directory: it is refused."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name is no folder")
    return Path(text).expanduser().absolute()


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--json", nargs="?", const="-", type=_json_file, metavar="FILE",
        help="the result for machines: as JSON in FILE, or in place of the text where no FILE is named",
    )  # fmt: skip


def add_lab(parser: argparse.ArgumentParser, does: str, *, prefix_required: bool = False) -> None:
    """The arguments that name a lab, for :func:`opened`; ``does`` is what the command does in a real account."""
    parser.add_argument(
        "--prefix", required=prefix_required, default="demo", help="the lab's prefix, as given to open_lab"
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--mode", choices=("sandbox", "aws"), default="sandbox")
    parser.add_argument("--confirm-account", metavar="ID", help="with --mode aws: the full id of the account")
    parser.set_defaults(refuse=parser.error, does=does)


@contextlib.contextmanager
def opened(arguments: argparse.Namespace) -> "Iterator[Lab]":
    """The lab that the arguments of :func:`add_lab` name.

    What ``open_lab`` would refuse ends as a wrong use, before anything is started. Raises ``CommandError`` (the set-up
    is broken) where the lab cannot be opened, and where AWS does not answer as needed inside.
    """
    from helpers.lab import LabError, open_lab
    from helpers.lab.looks import AWS_ERRORS
    from helpers.lab.settings import check

    if arguments.mode == "aws" and not arguments.confirm_account:
        arguments.refuse(f"--mode aws {arguments.does} a real account: name it with --confirm-account ID")
    given = (arguments.mode, arguments.region, arguments.prefix, arguments.confirm_account)
    try:
        check(*given)
    except LabError as problem:
        arguments.refuse(str(problem))
    try:
        yield open_lab(*given)
    except LabError as problem:
        raise broken(str(problem)) from problem
    except AWS_ERRORS as problem:
        sentence = f"AWS did not answer as needed: {problem}. Nothing more was done; run this again."
        raise broken(sentence) from problem


def _json_file(text: str) -> str:
    if re.fullmatch(r"[0-9]{0,2}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no file for JSON: put the numbers of notebooks first")
    return text


@contextlib.contextmanager
def for_machines(target: str | None) -> Iterator[Callable[[object], None]]:
    """Gives the function that writes a result as ``--json`` asks; where that is standard output, it has only JSON.

    What is printed meanwhile goes to standard error then. Raises ``CommandError`` where the file cannot be written.
    """
    output = sys.stdout

    def write(result: object) -> None:
        text = json.dumps(result, indent=2, ensure_ascii=False, default=str) + "\n"
        try:
            if target == "-":
                output.write(text)
            elif target:
                Path(target).write_text(text, encoding="utf-8")
        except OSError as error:
            raise broken(f"cannot write {target} ({error.strerror}): choose another file after --json.") from None

    with contextlib.redirect_stdout(sys.stderr) if target == "-" else contextlib.nullcontext():
        yield write


def shown(path: Path) -> str:
    """A path as a reader wants it: from the working directory when it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def choose(numbers: Sequence[str], folder: Path) -> list[Path]:
    """The notebooks of these numbers (``5``, ``05`` or ``05_generate_traffic``) in the course's order."""
    there = {path.stem: path for path in sorted(folder.glob("[0-9][0-9]_*.ipynb"))}
    if not there:
        raise broken(f"there are no notebooks in {shown(folder)}: is this a complete checkout?")
    wanted = set()
    for text in numbers:
        stem = text.removesuffix(".ipynb")
        number = f"{int(stem):02}_" if re.fullmatch(r"[0-9]{1,4}", stem) else None
        named = [name for name in there if name == stem or (number and name.startswith(number))]
        if not named:
            raise usage(f"there is no notebook {text!r}; there are: {', '.join(there)}.")
        wanted.update(named)
    return [path for name, path in there.items() if not wanted or name in wanted]
