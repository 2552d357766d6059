"""What a lab lets through, as plain values: read at two moments, it tells what is wider now and what is missing.

A reading has ``network`` (pages for ``Topology.from_describe``), ``roles`` (by name: ``trust``, and ``policies`` by
name) and ``flow_logs`` (the rows of DescribeFlowLogs that watch something in the lab's VPCs), as JSON can hold it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from helpers.access.wildcards import glob
from helpers.lab import Lab
from helpers.lab.readings import read_pages
from helpers.lab.resources import described
from helpers.lab.snapshot import snapshot
from helpers.network import AclEntry, GroupRule, Route, Topology, read_permission

Reading = Mapping[str, Any]
Item = tuple[str, str, Any]
"""Where something is let through: kind, place, and what; the entries and the routes of a subnet are one tuple."""
_SETTINGS = ("ResourceId", "TrafficType", "LogGroupName", "LogFormat", "MaxAggregationInterval")
_OWN_TAGS = ("Project", "Lab", "Name")
_ICMP = (1, 58)
_NO_OTHER = 253  # a protocol that no entry names (RFC 3692: for experiments)


@dataclass(frozen=True)
class Packets:
    """Packets that every entry and route compared treats alike, by one of them; ``egress`` is False for a route.

    ``port`` is the destination port, or ICMP type and code in one number; ``verdict`` is True, or the kind of target.
    """

    egress: bool
    protocol: int
    port: int
    address: int
    verdict: Any = None
    words: str = field(default="", compare=False)


def read_lab(lab: Lab) -> dict[str, Any]:
    """The reading of this moment."""
    ec2 = lab.client("ec2")
    network: dict[str, Any] = read_pages(ec2)
    watched = {vpc["VpcId"] for vpc in network["Vpcs"] if _in_lab(vpc, lab)}
    for kind, key in (("Subnets", "SubnetId"), ("NetworkInterfaces", "NetworkInterfaceId")):
        watched |= {item[key] for item in network[kind] if item["VpcId"] in watched}
    flow_logs = [row for row in described(ec2, "vpc-flow-log", []) if row["ResourceId"] in watched]
    roles: dict[str, Any] = {}
    for (kind, name), text in snapshot(lab, touched={("role", "")}).items():
        role, _, policy = name.partition("/")
        known = roles.setdefault(role, {"trust": None, "attached": [], "policies": {}})
        if kind == "role":
            known.update(json.loads(text))
        elif kind == "role-policy":
            known["policies"][policy] = json.loads(text)
    reading = {"network": network, "roles": roles, "flow_logs": flow_logs, "watched": sorted(watched)}
    return dict(json.loads(json.dumps(reading, default=str)))


def let_through(reading: Reading) -> list[Item]:
    """Every rule, group membership, ACL, route, peering, flow log and statement of the lab."""
    topology = Topology.from_describe(**reading["network"])
    vpcs = {vpc.id: vpc.cidrs for vpc in topology.vpcs if vpc.id in reading["watched"]}
    groups = {group.id: group for group in topology.groups if group.vpc_id in vpcs}
    found: list[Item] = []
    for group in groups.values():
        for rule in (*group.ingress, *group.egress):
            peer = groups.get(rule.peer_group or "")
            found.append(("rule", group.name, replace(rule, cidrs=vpcs[peer.vpc_id]) if peer else rule))
    for eni in topology.interfaces:
        found += [("member", eni.id, groups[group].name) for group in eni.group_ids if group in groups]
    for subnet in (subnet.id for subnet in topology.subnets if subnet.vpc_id in vpcs):
        acl, table = topology.acl_of(subnet), topology.route_table_of(subnet)
        found += [("entry", subnet, acl.entries)] if acl else []
        found += [("route", subnet, table.routes)] if table else []
    joined = [each for each in topology.peerings if each.active and each.requester_vpc_id in vpcs]
    found += [("peering", "the lab", number) for number, _ in enumerate(joined, 1)]
    found += [("flow log", "the lab", _settings(row)) for row in reading["flow_logs"]]
    for name, role in reading["roles"].items():
        found += [("trust", name, part) for one in _statements(role["trust"]) for part in _parts(one)]
        found += [("attached", name, policy["PolicyArn"]) for policy in role["attached"]]
        for policy in role["policies"].values():
            found += [("statement", name, part) for one in _statements(policy) for part in _parts(one)]
    return found


def beyond(items: list[Item], base: list[Item]) -> list[Item]:
    """What of these the base does not let through already; of ACLs and routes, the packets that it treats otherwise."""
    parts = [part for item in items for part in (_packets(item, base) if isinstance(item[2], tuple) else [item])]
    return [part for part in parts if not any(_within(part, known) for known in base)]


def permitted(entry: Mapping[str, Any], lab: Lab) -> Iterator[Item]:
    """What a lab's file allows beside: ``{ group, egress, permission }`` or ``{ role, statement }``."""
    if "role" in entry:
        yield from (("statement", lab.name(entry["role"]), part) for part in _parts(entry["statement"]))
    else:
        rules = read_permission(entry["permission"], entry["egress"])
        yield from (("rule", lab.name(entry["group"]), rule) for rule in rules)


def named(item: Item, names: Mapping[str, str]) -> dict[str, str]:
    """The facts for a message: ``what`` is let through, and ``where``; ``names`` are those of resources, by id."""
    kind, where, what = item
    if isinstance(what, Packets):
        what = what.words
    elif kind == "flow log":
        row = json.loads(what)
        what = f"{row['TrafficType']} of {names.get(row['ResourceId'], row['ResourceId'])} to {row['LogGroupName']}"
    elif kind in ("trust", "statement"):
        what = json.dumps(what)
    return {"what": f"{kind} `{what}`", "where": names.get(where, where)}


