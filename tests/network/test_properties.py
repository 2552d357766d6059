"""Random rules against a reference written on its own, and what must hold whatever the rules."""

import ipaddress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.network import Connections, Packet
from tests.network.lab import CLIENT, SERVER, Lab
from tests.support.senders import make_packet, trace
from tests.support.two_vpcs import acl_entry, permission

ADDRESSES = [CLIENT, SERVER]
blocks = st.sampled_from(
    ["0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24", "10.1.1.10/32", "10.2.0.0/16", "10.2.1.8/29"]
)
ports = st.sampled_from([0, 22, 79, 80, 81, 443, 1024, 32768, 40000, 65535])
spans = st.tuples(ports, ports).map(lambda pair: (min(pair), max(pair)))
protocols = st.sampled_from(["-1", "6", "17", "1"])
icmp = st.tuples(st.sampled_from([-1, 0, 3, 8]), st.sampled_from([-1, 0, 3]))


@st.composite
def group_rules(draw: st.DrawFn) -> dict[str, Any]:
    protocol = draw(protocols)
    if protocol == "-1":
        return permission("-1", cidr=draw(blocks))
    first, last = draw(icmp if protocol == "1" else spans)
    if first == -1:
        last = -1
    return permission(protocol, first, last, cidr=draw(blocks))


@st.composite
def acl_entries(draw: st.DrawFn) -> dict[str, Any]:
    protocol = draw(protocols)
    more = {"icmp": draw(icmp)} if protocol == "1" else {"ports": draw(spans)} if protocol != "-1" else {}
    return acl_entry(
        draw(st.integers(1, 30)),
        draw(st.booleans()),
        draw(st.sampled_from(["allow", "deny"])),
        protocol,
        draw(blocks),
        **more,
    )


acls = st.lists(acl_entries(), max_size=5, unique_by=lambda entry: (entry["RuleNumber"], entry["Egress"]))
groups = st.lists(group_rules(), max_size=4)


@st.composite
def packets(draw: st.DrawFn) -> Packet:
    src, dst = draw(st.permutations(ADDRESSES))
    protocol = draw(st.sampled_from([1, 6, 17]))
    if protocol == 1:
        return make_packet(
            src, dst, 1, icmp_type=draw(st.sampled_from([0, 3, 8])), icmp_code=draw(st.sampled_from([0, 3]))
        )
    return make_packet(src, dst, protocol, draw(ports), draw(ports), 2 if protocol == 6 else 0)


@st.composite
def labs(draw: st.DrawFn) -> Lab:
    lab = Lab()
    for name in ("client", "server"):
        lab.ingress(f"sg-{name}", *draw(groups)).egress(f"sg-{name}", *draw(groups))
    for subnet in ("a1", "b1"):
        if draw(st.booleans()):
            lab.acl(subnet, *draw(acls))
    return lab


# the reference: written from the rules of the VPC User Guide, sharing nothing with the room


def fits(protocol: str, low: int | None, high: int | None, block: str, packet: Packet, other: str) -> bool:
    if protocol not in ("-1", str(packet.protocol)) or ipaddress.ip_address(other) not in ipaddress.ip_network(block):
        return False
    if protocol == "-1":
        return True
    if packet.protocol == 1:
        return low in (-1, packet.icmp_type) and (low == -1 or high in (-1, packet.icmp_code))
    return low <= packet.dst_port <= high  # type: ignore[operator]


def group_allows(rules: list[dict[str, Any]], packet: Packet, other: str) -> bool:
    spread = [(rule, block["CidrIp"]) for rule in rules for block in rule["IpRanges"]]
    return any(fits(r["IpProtocol"], r.get("FromPort"), r.get("ToPort"), cidr, packet, other) for r, cidr in spread)


def acl_allows(entries: list[dict[str, Any]], egress: bool, packet: Packet, other: str) -> bool:
    for entry in sorted(entries, key=lambda one: one["RuleNumber"]):
        span = entry.get("PortRange") or {"From": 0, "To": 65535}
        low, high = (entry["IcmpTypeCode"].values()) if "IcmpTypeCode" in entry else span.values()
        if entry["Egress"] == egress and fits(entry["Protocol"], low, high, entry["CidrBlock"], packet, other):
            return bool(entry["RuleAction"] == "allow")
    return False


