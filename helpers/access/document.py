"""Policy documents as values: ``Policy``, ``Statement``, and reading them from JSON.

Reading checks what holds for every kind of policy (JSON, fields, effect, operators). What only permissions policies or
only trust policies must obey is in ``grammar``.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from helpers.access.conditions import Condition, split_operator

Kind = Literal["permissions", "trust"]
VERSIONS = ("2012-10-17", "2008-10-17")
_POLICY_FIELDS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_FIELDS = frozenset(
    {
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    }
)
_PRINCIPAL_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})

# IAM's own sentences. Seen in public error reports and in emulators that were compared with AWS; where the
# two kinds of policy are refused in different words, both are here.
_WORDS: dict[str, dict[Kind, str]] = {
    "json": {"permissions": "Syntax errors in policy.", "trust": "This policy contains invalid Json"},
    "syntax": {"permissions": "Syntax errors in policy.", "trust": "Syntax errors in policy."},
    "version": {
        "permissions": "Policy document must be version 2012-10-17 or greater.",
        "trust": "The policy must contain a valid version string",
    },
    "statement": {
        "permissions": "Syntax errors in policy.",
        "trust": "Could not parse the policy: Statement is empty!",
    },
    "sid": {
        "permissions": "Statement IDs (SID) in a single policy must be unique.",
        "trust": "The Statement Ids in the policy are not unique",
    },
    "effect": {"permissions": "Syntax errors in policy.", "trust": "Missing required field Effect"},
    "action": {
        "permissions": "Policy statement must contain actions.",
        "trust": "Missing required field Action",
    },
    "principal": {
        "permissions": "Policy document should not specify a principal.",
        "trust": "Missing required field Principal",
    },
}


class MalformedPolicy(ValueError):
    """A policy document that IAM would refuse when it is created.

    ``reason`` is IAM's sentence (what boto3 shows after ``MalformedPolicyDocument``), ``detail`` says what exactly is
    wrong and what to do, ``where`` is the place, such as ``Statement[0].Condition``.
    """

    def __init__(self, reason: str, detail: str = "", where: str = "") -> None:
        self.reason, self.detail, self.where = reason, detail, where
        place = f"{where}: " if where else ""
        super().__init__(f"{reason} ({place}{detail})" if detail else reason)

    def __reduce__(self) -> tuple[type["MalformedPolicy"], tuple[str, str, str]]:
        return type(self), (self.reason, self.detail, self.where)


def malformed(problem: str, kind: Kind, detail: str, where: str = "") -> MalformedPolicy:
    """The error for one of the known problems, in IAM's words for that kind of policy."""
    return MalformedPolicy(_WORDS[problem][kind], detail, where)


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. ``principals`` are pairs such as ``("Service", "ec2.amazonaws.com")``; None = no field.

    Of each pair ``actions``/``not_actions`` and ``resources``/``not_resources`` at most one is not None.
    """

    index: int
    sid: str
    effect: Literal["Allow", "Deny"]
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    principals: tuple[tuple[str, str], ...] | None = None
    not_principals: tuple[tuple[str, str], ...] | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def label(self) -> str:
        """How people call it: its Sid, else its number, counted from 1."""
        return f"statement '{self.sid}'" if self.sid else f"statement {self.index + 1}"


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy document that was read; evaluate it with ``evaluate`` or ``may_assume``.

    ``name`` only appears in sentences; ``version`` decides whether policy variables work.
    """

    statements: tuple[Statement, ...]
    version: str = "2008-10-17"
    id: str = ""
    name: str = ""

    @property
    def variables(self) -> bool:
        """Whether ``${...}`` is a policy variable here: only from version 2012-10-17 on."""
        return self.version == "2012-10-17"

    @property
    def label(self) -> str:
        """How sentences call it."""
        return f"policy {self.name}" if self.name else "the policy"

    def named(self, name: str) -> "Policy":
        """The same policy under another name."""
        return replace(self, name=name)

    @classmethod
    def parse(
        cls, document: str | bytes | Mapping[str, Any], name: str = "", *, kind: Kind = "permissions"
    ) -> "Policy":
        """Read a document (JSON text or an already decoded mapping).

        Checks what holds for every policy; use ``validate_permissions`` or ``validate_trust`` for what IAM checks at
        creation. ``kind`` only chooses IAM's words. Raises ``MalformedPolicy``.
        """
        fields = _load(document, kind)
        unknown = sorted(set(fields) - _POLICY_FIELDS)
        if unknown:
            raise malformed("syntax", kind, f"{unknown[0]} is not a field of a policy", "policy")
        version = fields.get("Version", "2008-10-17")
        if version not in VERSIONS:
            raise malformed("version", kind, f"Version must be {VERSIONS[0]}, not {_short(version)}", "Version")
        identifier = fields.get("Id", "")
        if not isinstance(identifier, str):
            raise malformed("syntax", kind, "Id must be a text", "Id")
        statements = _statements(fields.get("Statement"), kind)
        return cls(statements, version, identifier, name)


