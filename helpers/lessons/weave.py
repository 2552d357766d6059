"""The exercises in the notebooks: their cells from the content files, and the solved edition of a notebook.

An exercise ``03.2`` is three cells in a row: ``task-03-2`` in prose, ``try-03-2`` tagged ``exercise``, and
``check-03-2``. An author places a prose cell with the id ``task-03-2`` where the exercise belongs, and

    python -m helpers.lessons.weave 03

writes the three cells from ``data/exercises/03_*.toml``. Tests hold notebooks and content together.
"""

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from helpers.lab.catchup import NOTEBOOKS
from helpers.lessons.content import Exercise, lessons
from helpers.lessons.drills import notebook_cells

Document = dict[str, Any]


def cell_id(kind: str, exercise: str) -> str:
    """``task-03-2``, ``try-03-2`` or ``check-03-2``."""
    return f"{kind}-{exercise.replace('.', '-')}"


def cells_of(exercise: Exercise) -> list[Document]:
    """The three cells of one exercise, in the format of a notebook file."""
    stuck = f'Stuck? `hint("{exercise.id}")`, again for a stronger one, then `solution("{exercise.id}")`.'
    task = f"### Exercise {exercise.id}: {exercise.title}\n\n{exercise.task}\n\n{stuck}"
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
    solutions = {cell_id("try", each.id): each.solution for each in exercises.values()}
    return with_answers(notebook, solutions | notebook_cells(solved=True))


def with_answers(notebook: Document, sources: Mapping[str, str]) -> Document:
    """The notebook with other sources in the cells of these ids."""

    def cell(old: Document) -> Document:
        return old | {"source": _lines(sources[old["id"]])} if old["id"] in sources else old

    return notebook | {"cells": [cell(each) for each in notebook["cells"]]}


def write(notebook: Document, path: Path) -> None:
    """Write a notebook file as this project keeps them: one space of indent, no escapes."""
    path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


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


def _files(numbers: Sequence[str]) -> Iterator[tuple[Path, tuple[Exercise, ...]]]:
    for number in numbers or list(lessons()):
        for path in NOTEBOOKS.glob(f"{number}_*.ipynb"):
            yield path, lessons()[number].exercises


def main(numbers: Sequence[str], say: Callable[[str], None] = print) -> int:
    """Refresh the exercise cells of the notebooks of these numbers, or of all."""
    for path, exercises in _files(numbers):
        write(refreshed(json.loads(path.read_text(encoding="utf-8")), exercises), path)
        say(f"{path.name}: {len(exercises)} exercises")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
