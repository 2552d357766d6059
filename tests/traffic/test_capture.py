"""Capture: windows, flags, what is never logged, values."""

import pickle
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.network import Packet, Sighting, Topology, Trace
from helpers.traffic import (
    Capture,
    Sent,
    Window,
    close,
    next_close,
    nodata,
    observe,
    record_flags,
    window_at,
    window_lengths,
)
from tests.support.two_vpcs import ACCOUNT
from tests.traffic.lab import A_PUBLIC, B_PUBLIC, T0, Lab

ENI = "eni-a-public"


def sent(at: float, flags: int = 16, size: int = 52, action: str = "ACCEPT", **more: object) -> Sent:
    """A packet seen leaving one interface."""
    packet = Packet(A_PUBLIC, B_PUBLIC, 6, 40000, 80, flags, size=size, at=at, source_interface=ENI)
    seen = Sighting(ENI, "egress", action, A_PUBLIC, B_PUBLIC, A_PUBLIC, B_PUBLIC, 4)  # type: ignore[arg-type]
    return Sent(at, packet, Trace("delivered", (), None, (replace(seen, **more),)))  # type: ignore[arg-type]


def test_one_record_per_direction_flow_action_and_window() -> None:
    window = window_at(ENI, T0)
    packets = [sent(window.start + 1, 2, 60), sent(window.start + 30, 16), sent(window.start + 59.9, 17)]
    packets += [sent(window.end, 16), sent(window.start + 2, 2, 60, "REJECT")]
    records, rest = close(observe(Capture(), packets, {}), Lab().topology, window.end + 60)
    counted = [(r.start, r.end, r.action, r.packets, r.bytes, r.tcp_flags) for r in records]
    assert counted == [
        (window.start, window.end, "ACCEPT", 3, 164, 3),
        (window.start, window.end, "REJECT", 1, 60, 2),
        (window.end, window.end + 60, "ACCEPT", 1, 52, 0),
    ]
    assert (len(rest), next_close(rest)) == (0, None)


def test_records_are_filled_from_the_topology() -> None:
    lab = Lab()
    lab.run(f"nc -z {B_PUBLIC} 22; ssh {B_PUBLIC}")
    record = next(r for r in lab.records() if r.interface_id == ENI and r.flow_direction == "egress")
    assert (record.account_id, record.vpc_id, record.subnet_id) == (ACCOUNT, "vpc-a", "subnet-a1")
    assert (record.instance_id, record.region, record.az_id) == ("i-a-public", "us-east-1", "use1-az1")
    assert (record.type, record.pkt_srcaddr, record.pkt_dstaddr) == ("IPv4", A_PUBLIC, B_PUBLIC)
    assert (record.traffic_path, record.log_status, record.reject_reason) == (4, "OK", None)


def test_traffic_paths_1_4_and_8() -> None:
    lab = Lab()
    lab.run("ping -c 1 10.1.2.10; ping -c 1 10.2.1.10; ping -c 1 example.com")
    records = [r for r in lab.records() if r.interface_id == ENI]
    assert sorted(r.traffic_path for r in records if r.flow_direction == "egress") == [1, 4, 8]
    assert {r.traffic_path for r in records if r.flow_direction == "ingress"} == {None}


def test_flows_of_one_interface_share_their_start_and_interfaces_differ() -> None:
    lab = Lab()
    lab.run("ping -c 30 -i 5 10.2.1.10; ping -c 1 10.1.2.10")
    starts: dict[str, set[int]] = {}
    for record in lab.records():
        assert record.end - record.start == 60
        starts.setdefault(record.interface_id, set()).add(record.start % 60)
    assert all(len(each) == 1 for each in starts.values())
    assert len({min(each) for each in starts.values()}) == len(starts) == 3


def test_window_lengths_follow_the_instance_type() -> None:
    assert set(window_lengths(Lab().topology, 600).values()) == {60}
    assert set(window_lengths(Lab("t2.micro").topology, 600).values()) == {600}
    assert set(window_lengths(Lab("t2.micro").topology, 60).values()) == {60}
    assert window_lengths(Lab("t2.micro").topology, {ENI: 60})["eni-a-other"] == 600
    with pytest.raises(ValueError, match="60 or 600"):
        window_lengths(Lab().topology, 300)
    lab = Lab("t2.micro", interval=600)
    lab.run("ping -c 5 -i 60 10.2.1.10")
    assert {r.end - r.start for r in lab.records()} == {600}


