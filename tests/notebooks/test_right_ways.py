"""A query that goes another way and gives the same rows is right: the checks of notebook 07 look at rows only."""

from collections.abc import Iterator

import pytest

from helpers.lab import Lab, open_lab, process
from helpers.lessons.checks import checks_of
from helpers.lessons.scene import Scene

pytestmark = pytest.mark.long

RIGHT = {
    "07.1": [
        'filter action != "ACCEPT" and ispresent(dstPort) | stats count() by dstPort, dstAddr | limit 50',
        'parse @message "* * * * * * * * * * * * * *" as v, a, i, s, d, sp, dp, p, n, b, t, e, verdict, l'
        " | filter verdict like /REJ/ | stats count(*) as n by d, dp",
        'fields strcontains(action, "REJECT") as shut | filter shut = 1 | stats sum(shut) as times by dstAddr, dstPort',
    ],
    "07.2": [
        'filter interfaceId = "{web_b}" and action = "ACCEPT"'
        ' | filter srcAddr in ["10.1.0.10", "10.2.0.10"] and dstAddr in ["10.1.0.10", "10.2.0.10"]'
        " | stats sum(bytes) by dstAddr as receiver, srcAddr as sender",
        'filter action = "ACCEPT" and ((interfaceId = "{client_a}" and srcAddr = "10.1.0.10" and dstAddr = "10.2.0.10")'
        ' or (interfaceId = "{web_b}" and srcAddr = "10.2.0.10" and dstAddr = "10.1.0.10"))'
        " | stats sum(bytes) as sent, count(*) as records by srcAddr, dstAddr",
    ],
    "07.3": [
        'filter action = "ACCEPT" and dstPort > 0 and dstPort <= 1023 | stats sum(bytes) as n by dstPort as service',
        'filter action = "ACCEPT" | filter dstPort in [22, 53, 80] | stats sum(bytes), sum(packets) by dstPort',
    ],
    "07.4": [
        'filter action = "ACCEPT" | stats sum(bytes) as n by datefloor(@timestamp, 2m) as t | sort t desc',
        'stats sum(bytes) as total by bin(2m), action | filter action = "ACCEPT" | display `bin(2m)`, total',
    ],
    "07.5": [
        r"parse @message /(?<to>\S+) \d+ (?<door>\d+) \d+ \d+ REJECT/ | filter ispresent(door) | display to, door",
        'filter @message like "REJECT" | parse "* * * * *" as src, dst, sport, dport, rest | display dport, dst',
    ],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    home = tmp_path_factory.mktemp("right") / "home"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FLOWLOGS_HOME", str(home))
        lab = open_lab()
        try:
            lab.catch_up("07")
            _their_records(lab)
            yield lab
        finally:
            process.stop(home)


def _their_records(lab: Lab) -> None:
    """What the notebook's own cells put into the small group."""
    logs, group = lab.client("logs"), f"/{lab.prefix}/custom-format"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="their-records")
    lines = [
        "10.1.0.10 10.2.0.10 40112 22 6 2600 ACCEPT 3",
        "10.1.0.10 10.2.0.10 40113 8080 6 60 REJECT 2",
        "10.1.0.10 10.2.1.10 40114 5432 6 120 REJECT 2",
    ]
    events = [{"timestamp": int(lab.now().timestamp() * 1000), "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="their-records", logEvents=events)


@pytest.mark.parametrize(("exercise", "query"), [(name, query) for name, queries in RIGHT.items() for query in queries])
def test_another_right_way_is_right(exercise: str, query: str, lab: Lab) -> None:
    interfaces = {name.replace("-", "_"): interface for interface, name in Scene(lab).machines.items()}
    text = query
    for name, interface in interfaces.items():
        text = text.replace(f"{{{name}}}", interface)
    judgement = checks_of("07")[exercise](Scene(lab, text))
    assert judgement.outcome == "done", judgement
