"""From what there is to an ordered plan. Nothing here calls AWS."""

from collections.abc import Iterator

from helpers.lab import resources
from helpers.lab.resources import tag_values
from helpers.lab.teardown import dependants, read_network
from helpers.lab.teardown.dependants import Reasons
from helpers.lab.teardown.inventory import IAM_KINDS, Inventory, key
from helpers.lab.teardown.plan_and_report import Kept, TeardownPlan, TeardownStep
from helpers.lab.teardown.read_network import Item

WHY = {
    "protection": "Somebody protected it; while that is on, AWS refuses to delete it",
    "alarm": "Before what it watches, so that the teardown does not make it ring",
    "topic": "No alarm of the lab tells it any more",
    "dashboard": "It shows what is about to go, and costs by the month",
    "saved-query": "It names log groups that are about to go",
    "vpc-flow-log": "While it lives, it delivers, and each record costs",
    "log-group": "After the flow logs, so that nothing writes to it; its data costs until it is deleted",
    "bucket": "After the flow logs, with what is in it. Athena's tables over it have no tags: they stay, and are free",
    "returned": "Delivery made it again, without tags, for a flow log or role of this lab",
    "instance": "First of all: it costs most, and its interface holds subnet and security groups",
    "wait": "Subnets and groups are free only when it is terminated",
    "network-interface": "It holds its subnet and its security groups",
    "elastic-ip": "No instance has it any more; it costs by the hour",
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


def plan(found: Inventory) -> TeardownPlan:
    """Order what can go; name what has to stay."""
    reasons = dependants.reasons_to_stay(found)
    steps = (*_Steps(found, reasons).all(), *_looks(found, reasons))
    return TeardownPlan(found.prefix, tuple(steps), tuple(_kept(found, reasons)), found.unseen_words)


def _kept(found: Inventory, reasons: Reasons) -> Iterator[Kept]:
    for kind, id_, name, mark in found.everything():
        if mark in reasons:
            yield Kept(kind, id_, name, reasons[mark])


def _looks(found: Inventory, reasons: Reasons) -> Iterator[TeardownStep]:
    for name in found.expected:
        if key("log-group", name) not in reasons:
            yield TeardownStep("look again", "log-group", name, name, WHY["again"])


class _Steps:
    def __init__(self, found: Inventory, reasons: Reasons) -> None:
        self._found = found
        self._net = found.network
        self._reasons = reasons

    def all(self) -> Iterator[TeardownStep]:
        """Every step but the last look, in the order that AWS accepts."""
        yield from self._terminations()
        for kind, id_, name in self._found.monitoring:
            yield TeardownStep("delete", kind, id_, name, WHY[kind])
        yield from self._delete("vpc-flow-log")
        yield from self._log_groups()
        for name in self._found.buckets:
            if key("bucket", name) not in self._reasons:
                yield TeardownStep("delete", "bucket", name, name, WHY["bucket"])
        for instance in self._going("instance"):
            yield self._step("wait for the end of", "instance", instance, "wait")
        yield from self._delete("network-interface")
        yield from self._delete("elastic-ip", "release")
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
        how = resources.KINDS[kind]
        items = [item for item in self._net.items(kind) if item[how.key] not in self._reasons]
        return sorted(items, key=lambda item: (tag_values(item).get("Name", ""), item[how.key]))

    def _step(self, action: str, kind: str, item: Item, why: str) -> TeardownStep:
        # What AWS made by itself has no tags; a default group has at least its own name.
        name = tag_values(item).get("Name") or str(item.get("GroupName", ""))
        return TeardownStep(action, kind, str(item[resources.KINDS[kind].key]), name, WHY[why])

    def _delete(self, kind: str, action: str = "delete") -> Iterator[TeardownStep]:
        for item in self._going(kind):
            yield self._step(action, kind, item, kind)

    def _unprotect(self, kind: str, id_: str, name: str, mark: str) -> Iterator[TeardownStep]:
        for against in self._found.protections.get(mark, ()):
            yield TeardownStep(f"switch off {against} protection of", kind, id_, name, WHY["protection"])

    def _log_groups(self) -> Iterator[TeardownStep]:
        for names_, why in ((self._found.groups, "log-group"), (self._found.returned, "returned")):
            for name in names_:
                if (mark := key("log-group", name)) not in self._reasons:
                    yield from self._unprotect("log-group", name, name, mark)
                    yield TeardownStep("delete", "log-group", name, name, WHY[why])

    def _terminations(self) -> Iterator[TeardownStep]:
        for instance in self._going("instance"):
            if instance["State"]["Name"] != "shutting-down":
                id_, name = str(instance["InstanceId"]), tag_values(instance).get("Name", "")
                yield from self._unprotect("instance", id_, name, id_)
                yield self._step("terminate", "instance", instance, "instance")

    def _peerings(self) -> Iterator[TeardownStep]:
        going = self._going("vpc-peering-connection")
        ids = [peering["VpcPeeringConnectionId"] for peering in going]
        for table in self._with_made("route-table"):
            if any(read_network.routes_through(table, id_) for id_ in ids):
                yield self._step("delete routes of", "route-table", table, "routes")
        for peering in going:
            yield self._step("delete", "vpc-peering-connection", peering, "vpc-peering-connection")

    def _with_made(self, kind: str) -> list[Item]:
        """The lab's, and those that AWS made for its VPCs."""
        return [*self._net.items(kind), *self._net.made.get(kind, ())]

    def _security_groups(self) -> Iterator[TeardownStep]:
        ids = {group["GroupId"] for group in self._going("security-group")}
        for group in self._with_made("security-group"):
            if read_network.references(group) & ids - {group["GroupId"]}:
                yield self._step("revoke rules of", "security-group", group, "references")
        yield from self._delete("security-group")

    def _acls(self) -> Iterator[TeardownStep]:
        for acl in self._going("network-acl"):
            for association in acl.get("Associations", []):
                subnet = association["SubnetId"]
                yield TeardownStep(
                    "put back on the default ACL", "subnet", subnet, self._name(subnet), WHY["default-acl"]
                )
        yield from self._delete("network-acl")

    def _name(self, subnet: str) -> str:
        return next((tag_values(s).get("Name", "") for s in self._net.items("subnet") if s["SubnetId"] == subnet), "")

    def _gateways(self) -> Iterator[TeardownStep]:
        for gateway in self._going("internet-gateway"):
            if gateway.get("Attachments"):
                yield self._step("detach", "internet-gateway", gateway, "detach")
        yield from self._delete("internet-gateway")

    def _identities(self) -> Iterator[TeardownStep]:
        for kind, id_, name, mark in self._found.everything():
            if kind in IAM_KINDS and mark not in self._reasons:
                yield TeardownStep("delete", kind, id_, name, WHY[kind])
