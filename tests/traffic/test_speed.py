"""Speed and scale: many conversations, captured as they happen, windows closed as they end."""

import time

import pytest

from helpers.traffic import (
    Capture,
    Exchange,
    Talk,
    World,
    close,
    converse,
    next_close,
    observe,
    window_lengths,
)
from tests.traffic.lab import B_PUBLIC, T0, Lab


def captured(count: int) -> tuple[int, int, float]:
    """(packets in records, packets sent x sides, processor seconds) of that many conversations."""
    lab = Lab()
    topology, intervals = lab.topology, window_lengths(lab.topology)
    source, connections, capture = lab.hosts["i-a-public"], lab.connections, Capture()
    talks = (Talk(22), Talk(8080), Talk(22, (Exchange(100, 900),)))
    sightings = recorded = 0
    began = time.process_time()
    for number in range(count):
        at = T0 + number * 0.05
        world = World(topology, connections, lab.hosts)
        did = converse(source, B_PUBLIC, talks[number % len(talks)], world, at, f"conversation {number}")
        connections = did.connections
        sightings += sum(len(sent.trace.sightings) for sent in did.packets)
        capture = observe(capture, did.packets, intervals)
        if (next_close(capture) or at) < at:
            records, capture = close(capture, topology, at)
            recorded += sum(record.packets or 0 for record in records)
    records, _ = close(capture, topology, T0 + count)
    return recorded + sum(record.packets or 0 for record in records), sightings, time.process_time() - began


def test_every_packet_of_a_thousand_conversations_is_in_a_record() -> None:
    recorded, sightings, _ = captured(1000)
    assert recorded == sightings > 4000


@pytest.mark.long
def test_a_hundred_thousand_conversations() -> None:
    recorded, sightings, seconds = captured(100_000)
    assert recorded == sightings
    assert seconds < 90, "three times what 100,000 conversations may take on a quiet machine"
