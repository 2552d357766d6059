"""All checks over one reading."""

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from helpers._data import data_path
from helpers.health import alarm_checks, delivery_checks, group_checks, role_checks, traffic_checks
from helpers.health.account_values import AccountValues, Thresholds
from helpers.health.health_findings import (
    CheckOutcome,
    Control,
    HealthFinding,
    HealthReport,
    NotEvaluated,
    NotUsed,
    Problem,
    Remark,
    Row,
    Seen,
    Status,
)

Check = Callable[[AccountValues, Thresholds], Iterator[Seen]]
CHECKS: Mapping[str, Check] = {
    "H1": delivery_checks.h1_delivers,
    "H2": delivery_checks.h2_current,
    "H3": delivery_checks.h3_covered,
    "H4": delivery_checks.h4_all_traffic,
    "H5": role_checks.h5_trust,
    "H6": role_checks.h6_managed_group,
    "H7": role_checks.h7_scope,
    "H8": group_checks.h8_retention,
    "H9": group_checks.h9_log_class,
    "H10": delivery_checks.h10_no_gaps,
    "H11": traffic_checks.h11_open_rules,
    "H12": traffic_checks.h12_unused_rules,
    "H13": traffic_checks.h13_routes,
    "H14": group_checks.h14_fields,
    "H15": group_checks.h15_leftovers,
    "H16": alarm_checks.h16_watched,
}

# Kinds of which what was read can be judged by itself, though others of the kind were not; of H15 all kinds are.
_BY_ITSELF = {"roles"}


def examine(
    reading: Mapping[str, Any], thresholds: Thresholds | None = None, *, vpcs: Iterable[str] = ()
) -> HealthReport:
    """Hold a reading of one Region against every check; ``vpcs``: ids of the VPCs to judge, all where none is named.

    What was not read is *not evaluated* and never in order. Raises ``ValueError`` for what is no reading.
    """
    chosen = thresholds or Thresholds()
    try:
        account = AccountValues.of(reading, vpcs)
        outcomes = tuple(_outcome(check_id, account, chosen) for check_id in CHECKS)
        unread = tuple(sorted(account.unread.items()))
    except (LookupError, TypeError, AttributeError, OverflowError) as problem:
        raise ValueError(f"this is no reading of an account: {problem!r}") from problem
    return HealthReport(account.account, account.region, reading["read_at"], outcomes, unread)


@cache
def words() -> Mapping[str, Any]:
    """What ``data/health.toml`` says of each check, by id."""
    document = tomllib.loads(data_path("health.toml").read_text(encoding="utf-8"))
    return {check_id: document[check_id] for check_id in CHECKS}


def _outcome(check_id: str, account: AccountValues, thresholds: Thresholds) -> CheckOutcome:
    """In order is only what was wholly read; and nothing is wrong only because something was not read."""
    said = words()[check_id]
    missing = [kind for kind in said["needs"] if kind in account.unread]
    seen = list(CHECKS[check_id](account, thresholds)) if set(missing) <= _BY_ITSELF or check_id == "H15" else []
    findings = tuple(_finding(check_id, item, thresholds) for item in seen if isinstance(item, Problem))
    hidden = [f"{kind}: {account.unread[kind]}" for kind in missing]
    open_items = [item for item in seen if isinstance(item, NotEvaluated)]
    open_parts = [item.text for item in open_items]
    incomplete = bool(hidden) or any(not item.young for item in open_items)
    unused = [item.text for item in seen if isinstance(item, NotUsed)]
    remarks = [item.text for item in seen if isinstance(item, Remark)]
    status: Status = "ok"
    if findings:
        status = "found"
    elif hidden or open_parts:
        status = "not evaluated"
    elif unused:
        status = "not used here"
    reason = [f"Could not be read: {', '.join(hidden)}." if hidden else "", *open_parts]
    if not hidden:
        reason += [*unused, *remarks]
    return CheckOutcome(check_id, said["title"], status, findings, " ".join(filter(None, reason)), incomplete)


def _finding(check_id: str, problem: Problem, thresholds: Thresholds) -> HealthFinding:
    said = words()[check_id]
    entry = said["problems"][problem.key]
    gaps = {"resource": problem.resource, **problem.facts}
    return HealthFinding(
        check_id,
        problem.key,
        entry["severity"],
        problem.resource,
        entry["says"].format(**gaps),
        _shortened(problem.evidence, thresholds.most_rows),
        tuple(Control(*parts) for parts in said["controls"]),
        said["blind_spot"],
        entry["fix"].format(**gaps),
    )


def _shortened(rows: tuple[Row, ...], most: int) -> tuple[Row, ...]:
    left = len(rows) - most
    return rows if left <= 0 else (*rows[:most], (("and", f"{left} more"),))
