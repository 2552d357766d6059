"""``python -m helpers day``: make the recorded day anew from its scenario; the same files, byte for byte."""

import argparse
import json
from collections import Counter
from dataclasses import asdict
from operator import attrgetter
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from helpers.commands.errors import ExitCode
from helpers.flowlogs import Field
from helpers.flowlogs.recorded_day import DAY_FILE, DAY_FORMAT, TRUTH_FILE
from helpers.traffic.scenarios import Recording, Scenario, load, record

SEED, START = 1, 1_767_225_600  # 2026-01-01, a Thursday
_HOUR = 3600
_TYPES = {"int32": "INTEGER", "int64": "BIGINT", "string": "VARCHAR"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", type=Path, default=DAY_FILE.parent, metavar="DIR", help="where to (data/recorded_day)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of the draws ({SEED}: the day that is shipped)")


def run(arguments: argparse.Namespace) -> int:
    """Write ``records.parquet`` and ``truth.json``."""
    scenario = load("recorded_day")
    recording = record(scenario, arguments.seed, START)
    arguments.to.mkdir(parents=True, exist_ok=True)
    write_parquet(recording, arguments.to / DAY_FILE.name)
    (arguments.to / TRUTH_FILE.name).write_text(_truth(recording, scenario, arguments.seed))
    print(f"{len(recording.records):,} records in {arguments.to}")
    return ExitCode.DONE


def write_parquet(recording: Recording, path: Path) -> None:
    """The records with every field of the versions 2 to 5, one column each."""
    columns = {field.attribute: _column(recording, field) for field in DAY_FORMAT.fields}
    typed = ", ".join(
        f'CAST(nullif("{field.attribute}", {_literal(field)}) AS {_TYPES[field.type]}) AS "{field.attribute}"'
        for field in DAY_FORMAT.fields
    )
    target = str(path).replace("'", "''")
    how = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, ROW_GROUP_SIZE 1000000"
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("recorded", columns)
        connection.execute(f"COPY (SELECT {typed} FROM recorded) TO '{target}' ({how})")


def _column(recording: Recording, field: Field) -> "np.ndarray[Any, Any]":
    """A field of all records, with a stand-in for what a record does not have."""
    gap = _gap(field)
    values: list[Any] = list(map(attrgetter(field.attribute), recording.records))
    if field.name == "version":
        values = [DAY_FORMAT.version] * len(values)
    return np.array([gap if value is None else value for value in values], np.int64 if field.is_integer else object)


def _gap(field: Field) -> int | str:
    return -1 if field.is_integer else ""


def _literal(field: Field) -> str:
    return "-1" if field.is_integer else "''"


def _truth(recording: Recording, scenario: Scenario, seed: int) -> str:
    """What happened, and the two hours in which most attacks begin."""
    begun = Counter((each.start - START) // _HOUR for each in recording.truth if not each.benign)
    first = max(range(23), key=lambda hour: (begun[hour] + begun[hour + 1], -hour))
    hours = [START + first * _HOUR, START + (first + 2) * _HOUR]
    document = {"start": START, "seconds": 24 * _HOUR, "records": len(recording.records), "seed": seed}
    network = scenario.timeline[0][1]
    machines = {}
    for name, interface_id in scenario.machines.items():
        at = network.interface(interface_id)
        ids = {"account": at.account_id, "vpc": at.vpc_id, "subnet": at.subnet_id, "instance": at.instance_id}
        machines[name] = {"address": scenario.addresses[name], "interface": interface_id, **ids}
    events = [asdict(each) for each in recording.truth]
    lines = ",\n".join(f"  {json.dumps(event)}" for event in events)
    head = json.dumps({**document, "attack_hours": hours, "machines": machines}, indent=1)[:-2]
    return f'{head},\n "events": [\n{lines}\n ]\n}}\n'
