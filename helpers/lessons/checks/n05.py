"""The checks of notebook 05: what the client reported, what the network interfaces recorded, and which rules stand."""

import re
from collections.abc import Mapping
from typing import Any

from helpers.lessons.account_view import AccountView, CheckResult, commands_sent, done, listed, not_attempted, not_yet
from helpers.lessons.faults import last_disturbed
from helpers.lessons.the_lab import APP_SUBNET, CLIENT, VPC_A, VPC_B

# curl's words alone do not tell: without a limit of its own, a timeout (28) ends in "Couldn't connect", too.
# Newer versions of curl than the sandbox's 8.5 write "Could not connect".
REFUSED = re.compile(r"connection refused|curl: \(7\).*could(n't| not) connect", re.IGNORECASE)
SILENT = re.compile(r"timed out|timeout|curl: \(28\)|100% packet loss", re.IGNORECASE)
PATIENCE = 1800
OWN = "05.1"
"""The comment of what the cell of exercise 05.1 sends for the learner."""
_FIELDS = "dst, srcport, dstport, protocol, packets, bytes, start, end"
REJECTED = f"[version, account, interface, src={CLIENT}, {_FIELDS}, action=REJECT, ...]"
# Every inbound rule that lesson 01 makes, in the words of a rule
_FROM_A, _FROM_B = f"from {VPC_A}", f"from {VPC_B}"
_PINGS, _PAGES = {f"icmp {_FROM_A}", f"icmp {_FROM_B}"}, {f"tcp 80 {_FROM_A}", f"tcp 80 {_FROM_B}"}
INBOUND = {
    "sg-public-a": _PINGS | {f"tcp 22 {_FROM_A}"},
    "sg-private-a": _PINGS | {f"tcp 22 {_FROM_A}"},
    "sg-public-b": _PINGS | _PAGES | {f"tcp 22 {_FROM_A}", f"tcp 22 {_FROM_B}"},
    "sg-private-b": _PINGS | _PAGES | {f"tcp 22 {_FROM_B}"},
}
EVERYBODY = ("from 0.0.0.0/0", "from ::/0")


def check_05_1(account: AccountView) -> CheckResult:
    """A line of the learner's own was refused, and one waited for an answer that a filter dropped."""
    account.resource_id("instance", "client-a")
    sent = _own_lines(account)
    if not sent:
        return not_attempted()
    last = _last_words(said(sent[-1]))
    if not any(REFUSED.search(said(command)) for command in sent):
        return not_yet("not-refused", last=last)
    silent = [command for command in sent if SILENT.search(said(command))]
    if not silent:
        return not_yet("no-silence", last=last)
    since = min(command["RequestedDateTime"].timestamp() for command in silent) - 60
    return done() if dropped(account, since) else not_yet("not-dropped")


def _last_words(output: str) -> str:
    """The last line that the program itself wrote: Systems Manager adds one when a command fails."""
    lines = [line for line in output.strip().splitlines() if not line.startswith("failed to run commands")]
    return lines[-1] if lines else "nothing"


def check_05_3(account: AccountView) -> CheckResult:
    """The group of db-b lets VPC A fetch pages again, and no group lets in more than lesson 01 did."""
    if last_disturbed(account.lab, "05.3") is None:
        return not_attempted("unbroken")
    for group, wanted in INBOUND.items():
        there = inbound(account, group)
        extra = there - wanted - {f"tcp 80 from {APP_SUBNET}"}  # the narrow rule may stay: the right one holds it
        if any(rule.endswith(EVERYBODY) for rule in extra):
            return not_yet("too-open", group=group, rules=listed(extra))
        if group != "sg-private-b" and there != wanted:
            return not_yet("wrong-place", group=group, rules=listed(there ^ wanted))
        if wanted - there:
            pages = extra and all(rule.startswith("tcp 80 ") for rule in extra)
            return not_yet("narrow", rules=listed(there)) if pages else not_yet("still")
        if extra:
            return not_yet("too-wide", rules=listed(extra))
    return done()


def inbound(account: AccountView, group: str) -> set[str]:
    """The inbound rules of one of the lab's groups, in words."""
    return {rule.words for rule in account.rules(group) if not rule.egress}


def _own_lines(account: AccountView) -> list[dict[str, Any]]:
    """What the exercise's cell sent to client-a when it was last run: it stops the web server of web-b first."""
    stops = [command for command in commands_sent(account.lab, "web-b") if command.get("Comment") == OWN]
    begun = stops[-2 if len(stops) > 1 else -1]["RequestedDateTime"] if stops else None
    return [
        command
        for command in commands_sent(account.lab, "client-a")
        if command.get("Comment") == OWN and (begun is None or command["RequestedDateTime"] >= begun)
    ]


def said(command: Mapping[str, Any]) -> str:
    """What a command printed."""
    return " ".join(str(plugin.get("Output", "")) for plugin in command.get("CommandPlugins", ()))


def dropped(account: AccountView, since: float) -> bool:
    """Whether an interface rejected packets of client-a since then; waits for records that are on their way."""

    def rejected() -> list[str]:
        return account.lines(REJECTED, since=since)

    try:
        return bool(account.lab.wait_until(rejected, PATIENCE, "record of the silence"))
    except TimeoutError:
        return False
