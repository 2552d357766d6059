"""From what there is to an ordered plan. Nothing here calls AWS."""

from collections.abc import Iterator

from helpers.lab import names
from helpers.lab.teardown import dependants, network
from helpers.lab.teardown.dependants import Reasons, key
from helpers.lab.teardown.inventory import Inventory
from helpers.lab.teardown.network import Item, tag_values
from helpers.lab.teardown.values import Kept, Plan, Step

WHY = {
    "vpc-flow-log": "First of all: while it lives, it delivers into the log group",
    "log-group": "After the flow logs, so that nothing writes to it; its data costs until it is deleted",
    "returned": "Delivery made it again, without tags, for a flow log or role of this lab",
    "instance": "Its interface holds subnet and security groups",
    "wait": "Subnets and groups are free only when it is terminated",
    "network-interface": "It holds its subnet and its security groups",
    "routes": "Routes through the peering would stay behind as black holes",
    "vpc-peering-connection": "It holds both VPCs",
    "references": "A group that a rule names cannot be deleted; two that name each other never could",
    "security-group": "Free, now that no interface uses it and no rule names it; it holds the VPC",
    "default-acl": "A network ACL that a subnet uses cannot be deleted",
    "network-acl": "No subnet uses it any more; it holds the VPC",
    "subnet": "Empty, now that the instances are gone; it holds the VPC",
    "route-table": "No subnet uses it any more; the main table goes with its VPC",
    "detach": "An attached gateway cannot be deleted, and it holds the VPC",
    "internet-gateway": "Detached, it can go",
    "vpc": "Empty now; default group, default ACL and main route table go with it",
    "instance-profile": "No instance uses it any more; it holds the role",
    "role": "No flow log and no instance needs it any more; policies are detached first",
    "policy": "No role has it any more; versions that are not the default go first",
    "again": "What was in the last windows is delivered minutes later and can make the group again",
}


def plan(found: Inventory) -> Plan:
    """Order what can go; name what has to stay."""
    reasons = dependants.reasons_to_stay(found)
    steps = (*_Steps(found, reasons).all(), *_looks(found, reasons))
    return Plan(found.prefix, tuple(steps), tuple(_kept(found, reasons)))


def everything(found: Inventory) -> Iterator[tuple[str, str, str, str]]:
    """``(kind, id, name, key)`` of each resource of the lab; ``key`` is the one of the reasons."""
    for kind in names.KINDS:
        for item in found.network.items(kind):
            id_ = str(item[names.KINDS[kind].key])
            yield kind, id_, tag_values(item).get("Name", ""), id_
    for name in (*found.groups, *found.returned):
        yield "log-group", name, name, key("log-group", name)
    for kind, things in (
        ("instance-profile", found.identity.profiles),
        ("role", found.identity.roles),
        ("policy", found.identity.policies),
    ):
        for thing in things:
            yield kind, thing.name, thing.name, key(kind, thing.name)


def _kept(found: Inventory, reasons: Reasons) -> Iterator[Kept]:
    for kind, id_, name, mark in everything(found):
        if mark in reasons:
            yield Kept(kind, id_, name, reasons[mark])


def _looks(found: Inventory, reasons: Reasons) -> Iterator[Step]:
    for name in found.expected:
        if key("log-group", name) not in reasons:
            yield Step("look again", "log-group", name, name, WHY["again"])


class _Steps:
    def __init__(self, found: Inventory, reasons: Reasons) -> None:
        self._found = found
        self._net = found.network
        self._reasons = reasons

    def all(self) -> Iterator[Step]:
        """Every step but the last look, in the order that AWS accepts."""
        yield from self._delete("vpc-flow-log")
        yield from self._log_groups()
        yield from self._instances()
        yield from self._delete("network-interface")
        yield from self._peerings()
        yield from self._security_groups()
        yield from self._acls()
        yield from self._delete("subnet")
        yield from self._delete("route-table")
        yield from self._gateways()
        yield from self._delete("vpc")
        yield from self._identities()

    def _going(self, kind: str) -> list[Item]:
        """The lab's resources of a kind that nothing foreign holds, in the order of their names."""
        how = names.KINDS[kind]
        items = [item for item in self._net.items(kind) if item[how.key] not in self._reasons]
        return sorted(items, key=lambda item: (tag_values(item).get("Name", ""), item[how.key]))

    def _step(self, action: str, kind: str, item: Item, why: str) -> Step:
        # What AWS made by itself has no tags; a default group has at least its own name.
        name = tag_values(item).get("Name") or str(item.get("GroupName", ""))
        return Step(action, kind, str(item[names.KINDS[kind].key]), name, WHY[why])

    def _delete(self, kind: str) -> Iterator[Step]:
        for item in self._going(kind):
            yield self._step("delete", kind, item, kind)

    def _log_groups(self) -> Iterator[Step]:
        for names_, why in ((self._found.groups, "log-group"), (self._found.returned, "returned")):
            for name in names_:
                if key("log-group", name) not in self._reasons:
                    yield Step("delete", "log-group", name, name, WHY[why])

    def _instances(self) -> Iterator[Step]:
        going = self._going("instance")
        for instance in going:
            if instance["State"]["Name"] != "shutting-down":
                yield self._step("terminate", "instance", instance, "instance")
        for instance in going:
            yield self._step("wait for the end of", "instance", instance, "wait")

    def _peerings(self) -> Iterator[Step]:
        going = self._going("vpc-peering-connection")
        ids = [peering["VpcPeeringConnectionId"] for peering in going]
        for table in self._with_made("route-table"):
            if any(network.routes_through(table, id_) for id_ in ids):
                yield self._step("delete routes of", "route-table", table, "routes")
        for peering in going:
            yield self._step("delete", "vpc-peering-connection", peering, "vpc-peering-connection")

    def _with_made(self, kind: str) -> list[Item]:
        """The lab's, and those that AWS made for its VPCs."""
        return [*self._net.items(kind), *self._net.made.get(kind, ())]

    def _security_groups(self) -> Iterator[Step]:
        ids = {group["GroupId"] for group in self._going("security-group")}
        for group in self._with_made("security-group"):
            if network.references(group) & ids - {group["GroupId"]}:
                yield self._step("revoke rules of", "security-group", group, "references")
        yield from self._delete("security-group")

    def _acls(self) -> Iterator[Step]:
        for acl in self._going("network-acl"):
            for association in acl.get("Associations", []):
                subnet = association["SubnetId"]
                yield Step("put back on the default ACL", "subnet", subnet, self._name(subnet), WHY["default-acl"])
        yield from self._delete("network-acl")

    def _name(self, subnet: str) -> str:
        return next((tag_values(s).get("Name", "") for s in self._net.items("subnet") if s["SubnetId"] == subnet), "")

    def _gateways(self) -> Iterator[Step]:
        for gateway in self._going("internet-gateway"):
            if gateway.get("Attachments"):
                yield self._step("detach", "internet-gateway", gateway, "detach")
        yield from self._delete("internet-gateway")

    def _identities(self) -> Iterator[Step]:
        for kind, things in (
            ("instance-profile", self._found.identity.profiles),
            ("role", self._found.identity.roles),
            ("policy", self._found.identity.policies),
        ):
            for name in sorted(thing.name for thing in things):
                if key(kind, name) not in self._reasons:
                    yield Step("delete", kind, name, name, WHY[kind])
