"""A topology worked out for tracing: numbers instead of text, rules in deciding order, hops ready made."""

from dataclasses import dataclass, field

from helpers.network.addresses import Cidr, is_ipv6, parse_address
from helpers.network.model import AclEntry, GroupRule, Interface, NetworkAcl, Peering, Route, SecurityGroup
from helpers.network.packet import Direction, Hop, Verdict
from helpers.network.topology import Topology

TCP, UDP = 6, 17
_ICMP = (1, 58)

GroupTest = tuple[int, int, int, int, str | None, Hop, bool]
"""First and last remote address, first and last selector, referenced group, hop, whether for everyone."""
AclTest = tuple[int, int, int, int, bool, Hop]


def selector(protocol: int, dst_port: int, icmp_type: int | None, icmp_code: int | None) -> int:
    """What a rule's bounds are compared with: the destination port, or ICMP type and code in one number."""
    if protocol not in _ICMP:
        return dst_port
    return -1 if icmp_type is None else (icmp_type << 8) | (icmp_code or 0)


def _bounds(protocol: int, rule: GroupRule | AclEntry) -> tuple[int, int]:
    """A rule's bounds in terms of ``selector``."""
    if rule.protocol is None or rule.protocol not in (TCP, UDP, *_ICMP):
        return -1, 65535
    if protocol not in _ICMP:
        return rule.from_port, rule.to_port
    if rule.from_port == -1:
        return -1, 65535
    kind = rule.from_port << 8
    return (kind, kind | 255) if rule.to_port == -1 else (kind | rule.to_port, kind | rule.to_port)


class Port:
    """One interface ready for tracing: its addresses, rules, ACL and routes."""

    def __init__(self, interface: Interface, view: "View") -> None:
        topology = view.topology
        self.interface = interface
        self.id = interface.id
        self.vpc_id = interface.vpc_id
        self.subnet_id = interface.subnet_id
        self.up = topology.is_up(interface.id)
        self.nitro = topology.is_nitro(interface.id)
        self.addresses = frozenset(parse_address(address) for address in interface.addresses)
        self.private = frozenset(parse_address(address) for address in interface.private)
        self.public = {parse_address(inside): parse_address(outside) for inside, outside in interface.public}
        self.group_ids = frozenset(interface.group_ids)
        groups = [view.groups[group_id] for group_id in interface.group_ids if group_id in view.groups]
        self._rules: dict[Direction, list[GroupRule]] = {
            "egress": [rule for group in groups for rule in group.egress],
            "ingress": [rule for group in groups for rule in group.ingress],
        }
        self._names = (
            ", ".join(_group_name(view.groups.get(group_id), group_id) for group_id in interface.group_ids) or "none"
        )
        self._tests: dict[tuple[Direction, int], tuple[GroupTest, ...]] = {}
        self._refusals: dict[Direction, Hop] = {}
        self._open: dict[tuple[Direction, int, bool], bool] = {}

    def group_tests(self, direction: Direction, protocol: int) -> tuple[GroupTest, ...]:
        """The rules of all groups that speak of a protocol, most specific first: the first match decides."""
        tests = self._tests.get((direction, protocol))
        if tests is None:
            tests = tuple(sorted(self._make_tests(direction, protocol), key=_specific_first))
            self._tests[direction, protocol] = tests
        return tests

    def _make_tests(self, direction: Direction, protocol: int) -> list[GroupTest]:
        tests: list[GroupTest] = []
        for rule in self._rules[direction]:
            if rule.protocol is not None and rule.protocol != protocol:
                continue
            low, high = _bounds(protocol, rule)
            name = f"security group {rule.group_id}" + (f" ({rule.group_name})" if rule.group_name else "")
            text = f"{name}: {f'{rule.id}, ' if rule.id else ''}{rule}"
            hop = Hop("group", "accept", self.id, rule.group_id, text, direction, rule)
            if rule.peer_group:
                tests.append((0, -1, low, high, rule.peer_group, hop, False))
            tests += [(c.first, c.last, low, high, None, hop, c.is_everything) for c in rule.cidrs]
        return tests

    def refusal(self, direction: Direction) -> Hop:
        """The hop that says: no rule allows it."""
        hop = self._refusals.get(direction)
        if hop is None:
            text = f"security group {self._names}: no {direction} rule allows it"
            unread = [rule.source for rule in self._rules[direction] if not rule.cidrs and not rule.peer_group]
            if unread:
                text += f" (the entries of {', '.join(dict.fromkeys(unread))} were not read)"
            decider = ", ".join(self.interface.group_ids) or "no security group"
            considered = tuple(self._rules[direction])
            hop = Hop("group", "reject", self.id, decider, text, direction, None, considered)
            self._refusals[direction] = hop
        return hop

    def is_open(self, direction: Direction, protocol: int, ipv6: bool) -> bool:
        """Whether a rule allows every port of a protocol with everyone, so that nothing needs tracking."""
        is_open = self._open.get((direction, protocol, ipv6))
        if is_open is None:
            is_open = any(
                everyone and first >= 1 << 128 if ipv6 else everyone and first == 0
                for first, _, low, high, _, _, everyone in self.group_tests(direction, protocol)
                if low <= 0 and high >= 65535
            )
            self._open[direction, protocol, ipv6] = is_open
        return is_open


