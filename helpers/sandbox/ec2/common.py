"""Small things that the EC2 modules share."""

import ipaddress
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from helpers.sandbox.calls import Account, Params, ServiceError


def invalid(message: str, code: str = "InvalidParameterValue") -> ServiceError:
    return ServiceError(code, message)


def bad_value(value: object, parameter: str, why: str) -> ServiceError:
    """EC2's usual sentence for a value it cannot take."""
    return invalid(f"Value ({value}) for parameter {parameter} is invalid. {why}")


def cidr(text: str, parameter: str) -> ipaddress.IPv4Network:
    """An IPv4 block in its canonical form, as EC2 keeps it: 10.1.2.3/16 is 10.1.0.0/16."""
    try:
        if "/" not in text:
            raise ValueError(text)
        return ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        raise bad_value(text, parameter, "This is not a valid CIDR block.") from None


def interfaces(account: Account, region: str, **filters: str) -> list[Params]:
    """The network interfaces that fit all filters (``vpc_id="vpc-1"``)."""
    wanted = [{"Name": name.replace("_", "-"), "Values": [value]} for name, value in filters.items()]
    found: list[Params] = account.aws("ec2", "DescribeNetworkInterfaces", region, Filters=wanted)["NetworkInterfaces"]
    return found


def matches(value: Any, patterns: Iterable[str]) -> bool:
    """Whether a value fits one of a filter's, in which ``*`` and ``?`` are wildcards."""
    return any(fnmatchcase(str(value), pattern.replace("[", "[[]")) for pattern in patterns)


def tag_filter(tags: dict[str, str], name: str, values: list[str]) -> bool | None:
    """Whether tags fit a ``tag:KEY`` or ``tag-key`` filter; ``None`` for any other filter."""
    if name.startswith("tag:"):
        key = name[4:]
        return key in tags and matches(tags[key], values)
    return any(matches(key, values) for key in tags) if name == "tag-key" else None