def _short(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


class _DuplicateKeyError(ValueError):
    pass


def _pairs_once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(key)
        result[key] = value
    return result


def _load(document: str | bytes | Mapping[str, Any], kind: Kind) -> Mapping[str, Any]:
    if isinstance(document, Mapping):
        return document
    try:
        fields = json.loads(document, object_pairs_hook=_pairs_once)
    except _DuplicateKeyError as error:
        detail = f'"{error}" is given twice in one object; the second would silently replace the first'
        raise malformed("syntax", kind, detail) from None
    except json.JSONDecodeError as error:
        detail = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise malformed("json", kind, detail) from None
    except (ValueError, RecursionError):
        raise malformed("json", kind, "this is not JSON text") from None
    if not isinstance(fields, dict):
        raise malformed("syntax", kind, f"a policy is a JSON object, not {_short(fields)}")
    return fields


def _statements(value: object, kind: Kind) -> tuple[Statement, ...]:
    listed = [value] if isinstance(value, Mapping) else value
    if not isinstance(listed, list | tuple) or not listed:
        raise malformed("statement", kind, "Statement must hold at least one statement", "Statement")
    statements = tuple(_statement(statement, index, kind) for index, statement in enumerate(listed))
    seen: set[str] = set()
    for statement in statements:
        if statement.sid and statement.sid in seen:
            raise malformed("sid", kind, f"two statements are called {statement.sid}", "Statement")
        seen.add(statement.sid)
    return statements


def _statement(fields: object, index: int, kind: Kind) -> Statement:
    where = f"Statement[{index}]"
    if not isinstance(fields, Mapping):
        raise malformed("syntax", kind, f"a statement is a JSON object, not {_short(fields)}", where)
    unknown = sorted(set(map(str, fields)) - _STATEMENT_FIELDS)
    if unknown:
        raise malformed("syntax", kind, f"{unknown[0]} is not a field of a statement", where)
    for field in ("Action", "Resource", "Principal"):
        if field in fields and f"Not{field}" in fields:
            raise malformed("syntax", kind, f"{field} and Not{field} exclude each other", where)
    sid = fields.get("Sid", "")
    if not isinstance(sid, str):
        raise malformed("syntax", kind, "Sid must be a text", where)
    return Statement(
        index=index,
        sid=sid,
        effect=_effect(fields, where, kind),
        actions=_texts(fields, "Action", where, kind),
        not_actions=_texts(fields, "NotAction", where, kind),
        resources=_texts(fields, "Resource", where, kind),
        not_resources=_texts(fields, "NotResource", where, kind),
        principals=_principals(fields, "Principal", where, kind),
        not_principals=_principals(fields, "NotPrincipal", where, kind),
        conditions=_conditions(fields.get("Condition", {}), where, kind),
    )


def _effect(fields: Mapping[str, Any], where: str, kind: Kind) -> Literal["Allow", "Deny"]:
    effect = fields.get("Effect")
    if effect == "Allow":
        return "Allow"
    if effect == "Deny":
        return "Deny"
    if effect is None:
        raise malformed("effect", kind, 'Effect is missing: write "Allow" or "Deny"', where)
    detail = f'Effect must be exactly "Allow" or "Deny", not {_short(effect)}'
    if kind == "trust":
        raise MalformedPolicy(f"Invalid effect: {effect}", detail, where)
    raise malformed("syntax", kind, detail, where)


def _as_texts(value: object) -> tuple[str, ...] | None:
    """One text or a list of texts as a tuple; None when it is neither."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and all(isinstance(text, str) for text in value):
        return tuple(value)
    return None


def _texts(fields: Mapping[str, Any], name: str, where: str, kind: Kind) -> tuple[str, ...] | None:
    if name not in fields:
        return None
    texts = _as_texts(fields[name])
    if texts is None:
        detail = f"{name} must be a text or a list of texts, not {_short(fields[name])}"
        raise malformed("syntax", kind, detail, where)
    return texts


def _principals(fields: Mapping[str, Any], name: str, where: str, kind: Kind) -> tuple[tuple[str, str], ...] | None:
    if name not in fields:
        return None
    value = fields[name]
    if value == "*":
        return (("*", "*"),)
    if isinstance(value, str):
        raise MalformedPolicy("Principal must be a JSON object.", f"{name} is the text {_short(value)}", where)
    if not isinstance(value, Mapping):
        raise malformed("syntax", kind, f"{name} must be an object such as {{'Service': ...}}", where)
    pairs: list[tuple[str, str]] = []
    for sort, names in value.items():
        if sort not in _PRINCIPAL_KINDS:
            raise MalformedPolicy(f'Invalid principal in policy: "{sort}"', "use AWS, Service or Federated", where)
        texts = _as_texts(names)
        if not texts:
            raise malformed("syntax", kind, f"{name}.{sort} must name at least one principal", where)
        pairs += [(sort, text) for text in texts]
    return tuple(pairs)


def _conditions(block: object, where: str, kind: Kind) -> tuple[Condition, ...]:
    where = f"{where}.Condition"
    if not isinstance(block, Mapping):
        raise malformed("syntax", kind, f"Condition must be an object, not {_short(block)}", where)
    conditions: list[Condition] = []
    for operator, keys in block.items():
        if not isinstance(operator, str) or split_operator(operator) is None:
            raise malformed("syntax", kind, f"{_short(operator)} is not a condition operator", where)
        if not isinstance(keys, Mapping) or not keys:
            raise malformed("syntax", kind, f"{operator} must hold condition keys and their values", where)
        for key, value in keys.items():
            conditions.append(Condition(operator, str(key), _condition_values(key, value, where, kind)))
    return tuple(conditions)


def _condition_values(key: object, value: object, where: str, kind: Kind) -> tuple[str, ...]:
    values = value if isinstance(value, list | tuple) else [value]
    texts: list[str] = []
    for item in values:
        if isinstance(item, bool):
            texts.append("true" if item else "false")
        elif isinstance(item, str | int | float):
            texts.append(str(item))
        else:
            raise malformed("syntax", kind, f"{key} must be compared with texts or numbers", where)
    return tuple(texts)
