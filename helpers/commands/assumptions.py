"""``python -m helpers assumptions``: try in an account what AWS does not document, and write down what was seen."""

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING

from helpers.commands.command_line import add_json, add_lab, for_machines, opened
from helpers.commands.errors import ExitCode, usage

if TYPE_CHECKING:
    from helpers.lab import Lab
    from helpers.lab.experiments import Observation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from helpers.lab.experiments import experiments

    parser.add_argument("ids", nargs="*", metavar="ID", help=f"of {', '.join(experiments())}; all when none is given")
    add_lab(parser, "makes small things in")
    parser.set_defaults(prefix="assume")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the experiments, print a text for the issue form for each, remove all; 1 where one saw something else.

    Raises ``CommandError`` where an id is not known, where the prefix has a lab already (all of it would be removed),
    where the lab cannot be opened or AWS does not answer as needed.
    """
    from helpers.lab.experiments import as_form, experiments

    known = experiments()
    if unknown := [name for name in arguments.ids if name not in known]:
        raise usage(f"there is no experiment for {', '.join(unknown)}; there are: {', '.join(known)}.")
    seen: dict[str, list[Observation]] = {}
    problems: dict[str, str] = {}
    with opened(arguments) as lab, for_machines(arguments.json) as write:
        print(lab, flush=True)
        if (there := lab.teardown.verify()) or there.elsewhere:
            print(f"\n{there}")
            raise usage(
                f"the experiments remove all of the lab {lab.prefix!r}, and it has resources already, or not all could "
                f"be seen. Take a --prefix without a lab, or look with `{lab.teardown_command()} --dry-run`."
            )
        try:
            for name in arguments.ids or known:
                seen[name], problems[name] = _observed(lab, name)
                print(f"\n{as_form(lab, name, seen[name], problems[name])}", flush=True)
        finally:
            print("\nRemoving what was made. After a flow log, the last delivery is waited for.", flush=True)
            lab.teardown.run()
            left = lab.teardown.verify()
            print(left)
        write({"seen": {name: list(map(asdict, each)) for name, each in seen.items()}, "problems": problems})
    good = not left and not any(problems.values()) and all(each.as_chosen for all_ in seen.values() for each in all_)
    return ExitCode.DONE if good else ExitCode.CHECK_FAILED


def _observed(lab: "Lab", name: str) -> "tuple[list[Observation], str]":
    """What an experiment saw, as far as it came, and why it did not come further."""
    from helpers.lab import LabError
    from helpers.lab.experiments import experiments
    from helpers.lab.looks import AWS_ERRORS

    seen: list[Observation] = []
    try:
        for observation in experiments()[name](lab):
            seen.append(observation)
    except (*AWS_ERRORS, LabError, TimeoutError) as problem:
        return seen, f"{type(problem).__name__}: {problem}"
    return seen, ""
