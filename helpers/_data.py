"""Where the content lives, ``data/`` beside the ``helpers`` package, and where a learner's own files do, ``my/``."""

from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]


def data_path(*parts: str) -> Path:
    """Return the path of a file or folder under ``data/``, e.g. ``data_path("prices", "us-east-1.json")``."""
    return _CHECKOUT.joinpath("data", *parts)


def own_path(*parts: str) -> Path:
    """Return the path of a file or folder under ``my/``, which git ignores and no command removes."""
    return _CHECKOUT.joinpath("my", *parts)
