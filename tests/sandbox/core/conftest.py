from collections.abc import Iterator

import pytest

from tests.support.box import Box


@pytest.fixture(scope="module")
def box(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """A sandbox process shared by the tests of a module."""
    made = Box(tmp_path_factory.mktemp("home"))
    yield made
    made.stop()
