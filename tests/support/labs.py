"""A lab in a home of the test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from helpers.lab import Lab, open_lab, sandbox_process


@contextmanager
def lab_in(home: Path) -> Iterator[Lab]:
    """The lab of the sandbox in ``home``, which is stopped at the end, whatever happened."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWLOGS_HOME", str(home))
        try:
            yield open_lab()
        finally:
            sandbox_process.stop(home)
