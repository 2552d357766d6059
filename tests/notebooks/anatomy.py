"""What makes a notebook a lesson: its parts, its measure, and that it says what its content file says.

Like the rules of ``lint``, each takes a ``Notebook`` and yields sentences that tell the author what to do.
"""

import ast
import re
import statistics
from collections.abc import Iterator

import botocore.session
from botocore import xform_name

from helpers import lessons as lesson_tools
from helpers._data import NOTEBOOKS
from helpers.commands.exercise_cells import refreshed
from helpers.lessons.content import Lesson, lessons
from tests.notebooks.lint import Cell, Notebook, without_fences
from tests.notebooks.promises import PROMISE

SHORT_FORMS = {"00", "99"}
BOX = ("**Time**", '**Cost with `mode="aws"`**', "**You need**", "**Leaves behind**")
MEDIAN, MOST_OF_THEM = 4, 12
SERVICES = ("ec2", "iam", "logs", "ssm", "sts", "cloudwatch", "sns", "s3", "athena")
_VERBS = "Accept|Assume|Attach|Authorize|Create|Delete|Describe|Filter|Get|List|Put|Revoke|Run|Send|Start|Stop|Update"
_API = re.compile(rf"`((?:{_VERBS})[A-Z]\w+)`")
_METHOD = re.compile(rf"`(?:\w+\.)?((?:{_VERBS.lower()})_\w+)(?:\([^`]*\))?`")
_OWN = {"start_date"}
_IMAGE = re.compile(r"!\[([^\]]*)\]")


def parts(notebook: Notebook) -> Iterator[str]:
    text = "\n".join(cell.text for cell in notebook.prose)
    for row in BOX:
        if row not in text:
            yield f"its box has no row {row}"
    wanted = {"**After this you can**": "objectives", "**Predict.**": "a prediction", PROMISE: '"you should see"'}
    wanted |= {"## Recap": "a recap", "**Next:**": "a next step"}
    short = number(notebook) in SHORT_FORMS
    for words, what in wanted.items():
        if words not in text and not (short and words == "## Recap"):
            yield f"lacks {what}: write {words!r}"
    if not short and "99_cleanup.ipynb" not in text:
        yield "does not say how to stop: link to 99_cleanup.ipynb"


