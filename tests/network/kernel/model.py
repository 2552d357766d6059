"""What `helpers.network` says about a case, and models that are wrong on purpose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from helpers.network import Connections, Packet, Topology, Trace, trace
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
)

SYN, RST, ACK = 2, 4, 16
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17}
Verdict = tuple[str, str | None]
Pages = dict[str, list[dict[str, Any]]]
Model = Callable[[Case], list[Verdict]]


def pages(case: Case) -> Pages:
    """The case as describe calls would show it."""
    return {
        "Vpcs": [{"VpcId": f"vpc-{vpc}", "CidrBlock": cidr} for vpc, cidr in _VPCS.items()],
        "Subnets": [
            {"SubnetId": f"subnet-{name}", "VpcId": f"vpc-{VPC_OF[name]}", "CidrBlock": cidr}
            for name, cidr in SUBNETS.items()
        ],
        "RouteTables": [_routes("a", "10.2.0.0/16"), _routes("b", "10.1.0.0/16")],
        "VpcPeeringConnections": [
            {
                "VpcPeeringConnectionId": "pcx-ab",
                "RequesterVpcInfo": {"VpcId": "vpc-a", "Region": "us-east-1"},
                "AccepterVpcInfo": {"VpcId": "vpc-b", "Region": "us-east-1"},
                "Status": {"Code": "active"},
            }
        ],
        "ManagedPrefixLists": [
            {"PrefixListId": PREFIX_LIST, "Entries": [{"Cidr": cidr} for cidr in PREFIX_LIST_CIDRS]}
        ],
        "SecurityGroups": [
            {
                "GroupId": name,
                "GroupName": name,
                "VpcId": f"vpc-{vpc}",
                "IpPermissions": [_permission(rule) for rule in case.groups[f"{name} in"]],
                "IpPermissionsEgress": [_permission(rule) for rule in case.groups[f"{name} out"]],
            }
            for name, vpc in GROUPS.items()
        ],
        "NetworkAcls": [
            {
                "NetworkAclId": f"acl-{subnet}",
                "VpcId": f"vpc-{VPC_OF[subnet]}",
                "Associations": [{"SubnetId": f"subnet-{subnet}"}],
                "Entries": [
                    _entry(entry, way == "out") for way in ("in", "out") for entry in case.acls[f"{subnet} {way}"]
                ]
                + [_entry(Entry(32767, False, "-1", -1, -1, "0.0.0.0/0"), egress) for egress in (False, True)],
            }
            for subnet in SUBNETS
        ],
        "NetworkInterfaces": [
            {
                "NetworkInterfaceId": f"eni-{host}",
                "VpcId": f"vpc-{VPC_OF[SUBNET_OF[host]]}",
                "SubnetId": f"subnet-{SUBNET_OF[host]}",
                "PrivateIpAddress": address,
                "Groups": [{"GroupId": group} for group in case.members[host]],
            }
            for host, address in HOSTS.items()
        ],
    }


_VPCS = {"a": "10.1.0.0/16", "b": "10.2.0.0/16"}


def _routes(vpc: str, other: str) -> dict[str, Any]:
    routes = [
        {"DestinationCidrBlock": _VPCS[vpc], "GatewayId": "local", "State": "active"},
        {"DestinationCidrBlock": other, "VpcPeeringConnectionId": "pcx-ab", "State": "active"},
    ]
    return {"RouteTableId": f"rtb-{vpc}", "VpcId": f"vpc-{vpc}", "Associations": [{"Main": True}], "Routes": routes}


def _permission(rule: Rule) -> dict[str, Any]:
    made: dict[str, Any] = {"IpProtocol": rule.protocol}
    if rule.protocol != "-1":
        made |= {"FromPort": rule.first, "ToPort": rule.last}
    if rule.source.startswith("sg-"):
        return made | {"UserIdGroupPairs": [{"GroupId": rule.source}]}
    if rule.source.startswith("pl-"):
        return made | {"PrefixListIds": [{"PrefixListId": rule.source}]}
    return made | {"IpRanges": [{"CidrIp": rule.source}]}


def _entry(entry: Entry, egress: bool) -> dict[str, Any]:
    made: dict[str, Any] = {
        "RuleNumber": entry.number,
        "Egress": egress,
        "RuleAction": "allow" if entry.allow else "deny",
        "Protocol": str(PROTOCOLS.get(entry.protocol, "-1")),
        "CidrBlock": entry.cidr,
    }
    if entry.protocol in ("tcp", "udp"):
        made["PortRange"] = {"From": entry.first, "To": entry.last}
    if entry.protocol == "icmp":
        made["IcmpTypeCode"] = {"Type": entry.first, "Code": entry.last}
    return made


def packets(probe: Probe) -> tuple[Packet, Packet]:
    """The request of a probe and what answers it."""
    source, target = HOSTS[probe.source], HOSTS[probe.target]
    if probe.kind in TYPES:
        kind = TYPES[probe.kind]
        there = Packet(source, target, 1, icmp_type=kind, icmp_code=0, icmp_id=probe.local)
        return there, Packet(target, source, 1, icmp_type=ANSWER_OF[kind], icmp_code=0, icmp_id=probe.local)
    number = PROTOCOLS[probe.kind]
    flags, answer = (SYN, (SYN if probe.port in LISTENING else RST) | ACK) if probe.kind == "tcp" else (0, 0)
    there = Packet(source, target, number, probe.local, probe.port, flags)
    return there, Packet(target, source, number, probe.port, probe.local, answer)


def verdicts(case: Case, stateless_groups: bool = False, stateful_acls: bool = False) -> list[Verdict]:
    """Where `trace` says that each probe's request stops, and its answer."""
    return _verdicts(Topology.from_describe(None, **pages(case)), case, stateless_groups, stateful_acls)


def _verdicts(
    topology: Topology, case: Case, stateless_groups: bool = False, stateful_acls: bool = False
) -> list[Verdict]:
    found: list[Verdict] = []
    for probe in case.probes:
        there, back = packets(probe)
        request, connections = trace(topology, there, Connections())
        if request.outcome != "delivered":
            found.append((_stop(request), None))
            continue
        if stateful_acls:
            found.append(("delivered", "delivered"))
            continue
        answer, _ = trace(topology, back, Connections() if stateless_groups else connections)
        found.append(("delivered", _stop(answer)))
    return found


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
    return lambda case: verdicts(replace(case, acls={name: change(one) for name, one in case.acls.items()}))


def _rules(change: Callable[[Rule], Rule]) -> Model:
    return lambda case: verdicts(
        replace(case, groups={name: [change(one) for one in rules] for name, rules in case.groups.items()})
    )


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
    return verdicts(replace(case, members={host: groups[:1] for host, groups in case.members.items()}))


def _acl_between_neighbours(case: Case) -> list[Verdict]:
    """The two neighbours in subnets of their own, with the same ACL: a packet between them crosses an edge."""
    made = pages(case)
    made["Subnets"][0]["CidrBlock"] = "10.1.8.0/24"
    made["Subnets"].append({"SubnetId": "subnet-a2", "VpcId": "vpc-a", "CidrBlock": "10.1.9.0/24"})
    made["NetworkAcls"][0]["Associations"].append({"SubnetId": "subnet-a2"})
    next(one for one in made["NetworkInterfaces"] if one["NetworkInterfaceId"] == "eni-a2")["SubnetId"] = "subnet-a2"
    return _verdicts(Topology.from_describe(None, **made), case)


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


WRONG: dict[str, Model] = {
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
