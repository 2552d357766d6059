"""What a kernel of ``make lab`` says below an error that has a known way out. The error itself is shown as always."""

import os
import symtable
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


def watch() -> None:
    """Look at each cell's error from now on. Does nothing outside a kernel, for example in ``python`` itself."""
    shell: Any = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    notebook = Path(os.environ.get("JPY_SESSION_NAME", ""))  # set by Jupyter's server

    def say(result: Any) -> None:
        sentence = ""
        with suppress(OSError, ValueError, KeyError, TypeError):  # a notebook that cannot be read has no advice
            sentence = advice(result.error_in_exec, notebook, result.info.cell_id, shell.transform_cell)
        if sentence:
            shell.display_pub.publish({"text/plain": sentence, "text/markdown": sentence})

    if hasattr(shell, "kernel"):
        shell.events.register("post_run_cell", say)


def advice(error: BaseException | None, notebook: Path, cell: str | None, transform: Callable[[str], str]) -> str:
    """A sentence where ``error`` of the cell with the id ``cell`` has a known way out, else nothing.

    A name is only explained where a cell above assigns it, so that nothing is said of a typing error. ``transform``
    turns a cell with magics into Python. Raises ``OSError`` or ``ValueError`` where the notebook cannot be read.
    """
    if type(error) is NameError and error.name:
        if error.name not in _assigned_above(notebook, cell, transform):
            return _given_by_an_exercise(error.name, notebook.name[:2], transform)
        return (
            f"`{error.name}` comes from a cell above that has not run to its end in this kernel. After a restart a "
            "kernel is new and knows nothing. Choose **Run All Above Selected Cell** in the menu **Run**, then run "
            "this cell again."
        )
    if hasattr(error, "response") or type(error).__module__ == "botocore.exceptions":
        from helpers.lab.errors import way_out

        return way_out(error)
    return ""


def _assigned_above(notebook: Path, cell: str | None, transform: Callable[[str], str]) -> set[str]:
    from helpers.lab.notebook_file import read_notebook, source_of

    names: set[str] = set()
    for above in read_notebook(notebook)["cells"]:
        if above.get("id") == cell:
            break
        if above["cell_type"] == "code":
            names |= _assigned(source_of(above), transform)
    return names


def _given_by_an_exercise(name: str, number: str, transform: Callable[[str], str]) -> str:
    """What to say of a name that an exercise of this notebook gives in its first lines, where nobody assigns it."""
    from helpers.lessons.content import exercises

    for exercise in exercises().values():
        if exercise.notebook == number and name in _assigned(exercise.starter, transform):
            return (
                f"`{name}` is given in the cell of exercise {exercise.id}, and that line is deleted. The cell began "
                f"with:\n\n```python\n{exercise.starter}\n```\n\nPut the line back, then run the cell again."
            )
    return ""


def _assigned(source: str, transform: Callable[[str], str]) -> set[str]:
    with suppress(SyntaxError):
        symbols = symtable.symtable(transform(source), "cell", "exec").get_symbols()
        return {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
    return set()
