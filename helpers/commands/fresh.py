"""``python -m helpers fresh NN``: a learner's copy of a notebook put aside, and the shipped one in its place.

Also what ``lab`` needs of it: copying to ``my/`` what is not there yet, and never overwriting.
"""

import argparse
from datetime import datetime
from pathlib import Path

from helpers._data import MY, NOTEBOOKS
from helpers.commands.command_line import choose, shown
from helpers.commands.errors import ExitCode, broken
from helpers.lab.copies import copy_notebook


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="+", metavar="NN", help="the notebook's number, for example 05")


def run(arguments: argparse.Namespace) -> int:
    today = datetime.now().astimezone().strftime("%Y-%m-%d")
    for shipped in choose(arguments.notebooks, NOTEBOOKS):
        aside = put_aside(MY / shipped.name, today)
        copy_missing([shipped], MY)
        kept = f"; your version is kept as {shown(aside)}" if aside else ""
        print(f"{shown(MY / shipped.name)} is the shipped notebook{kept}.")
    return ExitCode.DONE


def put_aside(mine: Path, today: str) -> Path | None:
    """Rename the learner's notebook to carry a date, never over an earlier one; None when there was none."""
    if not mine.exists():
        return None
    for number in range(1, 1000):
        mark = today if number == 1 else f"{today}-{number}"
        aside = mine.with_name(f"{mine.stem}.{mark}{mine.suffix}")
        if not aside.exists():
            try:
                return mine.rename(aside)
            except OSError as error:
                raise broken(f"cannot put {shown(mine)} aside: {error.strerror}.") from None
    raise broken(f"{shown(mine.parent)} holds a thousand versions of {mine.name} from today: tidy up first.")


def copy_missing(shipped: list[Path], folder: Path) -> list[Path]:
    """Copy the notebooks that ``folder`` does not have, and return the copies."""
    copies = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in shipped:
            target = folder / source.name
            if not target.exists():
                copy_notebook(source, target)
                copies.append(target)
    except OSError as error:
        raise broken(f"cannot write to {shown(folder)}: {error.strerror}.") from None
    return copies
