"""Where the content lives: ``data/`` beside the ``helpers`` package."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1] / "data"


def data_path(*parts: str) -> Path:
    """Return the path of a file or folder under ``data/``, e.g. ``data_path("prices", "us-east-1.json")``."""
    return _ROOT.joinpath(*parts)
