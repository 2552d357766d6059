"""StartQueryExecution and what follows it: states in virtual time, results in pages, and the file in S3.

Source: Amazon Athena API Reference, and "Work with query results and recent queries" (Amazon Athena User Guide).
"""

import re
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from helpers.sandbox.athena.catalog import Answer, AthenaFailure, Catalog, bucket_and_key, invalid
from helpers.sandbox.calls import Account, Call, Params, ServiceError, on_event, replaces
from helpers.sandbox.moto_adapter import at_time
from helpers.sandbox.protocol.paging import numbered_page

_DONE = "athena.done"
_QUEUED_SECONDS, _RUNNING_SECONDS = 0.2, 1.2
_MOST_ROWS, _MOST_IDS = 1000, 50
_IN_PROGRESS = ("QUEUED", "RUNNING")


@dataclass
class AthenaQuery:
    """One query. Times are virtual, in epoch seconds; ``ended`` is ``None`` while it is queued or running."""

    id: str
    query: str
    defines: bool
    database: str
    output: str
    started: float
    ended: float | None = None
    state: str = "RUNNING"
    reason: str = ""
    answer: Answer = field(default_factory=lambda: Answer((), (), 0))

    def state_at(self, now: float) -> str:
        if self.ended is None and now < self.started + _QUEUED_SECONDS:
            return "QUEUED"
        return self.state


@dataclass
class AthenaQueries:
    """A Region's queries, the oldest first, and what its definitions made."""

    queries: dict[str, AthenaQuery] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    catalog: Catalog = field(default_factory=Catalog)


@replaces("athena", "StartQueryExecution")
def start_query_execution(call: Call, account: Account) -> Params:
    """Raises InvalidRequestException for what cannot be read, and for a query without a place for its result."""
    # The parser takes a quarter of a second to load: a start of the sandbox need not wait for it.
    from helpers.sandbox.athena.definitions import defines

    state, params = account.state(AthenaQueries, call.region), call.params
    token = params.get("ClientRequestToken")
    if token in state.tokens:
        return {"QueryExecutionId": state.tokens[token]}
    if params.get("WorkGroup", "primary") != "primary":
        raise invalid(f"WorkGroup {params['WorkGroup']} is not found.")
    output = params.get("ResultConfiguration", {}).get("OutputLocation")
    if not output:
        raise invalid(
            "No output location provided. An output location is required either through the Workgroup result "
            "configuration setting or as an API input."
        )
    bucket, _ = bucket_and_key(output)
    if account.moto.bucket(bucket) is None:
        raise invalid("Unable to verify/create output bucket " + bucket)
    query = params["QueryString"].strip().removesuffix(";").strip()
    database = params.get("QueryExecutionContext", {}).get("Database", "default").lower()
    number = account.random("query").getrandbits(128)
    made = AthenaQuery(
        id=re.sub("(.{8})(.{4})(.{4})(.{4})(.{12})", r"\1-\2-\3-\4-\5", f"{number:032x}"),
        query=query,
        defines=defines(query),
        database=database,
        output=output if output.endswith("/") else f"{output}/",
        started=account.now(),
    )
    state.queries[made.id] = made
    if token:
        state.tokens[token] = made.id
    account.schedule(account.now() + _QUEUED_SECONDS + _RUNNING_SECONDS, _DONE, region=call.region, id=made.id)
    return {"QueryExecutionId": made.id}


@on_event(_DONE)
def finish(account: Account, payload: Mapping[str, Any]) -> None:
    """Run a query that was not stopped, and write its result."""
    from helpers.sandbox.athena.definitions import Definitions
    from helpers.sandbox.athena.selection import select

    state = account.state(AthenaQueries, payload["region"])
    made = state.queries[payload["id"]]
    if made.ended is not None:
        return
    made.ended = account.now()
    try:
        if made.defines:
            lines = Definitions(account, state.catalog, made.database).run(made.query)
            made.answer = Answer((("result", "string"),), tuple((line,) for line in lines), 0)
        else:
            made.answer = select(account, state.catalog, made.database, made.query)
        _write(account, made)
    except (AthenaFailure, ServiceError) as problem:
        made.state, made.reason = "FAILED", str(problem)
    except Exception as problem:  # whatever it is: nobody could wait for the end of a query that stays RUNNING
        traceback.print_exc()
        made.state, made.reason = "FAILED", f"GENERIC_INTERNAL_ERROR: the sandbox failed on it: {problem}"
    else:
        made.state = "SUCCEEDED"


def _location(made: AthenaQuery) -> str:
    return f"{made.output}{made.id}.{'txt' if made.defines else 'csv'}"


