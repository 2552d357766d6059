"""The recorded day in a log group: written in bulk, at the times of the last whole day (UTC).

This is not a call of AWS: the group is as old as its oldest record, because CloudWatch Logs shows no event that is
older than its group.
"""

from helpers.flowlogs import DEFAULT_FORMAT, LogFormat
from helpers.flowlogs.recorded_day import DAY_TAG, day_lines, recorded_day
from helpers.sandbox.calls import Account, Params, ServiceError, asks
from helpers.sandbox.logs.groups import make_group
from helpers.sandbox.logs.state import LogsState
from helpers.sandbox.logs.streams import store_events
from helpers.traffic.scenarios import incident

_DAY = 86_400


@asks("day")
def load_day(account: Account, region: str, params: Params) -> Params:
    """Make the group ``group`` with the tags ``tags``; put the day into it, with the ids of ``ids`` for its own.

    With ``incident``, a prefix: not the day, but what happened there in lesson 15, until the last moment that is over.

    Returns ``start`` and ``end`` (epoch seconds) and ``records``. Raises ResourceAlreadyExistsException for a group
    that is there.
    """
    day, case = recorded_day(), incident(params["incident"]) if params.get("incident") else None
    seconds = case.seconds if case else day.seconds
    start = int((account.now() - seconds) // _DAY) * _DAY
    if params["group"] in account.state(LogsState, region).groups:
        raise ServiceError("ResourceAlreadyExistsException", "The specified log group already exists")
    form = LogFormat.parse(params["format"])
    ids = params["ids"]
    lines = case.lines(start, ids) if case else day_lines(day, form, shift=start - day.start, ids=ids)
    tags = {**params["tags"], DAY_TAG: f"{start}/{start + seconds}"}
    group = make_group(account, region, params["group"], tags=tags, flow_logs=form == DEFAULT_FORMAT)
    group.created_ms = start * 1000
    stored = 0
    for interface, events in lines.items():
        group.streams[f"{interface}-all"] = events[0][0]
        store_events(account, region, group, f"{interface}-all", events)
        stored += len(events)
    return {"start": start, "end": start + seconds, "records": stored}
