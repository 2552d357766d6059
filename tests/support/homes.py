"""Homes of built labs, made once and copied: what the build cells of the notebooks up to one leave.

They are kept below ``build/homes/`` under a key made from the code and the notebooks, so a run without changes finds
those of the last. Two workers never build the same one.
"""

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from filelock import FileLock

from helpers.lab import Lab, open_lab
from tests.support.budget import METER
from tests.support.labs import lab_in
from tests.support.served import ServedHome

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "build" / "homes"
STAGES = ("00", "01", "02", "03", "04", "05")
"""The notebooks that build something, and the empty account before them; the later ones only look and break."""
KEPT = 2  # keys whose homes stay
_OF_A_PROCESS = ("lock", "*.lock", "server.json", "server.log")


def copy_after(number: str, folder: Path) -> Path:
    """A copy of the home as notebook ``number`` leaves it, in a folder that is not there yet."""
    home = shutil.copytree(_kept(number), folder, ignore=shutil.ignore_patterns(*_OF_A_PROCESS))
    _choose_another_port(home)
    return home


@contextmanager
def lab_after(number: str, folder: Path) -> Iterator[Lab]:
    """The lab as notebook ``number`` leaves it, on a home of the caller's own."""
    with lab_in(copy_after(number, folder)) as lab:
        yield lab


@contextmanager
def served_lab_after(number: str, folder: Path) -> Iterator[tuple[Lab, ServedHome]]:
    """The same, served by a thread of this process, which saves two seconds of processor time: one at a time.

    The second can put the account back to where it was.
    """
    served = ServedHome(copy_after(number, folder))
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("FLOWLOGS_HOME", str(folder))
            yield open_lab(), served
    finally:
        served.close()


def _kept(number: str) -> Path:
    stage = max(each for each in STAGES if each <= number)
    folder = FOLDER / _key()
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / f"{_key()}-{stage}.lock"):
        if not (folder / stage).exists():
            _drop_old_keys()
            unfinished = folder / f"{stage}.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            with METER.apart("(homes of labs)"):
                _build(stage, unfinished)
            unfinished.rename(folder / stage)
    return folder / stage


def _build(stage: str, home: Path) -> None:
    """On top of the stage before; it stops with a checkpoint, so a copy starts at once."""
    place = STAGES.index(stage)
    if place:
        copy_after(STAGES[place - 1], home)
    with lab_in(home) as lab:
        outcomes = lab.catch_up(f"{int(stage) + 1:02}").outcomes
        assert [outcome for _, outcome in outcomes] == ["found"] * (place - 1) + ["built"] * bool(place), outcomes


def _choose_another_port(home: Path) -> None:
    """Copies that run at the same time must not wait for one port."""
    path = home / "identity.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"port": 0}))


@cache
def _key() -> str:
    """Of all files that decide what a home holds."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _sources():
        digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def _sources() -> Iterable[Path]:
    yield Path(__file__)
    yield ROOT / "constraints.txt"
    for folder in ("data", "helpers", "notebooks"):
        yield from sorted(path for path in (ROOT / folder).rglob("*") if path.is_file() and path.suffix != ".pyc")


def _drop_old_keys() -> None:
    """Keep the homes of this key and of the latest others."""
    others = [path for path in FOLDER.iterdir() if path.is_dir() and path.name != _key()]
    for path in sorted(others, key=os.path.getmtime, reverse=True)[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
        for lock in FOLDER.glob(f"{path.name}-*.lock"):
            lock.unlink(missing_ok=True)
