"""Where things are: found from the package itself, whatever the working directory and however the home is written."""

from pathlib import Path

import pytest

from helpers._data import data_path, own_path, sandbox_home


@pytest.mark.parametrize("written", ["~/a/home", "/tmp/home", "below"])
def test_the_named_home_is_absolute_however_it_is_written(
    written: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    monkeypatch.setenv("FLOWLOGS_HOME", written)
    wanted = {"~/a/home": tmp_path / "me" / "a" / "home", "/tmp/home": Path("/tmp/home"), "below": tmp_path / "below"}
    assert sandbox_home() == wanted[written]


@pytest.mark.parametrize("written", ["", None])
def test_without_a_name_everything_is_in_the_checkout(
    written: str | None, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWLOGS_HOME", raising=False)
    if written is not None:
        monkeypatch.setenv("FLOWLOGS_HOME", written)
    assert sandbox_home() == root / ".sandbox"
    assert (data_path("prices"), own_path("progress.json")) == (root / "data" / "prices", root / "my" / "progress.json")
