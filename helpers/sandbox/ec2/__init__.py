"""EC2 where it differs from moto: states that take time, refusals that AWS would give, replies that tell all.

moto keeps the objects; the modules here guard, follow and replace single actions (see :mod:`helpers.sandbox.calls`).

* ``instances``, ``launches``: the life cycle of an instance and what RunInstances refuses
* ``images``: the image, the type and the key pair of a launch
* ``peering``: peering connections and their states
* ``networks``, ``acls``, ``groups``: CIDR blocks, quotas, routes, ACLs, security groups
* ``dependencies``: what cannot be deleted while something uses it
* ``rules``: what a security group's rule may say
* ``tags``: what a tag may say
* ``filters``: the names of filters
* ``dry_run``: ``DryRun`` on every action
"""

from helpers.sandbox.ec2 import (
    acls,
    dependencies,
    dry_run,
    filters,
    groups,
    instances,
    launches,
    networks,
    peering,
    tags,
)

__all__ = [
    "acls",
    "dependencies",
    "dry_run",
    "filters",
    "groups",
    "instances",
    "launches",
    "networks",
    "peering",
    "tags",
]
