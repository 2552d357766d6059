"""Is the network fixed, and no wider open than it has to be? Judged by rules, and by packets traced through them."""

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import Any

from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet
from helpers.lessons.faults import faults, last_disturbed, typed_since
from helpers.lessons.the_lab import APP, CLIENT, DB, LAB_WIDE, VPC_A, VPC_B, WEB
from helpers.network import AclEntry, Connections, Packet, Topology, read_acl, read_permission, trace

ONLY_A, LAB = (VPC_A,), (VPC_A, VPC_B)
ICMP, TCP, UDP = 1, 6, 17
EPHEMERAL = (32768, 45000, 60999)  # what Linux takes
_ANSWER_PACKETS = 3  # a refusal is one packet; a page takes a handshake and content


def check_08_1(account: AccountView) -> CheckResult:
    """A ping from client-a to db-b is answered, and nothing but pings may leave in addition."""
    _was_broken(account, "08.1")
    _groups_as_narrow_as_before(account, "sg-private-b")
    added = list(_added(account, egress=True, known=_left_by("08.1")))
    for entry in added:
        _no_wider(entry, protocol=ICMP, networks=ONLY_A)
    return _or_inbound(_judged(account, [_ping(account, client) for client in (CLIENT, APP)]), added)


def check_08_2(account: AccountView) -> CheckResult:
    """client-a gets db-b's page again, by the ACL alone."""
    _was_broken(account, "08.2")
    _groups_as_narrow_as_before(account, "sg-private-b")
    for entry in _added(account, egress=False, known=({"RuleNumber": 100, "Protocol": "-1"},)):
        _no_wider(entry, protocol=TCP, ports=(80, 80), networks=ONLY_A)
    return _judged(account, _pages(account))


def check_08_3(account: AccountView) -> CheckResult:
    """The page's answers find their way to whatever port a client took."""
    _was_broken(account, "08.3")
    _groups_as_narrow_as_before(account, "sg-private-b")
    added = list(_added(account, egress=True, known=_left_by("08.3")))
    for entry in added:
        _no_wider(entry, protocol=TCP, ports=(1024, 65535), networks=ONLY_A)
    return _or_inbound(_judged(account, _pages(account)), added)


def check_08_4(account: AccountView) -> CheckResult:
    """Answers leave db-b's subnet towards VPC A, and nothing else does."""
    _was_broken(account, "08.4")
    _groups_as_narrow_as_before(account, "sg-private-b")
    _acl_as_before(account)
    for route in _routes(account, "rt-private-b"):
        target = route.get("DestinationCidrBlock") or route.get("DestinationIpv6CidrBlock") or "a prefix list"
        if route.get("GatewayId", "").startswith("igw-"):
            return not_yet("internet", destination=target)
        if route.get("GatewayId") != "local" and not _within(target, ONLY_A):
            return not_yet("wide-route", destination=target)
    return _judged(account, [_ping(account, client) for client in (CLIENT, APP)])


def check_08_5(account: AccountView) -> CheckResult:
    """Port 8080 of web-b answers with content: a record shows it. The rules were right, and have stayed so."""
    since = _was_broken(account, "08.5")
    _groups_as_narrow_as_before(account, "sg-public-b", also=8080)
    if not _answered(account.lab.topology(), *_page(account, WEB, 8080, EPHEMERAL[0])):
        return not_yet("closed")
    records = account.records("8080", since=since - 60)  # a window begins before its packets
    answers = records[(records.srcport == 8080) & (records.srcaddr == WEB) & (records.dstaddr == CLIENT)]
    if answers.empty:
        return not_yet("no-record" if typed_since(account.lab, since) else "idle")
    most = int(answers.packets.max())
    return done() if most >= _ANSWER_PACKETS else not_yet("refused", packets=most)


def check_08_6(account: AccountView) -> CheckResult:
    """client-a loads the pages of VPC B, and may send nothing else in addition to what the audit left."""
    _was_broken(account, "08.6")
    _groups_as_narrow_as_before(account, "sg-private-b")
    _acl_as_before(account)
    [asked] = faults()["08.6"].asked("authorize_security_group_egress")
    after_audit = {rule.words for part in asked["IpPermissions"] for rule in read_permission(part, egress=True)}
    for rule in account.rules("sg-public-a"):
        if not rule.egress or rule.words in after_audit:
            continue
        facts = {"rule": rule.id, "target": rule.source, "ports": rule.ports}
        if rule.protocol is None:
            return not_yet("egress-all", **facts)
        if rule.ports != "tcp 80":
            return not_yet("egress-ports", **facts)
        if not _within(rule.source, (VPC_B,)):
            return not_yet("egress-addresses", **facts)
    pages, topology = [_page(account, server, 80, EPHEMERAL[0]) for server in (DB, WEB)], account.lab.topology()
    lost = [request.dst for request, answer in pages if not _answered(topology, request, answer)]
    return not_yet("sometimes", server=lost[0]) if len(lost) == 1 else not_yet("still") if lost else done()


def _was_broken(account: AccountView, exercise: str) -> float:
    """Since when there is something to fix, in epoch seconds; ends the check where there never was."""
    account.resource_id("instance", "client-a")
    moment = last_disturbed(account.lab, exercise)
    if moment is None:
        raise CheckEnded(not_attempted("unbroken"))
    return moment.timestamp()


