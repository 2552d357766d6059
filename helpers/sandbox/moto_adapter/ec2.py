"""What EC2's API neither sets nor shows: part of the adapter around moto, see :mod:`helpers.sandbox.moto_adapter`."""

from collections.abc import Iterator
from typing import Any

from helpers.sandbox.moto_adapter.patches import addresses_of, free_addresses

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
# Where moto keeps what it lists by id, and the heads of ids that end with what they name.
_STORES = (
    "vpcs", "enis", "internet_gateways", "route_tables", "network_acls", "volumes", "vpc_pcxs", "dhcp_options_sets",
    "managed_prefix_lists",
)  # fmt: skip
_ENDING = {
    "vpc", "eni", "igw", "rtb", "acl", "vol", "pcx", "dopt", "pl", "subnet", "eipalloc", "i", "sg", "sgr",
}  # fmt: skip


class Ec2State:
    """moto's EC2, behind names that stay when moto changes."""

    changes: int
    """How often a part of EC2's state was set at once."""
    asked: int
    """How many calls there were to EC2 that may have changed something, refused ones too."""
    shown: dict[tuple[str, bytes], tuple[int, dict[str, str], bytes]]
    """moto's answers to describe calls that still hold, by Region and body."""

    @staticmethod
    def backend(service: str, region: str) -> Any:
        raise NotImplementedError

    def _ec2(self, region: str) -> Any:
        """To change it at once: nothing that was shown before counts any more."""
        self.shown.clear()
        return self.backend("ec2", region)

    def _ec2_as_it_is(self, region: str) -> Any:
        """To look at it and no more."""
        return self.backend("ec2", region)

    def instance_states(self, region: str) -> dict[str, str]:
        """Every known instance's state, by id."""
        reservations = self._ec2_as_it_is(region).reservations.values()
        return {instance.id: instance._state.name for reservation in reservations for instance in reservation.instances}

    def profile_of(self, region: str, instance_id: str) -> str:
        """The ARN of an instance's profile, "" where it has none."""
        return str((self._ec2_as_it_is(region).get_instance(instance_id).iam_instance_profile or {}).get("Arn", ""))

    def set_instance_state(self, region: str, instance_id: str, state: str) -> None:
        """Put an instance into a state of its life cycle, such as ``pending``."""
        self.changes += 1
        instance = self._ec2(region).get_instance(instance_id)
        instance._state.name = state
        instance._state.code = STATE_CODES[state]

    def forget_instance(self, region: str, instance_id: str) -> None:
        """Take a terminated instance out of every list."""
        self.changes += 1
        backend = self._ec2(region)
        for reservation_id, reservation in list(backend.reservations.items()):
            for instance in [instance for instance in reservation.instances if instance.id == instance_id]:
                # moto gives an instance's addresses back whenever Python collects it; they may be another's by then.
                instance._private_ips = set()
                reservation.instances.remove(instance)
            if not reservation.instances:
                del backend.reservations[reservation_id]

    def settle_instance_groups(self, region: str, instance_id: str, *, from_instance: bool = False) -> None:
        """Keep an instance's groups and its primary interface's the same: AWS has only the interface's."""
        self.changes += 1
        instance = self._ec2(region).get_instance(instance_id)
        interface = instance.nics.get(0)
        if interface is None:
            return
        if from_instance:
            interface._group_set = list(instance.security_groups)
        else:
            instance.security_groups = list(interface._group_set)

    def set_peering_status(self, region: str, peering_id: str, code: str, message: str) -> None:
        self.changes += 1
        status = self._ec2(region).get_vpc_peering_connection(peering_id)._status
        status.code, status.message = code, message

    def peering_statuses(self, region: str) -> dict[str, str]:
        """The status code of every peering connection, by id."""
        return {key: peering._status.code for key, peering in self._ec2_as_it_is(region).vpc_pcxs.items()}

    def forget_peering(self, region: str, peering_id: str) -> None:
        """Take a peering connection that came to its end out of every list."""
        self.changes += 1
        self._ec2(region).vpc_pcxs.pop(peering_id, None)

    def tags(self, region: str, resource_id: str) -> dict[str, str]:
        """The tags of any EC2 resource, also of those that moto does not hold itself."""
        return dict(self._ec2_as_it_is(region).tags.get(resource_id, {}))

    def set_tags(self, region: str, resource_id: str, tags: dict[str, str]) -> None:
        self._ec2(region).tags[resource_id].update(tags)

    def drop_tags(self, region: str, resource_id: str) -> None:
        self._ec2(region).tags.pop(resource_id, None)

    def drop_tags_of_the_gone(self, region: str) -> None:
        """Forget the tags of what is no longer there, of every kind that ends."""
        backend = self._ec2_as_it_is(region)
        held = {key for name in _STORES for key in getattr(backend, name)}
        held |= {subnet_id for zone in backend.subnets.values() for subnet_id in zone}
        held |= {address.allocation_id for address in backend.addresses} | set(self.instance_states(region))
        for groups in backend.groups.values():
            for group_id, group in groups.items():
                held |= {group_id, *(rule.id for rule in (*group.ingress_rules, *group.egress_rules))}
        for resource_id in [*backend.tags]:
            if resource_id not in held and resource_id.rpartition("-")[0] in _ENDING:
                self.drop_tags(region, resource_id)

    def set_delete_on_termination(self, region: str, interface_id: str, delete: bool) -> None:
        """Whether an interface goes when its instance is terminated."""
        self._ec2(region).get_network_interface(interface_id).delete_on_termination = delete

    def free_interfaces(self, region: str, instance_id: str) -> None:
        """Detach the interfaces that a terminated instance leaves behind."""
        self.changes += 1
        for interface in self._ec2(region).enis.values():
            if interface.instance is not None and interface.instance.id == instance_id:
                interface.instance = interface.attachment_id = interface.attach_time = None
                interface.status = "available"

    def vpc_of_group(self, region: str, group_id: str) -> str | None:
        """The VPC of a security group; None where there is no such group."""
        held = self._ec2_as_it_is(region).groups.items()
        return next((str(vpc_id) for vpc_id, groups in held if group_id in groups), None)

    def has_network_acl(self, region: str, acl_id: str) -> bool:
        return acl_id in self._ec2_as_it_is(region).network_acls

    def addresses_in_use(self, region: str, subnet_id: str) -> set[str]:
        """The private addresses that interfaces of a subnet hold."""
        interfaces = self._ec2_as_it_is(region).enis.values()
        return {
            address
            for interface in interfaces
            if interface.subnet.id == subnet_id
            for address in addresses_of(interface)
        }

    def free_addresses(self, region: str, subnet_id: str) -> Iterator[str]:
        """The addresses of a subnet that nothing holds, lowest first."""
        return free_addresses(self._ec2_as_it_is(region).get_subnet(subnet_id))

    def make_ordinary_subnet(self, region: str, subnet_id: str) -> None:
        """moto takes the first subnet of a zone for a default one, with public addresses; only AWS makes those."""
        subnet = self._ec2(region).get_subnet(subnet_id)
        subnet.default_for_az = subnet.map_public_ip_on_launch = False

    def drop_subnet_associations(self, region: str, subnet_id: str) -> None:
        """Take a deleted subnet out of its route table and its ACL, where moto keeps it."""
        self.changes += 1
        backend = self._ec2(region)
        for table in backend.route_tables.values():
            table._associations = {key: held for key, held in table._associations.items() if held != subnet_id}
        for acl in backend.network_acls.values():
            acl._associations = {key: held for key, held in acl._associations.items() if held.subnet_id != subnet_id}

    def add_acl_entry(self, region: str, acl_id: str, number: int, egress: bool, *, ipv6: bool = False) -> None:
        """A rule about all traffic which no API creates: one of the last, ``32767`` and up, denies."""
        self.changes += 1
        self._ec2(region).create_network_acl_entry(
            network_acl_id=acl_id,
            rule_number=number,
            protocol="-1",
            rule_action="deny" if number >= 32767 else "allow",
            egress=egress,
            cidr_block=None if ipv6 else "0.0.0.0/0",
            icmp_code=None,
            icmp_type=None,
            port_range_from=None,
            port_range_to=None,
            ipv6_cidr_block="::/0" if ipv6 else None,
        )

    def forget_network_acls(self, region: str, vpc_id: str) -> None:
        """Take a deleted VPC's ACLs away: moto leaves the default one behind."""
        self.changes += 1
        acls = self._ec2(region).network_acls
        for acl_id in [key for key, acl in acls.items() if acl.vpc_id == vpc_id]:
            del acls[acl_id]
