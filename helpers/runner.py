"""Run notebooks in order, each in a kernel of its own, and say what happened.

papermill does the running, through its Python API in this process: its command line needs two seconds per
notebook for its own imports. While one notebook runs, the next one's kernel is started. It is a copy of a process that
has the heavy libraries imported (:mod:`helpers.forked_kernels`), or imports them itself meanwhile.

A notebook passes when every code cell was executed to its end and every check in it passed. A kernel that
dies, a cell that calls ``sys.exit`` (papermill alone takes it for success and skips the rest) and a run that
exceeds its time limit are failures.
"""

import json
import logging
import math
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import Empty
from typing import Any, Literal

import nbformat
import papermill
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import KernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import write_ipynb
from traitlets.config import Config

from helpers import forked_kernels
from helpers.lessons.outcome import CHECK_MIME

__all__ = ["CHECK_MIME", "HEAVY", "CourseResult", "NotebookResult", "ReportedCheck", "run_notebooks", "without_ansi"]

# What the notebooks of the course import, with boto3, pandas, matplotlib and DuckDB: half of a kernel's start.
HEAVY = (
    *("helpers.lab", "helpers.lessons", "helpers.figures", "helpers.insights", "matplotlib.figure"),
    *("helpers.lab.connection:warm", "helpers.lessons.content:exercises", "helpers.insights.syntax.parser:grammar"),
)
_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]")
_LONGEST_RUN = 24 * 3600.0

Status = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, slots=True)
class ReportedCheck:
    """What one ``check(...)`` in a notebook said; ``passed`` is None where nothing was attempted yet."""

    id: str
    passed: bool | None
    message: str


