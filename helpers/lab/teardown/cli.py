"""``python -m helpers teardown``: take a lab down from a shell, whether or not a notebook ever ran."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from helpers.lab.access import LabError
from helpers.lab.lab import open_lab
from helpers.lab.parameters import check
from helpers.lab.teardown.teardown import Teardown

DONE, LEFT, MISUSED, BROKEN = 0, 1, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Print the plan, do it, verify. 0: nothing is left; 1: something is; 2: used wrongly; 3: the set-up is broken."""
    parser = _parser()
    try:
        options = parser.parse_args(argv)
        if options.mode == "aws" and not options.confirm_account:
            parser.error("--mode aws deletes in a real account: name it with --confirm-account ID")
        _must_make_sense(parser, options)
    except SystemExit as end:
        return int(end.code or 0)
    try:
        return _teardown(options)
    except LabError as problem:
        print(problem, file=sys.stderr)
        return BROKEN
    except (BotoCoreError, ClientError) as problem:
        print(f"AWS did not answer as needed: {problem}. Nothing more was done; run this again.", file=sys.stderr)
        return BROKEN


class _Parser(argparse.ArgumentParser):
    """argparse, with one sentence instead of the whole usage for a mistake."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m helpers teardown", description="Delete everything of one lab.")
    parser.add_argument("--prefix", required=True, help="the lab's prefix, as given to open_lab")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--mode", choices=("sandbox", "aws"), default="sandbox")
    parser.add_argument("--confirm-account", metavar="ID", help="with --mode aws: the full id of the account")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    return parser


def _must_make_sense(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """What open_lab would refuse is a wrong use, seen before anything is started."""
    try:
        check(options.mode, options.region, options.prefix)
    except LabError as problem:
        parser.error(str(problem))


def _teardown(options: argparse.Namespace) -> int:
    lab = open_lab(options.mode, options.region, options.prefix, options.confirm_account)
    teardown = Teardown(lab)
    plan = teardown.plan()
    print(lab, plan, sep="\n\n")
    if options.dry_run:
        return DONE
    if plan:
        print("\nThis takes a while: instances end, and the last records are waited for.", flush=True)
        print("\n" + str(teardown.run(plan)))
    left = teardown.verify()
    print("\n" + str(left))
    return LEFT if left else DONE
