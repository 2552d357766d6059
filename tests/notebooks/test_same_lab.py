"""Catching up gives the same lab as really running the notebooks: the same things, with the same ids and settings."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.lab.snapshot import Snapshot, snapshot
from helpers.runner import run_notebooks
from tests.notebooks.classroom import NOTEBOOKS
from tests.support.labs import lab_in

pytestmark = pytest.mark.long

# 00 borrows the whole lab, and 99 removes it.
PATHS = sorted(path for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") if path.name[:2] not in ("00", "99"))
# When something was made depends on what else was done meanwhile; what it is does not.
_MOMENTS = {"CreationTime", "creationTime", "CreateTime", "ClientToken", "UsageOperationUpdateTime", "ExpirationTime"}


def test_catching_up_is_as_good_as_running(tmp_path: Path) -> None:
    ran: dict[str, Snapshot] = {}
    home = tmp_path / "ran"
    environment = {**os.environ, "FLOWLOGS_HOME": str(home)}
    with lab_in(home) as lab:
        for path in PATHS:
            result = run_notebooks([path], tmp_path, environment=environment)
            assert result.passed, result.notebooks
            ran[path.name[:2]] = timeless(snapshot(lab))
    with lab_in(tmp_path / "caught") as lab:
        for path, following in zip(PATHS, [*(each.name[:2] for each in PATHS[1:]), "99"], strict=True):
            lab.catch_up(following)
            assert timeless(snapshot(lab)) == ran[path.name[:2]], f"after {path.name}"


def timeless(found: Snapshot) -> Snapshot:
    return {key: json.dumps(_without_moments(json.loads(text)), sort_keys=True) for key, text in found.items()}


def _without_moments(item: Any) -> Any:
    if isinstance(item, dict):
        return {key: _without_moments(value) for key, value in item.items() if key not in _MOMENTS}
    return [_without_moments(one) for one in item] if isinstance(item, list) else item
