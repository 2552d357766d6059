"""Catching up gives the same lab as really running the notebooks: the same things, with the same ids and settings."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.lab.snapshot import Snapshot, snapshot
from tests.notebooks.classroom import NOTEBOOKS
from tests.notebooks.in_process import run_in_process
from tests.support.labs import lab_in

pytestmark = pytest.mark.long

# 00 borrows the whole lab, 99 removes it, and 15 ends with a flow log created anew, which has another id.
PATHS = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") if path.name[:2] not in ("00", "15", "99"))
# The recorded day of 09 and 11, and what 11 watches: no other lesson needs them, so catching up makes none of them.
_OWN_GROUPS = {"/demo/recorded-day", "/demo/watched"}
# When something was made depends on what else was done meanwhile; what it is does not.
_MOMENTS = {"CreationTime", "creationTime", "CreateTime", "ClientToken", "UsageOperationUpdateTime", "ExpirationTime"}


def test_catching_up_is_as_good_as_running(tmp_path: Path) -> None:
    ran: dict[str, Snapshot] = {}
    home = tmp_path / "ran"
    with lab_in(home) as lab:
        for path in PATHS:
            run_in_process([path], tmp_path / "out", home)
            ran[path.name[:2]] = timeless(snapshot(lab))
    with lab_in(tmp_path / "caught") as lab:
        for path, following in zip(PATHS, [*(each.name[:2] for each in PATHS[1:]), "99"], strict=True):
            lab.catch_up(following)
            assert timeless(snapshot(lab)) == ran[path.name[:2]], f"after {path.name}"


def timeless(found: Snapshot) -> Snapshot:
    return {
        (kind, name): json.dumps(_without_moments(json.loads(text)), sort_keys=True)
        for (kind, name), text in found.items()
        if name not in _OWN_GROUPS
    }


def _without_moments(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _without_moments(value) for key, value in item.items() if key not in _MOMENTS}
    return [_without_moments(one) for one in item] if isinstance(item, list) else item
