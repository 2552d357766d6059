"""How the checks of notebook 07 read rows, without an account."""

import pytest

from helpers.lessons.checks.n07 import _is_accepted

REJECTS = {("10.2.0.10", "53"): 1.0, ("10.2.0.10", "8080"): 2.0}
ACCEPTS = {("10.2.0.10", "0"): 4.0, ("10.2.0.10", "80"): 4.0, ("10.2.0.10", "8080"): 1.0}


@pytest.mark.parametrize(
    ("row", "accepted"),
    [
        ({"dst": "10.2.0.10", "dport": "53", "flags": "0"}, False),  # the flags are no port
        ({"dst": "10.2.0.10", "dport": "8080"}, False),  # rejected once is rejected
        ({"dst": "10.2.0.10", "dport": "80"}, True),
        ({"dst": "10.2.0.10", "dport": "0", "flags": "0"}, True),
        ({"dst": "10.1.0.10", "dport": "80"}, False),
    ],
)
def test_a_row_is_accepted_only_where_it_names_no_rejected_destination(row: dict[str, str], accepted: bool) -> None:
    assert _is_accepted(row, ACCEPTS, REJECTS) is accepted
