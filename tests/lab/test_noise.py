"""``lab.noise()``: background traffic that meets the network of its own moment, and comes back after a restart."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.lab import Lab, LabError, open_lab
from helpers.lab.connection import AwsConnection
from helpers.lessons import records
from helpers.sandbox.machines.noise import Noises
from tests.support.homes import served_lab_after
from tests.support.served import ServedHome

WEB = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Lab, ServedHome]]:
    with served_lab_after("04", tmp_path / "home") as both:
        yield both


def noise(lab: Lab, **other: Any) -> str:
    return lab.noise(**{"scenario": "recorded_day", "hours": 24, "every": 60, "seed": "1", **other})


def pass_time(lab: Lab, **time: float) -> None:
    lab._access.sleep_until(lab.now() + timedelta(**time))


def seen(lab: Lab, since: float) -> pd.DataFrame:
    return records(lab, since)[["start", "srcaddr", "dstaddr", "srcport", "dstport", "packets", "action", "line"]]


def test_a_changed_rule_changes_the_records(served: tuple[Lab, ServedHome]) -> None:
    lab, begun = served[0], served[0].now().timestamp()
    assert "Background traffic of 4 machines" in noise(lab, hours=3)
    pass_time(lab, hours=1)
    lab.client("ec2").authorize_security_group_ingress(
        GroupId=lab.find("security-group", "sg-public-b"), IpPermissions=[WEB]
    )
    opened = lab.now().timestamp()
    pass_time(lab, hours=1, minutes=10)
    found = seen(lab, begun)
    pages = found[(found.dstaddr == "10.2.0.10") & (found.dstport == 80) & ~found.srcaddr.str.startswith("10.")]
    assert set(pages[pages.start < opened - 60].action) == {"REJECT"}
    assert set(pages[pages.start > opened].action) == {"ACCEPT"}
    assert len(found[found.srcaddr.str.startswith("10.1.") & (found.dstaddr == "10.2.0.10")]) > 10


def test_it_ends_and_a_second_call_replaces_the_first(served: tuple[Lab, ServedHome]) -> None:
    lab = served[0]
    noise(lab, hours=20)
    noise(lab, hours=0.5, every=20)
    ends = lab.now().timestamp() + 1800
    pass_time(lab, hours=2)
    found = seen(lab, ends - 1800)
    assert len(found) > 60
    assert found[found.packets > 0].start.max() < ends
    assert found.groupby(["start", "srcaddr", "srcport", "dstport"]).size().max() <= 2  # not said twice


def test_a_second_lab_of_the_account_leaves_the_traffic_of_the_first_alone(served: tuple[Lab, ServedHome]) -> None:
    lab, begun = served[0], served[0].now().timestamp()
    noise(lab, hours=1)
    other = open_lab(prefix="team2")
    other.noise("incident", hours=1, every=20, seed="team2")
    other.noise("incident", hours=0, every=20, seed="team2")
    pass_time(lab, hours=1, minutes=10)
    found = seen(lab, begun)
    assert len(found[found.packets > 0]) > 20


def test_of_a_jump_only_the_last_day_has_traffic(served: tuple[Lab, ServedHome]) -> None:
    lab, begun = served[0], served[0].now().timestamp()
    noise(lab, hours=100, every=600)
    pass_time(lab, hours=60)
    found = seen(lab, begun + 60)
    assert begun + 36 * 3600 - 120 < found[found.packets > 0].start.min() < begun + 38 * 3600


def test_a_restart_goes_on_with_the_same_bytes(served: tuple[Lab, ServedHome]) -> None:
    lab, home = served
    begun = lab.now().timestamp()

    def heard(restart: bool) -> list[str]:
        noise(lab, hours=1, every=120)
        pass_time(lab, minutes=20)
        if restart:
            home._running.reopen()
        pass_time(lab, minutes=40)
        return list(seen(lab, begun).line)

    with home.put_back():
        calm = heard(restart=False)
    assert len(calm) > 30
    assert heard(restart=True) == calm


def test_a_stopped_machine_is_silent(served: tuple[Lab, ServedHome]) -> None:
    lab = served[0]
    lab.client("ec2").stop_instances(InstanceIds=[lab.find("instance", "web-b") or ""])
    pass_time(lab, minutes=5)
    since = lab.now().timestamp()
    noise(lab, hours=1)
    pass_time(lab, hours=1, minutes=10)
    found = seen(lab, since)
    assert not set(found[found.packets > 0].dstaddr) & {"10.2.0.10"}
    assert len(found[found.packets > 0]) > 3


def test_in_an_account_it_says_that_the_internet_does_it(served: tuple[Lab, ServedHome]) -> None:
    journal: Any = served[1]._running.account.journal
    entries = len(journal)
    said = AwsConnection.noise(served[0]._access, "demo", "recorded_day", "1", {}, served[0].now(), 60.0)  # type: ignore[arg-type]
    assert "for free" in said
    assert len(journal) == entries


@pytest.mark.parametrize(
    "wrong",
    [
        *({"scenario": "nonsense"}, {"seed": "one"}),
        *({"every": 0}, {"every": float("nan")}, {"every": "60"}),
        *({"hours": float("nan")}, {"hours": 1e12}, {"hours": "3"}, {"hours": None}),
    ],
    ids=str,
)
def test_what_cannot_be_played_leaves_what_was_asked_before(served: tuple[Lab, ServedHome], wrong: Any) -> None:
    lab, account = served[0], served[1]._running.account
    noise(lab, hours=1)
    entries, asked = len(account.journal), repr(account.state(Noises, lab.region))
    with pytest.raises(LabError, match="no such traffic"):
        noise(lab, **wrong)
    assert len(account.journal) == entries
    assert repr(account.state(Noises, lab.region)) == asked
