"""The runner, on tiny notebooks: what passes, what fails, and what is written down."""

import json
import os
import sys
import time
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import psutil
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from helpers import forked_kernels
from helpers.commands import report
from helpers.runner import CHECK_MIME, HEAVY, CourseResult, NotebookResult, run_notebooks, without_ansi


def notebook(folder: Path, name: str, *cells: str, parameters: str = "") -> Path:
    made = [new_code_cell(text) for text in cells]
    if parameters:
        made.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    # a kernel that does not exist: the runner must not ask for it
    metadata = {"kernelspec": {"name": "someone-elses", "display_name": "x", "language": "python"}}
    path = folder / f"{name}.ipynb"
    nbformat.write(new_notebook(cells=made, metadata=metadata), path)
    return path


def check(identity: str, passed: object, message: str = "") -> str:
    data = {CHECK_MIME: {"id": identity, "passed": passed, "message": message}, "text/plain": "x"}
    return f"from IPython.display import display\ndisplay({data!r}, raw=True)"


def run(folder: Path, *paths: Path, **options: object) -> CourseResult:
    out = folder / "out"
    out.mkdir(exist_ok=True)
    environment = {**os.environ, "FLOWLOGS_HOME": str(folder / "home")}
    options.setdefault("preload", ())
    return run_notebooks(list(paths), out, environment=environment, **options)  # type: ignore[arg-type]


def test_notebooks_run_in_order_each_with_a_fresh_kernel(tmp_path: Path) -> None:
    first = notebook(tmp_path, "01_a", "import os\nx = 1", "open('trace', 'w').write(os.environ['FLOWLOGS_HOME'])")
    second = notebook(
        tmp_path,
        "02_b",
        "assert open('trace').read().endswith('home')",
        "assert 'x' not in globals() and 'boto3' not in globals() and 'pandas' not in globals()",
        "f'{greeting} {count + 1}'",
        parameters='greeting: str = "hello"  # x\ncount: int = 1  # y',
    )
    seen: list[str] = []
    result = run(
        tmp_path,
        first,
        second,
        preload=HEAVY,
        parameters={"02_b": {"greeting": "good day", "count": 41}},
        on_start=lambda number, name: seen.append(f"{number} {name}"),
        on_end=lambda one: seen.append(one.status),
    )
    assert result.passed, result
    assert seen == ["1 01_a", "passed", "2 02_b", "passed"]
    assert [one.cells for one in result.notebooks] == [2, 5]
    executed = nbformat.read(tmp_path / "out" / "02_b.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0]["data"]["text/plain"] == "'good day 42'"
    assert nbformat.read(second, as_version=4).cells[-1].outputs == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("1 / 0", "cell [2] raised ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)", "sys.exit"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("import os\nos._exit(0)", "the kernel died"),
        ("input()", "StdinNotImplementedError"),
        (check("01.1", False, "the role is missing"), "01.1"),
        (check("01.1", "yes"), "01.1"),
    ],
    ids=["exception", "sys.exit", "exit-3", "dead-kernel", "input", "check", "malformed-check"],
)
def test_what_fails_is_said_and_ends_the_run(tmp_path: Path, cell: str, words: str) -> None:
    result = run(tmp_path, notebook(tmp_path, "01_a", "1", cell, "2"), notebook(tmp_path, "02_b", "1"))
    first, second = result.notebooks
    assert first.status == "failed"
    assert words in first.problem
    assert "\n" not in first.problem
    assert (second.status, second.cells) == ("not run", 0)
    assert not result.passed
    assert (tmp_path / "out" / "01_a.ipynb").exists()


def test_keep_going_runs_the_rest(tmp_path: Path) -> None:
    paths = [notebook(tmp_path, "01_a", "1 / 0"), notebook(tmp_path, "02_b", "1")]
    result = run(tmp_path, *paths, keep_going=True)
    assert [one.status for one in result.notebooks] == ["failed", "passed"]
    assert not result.passed


def test_the_whole_run_has_a_time_limit(tmp_path: Path) -> None:
    begun = time.monotonic()
    paths = [notebook(tmp_path, "01_a", "while True:\n    pass"), notebook(tmp_path, "02_b", "1")]
    result = run(tmp_path, *paths, keep_going=True, time_limit=5)
    assert time.monotonic() - begun < 30
    assert [one.status for one in result.notebooks] == ["failed", "not run"]
    assert "time" in result.notebooks[0].problem


def test_a_file_that_is_no_notebook_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "01_a.ipynb").write_text("{", encoding="utf-8")
    result = run(tmp_path, tmp_path / "01_a.ipynb")
    assert result.notebooks[0].status == "failed"
    assert "could not be run" in result.notebooks[0].problem


def test_the_reports_hold_every_notebook_and_every_check(tmp_path: Path) -> None:
    red = "raise ValueError('\\x1b[31mred\\x1b[0m <&> \\x00')"
    checks = [
        check("01.1", True, "well done"),
        check("01.2", None, "not attempted"),
        check("01.3", False, "not yet"),
    ]
    paths = [
        notebook(tmp_path, "01_a", *checks),
        notebook(tmp_path, "02_b", red),
        notebook(tmp_path, "03_c", "1"),
    ]
    result = run(tmp_path, *paths[:2], keep_going=True)
    result = CourseResult(
        result.started, result.seconds, (*result.notebooks, NotebookResult("03_c", "not run", problem="why"))
    )
    report.write_junit(result, tmp_path / "junit.xml")
    report.write_json(result, tmp_path / "results.json", {"01_a": {"region": "us-east-1"}, "02_b": {}})

    text = (tmp_path / "junit.xml").read_text("utf-8")
    assert "\x1b" not in text
    assert "#x1B" not in text
    root = ElementTree.fromstring(text)
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in root.iter("testcase")}
    assert cases == {
        ("01_a", "runs to its end"): ["failure"],
        ("01_a", "check 01.1"): [],
        ("01_a", "check 01.2"): ["skipped"],
        ("01_a", "check 01.3"): ["failure"],
        ("02_b", "runs to its end"): ["failure"],
        ("03_c", "runs to its end"): ["skipped"],
    }
    assert {key: root.get(key) for key in ("tests", "failures", "skipped")} == {
        "tests": "6",
        "failures": "3",
        "skipped": "2",
    }
    document = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert document["status"] == "failed"
    assert document["parameters"] == {"01_a": {"region": "us-east-1"}}
    assert document["notebooks"][0]["checks"][1] == {"id": "01.2", "passed": None, "message": "not attempted"}
    assert "ValueError" in document["notebooks"][1]["details"]


SURROUNDINGS = """\
import os, signal, sys, warnings
import pandas as pd
print(os.getcwd(), __name__, sys.path, sorted(os.environ), os.getpgid(0) == os.getpid())
print([pd.get_option(name) for name in ("display.max_columns", "display.width", "display.max_rows")])
print(sys.stdin.isatty(), signal.getsignal(signal.SIGINT), sys.argv[0].rpartition("/")[2], sorted(globals()))
print(os.popen("echo from a child").read(), "pandas" in sys.modules, sys.warnoptions)
print(sorted(map(str, warnings.filters)))
"""
FIGURE = """\
import matplotlib.pyplot as plt
plt.plot([1, 2]);"""


MANY = 2000
linux = pytest.mark.skipif(not forked_kernels.SUPPORTED, reason="kernels are copies on Linux only")


@linux
def test_a_kernel_that_is_a_copy_is_like_one_that_was_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = notebook(tmp_path, "01_a", SURROUNDINGS, FIGURE, "get_ipython().kernel.shell is get_ipython()")
    seen = []
    for copies in (True, False):
        monkeypatch.setattr(forked_kernels, "SUPPORTED", copies)
        folder = tmp_path / str(copies)
        folder.mkdir()
        assert run(folder, source, preload=HEAVY).passed
        cells = nbformat.read(folder / "out" / "01_a.ipynb", as_version=4).cells
        outputs = [output for cell in cells for output in cell.outputs]
        shown = [(output.output_type, output.get("text"), sorted(output.get("data", ()))) for output in outputs]
        seen.append(str(shown).replace(str(folder), "FOLDER"))
    assert seen[0] == seen[1]
    assert "image/png" in seen[0] and "from a child" in seen[0]


@linux
def test_copies_end_with_the_process_that_they_are_copies_of(tmp_path: Path) -> None:
    template = forked_kernels.Template((), dict(os.environ), tmp_path)
    try:
        kernel = template.manager(Config({}))
        kernel.start_kernel()
        pid, client = kernel.provisioner.pid, kernel.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        client.stop_channels()
        assert kernel.is_alive()
        template._process.kill()
        deadline = time.monotonic() + 20
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not _runs(pid) and not kernel.is_alive()
        kernel.cleanup_resources()
    finally:
        template.close()


@linux
def test_a_process_with_many_open_files_starts_copies_too(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < MANY:
        pytest.skip(f"a process may open {hard} files here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, MANY), hard))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(MANY - 900)]
    template = forked_kernels.Template((), dict(os.environ), tmp_path)
    try:
        kernel = template.manager(Config({}))
        kernel.start_kernel()
        assert psutil.Process(kernel.provisioner.pid).ppid() == template._process.pid
        kernel.shutdown_kernel(now=True)
    finally:
        template.close()
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@linux
def test_without_the_process_that_is_copied_kernels_are_started_as_usual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[forked_kernels.Template] = []
    begin = forked_kernels.Template.__init__

    def noted(self: forked_kernels.Template, *given: object) -> None:
        begin(self, *given)  # type: ignore[arg-type]
        made.append(self)

    monkeypatch.setattr(forked_kernels.Template, "__init__", noted)
    paths = [notebook(tmp_path, name, "import os\nos.getppid()") for name in ("01_a", "02_b", "03_c", "04_d")]
    result = run(tmp_path, *paths, keep_going=True, on_end=lambda _: made[0]._process.kill())
    statuses = [one.status for one in result.notebooks]
    assert statuses[0] == statuses[-1] == "passed" and len(statuses) == 4


@linux
@pytest.mark.parametrize("module", ["print('not an answer')", "raise RuntimeError('x')", "import no_such_module"])
def test_a_module_to_preload_may_print_and_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    (tmp_path / "odd_module.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    paths = [notebook(tmp_path, "01_a", "1"), notebook(tmp_path, "02_b", "1")]
    assert run(tmp_path, *paths, preload=("odd_module",)).passed


@pytest.mark.parametrize("copies", [False, pytest.param(True, marks=linux)])
def test_a_function_to_preload_is_called_and_leaves_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, copies: bool
) -> None:
    (tmp_path / "ready_module.py").write_text("calls = []\ndef warm():\n    calls.append(1)")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    monkeypatch.setattr(forked_kernels, "SUPPORTED", copies)
    source = """assert not {"ready_module", "importlib", "warm"} & {*globals()}
import ready_module
assert ready_module.calls == [1]"""
    assert run(tmp_path, notebook(tmp_path, "01_a", source), preload=("ready_module:warm",)).passed


@linux
def test_no_two_copies_draw_the_same(tmp_path: Path) -> None:
    draws = "import random, uuid\nimport numpy as np\nprint(random.random(), uuid.uuid4(), np.random.rand(2))"
    paths = [notebook(tmp_path, "01_a", draws), notebook(tmp_path, "02_b", draws)]
    assert run(tmp_path, *paths, preload=("numpy.random",)).passed
    first, second = (
        nbformat.read(tmp_path / "out" / path.name, as_version=4).cells[0].outputs[0]["text"].split() for path in paths
    )
    assert not set(first) & set(second)


def test_another_way_to_start_kernels_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernelspec may name options or variables."""
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"], "display_name": "x"}
    folder = tmp_path / "kernels" / "python3"
    folder.mkdir(parents=True)
    (folder / "kernel.json").write_text(json.dumps({**spec, "language": "python", "env": {"ASKED_FOR": "x"}}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    source = notebook(tmp_path, "01_a", "import os\nassert os.environ['ASKED_FOR'] == 'x'")
    assert run(tmp_path, source).passed


def test_no_notebooks_are_a_run_without_results(tmp_path: Path) -> None:
    assert run(tmp_path, meanwhile=lambda: pytest.fail("nothing is started")).notebooks == ()


def _runs(pid: int) -> bool:
    """Nobody may wait for an orphan that has ended."""
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def test_what_is_asked_for_meanwhile_is_done_before_the_first_cell(tmp_path: Path) -> None:
    source = notebook(tmp_path, "01_a", "open('made').read()")
    assert run(tmp_path, source, meanwhile=lambda: (tmp_path / "out" / "made").write_text("x")).passed


def test_the_table_lines_up() -> None:
    table = report.table([NotebookResult("01_network", "passed", 12, 3.44), NotebookResult("99_cleanup", "failed")])
    assert table.splitlines() == [
        "notebook    cells  seconds  status",
        "01_network     12      3.4  passed",
        "99_cleanup      0      0.0  failed",
    ]


def test_colours_and_controls_are_taken_out() -> None:
    assert without_ansi("\x1b[1;31mred\x1b[0m\x00\x07 and\nplain\x1b[K") == "red and\nplain"


def test_a_check_without_a_word_fails_the_solved_edition_in_words(tmp_path: Path) -> None:
    source = notebook(tmp_path, "01_a", check("01.1", None))
    result = run(tmp_path, source, all_done=True)
    assert not result.passed
    assert result.notebooks[0].problem == "not done: 01.1: no reason given"