def _specific_first(test: GroupTest) -> int:
    return test[1] - test[0]


def _group_name(group: SecurityGroup | None, group_id: str) -> str:
    return f"{group_id} ({group.name})" if group and group.name else group_id


class AclView:
    """One subnet's network ACL: the entries of each direction and protocol, in order."""

    def __init__(self, subnet_id: str, acl: NetworkAcl | None) -> None:
        self._subnet_id = subnet_id
        self._acl = acl
        self._tests: dict[tuple[Direction, int], tuple[AclTest, ...]] = {}

    def decide(self, direction: Direction, protocol: int, remote: int, chosen: int) -> tuple[bool, Hop]:
        """The first entry that matches. The final ``*`` matches everything, so there always is one."""
        for first, last, low, high, allow, hop in self._tests_of(direction, protocol):
            if first <= remote <= last and low <= chosen <= high:
                return allow, hop
        raise AssertionError("a network ACL without its final entry")

    def possible(self, direction: Direction, protocol: int, remote: int) -> list[tuple[bool, Hop]]:
        """The entries that could decide about ICMP of unknown type, up to the one for every type."""
        entries: list[tuple[bool, Hop]] = []
        for first, last, low, high, allow, hop in self._tests_of(direction, protocol):
            if first <= remote <= last:
                entries.append((allow, hop))
                if (low, high) == (-1, 65535):
                    break
        return entries

    def _tests_of(self, direction: Direction, protocol: int) -> tuple[AclTest, ...]:
        tests = self._tests.get((direction, protocol))
        if tests is None:
            tests = self._tests[direction, protocol] = tuple(self._make_tests(direction, protocol))
        return tests

    def _make_tests(self, direction: Direction, protocol: int) -> list[AclTest]:
        if self._acl is None:
            text = "no network ACL was read for this subnet; AWS's default one, which allows all, is assumed"
            return [(0, 1 << 129, -1, 65535, True, Hop("acl", "accept", self._subnet_id, "?", text, direction))]
        tests: list[AclTest] = []
        for entry in self._acl.entries:
            if entry.egress != (direction == "egress") or entry.protocol not in (None, protocol):
                continue
            low, high = _bounds(protocol, entry)
            first, last = (entry.cidr.first, entry.cidr.last) if entry.cidr else (0, 1 << 129)
            text = f"network ACL {self._acl.id}: {entry}"
            verdict: Verdict = "accept" if entry.allow else "reject"
            hop = Hop("acl", verdict, self._subnet_id, self._acl.id, text, direction, entry)
            tests.append((first, last, low, high, entry.allow, hop))
        return tests


def acl_allows(acl: NetworkAcl, protocol: int, address: str, chosen: int, *, egress: bool) -> bool:
    """Whether a network ACL by itself lets a packet from or to ``address`` pass.

    ``chosen`` is the destination port, or what ``selector`` makes of an ICMP type.
    """
    return AclView("", acl).decide("egress" if egress else "ingress", protocol, parse_address(address), chosen)[0]


@dataclass(slots=True)
class RouteView:
    """One subnet's routes, longest prefix first."""

    table_id: str
    tests: tuple[tuple[int, int, Route], ...]
    hops: dict[tuple[str, str], Hop] = field(default_factory=dict)

    def look_up(self, address: int) -> Route | None:
        """The route of an address."""
        for first, last, route in self.tests:
            if first <= address <= last:
                return route
        return None


