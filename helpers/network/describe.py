"""From the replies of EC2's ``describe_*`` calls to the values of ``helpers.network.model``."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from helpers.network.addresses import AddressError, Cidr, parse_address, parse_cidr
from helpers.network.model import (
    AclEntry,
    GroupRule,
    Instance,
    Interface,
    InternetGateway,
    NetworkAcl,
    Peering,
    PrefixList,
    Route,
    RouteTable,
    SecurityGroup,
    Subnet,
    TargetKind,
    Vpc,
)

Page = Mapping[str, Any]
T = TypeVar("T")
_PROTOCOL_NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58}
_TARGETS = (
    *("GatewayId", "VpcPeeringConnectionId", "NatGatewayId", "TransitGatewayId", "NetworkInterfaceId"),
    *("InstanceId", "EgressOnlyInternetGatewayId", "LocalGatewayId", "CarrierGatewayId", "CoreNetworkArn"),
    *("OdbNetworkArn", "VpcEndpointId"),
)


class TopologyError(ValueError):
    """A description that cannot be read; the message names the place, e.g. ``Subnets[2] (subnet-1)``."""


def read_all(key: str, pages: Sequence[Page], id_key: str, read: Callable[[Page], T]) -> tuple[T, ...]:
    """Read every item of one reply key, naming the item that cannot be read."""
    values: list[T] = []
    for place, item in enumerate(pages):
        try:
            values.append(read(item))
        except KeyError as error:
            raise TopologyError(f"{key}[{place}] ({item.get(id_key, '?')}): {error} is missing") from error
        except (AddressError, TypeError, ValueError, AttributeError) as error:
            name = item.get(id_key, "?") if isinstance(item, Mapping) else "?"
            raise TopologyError(f"{key}[{place}] ({name}): {error}") from error
    return tuple(values)


def read_vpc(item: Page) -> Vpc:
    """Read one of ``Vpcs``."""
    blocks = [item["CidrBlock"]] if item.get("CidrBlock") else []
    blocks += [
        association["CidrBlock"] for association in _associated(item, "CidrBlockAssociationSet", "CidrBlockState")
    ]
    blocks += [
        association["Ipv6CidrBlock"]
        for association in _associated(item, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlockState")
    ]
    return Vpc(item["VpcId"], _cidrs(blocks))


def read_subnet(item: Page) -> Subnet:
    """Read one of ``Subnets``."""
    blocks = [item["CidrBlock"]] if item.get("CidrBlock") else []
    blocks += [
        association["Ipv6CidrBlock"]
        for association in _associated(item, "Ipv6CidrBlockAssociationSet", "Ipv6CidrBlockState")
    ]
    return Subnet(
        item["SubnetId"],
        item["VpcId"],
        _cidrs(blocks),
        item.get("AvailabilityZone"),
        item.get("AvailabilityZoneId"),
        item.get("OwnerId"),
    )


def read_prefix_list(item: Page) -> PrefixList:
    """Read one of ``ManagedPrefixLists``; its entries come from ``Entries``, if the caller put them there."""
    entries = item.get("Entries")
    blocks = None if entries is None else _cidrs([entry["Cidr"] for entry in entries])
    return PrefixList(item["PrefixListId"], item.get("PrefixListName", ""), blocks)


def read_route_table(item: Page, lists: Mapping[str, PrefixList]) -> RouteTable:
    """Read one of ``RouteTables``."""
    table = item["RouteTableId"]
    associations = [
        association
        for association in item.get("Associations", ())
        if _state(association) in (None, "associated", "associating")
    ]
    return RouteTable(
        table,
        item["VpcId"],
        any(association.get("Main") for association in associations),
        tuple(association["SubnetId"] for association in associations if association.get("SubnetId")),
        tuple(_route(table, route, lists) for route in item.get("Routes", ())),
    )


def _route(table: str, item: Page, lists: Mapping[str, PrefixList]) -> Route:
    target = next((str(item[key]) for key in _TARGETS if item.get(key)), "nothing")
    if listed := item.get("DestinationPrefixListId"):
        entry = lists.get(listed)
        destination, cidrs = listed, (entry.cidrs or ()) if entry else ()
    else:
        destination = item.get("DestinationCidrBlock") or item.get("DestinationIpv6CidrBlock")
        if not destination:
            raise ValueError("a route has no destination")
        cidrs = (parse_cidr(destination),)
        destination = cidrs[0].text
    return Route(table, destination, cidrs, target, _target_kind(target), item.get("State", "active"))


def _target_kind(target: str) -> TargetKind:
    if target == "local":
        return "local"
    if target.startswith("igw-"):
        return "internet gateway"
    return "peering" if target.startswith("pcx-") else "other"


def read_gateway(item: Page) -> InternetGateway:
    """Read one of ``InternetGateways``."""
    attached = [
        attachment["VpcId"]
        for attachment in item.get("Attachments", ())
        if attachment.get("State") in (None, "available", "attached")
    ]
    return InternetGateway(item["InternetGatewayId"], attached[0] if attached else None)


def read_peering(item: Page) -> Peering:
    """Read one of ``VpcPeeringConnections``."""
    requester, accepter = item["RequesterVpcInfo"], item["AccepterVpcInfo"]
    return Peering(
        item["VpcPeeringConnectionId"],
        requester["VpcId"],
        accepter["VpcId"],
        item["Status"]["Code"],
        requester.get("Region"),
        accepter.get("Region") or requester.get("Region"),
    )


def read_group(item: Page, lists: Mapping[str, PrefixList], rule_ids: Mapping[tuple[Any, ...], str]) -> SecurityGroup:
    """Read one of ``SecurityGroups``; ``rule_ids`` as from ``index_rule_ids``."""
    group, name = item["GroupId"], item.get("GroupName", "")

    def rules(key: str, egress: bool) -> tuple[GroupRule, ...]:
        return tuple(
            rule
            for permission in item.get(key, ())
            for rule in read_permission(permission, egress, group, name, lists, rule_ids)
        )

    return SecurityGroup(
        group, name, item.get("VpcId", ""), rules("IpPermissions", False), rules("IpPermissionsEgress", True)
    )


def read_permission(
    item: Page,
    egress: bool,
    group: str = "",
    name: str = "",
    lists: Mapping[str, PrefixList] = MappingProxyType({}),
    rule_ids: Mapping[tuple[Any, ...], str] = MappingProxyType({}),
) -> Iterator[GroupRule]:
    """Read one of ``IpPermissions``, of a group or of a call: a rule for each source that it names."""
    protocol = read_protocol(item["IpProtocol"])
    first, last = _ports(protocol, item.get("FromPort"), item.get("ToPort"))

    def rule(source: str, cidrs: tuple[Cidr, ...], peer_group: str | None, description: str | None) -> GroupRule:
        rule_id = rule_ids.get((group, egress, protocol, first, last, source))
        return GroupRule(
            group, name, egress, protocol, first, last, source, cidrs, peer_group, description or "", rule_id
        )

    for block in (*item.get("IpRanges", ()), *item.get("Ipv6Ranges", ())):
        cidr = parse_cidr(block.get("CidrIp") or block.get("CidrIpv6"))
        yield rule(cidr.text, (cidr,), None, block.get("Description"))
    for listed in item.get("PrefixListIds", ()):
        entry = lists.get(listed["PrefixListId"])
        cidrs = (entry.cidrs or ()) if entry else ()
        yield rule(listed["PrefixListId"], cidrs, None, listed.get("Description"))
    for pair in item.get("UserIdGroupPairs", ()):
        yield rule(pair["GroupId"], (), pair["GroupId"], pair.get("Description"))


def index_rule_ids(rules: Sequence[Page]) -> dict[tuple[Any, ...], str]:
    """Index ``SecurityGroupRules`` by what they say, because a group's permissions do not carry rule ids."""
    return {
        (rule.group_id, rule.egress, rule.protocol, rule.from_port, rule.to_port, rule.source): str(rule.id)
        for rule in map(read_rule, rules)
    }


