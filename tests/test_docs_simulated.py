"""docs/simulated.md is made from the table of behaviours, and nothing stands in it that nothing uses."""

from helpers.sandbox.calls import TABLE
from tests.simulated_actions import COMMAND, PAGE, how_far, in_page, recorded, table, users


def test_the_table_is_the_one_of_the_code() -> None:
    assert in_page(PAGE.read_text("utf-8")) == table(), f"run `{COMMAND}`"


def test_every_action_is_used() -> None:
    unused = [f"{service} {action}" for (service, action), used in users().items() if not used]
    assert unused == [], "take it out, or record the call of a client that makes it in tests/data/client_calls/"


def test_every_way_of_answering_is_told_apart() -> None:
    ways = {how_far(behaviour) for behaviour in TABLE.values()}
    assert ways == {"computed here", "moto, guarded", "moto, unchanged", "always empty"}


def test_the_calls_of_clients_are_sorted_pairs() -> None:
    assert {"aws-cli", "boto3", "prowler"} <= recorded().keys()
    for client, actions in recorded().items():
        assert all(service and action for service, action in actions), client
