"""Whether the lab also lives in other Regions: IAM is one for all of them, so what it holds may be in use there."""

from collections.abc import Iterator
from dataclasses import dataclass

from helpers.lab import resources
from helpers.lab.looks import Looks
from helpers.lab.session import Session


@dataclass(frozen=True)
class OtherRegions:
    """``in_use``: where something of the lab lives. ``unseen``: ``(Region, reason)`` of those that do not answer."""

    in_use: tuple[str, ...] = ()
    unseen: tuple[tuple[str, str], ...] = ()


def read(lab: Session) -> OtherRegions:
    """Ask each enabled Region for the lab's tags; where they show, look whether anything lives."""
    looks = Looks()
    enabled = looks.at("all other Regions", _enabled, lab)
    in_use = [name for name in enabled if name != lab.region and looks.at(name, living, lab, name)]
    return OtherRegions(tuple(in_use), tuple(looks.unseen.items()))


def _enabled(lab: Session) -> list[str]:
    # Without AllRegions, DescribeRegions gives those that are enabled for the account.
    return sorted(region["RegionName"] for region in lab.client("ec2").describe_regions()["Regions"])


def living(lab: Session, region: str) -> Iterator[object]:
    """What of the lab lives in EC2 of a Region."""
    ec2 = lab.client("ec2", region=region)
    wanted = [{"Name": "key", "Values": ["Lab"]}, {"Name": "value", "Values": [lab.prefix]}]
    if not resources.paged(ec2, "describe_tags", "Tags", Filters=wanted):
        return
    # The tags of what was deleted show for a while, so each kind is asked itself.
    for kind in resources.KINDS:
        yield from resources.described(ec2, kind, resources.tag_filters(lab.prefix))
