"""What `helpers.network` says about a case, and models that are wrong on purpose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from helpers.network import Connections, Packet, Topology, Trace
from tests.network.kernel.cases import (
    ANSWER_OF,
    GROUPS,
    HOSTS,
    LISTENING,
    PREFIX_LIST,
    PREFIX_LIST_CIDRS,
    SUBNET_OF,
    SUBNETS,
    TYPES,
    VPC_OF,
    Case,
    Entry,
    Probe,
    Rule,
    has_second,
)
from tests.support.senders import make_packet, trace
from tests.support.two_vpcs import (
    BLOCKS,
    EVERYWHERE,
    Machine,
    Page,
    Pages,
    acl_entry,
    permission,
    security_group,
    two_vpcs,
)

SYN, RST, PSH, ACK = 2, 4, 8, 16
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}
Verdict = tuple[str | None, ...]
"""Where the request stopped and where the answer, and the same of the second request where the rules change."""
Model = Callable[[Case], list[Verdict]]


def pages(case: Case) -> Pages:
    """The case as describe calls would show it."""
    made = two_vpcs(
        {name: (VPC_OF[name], block) for name, block in SUBNETS.items()},
        {vpc: [(BLOCKS[other], "pcx-ab")] for vpc, other in ("ab", "ba")},
        [
            security_group(
                name, vpc, *([_permission(rule) for rule in case.groups[f"{name} {way}"]] for way in ("in", "out"))
            )
            for name, vpc in GROUPS.items()
        ],
        {host: Machine(address, SUBNET_OF[host], tuple(case.members[host])) for host, address in HOSTS.items()},
        main=True,
    )
    for acl, subnet in zip(made["NetworkAcls"], SUBNETS, strict=True):
        acl["Entries"] = [
            *(_entry(entry, way == "out") for way in ("in", "out") for entry in case.acls[f"{subnet} {way}"]),
            *(_entry(Entry(32767, False, "-1", -1, -1, EVERYWHERE), egress) for egress in (False, True)),
        ]
    prefix_list = {"PrefixListId": PREFIX_LIST, "Entries": [{"Cidr": cidr} for cidr in PREFIX_LIST_CIDRS]}
    return made | {"ManagedPrefixLists": [prefix_list]}


def _permission(rule: Rule) -> Page:
    kind = {"sg-": "group", "pl-": "prefix_list"}.get(rule.source[:3], "cidr")
    ports = () if rule.protocol == "-1" else (rule.first, rule.last)
    return permission(rule.protocol, *ports, **{kind: rule.source})


def _entry(entry: Entry, egress: bool) -> Page:
    bounds = {"tcp": "ports", "udp": "ports", "icmp": "icmp"}
    more = {bounds[entry.protocol]: (entry.first, entry.last)} if entry.protocol in bounds else {}
    number = str(PROTOCOLS.get(entry.protocol, "-1"))
    return acl_entry(entry.number, egress, "allow" if entry.allow else "deny", number, entry.cidr, **more)


def packets(probe: Probe) -> tuple[Packet, Packet]:
    """The request of a probe and what answers it."""
    source, target = HOSTS[probe.source], HOSTS[probe.target]
    if probe.kind in TYPES:
        kind = TYPES[probe.kind]
        there = make_packet(source, target, 1, icmp_type=kind, icmp_code=0, icmp_id=probe.local)
        return there, make_packet(target, source, 1, icmp_type=ANSWER_OF[kind], icmp_code=0, icmp_id=probe.local)
    number = PROTOCOLS[probe.kind]
    flags, answer = (SYN, (SYN if probe.port in LISTENING else RST) | ACK) if probe.kind == "tcp" else (0, 0)
    there = make_packet(source, target, number, probe.local, probe.port, flags)
    return there, make_packet(target, source, number, probe.port, probe.local, answer)


def verdicts(case: Case, stateless_groups: bool = False, stateful_acls: bool = False) -> list[Verdict]:
    """Where `trace` says that each probe's request stops, and its answer."""
    return _verdicts(_topologies(case), case, stateless_groups, stateful_acls)


