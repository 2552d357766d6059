"""What the sandbox leaves to moto, and what is always empty: ``data/simulated_actions.toml``, put into the table."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import partial

from helpers._data import data_path
from helpers.sandbox.calls import Account, Call, Params, ServiceError, behaviour, replaces, unsupported
from helpers.sandbox.protocol import serialization


def _fill() -> None:
    """Raises ``ValueError`` for an action that would have two answers."""
    document = tomllib.loads(data_path("simulated_actions.toml").read_text(encoding="utf-8"))
    for service, actions in document["empty"].items():
        for action, unknown in actions.items():
            replaces(service, action)(partial(always_empty, unknown))
    for group in document["moto"]:
        for action in group["actions"]:
            entry = behaviour(group["service"], action)
            if entry.simulated:
                raise ValueError(f"{group['service']} {action} has an answer: take it out of the table of moto's")
            entry.why_moto = group["why"]
    for service, parameters in document["refused"].items():
        for action, names in parameters.items():
            behaviour(service, action).guards.insert(0, partial(refuse_parameters, names))


def refuse_parameters(names: Sequence[str], call: Call, account: Account) -> None:
    """Raises UnsupportedOperation where one of these parameters is given: nothing computes what it asks for."""
    for name in names:
        if call.params.get(name):
            raise unsupported(call.service, f"{call.action} with {name}")


def always_empty(unknown: Mapping[str, str], call: Call, account: Account) -> Params:
    """A read of a kind of things that cannot be made here: each list of the reply is empty.

    Raises :class:`ServiceError` where a parameter names such a thing; ``unknown`` has the code for each such parameter.
    """
    for name, code in unknown.items():
        if call.params.get(name):
            raise ServiceError(code, f"The ID '{call.params[name][0]}' does not exist")
    model = serialization.operation(call.service, call.action)
    assert model is not None and model.output_shape is not None
    members = model.output_shape.members.items()
    return {name: [] for name, member in members if member.type_name == "list"}


_fill()
