"""Which programs a machine image ships, and which package brings the others: ``data/instance_programs.toml``.

Sources, for Amazon Linux 2023's standard AMI:

- Its release notes list, per release, the packages updated on the "Default AMI". ``bind-utils`` (dig) is among them
  (2023.0.20230419 to 2023.5.20240819), so are ``curl-minimal``, ``openssh-clients``, ``openssh-server``, ``python3``;
  ``nmap-ncat``, ``httpd`` and ``nginx`` never are, and transcripts of ``dnf install nmap-ncat`` on it exist.
- So dig is there, and nc is not: install it, or loop over ports with something else.
- ``nmap-ncat`` brings nmap's nc (no port ranges), ``nmap`` the scanner, which needs ``nmap-ncat``.
"""

import tomllib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from helpers._data import data_path

AL2023 = "al2023"
"""The name of the one image known here: Amazon Linux 2023, standard AMI."""

TABLES: Mapping[str, Any] = MappingProxyType(
    tomllib.loads(data_path("instance_programs.toml").read_text(encoding="utf-8"))
)
_IMAGES: Mapping[str, frozenset[str]] = MappingProxyType({AL2023: frozenset(TABLES[AL2023]["shipped"])})
NOT_SIMULATED: frozenset[str] = frozenset(TABLES[AL2023]["not_simulated"])
"""Programs that a real instance has, builtins of its shell among them, and the sandbox does not run: said so, instead
of "command not found"."""

PACKAGES: Mapping[str, tuple[tuple[str, ...], int]] = MappingProxyType(
    {name: (tuple(package["brings"]), package["bytes"]) for name, package in TABLES["packages"].items()}
)
"""Package -> (programs it brings, bytes to download). ``ncat`` answers to the command ``nc`` as well."""


def programs_of(image: str) -> frozenset[str]:
    """The programs of an image as it is launched.

    Raises ValueError where the image is not known here.

    >>> "ping" in programs_of("al2023"), "nc" in programs_of("al2023")
    (True, False)
    """
    try:
        return _IMAGES[image]
    except KeyError:
        raise ValueError(f"no list of programs for image {image!r}: known are {', '.join(sorted(_IMAGES))}") from None
