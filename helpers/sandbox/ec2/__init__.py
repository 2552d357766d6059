"""EC2 where it differs from moto: states that take time, refusals that AWS would give, replies that tell all.

moto keeps the objects; the modules here guard, follow and replace single actions (see :mod:`helpers.sandbox.calls`).

* ``instances``, ``launches``: the life cycle of an instance and what RunInstances refuses
* ``images``: the image, the type and the key pair of a launch
* ``peering``: peering connections and their states
* ``networks``, ``network_acls``, ``security_groups``: CIDR blocks, quotas, routes, ACLs, security groups
* ``ipv6``: what an IPv6 block changes in its VPC, and the addresses of interfaces
* ``dependencies``: what cannot be deleted while something uses it
* ``security_group_rules``: what a security group's rule may say
* ``tags``: what a tag may say
* ``filters``, ``paged_lists``, ``parameter_checks``: names of filters, sizes and tokens of pages, ids and attributes
* ``elastic_addresses``, ``limits``: addresses in use, quotas
* ``security_group_references``: rules that name groups of a peer VPC, and stale ones
* ``dry_run``: ``DryRun`` on every action
"""