def read_rule(item: Page) -> GroupRule:
    """Read one of ``SecurityGroupRules``, which do not carry the name of their group."""
    protocol = read_protocol(item["IpProtocol"])
    first, last = _ports(protocol, item.get("FromPort"), item.get("ToPort"))
    block, peer = item.get("CidrIpv4") or item.get("CidrIpv6"), (item.get("ReferencedGroupInfo") or {}).get("GroupId")
    cidrs = (parse_cidr(block),) if block else ()
    source = cidrs[0].text if cidrs else item.get("PrefixListId") or peer or ""
    why, rule_id = item.get("Description", ""), item["SecurityGroupRuleId"]
    return GroupRule(item["GroupId"], "", item["IsEgress"], protocol, first, last, source, cidrs, peer, why, rule_id)


def read_acl(item: Page) -> NetworkAcl:
    """Read one of ``NetworkAcls``; the final deny of each direction is there whether listed or not."""
    acl = item["NetworkAclId"]
    entries = [_acl_entry(acl, entry) for entry in item.get("Entries", ()) if entry["RuleNumber"] < 32767]
    entries += [AclEntry(acl, 32767, egress, False, None, None, -1, -1) for egress in (False, True)]
    return NetworkAcl(
        acl,
        item["VpcId"],
        bool(item.get("IsDefault")),
        tuple(association["SubnetId"] for association in item.get("Associations", ())),
        tuple(sorted(entries, key=lambda entry: entry.number)),
    )


