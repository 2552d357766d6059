"""The examples in the room's docstrings run."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("module", ["", ".decision", ".grammar", ".required_permissions", ".wildcards"])
def test_docstring_examples(module: str) -> None:
    outcome = doctest.testmod(importlib.import_module(f"helpers.access{module}"))
    assert outcome.attempted > 0 and outcome.failed == 0
