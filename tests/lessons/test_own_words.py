"""What a learner writes down: kept by notebook and question, shown again, and never lost to a broken file."""

import json
from datetime import date
from pathlib import Path

import pytest

from helpers.lessons import in_your_own_words

QUESTION = "What does a missing record tell you?"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "my" / "own_words.json"


@pytest.mark.parametrize("answer", ["  \n", None])
def test_an_empty_answer_asks_for_one_and_keeps_nothing(path: Path, answer: str | None) -> None:
    said = str(in_your_own_words("05", QUESTION, answer=answer, path=path))
    assert QUESTION in said
    assert "Nothing written yet: put your answer between the quotes" in said
    assert not path.exists()


def test_an_answer_is_kept_with_its_date_and_shown_again(path: Path) -> None:
    in_your_own_words("05", QUESTION, answer=" The packet did not arrive: {no} route. ", path=path)
    in_your_own_words("06", QUESTION, answer="Größe", path=path)
    kept = json.loads(path.read_text(encoding="utf-8"))
    assert kept["05"][QUESTION]["text"] == "The packet did not arrive: {no} route."
    assert date.fromisoformat(kept["05"][QUESTION]["date"])
    before = path.read_bytes()
    said = str(in_your_own_words("05", QUESTION, answer="", path=path))
    assert "{no} route" in said
    assert kept["05"][QUESTION]["date"] in said
    assert "Größe" in str(in_your_own_words("06", QUESTION, path=path))
    assert path.read_bytes() == before


def test_a_new_answer_replaces_the_old_one_only(path: Path) -> None:
    for question, answer in ((QUESTION, "first"), ("Another?", "stays"), (QUESTION, "second")):
        in_your_own_words("05", question, answer=answer, path=path)
    kept = json.loads(path.read_text(encoding="utf-8"))["05"]
    assert {question: entry["text"] for question, entry in kept.items()} == {QUESTION: "second", "Another?": "stays"}


@pytest.mark.parametrize("broken", ["{not JSON", "[]", '{"05": 7}', '{"05": {"Why?": {"date": "2026-11-29"}}}'])
def test_a_broken_file_is_left_as_it_is(path: Path, broken: str) -> None:
    path.parent.mkdir()
    path.write_text(broken, encoding="utf-8")
    assert "own_words.json cannot be used" in str(in_your_own_words("05", "Why?", answer="", path=path))
    assert path.read_text(encoding="utf-8") == broken


def test_a_run_apart_from_the_learners_keeps_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLOWLOGS_HOME", str(tmp_path))
    in_your_own_words("05", QUESTION, answer="here")
    assert "here" in (tmp_path / "own_words.json").read_text(encoding="utf-8")
