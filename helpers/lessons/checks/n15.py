"""The eight milestones of the incident: free answers against its records, and the containment in new ones."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any

from helpers.flowlogs.moments import moment
from helpers.lessons.account_view import AccountView, CheckEnded, CheckResult, done, not_attempted, not_yet
from helpers.lessons.answers import is_empty, plain
from helpers.lessons.free_form import address, near, number, seconds_apart, size
from helpers.lessons.milestones import ADDRESSES, Truth, truth_of
from helpers.lessons.the_lab import CLIENT, MACHINES, WEB
from helpers.network import Cidr, GroupRule
from helpers.network.addresses import parse_cidr
from helpers.traffic.scenarios.incident import ADMIN

_MINUTE = 60
_TCP = 6
_NOT_OUTSIDE = [parse_cidr(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", f"{ADMIN}/32")]
_VENDORS = ip_network("192.0.2.64/27")
_NEW = 1800  # seconds: how fresh the records are that prove a containment
Form = tuple[str, Callable[[Any], Any]]


def check_15_1(account: AccountView) -> CheckResult:
    """Silent since when, and which instance was still heard?"""
    truth, said = _asked(account, vpc=_NAME, since=_MOMENT, alive=_INSTANCE)
    silent = truth.story.path[0][-1]
    if not _names(account, said["vpc"], "vpc", f"vpc-{silent}"):
        return not_yet("other-vpc", vpc=said["vpc"])
    apart = seconds_apart(said["since"], truth.silence)
    if abs(apart) > 2 * _MINUTE:
        return not_yet("late" if apart > 0 else "early")
    return done() if said["alive"][-1] != silent else not_yet("silent-too", instance=said["alive"])


def check_15_2(account: AccountView) -> CheckResult:
    """Which rule let them in, and since when?"""
    truth, said = _asked(account, group=_NAME, port=_NUMBER, source=_TEXT, opened=_MOMENT)
    if not _names(account, said["group"], "security-group", truth.story.entry_group):
        return not_yet("other-group", group=said["group"])
    if said["port"] != 22:
        return not_yet("other-port", port=f"{said['port']:g}")
    if said["source"].strip() != "0.0.0.0/0":
        return not_yet("other-source", source=said["source"])
    before, after = (seconds_apart(said["opened"], at) for at in truth.opened)
    return not_yet("before") if before < -_MINUTE else not_yet("after") if after > _MINUTE else done()


def check_15_3(account: AccountView) -> CheckResult:
    """Who scanned, how many ports, and which of them let the packet in?"""
    truth, said = _asked(account, source=_ADDRESS, ports=_NUMBER, answered=_PORTS)
    if ip_address(said["source"]) in _VENDORS:
        return not_yet("announced")
    if said["source"] != truth.at("SCAN"):
        return not_yet("other-scanner", source=said["source"])
    if not near(said["ports"], len(truth.scanned)):
        return not_yet("ports", ports=f"{said['ports']:g}")
    return done() if set(said["answered"]) == truth.answered else not_yet("answered")


def check_15_4(account: AccountView) -> CheckResult:
    """Who guessed, and how often?"""
    truth, said = _asked(account, source=_ADDRESS, attempts=_NUMBER)
    if said["source"] == truth.at("LOGIN"):
        return not_yet("one-session")
    if said["source"] != truth.at("GUESS"):
        return not_yet("other-source", source=said["source"])
    if near(said["attempts"], 2 * truth.attempts, 0.15) and not near(said["attempts"], truth.attempts):
        return not_yet("both-ways")
    return done() if near(said["attempts"], truth.attempts) else not_yet("attempts")


def check_15_5(account: AccountView) -> CheckResult:
    """Which login won: from where, when, for how long?"""
    truth, said = _asked(account, source=_ADDRESS, at=_MOMENT, minutes=_NUMBER)
    if said["source"] == ADMIN:
        return not_yet("admin")
    if said["source"] == truth.at("GUESS"):
        return not_yet("guesser")
    if said["source"] != truth.at("LOGIN"):
        return not_yet("other-source", source=said["source"])
    start, end = truth.login
    if abs(seconds_apart(said["at"], start)) > 2 * _MINUTE:
        return not_yet("at")
    right = (end - start) / 60
    return done() if abs(said["minutes"] - right) <= max(0.05 * right, 2) else not_yet("minutes")


def check_15_6(account: AccountView) -> CheckResult:
    """The way inside, and who refused whom."""
    truth, said = _asked(account, hosts=_HOSTS, refused=_INSTANCE)
    path = truth.story.path
    if set(said["hosts"]) != set(path):
        return not_yet("others")
    if said["hosts"] != list(path):
        return not_yet("order")
    return done() if said["refused"] == path[2] else not_yet("refused", instance=said["refused"])


def check_15_7(account: AccountView) -> CheckResult:
    """What left, to whom; and what is known of the rest."""
    truth, said = _asked(account, to=_ADDRESS, stolen=_SIZE, moved=_SIZE, left=_LEFT)
    if ip_address(said["to"]) in _VENDORS:
        return not_yet("backup")
    if said["to"] == truth.at("C2"):
        return not_yet("beacon")
    if said["to"] != truth.at("DROP"):
        return not_yet("other-target", target=said["to"])
    for key, right in (("stolen", truth.stolen), ("moved", truth.moved)):
        if not near(said[key], right):
            return _other_size(key, said[key], right)
    return done() if said["left"] == "unknown" else not_yet("left", left=said["left"])


def check_15_8(account: AccountView) -> CheckResult:
    """Which instance called EC2, what proves who; and the containment, in new records."""
    truth, said = _asked(account, instance=_INSTANCE, proof=_TEXT)
    entry = truth.story.path[0]
    if said["instance"] != entry:
        return not_yet("other-instance", instance=said["instance"])
    if "cloudtrail" not in plain(said["proof"]).replace(" ", ""):
        return not_yet("proof", proof=said["proof"])
    return _still_open(account, truth) or _contained(account, truth)


def _still_open(account: AccountView, truth: Truth) -> CheckResult | None:
    """What of the attacker's changes is still there."""
    entry = truth.story.path[0]
    instances = account.client("ec2").describe_instances(Filters=account.lab.tag_filters(entry))["Reservations"]
    states = {each["State"]["Name"] for one in instances for each in one["Instances"]}
    if "running" not in states:
        return not_yet("stopped", instance=entry)
    for rule in account.rules(truth.story.entry_group):
        if not rule.egress and _lets_in_ssh(rule) and any(map(_outside, rule.cidrs)):
            return not_yet("rule-open", source=rule.source)
    vpc = account.resource_id("vpc", f"vpc-{entry[-1]}")
    logs = account.client("ec2").describe_flow_logs(Filter=[{"Name": "resource-id", "Values": [vpc]}])["FlowLogs"]
    own = [each for each in logs if (each.get("LogGroupName"), each["TrafficType"]) == (account.log_group, "ALL")]
    if not own:
        return not_yet("unwatched", vpc=f"vpc-{entry[-1]}")
    return None if own[0].get("DeliverLogsStatus") == "SUCCESS" else not_yet("no-delivery")


