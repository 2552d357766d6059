"""Explanations name the rule that decided, or every candidate when that cannot be told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from helpers.flowlogs import FlowRecord
from helpers.network import Connections, explain
from tests.network.lab import CLIENT, NEIGHBOUR, SERVER, Lab
from tests.support.senders import make_packet, trace
from tests.support.two_vpcs import permission

WEB = permission("tcp", 80, cidr="10.1.0.0/16", description="web")


def record(src: str, dst: str, src_port: int, dst_port: int, action: str, name: str, **more: object) -> FlowRecord:
    made = FlowRecord(
        interface_id=f"eni-{name}",
        srcaddr=src,
        dstaddr=dst,
        srcport=src_port,
        dstport=dst_port,
        protocol=6,
        packets=1,
        bytes=60,
        start=100,
        end=160,
        action=action,
        log_status="OK",
    )
    return replace(made, **more)  # type: ignore[arg-type]


REQUEST = record(CLIENT, SERVER, 40000, 80, "REJECT", "server")
REPLY = record(SERVER, CLIENT, 80, 40000, "REJECT", "server")


def test_a_lone_ingress_reject_shows_group_and_acl_and_says_which_refuses() -> None:
    found = explain(REQUEST, Lab().topology())
    assert [(one.stage, one.answer) for one in found.candidates] == [
        ("network ACL", "allows"),
        ("security group", "denies"),
    ]
    assert found.decided and found.decided.decider == "sg-server"
    assert "does not say whether a security group or a network ACL rejected" in found.text
    found = explain(REQUEST, Lab().ingress("sg-server", WEB).deny("b1", egress=False).topology())
    assert found.decided and found.decided.decider == "acl-b1" and "rule 50" in found.headline


def test_when_both_refuse_the_one_met_first_decided_and_both_are_shown() -> None:
    found = explain(REQUEST, Lab().deny("b1", egress=False).topology())
    assert found.decided and found.decided.stage == "network ACL"
    assert [one.answer for one in found.candidates] == ["denies", "denies"]
    found = explain(
        replace(REQUEST, interface_id="eni-client"),
        Lab().egress("sg-client").deny("a1", egress=True).topology(),
    )
    assert found.decided and found.decided.stage == "security group"


def test_accept_one_way_and_reject_the_other_is_the_acl() -> None:
    topology = Lab().ingress("sg-server", WEB).egress("sg-server").deny("b1", egress=True).topology()
    alone = explain(REPLY, topology)
    assert alone.decided and alone.decided.stage == "security group"  # a new connection would be refused by it first
    assert "if it was an answer, the stateful group let it pass" in alone.text
    pair = explain(REPLY, topology, others=[replace(REQUEST, action="ACCEPT")])
    assert pair.decided and pair.decided.decider == "acl-b1"
    by_flags = explain(replace(REPLY, tcp_flags=18), topology)
    assert by_flags.decided and by_flags.decided.decider == "acl-b1"


def test_an_accepted_answer_names_the_rule_that_let_the_conversation_begin() -> None:
    topology = Lab().ingress("sg-server", WEB).topology()
    found = explain(replace(REPLY, action="ACCEPT", interface_id="eni-client"), topology)
    assert found.decided and "the answer to a connection" in found.headline and "sg-client" in found.headline
    assert [one.stage for one in found.candidates] == ["network ACL", "security group"]
    found = explain(replace(REQUEST, action="ACCEPT"), topology)
    assert found.decided and 'tcp 80 from 10.1.0.0/16 "web"' in found.headline


def test_rules_that_do_not_fit_the_record_are_said_not_to() -> None:
    topology = Lab().ingress("sg-server", WEB).topology()
    found = explain(REQUEST, topology)
    assert found.decided is None and "these rules allow it" in found.headline
    assert "after their connection was closed" in found.text
    found = explain(replace(REQUEST, action="ACCEPT"), Lab().egress("sg-server").topology())
    assert found.decided is None and "no group rule here allows it" in found.headline


def test_rules_changed_since() -> None:
    then = replace(Lab().topology(), read_at=datetime(2026, 5, 1, tzinfo=UTC))
    now = Lab().ingress("sg-server", WEB).topology()
    assert "the rules have changed since" in explain(REQUEST, then, current=now).text
    assert "2026-05-01 00:00:00 UTC" in explain(REQUEST, then).text
    assert "changed since" not in explain(REQUEST, then, current=then).text


def test_icmp_rules_that_depend_on_the_type_leave_it_open() -> None:
    ping = record(CLIENT, SERVER, 0, 0, "REJECT", "server", protocol=1)
    found = explain(ping, Lab().ingress("sg-server", permission("icmp", 8, -1, cidr="10.1.0.0/16")).topology())
    assert found.decided is None and found.candidates[1].answer == "depends"
    found = explain(
        ping, Lab().deny("b1", egress=False, protocol="1", icmp=(8, -1)).ingress("sg-server", WEB).topology()
    )
    assert found.decided is None and [one.answer for one in found.candidates] == ["depends", "denies"]
    found = explain(ping, Lab().deny("b1", egress=False, protocol="1", icmp=(-1, -1)).topology())
    assert found.decided and found.decided.decider == "acl-b1"


def test_inside_a_subnet_no_acl_was_asked() -> None:
    inside = record(CLIENT, NEIGHBOUR, 40000, 80, "REJECT", "neighbour")
    found = explain(inside, Lab().deny("a1", egress=False).topology())
    assert found.decided and found.decided.stage == "security group"
    assert found.candidates[0].answer == "not asked"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"log_status": "NODATA"}, "NODATA"),
        ({"log_status": "SKIPDATA"}, "what they held is not known"),
        ({"interface_id": "eni-gone"}, "eni-gone is not in the topology"),
        ({"srcaddr": None}, "no addresses"),
        ({"dstaddr": "10.9.9.9"}, "its direction is not known"),
        ({"srcaddr": "somewhere"}, "'somewhere' is not an IPv4 or IPv6 address"),
        ({"reject_reason": "BPA"}, "VPC Block Public Access"),
    ],
)
def test_records_that_no_rule_explains(change: dict[str, object], says: str) -> None:
    found = explain(replace(REQUEST, **change), Lab().topology())  # type: ignore[arg-type]
    assert found.decided is None and says in found.text


def test_html_is_escaped_folds_and_says_in_words_what_colour_shows() -> None:
    lab = Lab().ingress("sg-server", permission("tcp", 80, cidr="10.1.0.0/16", description="<b>web & co</b>"))
    topology = lab.topology()
    result, _ = trace(topology, make_packet(CLIENT, SERVER, 6, 40000, 80, 2), Connections())
    refused, _ = trace(topology, make_packet(CLIENT, SERVER, 6, 40000, 22, 2), Connections())
    for html in (
        result._repr_html_(),
        refused._repr_html_(),
        explain(replace(REQUEST, action="ACCEPT"), topology).html,
    ):
        assert "<b>web" not in html and "&lt;b&gt;web &amp; co&lt;/b&gt;" in html
        assert "<details" in html and "var(--jp-" in html
    assert "✓ ACCEPT" in result._repr_html_() and "✗ REJECT" in refused._repr_html_()
