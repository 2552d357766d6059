"""``python -m helpers exercises NN``: write the exercises' cells from the content files into the notebooks.

An exercise ``03.2`` is three cells in a row: ``task-03-2`` in prose, ``try-03-2`` tagged ``exercise``, and
``check-03-2``. An author places a prose cell with the id ``task-03-2`` where the exercise belongs, and the command
writes the three cells from ``data/exercises/03_*.toml``. Tests hold notebooks and content together. The solved edition
of a notebook is made here, too.
"""

import argparse
from collections.abc import Mapping, Sequence

from helpers._data import NOTEBOOKS
from helpers.commands.command_line import choose
from helpers.commands.errors import CommandError, ExitCode
from helpers.lab.notebook_file import Document, read_notebook, write_notebook
from helpers.lessons.content import Exercise, lessons
from helpers.lessons.drills import notebook_cells


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("notebooks", nargs="*", metavar="NN", help="numbers of notebooks; all when none is given")


def run(arguments: argparse.Namespace) -> int:
    """Write the exercise cells of these notebooks anew; 1 where an exercise has no place in its notebook."""
    for path in choose(arguments.notebooks, NOTEBOOKS):
        lesson = lessons().get(path.name[:2])
        if lesson is None:
            print(f"{path.name}: no exercises")
            continue
        try:
            write_notebook(refreshed(read_notebook(path), lesson.exercises), path)
        except ValueError as problem:
            raise CommandError(f"{path.name}: {problem}.", ExitCode.CHECK_FAILED) from None
        print(f"{path.name}: {len(lesson.exercises)} exercises")
    return ExitCode.DONE


def cell_id(kind: str, exercise: str) -> str:
    """``task-03-2``, ``try-03-2`` or ``check-03-2``."""
    return f"{kind}-{exercise.replace('.', '-')}"


def cells_of(exercise: Exercise) -> list[Document]:
    """The three cells of one exercise, in the format of a notebook file."""
    stuck = f'Stuck? `hint("{exercise.id}")`, again for a stronger one, then `solution("{exercise.id}")`.'
    needs = f"It needs your answer of {exercise.needs}.\n\n" if exercise.needs else ""
    task = f"### Exercise {exercise.id}: {exercise.title}\n\n{exercise.task}\n\n{needs}{stuck}"
    return [
        _cell("markdown", cell_id("task", exercise.id), task),
        _cell("code", cell_id("try", exercise.id), exercise.starter, "exercise"),
        _cell("code", cell_id("check", exercise.id), f'check("{exercise.id}")'),
    ]


def refreshed(notebook: Document, exercises: Sequence[Exercise]) -> Document:
    """The notebook with the cells of these exercises as the content has them, each where its task cell stands.

    Raises ``ValueError`` where an exercise has no place in the notebook.
    """
    cells = list(notebook["cells"])
    for exercise in exercises:
        ours = cells_of(exercise)
        names = [cell["id"] for cell in cells]
        if ours[0]["id"] not in names:
            raise ValueError(f"no cell {ours[0]['id']} says where exercise {exercise.id} belongs")
        place = names.index(ours[0]["id"])
        others = {cell["id"] for cell in ours[1:]}
        before = [cell for cell in cells[:place] if cell["id"] not in others]
        cells = before + ours + [cell for cell in cells[place + 1 :] if cell["id"] not in others]
    return notebook | {"cells": cells}


def solved(notebook: Document, exercises: Mapping[str, Exercise]) -> Document:
    """The notebook with every exercise's solution in its cell, and the right answers in its drills."""
    solutions = {cell_id("try", exercise.id): exercise.solution for exercise in exercises.values()}
    return with_answers(notebook, solutions | notebook_cells(solved=True))


def with_answers(notebook: Document, sources: Mapping[str, str]) -> Document:
    """The notebook with other sources in the cells of these ids."""

    def cell(old: Document) -> Document:
        return old | {"source": _lines(sources[old["id"]])} if old["id"] in sources else old

    return notebook | {"cells": [cell(old) for old in notebook["cells"]]}


def _cell(kind: str, name: str, text: str, *tags: str) -> Document:
    source = _lines(text)
    if kind == "markdown":
        return {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    metadata = {"tags": list(tags)} if tags else {}
    return {
        "cell_type": kind,
        "execution_count": None,
        "id": name,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
