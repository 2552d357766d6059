"""Broken on purpose: one fault in the learner's own network, and the complaint of somebody who suffers from it.

What breaks stands here and not in the notebooks, so that the symptom and the records are all there is to go by. Each
fault starts from the network of notebook 01 and lies only in what that notebook's build cells own, so ``catch_up``
repairs it. Running a fault twice leaves the same fault.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from helpers.lab import Lab
from helpers.lessons.content import exercises
from helpers.lessons.errors import LessonError
from helpers.lessons.scene import commands_sent

A, LAB_WIDE = "10.1.0.0/16", "10.0.0.0/8"
LAST_RETRIES = 65  # seconds: a server repeats an answer that nobody takes for about so long
ONE_WINDOW = 61  # seconds: no window is longer than a minute
_COMMAND_SECONDS = 600
_RUNNING = ("Pending", "InProgress", "Delayed")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What somebody says is wrong, what they typed and saw, and since when (epoch seconds) it can be so.

    No window of a flow log that begins at ``since`` or later holds a packet from before the fault.
    """

    words: str
    typed: str
    saw: str
    since: int

    def __str__(self) -> str:
        shown = "\n".join(f"    {row}" for row in self.saw.splitlines()) or "    (nothing)"
        return f"{self.words}\n\n    client-a $ {self.typed}\n{shown}"

    __repr__ = __str__


@dataclass(frozen=True, slots=True)
class Fault:
    """What breaks, and the line on ``client-a`` that shows it."""

    breaks: Callable[[Lab], None]
    shown_by: str


def disturb(lab: Lab, exercise: str) -> Complaint:
    """Put the network back as notebook 01 builds it, break the one thing that this exercise is about, and complain.

    Takes two minutes of the account's time: packets and windows from before have to be over. Raises ``LessonError``
    where the exercise breaks nothing, and ``LabError`` where the network cannot be put back.
    """
    if str(exercise) not in FAULTS:
        raise LessonError(f"There is nothing to break for {exercise!r}; there is for {', '.join(FAULTS)}.")
    fault = FAULTS[exercise]
    lab.catch_up("02")
    fault.breaks(lab)
    since = lab.now().timestamp() + LAST_RETRIES
    lab.wait_until(lambda: lab.now().timestamp() > since + ONE_WINDOW, 600, "minute without old packets")
    saw = _run(lab, "client-a", fault.shown_by, comment=_comment(lab, exercise))
    return Complaint(exercises()[exercise].messages["complaint"], fault.shown_by, saw, int(since))


def last_disturbed(lab: Lab, exercise: str) -> datetime | None:
    """When the last complaint of this exercise was made, or None: Systems Manager remembers what was typed."""
    sent = commands_sent(lab, "client-a")
    moments = [one["RequestedDateTime"] for one in sent if one.get("Comment") == _comment(lab, exercise)]
    return max(moments, default=None)


def _comment(lab: Lab, exercise: str) -> str:
    return lab.name(f"{exercise} complaint")


def _run(lab: Lab, machine: str, line: str, comment: str = "") -> str:
    ssm = lab.client("ssm")
    where = {"InstanceIds": [lab.find("instance", machine)], "DocumentName": "AWS-RunShellScript"}
    sent = ssm.send_command(**where, Comment=comment, Parameters={"commands": [line]})["Command"]

    def ended() -> Any:
        found = ssm.list_command_invocations(CommandId=sent["CommandId"], Details=True)["CommandInvocations"]
        return [one for one in found if one["Status"] not in _RUNNING]

    done = lab.wait_until(ended, _COMMAND_SECONDS, f"end of a command on {machine}")[0]
    return str(done["CommandPlugins"][0]["Output"]).strip()


def _acl(lab: Lab) -> Any:
    return lab.find("network-acl", "acl-private-b")


def _let_out(lab: Lab, entries: tuple[Mapping[str, Any], ...]) -> None:
    """Let only this leave private-b."""
    ec2, acl = lab.client("ec2"), _acl(lab)
    ec2.delete_network_acl_entry(NetworkAclId=acl, RuleNumber=100, Egress=True)
    for entry in entries:
        ec2.create_network_acl_entry(NetworkAclId=acl, Egress=True, RuleAction="allow", CidrBlock=LAB_WIDE, **entry)


EVERY_PORT = {"From": 0, "To": 65535}
OUT_WITHOUT_ICMP: tuple[Mapping[str, Any], ...] = (
    {"RuleNumber": 100, "Protocol": "6", "PortRange": EVERY_PORT},
    {"RuleNumber": 110, "Protocol": "17", "PortRange": EVERY_PORT},
)
OUT_TO_SERVICES: tuple[Mapping[str, Any], ...] = (
    {"RuleNumber": 100, "Protocol": "1", "IcmpTypeCode": {"Type": -1, "Code": -1}},
    {"RuleNumber": 110, "Protocol": "6", "PortRange": {"From": 80, "To": 80}},
    {"RuleNumber": 120, "Protocol": "6", "PortRange": {"From": 22, "To": 22}},
)


def _half_a_ping(lab: Lab) -> None:
    _let_out(lab, OUT_WITHOUT_ICMP)


def _no_way_for_answers(lab: Lab) -> None:
    _let_out(lab, OUT_TO_SERVICES)


def _an_earlier_entry(lab: Lab) -> None:
    entry = {"RuleNumber": 90, "Protocol": "6", "PortRange": {"From": 80, "To": 80}, "CidrBlock": A}
    ec2 = lab.client("ec2")
    ec2.create_network_acl_entry(NetworkAclId=_acl(lab), Egress=False, RuleAction="deny", **entry)


def _one_way_street(lab: Lab) -> None:
    table = lab.find("route-table", "rt-private-b")
    lab.client("ec2").delete_route(RouteTableId=table, DestinationCidrBlock=A)


def _nobody_home(lab: Lab) -> None:
    reports = {"IpProtocol": "tcp", "FromPort": 8080, "ToPort": 8080}
    reports |= {"IpRanges": [{"CidrIp": A, "Description": "reports"}]}
    group = lab.find("security-group", "sg-public-b")
    lab.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[reports])
    _run(lab, "web-b", 'pkill -f "http.server 8080"')


_PING = "ping -c 4 10.2.1.10"
_PAGE = "curl -sS --max-time 5 -o /dev/null -w 'HTTP %{http_code}' "
FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "08.1": Fault(_half_a_ping, _PING),
        "08.2": Fault(_an_earlier_entry, _PAGE + "http://10.2.1.10/"),
        "08.3": Fault(_no_way_for_answers, _PAGE + "http://10.2.1.10/"),
        "08.4": Fault(_one_way_street, _PING),
        "08.5": Fault(_nobody_home, _PAGE + "http://10.2.0.10:8080/"),
    }
)
