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
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers._data import CHECKOUT, sandbox_home
from helpers.commands.command_line import add_json, folder, for_machines, shown
from helpers.commands.errors import ExitCode
from helpers.commands.progress_line import Progress

_DISTRIBUTION = "vpc-flow-logs-workbook"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One sentence, and whether it stands in the way of the course."""

    sentence: str
    blocking: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--home", type=folder, metavar="DIR", help="check this sandbox home (FLOWLOGS_HOME, .sandbox)")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print every finding; 0 when nothing stands in the way, else 3."""
    home = arguments.home or sandbox_home()
    checks: list[Callable[[], Iterator[Diagnosis]]] = [
        python_version,
        packages,
        lambda: home_writable(home),
        loopback_port,
        kernel,
        sandbox_starts,
        own_clients,
    ]
    said = []
    with for_machines(arguments.json) as write:
        for check in checks:
            for finding in check():
                said.append(finding)
                print(f"{'PROBLEM' if finding.blocking else 'ok':>7}  {finding.sentence}", flush=True)
        blocking = sum(finding.blocking for finding in said)
        print("\nThis machine is ready." if not blocking else f"\nTo put right: {blocking}.")
        write({"ready": not blocking, "findings": [asdict(finding) for finding in said]})
    return ExitCode.SETUP if blocking else ExitCode.DONE


def own_clients() -> Iterator[Diagnosis]:
    yield Diagnosis(
        'Call AWS with lab.client("ec2"): a plain boto3.client("ec2") goes to your real account, also in sandbox mode.'
    )


def python_version() -> Iterator[Diagnosis]:
    version = ".".join(map(str, sys.version_info[:3]))
    # an older Python does not come this far: __main__ refuses it
    yield Diagnosis(f"Python {version}, {sys.executable}")


def packages() -> Iterator[Diagnosis]:
    """Installed versions against the course's ranges (must hold) and its pins (what was tested)."""
    try:
        declared = metadata.requires(_DISTRIBUTION) or []
        pins = read_pins(CHECKOUT / "constraints.txt")
    except metadata.PackageNotFoundError:
        yield Diagnosis("The course is not installed in this Python: run `make setup`.", blocking=True)
        return
    except (OSError, ValueError) as error:
        yield Diagnosis(f"constraints.txt cannot be read ({error}): restore it.", blocking=True)
        return
    wrong = other = 0
    for text in declared:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        sentence = unfit(requirement)
        if sentence:
            wrong += 1
            yield Diagnosis(f"{sentence}: run `make setup`.", blocking=True)
    for name, pin in pins.items():
        installed = _installed(name)
        if installed and installed != pin:
            other += 1
            yield Diagnosis(f"{name} {installed} is installed; the course was tested with {pin}.")
    if not wrong and not other:
        yield Diagnosis("The packages are the ones that the course was tested with.")


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


def home_writable(home: Path) -> Iterator[Diagnosis]:
    """The home itself, or the nearest folder above it in which it would be made."""
    folder = home
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            pass
    except OSError as error:
        yield Diagnosis(
            f"The sandbox's home {shown(home)} cannot be written ({error.strerror}): "
            "set FLOWLOGS_HOME to a folder of yours.",
            blocking=True,
        )
        return
    free = shutil.disk_usage(folder).free // 2**20
    if free < 200:
        yield Diagnosis(f"Only {free} MB are free where {shown(home)} is: the course wants 200.", blocking=True)
    else:
        yield Diagnosis(f"The sandbox's home {shown(home)} can be written.")


def loopback_port() -> Iterator[Diagnosis]:
    try:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            probe.listen(1)
            with socket.create_connection(probe.getsockname(), timeout=5):
                pass
    except OSError as error:
        yield Diagnosis(
            f"A program cannot listen on 127.0.0.1 ({error.strerror}): a firewall may forbid it.",
            blocking=True,
        )
    else:
        yield Diagnosis("A server can listen on 127.0.0.1.")


def kernel() -> Iterator[Diagnosis]:
    """The kernel named python3 must be this Python; a stray kernel of that name would lack the course."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        yield Diagnosis("There is no Jupyter kernel named python3: run `make setup`.", blocking=True)
        return
    found = shutil.which(command)
    same = command in ("python", "python3") or (found and Path(found).samefile(sys.executable))
    if same:
        yield Diagnosis("The Jupyter kernel python3 is this Python.")
    else:
        yield Diagnosis(
            f"The Jupyter kernel python3 starts {command}, not this Python: remove that kernel with "
            "`jupyter kernelspec remove python3`.",
            blocking=True,
        )


def sandbox_starts() -> Iterator[Diagnosis]:
    """Start a sandbox in a home of its own and stop it again."""
    with tempfile.TemporaryDirectory(prefix="workbook-doctor-", ignore_cleanup_errors=True) as folder:
        home = ["--home", folder]
        begun = time.monotonic()
        with Progress(sys.stderr) as progress:
            progress.say("starting a sandbox, which takes about 3 s")
            started = _helpers("sandbox", "start", *home)
        seconds = time.monotonic() - begun
        try:
            endpoint = json.loads(started.stdout)["endpoint"]
        except (ValueError, KeyError, TypeError):
            reason = (started.stderr.strip().splitlines() or ["it said nothing"])[-1]
            yield Diagnosis(f"The sandbox does not start: {reason}", blocking=True)
            return
        finally:
            stopped = _helpers("sandbox", "stop", *home)
        yield Diagnosis(f"A sandbox starts in {seconds:.1f} s ({endpoint}).")
        if stopped.returncode != 0:
            reason = (stopped.stderr.strip().splitlines() or ["it said nothing"])[-1]
            yield Diagnosis(f"The sandbox does not stop: {reason}", blocking=True)


def _helpers(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "helpers", *words]
    try:
        return subprocess.run(
            command, cwd=CHECKOUT, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=False
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", "no answer within a minute")
