"""Every function and every command of the language stands in a query of the corpus: no table has an untested entry."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from helpers.insights.sql import aggregates, functions, query_rules
from helpers.insights.sql.compiler import ALL_COMMANDS
from helpers.insights.sql.function_table import FunctionTable, key
from helpers.insights.syntax import nodes
from helpers.insights.syntax.build_commands import COMMANDS
from helpers.insights.syntax.build_expressions import EXPRESSIONS
from helpers.insights.syntax.command_nodes import Command
from helpers.insights.syntax.handler_table import HandlerTable
from helpers.insights.syntax.parser import parse
from tests.insights.corpus import QUERIES

TABLES = (aggregates.AGGREGATES, functions.FUNCTIONS)


def calls(value: Any) -> Iterator[str]:
    """The names of the functions that are called anywhere in a node."""
    if isinstance(value, tuple):
        for part in value:
            yield from calls(part)
    elif isinstance(value, nodes.Node):
        if isinstance(value, nodes.FunctionCall):
            yield key(value.name)
        for name in value.__dataclass_fields__:
            yield from calls(getattr(value, name))


def untried(names: set[str], queries: list[str]) -> list[str]:
    """What a query has yet to be written for."""
    used = {name for query in queries for name in calls(parse(query).commands)}
    return [f"add a query with {name}() to QUERIES in tests/insights/corpus.py" for name in sorted(names - used)]


@pytest.mark.parametrize("table", TABLES, ids=["aggregates", "functions"])
def test_every_function_stands_in_a_query_of_the_corpus(table: FunctionTable) -> None:
    assert untried(set(table), QUERIES) == []


def test_a_function_without_a_query_is_named() -> None:
    said = untried({"strlen", "reverse"}, ["fields strlen(a) | filter strlen(b) > 2"])
    assert said == ["add a query with reverse() to QUERIES in tests/insights/corpus.py"]


def test_every_command_is_built_checked_compiled_and_in_the_corpus() -> None:
    kinds = set(Command.__args__)
    assert set(query_rules.RULES) == set(ALL_COMMANDS) == kinds
    assert {type(command) for query in QUERIES for command in parse(query).commands} >= kinds - LOOKUPS


LOOKUPS = {kind for kind in Command.__args__ if "Lookup" in kind.__name__}
"""They need a table beside the query; ``test_engine`` gives them one."""


def test_modules_do_not_register_one_name_twice() -> None:
    """Tables are put together with ``|``, which would let the last one win."""
    modules = [vars(functions)[name] for name in vars(functions) if name.endswith("_FUNCTIONS")]
    assert len(modules) == 5
    counted = Counter(name for table in modules for name in table)
    assert counted == Counter(functions.FUNCTIONS.keys())
    assert not functions.FUNCTIONS.keys() & aggregates.AGGREGATES.keys()


def test_a_key_that_is_taken_is_refused() -> None:
    table: HandlerTable[str, Any] = HandlerTable()
    table.on("a", "b")(len)
    with pytest.raises(ValueError, match="a handler already for"):
        table.on("b")(repr)
    functions_ = FunctionTable()
    functions_.on("is_there isThere2", 1)(lambda context, node, args: args[0])
    assert list(functions_) == ["isthere", "isthere2"]
    assert set(EXPRESSIONS).isdisjoint(COMMANDS)
