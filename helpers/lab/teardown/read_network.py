"""What EC2 has of a lab, and what stands around it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any

from helpers.lab import resources
from helpers.lab.looks import Looks
from helpers.lab.resources import is_tagged, tag_values
from helpers.lab.session import Session

Item = Mapping[str, Any]
# A peering in one of these states cannot be deleted and vanishes by itself (VPC Peering Guide, "lifecycle").
ENDED_PEERINGS = ("deleted", "rejected", "failed", "expired")

PROTECTIONS = {"termination": "DisableApiTermination", "stop": "DisableApiStop"}
"""What an instance can be protected against, and the attribute that does it (EC2 User Guide: both keep it alive)."""

# How the ids of resources.KINDS begin. The tags of deleted things show for a while, so each kind is asked itself.
KNOWN_IDS = ("vpc-", "subnet-", "igw-", "rtb-", "pcx-", "sg-", "acl-", "eni-", "i-", "fl-", "eipalloc-")


@dataclass(frozen=True)
class NetworkInventory:
    """``own``: the lab's EC2 resources, by kind. ``near``: those of others that can depend on them, by kind.

    What AWS made for a VPC of the lab by itself (default group, default ACL, main route table) is in neither: it is
    in ``made``, because it goes with its VPC. ``protections``: by instance, what it is protected against.
    """

    own: Mapping[str, tuple[Item, ...]]
    near: Mapping[str, tuple[Item, ...]]
    made: Mapping[str, tuple[Item, ...]]
    unknown: tuple[tuple[str, str], ...] = ()
    labs: frozenset[str] = frozenset()
    protections: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def ids(self, kind: str) -> frozenset[str]:
        return frozenset(item[resources.KINDS[kind].key] for item in self.own.get(kind, ()))

    def items(self, kind: str) -> tuple[Item, ...]:
        return self.own.get(kind, ())


def read(lab: Session, looks: Looks) -> NetworkInventory:
    """Ask EC2, with describe calls only."""
    reader = _NetworkReader(lab, looks)
    own = {kind: reader.own(kind) for kind in resources.KINDS}
    own_vpcs = {vpc["VpcId"] for vpc in own["vpc"]}
    near, made = {}, {}
    for kind, items in reader.around(own).items():
        key = resources.KINDS[kind].key
        ours = {item[key] for item in own[kind]}
        others = [item for item in items if item[key] not in ours]
        made[kind] = tuple(item for item in others if is_default(kind, item) and item.get("VpcId") in own_vpcs)
        near[kind] = tuple(item for item in others if item not in made[kind])
    return NetworkInventory(own, near, made, reader.unknown(), reader.labs(), reader.protections(own["instance"]))


def is_default(kind: str, item: Item) -> bool:
    """Whether AWS made this one by itself; such a thing cannot be deleted on its own."""
    if kind == "vpc":
        return bool(item.get("IsDefault"))
    if kind == "subnet":
        return bool(item.get("DefaultForAz"))
    if kind == "security-group":
        return bool(item["GroupName"] == "default")
    if kind == "network-acl":
        return bool(item["IsDefault"])
    if kind == "route-table":
        return any(association.get("Main") for association in item.get("Associations", []))
    return False


def is_over(kind: str, item: Item) -> bool:
    """Whether it only still shows in describe calls."""
    if kind == "instance":
        return bool(item["State"]["Name"] == "terminated")
    if kind == "vpc-peering-connection":
        return item["Status"]["Code"] in ENDED_PEERINGS
    return False


class _NetworkReader:
    def __init__(self, lab: Session, looks: Looks) -> None:
        self._prefix = lab.prefix
        self._ec2 = lab.client("ec2")
        self._looks = looks

    def own(self, kind: str) -> tuple[Item, ...]:
        found = self._described(kind, resources.tag_filters(self._prefix))
        return tuple(
            item
            for item in found
            if is_tagged(tag_values(item), self._prefix) and not is_default(kind, item) and not is_over(kind, item)
        )

    def around(self, own: Mapping[str, Iterable[Item]]) -> dict[str, list[Item]]:
        """Everything in the VPCs that the lab's things are in, and what may point at them from elsewhere."""
        vpcs = sorted(_vpcs(own))
        if not vpcs:
            inside: dict[str, list[Item]] = {}
        else:
            there = [{"Name": "vpc-id", "Values": vpcs}]
            attached = [{"Name": "attachment.vpc-id", "Values": vpcs}]
            kinds = ("subnet", "network-acl", "network-interface")
            inside = {kind: self._described(kind, there) for kind in kinds}
            inside["internet-gateway"] = self._described("internet-gateway", attached)
            for kind in ("security-group", "route-table", "vpc-peering-connection"):
                inside[kind] = [item for item in self._described(kind) if not is_over(kind, item)]
        inside["instance"] = [item for item in self._described("instance") if not is_over("instance", item)]
        inside["vpc-flow-log"] = self._described("vpc-flow-log")
        return inside

    def unknown(self) -> tuple[tuple[str, str], ...]:
        """``(kind, id)`` of resources with the lab's tags whose kind the teardown does not know."""
        ours = {(kind, id_) for kind, id_, value in self._lab_tags if value == self._prefix}
        strange = {(kind, id_) for kind, id_ in ours if not id_.startswith(KNOWN_IDS)}
        if not strange:
            return ()
        projects = self._looks.at("tag", self._tags, "Project", resources.PROJECT)
        return tuple(sorted(strange & {(kind, id_) for kind, id_, _ in projects}))

    def labs(self) -> frozenset[str]:
        """The prefixes of all labs that have something in EC2 here."""
        return frozenset(value for _, _, value in self._lab_tags)

    @cached_property
    def _lab_tags(self) -> list[tuple[str, str, str]]:
        return self._looks.at("tag", self._tags, "Lab")

    def _tags(self, key: str, *values: str) -> list[tuple[str, str, str]]:
        """``(kind, id, value)`` of each resource that has the tag ``key``."""
        filters = [{"Name": "key", "Values": [key]}] + ([{"Name": "value", "Values": [*values]}] if values else [])
        tags = resources.paged(self._ec2, "describe_tags", "Tags", Filters=filters)
        return [(tag["ResourceType"], tag["ResourceId"], tag["Value"]) for tag in tags]

    def protections(self, instances: Iterable[Item]) -> dict[str, tuple[str, ...]]:
        """``{instance id: ("termination", "stop")}``: either one has TerminateInstances refused."""
        # One that is shutting down has nothing to protect any more, and may refuse to show its attributes.
        ids = [str(instance["InstanceId"]) for instance in instances if instance["State"]["Name"] != "shutting-down"]
        found = {id_: tuple(self._looks.at("instance protection", self._protected, id_)) for id_ in ids}
        return {id_: against for id_, against in found.items() if against}

    def _protected(self, instance: str) -> Iterator[str]:
        for against, attribute in PROTECTIONS.items():
            asked = attribute[0].lower() + attribute[1:]
            shown = self._ec2.describe_instance_attribute(InstanceId=instance, Attribute=asked)
            if shown.get(attribute, {}).get("Value"):
                yield against

    def _described(self, kind: str, filters: Iterable[resources.Filter] = ()) -> list[Item]:
        """All of a kind, over all pages, those that are ending included: they have to be waited for."""
        described = partial(resources.described, ended=True)
        return list(self._looks.at(kind, described, self._ec2, kind, list(filters)))


