#!/usr/bin/env python3
"""Make or refresh the course's Python environment in .venv.

`make` calls this; on Windows, or without make, call it yourself: `py setup_workbook.py` or
`python3 setup_workbook.py`. It needs nothing but Python's standard library, and it is written so that an
old Python can still read it and say that it is too old.

Exit codes: 0 the environment is ready, 2 used wrongly, 3 something is missing, and a sentence says what.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys

OLDEST = (3, 11)
NEWEST_TRIED = 15
ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
PROJECT = os.path.join(ROOT, "pyproject.toml")
CONSTRAINTS = os.path.join(ROOT, "constraints.txt")
STAMP = os.path.join(VENV, "workbook-stamp.json")
UNFINISHED = os.path.join(VENV, "workbook-unfinished")
PIN = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*==[A-Za-z0-9.!+]+(\s*;.*)?$")


class SetupError(Exception):
    """One sentence for the reader."""


def read(path):
    """The text of one of the files that decide what is installed."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        raise SetupError(
            f"{name} is missing: restore it with `git checkout {name}`, or clone the course again."
        ) from None
    except OSError as error:
        raise SetupError(
            f"{name} cannot be read ({error.strerror}): give it back to its owner or clone the course again."
        ) from None
    except ValueError:
        raise SetupError(f"{name} is not text: restore it, for example with `git checkout {name}`.") from None


def check_constraints(text):
    """Refuse a line that is not a pin before pip stumbles over it."""
    pins = 0
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        if not PIN.match(line):
            raise SetupError(
                f"constraints.txt, line {number}, is not a pin ({line[:60]!r}): "
                "restore the file, for example with `git checkout constraints.txt`."
            )
        pins += 1
    if not pins:
        raise SetupError("constraints.txt is empty: restore it, for example with `git checkout constraints.txt`.")


def version_of(command):
    """(major, minor) of a Python command, or None when there is no such Python."""
    code = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        out = subprocess.check_output(command + ["-c", code], stderr=subprocess.DEVNULL, timeout=30)
        major, minor = out.decode("ascii").split()
        return int(major), int(minor)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None


def find_python():
    """The command of a Python that is new enough: this one, else one by its versioned name."""
    if sys.version_info[:2] >= OLDEST:
        return [sys.executable]
    for minor in range(NEWEST_TRIED, OLDEST[1] - 1, -1):
        name = f"3.{minor}"
        for command in (["py", "-" + name],) if os.name == "nt" else (["python" + name],):
            if (version_of(command) or (0, 0)) >= OLDEST:
                return command
    raise SetupError(
        f"this course needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is "
        f"{sys.version_info[0]}.{sys.version_info[1]}: install a newer one (from python.org, your system's "
        "packages or conda) and call setup_workbook.py with it."
    )


def check_modules(python, with_pip):
    """Say what to install when this Python cannot make environments (Debian ships that part separately)."""
    needed = ["venv", "ensurepip"] if with_pip else ["venv"]
    code = "import " + ", ".join(needed)
    if subprocess.call(python + ["-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL):
        raise SetupError(
            f"{' '.join(python)} cannot make environments, its module {' or '.join(needed)} is missing: "
            "on Debian and Ubuntu, `sudo apt install python3-venv` brings it."
        )


def venv_python():
    """The Python inside .venv."""
    return os.path.join(VENV, "Scripts", "python.exe") if os.name == "nt" else os.path.join(VENV, "bin", "python")


def wanted(project, constraints, extras):
    """What a finished environment was made from."""
    digest = hashlib.sha256((project + "\0" + constraints).encode("utf-8")).hexdigest()
    return {"made_from": digest, "extras": sorted(extras.split(",")) if extras else []}


def stamp():
    """What the .venv that is there was made from; empty where nothing tells."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            return json.load(file)
    except (OSError, ValueError):
        return {}


def is_ready(want):
    """Whether .venv was finished from exactly these files, with these extras at least, and its Python still starts."""
    have = stamp()
    if have.get("made_from") != want["made_from"] or set(want["extras"]) - set(have.get("extras", ())):
        return False
    return not os.path.exists(UNFINISHED) and version_of([venv_python()]) is not None


def usable(with_pip):
    """Whether the .venv that is there can be installed into, so that a refresh need not start over."""
    if os.path.exists(UNFINISHED) or (version_of([venv_python()]) or (0, 0)) < OLDEST:
        return False
    return not with_pip or not subprocess.call(
        [venv_python(), "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def make(python, with_pip):
    """A new .venv in place of what is left of an old one."""
    if os.path.lexists(VENV):
        print("Replacing an unfinished or broken .venv", flush=True)
        if os.path.islink(VENV) or not os.path.isdir(VENV):
            os.unlink(VENV)
        else:
            shutil.rmtree(VENV)
    os.mkdir(VENV)
    with open(UNFINISHED, "w", encoding="utf-8"):
        pass
    command = python + ["-m", "venv"] + ([] if with_pip else ["--without-pip"]) + [VENV]
    if subprocess.call(command):
        raise SetupError(f"{' '.join(command)} failed; the lines above say why.")


def install(uv, extras):
    """Install the course, editable, with every version pinned, and compiled: a sandbox should start in a second."""
    tool = (
        [uv, "pip", "install", "--compile-bytecode", "--python", venv_python()]
        if uv
        else [venv_python(), "-m", "pip", "install", "-q"]
    )
    what = f".[{extras}]" if extras else "."
    print(
        f"Installing the course into .venv with {'uv' if uv else 'pip'}; the first time takes a minute",
        flush=True,
    )
    if subprocess.call(tool + ["-c", "constraints.txt", "-e", what], cwd=ROOT):
        hint = " (or try --no-uv)" if uv else ""
        raise SetupError(f"the packages could not be installed; the lines above say why{hint}.")
    if subprocess.call([venv_python(), "-c", "import helpers"], cwd=os.path.dirname(VENV)):
        raise SetupError("the packages were installed but the course cannot be imported; remove .venv and try again.")


def set_up(arguments):
    """Make .venv what the files ask for; quick when it is already."""
    project, constraints = read(PROJECT), read(CONSTRAINTS)
    check_constraints(constraints)
    want = wanted(project, constraints, arguments.extras)
    if is_ready(want):
        return
    # What one target installed stays for it: else `make test` and `make book` would install in turn.
    want["extras"] = sorted({*want["extras"], *stamp().get("extras", ())})
    uv = None if arguments.no_uv else shutil.which("uv")
    if not usable(with_pip=not uv):
        python = find_python()
        check_modules(python, with_pip=not uv)
        make(python, with_pip=not uv)
    with open(UNFINISHED, "w", encoding="utf-8"):
        pass
    install(uv, ",".join(want["extras"]))
    with open(STAMP, "w", encoding="utf-8") as file:
        json.dump(want, file)
    os.unlink(UNFINISHED)
    print("The environment is ready: " + os.path.relpath(venv_python()))


def main(argv=None):
    parser = argparse.ArgumentParser(description="Make or refresh the course's Python environment in .venv.")
    parser.add_argument("--extras", default="", help="extras of pyproject.toml to install, such as test,ui (none)")
    parser.add_argument("--no-uv", action="store_true", help="use pip even when uv is there")
    arguments = parser.parse_args(argv)
    try:
        set_up(arguments)
    except SetupError as error:
        print(f"Set-up: {error}", file=sys.stderr)
        return 3
    except OSError as error:
        print(f"Set-up: {error.filename or VENV} cannot be written: {error.strerror}.", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        print("Set-up: stopped; the next call starts over.", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
