from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.lab import Lab, open_lab, process


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The home of a sandbox of this module's own."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWLOGS_HOME", str(folder))
        yield folder
    process.stop(folder)


@pytest.fixture(scope="module")
def lab(home: Path) -> Lab:
    return open_lab(prefix="test")
