"""Scenarios: equal seeds, traced packets, and labels that nothing in a record gives away."""

import re
from dataclasses import fields, replace
from functools import cache
from ipaddress import ip_address, ip_network

import numpy as np
import pytest

from helpers.flowlogs import FlowRecord
from helpers.traffic.scenarios import Recording, ScenarioError, conversations, load, record
from helpers.traffic.scenarios.scenario import TrafficRow

START = 1_767_225_600
DOCUMENTATION = [ip_network(block) for block in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.0.0.0/8")]
KINDS = {"horizontal-scan", "slow-scan", "vertical-scan", "login-attempts", "login-after-attempts", "exfiltration",
         "beaconing", "lateral-movement"}  # fmt: skip
SCENARIO = load("recorded_day")


def test_equal_seeds_give_equal_records_and_others_do_not() -> None:
    first, again, other = (record(SCENARIO, seed, START, hours=0.25) for seed in (3, 3, 4))
    assert first == again
    assert first.records != other.records


def test_a_recording_of_the_first_hours_is_the_beginning_of_the_day() -> None:
    short, longer = (record(SCENARIO, 3, START, hours=hours) for hours in (0.1, 0.2))
    early = [each for each in longer.records if (each.end or 0) < START + 360]
    assert early
    assert set(map(repr, early)) <= set(map(repr, short.records))


def test_a_changed_rule_changes_the_records() -> None:
    closed = replace(SCENARIO, rules=tuple(rule for rule in SCENARIO.rules if rule.port != 80))
    verdicts = {}
    for name, scenario in (("open", SCENARIO), ("closed", closed)):
        recording = record(scenario, 3, START, hours=0.25, rows=[scenario.row("web-clients")])
        verdicts[name] = {(one.action, one.flow_direction) for one in recording.records}
    assert verdicts["open"] == {("ACCEPT", "ingress"), ("ACCEPT", "egress")}
    assert verdicts["closed"] == {("REJECT", "ingress")}


def test_a_rule_that_comes_at_an_hour_counts_from_then_on() -> None:
    noise = [SCENARIO.row("internet-noise-a")]
    recording = record(SCENARIO, 3, START, rows=noise)
    accepted = [one.start for one in recording.records if one.dstport == 22 and one.action == "ACCEPT"]
    assert accepted
    assert min(accepted) > START + 10.6 * 3600
    assert max(accepted) < START + 21 * 3600


def test_a_conversation_is_cut_when_its_rule_goes() -> None:
    temporary = next(rule for rule in SCENARIO.rules if rule.source == "0.0.0.0/0" and rule.port == 22)
    limited = replace(SCENARIO, rules=(replace(temporary, source="198.51.100.9/32"),))
    session = TrafficRow(
        "session", "spread", ("198.51.100.9",), ("client-a",), (22,), at=(20.5, 20.5), up=90_000, down=90_000,
        seconds=5400, lasts=1,
    )  # fmt: skip
    records = record(limited, 1, START, rows=[session]).records
    last = max(one.end or 0 for one in records if one.action == "ACCEPT")
    # A tracked connection outlives its rule, as in AWS: only what a rule for everyone let in is asked again.
    assert last > START + 21.4 * 3600
    for_all = record(SCENARIO, 1, START, rows=[session]).records
    assert max(one.end or 0 for one in for_all if one.action == "ACCEPT") <= START + 21 * 3600 + 120
    assert any(one.action == "REJECT" for one in for_all)


def test_both_ends_of_a_conversation_inside_count_the_same() -> None:
    recording = record(SCENARIO, 3, START, hours=0.5, rows=[SCENARIO.row("health-web")])
    counts: dict[tuple[object, ...], set[tuple[object, ...]]] = {}
    for one in recording.records:
        if START + 60 < (one.start or 0) < START + 1680:  # windows of two interfaces begin at different seconds
            counts.setdefault((one.srcaddr, one.srcport, one.dstport), set()).add(
                (one.interface_id, one.packets, one.bytes)
            )
    whole = [seen for seen in counts.values() if len(seen) == 2]
    assert len(whole) >= 0.9 * len(counts)
    assert {tuple(sorted(count[1:] for count in seen)) for seen in whole} == {((6, 392),) * 2, ((6, 757),) * 2}


def test_every_address_is_inside_or_reserved_for_documentation() -> None:
    for each in conversations(SCENARIO, 3):
        for address in (each.source, each.target):
            assert any(ip_address(address) in block for block in DOCUMENTATION), address


def test_every_kind_has_benign_traffic_that_looks_alike() -> None:
    rows = SCENARIO.traffic
    assert {row.kind for row in rows if row.kind and not row.benign} == KINDS
    assert {row.kind for row in rows if row.benign} == KINDS
    benign_rows, attacks = (
        {(row.kind, row.pattern, row.varied) for row in rows if row.kind and row.benign is benign}
        for benign in (True, False)
    )
    assert benign_rows == attacks  # an agent's one long connection has another pattern than a beacon


def test_a_row_with_an_unknown_key_or_pattern_is_refused() -> None:
    with pytest.raises(ScenarioError, match="there is no pattern sometimes"):
        conversations(SCENARIO, 1, [replace(SCENARIO.row("sweep"), pattern="sometimes")])


def test_labels_stand_beside_the_records_and_never_in_them() -> None:
    recording = _attacks(5)
    assert len(recording.labels) == len(recording.records)
    assert {row for row, _ in recording.labels} <= {row.id for row in SCENARIO.traffic}
    assert not [each.name for each in fields(FlowRecord) if re.search("label|kind|attack", each.name)]


# --- nothing in a record's form tells an attack from benign traffic --------------------------------------------------


@cache
def _attacks(seed: int) -> Recording:
    rows = [row for row in SCENARIO.traffic if row.kind]
    return record(SCENARIO, seed, START, rows=rows)


def _measures(one: FlowRecord) -> tuple[float, ...]:
    source, target, packets, size = one.srcport or 0, one.dstport or 0, one.packets or 1, one.bytes or 0
    seconds, flags = (one.start or 0) % 60, one.tcp_flags or 0
    return source % 2, target % 2, packets, size, size / packets, seconds, source % 10, size % 10, flags


def _form(recording: Recording) -> tuple["np.ndarray", "np.ndarray"]:  # type: ignore[type-arg]
    """What a record looks like without its addresses and hours, and whether it is of an attack."""
    guilty = {row.id: not row.benign for row in SCENARIO.traffic}
    form = [_measures(one) for one in recording.records]
    return np.array(form, float), np.array([guilty[row] for row, _ in recording.labels])


class _Tree:
    """A decision tree: at each node the split with the least Gini impurity."""

    def __init__(self, form: "np.ndarray", guilty: "np.ndarray", depth: int) -> None:  # type: ignore[type-arg]
        self.share = float(guilty.mean()) if len(guilty) else 0.5
        self.split = self._best(form, guilty) if depth and len(set(guilty)) > 1 else None
        if self.split:
            left = form[:, self.split[0]] <= self.split[1]
            self.low, self.high = (_Tree(form[side], guilty[side], depth - 1) for side in (left, ~left))

    @staticmethod
    def _best(form: "np.ndarray", guilty: "np.ndarray") -> tuple[int, float] | None:  # type: ignore[type-arg]
        found, least = None, np.inf
        for feature in range(form.shape[1]):
            for limit in np.unique(np.quantile(form[:, feature], np.linspace(0.05, 0.95, 19))):
                left = form[:, feature] <= limit
                if 20 <= left.sum() <= len(left) - 20:
                    impurity = sum(
                        side.sum() * guilty[side].mean() * (1 - guilty[side].mean()) for side in (left, ~left)
                    )
                    if impurity < least:
                        found, least = (feature, float(limit)), impurity
        return found

    def says(self, form: "np.ndarray") -> "np.ndarray":  # type: ignore[type-arg]
        if not self.split:
            return np.full(len(form), self.share > 0.5)
        left = form[:, self.split[0]] <= self.split[1]
        return np.where(left, self.low.says(form), self.high.says(form))


def _balanced(tree: _Tree, recording: Recording) -> float:
    form, guilty = _form(recording)
    said = tree.says(form)
    return float((said[guilty].mean() + (~said[~guilty]).mean()) / 2)


@pytest.mark.parametrize(("learned", "tried"), [(11, 12), (12, 13)])
def test_a_decision_tree_that_learned_one_day_cannot_tell_attacks_on_another(learned: int, tried: int) -> None:
    assert _balanced(_Tree(*_form(_attacks(learned)), depth=5), _attacks(tried)) < 0.6


def test_the_decision_tree_would_see_a_mark_in_a_record() -> None:
    form, guilty = _form(_attacks(11))
    form[:, 0] = guilty  # even ports for attacks alone
    assert (_Tree(form, guilty, depth=5).says(form) == guilty).mean() > 0.99
