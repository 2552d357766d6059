"""The course's network, hosts on it, and a runner that steps scripts to their end."""

from dataclasses import dataclass, field
from typing import Any

from helpers.flowlogs import FlowRecord
from helpers.network import Connections, Topology
from helpers.traffic import (
    AL2023,
    INTERNET,
    Capture,
    Effect,
    Host,
    Internet,
    Sent,
    World,
    apply_effects,
    close,
    observe,
    programs_of,
    start,
    step,
    window_lengths,
)
from tests.support.two_vpcs import (
    BLOCKS,
    EVERYWHERE,
    Machine,
    Page,
    Pages,
    acl_entry,
    permission,
    security_group,
    two_vpcs,
)

T0 = 1_700_000_000.0
A_PUBLIC, A_PRIVATE, A_OTHER = "10.1.1.10", "10.1.2.10", "10.1.1.11"
B_PUBLIC, B_PRIVATE = "10.2.1.10", "10.2.2.10"
PUBLIC_OF_A, PUBLIC_OF_B, HOME = "198.51.100.11", "198.51.100.12", "203.0.113.12"

_MACHINES = {
    name: Machine(address, subnet, (f"sg-{name}",), public)
    for name, address, subnet, public in (
        ("a-public", A_PUBLIC, "a1", PUBLIC_OF_A),
        ("a-other", A_OTHER, "a1", None),
        ("a-private", A_PRIVATE, "a2", None),
        ("b-public", B_PUBLIC, "b1", PUBLIC_OF_B),
        ("b-private", B_PRIVATE, "b2", None),
    )
}
_TO_A, _TO_B = (BLOCKS["a"], "pcx-ab"), (BLOCKS["b"], "pcx-ab")
_ROUTES = {
    "a1": [_TO_B, (EVERYWHERE, "igw-a")],
    "a2": [_TO_B],
    "b1": [_TO_A, (EVERYWHERE, "igw-b")],
    "b2": [_TO_A],
}


def outside_host(address: str) -> Host:
    """A computer on the internet from which commands can be run."""
    return Host(address, "", address, programs_of(AL2023) | {"ncat"}, frozenset(), "home computer")


def rule(protocol: str, first: int = -1, last: int | None = None, cidr: str = EVERYWHERE) -> Page:
    """One IpPermission for a block."""
    return permission(protocol, None if protocol == "-1" else first, last, cidr=cidr)


def pages(instance_type: str = "t3.micro") -> Pages:
    """Two peered VPCs, a public and a private subnet each, and instances that may all talk."""
    blocks = {name: (name[0], f"10.{'ab'.index(name[0]) + 1}.{name[1]}.0/24") for name in _ROUTES}
    groups = [
        security_group(group_id, machine.subnet[0], [rule("-1")])
        for machine in _MACHINES.values()
        for group_id in machine.groups
    ]
    return two_vpcs(blocks, _ROUTES, groups, _MACHINES, gateways="ab", instance_type=instance_type)


@dataclass
class Run:
    """What a script did, all steps together."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int | None = None
    began: float = 0.0
    ended: float = 0.0
    steps: int = 0
    packets: list[Sent] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)


class Lab:
    """The network (change `pages`, then use), its hosts, connections and capture; `run` keeps them up to
    date.
    """

    def __init__(self, instance_type: str = "t3.micro", interval: int = 60) -> None:
        self.pages = pages(instance_type)
        self.hosts = {
            f"i-{name}": Host(f"i-{name}", f"eni-{name}", machine.address) for name, machine in _MACHINES.items()
        }
        self.connections = Connections()
        self.capture = Capture()
        self.internet: Internet = INTERNET
        self.interval = interval
        self.now = T0
        self.runs = 0

    @property
    def topology(self) -> Topology:
        """The topology of the pages as they are."""
        return Topology.from_describe(None, **self.pages)

    def find(self, key: str, name: str) -> dict[str, Any]:
        """The item of a page with this id."""
        return next(item for item in self.pages[key] if name in item.values())

    def ingress(self, group: str, *rules: dict[str, Any]) -> "Lab":
        """Replace a group's ingress rules."""
        self.find("SecurityGroups", f"sg-{group}")["IpPermissions"] = list(rules)
        return self

    def egress(self, group: str, *rules: dict[str, Any]) -> "Lab":
        """Replace a group's egress rules."""
        self.find("SecurityGroups", f"sg-{group}")["IpPermissionsEgress"] = list(rules)
        return self

    def deny(self, subnet: str, egress: bool, protocol: str = "-1", **more: Any) -> "Lab":
        """Put a deny entry in front of a subnet's ACL."""
        self.find("NetworkAcls", f"acl-{subnet}")["Entries"].insert(0, acl_entry(50, egress, "deny", protocol, **more))
        return self

    def install(self, name: str, *programs: str) -> "Lab":
        """Put programs on an instance."""
        host = self.hosts[f"i-{name}"]
        self.hosts[f"i-{name}"] = Host(
            host.instance_id,
            host.interface_id,
            host.address,
            host.programs | set(programs),
            host.listeners,
        )
        return self

    def run(self, text: str, on: str | Host = "a-public", key: str = "", most: int = 1000) -> Run:
        """Run a script to its end (or to a program that never ends), applying effects and capturing."""
        host = self.hosts[f"i-{on}"] if isinstance(on, str) else on
        topology = self.topology
        self.runs += 1
        process = start(text, host, self.now, key or f"run {self.runs}")
        run = Run(began=self.now, ended=self.now)
        intervals = window_lengths(topology, self.interval)
        for _ in range(most):
            did = step(process, World(topology, self.connections, self.hosts, self.internet))
            run.steps += 1
            run.stdout += did.stdout
            run.stderr += did.stderr
            run.packets += did.packets
            run.effects += did.effects
            run.ended = did.ends_at
            self.connections = did.connections
            self.hosts = apply_effects(self.hosts, did.effects)
            self.capture = observe(self.capture, did.packets, intervals)
            process = did.process
            if did.done or did.ends_at == float("inf"):
                run.exit_code = did.exit_code
                break
        if run.ended != float("inf"):
            self.now = run.ended + 1
        return run

    def records(self) -> list[FlowRecord]:
        """Close everything and return the records."""
        found, self.capture = close(self.capture, self.topology, self.now + 10_000)
        return list(found)
