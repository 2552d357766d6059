"""What the checks share: numbers of every type, the tags of a lab, and what a learner's words or queries count as."""

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas as pd
import pytest

from helpers.lessons.account_view import as_number, listed
from helpers.lessons.checks import n05, n09


@pytest.mark.parametrize("value", [3, 3.0, Decimal(3), Fraction(3), np.int64(3), np.float64(3), np.array(3)])
def test_a_number_of_any_type_is_one(value: Any) -> None:
    assert as_number(value) == 3.0


@pytest.mark.parametrize(
    "value",
    ["3", b"3", True, None, ..., [], {}, 3j, object(), float("nan"), float("inf"), 10**400, pd.Series([1, 2]), pd.NA],
)
def test_what_is_no_finite_number_is_none_and_raises_nothing(value: Any) -> None:
    assert as_number(value) is None


def test_names_stand_in_one_order() -> None:
    assert listed({"b", "a"}) == "`a`, `b`"


@pytest.mark.parametrize(
    ("said", "refused", "silent"),
    [
        ("curl: (7) Failed to connect to 10.2.0.10 port 80 after 1 ms: Couldn't connect to server", True, False),
        ("curl: (7) Failed to connect to 10.2.0.10 port 80 after 0 ms: Could not connect to server", True, False),
        ("curl: (28) Failed to connect to 10.2.0.10 port 80 after 131072 ms: Could not connect to server", False, True),
        (
            "curl: (28) Failed to connect to 10.2.0.10 port 3389 after 131072 ms: Couldn't connect to server",
            False,
            True,
        ),
        ("curl: (28) Connection timed out after 5001 milliseconds", False, True),
        ("ssh: connect to host 10.2.0.10 port 22: Connection refused", True, False),
        ("ssh: connect to host 10.2.0.10 port 3389: Connection timed out", False, True),
        ("1 packets transmitted, 0 received, 100% packet loss, time 0ms", False, True),
        ("HTTP 200", False, False),
    ],
)
def test_a_refusal_and_a_silence_are_told_apart(said: str, refused: bool, silent: bool) -> None:
    assert (bool(n05.REFUSED.search(said)), bool(n05.SILENT.search(said))) == (refused, silent)


@pytest.mark.parametrize(
    ("query", "counts_ports"),
    [
        ("stats count_distinct(dstPort) as n by srcAddr", True),
        ("stats count(*) by srcAddr, dstAddr, dstPort\n| stats count(*) as n by srcAddr, dstAddr | filter n > 9", True),
        ("dedup srcAddr, dstAddr, dstPort | stats count(*) as n by srcAddr", True),
        ("stats count(*) as n by srcAddr | filter n >= 10", False),
        ("# count_distinct(dstPort) would be better\nstats count(*) as n by srcAddr", False),
    ],
)
def test_different_ports_may_be_counted_in_three_ways(query: str, counts_ports: bool) -> None:
    assert bool(n09.COUNTS_PORTS.search(n09.without_comments(query))) is counts_ports
