"""Roles that somebody else made, for learners who may not create roles. The course uses them and never changes them.

``FLOWLOGS_ROLES`` names them for notebooks and commands alike: the ARN of the delivery role, a blank, and the ARN of
the instances' role. The instance profile has the name of its role, as where the console of IAM makes both.
"""

import os
import re
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

from helpers._data import NOTEBOOKS
from helpers.lab.connection import AccountConnection, masked
from helpers.lab.errors import LabError
from helpers.lab.notebook_file import read_notebook, source_of

VARIABLE = "FLOWLOGS_ROLES"
TAG = "own-role"
"""The tag of the cells that make or change a role, or that show what such a change did."""
_SHORT_NAMES = ("flow-logs", "instance")
_ARN = re.compile(r"arn:[\w-]+:iam::(\d{12}):role/[\w+=,.@/-]+")
_LOOKS = ("Get", "List", "Simulate", "Generate")
_LEFT_OUT = f"Not run: your roles are given ({VARIABLE}), and this cell is about a role that you make or change."


def given_roles(access: AccountConnection) -> dict[str, str]:
    """The ARNs of the given roles by the names that the lab has for them, ``flow-logs`` and ``instance``, or nothing.

    The sandbox takes no notice of roles of another account. Raises :class:`LabError` where the setting does not name
    two roles, and in a real account where they are of another account.
    """
    arns = os.environ.get(VARIABLE, "").split()
    found = [match for match in map(_ARN.fullmatch, arns) if match]
    if not arns:
        return {}
    if not len(arns) == len(found) == len(_SHORT_NAMES):
        raise LabError(f"{VARIABLE} holds two role ARNs with a blank between: the delivery role, the instances' role.")
    account = access.client("sts").get_caller_identity()["Account"]
    if {match[1] for match in found} == {account}:
        return dict(zip(_SHORT_NAMES, arns, strict=True))
    if access.real:
        raise LabError(f"{VARIABLE} names a role of another account; this account is {masked(account)}.")
    return {}


def name_of(arn: str) -> str:
    """The name of a role, without its path."""
    return arn.rpartition("/")[2]


def protect(iam: Any, roles: Mapping[str, str]) -> None:
    """Have this client raise :class:`LabError` instead of making any role, or changing one of these."""
    names = {*map(name_of, roles.values())}

    def refuse(params: Mapping[str, Any], model: Any, **_: Any) -> None:
        touched = names & {params.get("RoleName"), params.get("InstanceProfileName")}
        if model.name in ("CreateRole", "CreateInstanceProfile") or (touched and not model.name.startswith(_LOOKS)):
            raise LabError(
                f"iam:{model.name} was not called: your roles are given ({VARIABLE}), and the course does not change "
                f"them. Go on with the next cell."
            )

    iam.meta.events.register("provide-client-params.iam", refuse)


def leave_out_cells() -> None:
    """Have IPython, where it runs, say of each cell with the tag ``own-role`` that it is left out, and not run it."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell and _without_own_roles not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_without_own_roles)


def _without_own_roles(lines: list[str]) -> list[str]:
    left_out = os.environ.get(VARIABLE) and "".join(lines).strip() in _cells()
    return [f"print({_LEFT_OUT!r})\n"] if left_out else lines


@cache
def _cells() -> frozenset[str]:
    cells = [cell for path in NOTEBOOKS.glob("[0-9][0-9]_*.ipynb") for cell in read_notebook(path)["cells"]]
    return frozenset(source_of(cell).strip() for cell in cells if TAG in cell["metadata"].get("tags", ()))
