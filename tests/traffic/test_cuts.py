"""A command whose world changes while it runs: it ends, and nothing before the change is touched.

Every program meets every kind of change at many moments. Packets, lines and effects up to the change must be the same
to the byte as without it, for only then may what was settled stay settled.
"""

import copy
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from helpers.traffic import Host, Listener, ProcessStep, World, start, step
from tests.traffic.lab import B_PUBLIC, EVERYWHERE, T0, Lab

CUTS = 60
COMMANDS = [
    f"ping -c 30 {B_PUBLIC}",
    f"ping -c 5 -W 1 -i 0.2 -s 20000 {B_PUBLIC}",
    f"ping -w 12 {B_PUBLIC}",
    f"timeout 7 ping -c 60 {B_PUBLIC}",
    f"curl -s http://{B_PUBLIC}/",
    f"curl -sS -m 20 https://{B_PUBLIC}/",
    f"curl -m 9 http://{B_PUBLIC}:8099/",
    f"nc -z -w 8 {B_PUBLIC} 23",
    f"nc -zuv {B_PUBLIC} 53",
    f"seq 3 | nc -u -w 1 {B_PUBLIC} 514",
    f"ping -c 9 {B_PUBLIC} | nc -u {B_PUBLIC} 514",
    f"ping -c 30 {B_PUBLIC} | grep -c ttl",
    f"ping -c 30 {B_PUBLIC} | head -4",
    f"timeout 5 ping {B_PUBLIC} | cat | head -n 3 | tail -1",
    f"for port in 80 443 22 81; do nc -zv -w 2 {B_PUBLIC} $port; done 2>&1 | grep Connected | sort | uniq -c | wc -l",
    f"bash -c 'for port in 80 81; do nc -zv -w 2 {B_PUBLIC} $port; done; curl -s http://{B_PUBLIC}/'",
    f"timeout 3 bash -c '</dev/tcp/{B_PUBLIC}/22' && echo open || echo closed",
    f"timeout 4 bash -c 'ping {B_PUBLIC}; echo over' | head",
    f"( echo hello; sleep 2; echo again ) > /dev/tcp/{B_PUBLIC}/80",
    f"( echo hello; sleep 2; echo again ) > /dev/udp/{B_PUBLIC}/514",
    f"( sleep 2; nc -z -w 3 {B_PUBLIC} 81 && nc -z {B_PUBLIC} 80 ) & nc -z -w 9 {B_PUBLIC} 22; ping -c 5 {B_PUBLIC}",
    f"if ! ping -c 3 -W 1 {B_PUBLIC} > /dev/null; then nc -zv -w 2 {B_PUBLIC} 80; fi",
    f"bash -c 'if ping -c 3 {B_PUBLIC} | grep -q \" 0% packet loss\"; then echo up; else echo down; fi'",
    f"nmap -sT -Pn -n -p 20-25,80 {B_PUBLIC}",
    f"timeout 1.5 nmap -sT -Pn -p 20-25,80 {B_PUBLIC}",
    f"bash -c 'python3 -m http.server 8000 & sleep 3; curl -s localhost:8000 | wc -c; curl -s http://{B_PUBLIC}/'",
    f"ssh -o ConnectTimeout=9 root@{B_PUBLIC} true",
    f"ping -c 40 {B_PUBLIC} > /tmp/out & sleep 3; echo over; sleep 2",
    f"for port in 80 443 22; do nc -zv -w 3 {B_PUBLIC} $port; done; wait",
    "curl -s -m 30 https://checkip.amazonaws.com",
    "dig example.com; sudo dnf install -y nginx; sudo systemctl start nginx",
    "timeout 30 python3 -m http.server 8000",
]


def prepared() -> Lab:
    lab = Lab().install("a-public", "ncat", "nmap")
    web = lab.hosts["i-b-public"]
    lab.hosts["i-b-public"] = replace(web, listeners=web.listeners | {Listener("tcp", 80, "http", "/")})
    return lab


def deny(lab: Lab, world: World) -> World:
    changed = copy.deepcopy(lab)
    return replace(world, topology=changed.deny("b1", egress=False).deny("a1", egress=False).topology)


def route_gone(lab: Lab, world: World) -> World:
    changed = copy.deepcopy(lab)
    routes = changed.find("RouteTables", "rtb-a1")["Routes"]
    routes[:] = [route for route in routes if route["DestinationCidrBlock"] not in ("10.2.0.0/16", EVERYWHERE)]
    return replace(world, topology=changed.topology)


def machine_down(lab: Lab, world: World, name: str) -> World:
    changed = copy.deepcopy(lab)
    changed.find("Instances", f"i-{name}")["State"]["Name"] = "stopped"
    hosts = {key: host for key, host in world.hosts.items() if key != f"i-{name}"}
    return replace(world, topology=changed.topology, hosts=hosts)


def target_gone(lab: Lab, world: World) -> World:
    return machine_down(lab, world, "b-public")


def sender_down(lab: Lab, world: World) -> World:
    return machine_down(lab, world, "a-public")


