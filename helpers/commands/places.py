"""Where things are in a checkout, found from this file and never from the working directory."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = ROOT / "notebooks"
MY = ROOT / "my"


def sandbox_home(environ: Mapping[str, str] | None = None) -> Path:
    """The home of the learner's sandbox: ``FLOWLOGS_HOME``, else ``.sandbox/`` in the checkout."""
    named = (os.environ if environ is None else environ).get("FLOWLOGS_HOME")
    return Path(named).expanduser().absolute() if named else ROOT / ".sandbox"


def folder(text: str) -> Path:
    """A folder from the command line. An empty word, left by an unset variable, would be the working directory."""
    if not text.strip():
        raise argparse.ArgumentTypeError("an empty name is no folder")
    return Path(text)


def shown(path: Path) -> str:
    """A path as a reader wants it: from the working directory when it lies below."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
