"""The checks that look at the account, one module per notebook: ``n03.py`` holds those of notebook 03.

A check takes a :class:`helpers.lessons.account_view.AccountView` and gives a result: ``done()``,
``not_yet("key", fact=...)`` or ``not_attempted()``. The keys name messages in the exercise's content. It reads and
changes nothing, accepts any right way, and says "not yet" to an answer that opens more than was asked for.
"""

import importlib
from collections.abc import Callable

from helpers._data import data_path
from helpers.lessons.account_view import AccountView, CheckResult

Check = Callable[[AccountView], CheckResult]


def checks_of(notebook: str) -> dict[str, Check]:
    """The checks of one notebook by exercise id: the functions named ``check_03_2`` for ``"03.2"``."""
    if not list(data_path("exercises").glob(f"{notebook}_*.toml")):
        return {}
    try:
        module = importlib.import_module(f"helpers.lessons.checks.n{notebook}")
    except ModuleNotFoundError as problem:
        if problem.name != f"helpers.lessons.checks.n{notebook}":
            raise
        return {}  # all of its exercises are answered by a value
    found = {name: value for name, value in vars(module).items() if name.startswith("check_")}
    return {name.removeprefix("check_").replace("_", "."): value for name, value in found.items()}