class View:
    """Everything of a topology that tracing looks up, made once per topology."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.groups = {group.id: group for group in topology.groups}
        self.peerings: dict[str, Peering] = {peering.id: peering for peering in topology.peerings}
        self.gateways = {gateway.id: gateway.vpc_id for gateway in topology.gateways}
        self.vpc_cidrs = {vpc.id: vpc.cidrs for vpc in topology.vpcs}
        self.subnet_cidrs = {subnet.id: subnet.cidrs for subnet in topology.subnets}
        self.ports = {interface.id: Port(interface, self) for interface in topology.interfaces}
        self.by_ipv6: dict[int, Port] = {}
        self.by_public: dict[int, tuple[Port, int]] = {}
        self.by_vpc: dict[str, dict[int, Port]] = {}
        for port in sorted(self.ports.values(), key=lambda port: port.up):  # one that is up wins over a left-over
            local = self.by_vpc.setdefault(port.vpc_id, {})
            for address in port.addresses:
                local[address] = port
                if is_ipv6(address):
                    self.by_ipv6[address] = port
            self.by_public.update({outside: (port, inside) for inside, outside in port.public.items()})
        self.resolvers: dict[str, int] = {vpc.id: vpc.cidrs[0].first + 2 for vpc in topology.vpcs if vpc.cidrs}
        self.routers: dict[str, set[int]] = {}
        for subnet in topology.subnets:
            self.routers.setdefault(subnet.vpc_id, set()).update(cidr.first + 1 for cidr in subnet.cidrs)
        self.services = frozenset(self.resolvers.values()).union(*self.routers.values())
        self._acls: dict[str, AclView] = {}
        self._routes: dict[str, RouteView] = {}
        self._visible: dict[str, dict[int, frozenset[str]]] = {}
        self.plans: dict[object, object] = {}
        self.ways: dict[object, object] = {}
        self.replies: dict[object, tuple[Hop, Hop]] = {}

    def acl(self, subnet_id: str) -> AclView:
        """The ACL of a subnet."""
        view = self._acls.get(subnet_id)
        if view is None:
            acl = self.topology.acl_of(subnet_id) if subnet_id in self.subnet_cidrs else None
            view = self._acls[subnet_id] = AclView(subnet_id, acl)
        return view

    def routes(self, port: Port) -> RouteView:
        """The routes of an interface's subnet; the local ones are there whether listed or not."""
        view = self._routes.get(port.subnet_id)
        if view is None:
            view = self._routes[port.subnet_id] = self._make_routes(port)
        return view

    def _make_routes(self, port: Port) -> RouteView:
        table = self.topology.route_table_of(port.subnet_id) if port.subnet_id in self.subnet_cidrs else None
        table_id = table.id if table else "no route table"
        listed = list(table.routes) if table else []
        local = [Route(table_id, c.text, (c,), "local", "local") for c in self.vpc_cidrs.get(port.vpc_id, ())]
        pairs: list[tuple[Cidr, Route]] = [(cidr, route) for route in local + listed for cidr in route.cidrs]
        pairs.sort(key=lambda pair: -pair[0].length)  # stable: a local route wins over its own double
        return RouteView(table_id, tuple((cidr.first, cidr.last, route) for cidr, route in pairs))

    def visible_groups(self, vpc_id: str) -> dict[int, frozenset[str]]:
        """The groups behind each private address that a rule in this VPC may refer to: those of its own interfaces, and
        of a VPC peered with it in the same Region while that peering is active.
        """
        groups = self._visible.get(vpc_id)
        if groups is None:
            vpcs = [vpc_id]
            for peering in self.peerings.values():
                other = peering.other(vpc_id)
                if other and peering.active and peering.within_region:
                    vpcs.append(other)
            groups = self._visible[vpc_id] = {}
            for vpc in vpcs:  # two peers may hold the same address: their groups stand for their addresses
                for address, port in self.by_vpc.get(vpc, {}).items():
                    groups[address] = groups.get(address, frozenset()) | port.group_ids
        return groups


def view_of(topology: Topology) -> View:
    """The topology worked out for tracing: made at first use and kept with it, but not pickled with it."""
    view: View | None = topology.__dict__.get("view")
    if view is None:
        view = topology.__dict__["view"] = View(topology)
    return view
