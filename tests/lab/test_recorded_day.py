"""``lab.load_day()``: a log group of its own with the recorded day, at the learner's time and with the lab's ids."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from helpers.flowlogs import DEFAULT_FORMAT, read_table
from helpers.flowlogs.recorded_day import DAY_TAG, recorded_day
from helpers.lab import Lab, LabError, open_lab
from helpers.lab.day_upload import put_slice
from helpers.lessons.content import lessons
from helpers.magics import ask
from helpers.network import Topology
from helpers.traffic.scenarios import load
from tests.support.homes import served_lab_after

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "09_detect_threats.ipynb"
DAY_CELLS = (
    "setup",
    "day",
    "background",
    "prediction-day",
    "naive-day",
    "day-rule",
    "day-evidence",
    "day-known",
    "day-curve",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("day") / "home"


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Lab]:
    with served_lab_after("01", home) as (lab, _):
        yield lab


def counted(lab: Lab, group: str, query: str) -> dict[str, int]:
    frame = ask(lab, query, [group], "2d", "2100-01-01")
    return dict(zip(frame.iloc[:, 0], map(int, frame["n"]), strict=True))


def test_the_day_is_yesterday_in_a_group_of_its_own_with_the_labs_own_interfaces(lab: Lab) -> None:
    before = lab.now()
    loaded = lab.load_day()
    midnight = before.replace(hour=0, minute=0, second=0, microsecond=0)
    assert (loaded.start, loaded.end) == (midnight - timedelta(days=1), midnight)
    assert loaded.group == "/demo/recorded-day"
    by_interface = counted(lab, loaded.group, "stats count(*) as n by interfaceId")
    own = {lab.find("network-interface", name) for name in ("client-a", "app-a", "web-b", "db-b")}
    assert set(by_interface) == own
    assert sum(by_interface.values()) == recorded_day().records
    assert loaded.start.timestamp() == recorded_day().start + loaded.shift


def test_a_second_call_changes_nothing(lab: Lab, home: Path) -> None:
    first = lab.load_day()
    now, journal = lab.now(), (home / "journal.jsonl").read_bytes()
    assert lab.load_day() == first
    assert lab.now() == now
    assert (home / "journal.jsonl").read_bytes() == journal


def test_the_records_are_events_like_any_other(lab: Lab) -> None:
    loaded = lab.load_day()
    where = {"logGroupName": loaded.group, "startTime": int(loaded.start.timestamp() * 1000), "limit": 5}
    events = lab.client("logs").filter_log_events(**where)["events"]
    records = [DEFAULT_FORMAT.read(event["message"]) for event in events]
    assert [event["timestamp"] for event in events] == [(record.start or 0) * 1000 for record in records]
    streams = [event["logStreamName"] for event in events]
    assert streams == [f"{record.interface_id}-all" for record in records]


def test_a_group_of_this_name_with_something_else_is_left_alone(lab: Lab) -> None:
    other = open_lab(prefix="other")
    lab.client("logs").create_log_group(logGroupName="/other/recorded-day")
    with pytest.raises(LabError, match="does not hold the recorded day"):
        other.load_day()


def test_a_lab_without_a_network_gets_the_recordings_own_ids(lab: Lab) -> None:
    loaded = open_lab(prefix="empty").load_day()
    found = counted(lab, loaded.group, "stats count(*) as n by interfaceId")
    assert set(found) == {machine["interface"] for machine in recorded_day().machines.values()}


def test_an_account_gets_two_hours_from_now_on_and_is_told_the_cost_first(
    lab: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    day, logs, group = recorded_day(), lab.client("logs"), "/demo/slice"
    calls: list[Any] = []
    logs.meta.events.register("before-call.cloudwatch-logs.PutLogEvents", lambda **call: calls.append(call))
    put_slice(logs, group, lab.tag_dict("slice"), {})
    said = capsys.readouterr().out
    assert "about a minute" in said
    assert "$0.0" in said
    made = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    tags = logs.list_tags_for_resource(resourceArn=made["arn"].removesuffix(":*"))["tags"]
    start, end = map(int, tags[DAY_TAG].split("/"))
    assert end - start == 7200
    assert 0 <= start * 1000 - made["creationTime"] < 1000
    first, last = day.attack_hours
    kept = counted(lab, group, "stats count(*) as n by logStatus")
    table = read_table(day.path)
    assert kept == {"OK": int(((table.start >= first) & (table.start < last)).sum())}
    assert len(calls) >= 4


@pytest.mark.parametrize("prefix", ["demo", "slice"])
def test_lesson_09_is_right_about_the_day_in_the_sandbox_and_about_the_two_hours_of_an_account(
    lab: Lab, prefix: str, capsys: pytest.CaptureFixture[str]
) -> None:
    own = open_lab(prefix=prefix)
    if prefix == "slice":
        put_slice(lab.client("logs"), "/slice/recorded-day", own.tag_dict("recorded-day"), {})
    cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(LESSON.read_text())["cells"]}
    names: dict[str, Any] = {"lab": own}
    for cell in DAY_CELLS:
        exec(cells[cell], names)  # "day-rule" asserts that Insights and pandas agree
    said = capsys.readouterr().out
    assert "first row: port 23, with rejected records in 24 hours of the day" in said
    assert f"see {len(names['accused_day'])}" in cells["naive-day-see"].replace("*", "")
    assert "16 pairs in the whole day" in said
    assert "without the list: precision 50% (8 of 16 findings are true), recall 100%" in said
    assert "with the list:    precision 100% (8 of 8 findings are true), recall 100%" in said
    threshold = next(each for each in lessons()["09"].exercises if each.id == "09.5")
    exec(threshold.solution, names)
    assert threshold.accepted == (names["best_threshold"],)
    assert (names["minutes"] == names["minutes"].min()).sum() == 1  # no other value is as good


def test_the_recorded_network_is_that_of_notebook_01(lab: Lab) -> None:
    scenario, own = load("recorded_day"), lab.topology()
    recorded = Topology.from_describe(**scenario.pages)
    for name, address in scenario.addresses.items():
        ours = own.interface(lab.find("network-interface", name) or "")
        theirs = recorded.interface(scenario.machines[name])
        assert ours.private == theirs.private == (address,)
        rules = [
            {
                (rule.egress, rule.protocol, rule.from_port, rule.to_port, rule.source)
                for group in one.group_ids
                for rule in (*network.group(group).ingress, *network.group(group).egress)
            }
            for one, network in ((ours, own), (theirs, recorded))
        ]
        assert rules[0] == rules[1], name
        routes = [
            {(route.destination, route.kind) for route in getattr(network.route_table_of(one.subnet_id), "routes", ())}
            for one, network in ((ours, own), (theirs, recorded))
        ]
        assert routes[0] == routes[1], name