def _vpcs(own: Mapping[str, Iterable[Item]]) -> set[str]:
    found = {item["VpcId"] for items in own.values() for item in items if item.get("VpcId")}
    for gateway in own["internet-gateway"]:
        found |= {attachment["VpcId"] for attachment in gateway.get("Attachments", [])}
    for peering in own["vpc-peering-connection"]:
        found |= peered_vpcs(peering)
    return found


def peered_vpcs(peering: Item) -> set[str]:
    sides = (peering.get("RequesterVpcInfo", {}), peering.get("AccepterVpcInfo", {}))
    return {side["VpcId"] for side in sides if side.get("VpcId")}


def references(group: Item) -> set[str]:
    """The ids of the security groups that a group's rules name."""
    rules = [*group.get("IpPermissions", []), *group.get("IpPermissionsEgress", [])]
    return {pair["GroupId"] for rule in rules for pair in rule.get("UserIdGroupPairs", []) if pair.get("GroupId")}


def routes_through(table: Item, target: str) -> list[Item]:
    """A table's routes to a peering connection or a gateway."""
    return [
        route
        for route in table.get("Routes", [])
        if target in (route.get("VpcPeeringConnectionId"), route.get("GatewayId"))
    ]


def log_group_of(flow_log: Item) -> str | None:
    """The name of the log group that a flow log writes to, if it writes to CloudWatch Logs."""
    if flow_log.get("LogGroupName"):
        return str(flow_log["LogGroupName"])
    _, marker, rest = str(flow_log.get("LogDestination", "")).partition(":log-group:")
    return rest.partition(":")[0] if marker else None
