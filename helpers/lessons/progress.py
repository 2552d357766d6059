"""What a learner has done so far, in one small file that outlives kernels, sandboxes and ``make clean``."""

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers._data import own_path
from helpers.lessons.content import common

_WAIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Entry:
    """One exercise: the last outcome, how many hints were asked for, whether the solution was, and when it was done.

    Once done it stays done: what was learned is not unlearned by a clean-up.
    """

    outcome: str = "not attempted"
    hints: int = 0
    solution: bool = False
    done_at: str = ""


class Notebook:
    """The file itself. Broken or unwritable, it costs the learner a sentence and never a traceback."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def entries(self) -> dict[str, Entry]:
        """Every exercise that something is known of, by id. A file that cannot be read is put aside."""
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): _entry(value) for key, value in document["exercises"].items()}
        except FileNotFoundError:
            return {}
        except OSError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            self._put_aside()
            return {}

    def looked(self, exercise: str, outcome: str) -> str:
        """Note a check's outcome. Gives a sentence where it could not be noted, else nothing."""

        def note(entry: Entry) -> Entry:
            if entry.outcome == "done":
                return entry
            now = datetime.now(UTC).isoformat(timespec="seconds") if outcome == "done" else ""
            return replace(entry, outcome=outcome, done_at=now)

        return self._change(exercise, note)

    def hinted(self, exercise: str, most: int) -> str:
        """Note that one more hint was asked for, up to ``most``."""
        return self._change(exercise, lambda entry: replace(entry, hints=min(entry.hints + 1, most)))

    def solved(self, exercise: str) -> str:
        """Note that the solution was asked for."""
        return self._change(exercise, lambda entry: replace(entry, solution=True))

    def _change(self, exercise: str, change: Callable[[Entry], Entry]) -> str:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_WAIT_SECONDS):
                entries = self.entries()
                before = entries.get(exercise, Entry())
                entries[exercise] = change(before)
                if entries[exercise] != before:
                    self._write(entries)
        except (OSError, Timeout) as problem:
            return common()["not-noted"].format(file=self.path.name, problem=problem)
        return ""

    def _write(self, entries: dict[str, Entry]) -> None:
        document = {"exercises": {key: asdict(entry) for key, entry in sorted(entries.items())}}
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        draft.replace(self.path)

    def _put_aside(self) -> None:
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        try:
            self.path.rename(self.path.with_name(f"{self.path.stem}.unreadable-{stamp}{self.path.suffix}"))
        except OSError:
            return


def default_path() -> Path:
    """``my/progress.json``; with ``FLOWLOGS_HOME`` set, a run apart from the learner's, ``progress.json`` in there."""
    home = os.environ.get("FLOWLOGS_HOME")
    return Path(home).expanduser() / "progress.json" if home else own_path("progress.json")


def _entry(value: dict[str, Any]) -> Entry:
    return Entry(str(value["outcome"]), int(value["hints"]), bool(value["solution"]), str(value["done_at"]))
