"""Where things are: the checkout with ``data/``, ``notebooks/`` and the learner's ``my/``, and the sandbox's home.

No other module looks for the checkout or reads ``FLOWLOGS_HOME``.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
NOTEBOOKS = CHECKOUT / "notebooks"
"""The shipped notebooks."""
MY = CHECKOUT / "my"
"""The learner's own files, which git ignores and no command removes."""
DEFAULT_HOME = CHECKOUT / ".sandbox"
"""The sandbox's home where ``FLOWLOGS_HOME`` names none; its learner's progress is in ``my/``."""


def data_path(*parts: str) -> Path:
    """Return the path of a file or folder under ``data/``, e.g. ``data_path("prices", "us-east-1.json")``."""
    return CHECKOUT.joinpath("data", *parts)


def own_path(*parts: str) -> Path:
    """Return the path of a file or folder under ``my/``."""
    return MY.joinpath(*parts)


def named_home() -> Path | None:
    """The sandbox's home that ``FLOWLOGS_HOME`` names, as an absolute path; ``None`` where it names none."""
    name = os.environ.get("FLOWLOGS_HOME")
    return Path(name).expanduser().absolute() if name else None


def sandbox_home() -> Path:
    """The home of the learner's sandbox: ``FLOWLOGS_HOME``, else ``.sandbox/`` in the checkout; always absolute."""
    return named_home() or DEFAULT_HOME


@contextlib.contextmanager
def in_home(home: Path) -> Iterator[None]:
    """While this lasts, this is the learner's home, for this process and those that it starts.

    The home that is meant anyway stays named, or not named, as it is: that decides where progress is.
    """
    before = os.environ.get("FLOWLOGS_HOME")
    if home != sandbox_home():
        os.environ["FLOWLOGS_HOME"] = "" if home == DEFAULT_HOME else str(home)
    try:
        yield
    finally:
        os.environ.pop("FLOWLOGS_HOME", None)
        if before is not None:
            os.environ["FLOWLOGS_HOME"] = before
