"""The rules that a shipped notebook keeps, checked without running it.

Each rule takes a ``Notebook`` and yields sentences; ``RULES`` lists them all. ``test_lint.py`` applies them
to what is shipped, and shows for each rule a notebook that breaks it.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from helpers.lab import LabError
from helpers.lab.needs import needed_notebooks

TAGS = {"parameters", "setup", "build", "exercise", "break", "fix", "own-role"}
LONGEST_CELL = 20
MAGICS = {"load_ext", "insights"}
ACCOUNT = "123456789012"

_REGION = re.compile(r"\b(?:af|ap|ca|eu|il|me|mx|sa|us)-(?:gov-)?(?:north|south|east|west|central)[a-z]*-\d[a-z]?\b")
_TWELVE_DIGITS = re.compile(r"(?<!\d)\d{12}(?!\d)")
_KEY = re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{12,}")
_OWN_PATH = re.compile(r"^(?:[A-Za-z]:[\\/]|~|/(?:home|Users|root|tmp|var|etc|opt|usr|mnt|work)\b)")
_IMAGE_ID = re.compile(r"\bami-[0-9a-f]{8,17}\b")
_LINK = re.compile(r"\]\(([^)\s]+)[^)]*\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_SLEEPS = {"sleep", "time.sleep", "asyncio.sleep"}
_ENDS = {"exit", "quit", "sys.exit", "os._exit", "input", "breakpoint", "get_ipython"}
# What a cell that catch_up runs must not do: it runs where nobody looks.
_SHOWS = {"display", "show", "print_figure", "check", "hint", "solution", "progress", "catch_up"}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell as stored: its place counted from 1, kind, id, tags and text."""

    place: int
    raw: dict[str, Any]

    @property
    def is_code(self) -> bool:
        return bool(self.raw["cell_type"] == "code")

    @property
    def text(self) -> str:
        source = self.raw["source"]
        return source if isinstance(source, str) else "".join(source)

    @property
    def tags(self) -> list[str]:
        return list(self.raw.get("metadata", {}).get("tags", []))

    @property
    def python(self) -> str:
        """The text with magics replaced by Python that defines the same names, line for line."""
        lines = self.text.split("\n")
        if lines[0].startswith("%%"):
            name = re.match(r"%%\w+\s+([A-Za-z_]\w*)", lines[0])
            return (f"{name[1]} = None" if name else "pass") + "\n" * (len(lines) - 1)
        return "\n".join("pass" if line.startswith(("%", "!", "?")) else line for line in lines)

    def tree(self) -> ast.Module:
        """Raises ``SyntaxError``; the rule ``is_python`` reports it, the others skip such a cell."""
        return ast.parse(self.python)


@dataclass(frozen=True, slots=True)
class Notebook:
    """A notebook file as stored, not as a library would repair it while reading."""

    path: Path
    raw: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> "Notebook":
        return cls(path, json.loads(path.read_text("utf-8")))

    @property
    def cells(self) -> list[Cell]:
        return [Cell(place, raw) for place, raw in enumerate(self.raw["cells"], start=1)]

    @property
    def code(self) -> list[Cell]:
        return [cell for cell in self.cells if cell.is_code]

    @property
    def prose(self) -> list[Cell]:
        return [cell for cell in self.cells if not cell.is_code]

    def tagged(self, *tags: str) -> list[Cell]:
        return [cell for cell in self.code if set(cell.tags) & set(tags)]


def file_name(notebook: Notebook) -> Iterator[str]:
    if not re.fullmatch(r"[0-9]{2}_[a-z0-9_]+\.ipynb", notebook.path.name):
        yield f"the name {notebook.path.name} is not NN_topic.ipynb"


def file_format(notebook: Notebook) -> Iterator[str]:
    version = (notebook.raw.get("nbformat"), notebook.raw.get("nbformat_minor"))
    if version != (4, 5):
        yield f"is nbformat {version}, not 4.5"
    ids = [cell.raw.get("id") for cell in notebook.cells]
    for place, name in enumerate(ids, start=1):
        if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name):
            yield f"cell {place} has no proper id: {name!r}"
        elif ids.index(name) != place - 1:
            yield f"cell {place} has the same id as an earlier one: {name}"


def kernel(notebook: Notebook) -> Iterator[str]:
    metadata = notebook.raw.get("metadata", {})
    if metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3"
    extra = set(metadata) - {"kernelspec", "language_info", "workbook"}
    if extra:
        yield f"carries metadata of some tool: {', '.join(sorted(extra))}"


