"""``python -m helpers health``: do the flow logs of an account really work? It only reads."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from helpers import network
from helpers.commands import health_report
from helpers.commands.command_line import add_json, for_machines
from helpers.commands.errors import ExitCode, broken, usage
from helpers.health import SEVERITIES, HealthReport, Thresholds, examine, masked_reading
from helpers.lab import LabError, open_lab
from helpers.lab.account_reading import KEYS, VERSION, check_span
from helpers.lab.looks import AWS_ERRORS
from helpers.lab.settings import check

_EPILOG = """\
Exit codes: 0 nothing found at or above --fail-on, 1 something found, not read or not evaluated,
2 used wrongly, 3 the set-up is broken. docs/health-policy.json is the least policy that it needs.
"""
Reading = dict[str, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("--mode", choices=("sandbox", "aws"), default="sandbox")
    parser.add_argument("--confirm-account", metavar="ID", help="with --mode aws: the full id of the account")
    parser.add_argument(
        "--region", nargs="+", default=["us-east-1"], metavar="R", help="the Regions to read (us-east-1)"
    )
    parser.add_argument("--vpc", nargs="+", default=[], metavar="ID", help="judge only these VPCs")
    parser.add_argument(
        "--minutes", type=_minutes, default=60, metavar="N", help="read the records of the last N minutes (60)"
    )
    parser.add_argument(
        "--fail-on", choices=SEVERITIES[1:], default="low", help="the lightest finding that fails (low)"
    )
    names = ", ".join(f"{item.name}={_shown(item.default)}" for item in dataclasses.fields(Thresholds))
    parser.add_argument("--threshold", action="append", default=[], metavar="NAME=VALUE", help=f"of {names}")
    parser.add_argument("--junit", type=Path, metavar="F", help="write JUnit XML, a case for each check")
    add_json(parser)
    parser.add_argument("--save", type=Path, metavar="F", help="keep what was read, for --from")
    parser.add_argument("--from", type=Path, dest="saved", metavar="F", help="judge a kept reading; nothing is called")
    parser.add_argument(
        "--mask", action="store_true", help="another number for each account id, in all that is written"
    )
    parser.set_defaults(refuse=parser.error)


def _minutes(text: str) -> float:
    try:
        check_span(minutes := float(text))
    except (LabError, ValueError) as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem
    return minutes


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def run(arguments: argparse.Namespace) -> int:
    """Read, judge, print and write. Raises ``CommandError`` for what can be expected to go wrong."""
    thresholds = _thresholds(arguments)
    readings = _kept(arguments.saved) if arguments.saved else _read(arguments)
    if arguments.mask:
        readings = [masked_reading(reading) for reading in readings]
    try:
        reports = [examine(reading, thresholds, vpcs=arguments.vpc) for reading in readings]
    except ValueError as problem:
        raise usage(f"{arguments.saved or 'The reading'}: {problem}.") from problem
    seen = {vpc["VpcId"] for reading in readings for vpc in reading["network"].get("Vpcs", [])}
    if (strange := sorted(set(arguments.vpc) - seen)) and not any("Vpcs" in dict(report.unread) for report in reports):
        raise usage(f"There is no VPC {strange[0]} in what was read.")  # of which nothing is wrong
    _write(arguments, readings, reports)
    with for_machines(arguments.json) as write:
        write(health_report.as_json(reports))
        print("\n\n".join(map(str, reports)))
    if not seen:  # an account without a VPC has nothing that could be wrong, and nothing that could be right
        print("Nothing was evaluated: what was read has no VPC.", file=sys.stderr)
    failed = any(report.at_least(arguments.fail_on) or report.unread or report.incomplete for report in reports)
    return ExitCode.CHECK_FAILED if failed or not seen else ExitCode.DONE


def _thresholds(arguments: argparse.Namespace) -> Thresholds:
    known = {item.name: item.default for item in dataclasses.fields(Thresholds)}
    given: dict[str, Any] = {}
    for word in arguments.threshold:
        name, _, text = word.partition("=")
        if name not in known or not text:
            arguments.refuse(f"--threshold takes NAME=VALUE, with NAME one of {', '.join(known)}, not {word!r}")
        try:
            given[name] = _like(known[name], text)
        except ValueError:
            arguments.refuse(f"--threshold {name} takes numbers, not {text!r}")
    try:
        return Thresholds(**given)
    except ValueError as problem:
        raise usage(f"--threshold: {problem}.") from problem


def _like(default: Any, text: str) -> Any:
    """A text as a value of the type that another has; a share or a time may be broken."""
    if isinstance(default, tuple):
        return tuple(_like(default[0], part) for part in text.split(","))
    return text if isinstance(default, str) else float(text) if not text.isdigit() else int(text)


def _read(arguments: argparse.Namespace) -> list[Reading]:
    if arguments.mode == "aws" and not arguments.confirm_account:
        arguments.refuse("--mode aws reads a real account: name it with --confirm-account ID")
    try:
        for region in arguments.region:
            check(arguments.mode, region, "health", arguments.confirm_account)
    except LabError as problem:
        arguments.refuse(str(problem))
    try:
        lab = open_lab(arguments.mode, arguments.region[0], "health", arguments.confirm_account)
        return [lab.reading(region=region, minutes=arguments.minutes) for region in arguments.region]
    except LabError as problem:
        raise broken(str(problem)) from problem
    except AWS_ERRORS as problem:
        raise broken(f"AWS did not answer as needed: {problem}. Nothing was changed.") from problem


def _kept(path: Path) -> list[Reading]:
    """The readings of a file of ``--save``, whole: a part that is not there would look like one that is empty."""
    try:
        readings = list(json.loads(path.read_text(encoding="utf-8"))["readings"])
        versions = [reading["version"] for reading in readings]
        missing = [name for reading in readings for name in _missing(reading)]
    except OSError as problem:
        raise usage(f"Cannot read {path}: {problem.strerror}.") from problem
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise usage(f"{path} is no file of --save.") from problem
    if strange := [version for version in versions if version != VERSION]:
        raise usage(f"{path} is of version {strange[0]!r}, not {VERSION}: read the account again.")
    if missing:
        raise usage(f"{path} is not whole: a reading has no {missing[0]}.")
    return readings


def _missing(reading: Reading) -> list[str]:
    """What :meth:`helpers.lab.Lab.reading` always gives, and this reading lacks."""
    asked = network.read_pages(lambda *_, **__: ())
    return sorted(KEYS - reading.keys()) or sorted(asked.keys() - dict(reading["network"]).keys())


def _write(arguments: argparse.Namespace, readings: Sequence[Reading], reports: Sequence[HealthReport]) -> None:
    texts = (
        (arguments.save, json.dumps({"readings": readings}) + "\n"),
        (arguments.junit, health_report.as_junit(reports, arguments.fail_on)),
    )
    for path, text in texts:
        if path is not None:
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            except OSError as problem:
                raise broken(f"Cannot write {path}: {problem.strerror}.") from problem