def _lets_in_ssh(rule: GroupRule) -> bool:
    return rule.protocol is None or (rule.protocol == _TCP and rule.from_port <= 22 <= rule.to_port)


def _outside(block: Cidr) -> bool:
    """Whether a block holds addresses that are neither private nor the administrator's."""
    return not any(each.first <= block.first and block.last <= each.last for each in _NOT_OUTSIDE)


def _contained(account: AccountView, truth: Truth) -> CheckResult:
    """The newest record of each conversation, at the instance that the attacker entered."""
    now = account.lab.now().timestamp()
    found = account.records(since=now - _NEW)
    found = found[(found.instance == truth.story.path[0]) | (found.instance == "web-b")]
    entry = truth.at("ENTRY")
    ends = {"beacon": (entry, truth.at("C2")), "drop": (entry, truth.at("DROP"))}
    both = {"admin": ((ADMIN, entry), (entry, ADMIN)), "web": ((CLIENT, WEB), (WEB, CLIENT))}
    for key, source, target in [
        *((key, *pair) for key, pair in ends.items()),
        *((key, *pair) for key, pairs in both.items() for pair in pairs),
    ]:
        own = found[(found.srcaddr == source) & (found.dstaddr == target)].sort_values("start")
        if own.empty:
            return not_yet("no-record", source=source, target=target)
        if (own.action.iloc[-1] == "REJECT") != (key in ends):
            first, second = ends[key] if key in ends else both[key][0]
            return not_yet(key, source=first, target=second)
    return done()