def _acl_entry(acl: str, item: Page) -> AclEntry:
    protocol = read_protocol(item["Protocol"])
    block = item.get("CidrBlock") or item.get("Ipv6CidrBlock")
    if not block:
        raise ValueError(f"entry {item['RuleNumber']} has no CIDR block")
    action = str(item["RuleAction"]).lower()
    if action not in ("allow", "deny"):
        raise ValueError(f"entry {item['RuleNumber']}: RuleAction is {item['RuleAction']!r}, not allow or deny")
    if protocol in (1, 58):
        icmp = item.get("IcmpTypeCode") or {}
        first, last = _ports(protocol, icmp.get("Type"), icmp.get("Code"))
    else:
        ports = item.get("PortRange") or {}
        first, last = _ports(protocol, ports.get("From"), ports.get("To"))
    return AclEntry(
        acl,
        int(item["RuleNumber"]),
        bool(item["Egress"]),
        action == "allow",
        protocol,
        parse_cidr(block),
        first,
        last,
    )


def read_instance(item: Page) -> Instance:
    """Read one of ``Instances``."""
    state = item.get("State") or {}
    return Instance(item["InstanceId"], state.get("Name", "running"), item.get("InstanceType"))


def read_interface(item: Page, public: Mapping[str, Mapping[str, str]]) -> Interface:
    """Read one of ``NetworkInterfaces``; ``public`` as from ``index_public_addresses``."""
    listed = item.get("PrivateIpAddresses") or ()
    primary = item.get("PrivateIpAddress") or next(
        (assigned["PrivateIpAddress"] for assigned in listed if assigned.get("Primary")), None
    )
    private = ([primary] if primary else []) + [assigned["PrivateIpAddress"] for assigned in listed]
    ipv6 = [assigned["Ipv6Address"] for assigned in item.get("Ipv6Addresses", ())]
    for address in (*private, *ipv6):
        parse_address(address)
    if not private and not ipv6:
        raise ValueError("the interface has no address")
    attachment = item.get("Attachment") or {}
    return Interface(
        id=item["NetworkInterfaceId"],
        vpc_id=item["VpcId"],
        subnet_id=item["SubnetId"],
        private=tuple(dict.fromkeys(private)),
        public=tuple(_public(item, primary, public).items()),
        ipv6=tuple(ipv6),
        group_ids=tuple(group["GroupId"] for group in item.get("Groups", ())),
        instance_id=attachment.get("InstanceId"),
        account_id=item.get("OwnerId"),
        type=item.get("InterfaceType", "interface"),
        attached=bool(attachment) or item.get("Status") != "available",
    )


def _public(item: Page, primary: str | None, known: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    public = dict(known.get(item["NetworkInterfaceId"], {}))
    for assigned in (*item.get("PrivateIpAddresses", ()), item):
        address = (assigned.get("Association") or {}).get("PublicIp")
        if address and (inside := assigned.get("PrivateIpAddress") or primary):
            public[inside] = address
    for address in public.values():
        parse_address(address)
    return public


def index_public_addresses(instances: Sequence[Page]) -> dict[str, dict[str, str]]:
    """Public addresses that only ``Instances`` tell, by interface and private address."""
    public: dict[str, dict[str, str]] = {}
    for instance in instances:
        for interface in instance.get("NetworkInterfaces", ()):
            pairs = public.setdefault(interface["NetworkInterfaceId"], {})
            for assigned in (*interface.get("PrivateIpAddresses", ()), interface):
                address = (assigned.get("Association") or {}).get("PublicIp")
                if address and assigned.get("PrivateIpAddress"):
                    pairs[assigned["PrivateIpAddress"]] = address
            inside, outside = instance.get("PrivateIpAddress"), instance.get("PublicIpAddress")
            if inside and outside and inside == interface.get("PrivateIpAddress"):
                pairs.setdefault(inside, outside)
    return public


def read_protocol(value: object) -> int | None:
    """Return an IANA protocol number, None for all (``-1``). Raises ValueError for anything else."""
    text = str(value).lower()
    if text in ("-1", "all"):
        return None
    if text in _PROTOCOL_NUMBERS:
        return _PROTOCOL_NUMBERS[text]
    if text.isascii() and text.isdigit() and int(text) <= 255:
        return int(text)
    raise ValueError(f"protocol {value!r} is neither a number from 0 to 255 nor a known name")


def _ports(protocol: int | None, first: object, last: object) -> tuple[int, int]:
    """Bounds as the model keeps them: -1 for all, which AWS writes in several ways."""
    if protocol is None:
        return -1, -1
    low = -1 if first is None else int(str(first))
    high = -1 if last is None else int(str(last))
    if protocol in (6, 17):
        return (0, 65535) if low == -1 else (low, low if last is None else high)
    return (low, high) if protocol in (1, 58) else (-1, -1)


def _associated(item: Page, key: str, state_key: str) -> list[Page]:
    """The associations of a block set that are in force."""
    return [
        association
        for association in item.get(key, ())
        if (association.get(state_key) or {}).get("State") in (None, "associated")
    ]


def _state(association: Page) -> str | None:
    state: str | None = (association.get("AssociationState") or {}).get("State")
    return state


def _cidrs(blocks: Sequence[str]) -> tuple[Cidr, ...]:
    return tuple(dict.fromkeys(parse_cidr(block) for block in blocks))
