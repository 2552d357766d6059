"""``%%insights``: a Logs Insights query as a cell.

    %load_ext helpers.magics

    %%insights rejects --group /demo/vpc-flow-logs --since 3h
    filter action = "REJECT" | stats count(*) as records by srcAddr, dstPort

It makes the calls of lesson 07, StartQuery and then GetQueryResults until the query has ended, with the clients and
the clock of your ``lab``. ``%%insights?`` lists the options.
"""

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from keyword import iskeyword
from typing import Any, NoReturn, TypeVar, cast

import pandas as pd
from botocore.exceptions import ClientError
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, magics_class
from IPython.core.magic_arguments import argument, magic_arguments, parse_argstring

from helpers.insights import MalformedQuery, as_frame, case_remarks, open_logs, parse_time, run
from helpers.insights import compile as compile_query
from helpers.lab import Lab, LabError
from helpers.lab.query_run import run_query

_MOST_SECONDS = 3600  # CloudWatch ends a query itself after an hour

Method = TypeVar("Method", bound=Callable[..., Any])


def _option(*names: str, **settings: Any) -> Callable[[Method], Method]:
    """``argument`` of IPython, with its type."""
    return cast(Callable[[Method], Method], argument(*names, **settings))  # type: ignore[no-untyped-call]


def _magic(method: Method) -> Method:
    """A cell magic whose options stand below, and in its documentation."""
    return cast(Method, magic_arguments()(cell_magic(method)))  # type: ignore[no-untyped-call]


@magics_class
class InsightsMagics(Magics):  # type: ignore[misc]
    """The cell magic ``%%insights``."""

    @_magic
    @_option("name", nargs="?", help="store the DataFrame under this name, too")
    @_option("--group", "-g", action="append", default=[], help="a log group; give several with several --group")
    @_option("--file", "-f", action="append", default=[], help="a file instead, as of a download: all of it is read")
    @_option("--since", default="1h", help="from when: 30m, 3h, 7d (before now), 2026-01-31T09:30 (UTC), epoch seconds")
    @_option("--until", default="now", help="to when, written in the same ways")
    @_option("--limit", type=int, help="at most so many rows, unless the query says (10,000)")
    @_option("--lab", default="lab", help="the name of the lab to ask, when it is not called lab")
    def insights(self, line: str, cell: str) -> pd.DataFrame:
        """Put a Logs Insights query to log groups; you get its rows as a DataFrame.

        The cell is the query. Numbers come as numbers, @timestamp as a time, what a record does not have as
        NaN or NA. ``{name}`` and ``$name`` in the first line are replaced by your variables.
        ``frame.attrs["statistics"]`` holds the statistics of the query, bytesScanned among them.
        """
        __tracebackhide__ = True
        names: dict[str, Any] = self.shell.user_ns  # type: ignore[union-attr]
        given = _arguments(self.insights, line)
        if given.name is not None and (not given.name.isidentifier() or iskeyword(given.name)):
            raise ValueError(f"{given.name!r} cannot be the name of a variable: choose letters, digits and _.")
        if given.file:
            frame = ask_files(cell, given.file, given.limit)
        else:
            frame = ask(_lab(names, given.lab), cell, given.group, given.since, given.until, given.limit)
        if given.name is not None:
            names[given.name] = frame
        return frame


