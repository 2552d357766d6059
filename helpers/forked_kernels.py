"""Kernels that begin as copies of one process, which has imported what notebooks import: a start takes a sixth as long.

``python -m helpers.forked_kernels MODULE[:FUNCTION] ...`` is that process. It imports the modules and calls the
functions: what takes long at its first use is done before there are copies. Then it reads
``[NUMBER, "start", ARGUMENTS]`` or ``[NUMBER, "poll", PID]`` in JSON from each line of its input. It answers with
``[NUMBER, ANSWER]``: a process id, or how the process ended (null while it runs), or an error in words. It ends with
its input, and its kernels with it.
"""

import builtins
import gc
import itertools
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from jupyter_client.manager import KernelManager
from traitlets.config import Config

SUPPORTED = sys.platform == "linux"  # macOS's own libraries do not survive a fork, and Windows has none
ANSWER_SECONDS = 120.0
_GONE = "The process that kernels are copies of has ended."


class Template:
    """The process that is copied, seen from outside. Its kernels have its environment and begin in its folder."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._lock, self._number, self._broken = threading.Lock(), 0, False
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(environment),
            cwd=folder,
        )

    def ask(self, *words: Any) -> Any:
        """Raises ``OSError`` where the process has ended, does not answer, or cannot do it."""
        with self._lock:
            if self._broken:
                raise OSError(_GONE)
            self._broken, self._number = True, self._number + 1  # until this answer is read
            number, answer = self._answered(json.dumps([self._number, *words]))
            if number != self._number:
                raise OSError(_GONE)
            self._broken = False
        if isinstance(answer, str):
            raise OSError(answer)
        return answer

    def _answered(self, line: str) -> list[Any]:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        with selectors.DefaultSelector() as waiting:  # select() takes no descriptor above 1023
            waiting.register(self._process.stdout, selectors.EVENT_READ)
            if not waiting.select(ANSWER_SECONDS):
                self._process.kill()
        try:
            return list(json.loads(self._process.stdout.readline()))
        except ValueError as problem:
            raise OSError(_GONE) from problem

    def manager(self, config: Config) -> KernelManager:
        """Of a kernel that will be a copy."""
        made = ForkedKernelManager(config=config)
        made.template = self
        return made

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        with suppress(OSError):  # what is left to write has no reader
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:  # it still imports
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


class ForkedProcess:
    """A copy, with what jupyter_client asks of a ``subprocess.Popen``."""

    stdin = stdout = stderr = None

    def __init__(self, template: Template, arguments: Sequence[str]) -> None:
        self._template = template
        self.pid = int(template.ask("start", arguments))
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None:
            try:
                self.returncode = self._template.ask("poll", self.pid)
            except OSError:  # it ends with its template
                self.returncode = -signal.SIGKILL
        return self.returncode

    def wait(self) -> int:
        while (code := self.poll()) is None:
            time.sleep(0.01)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkedKernelManager(KernelManager):
    """A KernelManager whose kernels are copies of ``template``, where they would run in this very Python."""

    template: Template

    async def _async_launch_kernel(self, kernel_cmd: list[str], **how: Any) -> None:
        python, options, arguments = _parts(kernel_cmd)
        if (
            python != sys.executable
            or set(options) - {"-Xfrozen_modules=off"}
            or getattr(self.kernel_spec, "env", None)
        ):
            await super()._async_launch_kernel(kernel_cmd, **how)
            return
        own: Any = self.provisioner
        own.process = ForkedProcess(self.template, arguments)
        own.pid = own.pgid = own.process.pid
        self._reconcile_connection_info(own.connection_info)


def _parts(command: Sequence[str]) -> tuple[str, Sequence[str], Sequence[str]]:
    """Python, its options and the kernel's arguments; no Python where the command starts something else."""
    for place, words in enumerate(itertools.pairwise(command)):
        if words == ("-m", "ipykernel_launcher"):
            return command[0], command[1:place], command[place + 2 :]
    return "", (), ()


def main(modules: Sequence[str]) -> None:
    gc.disable()  # nothing that is imported here is garbage
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a module prints is no answer
    if Path(sys.path[0]) == Path.cwd():  # as ipykernel_launcher does
        del sys.path[0]
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the runner's to deal with
    os.environ["JPY_PARENT_PID"] = str(os.getpid())
    # A kernel sets this, too, before matplotlib looks.
    os.environ.setdefault("MPLBACKEND", "module://matplotlib_inline.backend_inline")
    # pandas asks for it once, to see whether tables are shown in a terminal or by a kernel.
    builtins.get_ipython = lambda: SimpleNamespace(kernel=None)  # type: ignore[attr-defined]
    for name in ("ipykernel.kernelapp", "ipykernel.ipkernel", *modules):
        with suppress(Exception):  # the notebook that needs it says more
            module, _, function = name.partition(":")
            found = import_module(module)
            if function:
                getattr(found, function)()
    del builtins.get_ipython  # type: ignore[attr-defined]
    gc.freeze()
    for line in sys.stdin:
        number, word, what = json.loads(line)
        try:
            answer = _fork(what, answers.fileno()) if word == "start" else _ended(what)
        except OSError as problem:
            answer = str(problem)
        answers.write(json.dumps([number, answer]) + "\n")
        answers.flush()


def _ended(pid: int) -> int | None:
    try:
        ended, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # it was asked about before
        return -signal.SIGKILL
    return os.waitstatus_to_exitcode(status) if ended else None


def _fork(arguments: Sequence[str], answers: int) -> Any:
    with warnings.catch_warnings():
        # Some libraries have threads, which a copy lacks; those that are imported here see to it themselves.
        warnings.filterwarnings("ignore", r".*use of fork\(\)", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        os.close(answers)
        _become_a_kernel(arguments)
    return pid


def _become_a_kernel(arguments: Sequence[str]) -> NoReturn:
    code: Any = 1
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        # One boto3 client has more objects than Python lets pass between two looks for garbage.
        gc.set_threshold(20_000, 20, 20)
        gc.enable()
        if "numpy.random" in sys.modules:  # else all copies would draw the same
            sys.modules["numpy.random"].seed()
        launcher = find_spec("ipykernel_launcher")
        sys.argv = [launcher.origin if launcher and launcher.origin else "ipykernel_launcher", *arguments]
        import_module("ipykernel.kernelapp").launch_new_instance()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)  # on its way out a library would report its own leaks
