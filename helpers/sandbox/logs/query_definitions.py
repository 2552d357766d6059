"""Saved queries: PutQueryDefinition and its family.

Source: their documentation in botocore's model. The text is not parsed when it is saved, and the groups need not exist
(assumption ``query-definition-unchecked``).
"""

import uuid

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces, unsupported
from helpers.sandbox.logs.names import invalid, now_ms, state_of
from helpers.sandbox.logs.state import QueryDefinition
from helpers.sandbox.protocol.paging import numbered_page, renamed

MOST_DEFINITIONS, PAGE = 1000, 1000


def _missing() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified query definition does not exist.")


@replaces("logs", "PutQueryDefinition")
def put_query_definition(call: Call, account: Account) -> Params:
    """Save a query, or with an id replace all of one: what is left out is emptied."""
    params, known = call.params, state_of(call, account).query_definitions
    if params.get("queryLanguage", "CWLI") != "CWLI":
        raise unsupported("logs", f"saved queries in {params['queryLanguage']}")
    made = params.get("queryDefinitionId")
    if made is not None and made not in known:
        raise _missing()
    if made is None and len(known) >= MOST_DEFINITIONS:
        raise ServiceError("LimitExceededException", f"A Region can have {MOST_DEFINITIONS} query definitions.")
    if made is None:
        draw = account.random("query-definition")
        made = str(uuid.UUID(int=draw.getrandbits(128), version=4))
    groups = tuple(params.get("logGroupNames", ()))
    if len(set(groups)) < len(groups):
        raise invalid("A log group can be named once only.")
    known[made] = QueryDefinition(made, params["name"], params["queryString"], groups, now_ms(account))
    return {"queryDefinitionId": made}


@replaces("logs", "DescribeQueryDefinitions")
def describe_query_definitions(call: Call, account: Account) -> Params:
    """Saved queries in the order of their names; the prefix may be a folder, such as ``flow-logs/``."""
    prefix = call.params.get("queryDefinitionNamePrefix", "")
    found = sorted(state_of(call, account).query_definitions.values(), key=lambda item: (item.name, item.id))
    try:
        page, token = numbered_page(
            [item for item in found if item.name.startswith(prefix)],
            renamed(call, maxResults="MaxResults", nextToken="NextToken"),
            PAGE,
        )
    except ServiceError:
        raise invalid("The specified nextToken is invalid.") from None
    shown = [
        {
            "queryLanguage": "CWLI",
            "queryDefinitionId": item.id,
            "name": item.name,
            "queryString": item.text,
            "lastModified": item.changed_ms,
            "logGroupNames": list(item.groups),
        }
        for item in page
    ]
    return {"queryDefinitions": shown, "nextToken": token}


@replaces("logs", "DeleteQueryDefinition")
def delete_query_definition(call: Call, account: Account) -> Params:
    if state_of(call, account).query_definitions.pop(call.params["queryDefinitionId"], None) is None:
        raise _missing()
    return {"success": True}
