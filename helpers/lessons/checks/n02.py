"""The checks of notebook 02: a group for the auditors, one created in a hurry, and those that never expire."""

from collections.abc import Mapping
from typing import Any

from helpers.lessons.account_view import AccountView, CheckResult, done, listed, not_attempted, not_yet

AUDIT_DAYS, REHEARSAL_DAYS = 90, 30


def check_02_1(account: AccountView) -> CheckResult:
    """The auditors' group: its class, its retention, its tags."""
    name = f"/{account.lab.prefix}/audit"
    group = account.groups(name).get(name)
    if group is None:
        found = _under_another_name(account)
        return not_yet("wrong-name", found=found, name=name) if found else not_attempted()
    return _settings(account, group, "INFREQUENT_ACCESS", AUDIT_DAYS)


def check_02_3(account: AccountView) -> CheckResult:
    """The group of somebody in a hurry was created again, in the class that can be read."""
    name = f"/{account.lab.prefix}/rehearsal"
    group = account.groups(name).get(name)
    if group is None:
        return not_yet("gone", name=name)
    if group.get("logGroupClass") == "INFREQUENT_ACCESS" and group.get("deletionProtectionEnabled"):
        return not_attempted()
    return _settings(account, group, "STANDARD", REHEARSAL_DAYS)


def _settings(account: AccountView, group: Mapping[str, Any], class_: str, days: int) -> CheckResult:
    """Whether a group has this class, this retention and the lab's tags."""
    name, given = group["logGroupName"], group.get("logGroupClass", "STANDARD")
    if given != class_:
        return not_yet("class", name=name, given=given)
    if "retentionInDays" not in group:
        return not_yet("endless", name=name)
    if group["retentionInDays"] != days:
        return not_yet("retention", name=name, given=group["retentionInDays"])
    if missing := account.tags_amiss(account.group_tags(group)):
        return not_yet("no-tags", name=name, missing=listed(missing), arn=group["arn"].removesuffix(":*"))
    return done()


def _under_another_name(account: AccountView) -> str | None:
    """A group that was meant for the auditors, by its name, class or retention, under another name than asked for."""
    prefix = account.lab.prefix
    starts = (f"/{prefix}/", f"/{prefix}-audit", f"{prefix}/audit", f"{prefix}-audit", "/audit", "audit")
    for name, group in (pair for start in starts for pair in account.groups(start).items()):
        meant = group.get("logGroupClass") == "INFREQUENT_ACCESS" or group.get("retentionInDays") == AUDIT_DAYS
        if "audit" in name.casefold() or (meant and name != f"/{prefix}/rehearsal"):
            return name
    return None


def check_02_2(account: AccountView) -> CheckResult:
    """Every group of the lab without a retention is in the learner's list, and no other."""
    given, groups = account.answer, account.groups(f"/{account.lab.prefix}/")
    endless = {name for name, group in groups.items() if "retentionInDays" not in group}
    if isinstance(given, str | Mapping):
        return not_yet("not-list", given="one text" if isinstance(given, str) else "a dictionary")
    try:
        names = list(given)
    except TypeError:
        return not_yet("not-list", given=f"of type {type(given).__name__}")
    for name in names:
        if not isinstance(name, str):
            return not_yet(
                "not-names", kind="descriptions" if isinstance(name, Mapping) else f"a {type(name).__name__}"
            )
        if name not in groups:
            return not_yet("stranger", name=name)
        if name not in endless:
            return not_yet("too-many", name=name, days=groups[name]["retentionInDays"])
    named = endless & set(names)
    return done() if named == endless else not_yet("too-few", given=len(named), there=len(endless))
