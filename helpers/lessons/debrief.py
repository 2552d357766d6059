"""The picture of a broken lab, for its debrief: the file names the kind, and the figure is one of the course's."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from helpers.lab import Lab
from helpers.lessons.broken_lab import Broken
from helpers.lessons.content import broken_labs
from helpers.lessons.lesson_functions import names_of, packet_between, records
from helpers.network import Topology

if TYPE_CHECKING:
    from helpers.figures import Figure

Picture = Mapping[str, Any]


def picture_of(lab: Lab, found: Broken) -> "Figure":
    """What was broken, drawn from the lab's readings, records and documents."""
    picture = broken_labs()[found.id].fault["picture"]
    return PICTURES[picture["kind"]](lab, found, picture)


def _path(lab: Lab, found: Broken, picture: Picture) -> "Figure":
    """The way of a packet through the network as it was while it was broken."""
    from helpers.figures import packet_path_figure  # takes long to load

    packet = packet_between(lab, picture["source"], picture["target"], picture.get("port", 0))
    return packet_path_figure(Topology.from_describe(**found.after["network"]), packet, names_of(lab))


def _conversation(lab: Lab, found: Broken, picture: Picture) -> "Figure":
    """What two ends recorded since the break."""
    from helpers.figures import conversation_figure

    table = records(lab, found.complaint.since)
    ends = table[table.srcaddr.isin(picture["ends"]) & table.dstaddr.isin(picture["ends"])]
    return conversation_figure(Topology.from_describe(**found.after["network"]), ends)


def _role(lab: Lab, found: Broken, picture: Picture) -> "Figure":
    """The three questions about the delivery role, as it is now."""
    from helpers.figures import role_figure

    who = picture.get("person")
    person = lab.client("iam").get_role(RoleName=lab.name(who))["Role"]["Arn"] if who else None
    return role_figure(lab, lab.name("flow-logs"), f"/{lab.prefix}/vpc-flow-logs", person)


def _groups(lab: Lab, found: Broken, picture: Picture) -> "Figure":
    """The log groups of the lab, with their classes."""
    from helpers.figures import cloudwatch_figure

    pages = lab.client("logs").get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/{lab.prefix}/")
    return cloudwatch_figure(list(pages.search("logGroups[]")))


PICTURES: Mapping[str, Callable[[Lab, Broken, Picture], "Figure"]] = MappingProxyType(
    {"path": _path, "conversation": _conversation, "role": _role, "groups": _groups}
)
