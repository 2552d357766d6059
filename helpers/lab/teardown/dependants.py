"""Which of the lab's resources something depends on that is not the lab's: those stay, and so does what they need."""

from collections.abc import Iterable, Mapping

from helpers.lab import resources
from helpers.lab.looks import plural
from helpers.lab.teardown import read_network
from helpers.lab.teardown.inventory import IAM_KINDS, Inventory, key
from helpers.lab.teardown.read_network import Item

Reasons = dict[str, str]

JUDGED_BY: Mapping[str, tuple[str, ...]] = {
    "log-group": ("vpc-flow-log",),
    "bucket": ("vpc-flow-log",),
    "elastic-ip": ("instance", "network-interface"),
    "vpc-peering-connection": ("route-table",),
    "network-acl": ("subnet", "network-interface", "instance"),
    "internet-gateway": ("subnet", "network-interface", "instance"),
    "instance-profile": ("instance",),
    "role": ("vpc-flow-log", "instance", "instance-profile"),
    "policy": ("role",),
}
"""What can depend on a kind without that AWS would refuse to delete it: where that is unseen, it stays."""


def reasons_to_stay(found: Inventory) -> Reasons:
    """Id (for IAM and Logs: name) of each resource that has to stay, with the reason in words."""
    return _Dependants(found).reasons()


