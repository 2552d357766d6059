"""``python -m helpers book``: the course as a site: executed notebooks, ``docs/`` and the README, by Sphinx.

The pages keep the places that they have in the checkout, so that a link that works in JupyterLab works in the site.
The settings of Sphinx stand in ``docs/conf.py``.
"""

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from helpers._data import CHECKOUT, NOTEBOOKS
from helpers.commands.command_line import folder, shown
from helpers.commands.errors import ExitCode, broken
from helpers.figures.flowchart_figure import flowchart_figure
from helpers.lab.notebook_file import Document, read_notebook, source_of, write_notebook
from helpers.lessons.outcome import CHECK_MIME

PAGES = ("CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
"""What the site shows of the checkout's first level beside ``docs/`` and the README."""
_LINK = re.compile(r"(?<=\]\()([^)\s#]+)(#[^)\s]*)?(?=\))")


_MERMAID = re.compile(r"^```mermaid\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--course", type=folder, default=CHECKOUT / "build" / "course", metavar="DIR",
        help="where the executed notebooks are; the course is run first where they are old (build/course)",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=folder, default=CHECKOUT / "build" / "book", metavar="DIR", help="the site (build/book)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Build the site; 1 where Sphinx warned of anything, 3 where the course could not be run or Sphinx is missing."""
    import sphinx.cmd.build  # before the course runs for minutes

    if not all(_is_current(path, arguments.course / path.name) for path in NOTEBOOKS.glob("*.ipynb")):
        command = [sys.executable, "-m", "helpers", "run", "--out", str(arguments.course)]
        if subprocess.run(command, cwd=CHECKOUT, check=False).returncode:
            raise broken("the course did not run to its end, so there is nothing to show.")
    source = arguments.out.with_name(f"{arguments.out.name}-source")
    shutil.rmtree(source, ignore_errors=True)
    _gather(source, arguments.course)
    options = ["-q", "-W", "--keep-going", "-E", "-c", str(CHECKOUT / "docs"), "-d", str(source / ".doctrees")]
    failed = sphinx.cmd.build.build_main([*options, str(source), str(arguments.out)])
    print("The site has warnings; the lines above say where." if failed else f"See {shown(arguments.out)}/index.html")
    return ExitCode.CHECK_FAILED if failed else ExitCode.DONE


def anchor(heading: str) -> str:
    """The anchor of a heading, as JupyterLab has it."""
    return heading.replace(" ", "-")


def _is_current(shipped: Path, executed: Path) -> bool:
    """Whether the executed copy was made from this notebook and is complete."""
    try:
        copy = read_notebook(executed)
    except (OSError, ValueError):
        return False
    cells = {cell["id"]: source_of(cell) for cell in copy["cells"]}
    ran = all(cell.get("execution_count") for cell in copy["cells"] if cell["cell_type"] == "code")
    return ran and all(cells.get(cell["id"]) == source_of(cell) for cell in read_notebook(shipped)["cells"])


def _gather(source: Path, course: Path) -> None:
    """Put all pages where Sphinx reads them, with the files that they link to."""
    notebooks = sorted(path.name for path in NOTEBOOKS.glob("*.ipynb"))
    docs = sorted(path.name for path in (CHECKOUT / "docs").glob("*.md"))
    pages = {"README.md", *PAGES, *(f"notebooks/{name}" for name in notebooks), *(f"docs/{name}" for name in docs)}
    for page in sorted(pages):
        target = source / ("index.md" if page == "README.md" else page)
        target.parent.mkdir(parents=True, exist_ok=True)
        if page.endswith(".ipynb"):
            document = _without_asides(read_notebook(course / Path(page).name))
            for cell in document["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = _linked(source_of(cell), page, pages, source)
            write_notebook(document, target)
        else:
            target.write_text(_linked((CHECKOUT / page).read_text("utf-8"), page, pages, source), "utf-8")
    for page, text in _contents(notebooks, docs).items():
        with (source / page).open("a", encoding="utf-8") as file:
            file.write(text)


def _without_asides(document: Document) -> Document:
    """Without the cell of values that the runner put in, and without what it noted of itself or read from checks."""
    cells = [cell for cell in document["cells"] if "injected-parameters" not in cell["metadata"].get("tags", ())]
    for cell in cells:
        cell["metadata"] = {"tags": cell["metadata"].get("tags", [])}
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(CHECK_MIME, None)
    return {**document, "cells": cells}


def _linked(text: str, page: str, pages: set[str], source: Path) -> str:
    """The text, with flowcharts drawn and links to pages as they are; a file that it links to is copied."""

    def target(found: re.Match[str]) -> str:
        name = found[1]
        if re.match(r"[a-z]+:", name):
            return found[0]
        path = (CHECKOUT / page).parent.joinpath(name).resolve()
        place = path.relative_to(CHECKOUT).as_posix()
        if place == "README.md":
            return "../" * page.count("/") + "index.md" + (found[2] or "")
        if path.is_file() and place not in pages:
            (source / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, source / place)
        return found[0]

    drawn = _MERMAID.sub(lambda found: flowchart_figure(found[1]).html, text)
    return _LINK.sub(target, drawn)


def _contents(notebooks: list[str], docs: list[str]) -> Mapping[str, str]:
    """What leads from page to page: text for the end of the first page, and one page for each folder."""
    project = [f"../{Path(name).stem}" for name in PAGES]
    return {
        "index.md": _tree(["notebooks/index", "docs/index"], ":hidden:"),
        "notebooks/index.md": "# The lessons\n" + _tree([Path(name).stem for name in notebooks]),
        "docs/index.md": "# More pages\n" + _tree([*(Path(name).stem for name in docs), *project]),
    }


def _tree(entries: Sequence[str], *options: str) -> str:
    return "\n```{toctree}\n" + "\n".join([":maxdepth: 1", *options, "", *entries]) + "\n```\n"
