"""The recorded day: one small file, from which any format is rendered, and which three tools read directly."""

import argparse
from pathlib import Path

import pytest

from helpers.commands import day as day_command
from helpers.flowlogs import DEFAULT_FORMAT, LogFormat, RecordError, read_table
from helpers.flowlogs.recorded_day import DAY_FILE, DAY_FORMAT, TRUTH_FILE, day_lines, recorded_day
from helpers.insights import open_logs, run

CUSTOM = LogFormat.parse("${version} ${interface-id} ${srcaddr} ${dstport} ${tcp-flags} ${flow-direction} ${start}")


def test_the_file_is_small_and_holds_a_day_of_all_fields() -> None:
    day = recorded_day()
    table = read_table(DAY_FILE, DAY_FORMAT)
    assert DAY_FILE.stat().st_size <= 3_000_000
    assert len(table) == day.records
    assert 190_000 <= day.records <= 210_000
    assert list(table.columns) == [field.attribute for field in DAY_FORMAT.fields]
    assert table.start.min() >= day.start
    assert table.start.max() < day.start + day.seconds
    assert set(table.log_status) == {"OK"}


def test_no_field_of_the_file_is_a_label() -> None:
    names = {event.id.rpartition("-")[0] for event in recorded_day().events}
    table = read_table(DAY_FILE, DAY_FORMAT)
    held = {value for column in table.columns if table[column].dtype == "str" for value in table[column].dropna()}
    assert not names & held


@pytest.mark.parametrize("log_format", [DEFAULT_FORMAT, CUSTOM])
def test_the_file_and_its_rendered_lines_are_the_same_table(log_format: LogFormat) -> None:
    lines = [line for events in day_lines(recorded_day(), log_format).values() for _, line in events]
    names = [field.attribute for field in log_format.fields]
    read, rendered = (
        table.sort_values(names).reset_index(drop=True)
        for table in (read_table(DAY_FILE, log_format), read_table(lines, log_format))
    )
    assert set(read.version) == {log_format.version}
    assert read.equals(rendered)


def test_times_are_shifted_and_ids_replaced() -> None:
    day = recorded_day()
    recorded = day.machines["web-b"]
    ids = {recorded["interface"]: "eni-mine", recorded["account"]: "123456789012"}
    hour = (day.start, day.start + 3600)
    before, after = (
        day_lines(day, DEFAULT_FORMAT, between=hour, **more) for more in ({}, {"shift": 86400, "ids": ids})
    )
    assert len(before[recorded["interface"]]) == len(after["eni-mine"]) > 0
    old, new = (DEFAULT_FORMAT.read(lines[0][1]) for lines in (before[recorded["interface"]], after["eni-mine"]))
    assert (new.start, new.end) == ((old.start or 0) + 86400, (old.end or 0) + 86400)
    assert (new.interface_id, new.srcaddr, new.packets) == ("eni-mine", old.srcaddr, old.packets)
    assert after["eni-mine"][0][0] == (new.start or 0) * 1000


def test_a_field_that_the_day_does_not_have_is_refused() -> None:
    later = LogFormat.parse("${srcaddr} ${reject-reason}")
    with pytest.raises(ValueError, match="reject-reason"):
        day_lines(recorded_day(), later)
    with pytest.raises(RecordError, match=r"records.parquet does not hold these fields"):
        read_table(DAY_FILE, later)


def test_a_query_over_the_file_counts_what_pandas_counts() -> None:
    table = read_table(DAY_FILE)
    result = run('filter action = "REJECT" | stats count(*) as n by srcAddr', open_logs(DAY_FILE))
    counted = {row["srcAddr"]: int(row["n"]) for row in map(dict, result.rows)}
    assert counted == table[table.action == "REJECT"].groupby("srcaddr").size().to_dict()


@pytest.mark.long
def test_the_command_makes_the_same_bytes_again(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    day_command.add_arguments(parser)
    assert day_command.run(parser.parse_args(["--to", str(tmp_path)])) == 0
    for path in (DAY_FILE, TRUTH_FILE):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), f"run python -m helpers day: {path.name}"