# --- reading an answer ----------------------------------------------------------------------------------------------


def _instance(value: Any) -> str | None:
    name = MACHINES.get(address(value) or "", str(value).strip().lower())
    return next((known for known in ADDRESSES if name == known or name.endswith(f"-{known}")), None)


def _names(account: AccountView, said: str, kind: str, name: str) -> bool:
    """Whether somebody means a resource of the lab: by its short name, its whole name or its id."""
    return said in (name, f"{account.lab.prefix}-{name}") or said == account.resource_id(kind, name)


def _items(value: Any) -> list[Any] | None:
    """The parts of a list, of a set, or of a column of a table."""
    parts = value.tolist() if hasattr(value, "tolist") else value
    return list(parts) if isinstance(parts, list | tuple | set | frozenset) else None


def _instances(value: Any) -> list[str] | None:
    names = [_instance(each) for each in _items(value) or [None]]
    return None if None in names else [str(name) for name in names]


def _ports(value: Any) -> list[float] | None:
    numbers = [number(each) for each in _items(value) or [value]]
    return None if None in numbers else [float(each or 0) for each in numbers]


_NAME: Form = ("a name in quotes", lambda value: plain(value) if isinstance(value, str) else None)
_TEXT: Form = ("a text in quotes", lambda value: value if isinstance(value, str) else None)
_NUMBER: Form = ("a number", number)
_MOMENT: Form = ('a time such as "00:40" or "2026-01-02T00:40"', moment)
_ADDRESS: Form = ("an address in quotes", address)
_SIZE: Form = ('bytes, or a text such as "120 MB"', size)
_INSTANCE: Form = ("the name of an instance, such as `web-b`", _instance)
_LEFT: Form = (
    '"yes", "no" or "unknown"',
    lambda value: next((w for w in ("yes", "no", "unknown") if plain(value) == w), None),
)
_HOSTS: Form = ("a list of names such as `web-b`", _instances)
_PORTS: Form = ("a list of numbers", _ports)


def _asked(account: AccountView, **forms: Form) -> tuple[Truth, dict[str, Any]]:
    """The truth, and the answer read; ends the check where a part is missing or cannot be read."""
    if not account.groups(group := f"/{account.lab.prefix}/incident").get(group):
        raise CheckEnded(not_attempted("no-case"))
    answer = account.answer
    if not isinstance(answer, Mapping) or set(forms) - set(answer):
        keys = ", ".join(f"`{name}`" for name in forms)
        given = "a dictionary with other keys" if isinstance(answer, Mapping) else f"of type {type(answer).__name__}"
        raise CheckEnded(not_yet("type", given=given, expected=f"a dictionary with {keys}"))
    if gaps := [f"`{name}`" for name in forms if is_empty(answer[name])]:
        outcome = not_attempted if len(gaps) == len(forms) else not_yet
        raise CheckEnded(outcome("parts", names=", ".join(gaps)))
    said = {name: read(answer[name]) for name, (_, read) in forms.items()}
    for name, (form, _) in forms.items():
        if said[name] is None:
            raise CheckEnded(not_yet("form", name=name, value=answer[name], form=form))
    return truth_of(account.lab), said


def _other_size(key: str, said: float, right: int) -> CheckResult:
    """A number of bytes that is not right, and why perhaps."""
    if near(said, 2 * right):
        return not_yet("both-ends", part=key)
    return not_yet("unit" if said < right / 900 else "size", part=key)
