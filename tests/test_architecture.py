"""Who may import whom: the table of the design, read from the source with ast."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ROOT / "helpers"
LONGEST_MODULE = 400

PURE = {"flowlogs", "access", "pricing", "insights", "network", "detection", "traffic"}
NOTHING: frozenset[str] = frozenset()
FLOWLOGS = frozenset({"flowlogs"})
LEARNERS = frozenset(PURE | {"lab"})
# The room -> the rooms of ours that it may import, besides itself. A room that is not here is forbidden.
ALLOWED: dict[str, frozenset[str]] = {
    "_data": NOTHING,
    "flowlogs": NOTHING,
    "access": NOTHING,
    "pricing": NOTHING,
    "insights": FLOWLOGS,
    "network": FLOWLOGS,
    "detection": FLOWLOGS,
    "traffic": frozenset({"network", "flowlogs"}),
    "sandbox": frozenset(PURE),
    "lab": frozenset({"pricing", "network"}),
    "lessons": LEARNERS,
    "figures": LEARNERS,
    "magics": LEARNERS,
    "runner": frozenset(PURE | {"lab", "lessons", "figures", "magics", "sandbox", "commands"}),
    "commands": frozenset(PURE | {"lab", "lessons", "figures", "magics", "sandbox", "runner"}),
    "__main__": frozenset(PURE | {"lab", "lessons", "figures", "magics", "sandbox", "runner", "commands"}),
    "__init__": NOTHING,
}
# _data says where data/ lies; every room may ask it.
SHARED = frozenset({"_data"})
# Modules from outside that only some rooms may import.
RESERVED = {
    "moto": {"sandbox"},
    "boto3": {"lab"},
    "botocore": {"lab", "sandbox", "lessons", "magics"},
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
# Underscored names that their libraries document for use.
DOCUMENTED = {"_replace", "_asdict", "_fields", "_make", "_field_defaults", "_exit", "_meta"}


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its tree, and the package that relative imports start from."""

    name: str
    source: str
    is_package: bool = False
    tree: ast.Module = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "tree", ast.parse(self.source))

    @property
    def room(self) -> str:
        parts = self.name.split(".")
        return parts[1] if len(parts) > 1 else "__init__"

    def imports(self) -> Iterator[tuple[str, int]]:
        """Every imported thing by its full dotted name, with its line; ``import`` inside functions too."""
        parts = self.name.split(".")
        package = parts if self.is_package else parts[:-1]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from ((alias.name, node.lineno) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else []
                start = ".".join([*base, *([node.module] if node.module else [])])
                yield from ((f"{start}.{alias.name}", node.lineno) for alias in node.names)
            elif _dynamic(node):
                assert isinstance(node, ast.Call)
                assert isinstance(node.args[0], ast.Constant)
                yield str(node.args[0].value), node.lineno


def _dynamic(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("importlib.import_module", "import_module", "__import__")
        and bool(node.args)
        and isinstance(node.args[0], ast.Constant)
    )


def modules() -> list[Module]:
    found = []
    for path in sorted(HELPERS.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        found.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return found


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
        if hidden and not own and not _is_adapter(module) and parts[1:2] != ["_data"]:
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


def too_long(module: Module) -> Iterator[str]:
    lines = len(module.source.splitlines())
    if lines > LONGEST_MODULE:
        yield f"{module.name} has {lines} lines: it wants two rooms"


RULES = [forbidden_rooms, private_reaches, sessions, clocks, sockets, too_long]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule) -> None:  # type: ignore[no-untyped-def]
    assert modules()
    assert [problem for module in modules() for problem in rule(module)] == []


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (forbidden_rooms, "helpers.flowlogs.record", "from helpers.network import trace"),
        (forbidden_rooms, "helpers.flowlogs.record", "from ..network import trace"),
        (forbidden_rooms, "helpers.insights.run", "def f():\n    import helpers.traffic"),
        (forbidden_rooms, "helpers.lab.session", "from helpers import sandbox"),
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
        (private_reaches, "helpers.sandbox.front", "from moto.core.responses import _x"),
        (sessions, "helpers.sandbox.cli", "import boto3\nboto3.client('ec2')"),
        (sessions, "helpers.lessons.check", "from botocore.session import Session"),
        (clocks, "helpers.traffic.capture", "import time\nnow = time.time()"),
        (clocks, "helpers.traffic.capture", "from time import time"),
        (clocks, "helpers.network.topology", "from datetime import datetime\ndatetime.now()"),
        (sockets, "helpers.network.topology", "import socket\nsocket.create_connection(('x', 1))"),
        (sockets, "helpers.traffic.shell", "from socket import socket"),
        (too_long, "helpers.network.topology", "x = 1\n" * 401),
    ],
)  # fmt: skip
def test_a_breach_is_seen(rule, name: str, source: str) -> None:  # type: ignore[no-untyped-def]
    assert list(rule(Module(name, source)))


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
        ("helpers.commands.run", "import helpers.sandbox.cli\nimport time\ntime.monotonic()"),
    ],
)
def test_what_is_allowed_is_allowed(name: str, source: str) -> None:
    assert [problem for rule in RULES for problem in rule(Module(name, source))] == []
