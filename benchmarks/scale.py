"""A query over files against what one would write by hand: awk over text, DuckDB over Parquet; ratios in one run.

    python -m benchmarks.scale [--lines 5000000] [--records 1000000 10000000] [--rounds 5]

Bars: one question over one gzip file no slower than ``zcat | awk``; a question over all lines 2.5 times as fast as
awk; less than 500 MiB; over Parquet at most 1.15 of hand-written DuckDB, and less than 1.5 GiB; less than 5 ms for a
query of nothing. The command runs here without the start of Python. Counted is processor time, of awk and zcat as
well: other work on the machine changes it less than a clock on the wall.
"""

import argparse
import contextlib
import gzip
import io
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.insights import QUESTIONS, alternately, by_engine, flow_table, small
from benchmarks.parquet import peak
from benchmarks.parquet import write as write_parquet
from helpers.__main__ import main as command
from helpers.insights import Database, open_logs

REJECTS = 'filter action = "REJECT" | stats count(*) as n by srcAddr | sort n desc | limit 20'
PAIRS = "stats sum(bytes) as b by srcAddr, dstAddr | sort b desc | limit 20"
AWK = {REJECTS: '$13 == "REJECT" {n[$4]++}', PAIRS: '{n[$4 " " $5] += $10}'}
MOST_BYTES = 500 * 2**20
MOST_OF_DUCKDB = 1.15
MOST_BYTES_OF_PARQUET = 3 * 2**29
MOST_FIXED = 0.005


def spent() -> float:
    """Seconds that this process and those that it waited for have used."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def write_text(lines: int, folder: Path) -> None:
    """The same records as plain and as packed text."""
    table = flow_table(lines, False, Database(memory_limit="6GB"))
    rows = f"SELECT message FROM {table.source} ORDER BY seq"
    form = "(FORMAT csv, HEADER false, DELIMITER '\x01', QUOTE '')"
    table.database.cursor().execute(f"COPY ({rows}) TO '{folder}/records.log' {form}")
    with (folder / "records.log").open("rb") as plain, gzip.open(folder / "records.log.gz", "wb", 6) as packed:
        shutil.copyfileobj(plain, packed)


def by_command(text: str, path: Path) -> Callable[[], object]:
    """``python -m helpers query``, its bill included."""

    def ask() -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert command(["query", text, str(path), "--output", "csv"]) == 0

    return ask


def by_awk(text: str, path: Path) -> Callable[[], object]:
    """The same sums by awk, sorted."""
    read = f"zcat {path} | awk" if path.suffix == ".gz" else "awk"
    given = "" if path.suffix == ".gz" else str(path)
    script = f"{read} '{AWK[text]} END {{for (k in n) print n[k], k}}' {given} | sort -rn | head -20"
    return lambda: subprocess.run(["sh", "-c", script], check=True, stdout=subprocess.DEVNULL)


def over_text(folder: Path, rounds: int) -> bool:
    """Prints command / awk for each question and file; whether every bar is met."""
    met = True
    for text, name, most in (
        (REJECTS, "records.log.gz", 1.0),
        (PAIRS, "records.log.gz", 1 / 2.5),
        (PAIRS, "records.log", 1 / 2.5),
    ):
        ours, theirs = alternately(by_command(text, folder / name), by_awk(text, folder / name), rounds, spent)
        met &= ours / theirs <= most
        what = "rejects" if text == REJECTS else "all lines"
        print(
            f"{what:9} {name:15} {ours:6.2f} s  awk {theirs:6.2f} s  ratio {ours / theirs:5.2f} (bar {most:.2f})",
            flush=True,
        )
    print(f"most memory {peak() / 2**20:.0f} MiB (bar {MOST_BYTES / 2**20:.0f})")
    return met and peak() < MOST_BYTES


def over_parquet(path: Path, records: int, rounds: int) -> bool:
    """Prints engine / hand-written for each question; whether the bar is met."""
    table, worst = open_logs(path, once=True), 0.0
    names = {column.column: f'"{column.name}"' for column in table.columns}
    for name, (text, sql) in QUESTIONS.items():
        for column in sorted(names, key=len, reverse=True):
            sql = sql.replace(column, names[column])
        statement = sql.replace("{t}", f"read_parquet('{path}')")
        ours, theirs = alternately(by_engine(text, table), by_hand_on(table.database, statement), rounds, spent)
        worst = max(worst, ours / theirs)
        print(f"{records:10,} {name:20} {ours:7.4f} s  by hand {theirs:7.4f} s  ratio {ours / theirs:5.2f}")
    print(f"largest ratio {worst:.2f} (bar {MOST_OF_DUCKDB})")
    print(f"most memory so far {peak() / 2**20:.0f} MiB (bar {MOST_BYTES_OF_PARQUET / 2**20:.0f})", flush=True)
    return worst <= MOST_OF_DUCKDB and peak() < MOST_BYTES_OF_PARQUET


def by_hand_on(database: Database, statement: str) -> Callable[[], object]:
    """The way of an author who knows the file."""
    return lambda: database.cursor().execute(statement).fetchall()


def main() -> int:
    """Writes in processes of their own, then compares; exit code 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=5_000_000)
    parser.add_argument("--records", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        count, target = int(options.write[0]), Path(options.write[1])
        if target.suffix == ".parquet":
            write_parquet(count, target)
        else:
            write_text(count, target)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        targets = {folder: options.lines, **{folder / f"{n}.parquet": n for n in options.records}}
        for target, count in targets.items():
            writing = [sys.executable, "-m", "benchmarks.scale", "--write", str(count), str(target)]
            subprocess.run(writing, check=True)
        met = [over_text(folder, options.rounds)]
        met += [
            over_parquet(target, count, options.rounds * 3) for target, count in targets.items() if target != folder
        ]
    _, fixed = small(options.rounds, time.perf_counter)
    print(f"fixed cost {fixed * 1000:.2f} ms (bar {MOST_FIXED * 1000:.0f})")
    return 0 if all(met) and fixed < MOST_FIXED else 1


if __name__ == "__main__":
    sys.exit(main())