def _judged(account: AccountView, talks: list[tuple[Packet, Packet]]) -> CheckResult:
    topology = account.lab.topology()
    open_ones = [request for request, answer in talks if not _answered(topology, request, answer)]
    if not open_ones:
        return done()
    lost = open_ones[0]
    if len(open_ones) < len(talks):
        return not_yet("sometimes", client=lost.src, port=lost.src_port)
    return not_yet("still", acl=account.resource_id("network-acl", "acl-private-b"))


def _or_inbound(result: CheckResult, added: Iterable[AclEntry]) -> CheckResult:
    """The result, unless the entry that was added is for the wrong direction."""
    inbound = [entry.number for entry in added if not entry.egress]
    return not_yet("inbound", number=inbound[0]) if inbound and result.key == "still" else result


def _answered(topology: Topology, request: Packet, answer: Packet) -> bool:
    there, memory = trace(topology, request, Connections())
    if there.outcome != "delivered":
        return False
    back, _ = trace(topology, answer, memory)
    return back.outcome == "delivered"


def _ping(account: AccountView, client: str) -> tuple[Packet, Packet]:
    """An echo request to db-b, and its reply."""
    request = account.packet(client, DB, 1, icmp_type=8, icmp_code=0, icmp_id=7)
    return request, account.packet(DB, client, 1, icmp_type=0, icmp_code=0, icmp_id=7)


def _page(
    account: AccountView, server: str, port: int, client_port: int, client: str = CLIENT
) -> tuple[Packet, Packet]:
    """A TCP connection's first packet, and its answer."""
    request = account.packet(client, server, 6, src_port=client_port, dst_port=port, tcp_flags=2)
    return request, account.packet(server, client, 6, src_port=port, dst_port=client_port, tcp_flags=18)


def _pages(account: AccountView) -> list[tuple[Packet, Packet]]:
    """Both machines of VPC A fetch db-b's page, from every kind of port."""
    return [_page(account, DB, 80, port, client) for client in (CLIENT, APP) for port in EPHEMERAL]


def _groups_as_narrow_as_before(account: AccountView, group: str, also: int | None = None) -> None:
    """Ends the check where a rule lets in addresses outside the lab, or more than one port at once."""
    for rule in account.rules(group):
        if rule.egress:
            continue
        facts = {"source": rule.source, "rule": rule.id}
        if rule.cidrs and not _within(rule.source, ONLY_A if rule.from_port == also else LAB):
            raise CheckEnded(not_yet("group-everybody", **facts))
        if rule.protocol is None or (rule.protocol in (TCP, UDP) and rule.from_port != rule.to_port):
            raise CheckEnded(not_yet("group-all-ports", **facts))


def _acl_as_before(account: AccountView) -> None:
    """Ends the check where an entry of acl-private-b is new that allows something."""
    for entry in _added(account, egress=True, known=({"RuleNumber": 100, "Protocol": "-1"},)):
        raise CheckEnded(not_yet("acl", number=entry.number, block=entry.cidr))


def _left_by(exercise: str) -> tuple[Mapping[str, Any], ...]:
    """The entries of acl-private-b that its fault makes."""
    return tuple(faults()[exercise].asked("create_network_acl_entry"))


def _added(account: AccountView, *, egress: bool, known: tuple[Mapping[str, Any], ...]) -> Iterator[AclEntry]:
    """The allowing entries of acl-private-b that were not there when the exercise began, in both directions."""
    for_lab = {"RuleAction": "allow", "CidrBlock": LAB_WIDE}
    began = [{**entry, **for_lab, "Egress": egress} for entry in known]
    began.append({"RuleNumber": 100, "Protocol": "-1", **for_lab, "Egress": not egress})
    before = {str(entry) for entry in read_acl({"NetworkAclId": "", "VpcId": "", "Entries": began}).entries}
    for entry in account.acl("acl-private-b").entries:
        if entry.allow and str(entry) not in before:
            yield entry


def _no_wider(
    entry: AclEntry, *, protocol: int, networks: tuple[str, ...], ports: tuple[int, int] | None = None
) -> None:
    """Ends the check where an entry allows more than this."""
    facts = {"number": entry.number, "block": entry.cidr, "first": entry.from_port, "last": entry.to_port}
    if entry.protocol is None:
        raise CheckEnded(not_yet("acl-all-protocols", **facts))
    if not _within(str(entry.cidr), networks):
        raise CheckEnded(not_yet("acl-addresses", **facts))
    if entry.protocol != protocol:
        raise CheckEnded(not_yet("acl-other", **facts))
    if ports is not None and not (ports[0] <= entry.from_port and entry.to_port <= ports[1]):
        raise CheckEnded(not_yet("acl-ports", **facts))


def _routes(account: AccountView, table: str) -> list[dict[str, Any]]:
    found = account.client("ec2").describe_route_tables(RouteTableIds=[account.resource_id("route-table", table)])
    return list(found["RouteTables"][0]["Routes"])


def _within(block: str, networks: tuple[str, ...]) -> bool:
    """Whether a block lies in one of these networks."""
    try:
        inner = ip_network(block, strict=False)
    except ValueError:
        return False
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in map(ip_network, networks)
    )