def _settings(flow_log: Mapping[str, Any]) -> str:
    tags = sorted((tag["Key"], tag["Value"]) for tag in flow_log.get("Tags", ()) if tag["Key"] in _OWN_TAGS)
    return json.dumps({key: flow_log.get(key) for key in _SETTINGS} | {"Tags": tags}, sort_keys=True)


def _in_lab(item: Mapping[str, Any], lab: Lab) -> bool:
    return {"Key": "Lab", "Value": lab.prefix} in item.get("Tags", ())


def _statements(document: Any) -> list[Any]:
    found = (document or {}).get("Statement", [])
    listed = [found] if isinstance(found, Mapping) else found
    return [each for each in listed if each.get("Effect") == "Allow"]


def _parts(statement: Mapping[str, Any]) -> Iterator[Any]:
    """One action on one resource, or of one principal, each with its conditions; one of exceptions stays as it is."""
    whom = statement.get("Principal", statement.get("Resource"))
    if "Action" not in statement or whom is None:
        yield statement
        return
    if isinstance(whom, Mapping):
        whom = [f"{kind}:{one}" for kind, each in whom.items() for one in _listed(each)]
    for action, each in product(_listed(statement["Action"]), _listed(whom)):
        yield [action, each, statement.get("Condition", {})]


def _listed(value: Any) -> list[Any]:
    return [value] if isinstance(value, str) else list(value)


def _packets(item: Item, base: list[Item]) -> Iterator[Item]:
    """What this ACL or these routes let through: the first packets from each edge of what is compared."""
    mine, tables = item[2], [item[2], *(known[2] for known in base if known[:2] == item[:2])]
    lines = [line for table in tables for line in table]
    entries = [line for line in lines if isinstance(line, AclEntry)]
    addresses = {edge for line in lines for block in _blocks(line) for edge in (block.first, block.last + 1)}
    protocols = {entry.protocol for entry in entries if entry.protocol is not None} | {_NO_OTHER}
    for egress, protocol in product((False, True) if entries else (False,), sorted(protocols)):
        spans = [_span(entry, protocol) for entry in entries if entry.protocol == protocol]
        ports = {0} | {edge for first, last in spans for edge in (first, last + 1) if edge <= 65535}
        for port, address in product(sorted(ports), sorted(addresses)):
            packets = Packets(egress, protocol, port, address)
            deciding = [line for table in tables if (line := _decides(table, packets)[0])]
            if verdict := _decides(mine, packets)[1]:
                narrowest = max(deciding, key=_narrow)
                words = f"{narrowest.destination} by {verdict}" if isinstance(narrowest, Route) else str(narrowest)
                # Without the number and the verb of the entry, which may be the one that denies them.
                words = words.partition(": ")[2].partition(" ")[2] or words
                yield item[0], item[1], replace(packets, verdict=verdict, words=words)


def _decides(table: tuple[Any, ...], packets: Packets) -> tuple[AclEntry | Route | None, Any]:
    """The first entry that matches, or the most specific route; and what becomes of the packets."""
    chosen: Route | None = None
    for line in table:
        if isinstance(line, AclEntry):
            first, last = _span(line, packets.protocol)
            same = line.egress == packets.egress and line.protocol in (None, packets.protocol)
            if same and first <= packets.port <= last and (line.cidr is None or packets.address in line.cidr):
                return line, line.allow
        elif any(packets.address in block for block in line.cidrs) and (not chosen or _narrow(line) > _narrow(chosen)):
            chosen = line
    return chosen, chosen.kind if chosen and chosen.state == "active" else None


def _span(entry: AclEntry, protocol: int) -> tuple[int, int]:
    """The first and the last port of an entry, in the numbers of ``Packets``."""
    if entry.protocol is None or entry.from_port == -1:
        return 0, 65535
    if protocol not in _ICMP:
        return entry.from_port, entry.to_port
    kind = entry.from_port << 8
    return (kind, kind | 255) if entry.to_port == -1 else (kind | entry.to_port, kind | entry.to_port)


def _narrow(line: AclEntry | Route) -> tuple[int, bool]:
    return max((block.length for block in _blocks(line)), default=-1), getattr(line, "protocol", None) is not None


def _within(item: Item, base: Item) -> bool:
    if item[:2] != base[:2]:
        return False
    mine, known = item[2], base[2]
    if isinstance(mine, Packets):
        return bool(_decides(known, mine)[1] == mine.verdict)
    if isinstance(mine, GroupRule) and isinstance(known, GroupRule):
        return mine.egress == known.egress and _ports_within(mine, known) and _block_within(mine, known)
    if isinstance(mine, list) and isinstance(known, list):
        return glob(known[0], mine[0]) and glob(known[1], mine[1]) and known[2] in ({}, mine[2])
    return bool(mine == known)


def _ports_within(mine: GroupRule, known: GroupRule) -> bool:
    if known.protocol is None or mine.protocol != known.protocol:
        return known.protocol is None
    return known.from_port == -1 or (known.from_port <= mine.from_port and mine.to_port <= known.to_port)


def _block_within(mine: GroupRule, known: GroupRule) -> bool:
    """A group stays within the blocks of its VPC, and no block stays within a group."""
    if known.peer_group or not mine.cidrs or not known.cidrs:
        return mine.source == known.source
    return all(any(big.first <= one.first and one.last <= big.last for big in known.cidrs) for one in mine.cidrs)


def _blocks(line: AclEntry | Route) -> tuple[Any, ...]:
    if isinstance(line, Route):
        return line.cidrs
    return (line.cidr,) if line.cidr else ()
