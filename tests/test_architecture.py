"""Who may import whom, and how modules, files and classes are measured and named, read from the source with ast."""

import ast
import re
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise

import pytest

from tests.modules import Module, modules

LONGEST_MODULE = 400
MEDIAN_MODULE = 150
MOST_DOUBLED_FILES = 8

PURE = {"flowlogs", "access", "pricing", "insights", "network", "detection", "traffic", "health"}
NOTHING: frozenset[str] = frozenset()
FLOWLOGS = frozenset({"flowlogs"})
LEARNERS = frozenset(PURE | {"lab"})
# The room -> the rooms of ours that it may import, besides itself. A room that is not here is forbidden.
ALLOWED: dict[str, frozenset[str]] = {
    "_data": NOTHING,
    "_html": NOTHING,
    "flowlogs": NOTHING,
    "access": NOTHING,
    "pricing": NOTHING,
    "insights": FLOWLOGS,
    "network": FLOWLOGS,
    "detection": FLOWLOGS,
    "traffic": frozenset({"network", "flowlogs"}),
    "health": frozenset({"network", "flowlogs", "access", "pricing", "insights"}),
    "sandbox": frozenset(PURE - {"health"}),
    "lab": frozenset({"pricing", "network", "access", "flowlogs"}),
    "lessons": LEARNERS | {"figures"},
    "figures": LEARNERS,
    "magics": LEARNERS,
    "forked_kernels": frozenset({"lab"}),
    "runner": frozenset(PURE | {"lab", "lessons", "figures", "magics", "sandbox", "commands", "forked_kernels"}),
    "commands": frozenset(PURE | {"lab", "lessons", "figures", "magics", "sandbox", "runner", "forked_kernels"}),
    "__main__": frozenset(
        PURE | {"lab", "lessons", "figures", "magics", "sandbox", "runner", "commands", "forked_kernels"}
    ),
    "__init__": NOTHING,
}
# _data says where data/ lies, _html how a table looks in a notebook; every room may ask them.
SHARED = frozenset({"_data", "_html"})
# Modules from outside that only some rooms may import.
RESERVED = {
    "moto": {"sandbox"},
    "boto3": {"lab"},
    "botocore": {"lab", "sandbox", "lessons", "magics", "commands"},
}
NOT_IN_PURE = {
    *("boto3", "botocore", "moto", "flask", "werkzeug", "requests", "urllib3", "subprocess"),
    *("nbformat", "nbclient", "papermill", "IPython", "ipykernel", "jupyter_client", "time_machine"),
}
CLOCKS = {
    *("time.time", "time.time_ns", "time.monotonic", "time.sleep", "datetime.now", "datetime.utcnow"),
    *(
        "datetime.datetime.now",
        "datetime.datetime.utcnow",
        "date.today",
        "datetime.date.today",
        "datetime.today",
    ),
}
ADAPTER = "helpers.sandbox.moto_adapter"
# Where the checkout is looked for; the checkpoint looks for the package's own code alone, to name it by a hash.
PLACES = {"helpers._data", "helpers.sandbox.account.checkpoint"}
# Modules whose own imports may close a circle. Module -> why.
CIRCLES = {
    "helpers.access.html": "it names the types of decisions, and decisions show themselves with it; it has 50 lines",
}
# File names that several rooms use for one and the same thing. Name -> what that is.
DOUBLED_FILES = {
    "__main__": "what `python -m` runs: the command line, and the sandbox's own process",
    "errors": "the errors that a room raises",
    "parser": "from a text to its tree: a query's, and a shell script's",
    "state": "what the sandbox remembers of a region for one service",
}
# Class names that two rooms use. Name -> why neither gives way.
DOUBLED_CLASSES: dict[str, str] = {}
# Underscored names that their libraries document for use.
DOCUMENTED = {"_replace", "_asdict", "_fields", "_make", "_field_defaults", "_exit", "_meta"}


def forbidden_rooms(module: Module) -> Iterator[str]:
    if module.room not in ALLOWED:
        yield f"{module.name}: the room {module.room} is not in the design's table"
        return
    for name, line in module.imports():
        top, _, rest = name.partition(".")
        if top == "helpers":
            target = rest.partition(".")[0]
            if target and target not in ALLOWED[module.room] | SHARED | {module.room}:
                yield f"{module.name}:{line} imports {name}, and {module.room} may not import {target}"
        elif top in RESERVED and module.room not in RESERVED[top]:
            yield f"{module.name}:{line} imports {name}, which is for {', '.join(sorted(RESERVED[top]))}"
        elif module.room in PURE and top in NOT_IN_PURE:
            yield f"{module.name}:{line} imports {name}, and {module.room} is pure"


