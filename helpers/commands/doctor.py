"""``python -m helpers doctor``: whether this machine is ready for the course, in plain sentences."""

import argparse
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.commands.errors import ExitCode
from helpers.commands.places import ROOT, folder, sandbox_home, shown

_DISTRIBUTION = "vpc-flow-logs-workbook"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and whether it stands in the way of the course."""

    sentence: str
    blocking: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=folder, metavar="DIR", help="check this sandbox home (FLOWLOGS_HOME, .sandbox)")


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; 0 when nothing stands in the way, else 3."""
    home = arguments.home.expanduser().absolute() if arguments.home else sandbox_home()
    checks: list[Callable[[], Iterator[Finding]]] = [
        python_version,
        packages,
        lambda: home_writable(home),
        loopback_port,
        kernel,
        sandbox_starts,
    ]
    blocking = 0
    for check in checks:
        for finding in check():
            blocking += finding.blocking
            print(f"{'PROBLEM' if finding.blocking else 'ok':>7}  {finding.sentence}", flush=True)
    print("\nThis machine is ready." if not blocking else f"\nTo put right: {blocking}.")
    return ExitCode.SETUP if blocking else ExitCode.DONE


def python_version() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    # an older Python does not come this far: __main__ refuses it
    yield Finding(f"Python {version}, {sys.executable}")


def packages() -> Iterator[Finding]:
    """Installed versions against the course's ranges (must hold) and its pins (what was tested)."""
    try:
        declared = metadata.requires(_DISTRIBUTION) or []
        pins = read_pins(ROOT / "constraints.txt")
    except metadata.PackageNotFoundError:
        yield Finding("The course is not installed in this Python: run `make setup`.", blocking=True)
        return
    except (OSError, ValueError) as error:
        yield Finding(f"constraints.txt cannot be read ({error}): restore it.", blocking=True)
        return
    wrong = other = 0
    for text in declared:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        sentence = unfit(requirement)
        if sentence:
            wrong += 1
            yield Finding(f"{sentence}: run `make setup`.", blocking=True)
    for name, pin in pins.items():
        installed = _installed(name)
        if installed and installed != pin:
            other += 1
            yield Finding(f"{name} {installed} is installed; the course was tested with {pin}.")
    if not wrong and not other:
        yield Finding("The packages are the ones that the course was tested with.")


def unfit(requirement: Requirement) -> str | None:
    """What is wrong with one requirement here, or None."""
    installed = _installed(requirement.name)
    if installed is None:
        return f"{requirement.name} is not installed"
    if not requirement.specifier.contains(installed, prereleases=True):
        return f"{requirement.name} {installed} is installed, but {requirement.specifier} is needed"
    return None


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def read_pins(path: Path) -> dict[str, str]:
    """The pins of constraints.txt that hold on this machine, by canonical name."""
    pins: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate():
            version = re.sub("^==", "", str(requirement.specifier))
            pins[canonicalize_name(requirement.name)] = version
    return pins


def home_writable(home: Path) -> Iterator[Finding]:
    """The home itself, or the nearest folder above it in which it would be made."""
    folder = home
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Finding(
            f"The sandbox's home {shown(home)} cannot be written ({error.strerror}): "
            "set FLOWLOGS_HOME to a folder of yours.",
            blocking=True,
        )
        return
    free = shutil.disk_usage(folder).free // 2**20
    if free < 200:
        yield Finding(f"Only {free} MB are free where {shown(home)} is: the course wants 200.", blocking=True)
    else:
        yield Finding(f"The sandbox's home {shown(home)} can be written.")


def loopback_port() -> Iterator[Finding]:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen(1)
            with socket.create_connection(probe.getsockname(), timeout=5):
                pass
    except OSError as error:
        yield Finding(
            f"A program cannot listen on 127.0.0.1 ({error.strerror}): a firewall may forbid it.",
            blocking=True,
        )
    else:
        yield Finding("A server can listen on 127.0.0.1.")


def kernel() -> Iterator[Finding]:
    """The kernel named python3 must be this Python; a stray kernel of that name would lack the course."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Finding("There is no Jupyter kernel named python3: run `make setup`.", blocking=True)
        return
    found = shutil.which(command)
    same = command in ("python", "python3") or (found and Path(found).samefile(sys.executable))
    if same:
        yield Finding("The Jupyter kernel python3 is this Python.")
    else:
        yield Finding(
            f"The Jupyter kernel python3 starts {command}, not this Python: remove that kernel with "
            "`jupyter kernelspec remove python3`.",
            blocking=True,
        )


def sandbox_starts() -> Iterator[Finding]:
    """Start a sandbox in a home of its own and stop it again."""
    with tempfile.TemporaryDirectory(prefix="workbook-doctor-", ignore_cleanup_errors=True) as folder:
        home = ["--home", folder]
        begun = time.monotonic()
        started = _helpers("sandbox", "start", *home)
        seconds = time.monotonic() - begun
        try:
            endpoint = json.loads(started.stdout)["endpoint"]
        except (ValueError, KeyError, TypeError):
            reason = (started.stderr.strip().splitlines() or ["it said nothing"])[-1]
            yield Finding(f"The sandbox does not start: {reason}", blocking=True)
            return
        finally:
            stopped = _helpers("sandbox", "stop", *home)
        yield Finding(f"A sandbox starts in {seconds:.1f} s ({endpoint}).")
        if stopped.returncode != 0:
            reason = (stopped.stderr.strip().splitlines() or ["it said nothing"])[-1]
            yield Finding(f"The sandbox does not stop: {reason}", blocking=True)


def _helpers(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers", *words]
    try:
        return subprocess.run(
            command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer within a minute")
