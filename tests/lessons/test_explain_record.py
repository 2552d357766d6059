"""A record is explained by the rules of its time, and told when they have changed since."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from helpers.flowlogs import DEFAULT_FORMAT, LogFormat
from helpers.lessons import explain
from helpers.network import Topology
from tests.support.topology import topology

START = 1_767_603_600
LINE = f"2 123456789012 eni-db 10.1.0.10 10.2.1.10 40000 22 6 3 180 {START} {START + 60} {{action}} OK"
THEN = datetime.fromtimestamp(START, UTC)


@dataclass
class Lab:
    """What explain asks of a lab: the network then and now."""

    then: Topology
    now: Topology
    asked: list[Any] = field(default_factory=list)

    def topology(self, at: datetime | float | None = None) -> Topology:
        self.asked.append(at)
        return self.now if at is None else self.then


def line(action: str) -> str:
    return LINE.format(action=action)


def test_a_reject_names_the_group_that_refused() -> None:
    lab = Lab(topology(THEN, ssh=False), topology(ssh=False))
    told = explain(line("REJECT"), lab)
    assert "rejected by security group" in told.text
    assert "demo-sg-b" in told.text
    assert "changed since" not in told.text
    assert lab.asked[0] == THEN and lab.asked[-1] is None


def test_an_accept_names_the_rule_that_allowed() -> None:
    told = explain(line("ACCEPT"), Lab(topology(THEN), topology()))
    assert "tcp 22 from 10.1.0.0/16" in told.headline


def test_yesterdays_reject_is_not_explained_by_todays_rules() -> None:
    told = explain(line("REJECT"), Lab(topology(THEN, ssh=False), topology(ssh=True)))
    assert "rejected by security group" in told.headline
    assert any("rules have changed since" in note for note in told.notes)
    assert "changed since" in told.html


def test_a_line_and_its_record_are_explained_alike() -> None:
    lab = Lab(topology(THEN), topology())
    assert explain(f"  {line('ACCEPT')}\n", lab) == explain(DEFAULT_FORMAT.read(line("ACCEPT")), lab)


def test_a_format_of_ones_own() -> None:
    layout = "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${start} ${end} ${action}"
    layout += " ${flow-direction}"
    own = f"eni-db 10.1.0.10 10.2.1.10 40000 22 6 {START} {START + 60} REJECT ingress"
    lab = Lab(topology(THEN, ssh=False), topology(ssh=False))
    assert "security group" in explain(own, lab, format=layout).text
    assert explain(own, lab, format=layout) == explain(own, lab, format=LogFormat.parse(layout))


def test_another_record_shows_that_it_is_an_answer() -> None:
    answer = f"2 123456789012 eni-db 10.2.1.10 10.1.0.10 22 40000 6 3 180 {START} {START + 60} REJECT OK"
    told = explain(answer, Lab(topology(THEN), topology()), others=[line("ACCEPT")])
    assert "an answer: security groups are stateful" in told.text


def test_a_record_without_traffic_and_one_without_a_time() -> None:
    lab = Lab(topology(THEN), topology())
    idle = f"2 123456789012 eni-db - - - - - - - {START} {START + 60} - NODATA"
    assert "nothing went" in explain(idle, lab).text
    short = "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ${action}"
    explain("eni-db 10.1.0.10 10.2.1.10 40000 22 6 ACCEPT", lab, format=short)
    assert lab.asked[0] == THEN and lab.asked[-2:] == [None, None]


@pytest.mark.parametrize("text", ["", "2 123456789012", line("MAYBE").replace(" 22 ", " ssh ")])
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        explain(text, Lab(topology(), topology()))


@dataclass
class Changing:
    """A lab whose rules changed: readings in order of time, each with the rules in force until then."""

    readings: list[Topology]

    def topology(self, at: datetime | float | None = None) -> Topology:
        if at is None:
            return self.readings[-1]
        assert isinstance(at, datetime)
        later = [reading for reading in self.readings if reading.read_at is not None and reading.read_at >= at]
        return later[0] if later else self.readings[-1]


def read_after(seconds: float, *, ssh: bool) -> Topology:
    return topology(datetime.fromtimestamp(START + seconds, UTC), ssh=ssh)


def test_opened_and_tried_again_is_explained_by_the_rule_that_let_it_in() -> None:
    """Refused at 0 s, opened at 20 s, accepted at 30 s: both records span one window, each has its own rules."""
    lab = Changing([read_after(20, ssh=False), read_after(300, ssh=True)])
    accepted, rejected = explain(line("ACCEPT"), lab), explain(line("REJECT"), lab)
    assert "tcp 22 from 10.1.0.0/16" in accepted.headline and "answer" not in accepted.headline
    assert "rejected by security group" in rejected.headline
    tried = "2 readings of the network were tried"
    assert any(f"{tried}, and 1 of them give this action" in note for note in rejected.notes)
    assert any(f"{tried}, and several give this action" in note and "the answer" in note for note in accepted.notes)


def test_a_change_after_the_end_of_a_record_is_not_looked_at() -> None:
    told = explain(line("REJECT"), Changing([read_after(61, ssh=False), read_after(300, ssh=True)]))
    assert not any("tried" in note for note in told.notes)


def test_a_verdict_that_no_reading_gives_is_said_to_be_one() -> None:
    told = explain(line("REJECT"), Changing([read_after(20, ssh=True), read_after(300, ssh=True)]))
    assert any("none gives this action" in note for note in told.notes)


def test_traffic_under_two_rules_is_said_to_be_so() -> None:
    """Let in by one rule, which was replaced by another within the window."""
    before, after = read_after(20, ssh=True), read_after(300, ssh=True)
    wider = replace(
        after,
        groups=tuple(
            replace(group, ingress=tuple(replace(rule, description="a wider rule") for rule in group.ingress))
            for group in after.groups
        ),
    )
    told = explain(line("ACCEPT"), Changing([before, wider]))
    assert any("several give this action" in note for note in told.notes)
