"""Addresses and blocks as plain integers, so that a rule is two comparisons.

IPv4 addresses are their own number; IPv6 addresses start at 2**128, so the families never meet and one pair of bounds
is enough for either.
"""

import ipaddress
from dataclasses import dataclass
from functools import lru_cache

_IPV6 = 1 << 128


class AddressError(ValueError):
    """Text that is not an IPv4 or IPv6 address or block; the message quotes it."""


@dataclass(frozen=True, slots=True)
class Cidr:
    """A block of addresses: its canonical text, the first and last address as numbers, the prefix length."""

    text: str
    first: int
    last: int
    length: int

    def __contains__(self, address: int) -> bool:
        return self.first <= address <= self.last

    def __str__(self) -> str:
        return self.text

    @property
    def is_ipv6(self) -> bool:
        """Whether the block is of IPv6 addresses."""
        return self.first >= _IPV6

    @property
    def is_everything(self) -> bool:
        """Whether the block is ``0.0.0.0/0`` or ``::/0``."""
        return self.length == 0


@lru_cache(maxsize=1 << 17)
def parse_address(text: str) -> int:
    """Return the number of an address. Raises ``AddressError``.

    >>> parse_address("10.0.0.1") == 10 * 2**24 + 1
    True
    """
    try:
        if ":" in text and "%" not in text:
            return _IPV6 | int(ipaddress.IPv6Address(text))
        parts = text.split(".")
        numbers = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) <= 3]
        if len(parts) == len(numbers) == 4 and max(numbers) <= 255 and text == ".".join(map(str, numbers)):
            return numbers[0] << 24 | numbers[1] << 16 | numbers[2] << 8 | numbers[3]
    except (AttributeError, TypeError, ValueError) as error:
        raise AddressError(f"{text!r} is not an IPv4 or IPv6 address") from error
    raise AddressError(f"{text!r} is not an IPv4 or IPv6 address")


@lru_cache(maxsize=1 << 17)
def format_address(address: int) -> str:
    """Return the usual text of an address number."""
    if address >= _IPV6:
        return str(ipaddress.IPv6Address(address - _IPV6))
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


@lru_cache(maxsize=4096)
def parse_cidr(text: str) -> Cidr:
    """Return a block, its host bits cleared as AWS does. Raises ``AddressError``.

    >>> str(parse_cidr("100.68.0.18/18"))
    '100.68.0.0/18'
    """
    address, slash, length = text.partition("/")
    number = parse_address(address)
    bits = 128 if number >= _IPV6 else 32
    if not slash or not (length.isascii() and length.isdigit()) or int(length) > bits:
        raise AddressError(f"{text!r} is not a CIDR block: a length of 0 to {bits} must follow the slash")
    hosts = (1 << (bits - int(length))) - 1
    first = number & ~hosts
    return Cidr(f"{format_address(first)}/{int(length)}", first, first | hosts, int(length))


def is_ipv6(address: int) -> bool:
    """Whether the number is an IPv6 address."""
    return address >= _IPV6


_NOT_ON_THE_INTERNET = tuple(
    parse_cidr(block)
    for block in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.168.0.0/16", "224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8"),
    )
)
_LINK_LOCAL = tuple(parse_cidr(block) for block in ("169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"))


def is_public(address: int) -> bool:
    """Whether the internet carries the address. Documentation blocks count as public: examples use them."""
    return not any(address in block for block in _NOT_ON_THE_INTERNET)


def is_link_local(address: int) -> bool:
    """Whether the address is link-local: metadata, time, resolver and licence services of an instance."""
    return any(address in block for block in _LINK_LOCAL)
