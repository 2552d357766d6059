"""``python -m helpers teardown``: take a lab down from a shell, whether or not a notebook ever ran."""

import argparse
import sys
from dataclasses import asdict

from helpers.commands.command_line import add_json, add_lab, for_machines, opened
from helpers.commands.errors import ExitCode
from helpers.commands.progress_line import Progress
from helpers.lab import Lab


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab(parser, "deletes in", prefix_required=True)
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan, do it, verify; 0 when nothing is left, 1 when something is or could not be looked at.

    Raises ``CommandError`` (the set-up is broken) where the lab cannot be opened or AWS does not answer as needed.
    """
    with opened(arguments) as lab:
        return _take_down(lab, arguments)


def _take_down(lab: Lab, arguments: argparse.Namespace) -> int:
    with for_machines(arguments.json) as write:
        plan = lab.teardown.plan()
        print(lab, plan, sep="\n\n", flush=True)
        if arguments.dry_run:
            write({"plan": asdict(plan)})
            return ExitCode.DONE
        report = None
        if plan:
            print("\nThis takes a while: instances end, and the last records are waited for.", flush=True)
            with Progress(sys.stderr) as line:
                report = lab.teardown.run(plan, lambda number, step: line.say(f"step {number} of {len(plan)}, {step}"))
            print(f"\n{report}")
        left = lab.teardown.verify()
        print(f"\n{left}")
        write({"plan": asdict(plan), "report": asdict(report) if report else None, "left": asdict(left)})
    return ExitCode.CHECK_FAILED if left else ExitCode.DONE
