"""The examples run, and the assumptions say what they must."""

import doctest
import tomllib

import pytest

import helpers.network
from helpers._data import data_path
from helpers.network import addresses, connections


@pytest.mark.parametrize("module", [helpers.network, addresses, connections])
def test_the_examples_in_the_docstrings_run(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted and not result.failed


def test_every_assumption_says_what_was_chosen_where_it_shows_and_what_would_settle_it() -> None:
    with data_path("assumptions.toml").open("rb") as file:
        listed = tomllib.load(file)["assumption"]
    assert len({one["id"] for one in listed}) == len(listed)
    for one in listed:
        assert set(one) == {"id", "what", "chosen", "shows", "settle"} and all(one.values())
