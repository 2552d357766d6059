"""What goes wrong inside moto's IAM, fixed there: part of the adapter, see :mod:`helpers.sandbox.moto_adapter`."""

from typing import Any

from moto.iam import models
from moto.iam.policy_validation import IAMPolicyDocumentValidator
from moto.iam.utils import AWS_ROLE_ALPHABET
from moto.moto_api._internal import mock_random

# IAM User Guide, "IAM identifiers": what the unique ids of users, groups, profiles and managed policies begin with.
_PREFIXES: dict[Any, str] = {
    models.User: "AIDA",
    models.Group: "AGPA",
    models.InstanceProfile: "AIPA",
    models.Policy: "ANPA",
}
_MAKERS: dict[Any, Any] = {kind: kind.__init__ for kind in _PREFIXES}
_date_condition: Any = IAMPolicyDocumentValidator._legacy_parse_condition


def apply(account_id: str) -> None:
    """Put the fixed parts in place. Safe to call again."""
    for kind in _PREFIXES:
        kind.__init__ = _with_unique_id(kind)
    policy: Any = models.Policy
    policy.policy_name, policy.policy_id = property(lambda self: self.name), property(lambda self: self.id)
    policy.permissions_boundary_usage_count = property(
        lambda self: sum(
            role.permissions_boundary_arn == self.arn for role in models.iam_backends[account_id]["aws"].roles.values()
        )
    )
    # It refuses numbers without quotation marks; access has read the conditions before.
    validator: Any = IAMPolicyDocumentValidator
    validator._validate_condition_syntax = staticmethod(lambda statement: None)
    validator._legacy_parse_condition = staticmethod(_condition_of_texts)


def _with_unique_id(kind: Any) -> Any:
    def init(self: Any, *given: Any, **named: Any) -> None:
        _MAKERS[kind](self, *given, **named)
        self.id = _PREFIXES[kind] + "".join(mock_random.choices(AWS_ROLE_ALPHABET, k=17))

    return init


def _condition_of_texts(operator: str, keys: dict[str, Any]) -> None:
    listed = {key: value if isinstance(value, list) else [value] for key, value in keys.items()}
    _date_condition(operator, {key: [str(value) for value in values] for key, values in listed.items()})
