"""Where each program of an instance is from: shipped with its image, brought by a package, or not simulated."""

import pytest

from helpers.traffic import Host, programs
from helpers.traffic.execute import _BUILTINS
from helpers.traffic.image import AL2023, NOT_SIMULATED, PACKAGES, programs_of
from helpers.traffic.programs.registry import _PROGRAMS, _PROVIDERS, find_program

SHIPPED = programs_of(AL2023)
# What a package brings that is on the image already is shipped: dnf says that there is nothing to do.
PACKAGED = frozenset(program for brought, _ in PACKAGES.values() for program in brought) - SHIPPED
# Started by systemd, not by a command of their own.
SERVICES = {"httpd", "nginx", "sshd"}
NAMES = sorted({*_PROGRAMS, *SHIPPED, *PACKAGED, *NOT_SIMULATED, *_BUILTINS})


@pytest.mark.parametrize("name", NAMES)
def test_a_program_is_shipped_packaged_built_in_or_not_simulated_and_only_one_of_these(name: str) -> None:
    assert programs.__doc__  # importing the package fills the table
    owners = set(_PROVIDERS.get(name, (name,)))
    homes = {
        "shipped": bool(owners & SHIPPED),
        "packaged": bool(owners & PACKAGED),
        "built in": name in _BUILTINS,
        "not simulated": name in NOT_SIMULATED,
    }
    assert list(homes.values()).count(True) == 1, homes
    runs = name in _BUILTINS or name in SERVICES or name in _PROGRAMS
    assert runs is not homes["not simulated"]


@pytest.mark.parametrize("name", sorted(_PROGRAMS))
def test_a_program_is_found_where_it_is_installed_and_nowhere_else(name: str) -> None:
    owners = set(_PROVIDERS.get(name, (name,)))
    there = Host("i-1", "eni-1", "10.1.0.10", programs=SHIPPED | owners)
    assert find_program(name, there) is _PROGRAMS[name]
    assert find_program(name, Host("i-1", "eni-1", "10.1.0.10", programs=SHIPPED - owners)) is None
