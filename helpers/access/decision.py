"""The decision: explicit deny, allow, or no policy allows; and how each statement was read.

Source of the order: IAM User Guide, "Policy evaluation logic". Service control policies, permission boundaries and
session policies do not exist here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from helpers.access.conditions import Condition
from helpers.access.document import Policy, Statement
from helpers.access.principals import Grant, Principal, account_of, grant_of
from helpers.access.wildcards import Context, ContextValue, glob, resolve


@dataclass(frozen=True, slots=True)
class Request:
    """One question to IAM: may ``principal`` do ``action`` on ``resource``?

    ``context`` holds condition keys; what follows from the principal (``aws:username`` ...) is added.
    """

    principal: Principal
    action: str
    resource: str = "*"
    context: Mapping[str, ContextValue] = field(default_factory=dict)

    def full_context(self) -> dict[str, ContextValue]:
        """The request's keys over those that follow from the principal."""
        return {**self.principal.context(), **self.context}


@dataclass(frozen=True, slots=True)
class Reading:
    """How one statement was read for one request: which of its parts fit, and which conditions failed.

    ``side`` is ``identity`` for a policy of the caller, ``resource`` for a trust or resource policy.
    """

    side: Literal["identity", "resource"]
    policy: Policy
    statement: Statement
    principal: bool
    action: bool
    resource: bool
    failing: tuple[Condition, ...]
    grant: Grant | None = None

    @property
    def applies(self) -> bool:
        """Whether the statement has its effect on the request."""
        return self.principal and self.action and self.resource and not self.failing


@dataclass(frozen=True, slots=True)
class Decision:
    """What IAM answers, with the deciding statement and the reason. True in a condition when allowed.

    ``hints`` name the statements that nearly allowed it and what they lack. ``readings`` hold every statement that was
    looked at.
    """

    allowed: bool
    explicit_deny: bool
    request: Request
    reason: str
    statement: Statement | None = None
    policy: Policy | None = None
    hints: tuple[str, ...] = ()
    readings: tuple[Reading, ...] = ()

    def __bool__(self) -> bool:
        return self.allowed

    def __str__(self) -> str:
        head = f"{'Allowed' if self.allowed else 'Denied'}: {self.reason}"
        return "; ".join((head, *self.hints)) + "."

    def _repr_html_(self) -> str:
        from helpers.access.html import decision_html

        return decision_html(self)

    @property
    def simulated(self) -> Literal["allowed", "explicitDeny", "implicitDeny"]:
        """The ``EvalDecision`` of SimulatePrincipalPolicy."""
        return "allowed" if self.allowed else "explicitDeny" if self.explicit_deny else "implicitDeny"


def _names_action(statement: Statement, action: str) -> bool:
    if statement.actions is not None:
        return any(glob(pattern.lower(), action.lower()) for pattern in statement.actions)
    return not any(glob(pattern.lower(), action.lower()) for pattern in statement.not_actions or ())


def _names_resource(policy: Policy, statement: Statement, resource: str, context: Context) -> bool:
    def fits(patterns: Iterable[str]) -> bool:
        resolved = (resolve(pattern, context, variables=policy.variables) for pattern in patterns)
        return any(pattern is not None and pattern.matches(resource) for pattern in resolved)

    if statement.resources is not None:
        return fits(statement.resources)
    if statement.not_resources is not None:
        return not fits(statement.not_resources)
    return True  # trust policies have no Resource: they belong to their role


def read_statements(
    request: Request, policies: Iterable[Policy], side: Literal["identity", "resource"]
) -> list[Reading]:
    """Read every statement of the policies against a request, in order."""
    context = request.full_context()
    readings = []
    for policy in policies:
        for statement in policy.statements:
            grant = grant_of(statement, request.principal) if side == "resource" else None
            failing = tuple(
                condition
                for condition in statement.conditions
                if not condition.holds(context, variables=policy.variables)
            )
            readings.append(
                Reading(
                    side,
                    policy,
                    statement,
                    principal=side == "identity" or grant is not None,
                    action=_names_action(statement, request.action),
                    resource=_names_resource(policy, statement, request.resource, context),
                    failing=failing,
                    grant=grant,
                )
            )
    return readings


def evaluate(request: Request, identity: Sequence[Policy] = (), resource_policy: Policy | None = None) -> Decision:
    """Decide a request within one account.

    ``identity`` are the caller's permissions policies, ``resource_policy`` the policy on the thing itself. An explicit
    deny in any of them wins; the account's root needs no allow; otherwise one allow is needed, in the caller's policies
    or, naming the caller itself, in the resource policy.

    >>> read = Policy.parse({"Version": "2012-10-17", "Statement": {"Effect": "Allow",
    ...     "Action": "iam:Get*", "Resource": "arn:aws:iam::123456789012:role/flow-*"}}, "reader")
    >>> ana = Principal.user("ana", "123456789012")
    >>> role = "arn:aws:iam::123456789012:role/flow-logs"
    >>> print(evaluate(Request(ana, "iam:GetRole", role), [read]))
    Allowed: statement 1 of policy reader allows iam:GetRole on arn:aws:iam::123456789012:role/flow-logs.
    >>> evaluate(Request(ana, "iam:DeleteRole", role), [read]).allowed
    False
    """
    readings = read_statements(request, identity, "identity")
    if resource_policy is not None:
        readings += read_statements(request, [resource_policy], "resource")
    denied = _explicit_deny(request, readings)
    if denied is not None:
        return denied
    if request.principal.kind == "root":
        reason = f"{request.principal} is the account's root and needs no policy for {_what(request)}"
        return Decision(True, False, request, reason, readings=tuple(readings))
    allowing = [reading for reading in readings if reading.applies and reading.statement.effect == "Allow"]
    # A resource policy that only names the account hands the decision to the account's own policies.
    deciding = next((reading for reading in allowing if reading.side == "identity" or reading.grant == "direct"), None)
    if deciding is not None:
        return _allowed(request, deciding, readings)
    return _nobody(request, readings)


