"""``python -m helpers break 14.07``: break one thing in the lab of each seat, and print what somebody says about it."""

import argparse

from helpers.commands.command_line import shown
from helpers.commands.start_at import add_seats, each_seat
from helpers.lab import open_lab
from helpers.lessons import broken as break_lab
from helpers.lessons.content import broken_labs


def add_arguments(parser: argparse.ArgumentParser) -> None:
    numbers = [*broken_labs(), "random", "mystery"]
    parser.add_argument("number", metavar="14.NN", choices=numbers, help="the broken lab, or random, or mystery")
    add_seats(parser)


def run(arguments: argparse.Namespace) -> int:
    """Break each seat's lab; what is missing of it is built first. In the notebook, ``broken(lab)`` finds it."""
    number, prefix = arguments.number, arguments.prefix
    return each_seat(arguments, lambda home: f"{shown(home)}: {break_lab(open_lab(prefix=prefix), number)}")
