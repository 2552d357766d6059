"""What EC2's API neither sets nor shows: part of the adapter around moto, see :mod:`helpers.sandbox.moto_adapter`."""

from typing import Any

from helpers.sandbox.moto_adapter.patches import addresses_of, free_addresses

_INSTANCE_STATES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}


class Ec2State:
    """moto's EC2, behind names that stay when moto changes."""

    changes: int

    @staticmethod
    def backend(service: str, region: str) -> Any:
        raise NotImplementedError

    def _ec2(self, region: str) -> Any:
        return self.backend("ec2", region)

    def instance_states(self, region: str) -> dict[str, str]:
        """Every known instance's state, by id."""
        reservations = self._ec2(region).reservations.values()
        return {each.id: each._state.name for reservation in reservations for each in reservation.instances}

    def set_instance_state(self, region: str, instance_id: str, state: str) -> None:
        """Put an instance into a state of its life cycle, such as ``pending``."""
        self.changes += 1
        instance = self._ec2(region).get_instance(instance_id)
        instance._state.name = state
        instance._state.code = _INSTANCE_STATES[state]

    def forget_instance(self, region: str, instance_id: str) -> None:
        """Take a terminated instance out of every list."""
        self.changes += 1
        backend = self._ec2(region)
        for reservation_id, reservation in list(backend.reservations.items()):
            for instance in [each for each in reservation.instances if each.id == instance_id]:
                # moto gives an instance's addresses back whenever Python collects it; they may be another's by then.
                instance._private_ips = set()
                reservation.instances.remove(instance)
            if not reservation.instances:
                del backend.reservations[reservation_id]
        backend.tags.pop(instance_id, None)

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
        return {key: each._status.code for key, each in self._ec2(region).vpc_pcxs.items()}

    def forget_peering(self, region: str, peering_id: str) -> None:
        """Take a peering connection that came to its end out of every list."""
        self.changes += 1
        self._ec2(region).vpc_pcxs.pop(peering_id, None)
        self.drop_tags(region, peering_id)

    def tags(self, region: str, resource_id: str) -> dict[str, str]:
        """The tags of any EC2 resource, also of those that moto does not hold itself."""
        return dict(self._ec2(region).tags.get(resource_id, {}))

    def set_tags(self, region: str, resource_id: str, tags: dict[str, str]) -> None:
        self._ec2(region).tags[resource_id].update(tags)

    def drop_tags(self, region: str, resource_id: str) -> None:
        self._ec2(region).tags.pop(resource_id, None)

    def drop_interface(self, region: str, interface_id: str) -> None:
        """Take an interface away, as AWS does for ``DeleteOnTermination`` ones."""
        self.changes += 1
        self._ec2(region).enis.pop(interface_id, None)
        self.drop_tags(region, interface_id)

    def set_delete_on_termination(self, region: str, interface_id: str, delete: bool) -> None:
        """Whether an interface goes when its instance is terminated."""
        self._ec2(region).get_network_interface(interface_id).delete_on_termination = delete

    def free_interfaces(self, region: str, instance_id: str) -> None:
        """Detach the interfaces that a terminated instance leaves behind; forget the tags of those that went."""
        self.changes += 1
        backend = self._ec2(region)
        for gone in [key for key in backend.tags if key.startswith("eni-") and key not in backend.enis]:
            self.drop_tags(region, gone)
        for interface in backend.enis.values():
            if interface.instance is not None and interface.instance.id == instance_id:
                interface.instance = interface.attachment_id = interface.attach_time = None
                interface.status = "available"

    def has_security_group(self, region: str, group_id: str) -> bool:
        return any(group_id in groups for groups in self._ec2(region).groups.values())

    def has_network_acl(self, region: str, acl_id: str) -> bool:
        return acl_id in self._ec2(region).network_acls

    def addresses_in_use(self, region: str, subnet_id: str) -> set[str]:
        """The private addresses that interfaces of a subnet hold."""
        interfaces = self._ec2(region).enis.values()
        return {address for each in interfaces if each.subnet.id == subnet_id for address in addresses_of(each)}

    def free_address(self, region: str, subnet_id: str) -> str | None:
        """The lowest address of a subnet that nothing holds."""
        return next(free_addresses(self._ec2(region).get_subnet(subnet_id)), None)

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

    def add_acl_entry(self, region: str, acl_id: str, egress: bool) -> None:
        """The last rule of every ACL, ``32767`` deny, which no API creates."""
        self.changes += 1
        self._ec2(region).create_network_acl_entry(
            network_acl_id=acl_id,
            rule_number=32767,
            protocol="-1",
            rule_action="deny",
            egress=egress,
            cidr_block="0.0.0.0/0",
            icmp_code=None,
            icmp_type=None,
            port_range_from=None,
            port_range_to=None,
            ipv6_cidr_block=None,
        )

    def forget_network_acls(self, region: str, vpc_id: str) -> None:
        """Take a deleted VPC's ACLs away: moto leaves the default one behind."""
        self.changes += 1
        acls = self._ec2(region).network_acls
        for acl_id in [key for key, acl in acls.items() if acl.vpc_id == vpc_id]:
            del acls[acl_id]
            self.drop_tags(region, acl_id)
