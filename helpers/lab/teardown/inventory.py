"""Everything of a lab, read in one go."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from helpers.lab.teardown import identity, loggroups, network
from helpers.lab.teardown.identity import Identity
from helpers.lab.teardown.network import Network, is_tagged

if TYPE_CHECKING:
    from helpers.lab.lab import Lab


@dataclass(frozen=True)
class Inventory:
    """What belongs to a lab, by tag, and what can depend on it.

    ``returned``: log groups without any tag that bear the lab's name *and* that a flow log, a role or a policy of the
    lab names: delivery made them again after somebody deleted them. ``unclaimed``: the other groups without
    tags that bear the lab's name.
    ``expected``: the names of the log groups that may come back.
    """

    prefix: str
    network: Network
    identity: Identity
    groups: tuple[str, ...]
    returned: tuple[str, ...]
    unclaimed: tuple[str, ...]
    expected: tuple[str, ...]


def take(lab: "Lab") -> Inventory:
    """Look at everything; nothing but describe and list calls."""
    ec2, iam = network.read(lab), identity.read(lab)
    tagged = [(group["logGroupName"], tags) for group, tags in loggroups.all_groups(lab)]
    labs = ec2.labs | iam.labs | {tags["Lab"] for _, tags in tagged if "Lab" in tags}
    groups = tuple(sorted(name for name, tags in tagged if is_tagged(tags, lab.prefix)))
    bare = [name for name, tags in tagged if not tags and loggroups.bears_name(name, lab.prefix, labs)]
    named = _named_by_the_lab(ec2, iam)
    expected = {name for name in named if loggroups.bears_name(name, lab.prefix, labs)} | set(groups)
    return Inventory(
        prefix=lab.prefix,
        network=ec2,
        identity=iam,
        groups=groups,
        returned=tuple(sorted(name for name in bare if name in named)),
        unclaimed=tuple(sorted(name for name in bare if name not in named)),
        expected=tuple(sorted(expected - _foreign(tagged, lab.prefix))),
    )


def _named_by_the_lab(ec2: Network, iam: Identity) -> set[str]:
    written = {network.log_group_of(flow_log) for flow_log in ec2.items("vpc-flow-log")} - {None}
    documents = [role.groups for role in iam.roles] + [policy.groups for policy in iam.policies]
    return {str(name) for name in written}.union(*documents)


def _foreign(tagged: list[tuple[str, dict[str, str]]], prefix: str) -> set[str]:
    return {name for name, tags in tagged if tags and not is_tagged(tags, prefix)}