def _write(account: Account, made: AthenaQuery) -> None:
    """Raises :class:`AthenaFailure` where the bucket is gone."""
    bucket, key = bucket_and_key(_location(made))
    if account.moto.bucket(bucket) is None:
        raise AthenaFailure(f"Insufficient permissions to execute the query: bucket {bucket} does not exist.")
    rows = made.answer.rows if made.defines else (tuple(name for name, _ in made.answer.columns), *made.answer.rows)
    quoted = str if made.defines else _quoted
    text = "".join(",".join(quoted(cell) for cell in row) + "\n" for row in rows)
    with at_time(account.now()):
        account.moto.put_object(bucket, key, text.encode())


def _quoted(cell: str | None) -> str:
    """A null has no quotes."""
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'


def _found(call: Call, account: Account) -> AthenaQuery:
    id_ = call.params["QueryExecutionId"]
    made = account.state(AthenaQueries, call.region).queries.get(id_)
    if made is None:
        raise invalid(f"QueryExecution {id_} was not found")
    return made


@replaces("athena", "GetQueryExecution")
def get_query_execution(call: Call, account: Account) -> Params:
    """The state of this moment; a poll of one in progress moves the clock to its next state."""
    made = _found(call, account)
    told = _described(made, account.now())
    if told["Status"]["State"] == "QUEUED":
        account.wait_for(made.started + _QUEUED_SECONDS)
    elif told["Status"]["State"] == "RUNNING":
        account.wait_for(made.started + _QUEUED_SECONDS + _RUNNING_SECONDS)
    return {"QueryExecution": told}


@replaces("athena", "BatchGetQueryExecution")
def batch_get_query_execution(call: Call, account: Account) -> Params:
    """Those that there are; the ids of others are told apart."""
    held, ids = account.state(AthenaQueries, call.region).queries, call.params["QueryExecutionIds"]
    unknown = [{"QueryExecutionId": id_, "ErrorCode": "NOT_FOUND"} for id_ in ids if id_ not in held]
    told = [_described(held[id_], account.now()) for id_ in ids if id_ in held]
    return {"QueryExecutions": told, "UnprocessedQueryExecutionIds": unknown}


def _described(made: AthenaQuery, now: float) -> Params:
    state = made.state_at(now)
    status: Params = {"State": state, "SubmissionDateTime": datetime.fromtimestamp(made.started, UTC)}
    statistics: Params = {}
    if made.ended is not None:
        took = int((made.ended - made.started) * 1000)
        status["CompletionDateTime"] = datetime.fromtimestamp(made.ended, UTC)
        statistics = {
            "EngineExecutionTimeInMillis": max(took - int(_QUEUED_SECONDS * 1000), 0),
            "DataScannedInBytes": made.answer.scanned,
            "TotalExecutionTimeInMillis": took,
            "QueryQueueTimeInMillis": min(took, int(_QUEUED_SECONDS * 1000)),
        }
    if state == "FAILED":
        status["StateChangeReason"] = made.reason
        status["AthenaError"] = {"ErrorCategory": 2, "ErrorType": 1301, "Retryable": False, "ErrorMessage": made.reason}
    if made.defines:
        kind = "UTILITY" if made.query.upper().startswith("SHOW") else "DDL"
    else:
        kind = "DML"
    return {
        "QueryExecutionId": made.id,
        "Query": made.query,
        "StatementType": kind,
        "ResultConfiguration": {"OutputLocation": _location(made)},
        "QueryExecutionContext": {"Database": made.database},
        "Status": status,
        "Statistics": statistics,
        "WorkGroup": "primary",
    }


@replaces("athena", "GetQueryResults")
def get_query_results(call: Call, account: Account) -> Params:
    """Rows in pages; the first row of the first page of a SELECT holds the headings."""
    made = _found(call, account)
    state = made.state_at(account.now())
    if state in _IN_PROGRESS:
        raise invalid(f"Query has not yet finished. Current state: {state}")
    if state != "SUCCEEDED":
        raise invalid(f"Query did not finish successfully. Final query state: {state}")
    headings = () if made.defines else (tuple(name for name, _ in made.answer.columns),)
    page, token = numbered_page((*headings, *made.answer.rows), call, _MOST_ROWS)
    rows = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in page]
    info = [{"Name": name, "Label": name, "Type": kind, "CatalogName": "hive"} for name, kind in made.answer.columns]
    return {
        "UpdateCount": 0,
        "ResultSet": {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": info}},
        "NextToken": token,
    }


@replaces("athena", "StopQueryExecution")
def stop_query_execution(call: Call, account: Account) -> Params:
    """One that has ended stays as it is."""
    made = _found(call, account)
    if made.ended is None:
        made.state, made.ended = "CANCELLED", account.now()
    return {}


@replaces("athena", "ListQueryExecutions")
def list_query_executions(call: Call, account: Account) -> Params:
    """Ids, the newest first."""
    ids = [*reversed(account.state(AthenaQueries, call.region).queries)]
    page, token = numbered_page(ids, call, _MOST_IDS)
    return {"QueryExecutionIds": page, "NextToken": token}