class _Dependants:
    def __init__(self, found: Inventory) -> None:
        self._found = found
        self._net = found.network
        self._reasons: Reasons = {}

    def reasons(self) -> Reasons:
        self._unjudged()
        self._other_regions()
        self._interfaces()
        self._addresses()
        self._groups()
        self._peerings()
        self._subnets_and_what_they_use()
        self._vpcs()
        self._gateways()
        self._logging()
        self._profiles()
        self._roles()
        self._policies()
        return self._reasons

    def _unjudged(self) -> None:
        for kind, _, _, mark in self._found.everything():
            if blind := [other for other in JUDGED_BY.get(kind, ()) if other in self._found.unseen]:
                others = " and ".join(plural(other) for other in blind)
                self._reasons.setdefault(mark, f"something may need it: could not look at {others}")

    def _other_regions(self) -> None:
        regions = self._found.regions
        if regions.in_use:
            because = f"IAM is one for all Regions, and the lab has resources in {', '.join(regions.in_use)}"
        elif regions.unseen:
            unseen = ", ".join(f"{name} ({reason})" for name, reason in regions.unseen)
            because = f"IAM is one for all Regions, and the lab may live where nobody could look: {unseen}"
        else:
            return
        for kind, _, _, mark in self._found.everything():
            if kind in IAM_KINDS:
                self._reasons.setdefault(mark, because)

    def _keep(self, kind: str, ids: Iterable[str], because: str) -> None:
        for id_ in self._net.ids(kind) & set(ids):
            self._reasons.setdefault(id_, because)

    def _near(self, kind: str) -> tuple[Item, ...]:
        return self._net.near.get(kind, ())

    def _interfaces(self) -> None:
        """An interface that is neither tagged as the lab's nor part of one of its instances keeps its surroundings."""
        for interface in self._foreign_interfaces():
            holder = interface.get("Attachment", {}).get("InstanceId")
            what = f"instance {holder}" if holder else f"interface {interface['NetworkInterfaceId']}"
            self._keep("subnet", [interface["SubnetId"]], f"{what}, which is not of this lab, is in it")
            groups = [group["GroupId"] for group in interface.get("Groups", [])]
            self._keep("security-group", groups, f"{what}, which is not of this lab, uses it")
            self._keep("vpc", [interface["VpcId"]], f"{what}, which is not of this lab, is in it")
        for interface in self._net.items("network-interface"):
            holder = interface.get("Attachment", {}).get("InstanceId")
            if holder and holder not in self._net.ids("instance"):
                held = f"instance {holder}, which is not of this lab, has it"
                self._keep("network-interface", [interface["NetworkInterfaceId"]], held)
                self._keep(
                    "subnet", [interface["SubnetId"]], f"interface {interface['NetworkInterfaceId']} stays in it"
                )

    def _addresses(self) -> None:
        ours = self._net.ids("instance") | self._net.ids("network-interface")
        for address in self._net.items("elastic-ip"):
            holder = address.get("InstanceId") or address.get("NetworkInterfaceId")
            if holder and holder not in ours:
                self._keep("elastic-ip", [address["AllocationId"]], f"{holder}, which is not of this lab, has it")

    def _groups(self) -> None:
        for group in self._near("security-group"):
            because = f"a rule of security group {group['GroupId']}, which is not of this lab, names it"
            self._keep("security-group", read_network.references(group), because)

    def _peerings(self) -> None:
        for table in self._near("route-table"):
            for peering in self._net.ids("vpc-peering-connection"):
                if read_network.routes_through(table, peering):
                    because = f"route table {table['RouteTableId']}, which is not of this lab, routes through it"
                    self._keep("vpc-peering-connection", [peering], because)

    def _subnets_and_what_they_use(self) -> None:
        """A subnet that stays keeps its route table and its ACL: to change those would change its traffic."""
        foreign = {subnet["SubnetId"] for subnet in self._near("subnet")}
        for kind in ("route-table", "network-acl"):
            for item in self._net.items(kind):
                for association in item.get("Associations", []):
                    subnet = association.get("SubnetId")
                    if subnet in foreign:
                        self._keep(kind, [_id(kind, item)], f"subnet {subnet}, which is not of this lab, uses it")
                    elif subnet in self._reasons:
                        self._keep(kind, [_id(kind, item)], f"subnet {subnet} stays and uses it")

    def _vpcs(self) -> None:
        for kind in ("subnet", "security-group", "network-acl", "route-table"):
            for item in self._near(kind):
                self._keep("vpc", [item["VpcId"]], f"{kind} {_id(kind, item)}, which is not of this lab, is in it")
        for peering in self._near("vpc-peering-connection"):
            because = f"peering {peering['VpcPeeringConnectionId']}, which is not of this lab, ends in it"
            self._keep("vpc", read_network.peered_vpcs(peering), because)
        for gateway in self._near("internet-gateway"):
            because = f"internet gateway {gateway['InternetGatewayId']}, which is not of this lab, is attached to it"
            self._keep("vpc", [attachment["VpcId"] for attachment in gateway.get("Attachments", [])], because)
        for kind in ("subnet", "security-group", "network-acl", "route-table", "network-interface"):
            for item in self._net.items(kind):
                if _id(kind, item) in self._reasons:
                    self._keep("vpc", [item["VpcId"]], f"{kind} {_id(kind, item)} stays in it")
        for peering in self._net.items("vpc-peering-connection"):
            id_ = peering["VpcPeeringConnectionId"]
            if id_ in self._reasons:
                self._keep("vpc", read_network.peered_vpcs(peering), f"peering {id_} stays and ends in it")

    def _gateways(self) -> None:
        """A VPC that somebody else lives in keeps its way to the internet."""
        inhabited = {interface["VpcId"] for interface in self._foreign_interfaces()}
        inhabited |= {subnet["VpcId"] for subnet in self._near("subnet")}
        for gateway in self._net.items("internet-gateway"):
            for vpc in {attachment["VpcId"] for attachment in gateway.get("Attachments", [])} & inhabited:
                because = f"it is the way to the internet of {vpc}, where something lives that is not of this lab"
                self._keep("internet-gateway", [gateway["InternetGatewayId"]], because)
            if (id_ := gateway["InternetGatewayId"]) in self._reasons:
                attached = [attachment["VpcId"] for attachment in gateway.get("Attachments", [])]
                self._keep("vpc", attached, f"internet gateway {id_} stays attached to it")

    def _foreign_interfaces(self) -> list[Item]:
        """Those without the lab's tags that are free, AWS's own (a NAT gateway's), or of a living foreign instance."""
        living = {None, *(instance["InstanceId"] for instance in self._near("instance"))}
        return [
            interface
            for interface in self._near("network-interface")
            if interface.get("Attachment", {}).get("InstanceId") in living
        ]

    # --- logs and identities: their names are their ids ---------------------------------------------------------

    def _logging(self) -> None:
        """Another's flow log needs the log group or bucket that it writes to and the role that it writes as."""
        groups = {*self._found.groups, *self._found.returned}
        roles = {role.arn: role.name for role in self._found.identity.roles}
        for flow_log in self._near("vpc-flow-log"):
            who = f"flow log {flow_log['FlowLogId']}, which is not of this lab,"
            group, role = read_network.log_group_of(flow_log), roles.get(flow_log.get("DeliverLogsPermissionArn", ""))
            if group in groups:
                self._reasons.setdefault(key("log-group", str(group)), f"{who} writes to it")
            bucket = str(flow_log.get("LogDestination", "")).removeprefix("arn:aws:s3:::").partition("/")[0]
            if bucket in self._found.buckets:
                self._reasons.setdefault(key("bucket", bucket), f"{who} writes to it")
            if role:
                self._reasons.setdefault(key("role", role), f"{who} delivers with it")

    def _profiles(self) -> None:
        users = {item.get("IamInstanceProfile", {}).get("Arn"): item["InstanceId"] for item in self._near("instance")}
        for profile in self._found.identity.profiles:
            if profile.arn in users:
                because = f"instance {users[profile.arn]}, which is not of this lab, uses it"
                self._reasons.setdefault(key("instance-profile", profile.name), because)
                for role in profile.roles:
                    self._reasons.setdefault(key("role", role), f"instance profile {profile.name} stays and holds it")

    def _roles(self) -> None:
        ours = {profile.name for profile in self._found.identity.profiles}
        for role in self._found.identity.roles:
            for profile in set(role.profiles) - ours:
                because = f"instance profile {profile}, which is not of this lab, holds it"
                self._reasons.setdefault(key("role", role.name), because)

    def _policies(self) -> None:
        ours = {role.name for role in self._found.identity.roles}
        for policy in self._found.identity.policies:
            for kind, name in policy.entities:
                if kind != "role" or name not in ours:
                    because = f"{kind} {name}, which is not of this lab, has it"
                    self._reasons.setdefault(key("policy", policy.name), because)
                elif key("role", name) in self._reasons:
                    self._reasons.setdefault(key("policy", policy.name), f"role {name} stays and has it")


def _id(kind: str, item: Item) -> str:
    return str(item[resources.KINDS[kind].key])
