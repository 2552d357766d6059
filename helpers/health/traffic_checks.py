"""H11 to H13: rules and routes, held against the records of what they let through."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from helpers.flowlogs import FlowRecord
from helpers.health.account_values import NO_ACCEPTED, AccountValues, Thresholds
from helpers.health.health_findings import NotEvaluated, NotUsed, Problem, Row, Seen, row
from helpers.network import GroupRule, Interface, NetworkAcl, Peering, Route, RouteTable, acl_allows
from helpers.network.addresses import is_public, parse_address

_SYN, _ACK = 2, 16
_PORTS = (6, 17)
_ECHO = {1: (8 << 8, 0), 58: (128 << 8, 129 << 8)}
"""By ICMP's two protocol numbers: type and code of a ping and of its answer, as ``acl_allows`` takes them."""
Ends = tuple[str | None, str | None, int | None, int | None, int | None]


def _requests(account: AccountValues, interface: Interface) -> Iterator[tuple[FlowRecord, bool]]:
    """The accepted records that came to an interface and may be requests, each with whether it can be nothing else."""
    own = set(interface.addresses)
    for record in account.by_interface.get(interface.id, ()):
        if record.action == "ACCEPT" and record.dstaddr in own and (answer := _is_answer(record)) is not True:
            yield record, answer is False


def _is_answer(record: FlowRecord) -> bool | None:
    """Whether a record is of an answer; None where it may be: the lower port is the sender's, and no SYN is told."""
    if record.protocol not in _PORTS or record.srcport is None or record.dstport is None:
        return False
    if record.tcp_flags is not None and record.tcp_flags & _SYN:
        return bool(record.tcp_flags & _ACK)
    return None if record.srcport < record.dstport else False


def _matches(rule: GroupRule, record: FlowRecord) -> bool:
    if rule.protocol is not None and rule.protocol != record.protocol:
        return False
    return rule.protocol not in _PORTS or rule.from_port <= (record.dstport or 0) <= rule.to_port


def _rules(account: AccountValues) -> Iterator[tuple[GroupRule, list[Interface]]]:
    """Each inbound rule, with the interfaces in use that it holds for."""
    members: dict[str, list[Interface]] = {}
    for interface in account.in_use:
        for group_id in interface.group_ids:
            members.setdefault(group_id, []).append(interface)
    for group in account.topology.groups:
        for rule in group.ingress if group.id in members else ():
            yield rule, members[group.id]


def _unseen(
    account: AccountValues, thresholds: Thresholds, silent: Iterable[Interface], listed: Iterable[Interface]
) -> Iterator[Seen]:
    """Why the records say nothing of interfaces: of those of a silent rule; of all listed, where none was seen."""
    reasons = {interface.id: account.unseen(interface, thresholds) for interface in listed}
    if not reasons:
        yield NotUsed("No network interface is in use.")
    ids = {interface.id for interface in silent} if None in reasons.values() else reasons.keys()
    for reason, count in Counter(reasons[interface_id] for interface_id in ids).items():
        if reason:
            text, unwanted = f"{reason.text} ({count} network interfaces).", thresholds.traffic == "REJECT"
            is_unused = unwanted and reason.text == NO_ACCEPTED
            yield NotUsed(text) if is_unused else NotEvaluated(text, reason.young)


