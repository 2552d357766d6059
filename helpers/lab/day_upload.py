"""Two hours of the recorded day into a log group of a real account, by PutLogEvents."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from helpers.flowlogs import DEFAULT_FORMAT
from helpers.flowlogs.recorded_day import DAY_TAG, day_lines, recorded_day
from helpers.pricing import gigabytes, money, price_list, record_bytes

_MOST_BYTES, _MOST_EVENTS = 1_048_576, 10_000  # of one PutLogEvents
Events = Sequence[tuple[int, str]]


def put_slice(logs: Any, group: str, tags: Mapping[str, str], ids: Mapping[str, str]) -> None:
    """Make the group and put the two hours with most attacks into it, from the moment of its creation on.

    CloudWatch Logs shows no event that is older than its group, and takes none more than two hours ahead. Says first
    how long it takes and what it costs. ``logs`` is a client; raises what boto3 raises.
    """
    day = recorded_day()
    streams = day_lines(day, DEFAULT_FORMAT, between=day.attack_hours).values()
    size = sum(record_bytes(line) for events in streams for _, line in events)
    cost = price_list().cost("DataProcessing-Bytes", gigabytes(size))
    print(
        f"Two hours of the recorded day go into {group}: {size / 1e6:.1f} MB, about a minute, {money(cost.amount)} "
        f"for ingestion at the price of {price_list().region}. The records are a recording, not your traffic."
    )
    logs.create_log_group(logGroupName=group, tags=dict(tags))
    made = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]
    first, last = day.attack_hours
    start = -(-int(made["creationTime"]) // 1000)
    lines = day_lines(day, DEFAULT_FORMAT, shift=start - first, ids=ids, between=day.attack_hours)
    for interface, events in lines.items():
        logs.create_log_stream(logGroupName=group, logStreamName=f"{interface}-all")
        for batch in _batches(events):
            listed = [{"timestamp": moment, "message": line} for moment, line in batch]
            logs.put_log_events(logGroupName=group, logStreamName=f"{interface}-all", logEvents=listed)
    held = {DAY_TAG: f"{start}/{start + last - first}"}
    logs.tag_resource(resourceArn=made["arn"].removesuffix(":*"), tags=held)


def _batches(events: Events) -> Iterator[Events]:
    """The events in pieces that one call takes."""
    begin = held = 0
    for place, (_, line) in enumerate(events):
        if held + record_bytes(line) > _MOST_BYTES or place - begin == _MOST_EVENTS:
            yield events[begin:place]
            begin, held = place, 0
        held += record_bytes(line)
    yield events[begin:]
