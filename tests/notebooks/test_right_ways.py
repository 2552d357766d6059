"""A query that goes another way and gives the same rows is right: the checks of notebook 07 look at rows only."""

from collections.abc import Iterator

import pytest

from helpers.lab import Lab
from helpers.lessons.account_view import AccountView
from helpers.lessons.checks import checks_of
from tests.support.homes import lab_after

pytestmark = pytest.mark.long

RIGHT = {
    "07.1": [
        'filter action != "ACCEPT" and ispresent(dstPort) | stats count() by dstPort, dstAddr | limit 50',
        'parse @message "* * * * * * * * * * * * * *" as v, a, i, s, d, sp, dp, p, n, b, t, e, verdict, l'
        " | filter verdict like /REJ/ | stats count(*) as n by d, dp",
        'filter action = "REJECT" | stats count(*) as n by concat(dstAddr, ":", dstPort) as destination',
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
        'filter @message like "REJECT" | parse "* * * * * * * * * * * * * * * *" as eni, instance, src, dst, sport,'
        " dport, proto, packets, size, began, ended, verdict, status, flags, direction, path"
        " | display dst, dport, flags",
        r"parse @message /(?<to>\S+) \d+ (?<port>\d+) \d+ \d+ \d+ \d+ \d+ REJECT/"
        " | filter ispresent(port) | display to, port",
        'filter @message like "REJECT" | parse "* * * * * * *" as eni, instance, src, dst, sport, dport, rest'
        " | stats count(*) as n by dst, dport",
    ],
    "07.7": [
        'filter ispresent(action) and protocol = "6" | stats count_distinct(action) as n, sum(bytes) as size'
        " by dstPort, srcPort, dstAddr, srcAddr | filter n = 2 | display n, srcAddr, srcPort, dstAddr, dstPort",
        'filter protocol = 6 | fields concat(srcAddr, ":", srcPort) as sender,'
        ' concat(dstAddr, ":", dstPort) as receiver'
        " | stats count_distinct(action) as verdicts by sender, receiver | filter verdicts >= 2",
    ],
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with lab_after("06", tmp_path_factory.mktemp("right") / "home") as lab:
        logs, rejected = lab.client("logs"), {"filterPattern": "REJECT"}
        for group in ("vpc-flow-logs", "formats/custom"):
            where = {"logGroupName": f"/{lab.prefix}/{group}", **rejected}
            lab.wait_until(lambda where=where: logs.filter_log_events(**where)["events"], 1800, "rejected packets")
        yield lab


@pytest.mark.parametrize(("exercise", "query"), [(name, query) for name, queries in RIGHT.items() for query in queries])
def test_another_right_way_is_right(exercise: str, query: str, lab: Lab) -> None:
    interfaces = {name.replace("-", "_"): interface for interface, name in AccountView(lab).instances.items()}
    text = query
    for name, interface in interfaces.items():
        text = text.replace(f"{{{name}}}", interface)
    result = checks_of("07")[exercise](AccountView(lab, text))
    assert result.outcome == "done", result
