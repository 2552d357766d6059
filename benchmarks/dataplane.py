"""Records and packets, as ratios within one run: ``python -m benchmarks.dataplane [--records N] [--conversations N]``.

* reading flow log text into a table against flowlogs-reader's records, clean (target: 20 at least) and with
  gaps (target: 12 at least);
* memory of a table's record against a Python dict of the same record (target: 0.5 at most);
* conversations traced and captured: processor seconds for 100,000 (target: 30 at most), and how much more a
  conversation costs at the end of the run than at its beginning (target: 1.5 at most).

Times are processor times: other programs disturb them less.
"""

import argparse
import json
import random
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from flowlogs_reader import FlowRecord as ReaderRecord  # type: ignore[import-untyped]

from helpers.flowlogs import DEFAULT_FORMAT, read_table
from helpers.traffic import Capture, Exchange, Talk, World, close, converse, next_close, observe, window_lengths
from tests.traffic.lab import B_PUBLIC, T0, Lab

ROUNDS = 5
READER_SHARE = 10  # the slow way reads every tenth line
TALKS = (Talk(22), Talk(8080), Talk(22, (Exchange(100, 900),)))
Figure = tuple[str, float, str, float]
"""Name, value, "at least" or "at most", target."""


def lines(count: int, gaps: bool) -> list[str]:
    """Records of a busy hour: a few interfaces, two thousand addresses; with gaps, one line in a hundred is NODATA."""
    draw = random.Random(1)
    interfaces = [f"eni-{draw.getrandbits(68):017x}" for _ in range(20)]
    made = []
    for number in range(count):
        head = f"2 123456789012 {draw.choice(interfaces)}"
        start = T0 + number // 500
        if gaps and number % 100 == 7:
            made.append(f"{head} - - - - - - - {start:.0f} {start + 60:.0f} - NODATA")
            continue
        ends = f"10.1.{draw.randrange(8)}.{draw.randrange(256)} 10.2.{draw.randrange(8)}.{draw.randrange(256)}"
        ports = f"{draw.randrange(1024, 65536)} {draw.choice((22, 80, 443, 3389))} 6"
        counts = f"{draw.randrange(1, 100)} {draw.randrange(40, 100_000)} {start:.0f} {start + 60:.0f}"
        made.append(f"{head} {ends} {ports} {counts} {draw.choice(('ACCEPT', 'REJECT'))} OK")
    return made


def timed(action: Callable[[], object]) -> float:
    began = time.process_time()
    action()
    return time.process_time() - began


def parsing(count: int, gaps: bool) -> float:
    """flowlogs-reader's time per record over ours, medians of interleaved rounds."""
    made = lines(count, gaps)
    text, some = "\n".join(made), made[::READER_SHARE]
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(timed(lambda: read_table(text)) / len(made))
        theirs.append(timed(lambda: [ReaderRecord.from_cwl_event({"message": line}) for line in some]) / len(some))
    return statistics.median(theirs) / statistics.median(ours)


def memory(count: int) -> float:
    """Bytes per record of a table over those of a dict per record."""
    made = lines(count, gaps=True)
    return _held(lambda: read_table(made)) / _held(lambda: [_as_dict(line) for line in made])


def _as_dict(line: str) -> dict[str, Any]:
    words = zip(DEFAULT_FORMAT.fields, line.split(), strict=True)
    return {field.attribute: None if word == "-" else int(word) if field.is_integer else word for field, word in words}


def _held(make: Callable[[], object]) -> int:
    tracemalloc.start()
    kept = make()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del kept
    return size


def conversations(count: int) -> tuple[float, float]:
    """Processor seconds for 100,000, and the last tenth's over the first tenth's."""
    lab = Lab()
    topology, intervals = lab.topology, window_lengths(lab.topology)
    source, connections, capture = lab.hosts["i-a-public"], lab.connections, Capture()
    marks, recorded, seen = [time.process_time()], 0, 0
    for number in range(count):
        at = T0 + number * 0.05
        world = World(topology, connections, lab.hosts)
        did = converse(source, B_PUBLIC, TALKS[number % len(TALKS)], world, at, f"conversation {number}")
        connections = did.connections
        seen += sum(len(sent.trace.sightings) for sent in did.packets)
        capture = observe(capture, did.packets, intervals)
        if (next_close(capture) or at) < at:
            records, capture = close(capture, topology, at)
            recorded += sum(record.packets or 0 for record in records)
        if (number + 1) % (count // 10) == 0:
            marks.append(time.process_time())
    records, _ = close(capture, topology, T0 + count)
    recorded += sum(record.packets or 0 for record in records)
    if recorded != seen:
        raise AssertionError(f"{seen} packets were seen and {recorded} recorded")
    return (time.process_time() - marks[0]) / count * 100_000, (marks[-1] - marks[-2]) / (marks[1] - marks[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=300_000)
    parser.add_argument("--conversations", type=int, default=100_000)
    given = parser.parse_args()
    seconds, growth = conversations(given.conversations)
    figures: list[Figure] = [
        ("read_table_over_flowlogs_reader", parsing(given.records, gaps=False), "at least", 20),
        ("read_table_with_gaps_over_flowlogs_reader", parsing(given.records, gaps=True), "at least", 12),
        ("table_memory_over_dicts", memory(given.records // 3), "at most", 0.5),
        ("seconds_per_100000_conversations", seconds, "at most", 30),
        ("last_conversations_over_first", growth, "at most", 1.5),
    ]
    missed = [name for name, value, sense, target in figures if (value > target) == (sense == "at most")]
    for name, value, sense, target in figures:
        print(f"{name:44} {value:8.2f}   {sense} {target}{'   MISSED' if name in missed else ''}", file=sys.stderr)
    shown = {name: {"value": round(value, 3), sense: target} for name, value, sense, target in figures}
    print(json.dumps({"figures": shown, "missed": missed}, indent=2))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
