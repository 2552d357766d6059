"""Steps of a content file: AWS calls and shell lines as data, with names of the lab's own things in braces.

    { call = "ec2.delete_route", parameters = { RouteTableId = "{route-table:rt-public-a}", ... } }
    { run = "pkill -f 'http.server 8080'", on = "web-b" }

``{prefix}``, ``{region}``, ``{account}`` and ``{partition}`` stand for the lab's; ``{name:flow-logs}`` for a full name,
``{KIND:NAME}`` for the id that ``Lab.find`` gives, ``{spec:KIND:NAME}``, ``{list:NAME}`` and ``{dict:NAME}`` for tags,
and ``{word}`` for what an earlier step kept as ``keep = "word"``, found in its reply by the JMESPath ``search``.
``await`` is a JMESPath, too: the call is repeated until it is true. ``already`` names error codes that are no error
here, ``as`` the lab's role whose session makes the call.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from helpers.lab import Lab
from helpers.lessons.errors import LessonError
from helpers.lessons.lesson_functions import run_on

Step = Mapping[str, Any]
_NAME = re.compile(r"\{([a-z-]+(?::[a-z0-9-]+)*)\}")
_AWAIT_SECONDS = 120


def run_steps(lab: Lab, steps: Iterable[Step], kept: dict[str, Any] | None = None) -> dict[str, Any]:
    """Do these steps in their order; what they kept, by word. Raises what AWS answers, ``LessonError`` for a name."""
    found = dict(kept or {})
    for step in steps:
        if "run" in step:
            run_on(lab, step["on"], step["run"])
        else:
            reply = _awaited(lab, step, found) if "await" in step else ask(lab, step, found)
            if word := step.get("keep"):
                found[word] = jmespath.search(filled(lab, step["search"], found), reply)
    return found


def ask(lab: Lab, step: Step, kept: Mapping[str, Any]) -> Any:
    """What AWS answers to the call of a step; None where it is already done."""
    service, method = step["call"].split(".")
    client = lab.client(service, _session(lab, step["as"])) if "as" in step else lab.client(service)
    with lab.already(*step.get("already", ())):
        return getattr(client, method)(**filled(lab, step.get("parameters", {}), kept))
    return None


def filled(lab: Lab, value: Any, kept: Mapping[str, Any]) -> Any:
    """A value with its names filled in; a policy that is written as a table becomes the text that IAM takes."""
    if isinstance(value, Mapping):
        full = {key: filled(lab, part, kept) for key, part in value.items()}
        documents = {key: json.dumps(part) for key, part in full.items() if key.endswith("PolicyDocument")}
        return full | documents
    if isinstance(value, list):
        return [filled(lab, part, kept) for part in value]
    if not isinstance(value, str):
        return value
    if whole := _NAME.fullmatch(value):
        return _meaning(lab, whole[1], kept)
    return _NAME.sub(lambda name: str(_meaning(lab, name[1], kept)), value)


def _awaited(lab: Lab, step: Step, kept: Mapping[str, Any]) -> Any:
    """The reply in which what the step awaits is there."""

    def there() -> Any:
        reply = ask(lab, step, kept)
        return reply if jmespath.search(step["await"], reply) else None

    return lab.wait_until(there, _AWAIT_SECONDS, f"reply of {step['call']} with {step['await']}")


def _meaning(lab: Lab, name: str, kept: Mapping[str, Any]) -> Any:
    first, _, rest = name.partition(":")
    if name in kept:
        return kept[name]
    if name in ("prefix", "region"):
        return getattr(lab, name)
    if name in ("account", "partition"):
        me = lab.client("sts").get_caller_identity()
        return me["Account"] if name == "account" else me["Arn"].split(":")[1]
    if first == "spec":
        return lab.tag_spec(*rest.split(":"))
    if first in ("name", "list", "dict"):
        return getattr(lab, {"name": "name", "list": "tag_list", "dict": "tag_dict"}[first])(rest)
    found = lab.find(first, rest) if rest else None
    if found is None:
        raise LessonError(f"The lab has no {first} {rest or name!r}. Put it back with `broken(lab).reset()`.")
    return found


def _session(lab: Lab, role: str) -> Any:
    """The credentials of one of the lab's roles; a role that was just made is not known everywhere at once."""
    arn = lab.client("iam").get_role(RoleName=lab.name(role))["Role"]["Arn"]

    def assumed() -> Any:
        try:
            return lab.client("sts").assume_role(RoleArn=arn, RoleSessionName=role)["Credentials"]
        except ClientError as refusal:
            if refusal.response["Error"]["Code"] != "AccessDenied":
                raise
            return None

    return lab.wait_until(assumed, _AWAIT_SECONDS, f"session of {lab.name(role)}")
