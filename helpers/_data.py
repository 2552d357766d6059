"""Where the course keeps its content files: beside the package, whatever the working directory."""

from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1] / "data"


def data_path(*parts: str) -> Path:
    """The path of a content file, e.g. ``data_path("prices", "us-east-1.json")``."""
    return _ROOT.joinpath(*parts)
