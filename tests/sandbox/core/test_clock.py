"""The virtual clock: three ways to move, and a curious reader shifts nothing."""

from hypothesis import given
from hypothesis import strategies as st

from helpers.sandbox.account.clock import STEP_SECONDS, Clock


def test_work_takes_one_step() -> None:
    clock = Clock(100.0)
    clock.step()
    assert clock.now() == 100.0 + STEP_SECONDS


def test_work_done_while_waiting_costs_nothing_extra() -> None:
    clock = Clock(100.0)
    clock.wait_to(120.0)
    clock.step()
    assert clock.now() == 120.0


def test_work_after_an_advance_takes_its_step() -> None:
    clock = Clock(100.0)
    clock.wait_to(120.0)
    clock.advance_to(1000.0)
    clock.step()
    assert clock.now() == 1000.0 + STEP_SECONDS


def test_the_clock_never_goes_back() -> None:
    clock = Clock(100.0)
    clock.advance_to(50.0)
    clock.wait_to(50.0)
    assert clock.now() == 100.0


@given(st.lists(st.integers(1, 60), min_size=1, max_size=5), st.integers(1, 40), st.data())
def test_when_somebody_looks_does_not_matter(waits: list[int], steps: int, data: st.DataObject) -> None:
    """The same work and the same waits, in any order, end at the same time."""
    moves = [("wait", 100.0 + wait) for wait in waits] + [("step", 0.0)] * steps
    times = set()
    for order in (moves, data.draw(st.permutations(moves))):
        clock = Clock(100.0)
        for kind, to in order:
            if kind == "step":
                clock.step()
            else:
                clock.wait_to(to)
        times.add(clock.now())
    assert len(times) == 1


def test_events_come_out_in_order_of_time_then_of_scheduling() -> None:
    clock = Clock(0.0)
    for at, kind in ((5.0, "b"), (3.0, "a"), (5.0, "c"), (9.0, "later")):
        clock.schedule(at, kind, {})
    order = []
    while (event := clock.pop_due(5.0)) is not None:
        order.append(event[2])
    assert order == ["a", "b", "c"]
    assert clock.next_due() == 9.0