def _topologies(case: Case) -> tuple[Topology, ...]:
    """The network before the change, and the one after it where there is one."""
    return tuple(Topology.from_describe(None, **pages(one)) for one in (case, case.later) if one is not None)


def _verdicts(
    topologies: tuple[Topology, ...],
    case: Case,
    stateless_groups: bool = False,
    stateful_acls: bool = False,
    forgetful: bool = False,
) -> list[Verdict]:
    found = []
    for probe in case.probes:
        there, back = packets(probe)
        answered_in = topologies[-1 if probe.kind == "udp" else 0]
        verdict, connections = _exchange(topologies[0], answered_in, there, back, stateless_groups, stateful_acls)
        if case.later is not None:
            second: Verdict = (None, None)
            if has_second(probe, *verdict):
                if probe.kind == "tcp":
                    _, connections = trace(topologies[0], replace(there, tcp_flags=ACK), connections)
                    there, back = (replace(packet, tcp_flags=PSH | ACK) for packet in (there, back))
                known = Connections() if forgetful else connections
                second, _ = _exchange(
                    topologies[-1], topologies[-1], there, back, stateless_groups, stateful_acls, known
                )
            found.append((*verdict, *second))
        else:
            found.append(verdict)
    return found


def _exchange(
    topology: Topology,
    answered_in: Topology,
    there: Packet,
    back: Packet,
    stateless_groups: bool,
    stateful_acls: bool,
    known: Connections | None = None,
) -> tuple[tuple[str, str | None], Connections]:
    """A request and its answer, where they stop, and what interfaces remember after them."""
    request, connections = trace(topology, there, known or Connections())
    if request.outcome != "delivered":
        return (_stop(request), None), connections
    if stateful_acls:
        return ("delivered", "delivered"), connections
    answer, after = trace(answered_in, back, Connections() if stateless_groups else connections)
    return ("delivered", _stop(answer)), after


def _stop(result: Trace) -> str:
    """Where a packet stopped, after a check that what the flow logs count agrees with it."""
    hop = result.deciding
    where = "delivered" if hop is None else f"{hop.kind} {hop.direction}"
    seen = [(one.direction, one.action) for one in result.sightings]
    assert seen == SEEN[where], f"{result}\n{seen}"
    return where


SEEN: dict[str, list[tuple[Any, Any]]] = {
    "group egress": [("egress", "REJECT")],
    "acl egress": [("egress", "REJECT")],
    "acl ingress": [("egress", "ACCEPT"), ("ingress", "REJECT")],
    "group ingress": [("egress", "ACCEPT"), ("ingress", "REJECT")],
    "delivered": [("egress", "ACCEPT"), ("ingress", "ACCEPT")],
}


# --- wrong on purpose -----------------------------------------------------------------------------------------------


def _acls(change: Callable[[list[Entry]], list[Entry]]) -> Model:
    def changed(case: Case) -> Case:
        acls = {name: change(one) for name, one in case.acls.items()}
        return replace(case, acls=acls, later=case.later and changed(case.later))

    return lambda case: verdicts(changed(case))


def _rules(change: Callable[[Rule], Rule]) -> Model:
    def changed(case: Case) -> Case:
        groups = {name: [change(one) for one in rules] for name, rules in case.groups.items()}
        return replace(case, groups=groups, later=case.later and changed(case.later))

    return lambda case: verdicts(changed(case))


def _last_first(entries: list[Entry]) -> list[Entry]:
    return [replace(one, number=32767 - one.number) for one in entries]


def _allows_first(entries: list[Entry]) -> list[Entry]:
    ranked = sorted(entries, key=lambda one: (not one.allow, one.number))
    return [replace(one, number=number) for number, one in enumerate(ranked, 1)]


def _as_listed(entries: list[Entry]) -> list[Entry]:
    return [replace(one, number=number) for number, one in enumerate(entries, 1)]


def _exclusive_end(rule: Rule) -> Rule:
    ports = rule.protocol in ("tcp", "udp") and rule.first < rule.last
    return replace(rule, last=rule.last - 1) if ports else rule