def needs(notebook: Notebook) -> Iterator[str]:
    """``catch_up`` reads here what to run first; what a learner's copy holds besides has no place in a shipped one."""
    try:
        needed_notebooks(notebook.path.name[:2], notebook.path.parent)
    except LabError as problem:
        yield str(problem)
    extra = notebook.raw.get("metadata", {}).get("workbook", {}).keys() - {"needs"}
    if extra:
        yield f"carries metadata of a learner's copy: {', '.join(sorted(extra))}"


def no_outputs(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        if cell.raw.get("outputs"):
            yield f"cell {cell.place} has outputs"
        if cell.raw.get("execution_count") is not None:
            yield f"cell {cell.place} has an execution count"


def tags(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.cells:
        extra = set(cell.raw.get("metadata", {})) - {"tags"}
        if extra:
            yield f"cell {cell.place} carries metadata of some tool: {', '.join(sorted(extra))}"
        unknown = set(cell.tags) - TAGS
        if unknown:
            yield f"cell {cell.place} has unknown tags: {', '.join(sorted(unknown))}"
        if len(set(cell.tags) - {"own-role"}) > 1:  # which says of a cell of any kind that it is about one's own role
            yield f"cell {cell.place} has several tags: {', '.join(cell.tags)}"
        if cell.tags and not cell.is_code:
            yield f"cell {cell.place} is prose and has a tag"


def parameters(notebook: Notebook) -> Iterator[str]:
    cells = notebook.tagged("parameters")
    if len(cells) != 1:
        yield f"has {len(cells)} cells tagged parameters, not one"
        return
    cell = cells[0]
    lines = cell.text.splitlines()
    for statement in _statements(cell):
        where = f"cell {cell.place}, line {statement.lineno}"
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            yield f"{where}: a parameter is written `name: type = value  # what it is`"
            continue
        try:
            ast.literal_eval(statement.value or ast.Constant(None))
        except ValueError:
            yield f"{where}: the value of {statement.target.id} is not a literal"
        if "#" not in lines[(statement.end_lineno or statement.lineno) - 1][statement.end_col_offset or 0 :]:
            yield f"{where}: {statement.target.id} has no comment"


def is_python(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        try:
            cell.tree()
        except SyntaxError as error:
            yield f"cell {cell.place} is not Python: {error.msg}, line {error.lineno}"


def cell_length(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        lines = len(cell.text.splitlines())
        if lines > LONGEST_CELL:
            yield f"cell {cell.place} has {lines} lines, more than {LONGEST_CELL}"
        if not cell.text.strip():
            yield f"cell {cell.place} is empty"


def magics(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.code:
        for number, line in enumerate(cell.text.splitlines(), start=1):
            if cell.text.startswith("%%") and number > 1:
                break
            if line.lstrip().startswith("!") or re.match(r"\s*\w+\s*=\s*!", line):
                yield f"cell {cell.place}, line {number}: a shell line; write Python"
            name = re.match(r"\s*(?:\w+\s*=\s*)?%{1,2}(\w+)", line)
            if name and name[1] not in MAGICS:
                yield f"cell {cell.place}, line {number}: %{name[1]} is not a magic of the course"


def calls(notebook: Notebook) -> Iterator[str]:
    for cell, node in _nodes(notebook.code):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in _SLEEPS:
                yield f"cell {cell.place} sleeps; use a waiter or lab.wait_until"
            elif name in _ENDS:
                yield f"cell {cell.place} calls {name}"


def imports(notebook: Notebook) -> Iterator[str]:
    for cell, node in _nodes(notebook.code):
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            yield f"cell {cell.place} imports a star"
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if re.match(r"(moto|helpers\.(sandbox|commands|runner))(\.|$)", name):
                yield f"cell {cell.place} imports {name}: a cell must not know how the sandbox is made"
            elif name.startswith("helpers.") and not _is_there(name):
                yield f"cell {cell.place} imports {name}: there is no such name"


@cache
def _is_there(name: str) -> bool:
    """Whether a cell can import it: a part of a module, or a module."""
    module, _, part = name.rpartition(".")
    try:
        return hasattr(import_module(module), part) or find_spec(name) is not None
    except ImportError:
        return False


def literals(notebook: Notebook) -> Iterator[str]:
    for cell, node in _nodes(notebook.code):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str | int):
            continue
        text = str(node.value)
        if _TWELVE_DIGITS.search(text):
            yield f"cell {cell.place} holds an account id; ask sts for it"
        if _IMAGE_ID.search(text):
            yield f"cell {cell.place} holds an image id; find it with describe_images"
        if _OWN_PATH.match(text):
            yield f"cell {cell.place} holds an absolute path: {text[:40]}"
        if _REGION.search(text) and "parameters" not in cell.tags:
            yield f"cell {cell.place} holds a region outside the parameters: {text[:40]}"


def secrets(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.cells:
        if _KEY.search(cell.text):
            yield f"cell {cell.place} holds what looks like an access key id"
        if not cell.is_code and set(_TWELVE_DIGITS.findall(cell.text)) - {ACCOUNT}:
            yield f"cell {cell.place} names an account id that is not {ACCOUNT}"


def plain_building(notebook: Notebook) -> Iterator[str]:
    """``catch_up`` runs the cells tagged setup and build as plain Python, where nobody looks."""
    for cell in notebook.tagged("setup", "build"):
        if any(line.lstrip().startswith(("%", "!")) for line in cell.text.splitlines()):
            yield f"cell {cell.place} is tagged {cell.tags[0]} and holds a magic"
    for cell, node in _nodes(notebook.tagged("setup", "build")):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in _SHOWS:
            yield f"cell {cell.place} is tagged {cell.tags[0]} and calls {ast.unparse(node.func)}"


def names(notebook: Notebook) -> Iterator[str]:
    """Names are defined before they are used, also when catch_up runs only the building cells."""
    for cell, name in _undefined(notebook.code, "display"):
        yield f"cell {cell.place} uses {name} before it is defined"
    building = notebook.tagged("parameters", "setup", "build")
    for cell, name in _undefined(building, "lab"):
        yield f"cell {cell.place} is tagged {cell.tags[0]} and needs {name}, which no cell for it defines"


def title(notebook: Notebook) -> Iterator[str]:
    if not notebook.cells or notebook.cells[0].is_code or not notebook.cells[0].text.startswith("# "):
        yield "does not begin with a title, `# ...`"
    count = sum(len(re.findall(r"^# ", without_fences(cell.text), re.MULTILINE)) for cell in notebook.prose)
    if count != 1:
        yield f"has {count} first-level headings, not one"


def links(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.prose:
        for target in _LINK.findall(without_fences(cell.text)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            place = notebook.path.parent / name if name else notebook.path
            if not place.exists():
                yield f"cell {cell.place} links to {name}, which does not exist"
            elif anchor and place.suffix == ".ipynb" and anchor not in anchors(Notebook.read(place)):
                yield f"cell {cell.place} links to {target}: there is no such heading"


def markdown(notebook: Notebook) -> Iterator[str]:
    """Only what JupyterLab shows: it strips inline SVG, and shows GitHub's and MyST's boxes as raw text."""
    for cell in notebook.prose:
        text = without_fences(cell.text)
        for found, what in (("<svg", "inline SVG"), ("> [!", "a GitHub alert"), (":::", "a MyST box")):
            if found in text:
                yield f"cell {cell.place} has {what}, which JupyterLab does not show"


RULES = [
    *(file_name, file_format, kernel, needs, no_outputs, tags, parameters, is_python, cell_length, magics),
    *(calls, imports, literals, secrets, plain_building, names, title, links, markdown),
]


def problems(notebook: Notebook) -> list[str]:
    """Every breach of every rule, each with the notebook's name."""
    return [f"{notebook.path.name}: {sentence}" for rule in RULES for sentence in rule(notebook)]


def _statements(cell: Cell) -> list[ast.stmt]:
    try:
        return cell.tree().body
    except SyntaxError:
        return []


def _nodes(cells: list[Cell]) -> Iterator[tuple[Cell, ast.AST]]:
    for cell in cells:
        for statement in _statements(cell):
            for node in ast.walk(statement):
                yield cell, node


def without_fences(text: str) -> str:
    return _FENCE.sub("", text)


def anchors(notebook: Notebook) -> set[str]:
    found = set()
    for cell in notebook.prose:
        for heading in re.findall(r"^#+ +(.+?) *$", without_fences(cell.text), re.MULTILINE):
            found.add(re.sub(r"[`*_]", "", heading).replace(" ", "-"))
    return found


def _undefined(cells: list[Cell], *known: str) -> list[tuple[Cell, str]]:
    """Names without a definition, in the order of the cells, as ruff sees it (rule F821)."""
    parsed = [cell for cell in cells if _statements(cell)]
    owners = [cell for cell in parsed for _ in cell.python.split("\n")]
    text = "\n".join(cell.python for cell in parsed) + "\n"
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--exit-zero"]
    command += [
        "--select",
        "F821",
        "--config",
        f"builtins={json.dumps(known)}",
        "--output-format",
        "json",
        "-",
    ]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=True)
    return [(owners[one["location"]["row"] - 1], one["message"].split("`")[1]) for one in json.loads(done.stdout)]