def listener_gone(lab: Lab, world: World) -> World:
    hosts = {key: replace(host, listeners=frozenset()) for key, host in world.hosts.items()}
    return replace(world, hosts=hosts)


CHANGES = [deny, route_gone, target_gone, sender_down, listener_gone]


def first_step(lab: Lab, command: str) -> tuple[World, Callable[..., ProcessStep]]:
    host: Host = lab.hosts["i-a-public"]
    world = World(lab.topology, lab.connections, lab.hosts, lab.internet)
    process = start(command, host, T0, command)
    return world, lambda *changes: step(process, world, changes)


def until(done: ProcessStep, at: float) -> tuple[list[object], ...]:
    streams = (done.packets, done.output, done.errors, done.effects)
    return tuple([repr(thing) for thing in stream if thing.at <= at] for stream in streams)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_before_a_change_depends_on_it(command: str, change: Callable[[Lab, World], World]) -> None:
    lab = prepared()
    world, run = first_step(lab, command)
    whole = run()
    lasts = min(T0 + 300, max([thing.at for thing in (*whole.packets, *whole.output, *whole.effects)] + [T0 + 1]))
    after = change(lab, world)
    draw = random.Random(f"{command} {change.__name__}")
    for _ in range(CUTS):
        at = draw.uniform(T0, lasts)
        cut = run((at, after))
        assert until(cut, at) == until(whole, at)
        assert cut.ends_at >= at or cut.ends_at == whole.ends_at


def test_two_changes_hold_one_after_the_other() -> None:
    """Denied from the 10th second on, allowed again from the 20th: ten echoes of thirty are lost."""
    lab = prepared()
    world, run = first_step(lab, f"ping -c 30 {B_PUBLIC}")
    done = run((T0 + 9.5, deny(lab, world)), (T0 + 19.5, world))
    assert "30 packets transmitted, 20 received, 33.3333% packet loss" in done.stdout
    requests = [sent.trace.outcome for sent in done.packets if sent.packet.icmp_type == 8]
    assert requests == ["delivered"] * 10 + ["rejected"] * 10 + ["delivered"] * 10


def test_a_connection_whose_server_stops_is_not_served_by_nobody() -> None:
    """SYN at 0 s to a machine that is stopped before the retry at 1 s: nobody answers any more."""
    lab = prepared()
    world, _ = first_step(lab, f"nc -zv -w 8 {B_PUBLIC} 80")
    blocked = deny(lab, world)
    process = start(f"nc -zv -w 8 {B_PUBLIC} 80", lab.hosts["i-a-public"], T0, "k")
    done = step(process, blocked, [(T0 + 0.5, world), (T0 + 0.9, target_gone(lab, world))])
    assert "TIMEOUT" in done.stderr


def test_a_listener_that_opens_while_somebody_knocks_is_met_by_the_next_syn() -> None:
    lab = prepared()
    open_world, _ = first_step(lab, "true")
    silent = target_gone(lab, open_world)
    process = start(f"nc -zv -w 8 {B_PUBLIC} 80", lab.hosts["i-a-public"], T0, "k")
    done = step(process, silent, [(T0 + 2, open_world)])
    assert "Connected" in done.stderr and done.ends_at == pytest.approx(T0 + 3, abs=0.1)


def test_a_change_of_the_very_second_of_the_start_holds_for_every_later_packet() -> None:
    lab = prepared()
    world, run = first_step(lab, f"ping -c 10 {B_PUBLIC}")
    done = run((T0, deny(lab, world)))
    requests = [sent.trace.outcome for sent in done.packets if sent.packet.icmp_type == 8]
    assert requests == ["rejected"] * 10


def test_a_client_that_has_given_up_is_not_connected_by_a_rule_that_opens_later() -> None:
    """The server's retries of its SYN-ACK get through at last: the client's kernel refuses them."""
    lab = prepared()
    world, _ = first_step(lab, "true")
    closed = replace(world, topology=copy.deepcopy(lab).deny("b1", egress=True).topology)
    process = start(f"nc -zv -w 2 {B_PUBLIC} 80", lab.hosts["i-a-public"], T0, "k")
    before, after = step(process, closed), step(process, closed, [(T0 + 2.5, world)])
    assert (after.stderr, after.ends_at, after.exit_code) == (before.stderr, before.ends_at, 1)
    assert [sent.packet.tcp_flags for sent in after.packets if sent.at > T0 + 2.5] == [18, 4]


@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_before_an_opening_depends_on_it(command: str) -> None:
    lab = prepared()
    world, _ = first_step(lab, command)
    closed = deny(lab, world)
    process = start(command, lab.hosts["i-a-public"], T0, command)
    whole = step(process, closed)
    lasts = min(T0 + 300, max([thing.at for thing in (*whole.packets, *whole.output, *whole.effects)] + [T0 + 1]))
    draw = random.Random(command)
    for _ in range(CUTS):
        at = draw.uniform(T0, lasts)
        opened = step(process, closed, [(at, world)])
        assert until(opened, at) == until(whole, at)
        assert opened.ends_at >= at or opened.ends_at == whole.ends_at