def load_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%load_ext helpers.magics`` calls."""
    shell.register_magics(InsightsMagics)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """What ``%unload_ext helpers.magics`` calls."""
    shell.magics_manager.magics["cell"].pop("insights", None)


def _arguments(magic: Any, line: str) -> Any:
    """The options; a mistake is an ordinary exception, which also fails a notebook that is run headless."""
    __tracebackhide__ = True
    try:
        return parse_argstring(magic, line)  # type: ignore[no-untyped-call]
    except UsageError as error:
        raise ValueError(f"%%insights: {error}. %%insights? lists the options.") from None


def _lab(names: Mapping[str, Any], name: str) -> Lab:
    __tracebackhide__ = True
    found = names.get(name)
    if isinstance(found, Lab):
        return found
    if name in names:
        raise LabError(f"{name} is not a lab but {type(found).__name__}: say which one to ask with --lab NAME.")
    raise LabError(
        f"There is no {name} here. Run the cell with lab = open_lab(...) first, or name yours with --lab NAME."
    )


def ask(
    lab: Lab, query: str, groups: Sequence[str], since: str = "1h", until: str = "now", limit: int | None = None
) -> pd.DataFrame:
    """Run a query to its end and return its rows: what ``%%insights`` does.

    ``groups``: names, or ARNs; none when the query begins with SOURCE. ``since`` and ``until`` as in the magic.
    Raises what boto3 raises; the text of a MalformedQueryException shows the place with a caret. ValueError for
    arguments that make no sense, RuntimeError for a query that failed or was stopped, TimeoutError after an hour.
    A field of flow log records in another letter case is said on standard error.
    """
    __tracebackhide__ = True
    text = query.strip("\n")
    if not text.strip():
        raise ValueError("The cell is empty: write the query below the line with %%insights.")
    if not groups and not re.match(r"\s*source\b", text, re.IGNORECASE):
        raise ValueError("Say which log group to ask: --group NAME.")
    start, end = _span(lab, since, until)
    where = {"startTime": start, "endTime": end, "queryString": text, **({"limit": limit} if limit else {})}
    try:
        reply = run_query(lab, _MOST_SECONDS, **_named(groups), **where)
    except ClientError as error:
        _explained(error, lab, text)
    frame = as_frame(reply)
    # what the sandbox answers another way than AWS may is said with the answer
    known = () if lab.real else compile_query(text).remarks
    for remark in (*case_remarks(text, frame.columns), *known):
        print(remark, file=sys.stderr)
    return frame


def ask_files(query: str, files: Sequence[str], limit: int | None = None) -> pd.DataFrame:
    """The same over files, all of them from their first record to the last: nothing is asked of AWS.

    Raises ``MalformedQuery``, whose text shows the place, ``QueryFailed`` and what opening the files raises.
    """
    result = run(query.strip("\n"), open_logs(files), limit=limit)
    frame = result.to_pandas()
    frame.attrs["statistics"] = result.statistics
    return frame


def _span(lab: Lab, since: str, until: str) -> tuple[int, int]:
    """The range in epoch seconds, which is what StartQuery takes."""
    __tracebackhide__ = True
    now = int(lab.now().timestamp())
    try:
        end = parse_time(until, before=now)
        start = parse_time(since, before=now)
    except ValueError as error:
        raise ValueError(f"--since or --until: {error}.") from None
    if end < start:
        raise ValueError(f"--until {until} lies before --since {since}.")
    return start, end


def _named(groups: Sequence[str]) -> dict[str, Any]:
    """The parameter of StartQuery that takes these groups."""
    if any(group.startswith("arn:") for group in groups):
        return {"logGroupIdentifiers": list(groups)}
    if len(groups) == 1:
        return {"logGroupName": groups[0]}
    return {"logGroupNames": list(groups)} if groups else {}


def _explained(error: ClientError, lab: Lab, query: str) -> NoReturn:
    """The same exception, with what the reader needs in its text."""
    __tracebackhide__ = True
    answer = error.response["Error"]
    code, message = answer["Code"], answer["Message"]
    if code == "MalformedQueryException":
        message = _with_caret(error.response, query)
    elif code == "ResourceNotFoundException":
        pages = lab.client("logs").get_paginator("describe_log_groups").paginate(PaginationConfig={"MaxItems": 50})
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        message = f"{message.rstrip('.')}. There are: {', '.join(names) or 'no log groups'} ({lab.region})."
    told: Any = {**error.response, "Error": {**answer, "Message": message}}
    raise type(error)(told, error.operation_name) from None


def _with_caret(response: Mapping[str, Any], query: str) -> str:
    """The message and the place. The sandbox says both; AWS says the place in numbers."""
    said = response["Error"]["Message"]
    found = response.get("queryCompileError") or {}
    place = found.get("location") or {}
    if "\n" in said or "startCharOffset" not in place:
        return str(said)
    start, end = place["startCharOffset"], place.get("endCharOffset")
    return str(MalformedQuery(found.get("message") or said, query, start, end))
