"""A query of CloudWatch Logs Insights, from its start to its end."""

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from helpers.lab.lab import Lab


def run_query(lab: Lab, timeout: float, **query: Any) -> dict[str, Any]:
    """Start a query and wait for its end: ``queryId``, and what GetQueryResults says of it then, all pages together.

    ``query`` holds the parameters of StartQuery, ``timeout`` is in seconds of the account's time. Raises what boto3
    raises, and TimeoutError. A query that nobody waits for any more is stopped: it would go on costing.
    """
    __tracebackhide__ = True
    logs = lab.client("logs")
    query_id = logs.start_query(**query)["queryId"]

    def ended() -> dict[str, Any] | None:
        reply: dict[str, Any] = logs.get_query_results(queryId=query_id)
        return reply if reply["status"] not in ("Scheduled", "Running") else None

    try:
        reply = lab.wait_until(ended, timeout, "end of the query")
    except BaseException:
        with suppress(ClientError):
            logs.stop_query(queryId=query_id)
        raise
    assert reply is not None  # wait_until returns what is something
    results, page = list(reply["results"]), reply
    while token := page.get("nextToken"):
        page = logs.get_query_results(queryId=query_id, nextToken=token)
        results += page["results"]
    return {**reply, "queryId": query_id, "results": results}
