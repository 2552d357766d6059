"""Lookup tables: CSV text that the commands ``lookup`` and ``cidrlookup`` of a query join with.

Source: the documentation of CreateLookupTable and its relatives in botocore's model.
"""

import csv
import io

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.log_group_tags import check_tags
from helpers.sandbox.logs.names import invalid, now_ms, paged, state_of
from helpers.sandbox.logs.queries import finished_rows
from helpers.sandbox.logs.state import LookupTable

MOST_BYTES = 10 * 1024 * 1024


@replaces("logs", "CreateLookupTable")
def create_lookup_table(call: Call, account: Account) -> Params:
    params = call.params
    name = params["lookupTableName"]
    tables = state_of(call, account).lookup_tables
    if name in tables:
        raise ServiceError("ResourceAlreadyExistsException", f"The lookup table {name} already exists.")
    check_tags(params.get("tags", {}))
    body = _body(call, account, name)
    now = now_ms(account)
    tables[name] = LookupTable(name, body, params.get("description"), now)
    return {"lookupTableArn": _arn(call, account, name), "createdAt": now}


@replaces("logs", "UpdateLookupTable")
def update_lookup_table(call: Call, account: Account) -> Params:
    table = _found(call, account)
    table.body = _body(call, account, table.name)
    table.description = call.params.get("description", table.description)
    table.updated_ms = now_ms(account)
    return {"lookupTableArn": _arn(call, account, table.name), "lastUpdatedTime": table.updated_ms}


@replaces("logs", "GetLookupTable")
def get_lookup_table(call: Call, account: Account) -> Params:
    table = _found(call, account)
    return {**_describe(call, account, table), "tableBody": table.body}


@replaces("logs", "DeleteLookupTable")
def delete_lookup_table(call: Call, account: Account) -> Params:
    del state_of(call, account).lookup_tables[_found(call, account).name]
    return {}


@replaces("logs", "DescribeLookupTables")
def describe_lookup_tables(call: Call, account: Account) -> Params:
    params = call.params
    prefix = params.get("lookupTableNamePrefix", "")
    chosen = [table for name, table in state_of(call, account).lookup_tables.items() if name.startswith(prefix)]
    page, token = paged(chosen, lambda table: table.name, {**params, "limit": params.get("maxResults")}, size=50)
    described = []
    for table in page:
        header, rows = _read(table.name, table.body)
        described.append({**_describe(call, account, table), "tableFields": header, "recordsCount": len(rows)})
    return {"lookupTables": described, **({"nextToken": token} if token else {})}


def _body(call: Call, account: Account, name: str) -> str:
    """The CSV text: the caller's, or the rows of a finished query."""
    params = call.params
    body, query_id = params.get("tableBody"), params.get("queryId")
    if (body is None) == (query_id is None):
        raise invalid("Specify either tableBody or queryId, but not both.")
    body = str(body) if query_id is None else _csv(finished_rows(call, account, query_id))
    if len(body.encode()) > MOST_BYTES:
        raise invalid("The content of a lookup table must not exceed 10 MB.")
    try:
        _read(name, body)
    except ValueError as problem:
        raise invalid(str(problem)) from None
    return body


def _csv(rows: list[list[tuple[str, str]]]) -> str:
    names = list(dict.fromkeys(name for row in rows for name, _ in row))
    if not names:
        raise invalid("The query has no rows to make a lookup table of.")
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(dict(row) for row in rows)
    return text.getvalue()


def _arn(call: Call, account: Account, name: str) -> str:
    return f"arn:aws:logs:{call.region}:{account.account_id}:lookup-table:{name}"


def _found(call: Call, account: Account) -> LookupTable:
    arn = call.params["lookupTableArn"]
    for name, table in state_of(call, account).lookup_tables.items():
        if arn == _arn(call, account, name):
            return table
    raise ServiceError("ResourceNotFoundException", f"There is no lookup table {arn}.")


def _describe(call: Call, account: Account, table: LookupTable) -> Params:
    return {
        "lookupTableArn": _arn(call, account, table.name),
        "lookupTableName": table.name,
        "description": table.description,
        "sizeBytes": len(table.body.encode()),
        "lastUpdatedTime": table.updated_ms,
    }


def _read(name: str, body: str) -> tuple[list[str], list[list[str]]]:
    from helpers.insights.events.lookups import read_table

    return read_table(name, body)
