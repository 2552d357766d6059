"""The modules of ``helpers`` as their sources tell them: what each imports, and which room it stands in."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HELPERS = ROOT / "helpers"


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
        """The first part of the name below ``helpers``; a program's own ``__main__`` is of the command line."""
        parts = self.name.split(".")
        return ("__main__" if parts[-1] == "__main__" else parts[1]) if len(parts) > 1 else "__init__"

    @property
    def file_name(self) -> str:
        """The file's name without its ending: a package's is ``__init__``."""
        return "__init__" if self.is_package else self.name.rpartition(".")[2]

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


@cache
def modules() -> tuple[Module, ...]:
    """Every module of ``helpers``, in the order of their paths."""
    read = []
    for path in sorted(HELPERS.rglob("*.py")):
        parts = list(path.relative_to(ROOT).with_suffix("").parts)
        is_package = parts[-1] == "__init__"
        read.append(Module(".".join(parts[:-1] if is_package else parts), path.read_text("utf-8"), is_package))
    return tuple(read)
