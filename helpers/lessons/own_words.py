"""What a learner writes down in their own words, kept beside their progress."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from helpers.lessons.content import common
from helpers.lessons.outcome import Message
from helpers.lessons.progress import default_path

_WAIT_SECONDS = 10


def in_your_own_words(notebook: str, question: str, answer: str | None = "", *, path: Path | None = None) -> Message:
    """Keep the answer in ``my/own_words.json``, by notebook and question, with its date; a new one replaces the old.

    An empty answer and None change nothing: the reply then shows the answer that is kept, or asks for one. A file that
    cannot be read or written is left as it is; the reply says so.
    """
    written = str(answer or "").strip()
    path = path or default_path().with_name("own_words.json")
    kept: dict[str, Any] = {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock"), timeout=_WAIT_SECONDS):
            answers = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            kept = answers.setdefault(notebook, {}).get(question, {})
            if written:
                date = datetime.now(UTC).date().isoformat()
                kept = answers[notebook][question] = {"text": written, "date": date}
                draft = path.with_suffix(".new")
                draft.write_text(json.dumps(answers, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
                draft.replace(path)
        key, facts = ("own-words-kept", kept) if kept else ("own-words-empty", {})
        return Message(common()[key].format(question=question, **facts))
    except (OSError, Timeout, ValueError, KeyError, TypeError, AttributeError) as problem:
        return Message(common()["own-words-not-kept"].format(question=question, file=path.name, problem=problem))


def kept_words(path: Path | None = None) -> list[tuple[str, str, str, str]]:
    """Every kept answer: notebook, question, text and date, in the order of the notebooks. A broken file holds none."""
    path = path or default_path().with_name("own_words.json")
    try:
        answers = json.loads(path.read_text(encoding="utf-8"))
        kept = [
            (notebook, question, answer) for notebook, asked in answers.items() for question, answer in asked.items()
        ]
        return sorted((n, question, str(a["text"]), str(a["date"])) for n, question, a in kept if a)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []
