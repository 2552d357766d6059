"""What lessons 05 to 08 build: a shell line on an instance, records as a table, a query, both ends."""

import ast
import inspect
from collections.abc import Iterator

import pandas as pd
import pytest
from botocore.exceptions import ClientError

from helpers._data import NOTEBOOKS
from helpers.lab import Lab
from helpers.lessons import LessonError, ask, both_ends, fresh_window, records, run_on
from helpers.lessons.account_view import commands_sent
from tests.notebooks.lint import Notebook
from tests.support.homes import served_lab_after

MINUTE = 60
WRITTEN_SECONDS = 660
"""After that every window that was open is closed, and its records are there."""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with served_lab_after("05", tmp_path_factory.mktemp("sandbox") / "home") as (lab, _):
        yield lab


def all_records(lab: Lab) -> pd.DataFrame:
    """What was sent before, by another test as well, is written first: a second look finds no more."""
    end = lab.now().timestamp() + WRITTEN_SECONDS
    lab.wait_until(lambda: lab.now().timestamp() >= end, 2 * WRITTEN_SECONDS, "end of every window")
    return records(lab, 0)


def test_the_output_is_standard_output_and_then_what_went_wrong(lab: Lab) -> None:
    said = run_on(lab, "web-b", "ping -c 1 10.9.9.9", "echo last", comment="a note")
    assert "100% packet loss" in said
    assert run_on(lab, "client-a", "curl -sS --max-time 1 http://10.2.0.10:81/", "echo last").startswith("last\ncurl: ")
    assert commands_sent(lab, "web-b")[-1]["Comment"] == "a note"
    assert commands_sent(lab, "client-a")[-1]["Comment"] == ""


def test_an_instance_that_the_lab_does_not_have_is_named(lab: Lab) -> None:
    with pytest.raises(LessonError, match="no instance 'web-c'"):
        run_on(lab, "web-c", "echo hello")


def test_records_have_a_line_and_the_name_of_the_instance_that_wrote_it(lab: Lab) -> None:
    table = all_records(lab)
    assert set(table.instance) == {"client-a", "app-a", "web-b", "db-b"}
    assert [line.split()[2] for line in table.line] == table.interface_id.to_list()
    of_web = table[(table.instance == "web-b") & (table.srcaddr == "10.1.0.10")]
    assert set(of_web.dstaddr) == {"10.2.0.10"}


def test_records_keep_to_their_time_range(lab: Lab) -> None:
    everything = all_records(lab).start
    first, last = int(everything.min()), int(everything.max())
    assert first + MINUTE < last
    inside = records(lab, first + 1, last - 1).start
    assert len(inside) == everything.between(first + 1, last - 1).sum()
    assert set(records(lab, first, first).start) == {first}
    assert records(lab, last + 1).empty


def test_a_question_brings_numbers_and_times_and_keeps_to_its_range(lab: Lab) -> None:
    everything = all_records(lab)
    shut = everything[everything.action == "REJECT"]
    query = 'filter action = "REJECT" | stats count(*) as n by dstPort, bin(1s) as moment'
    rows = ask(lab, query, 0)
    assert rows.groupby("dstPort").n.sum().to_dict() == shut.dstport.value_counts().to_dict()
    assert rows.moment.max() == pd.Timestamp(int(shut.start.max()), unit="s")
    assert rows.attrs["statistics"]["recordsMatched"] == len(shut)
    first = int(shut.start.min())
    assert ask(lab, query, first, first).n.sum() == (shut.start == first).sum()
    assert ask(lab, query, shut.start.max() + 1).empty


def test_a_question_may_go_to_another_group(lab: Lab) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        ask(lab, "stats count(*)", 0, group="/demo/no-such-group")


def test_a_question_says_which_field_it_spells_in_another_letter_case(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(lab, "stats count(*) by srcAddr", 0)
    assert capsys.readouterr().err == ""
    ask(lab, "stats count(*) by srcaddr", 0)
    assert "it is srcAddr" in capsys.readouterr().err


def test_both_ends_waits_until_nothing_is_missing_and_keeps_to_the_two(lab: Lab) -> None:
    since = fresh_window(lab)
    assert lab.now().timestamp() > since + MINUTE
    run_on(lab, "client-a", "ping -c 1 10.2.1.10")
    sent = lab.now().timestamp()
    table = both_ends(lab, since, "client-a", "db-b")
    assert sorted(table.instance) == ["client-a", "client-a", "db-b", "db-b"]
    assert set(table.protocol) == {1}
    assert both_ends(lab, sent + MINUTE, "client-a", "db-b").empty
    later = records(lab, sent)
    assert {"client-a", "db-b"} <= set(later[later.end >= sent].instance)


def test_an_end_that_stays_silent_is_named_with_what_to_look_at(lab: Lab) -> None:
    lab.client("ec2").delete_flow_logs(FlowLogIds=[lab.find("vpc-flow-log", "flow-log-b")])
    fresh_window(lab)  # the window that was open at the deletion is still written, and ends after it
    try:
        with pytest.raises(LessonError, match=r"no record came from web-b, not even NODATA\. Does a flow log watch it"):
            both_ends(lab, lab.now().timestamp(), "client-a", "web-b")
    finally:
        lab.catch_up("05")


def test_what_a_lesson_builds_in_the_open_is_what_the_later_ones_import() -> None:
    open_cells = Notebook.read(NOTEBOOKS / "08_group_acl_or_route.ipynb").code
    built = {node.name: node for cell in open_cells for node in cell.tree().body if isinstance(node, ast.FunctionDef)}
    for name, function in (("both_ends", both_ends), ("fresh_window", fresh_window)):
        [imported] = ast.parse(inspect.getsource(function)).body
        assert isinstance(imported, ast.FunctionDef)
        words = [ast.unparse(statement).replace("_written_after", "written_after") for statement in imported.body[1:]]
        shown = [ast.unparse(statement) for statement in built[name].body]
        assert [argument.arg for argument in built[name].args.args] == [arg.arg for arg in imported.args.args]
        assert shown[:-1] == words[:-1], name
