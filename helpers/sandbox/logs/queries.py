"""Logs Insights through the API: start, poll, page, stop and list queries.

A query's rows are those of its start, whatever comes in while it runs (:mod:`query_runs`); its status passes through
Scheduled and Running in virtual time. A poll reports the status of its moment and then moves the clock to the next one,
so any client's polling loop ends after three polls, the third of which waits until the rows are there.
"""

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.iam import authorization
from helpers.sandbox.logs import results
from helpers.sandbox.logs.names import (
    DAY_MS,
    horizon_ms,
    invalid,
    make_token,
    name_in,
    now_ms,
    paged,
    read_token,
    state_of,
)
from helpers.sandbox.logs.state import LogGroup, LogsState, QueryRun, QueryStatus

if TYPE_CHECKING:
    from helpers.sandbox.logs.query_execution import Compiled

SCHEDULED_MS = 2_000
"""How long a query waits, and ..."""
RUNNING_MS = 1_000
"""... how long it then runs: AWS documents neither; most small queries take a second or two."""
KEPT_MS = 7 * DAY_MS
MOST_GROUPS = 50
MOST_CONCURRENT = {"CWLI": 100, "SQL": 15}
PAGE_ROWS = 10_000
_IN_PROGRESS = ("Scheduled", "Running")
_MILLISECONDS_FROM = 100_000_000_000
"""As seconds this is the year 5138: a caller who says it means milliseconds."""


@replaces("logs", "StartQuery")
def start_query(call: Call, account: Account) -> Params:
    """Compile the query, fix what it reads, let it run, and give its id."""
    # The engine takes half a second to load: a start need not wait for it.
    from helpers.sandbox.logs import query_execution, query_runs

    params = call.params
    language = params.get("queryLanguage", "CWLI")
    _check_language(language, params)
    _check_range(params["startTime"], params["endTime"])
    state = state_of(call, account)
    compiled = query_execution.compiled(account, params["queryString"], language)
    query_execution.check_lookups(compiled, state.lookup_tables)
    _check_sources(call, account, state, compiled)
    groups = _groups(call, account, state, compiled)
    _check_reach(account, groups, params)
    now = now_ms(account)
    _drop_old(account, state, now)
    same = [query for query in state.queries.values() if query.language == language]
    most = MOST_CONCURRENT[language]
    if sum(status_at(query, now, "Complete") in _IN_PROGRESS for query in same) >= most:
        raise ServiceError("LimitExceededException", f"At most {most} queries can run at the same time.")
    query = QueryRun(
        id=str(uuid.UUID(int=account.random("queryId").getrandbits(128), version=4)),
        text=params["queryString"],
        groups=tuple(group.name for group in groups),
        start=params["startTime"],
        end=params["endTime"],
        limit=params.get("limit"),
        started_ms=now,
        caller=call.caller.arn,
        language=language,
    )
    if not account.replaying:
        query_runs.begin(account, call.region, groups, query)
    state.queries[query.id] = query
    return {"queryId": query.id}


def _check_language(language: str, params: Params) -> None:
    if language not in MOST_CONCURRENT:
        raise invalid(f"The sandbox does not simulate the query language {language}: use CWLI or SQL.")
    if language == "SQL" and params.get("limit", 0) > PAGE_ROWS:
        raise invalid(f"A limit above {PAGE_ROWS} is for Logs Insights QL only.")


def _check_range(start: int, end: int) -> None:
    for name, value in (("startTime", start), ("endTime", end)):
        if value >= _MILLISECONDS_FROM:
            raise invalid(
                f"{name} is {value}, which looks like milliseconds. StartQuery takes epoch seconds: divide by 1000."
            )
    if end < start:
        raise invalid("End time should not be before the start time.")


def _check_reach(account: Account, groups: list[LogGroup], params: Params) -> None:
    """Refuse a range that ends before every group was made, or before what its retention keeps.

    With AWS's sentence, which several public repositories quote; the numbers are the place in the query.
    """
    end_ms, length = params["endTime"] * 1000 + 999, len(params["queryString"])
    if any(end_ms >= max(group.created_ms, horizon_ms(account, group)) for group in groups):
        return
    message = (
        "Query's end date and time is either before the log groups creation time or exceeds the log groups log "
        f"retention settings ([0,{length}])"
    )
    place = {"startCharOffset": 0, "endCharOffset": length}
    raise ServiceError("MalformedQueryException", message, queryCompileError={"location": place, "message": message})


