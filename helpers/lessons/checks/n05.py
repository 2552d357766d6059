"""The checks of notebook 05: what the client heard, what the interfaces wrote, and which rules stand."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from helpers.lessons.scene import Judgement, Scene, commands_sent, done, not_attempted, not_yet

CLIENT = "10.1.0.10"
# curl's words alone do not tell: without a limit of its own, a timeout (28) ends in "Couldn't connect", too.
REFUSED = re.compile(r"connection refused|curl: \(7\).*couldn't connect", re.IGNORECASE)
SILENT = re.compile(r"timed out|timeout|curl: \(28\)|100% packet loss", re.IGNORECASE)
PATIENCE = 1800
_FIELDS = "dst, srcport, dstport, protocol, packets, bytes, start, end"
TURNED_AWAY = f"[version, account, interface, src={CLIENT}, {_FIELDS}, action=REJECT, ...]"
# (protocol, first port, last port, source) of every inbound rule that lesson 01 makes
A, B = "10.1.0.0/16", "10.2.0.0/16"
_PING, _SSH, _HTTP = ("icmp", -1, -1), ("tcp", 22, 22), ("tcp", 80, 80)
INBOUND = {
    "sg-public-a": {(*_PING, A), (*_PING, B), (*_SSH, A)},
    "sg-private-a": {(*_PING, A), (*_PING, B), (*_SSH, A)},
    "sg-public-b": {(*_PING, A), (*_PING, B), (*_SSH, A), (*_SSH, B), (*_HTTP, A), (*_HTTP, B)},
    "sg-private-b": {(*_PING, A), (*_PING, B), (*_SSH, B), (*_HTTP, A), (*_HTTP, B)},
}
EVERYBODY = {"0.0.0.0/0", "::/0"}
ALL_OUT = ("-1", -1, -1, "0.0.0.0/0")


def check_05_1(scene: Scene) -> Judgement:
    """A line of the learner's own was refused, and one waited in vain at a filter that wrote it down."""
    scene.one("instance", "client-a")
    sent = [one for one in commands_sent(scene.lab, "client-a") if not of_the_lesson(one, scene)]
    if not sent:
        return not_attempted()
    last = (said(sent[-1]).strip().splitlines() or ["nothing"])[-1]
    if not any(REFUSED.search(said(one)) for one in sent):
        return not_yet("no-refusal", last=last)
    silent = [one for one in sent if SILENT.search(said(one))]
    if not silent:
        return not_yet("no-silence", last=last)
    since = min(one["RequestedDateTime"].timestamp() for one in silent) - 60
    return done() if dropped(scene, since) else not_yet("not-dropped")


def check_05_3(scene: Scene) -> Judgement:
    """client-a sends to everybody again, and no group lets in more than lesson 01 did."""
    for group, wanted in INBOUND.items():
        there = {shape(rule) for rule in scene.rules(group) if not rule["IsEgress"]}
        if there - wanted and EVERYBODY & {rule[3] for rule in there - wanted}:
            return not_yet("too-open", group=group, rules=told(there - wanted))
        if there != wanted:
            return not_yet("wrong-place", group=group, rules=told(there ^ wanted))
    out = {shape(rule) for rule in scene.rules("sg-public-a") if rule["IsEgress"]}
    if ALL_OUT in out:
        return done()
    if out == {("tcp", 443, 443, "0.0.0.0/0")}:
        return not_attempted()
    reaches = any(protocol == "-1" or (protocol == "tcp" and first <= 80 <= last) for protocol, first, last, _ in out)
    return not_yet("narrow" if reaches else "still-shut", rules=told(out) or "none at all")


def of_the_lesson(command: Mapping[str, Any], scene: Scene) -> bool:
    """Whether a cell of the lesson sent it: those say so in their comment."""
    comment = str(command.get("Comment", ""))
    return comment.startswith((scene.lab.name("05 "), "one ping"))


def said(command: Mapping[str, Any]) -> str:
    """What a command printed."""
    return " ".join(str(plugin.get("Output", "")) for plugin in command.get("CommandPlugins", ()))


def dropped(scene: Scene, since: float) -> bool:
    """Whether an interface turned away packets of client-a since then; waits for records that are on their way."""

    def turned_away() -> list[str]:
        return scene.lines(TURNED_AWAY, since=since)

    try:
        return bool(scene.lab.wait_until(turned_away, PATIENCE, "record of the silence"))
    except TimeoutError:
        return False


def shape(rule: Mapping[str, Any]) -> tuple[str, int, int, str]:
    """A security group's rule as protocol, first and last port, and whom it is for."""
    group = rule.get("ReferencedGroupInfo", {}).get("GroupId")
    whom = rule.get("CidrIpv4") or rule.get("CidrIpv6") or rule.get("PrefixListId") or group or ""
    return str(rule["IpProtocol"]), int(rule.get("FromPort", -1)), int(rule.get("ToPort", -1)), str(whom)


def told(rules: Iterable[tuple[str, int, int, str]]) -> str:
    """Rules in words: ``tcp 443 0.0.0.0/0; all 10.0.0.0/8``."""
    return "; ".join(_in_words(*rule) for rule in sorted(rules))


def _in_words(protocol: str, first: int, last: int, whom: str) -> str:
    ports = "" if first == -1 else f" {first}" if first == last else f" {first}-{last}"
    return f"{'all' if protocol == '-1' else protocol}{ports} {whom}"
