"""Parameters that are wrong whatever the account holds: malformed ids, and more than one attribute at a time.

Source: the error table of the EC2 API Reference; ``ModifyVpcAttribute`` and its like there.
"""

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from helpers._data import data_path
from helpers.sandbox.calls import Account, Call, ServiceError, guards, guards_all, unsupported
from helpers.sandbox.ec2.common import bad_value

_MODIFY = ("ModifyVpcAttribute", "ModifySubnetAttribute", "ModifyInstanceAttribute", "ModifyNetworkInterfaceAttribute")
_NO_ATTRIBUTE = {"DryRun", "VpcId", "SubnetId", "InstanceId", "NetworkInterfaceId", "Value", "CustomerOwnedIpv4Pool"}
_TABLES = tomllib.loads(data_path("ec2_parameters.toml").read_text())
TAGGED: dict[str, list[str]] = _TABLES["tagged"]


@guards_all(service="ec2")
def ids_are_well_formed(call: Call, account: Account) -> None:
    for name, text in _texts("", call.params):
        head, code = _TABLES["ids"].get(name) or _TABLES["ids"].get(name.removesuffix("s"), ("", ""))
        if head and not re.fullmatch(f"{head}-(?:[0-9a-f]{{8}}|[0-9a-f]{{17}})", text):
            raise ServiceError(code, f'Invalid id: "{text}" (expecting "{head}-...")')


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Each text among the parameters, with the name of the parameter it stands in."""
    if isinstance(value, dict):
        for member, inner in value.items():
            yield from _texts(member, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(name, inner)
    elif isinstance(value, str):
        yield name, value


@guards("ec2", *_MODIFY)
def one_attribute(call: Call, account: Account) -> None:
    given = [f"{name[0].lower()}{name[1:]}" for name in call.params if name not in _NO_ATTRIBUTE]
    if len(given) > 1:
        names = ", ".join(given)
        raise ServiceError("InvalidParameterCombination", f"Fields for multiple attribute types specified: {names}")
    if not given:
        raise ServiceError("InvalidParameterCombination", "No attributes specified.")


@guards("ec2", "DescribeInstanceTypeOfferings")
def location_type(call: Call, account: Account) -> None:
    """No Outpost is simulated, and moto knows the other three kinds of places alone."""
    kind = call.params.get("LocationType", "region")
    if kind == "outpost":
        raise unsupported("ec2", "DescribeInstanceTypeOfferings for Outposts")
    if kind not in ("region", "availability-zone", "availability-zone-id"):
        raise bad_value(kind, "locationType", "Expecting region, availability-zone, availability-zone-id or outpost.")
