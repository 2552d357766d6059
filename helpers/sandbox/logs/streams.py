"""Log streams: create, delete, describe; and the way in for a flow log's delivery."""

import sys
from collections.abc import Sequence

from helpers.sandbox.calls import Account, Call, Params, ServiceError, replaces
from helpers.sandbox.logs.groups import refuse_protected
from helpers.sandbox.logs.log_metrics import emit
from helpers.sandbox.logs.names import (
    events_of,
    group_asked,
    group_named,
    invalid,
    missing_group,
    missing_stream,
    now_ms,
    paged,
    stream_arn,
)
from helpers.sandbox.logs.state import LogGroup, LogsState


@replaces("logs", "CreateLogStream")
def create_log_stream(call: Call, account: Account) -> Params:
    group = group_named(call, account, call.params["logGroupName"])
    name = call.params["logStreamName"]
    if name in group.streams:
        raise ServiceError("ResourceAlreadyExistsException", "The specified log stream already exists")
    group.streams[name] = now_ms(account)
    return {}


@replaces("logs", "DeleteLogStream")
def delete_log_stream(call: Call, account: Account) -> Params:
    group = group_named(call, account, call.params["logGroupName"])
    name = call.params["logStreamName"]
    if name not in group.streams:
        raise missing_stream()
    refuse_protected(group)
    account.events.delete_stream(account.position, call.region, group.name, name)
    del group.streams[name]
    return {}


@replaces("logs", "DescribeLogStreams")
def describe_log_streams(call: Call, account: Account) -> Params:
    """Streams by name or by the time of their last event (then without a prefix), ascending or descending."""
    params = call.params
    group = group_asked(call, account)
    by_time = params.get("orderBy") == "LastEventTime"
    prefix = params.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    entries = [_describe(call, account, group, name) for name in group.streams if name.startswith(prefix)]
    page, token = paged(
        entries,
        _time_key if by_time else _name_key,
        params,
        size=50,
        descending=bool(params.get("descending", False)),
    )
    return {"logStreams": page, **({"nextToken": token} if token else {})}


def _name_key(entry: Params) -> str:
    return str(entry["logStreamName"])


def _time_key(entry: Params) -> str:
    return f"{entry.get('lastEventTimestamp', 0):016d} {entry['logStreamName']}"


def _describe(call: Call, account: Account, group: LogGroup, name: str) -> Params:
    """The LogStream structure. ``storedBytes`` of a stream is always zero since 2019 (its documentation)."""
    entry: Params = {
        "logStreamName": name,
        "creationTime": group.streams[name],
        "arn": stream_arn(account, call.region, group.name, name),
        "storedBytes": 0,
    }
    events = events_of(account, call.region, group, name)
    if events is not None:
        entry["uploadSequenceToken"] = upload_token(account, call.region, group.name, name)
        entry["firstEventTimestamp"] = events.first_timestamp
        entry["lastEventTimestamp"] = events.last_timestamp
        entry["lastIngestionTime"] = events.last_ingestion
    return entry


def upload_token(account: Account, region: str, group: str, stream: str) -> str:
    """The sequence token, which AWS still sends and ignores."""
    events = account.events.stream(region, group, stream)
    return f"{49 * 10**54 + (events.last_ingestion if events is not None else 0)}"


def deliver(
    account: Account,
    region: str,
    group: str,
    stream: str,
    events: Sequence[tuple[int, str]],
    *,
    flow_logs: bool = True,
) -> int:
    """Write (timestamp in ms, message) pairs from inside the account, as a flow log's delivery does.

    Makes the stream when it is missing, not the group: the delivery asks its role for that, then calls
    :func:`helpers.sandbox.logs.groups.make_group`. ``flow_logs`` says that the lines have the default format, whose
    fields Logs Insights discovers; a group that also gets another format has no discovery. Returns how many events were
    stored (0 when the store holds them already, during a replay). Raises ResourceNotFoundException.
    """
    known = account.state(LogsState, region).groups.get(group)
    if known is None:
        raise missing_group()
    known.streams.setdefault(stream, now_ms(account))
    known.flow_logs = flow_logs and known.flow_logs is not False
    return store_events(account, region, known, stream, events)


def store_events(account: Account, region: str, group: LogGroup, stream: str, events: Sequence[tuple[int, str]]) -> int:
    """Put (timestamp in ms, message) pairs into the event store; metrics count them, and queries learn of them when
    they are many.
    """
    emit(account, region, group, events)
    stored: int = account.events.append(account.position, region, group.name, stream, events, now_ms(account))
    engine = sys.modules.get("helpers.sandbox.logs.query_execution")  # loaded beside the server's start, not for this
    type_ahead = getattr(engine, "type_ahead", None)
    if type_ahead is not None and not account.replaying:
        type_ahead(account, region, group)
    return stored
