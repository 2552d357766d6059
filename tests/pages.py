"""What a page for contributors names: commands, make targets, subcommands and files, each held against the tree."""

import contextlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

from helpers.__main__ import main

ROOT = Path(__file__).resolve().parents[1]
# Made by commands, or by the learner: not in a fresh checkout.
MADE_LATER = ("my/", "build/", ".venv/", ".venv\\", ".sandbox/")
_FILE = re.compile(r"\.?[\w-]+(?:/[\w.-]+)*(?:\.(?:py|toml|md|ipynb|yml|yaml)|/)")
# In recipes: a number, a topic, a name that the author chooses.
_TO_CHOOSE = re.compile(r"NN|NAME")


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def subcommands() -> set[str]:
    """What ``python -m helpers`` offers."""
    with contextlib.redirect_stdout(io.StringIO()) as offered, contextlib.suppress(SystemExit):
        main(["--help"])
    return set(re.findall(r"^  ([a-z-]+) ", offered.getvalue(), re.MULTILINE))


def code_of(text: str) -> Iterator[str]:
    """Every line of a fenced block without its remark, and every piece of code in a sentence."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line.partition("  #")[0].strip() for line in block.splitlines())
    sentences = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (piece.replace("\n", " ") for piece in re.findall(r"`([^`]+)`", sentences))


def gone(text: str) -> Iterator[str]:
    """A sentence for each target, subcommand, module, file or link that the page names and the tree lacks."""
    targets, offered = make_targets(), subcommands()
    for code in code_of(text):
        words = code.split()
        if words[:1] == ["make"] and len(words) > 1 and words[1] not in targets:
            yield f"there is no make {words[1]}"
        for module, word in re.findall(r"python -m ([\w.]+)(?: ([a-z-]+))?", code):
            if module == "helpers" and word and word not in offered:
                yield f"there is no subcommand {word}"
            if module.startswith(("tests.", "helpers.")) and not (ROOT / f"{module.replace('.', '/')}.py").exists():
                yield f"there is no module {module}"
        named = [word for word in words if _FILE.fullmatch(word) and not word.startswith(MADE_LATER)]
        yield from (
            f"{name} is not there" for name in named if not _TO_CHOOSE.search(name) and not (ROOT / name).exists()
        )
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        if not (ROOT / link).exists():
            yield f"the link {link} leads nowhere"
