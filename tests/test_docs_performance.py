"""docs/performance.md has the figures of every benchmark, with the targets that the benchmarks hold."""

import pkgutil
import re
from collections.abc import Iterator

import pytest

import benchmarks
from benchmarks.course import TARGET
from tests.lab.test_catchup import MOST_CALLS
from tests.pages import ROOT, gone

PAGE = (ROOT / "docs" / "performance.md").read_text("utf-8")
BENCHMARKS = {module.name for module in pkgutil.iter_modules(benchmarks.__path__)} - {"__main__"}


def untold(page: str, known: set[str]) -> Iterator[str]:
    """A sentence for each benchmark without a figure, and for each that is named and does not exist."""
    rows = re.findall(r"^\| `(\w+)` \|.*\d.*\|$", page, re.MULTILINE)
    named = {*rows, *re.findall(r"`benchmarks (\w+)`", page)}
    yield from (f"there is no figure of benchmarks.{name}" for name in sorted(known - named))
    yield from (f"there is no benchmark {name}" for name in sorted(named - known))


def test_the_page_tells_the_figures_of_each_benchmark() -> None:
    assert list(untold(PAGE, BENCHMARKS)) == []
    assert list(gone(PAGE)) == []


def test_the_targets_are_those_that_are_held() -> None:
    assert re.search(rf"imports only \|.*\| {TARGET} \|", PAGE)
    assert re.search(rf"a test counts them\) \|.*\| {MOST_CALLS} \|", PAGE)


@pytest.mark.parametrize(
    ("known", "words"),
    [(BENCHMARKS | {"teleport"}, "no figure of benchmarks.teleport"), (BENCHMARKS - {"logs"}, "no benchmark logs")],
)
def test_a_page_that_forgets_one_is_seen(known: set[str], words: str) -> None:
    assert any(words in sentence for sentence in untold(PAGE, known))
