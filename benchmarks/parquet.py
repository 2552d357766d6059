"""Ten million flow records in a Parquet file: bytes on disk, and the memory that queries over it need.

    python -m benchmarks.parquet [--records 10000000]

Typed columns beside the message take at most 0.4 of the text's bytes; a process that opens the file and asks every
question of ``benchmarks.insights`` stays under 1 GiB of memory, libraries included.
"""

import argparse
import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.insights import QUESTIONS, START, flow_table
from helpers.insights import Database, open_logs, run

MOST_OF_TEXT = 0.4
MOST_BYTES = 2**30


def write(records: int, path: Path) -> int:
    """Writes generated records; returns the bytes of their text, one line each."""
    table = flow_table(records, False, Database(memory_limit="6GB"))
    table.to_parquet(path)
    return table.totals_in(0, 2**60)[1] + records


def ask(path: Path) -> int:
    """Asks every question; returns the most memory that it took, in bytes."""
    table = open_logs(path)
    for name, (text, _) in QUESTIONS.items():
        begun = time.perf_counter()
        result = run(text, table, START, START + 200_000)
        print(f"{name:20} {len(result):4} rows in {time.perf_counter() - begun:5.2f} s")
    return peak()


def peak() -> int:
    """The most memory this process has had. Linux passes ru_maxrss on to a child, so its own figure comes first."""
    status = Path("/proc/self/status")
    line = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return int(line[1]) * 1024 if line else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> int:
    """Writes, then asks in a process of its own; exit code 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--ask", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ask:
        most = ask(options.ask)
        print(f"most memory {most / 2**20:.0f} MiB (target {MOST_BYTES / 2**20:.0f})")
        return 0 if most < MOST_BYTES else 1
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "records.parquet"
        text = write(options.records, path)
        ratio = path.stat().st_size / text
        print(f"{options.records:,} records: {ratio:.3f} of the text's {text / 1e6:.0f} MB (target {MOST_OF_TEXT})")
        asking = [sys.executable, "-m", "benchmarks.parquet", "--ask", str(path)]
        inside = subprocess.run(asking, check=False).returncode
    return 0 if ratio <= MOST_OF_TEXT and inside == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