def leads_on(notebook: Notebook) -> Iterator[str]:
    """The first notebook after "Next" is the one that follows, and after the last one it is the first."""
    course = sorted(path.name for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    here = notebook.path.name
    following = course[(course.index(here) + 1) % len(course)] if here in course else course[0]
    text = "\n".join(cell.text for cell in notebook.prose).partition("**Next:**")[2]
    linked = re.search(r"\]\(([0-9]{2}_\w+\.ipynb)", text)
    if linked and linked[1] != following:
        yield f"leads to {linked[1]}; behind **Next:** link to {following} first"


def broken_and_fixed(notebook: Notebook) -> Iterator[str]:
    if number(notebook) in SHORT_FORMS:
        return
    kinds = {each.kind for each in lesson_of(notebook).exercises}
    for tag in ("break", "fix"):
        if not notebook.tagged(tag) and "fix" not in kinds:
            yield f"breaks and fixes nothing: tag a cell {tag!r}"
    if not kinds & {"do", "fix", "query"}:
        yield "has no exercise whose check looks at the account"


def exercises_stand(notebook: Notebook) -> Iterator[str]:
    """The cells are the content's, to the letter; the order of the ids is the order on the page."""
    lesson = lesson_of(notebook)
    try:
        same = refreshed(notebook.raw, lesson.exercises) == notebook.raw
    except ValueError as problem:
        yield str(problem)
        return
    if not same:
        yield f"its exercises differ from its content: python -m helpers exercises {number(notebook)}"
    known = [each.id for each in lesson.exercises]
    shown = re.findall(r"^### Exercise (\d\d\.\d+):", "\n".join(c.text for c in notebook.prose), re.MULTILINE)
    if shown != known:
        yield f"shows the exercises {shown}; its content has {known}, in this order"


def promises_stand(notebook: Notebook) -> Iterator[str]:
    """What a cell promises is written down where a test can hold it against the outputs."""
    promises = lesson_of(notebook).promises
    prose = {cell.raw["id"]: cell for cell in notebook.prose}
    for cell_id in promises.keys() - prose.keys():
        yield f"its content promises something for a cell {cell_id}, which is not there"
    for cell_id, cell in prose.items():
        if PROMISE in cell.text and cell_id not in promises:
            yield f"cell {cell.place} says what to see: list it under [see] as {cell_id} = [...]"


def measure(notebook: Notebook) -> Iterator[str]:
    lengths = sorted(len(cell.text.splitlines()) for cell in notebook.code)
    median, most = statistics.median(lengths), lengths[int(0.9 * (len(lengths) - 1))]
    if median > MEDIAN:
        yield f"its code cells have {median} lines in the middle, more than {MEDIAN}: split or shorten"
    if most > MOST_OF_THEM:
        yield f"one code cell in ten has {most} lines or more; {MOST_OF_THEM} is the measure"


def headings(notebook: Notebook) -> Iterator[str]:
    last = 0
    for cell in notebook.prose:
        for marks in re.findall(r"^(#+) ", without_fences(cell.text), re.MULTILINE):
            if len(marks) > last + 1:
                yield f"cell {cell.place}: a heading of level {len(marks)} follows one of level {last}"
            last = len(marks)


def rebinding(notebook: Notebook) -> Iterator[str]:
    """A name means one thing from top to bottom; the learner's own cell may of course set what it is asked for."""
    owner: dict[str, Cell] = {}
    for cell in notebook.code:
        for name in sorted(_bound(cell)):
            if name in owner:
                yield f"cell {cell.place} binds {name} again, which cell {owner[name].place} defined: use another name"
            owner.setdefault(name, cell)


def api_names(notebook: Notebook) -> Iterator[str]:
    operations = _operations()
    methods = {xform_name(name) for name in operations}
    own = {*lesson_tools.__all__}
    own |= {node.name for cell in notebook.code for node in ast.walk(_tree(cell)) if isinstance(node, ast.FunctionDef)}
    for cell in notebook.prose:
        for name in _API.findall(cell.text):
            if name not in operations:
                yield f"cell {cell.place} names {name}, which is no operation of {', '.join(SERVICES)}"
        for name in _METHOD.findall(cell.text):
            if name not in methods | own | _OWN and not name.endswith("_waiter"):
                yield f"cell {cell.place} names {name}, which no client has"


def alternatives(notebook: Notebook) -> Iterator[str]:
    for cell in notebook.prose:
        if any(not alt.strip() for alt in _IMAGE.findall(cell.text)) or "<img" in cell.text:
            yield f"cell {cell.place} has a picture without words: ![what is to be seen](...)"
    for cell in notebook.code:
        for node in ast.walk(_tree(cell)):
            if isinstance(node, ast.Call) and ast.unparse(node.func).endswith((".plot", ".savefig", "plt.show")):
                shown = any("alt=" in other.text for other in notebook.code if other.place >= cell.place)
                if not shown:
                    yield f"cell {cell.place} draws, and no show(figure, alt=...) follows"


RULES = [
    *(parts, leads_on, broken_and_fixed, exercises_stand, promises_stand, measure, headings, rebinding, api_names),
    alternatives,
]


def problems(notebook: Notebook) -> list[str]:
    """Every breach of every rule, each with the notebook's name."""
    return [f"{notebook.path.name}: {sentence}" for rule in RULES for sentence in rule(notebook)]


def number(notebook: Notebook) -> str:
    """``"03"``."""
    return notebook.path.name[:2]


def lesson_of(notebook: Notebook) -> Lesson:
    """The notebook's content; an empty one where there is none."""
    return lessons().get(number(notebook)) or Lesson(number(notebook), ())


def _tree(cell: Cell) -> ast.Module:
    try:
        return cell.tree()
    except SyntaxError:
        return ast.Module([], [])


def _bound(cell: Cell) -> set[str]:
    """Names that a cell's own statements bind; not by loops or ``with``, whose names are for the moment."""
    found: set[str] = set()
    for statement in _tree(cell).body:
        if isinstance(statement, ast.Assign):
            targets: list[ast.expr] = statement.targets
        elif isinstance(statement, ast.AnnAssign):
            targets = [statement.target]
        elif isinstance(statement, ast.FunctionDef):
            found.add(statement.name)
            continue
        else:
            continue
        found |= {node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)}
        if any(isinstance(node, ast.Subscript) for target in targets for node in ast.walk(target)):
            found -= {
                node.id
                for target in targets
                if isinstance(target, ast.Subscript)
                for node in ast.walk(target)
                if isinstance(node, ast.Name)
            }
    return found - {"_"}


def _operations() -> set[str]:
    session = botocore.session.get_session()
    return {name for service in SERVICES for name in session.get_service_model(service).operation_names}