def test_a_capture_is_a_value() -> None:
    first = observe(Capture(), sent(T0), {})
    left, right = observe(first, sent(T0 + 1, size=100), {}), observe(first, sent(T0 + 2, size=1000), {})
    assert [sum(c.bytes for c in each.flows().values()) for each in (Capture(), first, left, right)] == [
        0,
        52,
        152,
        1052,
    ]
    again = pickle.loads(pickle.dumps(left))
    assert again == left != right
    assert next_close(again) == next_close(left) == window_at(ENI, T0).end
    topology = Lab().topology
    assert close(again, topology, T0 + 99)[0] == close(left, topology, T0 + 99)[0]
    _, rest = close(left, topology, T0 - 99)
    assert rest == left


def test_many_observations_fold_and_stay_right() -> None:
    capture = Capture()
    packets = [sent(T0 + i * 0.01) for i in range(20_000)]
    for start in range(0, 20_000, 500):
        capture = observe(capture, packets[start : start + 500], {})
    assert sum(count.packets for count in capture.flows().values()) == 20_000
    assert capture == observe(Capture(), packets, {})


@pytest.mark.parametrize(
    ("src", "dst", "protocol", "ports"),
    [
        (A_PUBLIC, "10.1.0.2", 17, (40000, 53)),
        ("10.1.0.2", A_PUBLIC, 17, (53, 40000)),
        (A_PUBLIC, "169.254.169.253", 17, (40000, 53)),
        (A_PUBLIC, "169.254.169.254", 6, (40000, 80)),
        (A_PUBLIC, "169.254.169.123", 17, (123, 123)),
        (A_PUBLIC, "169.254.169.250", 6, (40000, 1688)),
        (A_PUBLIC, "10.1.1.1", 17, (68, 67)),
        ("0.0.0.0", "255.255.255.255", 17, (68, 67)),
        (A_PUBLIC, "10.1.1.1", 1, (0, 0)),
    ],
)
def test_what_is_never_logged(src: str, dst: str, protocol: int, ports: tuple[int, int]) -> None:
    packet = Packet(src, dst, protocol, *ports, at=T0, source_interface=ENI)
    seen = Sighting(ENI, "egress", "ACCEPT", src, dst, src, dst)
    capture = observe(Capture(), Sent(T0, packet, Trace("delivered", (), None, (seen,))), {})
    assert close(capture, Lab().topology, T0 + 60)[0] == ()


def test_a_peers_resolver_and_other_dns_servers_are_logged() -> None:
    lab = Lab()
    lab.run("dig @192.0.2.53 +short example.com")
    assert {r.dstport for r in lab.records() if r.flow_direction == "egress"} == {53}


def test_nodata() -> None:
    window, topology = Window(1431280876, 1431280934), Lab().topology
    (record,) = nodata([ENI], window, topology)
    assert (record.start, record.end, record.log_status) == (window.start, window.end, "NODATA")
    assert (record.account_id, record.interface_id, record.srcaddr, record.action) == (
        ACCOUNT,
        ENI,
        None,
        None,
    )
    assert nodata([ENI], window, Topology())[0].account_id is None


def test_an_interface_that_is_gone_still_closes() -> None:
    (record,), _ = close(observe(Capture(), sent(T0), {}), Topology(), T0 + 60)
    assert (record.interface_id, record.vpc_id, record.packets) == (ENI, None, 1)


@given(st.lists(st.integers(0, 63), min_size=1))
def test_flags_hold_only_fin_syn_rst_and_syn_ack(flags: list[int]) -> None:
    total = 0
    for one in flags:
        total |= record_flags(one)
    assert total & ~23 == 0
    assert bool(total & 1) == any(one & 1 for one in flags)
    assert bool(total & 4) == any(one & 4 for one in flags)
    assert bool(total & 16) == any(one & 18 == 18 for one in flags)
    assert bool(total & 2) == any(one & 2 for one in flags)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.floats(0, 600), st.integers(40, 1500), st.sampled_from(["ACCEPT", "REJECT"]))),
    st.lists(st.floats(0, 700), max_size=4),
)
def test_nothing_is_lost_or_counted_twice(seen: list[tuple[float, int, str]], closings: list[float]) -> None:
    packets = sorted((sent(T0 + at, 16, size, action) for at, size, action in seen), key=lambda one: one.at)
    capture, records, topology = Capture(), [], Topology()
    for until in [*sorted(closings), 10_000]:
        due = [one for one in packets if one.at < T0 + until]
        packets = packets[len(due) :]
        capture = observe(capture, due, {ENI: 60})
        closed, capture = close(capture, topology, T0 + until)
        assert all(record.end <= T0 + until for record in closed)
        records += closed
    assert sum(r.packets or 0 for r in records) == len(seen)
    assert sum(r.bytes or 0 for r in records) == sum(size for _, size, _ in seen)
    keys = [(r.start, r.action) for r in records]
    assert len(keys) == len(set(keys))