def may_assume(
    trust: Policy,
    principal: Principal,
    context: Mapping[str, ContextValue] | None = None,
    identity: Sequence[Policy] = (),
    *,
    role_arn: str = "",
    action: str = "sts:AssumeRole",
) -> Decision:
    """Decide whether ``principal`` may assume the role whose trust policy is ``trust``.

    ``context`` carries ``sts:ExternalId``, ``aws:SourceAccount``, ``aws:SourceArn`` ...; ``identity`` are the caller's
    own policies; ``role_arn`` is the role (its account decides whether the caller is a stranger). A service, or a
    caller of the same account whom the trust policy names itself, needs only the trust policy. A caller trusted through
    its account, or from another account, needs an allow of its own as well. Nobody may assume a role as root.
    """
    request = Request(principal, action, role_arn or "*", dict(context or {}))
    trusting = read_statements(request, [trust], "resource")
    own = read_statements(request, identity, "identity")
    readings = trusting + own
    denied = _explicit_deny(request, readings)
    if denied is not None:
        return denied
    if principal.kind == "root":
        reason = "Roles may not be assumed by root accounts"
        return Decision(False, False, request, reason, readings=tuple(readings))
    trusted = [reading for reading in trusting if reading.applies and reading.statement.effect == "Allow"]
    if not trusted:
        return _nobody(request, trusting, all_readings=readings)
    account = account_of(role_arn) or principal.account
    stranger = principal.kind != "service" and principal.account != account
    direct = next((reading for reading in trusted if reading.grant == "direct"), None)
    if direct and not stranger:
        return _allowed(request, direct, readings)
    permitting = next((reading for reading in own if reading.applies and reading.statement.effect == "Allow"), None)
    if permitting is not None:
        return _allowed(request, direct or trusted[0], readings)
    return _needs_own_allow(request, trusted[0], own, readings)


def _what(request: Request) -> str:
    on = "" if request.resource == "*" else f" on {request.resource}"
    return f"{request.action}{on}"


def _source(reading: Reading) -> str:
    label = reading.policy.label
    if reading.side == "resource" and not reading.policy.name:
        label = "the trust policy" if reading.statement.resources is None else "the resource policy"
    return f"{reading.statement.label} of {label}"


def _explicit_deny(request: Request, readings: Sequence[Reading]) -> Decision | None:
    denying = next((reading for reading in readings if reading.applies and reading.statement.effect == "Deny"), None)
    if denying is None:
        return None
    reason = f"{_source(denying)} explicitly denies {_what(request)}, and a deny beats every allow"
    return Decision(False, True, request, reason, denying.statement, denying.policy, readings=tuple(readings))


def _allowed(request: Request, by: Reading, readings: Sequence[Reading]) -> Decision:
    who = f" to {request.principal}" if by.side == "resource" else ""
    reason = f"{_source(by)} allows {_what(request)}{who}"
    return Decision(True, False, request, reason, by.statement, by.policy, readings=tuple(readings))


def _nobody(request: Request, readings: Sequence[Reading], all_readings: Sequence[Reading] | None = None) -> Decision:
    reason = f"no statement allows {_what(request)} to {request.principal}"
    kept = tuple(all_readings if all_readings is not None else readings)
    return Decision(False, False, request, reason, hints=near_misses(request, readings), readings=kept)


def _needs_own_allow(
    request: Request, trusted: Reading, own: Sequence[Reading], readings: Sequence[Reading]
) -> Decision:
    why = f"{_source(trusted)} trusts the account"
    if trusted.grant == "direct":
        why = f"{_source(trusted)} trusts a caller of another account"
    reason = f"{why}, but no policy of {request.principal} allows {_what(request)}"
    return Decision(False, False, request, reason, hints=near_misses(request, own), readings=tuple(readings))


def near_misses(request: Request, readings: Sequence[Reading], limit: int = 3) -> tuple[str, ...]:
    """The allow statements that came closest and what each lacks, closest first."""
    close: list[tuple[int, str]] = []
    for reading in readings:
        # A statement about other actions is no near miss, it is another subject.
        if reading.statement.effect != "Allow" or not reading.action or reading.applies:
            continue
        lacks = _lacks(request, reading)
        close.append((len(lacks), f"{_source(reading)} allows the action, but {' and '.join(lacks)}"))
    return tuple(text for _, text in sorted(close, key=lambda miss: miss[0])[:limit])


def _lacks(request: Request, reading: Reading) -> list[str]:
    lacks = []
    if not reading.principal:
        names = ", ".join(value for _, value in reading.statement.principals or ()) or "others"
        lacks.append(f"it trusts {names}, not {request.principal}")
    if not reading.resource:
        lacks.append(_resource_lack(request, reading))
    context = request.full_context()
    lacks += [condition.shortfall(context) for condition in reading.failing]
    return lacks


def _resource_lack(request: Request, reading: Reading) -> str:
    patterns = reading.statement.resources
    if patterns is None:
        return f"its NotResource leaves out {request.resource}"
    context = request.full_context()
    for pattern in patterns:
        wider = resolve(f"{pattern}:*", context, variables=reading.policy.variables)
        if wider is not None and wider.matches(request.resource) and ":log-group:" in pattern:
            return f"not on this resource: {pattern} is the log group alone, {pattern}:* would include its streams"
    if request.resource == "*":
        return f"only on {', '.join(patterns)}, and {request.action} knows no resources: it needs *"
    return f"not on this resource: it names {', '.join(patterns)}"