def expected(lab: Lab, packet: Packet) -> list[tuple[str, str]]:
    side = {CLIENT: ("eni-client", "sg-client", "acl-a1"), SERVER: ("eni-server", "sg-server", "acl-b1")}
    source, group, acl = side[packet.src]
    leaves = group_allows(lab.find("SecurityGroups", group)["IpPermissionsEgress"], packet, packet.dst) and acl_allows(
        lab.find("NetworkAcls", acl)["Entries"], True, packet, packet.dst
    )
    if not leaves:
        return [(source, "REJECT")]
    target, group, acl = side[packet.dst]
    enters = acl_allows(lab.find("NetworkAcls", acl)["Entries"], False, packet, packet.src) and group_allows(
        lab.find("SecurityGroups", group)["IpPermissions"], packet, packet.src
    )
    return [(source, "ACCEPT"), (target, "ACCEPT" if enters else "REJECT")]


@settings(max_examples=400, deadline=None)
@given(labs(), packets())
def test_a_first_packet_fares_as_the_reference_says(lab: Lab, packet: Packet) -> None:
    result, _ = trace(lab.topology(), packet, Connections())
    assert [(seen.interface_id, seen.action) for seen in result.sightings] == expected(lab, packet)


def answer(packet: Packet) -> Packet:
    if packet.protocol == 1:
        return make_packet(packet.dst, packet.src, 1, icmp_type=0, icmp_code=0)
    flags = 18 if packet.protocol == 6 else 0
    return make_packet(packet.dst, packet.src, packet.protocol, packet.dst_port, packet.src_port, flags)


@settings(max_examples=300, deadline=None)
@given(labs(), packets().filter(lambda packet: packet.icmp_type in (None, 8)))
def test_an_answer_passes_groups_whatever_their_rules_and_every_acl_on_its_own(lab: Lab, packet: Packet) -> None:
    topology = lab.topology()
    result, connections = trace(topology, packet, Connections())
    if result.outcome != "delivered":
        return
    reply = answer(packet)
    back, _ = trace(topology, reply, connections)
    subnet = {CLIENT: "acl-a1", SERVER: "acl-b1"}
    leaves = acl_allows(lab.find("NetworkAcls", subnet[reply.src])["Entries"], True, reply, reply.dst)
    enters = acl_allows(lab.find("NetworkAcls", subnet[reply.dst])["Entries"], False, reply, reply.src)
    assert (back.outcome == "delivered") == (leaves and enters)
    assert all(hop.kind == "acl" for hop in back.hops if hop.verdict == "reject")


conversations = st.lists(packets() | packets().map(answer), min_size=1, max_size=6)


@settings(max_examples=200, deadline=None)
@given(labs(), conversations)
def test_no_interface_both_accepts_and_rejects_and_the_outcome_agrees(lab: Lab, sent: list[Packet]) -> None:
    topology, connections = lab.topology(), Connections()
    for packet in sent:
        result, connections = trace(topology, packet, connections)
        seen = [(one.interface_id, one.direction) for one in result.sightings]
        rejected = [one for one in result.sightings if one.action == "REJECT"]
        refusing = [hop for hop in result.hops if hop.verdict == "reject"]
        assert len(seen) == len(set(seen)) and len(rejected) == len(refusing) == (result.outcome == "rejected")
        assert (result.deciding is None) == (result.outcome == "delivered")
        assert not refusing or (result.deciding is refusing[0] and result.hops[-1] is refusing[0])


@settings(max_examples=300, deadline=None)
@given(labs(), conversations, group_rules(), st.sampled_from(["sg-client", "sg-server"]), st.booleans())
def test_one_more_allow_rule_never_turns_accept_into_reject(
    lab: Lab, sent: list[Packet], extra: dict[str, Any], group: str, egress: bool
) -> None:
    def play() -> list[dict[tuple[str, str], str]]:
        topology, connections, found = lab.topology(), Connections(), []
        for packet in sent:
            result, connections = trace(topology, packet, connections)
            found.append({(one.interface_id, one.direction): one.action for one in result.sightings})
        return found

    before = play()
    lab.find("SecurityGroups", group)["IpPermissionsEgress" if egress else "IpPermissions"].append(extra)
    for old, new in zip(before, play(), strict=True):
        # an egress that was refused for its group may now meet the ACL; what was accepted stays so
        assert all(new[place] == "ACCEPT" for place, action in old.items() if action == "ACCEPT")
