"""dnf (and yum): installs what the course needs, over https from the package mirror."""

from helpers.traffic.image import PACKAGES
from helpers.traffic.internet import PACKAGE_MIRROR
from helpers.traffic.machine import Machine, Usage
from helpers.traffic.programs.options import Options, UnknownOptionError, read_options
from helpers.traffic.programs.registry import program
from helpers.traffic.programs.resolver import resolve
from helpers.traffic.shell.syntax import NotSimulatedError
from helpers.traffic.tcp import Connection, connect
from helpers.traffic.world import Install

_METADATA = 2_000_000
"""Bytes of repository metadata, fetched by every run here: the real ones are larger, and cached between runs."""
_ATTEMPTS, _PATIENCE = 4, 30.0
_REPOSITORY = "Amazon Linux 2023 repository"
_LONG = {"assumeyes": "y", "quiet": "q", "best": "b", "allowerasing": "e", "refresh": "r"}


@program("dnf", "yum")
def dnf(machine: Machine, arguments: list[str]) -> int:
    """``dnf [-y] [-q] install PACKAGE...``, ``dnf [-y] update|upgrade|makecache``: 0, or 1 when it cannot."""
    options = _options(arguments)
    command, *packages = options.operands or [""]
    if command not in ("install", "update", "upgrade", "makecache"):
        raise NotSimulatedError("dnf: the sandbox's dnf knows install, update, upgrade and makecache")
    if command == "install" and not packages:
        raise Usage("dnf install: error: the following arguments are required: PACKAGE", 1)
    connection = _mirror(machine, options)
    if connection is None:
        return 1
    if not _download(connection, _METADATA):
        return _lost(machine)
    if "q" not in options:
        machine.say(f"{_REPOSITORY:<48}  22 MB/s | {_METADATA / 1e6:.1f} MB     00:00    ")
    return _install(machine, options, connection, packages if command == "install" else [])


def _options(arguments: list[str]) -> Options:
    try:
        return read_options(arguments, "yqb", "", _LONG, program="dnf", real="46CcdehRvx")
    except UnknownOptionError as error:
        name = error.option if error.option.startswith("-") else f"-{error.option}"
        raise Usage(f"dnf: error: unrecognized arguments: {name}", 1) from None


def _mirror(machine: Machine, options: Options) -> Connection | None:
    """A TLS connection to the mirror, or None after the attempts and their error texts."""
    address = resolve(machine, PACKAGE_MIRROR)
    problems = []
    url = f"https://{PACKAGE_MIRROR}/core/mirrors/latest/x86_64/mirror.list"
    if address is None:
        problem = f"Curl error (6): Couldn't resolve host name for {url} [Could not resolve host: {PACKAGE_MIRROR}]"
        _no_mirror(machine, [problem])
        return None
    for _ in range(_ATTEMPTS):
        connection = connect(machine, address, 443, _PATIENCE)
        if connection.outcome == "open":
            for upward, size in ((True, 517), (False, 4200), (True, 80), (True, 260)):
                if not (connection.send(size) if upward else connection.receive(size, after=0.001)):
                    _no_mirror(machine, [f"Curl error (28): Timeout was reached for {url}"])
                    return None
            return connection
        if connection.outcome == "refused":
            problems.append(f"Curl error (7): Couldn't connect to server for {url}")
        else:
            milliseconds = round(_PATIENCE * 1000)
            problems.append(
                f"Curl error (28): Timeout was reached for {url} [Connection timeout after {milliseconds} ms]"
            )
    _no_mirror(machine, problems)
    return None


def _no_mirror(machine: Machine, problems: list[str]) -> None:
    machine.complain(f"{_REPOSITORY:<48} 0.0  B/s |   0  B     {len(problems) * int(_PATIENCE) // 60:02d}:00    ")
    machine.complain("Errors during downloading metadata for repository 'amazonlinux':")
    for problem in dict.fromkeys(problems):
        machine.complain(f"  - {problem}")
    machine.complain(
        f"Error: Failed to download metadata for repo 'amazonlinux': Cannot prepare internal mirrorlist: {problems[-1]}"
    )


def _lost(machine: Machine) -> int:
    machine.complain("Error: Error downloading packages:\n  Curl error (28): Timeout was reached [Operation too slow]")
    return 1


def _download(connection: Connection, size: int) -> bool:
    return connection.receive(size, after=0.02)


def _install(machine: Machine, options: Options, connection: Connection, packages: list[str]) -> int:
    unknown = [name for name in packages if name not in PACKAGES]
    if unknown:
        known = ", ".join(sorted(PACKAGES))
        raise NotSimulatedError(f"dnf: the sandbox's mirror does not carry {' '.join(unknown)}; it carries {known}")
    wanted = [name for name in dict.fromkeys(packages) if not machine.host.programs.issuperset(PACKAGES[name][0])]
    for name in packages:
        if name not in wanted:
            machine.say(f"Package {name} is already installed.")
    if not wanted:
        connection.close()
        machine.say("Dependencies resolved.\nNothing to do.\nComplete!")
        return 0
    if "y" not in options:
        connection.close()
        machine.say("Dependencies resolved.\nIs this ok [y/N]: Operation aborted.")
        return 1
    for name in wanted:
        if not _download(connection, PACKAGES[name][1] or 1):
            return _lost(machine)
    connection.close()
    machine.sleep(2.0)
    for name in wanted:
        for brought in PACKAGES[name][0]:
            machine.cause(Install(machine.host.instance_id, brought))
    if "q" not in options:
        names = "\n".join(f"  {name}.x86_64" for name in wanted)
        machine.say(f"Dependencies resolved.\nRunning transaction\n\nInstalled:\n{names}\n\nComplete!")
    return 0