def h11_open_rules(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """A rule that is open to the world, beyond the authorized ports: whether public addresses came in through it."""
    allowed = set(thresholds.authorized_ports)
    unseen: list[Interface] = []
    for rule, interfaces in _rules(account):
        if not any(cidr.is_everything for cidr in rule.cidrs) or not _beyond(rule, allowed):
            continue
        facts = {"rule": rule.id or str(rule)}
        came, may_be = (tuple(_came_in(account, rule, interfaces, allowed, sure)) for sure in (True, False))
        hidden = [interface for interface in interfaces if account.unseen(interface, thresholds)]
        if came or may_be:
            yield Problem("received" if came else "unclear", rule.group_id, came or may_be, facts)
        elif not hidden:
            facts["minutes"] = f"{account.minutes_seen(interfaces, thresholds):.0f}"
            yield Problem("silent", rule.group_id, (row(rule=rule, interfaces=len(interfaces)),), facts)
        unseen += hidden if not came else ()
    yield from _unseen(account, thresholds, unseen, account.in_use)


def _came_in(
    account: AccountValues, rule: GroupRule, interfaces: Iterable[Interface], allowed: set[int], sure: bool
) -> Iterator[Row]:
    """Who came in from public addresses through a rule, by records of requests, or by those that may be."""
    came: Counter[tuple[str, str, int]] = Counter()
    for interface in interfaces:
        for record, is_sure in _requests(account, interface):
            port, source = record.dstport or 0, record.srcaddr or ""
            is_covered = _from(rule, source) and is_public(parse_address(source))
            if is_sure is sure and port not in allowed and is_covered and _matches(rule, record):
                came[interface.id, source, port] += record.packets or 0
    for (interface_id, source, port), packets in came.items():
        yield row(interface=interface_id, source=source, port=port, packets=packets)


def _beyond(rule: GroupRule, allowed: set[int]) -> bool:
    """Whether a rule opens anything but authorized ports of TCP; ping alone is not counted."""
    if rule.protocol in (1, 58):
        return False
    return rule.protocol not in _PORTS or any(port not in allowed for port in _span(rule))


def _span(rule: GroupRule) -> Iterable[int]:
    return range(rule.from_port, rule.to_port + 1)


def _from(rule: GroupRule, source: str) -> bool:
    address = parse_address(source)
    return any(address in cidr for cidr in rule.cidrs)


def h12_unused_rules(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """Inbound rules through which no accepted connection of the window came."""
    idle: dict[str, list[Row]] = {}
    unseen: list[Interface] = []
    for rule, interfaces in _rules(account):
        records = (record for interface in interfaces for record, _ in _requests(account, interface))
        if any(_matches(rule, record) and _of(account, rule, record.srcaddr or "") for record in records):
            continue
        if hidden := [interface for interface in interfaces if account.unseen(interface, thresholds)]:
            unseen += hidden
        else:
            idle.setdefault(rule.group_id, []).append(row(rule=rule.id or "", says=rule))
    yield from _unseen(account, thresholds, unseen, account.in_use)
    for group_id, rows in idle.items():
        yield Problem("no-hit", group_id, tuple(rows), {"count": str(len(rows))})


def _of(account: AccountValues, rule: GroupRule, source: str) -> bool:
    if rule.peer_group:
        return any(rule.peer_group in holder.group_ids for holder in account.topology.interfaces_with(source))
    return _from(rule, source)


# --- H13 --------------------------------------------------------------------------------------------------------


def h13_routes(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """Packets between VPCs arrive; where records show that they do not, a route has to explain it."""
    if not account.topology.peerings and not any(_blackholes(table) for table in account.topology.route_tables):
        yield NotUsed("There is no peering connection, and no route that leads nowhere.")
    served = _tables_in_use(account)
    table_of = {subnet: table for table, subnets in served for subnet in subnets}
    peerings = {peering.id: peering for peering in account.topology.peerings}
    lost: dict[tuple[str, str], list[Row]] = {}
    for record, sender in _not_arrived(account, thresholds):
        table = table_of.get(sender.subnet_id)
        if table and (why := _why(account, peerings, table, record.dstaddr or "")):
            ends = row(interface=sender.id, source=record.srcaddr, destination=record.dstaddr, packets=record.packets)
            lost.setdefault((table.id, why), []).append(ends)
    for (table_id, why), rows in lost.items():
        yield Problem("lost", table_id, tuple(rows), {"why": why})
    told = {table_id for table_id, _ in lost}
    pairs = [(peering.requester_vpc_id, peering.accepter_vpc_id) for peering in peerings.values()]
    peered = {vpc for pair in pairs if any(map(account.judges, pair)) for vpc in pair}
    if members := [interface for interface in account.every_in_use if interface.vpc_id in peered]:
        yield from _unseen(account, thresholds, members, members)
    for table, _ in served:
        if account.judges(table.vpc_id) and table.id not in told and (routes := _blackholes(table)):
            yield Problem("blackhole", table.id, tuple(row(route=route, state=route.state) for route in routes))
    yield from _without_way_back(account, served, told)
    yield from _rejected_answers(account)


def _blackholes(table: RouteTable) -> list[Route]:
    return [route for route in table.routes if route.state == "blackhole"]


def _tables_in_use(account: AccountValues) -> list[tuple[RouteTable, list[str]]]:
    """The route tables of the subnets that have an interface in use, each with those subnets."""
    served: dict[str, tuple[RouteTable, list[str]]] = {}
    for subnet in dict.fromkeys(interface.subnet_id for interface in account.every_in_use):
        if account.topology.knows(subnet) and (table := account.topology.route_table_of(subnet)):
            served.setdefault(table.id, (table, []))[1].append(subnet)
    return list(served.values())


def _ends(record: FlowRecord) -> Ends:
    return record.srcaddr, record.dstaddr, record.protocol, record.srcport, record.dstport


def _not_arrived(account: AccountValues, thresholds: Thresholds) -> Iterator[tuple[FlowRecord, Interface]]:
    """Accepted records of a sender whose receiver, in another VPC, has no record of the same packets."""
    arrived = {owner: {_ends(record) for record in records} for owner, records in account.by_interface.items()}
    settled = account.now - thresholds.settle_minutes * 60
    seen = {interface.id for interface in account.every_in_use if not account.unseen(interface, thresholds)}
    for sender in account.in_use:
        own = set(sender.addresses)
        for record in account.by_interface.get(sender.id, ()):
            if record.action != "ACCEPT" or record.srcaddr not in own or (record.end or 0) > settled:
                continue
            holders = account.topology.interfaces_with(record.dstaddr or "")
            if any(holder.vpc_id == sender.vpc_id for holder in holders):
                continue
            receivers = [holder for holder in holders if holder.id in seen and record.dstaddr in holder.private]
            if receivers and not any(_ends(record) in arrived.get(holder.id, ()) for holder in receivers):
                yield record, sender


def _why(account: AccountValues, peerings: Mapping[str, Peering], table: RouteTable, destination: str) -> str:
    """Why this table brings nothing to an address; empty where its route is in order."""
    address = parse_address(destination)
    fitting = [(cidr.length, route) for route in table.routes for cidr in route.cidrs if address in cidr]
    length, route = max(fitting, key=lambda pair: pair[0]) if fitting else (0, None)
    peering = peerings.get(route.target) if route else None
    joined = {item.other(table.vpc_id) for item in peerings.values() if item.active}
    blocks = [cidr for vpc in account.topology.vpcs if vpc.id in joined for cidr in vpc.cidrs if address in cidr]
    is_wider = not peering and any(length < cidr.length for cidr in blocks)
    if route is None or route.kind == "internet gateway" or is_wider:
        return f"there is no route to the VPC of {destination}"
    if route.state == "blackhole" or (peering and not peering.active):
        return f"the route {route} leads nowhere"
    return ""


def _without_way_back(
    account: AccountValues, served: list[tuple[RouteTable, list[str]]], told: set[str]
) -> Iterator[Seen]:
    """Tables to whose subnets the other VPC has a route, and that have none through the peering."""
    routes: dict[tuple[str, str], list[Route]] = {}
    by_vpc: dict[str, list[tuple[RouteTable, list[str]]]] = {}
    for table, subnets in served:
        by_vpc.setdefault(table.vpc_id, []).append((table, subnets))
        for route in table.routes:
            routes.setdefault((table.vpc_id, route.target), []).append(route)
    for peering in account.topology.peerings:
        for vpc in (peering.requester_vpc_id, peering.accepter_vpc_id) if peering.active else ():
            towards = routes.get((peering.other(vpc) or "", peering.id), [])
            for table, subnets in by_vpc.get(vpc, ()):
                if (
                    not account.judges(vpc)
                    or table.id in told
                    or any(route.target == peering.id for route in table.routes)
                ):
                    continue
                own = [cidr.first for subnet in subnets for cidr in account.topology.subnet(subnet).cidrs]
                reaching = [route for route in towards if any(first in cidr for first in own for cidr in route.cidrs)]
                if reaching:
                    rows = tuple(row(route_of=route.table_id, route=route) for route in reaching)
                    yield Problem("no-way-back", table.id, rows, {"peering": peering.id})


def _rejected_answers(account: AccountValues) -> Iterator[Seen]:
    """Network ACLs that let packets through and reject the answers to them, by the records and by their entries."""
    rejected: dict[str, list[Row]] = {}
    for interface in account.in_use:
        acl = account.topology.acl_of(interface.subnet_id) if account.topology.knows(interface.subnet_id) else None
        records = account.by_interface.get(interface.id, ()) if acl else ()
        accepted = {_ends(record) for record in records if record.action == "ACCEPT"}
        for record in records:
            source, target, protocol, port, target_port = _ends(record)
            was_asked = record.action == "REJECT" and (target, source, protocol, target_port, port) in accepted
            if acl and was_asked and _keeps_back(acl, record, source in interface.addresses):
                ends = row(interface=interface.id, source=source, destination=target, packets=record.packets)
                rejected.setdefault(acl.id, []).append(ends)
    for acl_id, rows in rejected.items():
        yield Problem("answers", acl_id, tuple(dict.fromkeys(rows)))


def _keeps_back(acl: NetworkAcl, record: FlowRecord, leaves: bool) -> bool:
    """Whether a network ACL rejects this answer, which leaves its subnet or enters it, and not what it answers."""
    if record.protocol in _PORTS and _is_answer(record) is False:
        return False
    protocol, peer = record.protocol or 0, (record.dstaddr if leaves else record.srcaddr) or ""
    request, answer = _ECHO.get(protocol, (record.srcport or 0, record.dstport or 0))
    is_let_through = acl_allows(acl, protocol, peer, request, egress=not leaves)
    return is_let_through and not acl_allows(acl, protocol, peer, answer, egress=leaves)
