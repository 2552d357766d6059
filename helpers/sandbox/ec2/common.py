"""Small things that the EC2 modules share."""

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from helpers.sandbox.calls import Account, Params, ServiceError

Network = TypeVar("Network", ipaddress.IPv4Network, ipaddress.IPv6Network)


def invalid(message: str, code: str = "InvalidParameterValue") -> ServiceError:
    return ServiceError(code, message)


def bad_value(value: object, parameter: str, why: str) -> ServiceError:
    """EC2's usual sentence for a value it cannot take."""
    return invalid(f"Value ({value}) for parameter {parameter} is invalid. {why}")


def cidr(text: str, parameter: str) -> ipaddress.IPv4Network:
    """An IPv4 block in its canonical form, as EC2 keeps it: 10.1.2.3/16 is 10.1.0.0/16."""
    return _block(ipaddress.IPv4Network, text, parameter)


def cidr6(text: str, parameter: str) -> ipaddress.IPv6Network:
    """An IPv6 block in its canonical form."""
    return _block(ipaddress.IPv6Network, text, parameter)


def _block(kind: Callable[[str, bool], Network], text: str, parameter: str) -> Network:
    try:
        if "/" not in text:
            raise ValueError(text)
        return kind(text, False)
    except ValueError:
        raise bad_value(text, parameter, "This is not a valid CIDR block.") from None


def ipv6_blocks(described: Params) -> list[ipaddress.IPv6Network]:
    """The IPv6 blocks of a VPC or subnet, as ``DescribeVpcs`` and ``DescribeSubnets`` show it."""
    return [
        ipaddress.IPv6Network(association["Ipv6CidrBlock"])
        for association in described.get("Ipv6CidrBlockAssociationSet", ())
        if association["Ipv6CidrBlockState"]["State"] == "associated"
    ]


def vpc_of_group(account: Account, region: str, group_id: str) -> str:
    """The VPC of a security group. Raises InvalidGroup.NotFound."""
    vpc_id = account.moto.vpc_of_group(region, group_id)
    if vpc_id is None:
        raise invalid(f"The security group '{group_id}' does not exist", "InvalidGroup.NotFound")
    return vpc_id


def described(
    account: Account, region: str, kind: str, filters: Mapping[str, str] | None = None, /, **params: Any
) -> list[Params]:
    """What is shown of a kind (``Vpcs``): all, what fits all filters (``{"vpc-id": "vpc-1"}``), or what is named.

    ``Instances`` come without their reservations. Raises EC2's error for an unknown id.
    """
    if filters:
        params["Filters"] = [{"Name": name, "Values": [value]} for name, value in filters.items()]
    reply = account.aws("ec2", f"Describe{kind}", region, **params)
    if kind == "Instances":
        return [instance for reservation in reply["Reservations"] for instance in reservation["Instances"]]
    shown: list[Params] = reply[kind]
    return shown


def check_prefix_list(account: Account, region: str, list_id: str) -> None:
    """Raises InvalidPrefixListID.NotFound."""
    if not account.aws("ec2", "DescribeManagedPrefixLists", region, PrefixListIds=[list_id])["PrefixLists"]:
        raise invalid(f"The prefix list ID '{list_id}' does not exist", "InvalidPrefixListID.NotFound")