def _any_code(rule: Rule) -> Rule:
    return replace(rule, last=-1) if rule.protocol == "icmp" else rule


def _any_type(entries: list[Entry]) -> list[Entry]:
    return [replace(one, first=-1, last=-1) if one.protocol == "icmp" else one for one in entries]


def _no_references(rule: Rule) -> Rule:
    return replace(rule, source="192.0.2.1/32") if rule.source.startswith("sg-") else rule


def _open_references(rule: Rule) -> Rule:
    return replace(rule, source="0.0.0.0/0") if rule.source.startswith("sg-") else rule


def _no_prefix_lists(rule: Rule) -> Rule:
    return replace(rule, source="192.0.2.1/32") if rule.source.startswith("pl-") else rule


def _first_group_only(case: Case) -> list[Verdict]:
    members = {host: groups[:1] for host, groups in case.members.items()}
    return verdicts(replace(case, members=members, later=case.later and replace(case.later, members=members)))


def _acl_between_neighbours(case: Case) -> list[Verdict]:
    """The two neighbours in subnets of their own, with the same ACL: a packet between them crosses an edge."""
    return _verdicts(tuple(_with_an_edge(one) for one in (case, case.later) if one is not None), case)


def _with_an_edge(case: Case) -> Topology:
    made = pages(case)
    made["Subnets"][0]["CidrBlock"] = "10.1.8.0/24"
    made["Subnets"].append({"SubnetId": "subnet-a2", "VpcId": "vpc-a", "CidrBlock": "10.1.9.0/24"})
    made["NetworkAcls"][0]["Associations"].append({"SubnetId": "subnet-a2"})
    next(one for one in made["NetworkInterfaces"] if one["NetworkInterfaceId"] == "eni-a2")["SubnetId"] = "subnet-a2"
    return Topology.from_describe(None, **made)


def _blind_to_ports(case: Case) -> list[Verdict]:
    """Answers come from the port that was asked for to that same port: as if clients had no ports of their own."""
    return verdicts(replace(case, probes=[replace(one, local=one.port or one.local) for one in case.probes]))


def _wide_blocks(entries: list[Entry]) -> list[Entry]:
    """Blocks one bit too short."""
    made = []
    for one in entries:
        address, _, length = one.cidr.partition("/")
        made.append(replace(one, cidr=f"{address}/{max(int(length) - 1, 0)}"))
    return made


def _first_network_only(case: Case) -> list[Verdict]:
    return _verdicts(_topologies(case)[:1], case)


def _groups_of_before(case: Case) -> list[Verdict]:
    """Only what is changed in ACLs is seen."""
    return verdicts(replace(case, later=case.later and replace(case.later, groups=case.groups)))


WRONG: dict[str, Model] = {
    "change: every packet of a connection meets the network of its first": _first_network_only,
    "change: groups stay as they were": _groups_of_before,
    "change: a connection ends with its rule": lambda case: _verdicts(_topologies(case), case, forgetful=True),
    "ACL: the highest number wins": _acls(_last_first),
    "ACL: any allow wins": _acls(_allows_first),
    "ACL: entries in the order of the list": _acls(_as_listed),
    "ACL: answers pass": lambda case: verdicts(case, stateful_acls=True),
    "ACL: asked between neighbours": _acl_between_neighbours,
    "ACL: answers go to a well-known port": _blind_to_ports,
    "ACL: a block one bit too short": _acls(_wide_blocks),
    "ACL: ICMP types ignored": _acls(_any_type),
    "group: answers need a rule": lambda case: verdicts(case, stateless_groups=True),
    "group: only the first group of an interface counts": _first_group_only,
    "group: the last port of a range is outside": _rules(_exclusive_end),
    "group: ICMP codes ignored": _rules(_any_code),
    "group: references match nothing": _rules(_no_references),
    "group: references match everything": _rules(_open_references),
    "group: prefix lists match nothing": _rules(_no_prefix_lists),
}