def private_reaches(module: Module) -> Iterator[str]:
    """Underscored names of another room or of a library, imported or reached through an attribute."""
    for name, line in module.imports():
        parts = name.split(".")
        own = parts[:2] == ["helpers", module.room]
        hidden = [part for part in parts if part.startswith("_") and not part.endswith("__")]
        if hidden and not own and not _is_adapter(module) and not SHARED & set(parts[1:2]):
            yield f"{module.name}:{line} imports {name}, whose {hidden[0]} is private"
    if _is_adapter(module):
        return
    own_names = _defined(module.tree)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr.endswith("__"):
            continue
        if isinstance(node.value, ast.Name) and node.value.id in ("self", "cls"):
            continue
        if node.attr not in own_names | DOCUMENTED:
            yield f"{module.name}:{node.lineno} reaches for {ast.unparse(node)}, a private name of others"


def _is_adapter(module: Module) -> bool:
    """The one place for moto's private parts, a module or a package of that name."""
    return module.name == ADAPTER or module.name.startswith(f"{ADAPTER}.")


def _defined(tree: ast.Module) -> set[str]:
    """Every name that a module itself defines: functions, classes, fields, assigned attributes and slots."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            names.add(node.attr)
    return names


def sessions(module: Module) -> Iterator[str]:
    """Clients and sessions made where only lab/ may make them."""
    if module.room == "lab":
        return
    makers = ("boto3.client", "boto3.resource", "boto3.Session", "boto3.session.Session")
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in makers:
            yield f"{module.name}:{node.lineno} makes a session with {ast.unparse(node.func)}"
    for name, line in module.imports():
        if name.startswith("botocore.session"):
            yield f"{module.name}:{line} imports {name}"


def clocks(module: Module) -> Iterator[str]:
    if module.room not in PURE:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in CLOCKS:
            yield f"{module.name}:{node.lineno} has a clock of its own: {ast.unparse(node.func)}"
    for name, line in module.imports():
        if name in CLOCKS:
            yield f"{module.name}:{line} imports the clock {name}"


def sockets(module: Module) -> Iterator[str]:
    """A pure room may write and read addresses with ``socket``, and must not open one."""
    if module.room not in PURE:
        return
    names = [ast.unparse(node) for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)]
    names += [name for name, _ in module.imports()]
    for name in names:
        if re.match(r"socket\.(?!inet_|AF_)", name):
            yield f"{module.name} uses {name}, and {module.room} is pure"


def places(module: Module) -> Iterator[str]:
    """``helpers._data`` alone reads ``FLOWLOGS_HOME`` and looks for the checkout."""
    if module.name in PLACES:
        return
    for node in ast.walk(module.tree):
        asked = [*node.args] if isinstance(node, ast.Call) else [node.slice] if isinstance(node, ast.Subscript) else []
        if any(isinstance(key, ast.Constant) and key.value == "FLOWLOGS_HOME" for key in asked):
            yield f"{module.name}:{node.lineno} reads FLOWLOGS_HOME: ask helpers._data"
        elif isinstance(node, ast.Attribute) and node.attr in ("parent", "parents") and "__file__" in ast.unparse(node):
            yield f"{module.name}:{node.lineno} looks for the checkout: ask helpers._data"


def docstring_style(module: Module) -> Iterator[str]:
    """Code in double backticks, and sentences instead of the sections Args, Returns, Raises."""
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            continue
        text = re.sub(
            r":\w+:`[^`]*`|``[^`]*``|^>>>.*?(?=\n\n|\Z)",
            "",
            ast.get_docstring(node) or "",
            flags=re.MULTILINE | re.DOTALL,
        )
        if "`" in text:
            yield f"{module.name}: a single backtick in the docstring of {getattr(node, 'name', 'the module')}"
        if re.search(r"^\s*(Args|Returns|Raises|Yields):\s*$", text, re.MULTILINE):
            yield f"{module.name}: sections in the docstring of {getattr(node, 'name', 'the module')}"


def too_long(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > LONGEST_MODULE:
        yield f"{module.name} has {lines} lines: it wants two rooms"


def circles(house: Sequence[Module]) -> Iterator[str]:
    """Modules that import each other round about; an import for types, or inside a function, is an import too."""
    names = {module.name for module in house}
    graph = {
        module.name: {_module_of(name, names) for name, _ in module.imports()} & names - {module.name}
        for module in house
        if module.name not in CIRCLES
    }
    while True:
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            circle = error.args[1]
            yield f"these import each other in a circle: {' <- '.join(circle)}"
            for module, importer in pairwise(circle):
                graph[importer].discard(module)
        else:
            return


def _module_of(name: str, names: set[str]) -> str:
    """The module that an imported thing is in: the thing itself, or where it is defined."""
    while name and name not in names:
        name = name.rpartition(".")[0]
    return name


def doubled_files(house: Sequence[Module]) -> Iterator[str]:
    homes = _by_name((module.file_name, module.name) for module in house if not module.is_package)
    yield from _doubled("file", homes, DOUBLED_FILES)


def doubled_classes(house: Sequence[Module]) -> Iterator[str]:
    classes = ((module, node) for module in house for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef))
    yield from _doubled("class", _by_name((node.name, module.name) for module, node in classes), DOUBLED_CLASSES)


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    homes = defaultdict(list)
    for name, home in pairs:
        homes[name].append(home)
    return homes


def _doubled(what: str, homes: dict[str, list[str]], excused: dict[str, str]) -> Iterator[str]:
    for name, places in homes.items():
        if len(places) > 1 and name not in excused:
            yield f"the {what} name {name} means {len(places)} things: {', '.join(places)}"


def long_in_the_middle(house: Sequence[Module]) -> Iterator[str]:
    median = statistics.median(len(module.source.splitlines()) for module in house)
    if median >= MEDIAN_MODULE:
        yield f"the median module has {median:.0f} lines; it stays under {MEDIAN_MODULE}"


RULES = [forbidden_rooms, private_reaches, sessions, clocks, sockets, places, docstring_style, too_long]
HOUSE_RULES = [circles, doubled_files, doubled_classes, long_in_the_middle]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule) -> None:  # type: ignore[no-untyped-def]
    assert modules()
    assert [problem for module in modules() for problem in rule(module)] == []


@pytest.mark.parametrize("rule", HOUSE_RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule) -> None:  # type: ignore[no-untyped-def]
    assert list(rule(modules())) == []


def test_every_exception_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule, excused in ((circles, CIRCLES), (doubled_files, DOUBLED_FILES), (doubled_classes, DOUBLED_CLASSES)):
        for name in list(excused):
            with monkeypatch.context() as patch:
                patch.delitem(excused, name)
                assert any(name in breach for breach in rule(modules())), name
    assert len(DOUBLED_FILES) <= MOST_DOUBLED_FILES


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (forbidden_rooms, "helpers.flowlogs.record", "from helpers.network import trace"),
        (forbidden_rooms, "helpers.flowlogs.record", "from ..network import trace"),
        (forbidden_rooms, "helpers.insights.run", "def f():\n    import helpers.traffic"),
        (forbidden_rooms, "helpers.lab.session", "from helpers import sandbox"),
        (forbidden_rooms, "helpers.lab.session", "from helpers.traffic import step"),
        (forbidden_rooms, "helpers.lab.session", "import importlib as i\n__import__('helpers.sandbox.cli')"),
        (forbidden_rooms, "helpers.lessons.check", "import helpers.sandbox.cli"),
        (forbidden_rooms, "helpers.runner", "import moto"),
        (forbidden_rooms, "helpers.commands.run", "from moto.core import x"),
        (forbidden_rooms, "helpers.figures", "import boto3"),
        (forbidden_rooms, "helpers.network.trace", "import botocore.loaders"),
        (forbidden_rooms, "helpers.surprise", "x = 1"),
        (private_reaches, "helpers.traffic.shell", "from helpers.network import _rules"),
        (private_reaches, "helpers.traffic.shell", "from helpers.network._rules import match"),
        (private_reaches, "helpers.traffic.shell", "def f(trace):\n    return trace._hops"),
        (private_reaches, "helpers.sandbox.process.http", "from moto.core.responses import _x"),
        (sessions, "helpers.sandbox.cli", "import boto3\nboto3.client('ec2')"),
        (sessions, "helpers.lessons.check", "from botocore.session import Session"),
        (clocks, "helpers.traffic.capture", "import time\nnow = time.time()"),
        (clocks, "helpers.traffic.capture", "from time import time"),
        (clocks, "helpers.network.topology", "from datetime import datetime\ndatetime.now()"),
        (sockets, "helpers.network.topology", "import socket\nsocket.create_connection(('x', 1))"),
        (sockets, "helpers.traffic.shell", "from socket import socket"),
        (places, "helpers.lab.session", "import os\nhome = os.environ['FLOWLOGS_HOME']"),
        (places, "helpers.commands.run", "import os\nhome = os.environ.get('FLOWLOGS_HOME', '')"),
        (places, "helpers.insights.run", "from pathlib import Path\nROOT = Path(__file__).resolve().parents[2]"),
        (places, "helpers.insights.run", "from pathlib import Path\nROOT = Path(__file__).parent.parent"),
        (docstring_style, "helpers.network.topology", "def f():\n    '''Give `x`.'''"),
        (docstring_style, "helpers.network.topology", "def f():\n    '''Give.\n\n    Args:\n        x: y.\n    '''"),
        (too_long, "helpers.network.topology", "x = 1\n" * 401),
    ],
)  # fmt: skip
def test_a_breach_is_seen(rule, name: str, source: str) -> None:  # type: ignore[no-untyped-def]
    assert list(rule(Module(name, source)))


@pytest.mark.parametrize(
    ("rule", "words", "sources"),
    [
        (circles, "a <- helpers.lab.b", {"a": "from helpers.lab import b", "b": "from helpers.lab.a import x"}),
        (circles, "helpers.lab.b", {"a": "import helpers.lab.b", "b": "def f():\n    import helpers.lab.a"}),
        (
            circles,
            "helpers.lab.c",
            {
                "a": "from helpers.lab.b import x",
                "b": "from helpers.lab.c import x",
                "c": "if TYPE_CHECKING:\n    from helpers.lab.a import X",
            },
        ),
        (doubled_files, "groups means 2 things: helpers.lab.x.groups", {"x.groups": "", "y.groups": ""}),
        (doubled_classes, "Step means 2 things: helpers.lab.a", {"a": "class Step: ...", "b": "class Step: ..."}),
        (doubled_classes, "_Reader", {"a": "class _Reader: ...", "b": "def f():\n    class _Reader: ..."}),
        (long_in_the_middle, "has 151 lines", {"a": "x = 1\n", "b": "x = 1\n" * 151, "c": "x = 1\n" * 400}),
    ],
)
def test_a_breach_of_the_house_is_seen(rule, words: str, sources: dict[str, str]) -> None:  # type: ignore[no-untyped-def]
    house = [Module(f"helpers.lab.{name}", source) for name, source in sources.items()]
    assert any(words in breach for breach in rule(house)), list(rule(house))


def test_a_house_in_order_is_in_order() -> None:
    house = [
        Module("helpers.lab", "from helpers.lab.a import A", is_package=True),
        Module("helpers.lab.a", "from helpers.lab.b import B\nclass A: ..."),
        Module("helpers.lab.b", "from helpers.network import trace\nclass B: ..."),
        Module("helpers.network", "from helpers.network.trace import trace", is_package=True),
        Module("helpers.network.trace", "def trace(): ..."),
    ]
    assert [breach for rule in HOUSE_RULES for breach in rule(house)] == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        (
            "helpers.traffic.shell",
            "from helpers.network import trace\nfrom helpers.flowlogs import FlowRecord",
        ),
        ("helpers.network.trace", "from helpers._data import data_path\nfrom ._rules import match"),
        ("helpers.sandbox.moto_adapter", "from moto.core import _x\ndef f(y):\n    return y._secret"),
        (
            "helpers.access.policy",
            "class P:\n    _x: int = 0\n    def same(self, other):\n        return other._x",
        ),
        ("helpers.network.addresses", "import socket\nsocket.inet_pton(socket.AF_INET, '192.0.2.1')"),
        ("helpers.lab.session", "import boto3\nboto3.Session()"),
        ("helpers.commands.run", "import os\nenvironment = {**os.environ, 'FLOWLOGS_HOME': 'x'}"),
        ("helpers.insights.run", "from pathlib import Path\ngrammar = Path(__file__).with_name('grammar.lark')"),
        ("helpers.commands.run", "import helpers.sandbox.cli\nimport time\ntime.monotonic()"),
        ("helpers.lab.settings", "from helpers.access import evaluate\nfrom helpers.flowlogs import FlowRecord"),
    ],
)
def test_what_is_allowed_is_allowed(name: str, source: str) -> None:
    assert [problem for rule in RULES for problem in rule(Module(name, source))] == []