def _groups(call: Call, account: Account, state: LogsState, compiled: "Compiled") -> list[LogGroup]:
    """The 1 to 50 groups that exactly one parameter, or a SOURCE command, names."""
    from helpers.sandbox.logs import query_execution

    params = call.params
    given = [key for key in ("logGroupName", "logGroupNames", "logGroupIdentifiers") if params.get(key)]
    sourced = query_execution.sources(compiled, state.groups, account.account_id)
    if sourced is not None:
        if given:
            clause = "FROM" if params.get("queryLanguage") == "SQL" else "SOURCE"
            raise invalid(f"The query names its log groups with {clause}: leave out {given[0]}.")
        if compiled.source and compiled.source.group:
            _existing(account, state, compiled.source.group)
        return _checked(sourced, compiled)
    if len(given) != 1:
        raise invalid(
            "Specify exactly one of logGroupName, logGroupNames or logGroupIdentifiers."
            + (f" Given: {', '.join(given)}." if given else "")
        )
    asked = params[given[0]]
    names = [asked] if isinstance(asked, str) else asked
    if len(names) > MOST_GROUPS:
        raise _wrong_number(len(names))
    named = dict.fromkeys(name_in(call, account, name) for name in names)
    return _checked([_existing(account, state, name) for name in named], compiled)


def _check_sources(call: Call, account: Account, state: LogsState, compiled: "Compiled") -> None:
    """Refuse a log group that the query names with SOURCE and that is not there, or that the caller may not query."""
    inner = compiled.inner_groups
    named = (*inner, *([compiled.source.group] if compiled.source and compiled.source.group else []))
    if named:
        authorization.gate(replace(call, params={"logGroupNames": list(named)}), account)
    if inner:
        _checked([_existing(account, state, name) for name in inner], compiled)


def _existing(account: Account, state: LogsState, name: str) -> LogGroup:
    if name not in state.groups:
        message = f"Log group '{name}' does not exist for account ID '{account.account_id}'"
        raise ServiceError("ResourceNotFoundException", message)
    return state.groups[name]


def _checked(groups: list[LogGroup], compiled: "Compiled") -> list[LogGroup]:
    if not 1 <= len(groups) <= MOST_GROUPS:
        raise _wrong_number(len(groups))
    for group in groups:
        if group.log_class == "DELIVERY":
            raise invalid(f"Log group {group.name} is of class DELIVERY, which has no Logs Insights queries.")
        if compiled.standard_only and group.log_class != "STANDARD":
            command = compiled.standard_only
            raise invalid(f"{command} is not supported for log groups of class {group.log_class}: {group.name}.")
    return groups


def _wrong_number(count: int) -> ServiceError:
    return invalid(f"A query takes 1 to {MOST_GROUPS} log groups, not {count}.")


def _drop_old(account: Account, state: LogsState, now: int) -> None:
    """Results are kept for seven days."""
    for query_id in [query.id for query in state.queries.values() if query.started_ms + KEPT_MS < now]:
        del state.queries[query_id]
        results.forget(account.events, query_id)


def status_at(query: QueryRun, now: int, final: QueryStatus) -> QueryStatus:
    """The status at a moment; ``final`` is what a finished query is: Complete, Failed or Timeout."""
    if query.cancelled:
        return "Cancelled"
    if now < query.started_ms + SCHEDULED_MS:
        return "Scheduled"
    return "Running" if now < query.started_ms + SCHEDULED_MS + RUNNING_MS else final


def _result(account: Account, region: str, query: QueryRun) -> results.Result:
    """The fixed result. Raises ``WithoutLock`` where it is not there yet."""
    from helpers.sandbox.logs import query_runs

    return query_runs.result_of(account, region, query)


def finished_rows(call: Call, account: Account, query_id: str) -> list[results.Row]:
    """The rows of a complete query, for a lookup table made of them. Raises InvalidParameterException."""
    query = state_of(call, account).queries.get(query_id)
    if query is None or _status(account, call.region, query) != "Complete":
        raise invalid(f"There is no complete query {query_id}.")
    rows: list[results.Row] = _result(account, call.region, query)["rows"]
    return rows


def _status(account: Account, region: str, query: QueryRun) -> QueryStatus:
    status = status_at(query, now_ms(account), "Complete")
    return _summary(account, region, query)[0] if status == "Complete" else status


