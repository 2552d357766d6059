"""Twenty learners on one machine: ``python -m benchmarks.seats``.

Each seat has an account of its own, made by ``start-at 07``. All kernels start at the same moment and run the first
cells of 07, up to what it needs. Targets: the last answer comes within 90 s, and a seat that is reset meanwhile changes
nothing for the others. The resident memory of all kernels and sandboxes is printed.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager, start_new_kernel

from helpers.__main__ import main as helpers
from helpers._data import NOTEBOOKS
from helpers.lab import sandbox_process
from helpers.lab.notebook_file import read_notebook, source_of

SEATS = 20
TARGET_SECONDS = 90.0
UP_TO = 'lab.catch_up("07")'
LOOK = "print(lab.client('ec2').describe_vpcs()['Vpcs'], lab.client('logs').describe_log_groups()['logGroups'])"


def first_cells() -> list[str]:
    """The sources of 07's code cells up to the one that catches up."""
    cells = [source_of(cell) for cell in read_notebook(NOTEBOOKS / "07_insights_queries.ipynb")["cells"]
             if cell["cell_type"] == "code"]  # fmt: skip
    return cells[: cells.index(UP_TO) + 1]


class Seat:
    """A kernel with a home of its own, and what it answered."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.answers: list[str] = []
        self.seconds = 0.0
        self.kernel: tuple[KernelManager, BlockingKernelClient] | None = None

    def begin(self) -> None:
        """Start the kernel and run the first cells."""
        begun = time.monotonic()
        self.kernel = start_new_kernel(env={**os.environ, "FLOWLOGS_HOME": str(self.home)})
        for source in first_cells():
            self.run(source)
        self.seconds = time.monotonic() - begun

    def run(self, source: str) -> None:
        """Run one cell. Raises ``RuntimeError`` where it fails."""
        assert self.kernel is not None

        def keep(message: dict[str, dict[str, str]]) -> None:
            self.answers.append(message["content"].get("text", ""))

        reply = self.kernel[1].execute_interactive(source, output_hook=keep, timeout=300)
        if reply["content"]["status"] != "ok":
            raise RuntimeError(f"{self.home.name}: {reply['content'].get('evalue')}")

    def said(self, source: str) -> str:
        """What a cell prints."""
        self.answers.clear()
        self.run(source)
        return "".join(self.answers)

    def megabytes(self) -> tuple[float, float]:
        """Resident memory of the kernel and of the sandbox."""
        assert self.kernel is not None
        served = sandbox_process.find(self.home)
        pids = self.kernel[0].provisioner.pid, served.pid if served else os.getpid()  # type: ignore[union-attr]
        kernel, sandbox = (psutil.Process(pid).memory_info().rss / 1e6 for pid in pids)
        return kernel, sandbox

    def end(self) -> None:
        if self.kernel:
            self.kernel[1].stop_channels()
            self.kernel[0].shutdown_kernel(now=True)
        sandbox_process.stop(self.home)


def together(work: list[threading.Thread]) -> None:
    for thread in work:
        thread.start()
    for thread in work:
        thread.join()


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        seats = [Seat(Path(folder) / f"seat{number}") for number in range(1, SEATS + 1)]
        begun = time.monotonic()
        assert helpers(["start-at", "07", "--home", *(str(seat.home) for seat in seats)]) == 0
        print(f"{SEATS} seats made in {time.monotonic() - begun:.0f} s")
        try:
            return 0 if measured(seats) else 1
        finally:
            for seat in seats:
                seat.end()


def measured(seats: list[Seat]) -> bool:
    """Print the figures; whether both targets are met."""
    together([threading.Thread(target=seat.begin) for seat in seats])
    last = max(seat.seconds for seat in seats)
    memory = [sum(column) for column in zip(*(seat.megabytes() for seat in seats), strict=True)]
    print(f"first cells: the first seat after {min(seat.seconds for seat in seats):.0f} s, the last after {last:.0f} s")
    print(f"resident: {memory[0] / 1000:.1f} GB in kernels, {memory[1] / 1000:.1f} GB in sandboxes")
    reset, *others = seats
    before = [seat.said(LOOK) for seat in others]
    again = threading.Thread(target=helpers, args=(["reset", "--to", "07", "--home", str(reset.home)],))
    meanwhile = [threading.Thread(target=seat.run, args=(LOOK,)) for seat in others]
    together([again, *meanwhile])
    same = before == [seat.said(LOOK) for seat in others]
    reset.run(LOOK)
    print(f"a seat was reset meanwhile: the others {'saw their own accounts' if same else 'were disturbed'}")
    return last <= TARGET_SECONDS and same


if __name__ == "__main__":
    sys.exit(main())
