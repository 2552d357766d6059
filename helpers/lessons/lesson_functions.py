"""What the lessons build in the open, once each, for the lessons after them."""

import sys
from typing import TYPE_CHECKING, Any

from helpers.flowlogs import read_table
from helpers.lab import Lab
from helpers.lab.query_run import run_query
from helpers.lessons.account_view import AccountView
from helpers.lessons.errors import LessonError
from helpers.lessons.the_lab import MACHINES
from helpers.network import Packet

if TYPE_CHECKING:
    import pandas as pd

_COMMAND_SECONDS = 900
_QUERY_SECONDS = 300
_RUNNING = ("Pending", "InProgress", "Delayed")


def run_on(lab: Lab, instance_name: str, *lines: str, comment: str = "") -> str:
    """As built in lesson 05: type shell lines on an instance (``web-b``), wait for their end, and return the output.

    The output is what the lines wrote to standard output, and after it what they wrote to standard error. Systems
    Manager keeps ``comment`` beside the command. Raises ``LessonError`` where the lab has no such instance, and
    ``TimeoutError`` where the command has not ended after 15 minutes.
    """
    instance, ssm = lab.find("instance", instance_name), lab.client("ssm")
    if instance is None:
        raise LessonError(f"The lab has no instance {instance_name!r}. Lesson 01 creates its instances.")
    order = {"DocumentName": "AWS-RunShellScript", "Comment": comment, "Parameters": {"commands": [*lines]}}
    command_id = ssm.send_command(InstanceIds=[instance], **order)["Command"]["CommandId"]

    def ended() -> Any:
        try:
            found = ssm.get_command_invocation(CommandId=command_id, InstanceId=instance)
        except ssm.exceptions.InvocationDoesNotExist:
            return None  # Systems Manager does not know yet which instances the command went to
        return None if found["Status"] in _RUNNING else found

    found = lab.wait_until(ended, _COMMAND_SECONDS, f"end of a command on {instance_name}")
    written = (found["StandardOutputContent"], found["StandardErrorContent"])
    return "\n".join(text.rstrip("\n") for text in written if text)


def names_of(lab: Lab) -> dict[str, str]:
    """As built in lesson 01: the names in pictures, by resource id, without the lab's prefix: ``web-b``."""
    tags = lab.client("ec2").describe_tags(Filters=[{"Name": "key", "Values": ["Name"]}])["Tags"]
    return {tag["ResourceId"]: tag["Value"].removeprefix(f"{lab.prefix}-") for tag in tags}


def packet_between(lab: Lab, source: str, target: str, port: int = 0) -> Packet:
    """The first packet of a conversation, for ``trace`` and ``packet_path_figure``: of a ping, or of TCP to ``port``.

    ``source`` names an instance of the lab (``client-a``), ``target`` another one, or is an address. Raises
    ``LessonError`` where the lab has no instance ``source``.
    """
    addresses = {name: address for address, name in MACHINES.items()}
    tcp = {"src_port": 40000, "dst_port": port, "tcp_flags": 2}
    kind: dict[str, int] = tcp if port else {"icmp_type": 8, "icmp_code": 0}
    sender = AccountView(lab).interfaces.get(addresses.get(source, ""))
    if sender is None:
        raise LessonError(f"The lab has no instance {source!r}. Lesson 01 creates its instances.")
    to = addresses.get(target, target)
    return Packet(addresses[source], to, 6 if port else 1, **kind, source_interface=sender)


def records(lab: Lab, since: float, until: float | None = None) -> "pd.DataFrame":
    """As built in lesson 06: the flow records of the lab's log group whose ``start`` is in a time range, as a table.

    ``since`` and ``until`` are in epoch seconds and belong to the range; without ``until`` it has no end. There is a
    column for each field of the default format, typed as ``read_table`` does it, and two more: ``line`` is the record
    as it was written, and ``instance`` the name (``web-b``) of the instance whose network interface wrote it. It is
    ``"nan"`` for a network interface that no instance of the lab has now.
    """
    where: dict[str, Any] = {"logGroupName": f"/{lab.prefix}/vpc-flow-logs", "startTime": int(since * 1000)}
    where |= {} if until is None else {"endTime": int(until * 1000)}
    lines = list(lab.client("logs").get_paginator("filter_log_events").paginate(**where).search("events[].message"))
    table = read_table(lines).assign(line=lines).astype({"line": "str"})  # a column of no lines would be of floats
    names = dict(AccountView(lab).instances) if lines else {}
    return table.assign(instance=table.interface_id.map(names).astype("str"))


def ask(lab: Lab, query: str, since: float, until: float | None = None, *, group: str = "") -> "pd.DataFrame":
    """As built in lesson 07: put a Logs Insights query to the lab's log group, wait for its end, return its rows.

    ``since`` and ``until`` are in epoch seconds and belong to the range, which ends now without ``until``; ``group``
    names another log group. Numbers and times come as such, what a record lacks as NA. A field in another letter case
    is said on standard error. Raises what boto3 raises, RuntimeError where the query does not complete, TimeoutError.
    """
    from helpers.insights import as_frame, case_remarks  # takes half a second to load

    end = lab.now().timestamp() if until is None else until
    span = {"startTime": int(since), "endTime": int(end)}
    where = {"logGroupName": group or f"/{lab.prefix}/vpc-flow-logs", **span}
    table = as_frame(run_query(lab, _QUERY_SECONDS, **where, queryString=query))
    for remark in case_remarks(query, table.columns):
        print(remark, file=sys.stderr)
    return table


def both_ends(lab: Lab, since: float, one: str, other: str) -> "pd.DataFrame":
    """As built in lesson 08: what two instances (``client-a``, ``db-b``) recorded about private addresses.

    First waits until the network interface of each has written a record that ends after this moment, so that nothing
    before it is still missing. The rows are those of :func:`records` from ``since`` (epoch seconds) on. Raises
    ``LessonError`` that names who has written no later record after 40 minutes.
    """
    now = lab.now().timestamp()
    try:
        lab.wait_until(lambda: {one, other} <= _written_after(lab, now), 2400, "later record")
    except TimeoutError:
        silent = " and ".join(sorted({one, other} - _written_after(lab, now)))
        look = "Does a flow log watch it, and how did its last delivery end? describe_flow_logs shows both."
        raise LessonError(f"For 40 minutes no record came from {silent}, not even NODATA. {look}") from None
    table = records(lab, since)
    private = table.srcaddr.str.startswith("10.") & table.dstaddr.str.startswith("10.")
    return table[table.instance.isin([one, other]) & private.fillna(value=False).astype(bool)]


def fresh_window(lab: Lab) -> float:
    """As built in lesson 08: wait for a minute, so that no record mixes the packets before and after this moment.

    Returns the moment at which the wait began, in epoch seconds.
    """
    begun = lab.now().timestamp()
    lab.wait_until(lambda: lab.now().timestamp() > begun + 61, 600, "minute of its own")
    return begun


def _written_after(lab: Lab, moment: float) -> set[str]:
    recent = records(lab, moment - 660)  # no window is longer than ten minutes
    return set(recent[recent.end >= moment].instance)
