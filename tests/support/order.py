"""Every run is in random order: modules shuffled, and the tests of each module, which share its account.

The order follows from a seed alone, so it is the same in every worker, and for a part of the tests the same as in the
whole run. ``SEED=123`` in the environment gives the order of an earlier run again.
"""

import hashlib
import os
import secrets
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

# A busy machine draws examples slowly, and a strategy that filters much may do so by chance: neither is a failure.
CALM = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
settings.register_profile("suite", deadline=None, database=None, suppress_health_check=CALM)
settings.load_profile("suite")


def place(seed: int, name: str) -> bytes:
    """Where a module or a test stands in the order of a seed."""
    return hashlib.sha256(f"{seed}:{name}".encode()).digest()


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed: the controller's, the environment's, or a new one. Hypothesis draws from the same."""
    given = getattr(config, "workerinput", {}).get("seed") or os.environ.get("SEED") or secrets.randbelow(10**6)
    config.option.order_seed = int(given)
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = str(given)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["seed"] = node.config.option.order_seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"random order: SEED={config.option.order_seed} gives it again"


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    seed = config.option.order_seed
    items.sort(key=lambda item: (place(seed, item.location[0]), place(seed, item.nodeid)))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(pytest_report_header(terminalreporter.config))
