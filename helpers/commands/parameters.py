"""The parameters of a notebook, read from its one cell tagged ``parameters``.

The cell holds annotated literals (``region: str = "us-east-1"  # where the lab is built``), so names, types
and defaults can be read without running anything. A name without a value is a parameter that must be given.
"""

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from helpers.commands.errors import usage

_BOOLEANS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of a parameters cell: its annotation as written, and whether a value must be given."""

    name: str
    annotation: str
    required: bool


def declared(notebook: Mapping[str, Any]) -> dict[str, Parameter]:
    """The parameters of a notebook in the order of its cell; empty when it has no such cell.

    Raises ``SyntaxError`` when the cell is not Python.
    """
    found: dict[str, Parameter] = {}
    for cell in notebook["cells"]:
        if "parameters" not in cell["metadata"].get("tags", []):
            continue
        for statement in ast.parse(cell["source"]).body:
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                name = statement.target.id
                found[name] = Parameter(name, ast.unparse(statement.annotation), statement.value is None)
            elif isinstance(statement, ast.Assign):
                for target in statement.targets:
                    if isinstance(target, ast.Name):
                        found[target.id] = Parameter(target.id, "", False)
    return found


def convert(parameter: Parameter, text: str) -> object:
    """A value from the command line, as the parameter's annotation wants it.

    Strings stay strings, whatever they look like: an account id is not a number.
    Raises ``CommandError`` (used wrongly) when the text does not fit.
    """
    kinds = {part.strip() for part in parameter.annotation.split("|")}
    if "None" in kinds and text == "None":
        return None
    if kinds - {"None"} in ({"str"}, set()):
        return text
    try:
        if kinds - {"None"} == {"bool"}:
            return _BOOLEANS[text.lower()]
        value = ast.literal_eval(text)
        _must_fit(value, kinds - {"None"})
    except (KeyError, ValueError, SyntaxError, TypeError):
        raise usage(f"the parameter {parameter.name} is of type {parameter.annotation}, and {text!r} is not.") from None
    return float(value) if kinds - {"None"} == {"float"} else value


def _must_fit(value: object, kinds: set[str]) -> None:
    types: dict[str, tuple[type, ...]] = {
        "int": (int,),
        "float": (int, float),
        "str": (str,),
        "bool": (bool,),
        "list": (list,),
        "tuple": (tuple,),
        "dict": (dict,),
    }
    accepted = tuple(kind for name in kinds for kind in types.get(name.partition("[")[0], ()))
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
        raise ValueError(value)


def resolve(given: Mapping[str, str], parameters: Mapping[str, Parameter], notebook: str) -> dict[str, object]:
    """The given texts as values for one notebook.

    Raises ``CommandError`` (used wrongly) for a name that the notebook does not have, a value of another
    type, or a required parameter that was not given.
    """
    for name in given:
        if name not in parameters:
            known = f"it knows {', '.join(parameters)}" if parameters else "it has none"
            raise usage(f"{notebook} has no parameter {name!r}: {known}.")
    for parameter in parameters.values():
        if parameter.required and parameter.name not in given:
            raise usage(f"{notebook} needs the parameter {parameter.name}: give it with -p {parameter.name} VALUE.")
    return {name: convert(parameters[name], text) for name, text in given.items()}
