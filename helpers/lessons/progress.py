"""What a learner has done so far, in one small file that outlives kernels, sandboxes and ``make clean``."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers._data import named_home, own_path
from helpers.lessons.content import Exercise, common

_WAIT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class ExerciseProgress:
    """One exercise: the last outcome, how many hints were asked for, whether the solution was, and when it was done.

    Once done it stays done: what was learned is not unlearned by a clean-up. ``tries`` counts the checks of an answer
    that was not right; ``last_at`` is when something was last asked of it. Times are ISO 8601, in UTC.
    """

    outcome: str = "not attempted"
    hints: int = 0
    solution: bool = False
    done_at: str = ""
    tries: int = 0
    last_at: str = ""


class ProgressFile:
    """The file itself. Broken or unwritable, it costs the learner a sentence and never a traceback."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or default_path()

    def entries(self) -> dict[str, ExerciseProgress]:
        """Every exercise that something is known of, by id. A file that cannot be read is put aside."""
        try:
            return read(self.path)
        except OSError:
            return {}
        except ValueError:
            self._put_aside()
            return {}

    def looked(self, exercise: str, outcome: str) -> str:
        """Note a check's outcome. Gives a sentence where it could not be noted, else nothing."""

        def note(entry: ExerciseProgress) -> ExerciseProgress:
            if entry.outcome == "done":
                return entry
            done_at = _now() if outcome == "done" else ""
            return replace(entry, outcome=outcome, done_at=done_at, tries=entry.tries + (outcome == "not yet"))

        return self._change(exercise, note)

    def hinted(self, exercise: str, most: int) -> str:
        """Note that one more hint was asked for, up to ``most``."""
        return self._change(exercise, lambda entry: replace(entry, hints=min(entry.hints + 1, most)))

    def solved(self, exercise: str) -> str:
        """Note that the solution was asked for."""
        return self._change(exercise, lambda entry: replace(entry, solution=True))

    def _change(self, exercise: str, change: Callable[[ExerciseProgress], ExerciseProgress]) -> str:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.path.with_suffix(".lock"), timeout=_WAIT_SECONDS):
                entries = self.entries()
                before = entries.get(exercise, ExerciseProgress())
                entries[exercise] = change(before)
                if entries[exercise] != before:
                    entries[exercise] = replace(entries[exercise], last_at=_now())
                    self._write(entries)
        except (OSError, Timeout) as problem:
            return common()["not-noted"].format(file=self.path.name, problem=problem)
        return ""

    def _write(self, entries: dict[str, ExerciseProgress]) -> None:
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


def read(path: Path) -> dict[str, ExerciseProgress]:
    """The entries of a progress file, by exercise. Raises ``OSError``, and ``ValueError`` where it is not one."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        return {str(key): _entry(value) for key, value in document["exercises"].items()}
    except (KeyError, TypeError, AttributeError) as problem:
        raise ValueError(f"{path.name} is no progress file") from problem


def default_path() -> Path:
    """``my/progress.json``; with ``FLOWLOGS_HOME`` set, a run apart from the learner's, ``progress.json`` in there."""
    home = named_home()
    return home / "progress.json" if home else own_path("progress.json")


def next_exercise(every: Sequence[Exercise], entries: Mapping[str, ExerciseProgress]) -> Exercise | None:
    """Where a learner goes on: the open exercise after the one done last, else the first open one, else nothing."""
    states = [entries.get(exercise.id, ExerciseProgress()) for exercise in every]
    done = [number for number, state in enumerate(states) if state.outcome == "done"]
    last = max(done, key=lambda number: (states[number].done_at, number), default=-1)
    left = [number for number in range(len(every)) if number not in done]
    after = [number for number in left if number > last] or left
    return every[after[0]] if after else None


def _entry(value: dict[str, Any]) -> ExerciseProgress:
    tries, last_at = int(value.get("tries", 0)), str(value.get("last_at", ""))  # files of before have neither
    said = str(value["outcome"]), int(value["hints"]), bool(value["solution"]), str(value["done_at"])
    return ExerciseProgress(*said, tries, last_at)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
