"""One line of progress on a terminal, for work that takes longer than a moment. Silent anywhere else."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

_PATIENCE = 1.0  # seconds before the first sign
_EVERY = 0.5


class Progress:
    """What is being done, how much of it, and for how long, on one line that disappears at the end.

    A thread of its own writes, so that work inside a library shows, too.
    """

    def __init__(self, stream: TextIO, patience: float = _PATIENCE) -> None:
        self._stream = stream
        self._patience = patience
        self._what: str | Callable[[], str] = ""
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._tell, daemon=True) if stream.isatty() else None
        self._told = False

    def __enter__(self) -> Self:
        if self._thread:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._ended.set()
        if self._thread:
            self._thread.join()
            if self._told:
                self._write("")

    def say(self, what: str) -> None:
        """Name the step that begins now."""
        self._what = what

    def read(self, done: int, total: int) -> None:
        """Report bytes, of 0 where nobody knows of how many: what ``helpers.insights.open_logs`` calls."""
        self.say(self._read(done, total))

    def follow(self, done: Callable[[], int], total: int) -> None:
        """Let the step that begins now say how much it has read, each time that the line is written."""
        self._what = (lambda: self._read(done(), total)) if total else "running the query"

    def _read(self, done: int, total: int) -> str:
        of_all, left = f" of {total / 1e6:,.0f}" if total else "", ""
        if 0 < done < total:
            seconds = (time.monotonic() - self._started) * (total - done) / done
            left = f", about {max(1, round(seconds))} s to go"
        return f"reading: {done / 1e6:,.0f}{of_all} MB{left}"

    def _tell(self) -> None:
        pause = self._patience
        while not self._ended.wait(pause):
            what = self._what if isinstance(self._what, str) else self._what()
            if not what:
                continue  # nothing has begun
            self._write(f"{what} ({time.monotonic() - self._started:.0f} s)")
            self._told, pause = True, _EVERY

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")  # back to the start of the line, and clear it
        self._stream.flush()
