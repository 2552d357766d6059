"""Pictures, each with its text: a network from its describe calls, and any figure with words for every reader.

    show(network_figure(lab.topology(), names=names, vpcs=[vpc_a, vpc_b]))
    show(packet_path_figure(lab.topology(), packet, names))
    show(conversation_figure(lab.topology(), both_ends(lab, since, "client-a", "db-b")))
    show(timeline_figure(events, lab.now(), packets=[pinged_at], names=names))
    show(traffic_figure(lab.topology(), records(lab, since)))
    show(story_figure({"login": "01:20", "silence": None}, since, until))
    show(matplotlib_figure, alt="Rejected packets per minute: a peak of 40 at 09:12.")

>>> from helpers.network import Topology
>>> figure = network_figure(Topology.from_describe(None, Vpcs=[{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}]))
>>> figure.alt
'VPC vpc-1 10.1.0.0/16: no public subnets, no private subnets, no network interfaces.'
>>> figure.media_type, figure.image.startswith(b"<svg")
('image/svg+xml', True)
"""

from helpers.figures.alarm_figure import alarm_figure
from helpers.figures.cloudwatch_figure import cloudwatch_figure
from helpers.figures.conversation_figure import conversation_figure
from helpers.figures.cost_figure import cost_figure
from helpers.figures.dashboard_figure import dashboard
from helpers.figures.figure import Figure, show
from helpers.figures.network_figure import network_figure
from helpers.figures.packet_path_figure import packet_path_figure
from helpers.figures.ports_figure import ports_figure
from helpers.figures.record_figure import record_figure
from helpers.figures.role_figure import role_figure
from helpers.figures.story_figure import story_figure
from helpers.figures.timeline_figure import timeline_figure
from helpers.figures.traffic_figure import traffic_figure
from helpers.figures.volume_figure import volume_figure
from helpers.figures.windows_figure import windows_figure

__all__ = [
    "Figure",
    "alarm_figure",
    "cloudwatch_figure",
    "conversation_figure",
    "cost_figure",
    "dashboard",
    "network_figure",
    "packet_path_figure",
    "ports_figure",
    "record_figure",
    "role_figure",
    "show",
    "story_figure",
    "timeline_figure",
    "traffic_figure",
    "volume_figure",
    "windows_figure",
]
