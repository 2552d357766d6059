"""``python -m helpers writeup``: the learner's report, as Markdown and as one HTML file. The account is only read."""

import argparse

from helpers.commands.command_line import add_lab, folder, opened
from helpers.commands.errors import ExitCode, broken


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab(parser, "reads")
    parser.add_argument("--out", type=folder, metavar="DIR", help="where the files go (beside your progress, in my/)")


def run(arguments: argparse.Namespace) -> int:
    """Read, write the files, and say where they are.

    Raises ``CommandError`` (the set-up is broken) where the lab cannot be opened or read, or a file not be written.
    """
    from helpers.figures import network_figure
    from helpers.lab import LabError
    from helpers.lessons import LessonError, write_up

    with opened(arguments) as lab:
        print(lab)
        try:
            print(write_up(lab, network_figure).save(arguments.out))
        except (LabError, LessonError) as problem:
            raise broken(str(problem)) from problem
        except OSError as problem:
            raise broken(f"Cannot write the report: {problem}.") from problem
    return ExitCode.DONE
