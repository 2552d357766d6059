"""Pictures, each with its text: a network from its describe calls, and any figure shown so that nobody is left out.

    show(network_figure(lab.topology(), names=names, vpcs=[vpc_a, vpc_b]))
    show(matplotlib_figure, alt="Rejected packets per minute: a peak of 40 at 09:12.")

>>> from helpers.network import Topology
>>> figure = network_figure(Topology.from_describe(None, Vpcs=[{"VpcId": "vpc-1", "CidrBlock": "10.1.0.0/16"}]))
>>> figure.alt
'VPC vpc-1 10.1.0.0/16: no public subnets, no private subnets, no network interfaces.'
>>> figure.media_type, figure.image.startswith(b"<svg")
('image/svg+xml', True)
"""

from helpers.figures.figure import Figure, show
from helpers.figures.network import network_figure

__all__ = ["Figure", "network_figure", "show"]
