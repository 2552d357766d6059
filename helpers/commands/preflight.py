"""``python -m helpers preflight``: whether an account is ready for the course, and what the course will cost there."""

import argparse
import json
from dataclasses import asdict

from helpers.commands.command_line import add_json, add_lab, for_machines, opened
from helpers.commands.errors import ExitCode


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_lab(parser, "asks")
    parser.add_argument("--policy", action="store_true", help="print docs/learner-policy.json for this lab and account")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print each line, ok, warn or stop; 1 where one stops.

    Raises ``CommandError`` (the set-up is broken) where the lab cannot be opened or AWS does not answer as needed.
    """
    from helpers.lab.readiness import learner_policy, preflight

    with opened(arguments) as lab, for_machines(arguments.json) as write:
        if arguments.policy:
            _, partition, _, _, account, _ = lab.client("sts").get_caller_identity()["Arn"].split(":", 5)
            policy = learner_policy(lab.prefix, account, partition, lab.given_roles)
            print(json.dumps(policy, indent=2))
            write(policy)
            return ExitCode.DONE
        found = preflight(lab)
        print(lab, found, sep="\n\n")
        write({"ready": not found.stops, **asdict(found)})
    return ExitCode.CHECK_FAILED if found.stops else ExitCode.DONE
