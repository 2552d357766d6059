"""H8, H9, H14 and H15: the log groups, the saved queries, and what the course left."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache

from helpers._data import data_path
from helpers.flowlogs import DEFAULT_FORMAT, FIELDS
from helpers.health.account_values import AccountValues, Thresholds
from helpers.health.health_findings import NotUsed, Problem, Seen, row

_INSIGHTS_NAMES = {
    item.insights_name or re.sub(r"-(\w)", lambda found: found[1].upper(), name): name for name, item in FIELDS.items()
}
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|/(?:\\.|[^/\n])+/|#[^\n]*")
# What Insights refuses in the class INFREQUENT_ACCESS: three commands, and the function unmask.
_REFUSED = re.compile(r"(?:^|\|)\s*(pattern|diff|filterIndex)\b|\b(unmask)\s*\(", re.IGNORECASE)
_ALIAS = re.compile(r"\bparse\b[^|]*?\bas\s+(\w+(?:\s*,\s*\w+)*)|\bas\s+(\w+)", re.IGNORECASE)


@cache
def project() -> str:
    """The value of the tag ``Project`` on everything that the course makes."""
    return str(tomllib.loads(data_path("health.toml").read_text(encoding="utf-8"))["project"])


def h8_retention(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """A retention is set, and lies within the thresholds."""
    if not account.groups:
        yield NotUsed("No flow log delivers to CloudWatch Logs.")
    least, most = thresholds.retention_min_days, thresholds.retention_max_days
    for name, group in account.groups.items():
        days = group.get("retentionInDays")
        if days is None:
            yield Problem("never-expires", name, (row(log_group=name, stored_bytes=group.get("storedBytes", 0)),))
        elif not least <= days <= most:
            key = "too-short" if days < least else "too-long"
            facts = {"days": str(days), "least": str(least), "most": str(most)}
            yield Problem(key, name, (row(log_group=name, retention_in_days=days),), facts)


def h9_log_class(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """The saved queries of a log group of class INFREQUENT_ACCESS do without what that class refuses."""
    cheap = {name for name, group in account.groups.items() if group.get("logGroupClass") == "INFREQUENT_ACCESS"}
    if not cheap:
        yield NotUsed("No flow log delivers to a log group of class INFREQUENT_ACCESS.")
    for query in account.saved_queries:
        found = _REFUSED.findall(_QUOTED.sub(" ", query.get("queryString", "")))
        refused = " ".join(dict.fromkeys(map("".join, found)))
        for group in query.get("logGroupNames", ()):
            if refused and group in cheap:
                facts = {"query": query["name"], "commands": refused}
                yield Problem("commands", group, (row(query=query["name"], commands=refused),), facts)


def h14_fields(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """Insights finds the flow log fields that the saved queries of a log group name.

    Of the default format it finds all; of another none, so a query has to parse them (``insights-custom-format``).
    """
    used = False
    for query in account.saved_queries:
        named = flow_fields(query.get("queryString", ""))
        for group in query.get("logGroupNames", ()):
            formats = [log.format for log in account.flow_logs if log.group == group and log.format]
            used = used or bool(formats)
            missing = named - {name for written in formats if written == DEFAULT_FORMAT for name in written.names}
            if formats and missing:
                evidence = (row(query=query["name"], log_group=group, missing=" ".join(sorted(missing))),)
                yield Problem("missing-fields", group, evidence, {"query": query["name"]})
    if not used:
        yield NotUsed("No saved query names a log group of a flow log.")


def flow_fields(query: str) -> set[str]:
    """The flow log fields that a query names in Insights' spelling, without what it names itself.

    >>> sorted(flow_fields("parse @message '* *' as region, x | stats sum(bytes) by srcAddr, tcpFlags, region, x"))
    ['bytes', 'srcaddr', 'tcp-flags']
    """
    bare = _QUOTED.sub(" ", query)
    own = {word for alias in _ALIAS.finditer(bare) for word in re.findall(r"\w+", alias[1] or alias[2])}
    return {_INSIGHTS_NAMES[word] for word in set(re.findall(r"\w+", bare)) - own if word in _INSIGHTS_NAMES}


def h15_leftovers(account: AccountValues, thresholds: Thresholds) -> Iterator[Seen]:
    """Nothing carries the tags of the course."""
    labs: dict[str, dict[str, list[str]]] = {}
    for kind, mark, resource in account.tagged:
        owner, _, lab = mark.partition("/")
        if owner == project():
            labs.setdefault(lab, {}).setdefault(kind, []).append(resource)
    for lab, kinds in sorted(labs.items()):
        rows = tuple(row(kind=kind, count=len(ids), first=ids[0]) for kind, ids in kinds.items())
        yield Problem("left", lab, rows, {"count": str(sum(map(len, kinds.values()))), "region": account.region})
