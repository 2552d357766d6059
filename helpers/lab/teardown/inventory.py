"""Everything of a lab, read in one go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from helpers.lab import resources
from helpers.lab.looks import Looks, plural
from helpers.lab.resources import is_tagged, tag_values
from helpers.lab.session import Session
from helpers.lab.teardown import log_groups, other_regions, read_iam, read_monitoring, read_network
from helpers.lab.teardown.other_regions import OtherRegions
from helpers.lab.teardown.read_iam import IamInventory
from helpers.lab.teardown.read_monitoring import MonitoringItem
from helpers.lab.teardown.read_network import NetworkInventory

IAM_KINDS = ("instance-profile", "role", "policy")


@dataclass(frozen=True)
class Inventory:
    """What belongs to a lab, by tag, and what can depend on it.

    ``returned``: log groups without any tag that are named after the lab *and* that a flow log, a role or a policy of
    the lab names: delivery made them again after somebody deleted them. ``unclaimed``: the other groups without tags
    that are named after the lab. ``expected``: the names of the log groups that may come back.
    ``protections``: by the keys of :meth:`everything`, what a resource is protected against. ``unseen``: by kind, why
    it could not be looked at.
    """

    prefix: str
    network: NetworkInventory
    identity: IamInventory
    monitoring: tuple[MonitoringItem, ...]
    buckets: tuple[str, ...]
    groups: tuple[str, ...]
    returned: tuple[str, ...]
    unclaimed: tuple[str, ...]
    expected: tuple[str, ...]
    protections: Mapping[str, tuple[str, ...]]
    regions: OtherRegions
    unseen: Mapping[str, str]

    def everything(self) -> Iterator[tuple[str, str, str, str]]:
        """``(kind, id, name, key)`` of each resource of the lab."""
        for kind in resources.KINDS:
            for item in self.network.items(kind):
                id_ = str(item[resources.KINDS[kind].key])
                yield kind, id_, tag_values(item).get("Name", ""), id_
        for name in (*self.groups, *self.returned):
            yield "log-group", name, name, key("log-group", name)
        for name in self.buckets:
            yield "bucket", name, name, key("bucket", name)
        for kind, id_, name in self.monitoring:
            yield kind, id_, name, key(kind, id_)
        for kind, things in zip(IAM_KINDS, self._identities(), strict=True):
            for name in sorted(thing.name for thing in things):
                yield kind, name, name, key(kind, name)

    def _identities(self) -> tuple[tuple[read_iam.Identity, ...], ...]:
        return self.identity.profiles, self.identity.roles, self.identity.policies

    @property
    def unseen_words(self) -> tuple[str, ...]:
        """``("roles (AccessDenied)",)``."""
        return tuple(f"{plural(kind)} ({reason})" for kind, reason in self.unseen.items())


def key(kind: str, name: str) -> str:
    """The key of something whose name is its id: a role and a policy may have the same one."""
    return f"{kind}:{name}"


def take(lab: Session) -> Inventory:
    """Look at everything that AWS shows; nothing but describe and list calls."""
    looks = Looks()
    ec2, iam = read_network.read(lab, looks), read_iam.read(lab, looks)
    all_groups = looks.at("log-group", log_groups.all_groups, lab)
    listed = "log-group" not in looks.unseen
    tagged = [pair for group in all_groups for pair in looks.at("log-group", _tagged, lab, group)]
    labs = ec2.labs | iam.labs | {tags["Lab"] for _, tags in tagged if "Lab" in tags}
    groups = tuple(sorted(name for name, tags in tagged if is_tagged(tags, lab.prefix)))
    bare = [name for name, tags in tagged if not tags and log_groups.is_named_after(name, lab.prefix, labs)]
    named = _named_by_the_lab(ec2, iam)
    expected = {name for name in named if log_groups.is_named_after(name, lab.prefix, labs)} | set(groups)
    not_to_expect = {group["logGroupName"] for group in all_groups} - {
        name for name, tags in tagged if not tags or is_tagged(tags, lab.prefix)
    }
    protected = {group["logGroupName"] for group in all_groups if group.get("deletionProtectionEnabled")}
    return Inventory(
        prefix=lab.prefix,
        network=ec2,
        identity=iam,
        monitoring=read_monitoring.read(lab, looks),
        buckets=tuple(looks.at("bucket", read_monitoring.buckets, lab)),
        groups=groups,
        returned=tuple(sorted(name for name in bare if name in named)),
        unclaimed=tuple(sorted(name for name in bare if name not in named)),
        expected=tuple(sorted(expected - not_to_expect)) if listed else (),
        protections={**ec2.protections, **{key("log-group", name): ("deletion",) for name in protected}},
        regions=other_regions.read(lab),
        unseen=looks.unseen,
    )


def _named_by_the_lab(ec2: NetworkInventory, iam: IamInventory) -> set[str]:
    written = {read_network.log_group_of(flow_log) for flow_log in ec2.items("vpc-flow-log")} - {None}
    documents = [role.groups for role in iam.roles] + [policy.groups for policy in iam.policies]
    return {str(name) for name in written}.union(*documents)


def _tagged(lab: Session, group: log_groups.Group) -> Iterator[tuple[str, dict[str, str]]]:
    """A log group's name and tags; each is asked by itself, because a policy may show some of them only."""
    yield group["logGroupName"], log_groups.tags_of(lab, group)
