"""Every commit has an order of its own: modules shuffled, and the tests of each module, which share its account.

The order follows from a seed alone, so it is the same in every worker, and for a part of the tests the same as in the
whole run. The seed comes from the files of the commit: a second run of them draws nothing that the first did not.
``SEED=123`` in the environment gives another order, or that of an earlier commit again.
"""

import hashlib
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cases import tree

# A busy machine draws examples slowly, and a strategy that filters much may do so by chance: neither is a failure.
CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile("suite", deadline=None, database=None, suppress_health_check=CALM)
settings.load_profile("suite")


def place(seed: int, name: str) -> bytes:
    """Where a module or a test stands in the order of a seed."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


def seed_of(files: str) -> int:
    """The seed of the commit whose files have this id."""
    return int(hashlib.sha256(files.encode()).hexdigest(), 16) % 10**6


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed: the environment's, or one of the commit's files. Hypothesis draws from the same."""
    given = os.environ.get("SEED") or seed_of(tree())
    config.option.order_seed = int(given)
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(given)


def pytest_report_header(config: pytest.Config) -> str:
    return f"shuffled: SEED={config.option.order_seed} gives this order again"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.option.order_seed
    items.sort(key=lambda item: (place(seed, item.location[0]), place(seed, item.nodeid)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(pytest_report_header(terminalreporter.config))