@dataclass(frozen=True, slots=True)
class NotebookResult:
    """One notebook's run: ``cells`` counts the code cells executed, ``problem`` is one sentence, or empty."""

    name: str
    status: Status
    cells: int = 0
    seconds: float = 0.0
    problem: str = ""
    details: str = ""
    checks: tuple[ReportedCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class CourseResult:
    """The whole run. ``started`` is epoch seconds."""

    started: float
    seconds: float
    notebooks: tuple[NotebookResult, ...]

    @property
    def passed(self) -> bool:
        return all(notebook.status == "passed" for notebook in self.notebooks)


def without_ansi(text: str) -> str:
    """The text without terminal colour codes and without characters that XML cannot hold."""
    plain = _ANSI.sub("", text)
    return "".join(character for character in plain if character in "\n\t" or character >= " ")


def run_notebooks(
    notebooks: Sequence[Path],
    out: Path,
    *,
    environment: Mapping[str, str],
    parameters: Mapping[str, Mapping[str, object]] | None = None,
    keep_going: bool = False,
    time_limit: float = _LONGEST_RUN,
    preload: Sequence[str] = HEAVY,
    all_done: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
    on_start: Callable[[int, str], None] = lambda number, name: None,
    on_end: Callable[[NotebookResult], None] = lambda result: None,
) -> CourseResult:
    """Run the notebooks one after another and leave their executed copies in ``out``.

    ``environment`` is the kernels' whole environment; ``parameters`` maps a notebook's stem to its values.
    The kernels work in ``out``, which is neither the notebooks' folder nor the caller's: a notebook must
    not depend on where it is started. ``preload`` names the modules that a kernel imports while it waits
    for its turn, and functions that it calls (``module:function``); no name of theirs appears in the
    notebook. ``time_limit`` is in seconds, for all notebooks together. ``meanwhile`` is called while the
    first kernel starts. With ``all_done`` a check of something not attempted or not right yet fails its
    notebook: so is the solved edition run. Without ``keep_going`` the first failure ends the run, and the
    rest is reported as not run.
    """
    started, begun = time.time(), time.monotonic()
    deadline = begun + time_limit
    results: list[NotebookResult] = []
    # It reports what this module reports better, and warns of every parameter annotated `str | None`.
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    with tempfile.TemporaryDirectory(prefix="workbook-ipython-") as profile:
        kernels = _Kernels({**environment, "IPYTHONDIR": profile}, out, preload)
        try:
            if notebooks:
                kernels.prepare()
                meanwhile()
            for number, path in enumerate(notebooks, start=1):
                if results and results[-1].status != "passed" and not keep_going:
                    results.append(NotebookResult(path.stem, "not run", problem="an earlier notebook failed."))
                    continue
                if time.monotonic() >= deadline:
                    results.append(NotebookResult(path.stem, "not run", problem="the time was used up."))
                    continue
                on_start(number, path.stem)
                values = (parameters or {}).get(path.stem, {})
                result = _run_one(path, out, values, kernels, deadline, more=number < len(notebooks))
                result = _all_done(result) if all_done else result
                results.append(result)
                on_end(result)
        finally:
            kernels.close()
    return CourseResult(started, time.monotonic() - begun, tuple(results))


def _all_done(result: NotebookResult) -> NotebookResult:
    """The same result, failed where a check was not passed."""
    if result.status != "passed" or all(check.passed for check in result.checks):
        return result
    checks = tuple(check if check.passed else replace(check, passed=False) for check in result.checks)
    open_ones = [check for check in checks if not check.passed]
    words = "; ".join(f"{check.id}: {(check.message.splitlines() or ['no reason given'])[0]}" for check in open_ones)
    return replace(result, status="failed", problem=f"not done: {words}", checks=checks)


class _SavesAtTheEnd(NBClientEngine):  # type: ignore[misc]
    """papermill's engine, which otherwise writes the whole copy before and after every cell: a third of the time.

    papermill writes ``copy`` when all is done, also where a cell failed. Here it is written where the run was cut
    short: the kernel died, the time was used up, or somebody stopped it.
    """

    @classmethod
    def execute_notebook(cls, nb: NotebookNode, kernel_name: str, *, copy: str, **options: Any) -> Any:
        try:
            return super().execute_notebook(nb, kernel_name, **options)
        except BaseException:
            with suppress(OSError):  # why it ended says more than a full disk
                write_ipynb(nb, copy)
            raise


papermill_engines.register("saves-at-the-end", _SavesAtTheEnd)


class _ReadyKernelClient(AsyncKernelClient):  # type: ignore[misc]
    """For a kernel that has answered before: the usual wait ends with a fifth of a second of silence on IOPub."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        asked, heard = self.kernel_info(), ""
        try:
            await self.shell_channel.get_msg(timeout=1)
            while heard != asked:  # what comes after that is heard, too
                heard = (await self.iopub_channel.get_msg(timeout=1))["parent_header"].get("msg_id")
        except Empty:  # it has died, or is very slow
            await super().wait_for_ready(timeout)


class _Kernels:
    """A kernel now, and the next one getting ready meanwhile."""

    def __init__(self, environment: Mapping[str, str], folder: Path, preload: Sequence[str]) -> None:
        self._environment = dict(environment)
        self._folder = folder
        self._warm_up = _warm_up(preload)
        self._pool, self._ends = ThreadPoolExecutor(max_workers=1), ThreadPoolExecutor(max_workers=1)
        self._template = forked_kernels.Template(preload, environment, folder) if forked_kernels.SUPPORTED else None
        self._next: Future[KernelManager] | None = None

    def prepare(self) -> None:
        self._next = self._pool.submit(self._start)

    def take(self, *, prepare_another: bool) -> KernelManager:
        """The next kernel. Raises what its start raised."""
        waiting = self._next or self._pool.submit(self._start)
        self._next = None
        kernel = waiting.result()
        if prepare_another:
            self.prepare()
        return kernel

    def end(self, kernel: KernelManager) -> None:
        """End it, which takes a tenth of a second, while the next notebook begins."""
        self._ends.submit(_stop, kernel)

    def close(self) -> None:
        if self._next is not None:
            with suppress(Exception):
                _stop(self._next.result())
        self._pool.shutdown()
        self._ends.shutdown()
        if self._template:
            self._template.close()

    def _start(self) -> KernelManager:
        try:
            return self._start_once(self._template)
        except Exception:
            # Ports are chosen before they are bound, and another process may take one in between. What a copy cannot
            # be made for is started in the ordinary way.
            return self._start_once(None)

    def _start_once(self, template: forked_kernels.Template | None) -> KernelManager:
        config = Config({"KernelManager": {"transport_encryption": "auto"}})
        kernel = template.manager(config) if template else KernelManager(config=config)
        kernel.start_kernel(
            extra_arguments=["--HistoryManager.hist_file=:memory:"],
            env=self._environment,
            cwd=str(self._folder),
        )
        try:
            client = kernel.client()
            client.start_channels()
            client.wait_for_ready(timeout=120)
            if template is None:
                client.execute(self._warm_up, silent=True, store_history=False, reply=True, timeout=120)
            client.stop_channels()
        except BaseException:
            _stop(kernel)
            raise
        # papermill waits for replies on an event loop that also watches whether the kernel lives: a
        # blocking client would stop that loop, and a dead kernel would be waited for in vain.
        kernel.client_class = f"{__name__}.{_ReadyKernelClient.__name__}"
        return kernel


def _warm_up(preload: Sequence[str]) -> str:
    """The cell that makes a kernel ready which is no copy.

    By expression, so that no name appears: a notebook that forgets an import must fail here too.
    """
    lines = []
    for module, _, function in (name.partition(":") for name in preload):
        lines.append(f"__import__('importlib').import_module({module!r}){f'.{function}()' if function else ''}")
    return "\n".join(lines)


def _stop(kernel: KernelManager) -> None:
    """End a kernel at once; an orderly shutdown takes half a second and nothing needs it."""
    with suppress(RuntimeError):
        kernel.shutdown_kernel(now=True)
    kernel.cleanup_resources()


def _run_one(
    path: Path, out: Path, values: Mapping[str, object], kernels: _Kernels, deadline: float, *, more: bool
) -> NotebookResult:
    begun = time.monotonic()
    executed = out / path.name
    problem = ""
    try:
        kernel = kernels.take(prepare_another=more)
    except Exception as error:
        return NotebookResult(path.stem, "failed", problem=f"no kernel could be started: {_line(error)}")
    try:
        papermill.execute_notebook(
            str(path),
            str(executed),
            parameters=dict(values),
            kernel_name="python3",
            engine_name="saves-at-the-end",
            request_save_on_cell_execute=False,
            copy=str(executed),
            progress_bar=False,
            km=kernel,
            record_timing=False,  # papermill notes when a cell ran; the client would do so from each message again
            timeout_func=lambda cell: max(1, math.ceil(deadline - time.monotonic())),
        )
    except PapermillExecutionError as error:
        problem = f"cell [{error.exec_count}] raised {without_ansi(f'{error.ename}: {error.evalue}')}"
    except CellTimeoutError:
        problem = "the time limit of the whole run was reached."
    except DeadKernelError:
        problem = "the kernel died."
    except Exception as error:
        problem = f"it could not be run: {_line(error)}"
    finally:
        kernels.end(kernel)
    return _judge(path, executed, problem, time.monotonic() - begun)


def _judge(path: Path, executed: Path, problem: str, seconds: float) -> NotebookResult:
    """The verdict from the executed copy: the end of papermill's run alone does not tell it."""
    cells: list[Any] = []
    if executed.exists():
        # papermill has just checked what it wrote.
        document = nbformat.from_dict(json.loads(executed.read_text("utf-8")))  # type: ignore[no-untyped-call]
        cells = [cell for cell in document.cells if cell.cell_type == "code"]
    done = [cell for cell in cells if cell.execution_count is not None]
    errors = [output for cell in cells for output in cell.outputs if output.output_type == "error"]
    skipped = [cell for cell in cells if "".join(cell.source).strip() and cell.execution_count is None]
    checks = tuple(_checks(cells))
    if not problem and any(error.ename == "SystemExit" for error in errors):
        problem = "a cell called sys.exit, so the rest was not run."
    if not problem and skipped:
        problem = f"{len(skipped)} code cells were not run."
    wrong = [check.id for check in checks if check.passed is False]
    if not problem and wrong:
        problem = f"checks that did not pass: {', '.join(wrong)}."
    details = "\n".join(without_ansi("\n".join(error.get("traceback", []))) for error in errors)
    status: Status = "failed" if problem else "passed"
    return NotebookResult(path.stem, status, len(done), round(seconds, 2), problem, details, checks)


def _checks(cells: Sequence[Any]) -> list[ReportedCheck]:
    found = []
    for cell in cells:
        for output in cell.outputs:
            data = output.get("data", {})
            if CHECK_MIME in data:
                said = data[CHECK_MIME]
                found += [_check(reported) for reported in (said if isinstance(said, list) else [said])]
    return found


def _check(data: Any) -> ReportedCheck:
    if not isinstance(data, Mapping) or not isinstance(data.get("id"), str):
        return ReportedCheck("unnamed", False, f"not a check's data: {data!r}")
    passed = data.get("passed")
    if passed is not None and not isinstance(passed, bool):
        return ReportedCheck(data["id"], False, f"'passed' must be true, false or null, not {passed!r}")
    return ReportedCheck(data["id"], passed, without_ansi(str(data.get("message", ""))))


def _line(error: BaseException) -> str:
    text = without_ansi(str(error)).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