def _summary(account: Account, region: str, query: QueryRun) -> tuple[QueryStatus, float]:
    if query.summary is None:
        result = _result(account, region, query)
        query.summary = result["status"], result["statistics"]["bytesScanned"]
    return query.summary


def _let_pass(account: Account, query: QueryRun, status: QueryStatus) -> None:
    """A poll of something in progress moves the clock to its next status."""
    if status == "Scheduled":
        account.wait_for((query.started_ms + SCHEDULED_MS) / 1000)
    elif status == "Running":
        account.wait_for((query.started_ms + SCHEDULED_MS + RUNNING_MS) / 1000)


def _found(call: Call, account: Account) -> QueryRun:
    query = state_of(call, account).queries.get(call.params["queryId"])
    if query is None or query.started_ms + KEPT_MS < now_ms(account):
        raise ServiceError(
            "ResourceNotFoundException",
            f"Query {call.params['queryId']} does not exist in {call.region}; results are kept for 7 days.",
        )
    return query


@replaces("logs", "GetQueryResults")
def get_query_results(call: Call, account: Account) -> Params:
    """The status of this moment and, when complete, one page of rows."""
    from helpers.sandbox.logs import query_execution

    query = _found(call, account)
    offset = _offset(call.params, query)
    status = _status(account, call.region, query)
    reply: Params = {
        "queryLanguage": query.language,
        "results": [],
        "statistics": dict(query_execution.NOTHING),
        "status": status,
    }
    if status == "Complete":
        result = _result(account, call.region, query)
        size = call.params.get("maxItems") or PAGE_ROWS
        reply["results"] = [
            query_execution.cells(result, call.region, number)
            for number in range(offset, min(offset + size, len(result["rows"])))
        ]
        reply["statistics"] = result["statistics"]
        if offset + size < len(result["rows"]):
            reply["nextToken"] = make_token(f"{query.id}.{offset + size}")
    _let_pass(account, query, status)
    return reply


def _offset(params: Params, query: QueryRun) -> int:
    if "nextToken" not in params:
        return 0
    query_id, _, offset = read_token(params["nextToken"]).partition(".")
    if query_id != query.id or not offset.isdecimal():
        raise invalid("The specified nextToken is invalid.")
    return int(offset)


@replaces("logs", "StopQuery")
def stop_query(call: Call, account: Account) -> Params:
    """Cancel a query that is waiting or running; anything else is an error, as in AWS."""
    from helpers.sandbox.logs import query_runs

    query = _found(call, account)
    status = status_at(query, now_ms(account), "Complete")
    if status not in _IN_PROGRESS:
        raise invalid(f"Query {query.id} is not running: its status is {status}.")
    query.cancelled = True
    query_runs.stop(account, query.id)
    return {"success": True}


@replaces("logs", "DescribeQueries")
def describe_queries(call: Call, account: Account) -> Params:
    """Queries of the last seven days, the newest first."""
    params = call.params
    language = params.get("queryLanguage")
    now, wanted = now_ms(account), params.get("status")
    chosen = []
    for query in state_of(call, account).queries.values():
        if query.started_ms + KEPT_MS < now or params.get("logGroupName", query.groups[0]) not in query.groups:
            continue
        if language not in (None, query.language):
            continue
        status = _status(account, call.region, query)
        if wanted in (None, status):
            chosen.append((query, status))
    page, token = paged(
        chosen,
        lambda pair: f"{pair[0].started_ms:016d}{pair[0].id}",
        {**params, "limit": params.get("maxResults")},
        size=1000,
        descending=True,
    )
    reply = {
        "queries": [_describe(account, call.region, query, status) for query, status in page],
        **({"nextToken": token} if token else {}),
    }
    for query, status in reversed(page):
        _let_pass(account, query, status)
    return reply


def _describe(account: Account, region: str, query: QueryRun, status: QueryStatus) -> Params:
    sources = " ".join(f'"{name}"' for name in query.groups)
    range_ = f"START={query.start}000 END={query.end}999"
    entry: dict[str, Any] = {
        "queryLanguage": query.language,
        "queryId": query.id,
        "queryString": query.text if query.language == "SQL" else f"SOURCE {sources} {range_} | {query.text}",
        "status": status,
        "createTime": query.started_ms,
        "userIdentity": query.caller,
    }
    if len(query.groups) == 1:
        entry["logGroupName"] = query.groups[0]
    if status == "Complete":
        entry["queryDuration"] = RUNNING_MS
        entry["bytesScanned"] = _summary(account, region, query)[1]
    return entry
