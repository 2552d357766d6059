"""Finding log groups and streams by name or ARN, and the errors that every action shares."""

import base64
import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from helpers.sandbox.calls import Account, Call, Params, ServiceError
from helpers.sandbox.logs.state import LogGroup, LogsState
from helpers.sandbox.store.stream_events import StreamEvents

DAY_MS = 86_400_000
Item = TypeVar("Item")


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidParameterException", message)


def missing_group() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log group does not exist.")


def missing_stream() -> ServiceError:
    return ServiceError("ResourceNotFoundException", "The specified log stream does not exist.")


def now_ms(account: Account) -> int:
    return int(account.now() * 1000)


def state_of(call: Call, account: Account) -> LogsState:
    return account.state(LogsState, call.region)


def group_arn(account: Account, region: str, name: str) -> str:
    """The ARN without ``:*``: what tagging and ``logGroupIdentifier`` take (botocore's LogGroup.logGroupArn)."""
    return f"arn:aws:logs:{region}:{account.account_id}:log-group:{name}"


def stream_arn(account: Account, region: str, group: str, stream: str) -> str:
    return f"{group_arn(account, region, group)}:log-stream:{stream}"


def group_named(call: Call, account: Account, name: str) -> LogGroup:
    """The group of this name. Raises ResourceNotFoundException."""
    group = state_of(call, account).groups.get(name)
    if group is None:
        raise missing_group()
    return group


_ARN = re.compile(r"arn:aws[\w-]*:logs:(?P<region>[^:]*):(?P<account>[^:]*):log-group:(?P<name>[^:]+)(:\*)?")


def name_in(call: Call, account: Account, identifier: str) -> str:
    """The group name that an identifier (name or ARN) means. Raises InvalidParameterException."""
    if not identifier.startswith("arn:"):
        return identifier
    match = _ARN.fullmatch(identifier)
    if match is None:
        raise invalid(f"The specified resource ARN is not that of a log group: {identifier}")
    if match["region"] != call.region or match["account"] != account.account_id:
        raise ServiceError(
            "ResourceNotFoundException",
            f"The log group {identifier} is not in region {call.region} of account {account.account_id}; "
            f"the sandbox has no linked accounts.",
        )
    return match["name"]


def group_asked(call: Call, account: Account) -> LogGroup:
    """The group of a call that takes either logGroupName or logGroupIdentifier."""
    name, identifier = call.params.get("logGroupName"), call.params.get("logGroupIdentifier")
    if name and identifier:
        raise invalid("Specify either logGroupName or logGroupIdentifier, but not both.")
    if name:
        return group_named(call, account, name)
    if identifier:
        return group_named(call, account, name_in(call, account, identifier))
    raise invalid("Specify either logGroupName or logGroupIdentifier.")


def require_standard(group: LogGroup, action: str, code: str = "InvalidParameterException") -> None:
    """Refuse what only the Standard log class supports (the class matrix of the user guide)."""
    if group.log_class != "STANDARD":
        raise ServiceError(
            code,
            f"{action} is not supported for log groups of class {group.log_class}, such as {group.name}. "
            + ("Use a Logs Insights query." if group.log_class == "INFREQUENT_ACCESS" else ""),
        )


def horizon_ms(account: Account, group: LogGroup) -> int:
    """Events older than this have expired."""
    if group.retention_days is None:
        return 0
    return max(0, now_ms(account) - group.retention_days * DAY_MS)


def let_expire(account: Account, region: str, group: LogGroup) -> None:
    """Forget what the group's retention no longer keeps. Replay leaves this to the first real reader."""
    if group.retention_days is not None and not account.replaying:
        account.events.trim(region, group.name, horizon_ms(account, group))


def events_of(account: Account, region: str, group: LogGroup, stream: str) -> StreamEvents | None:
    """The stream's events that have not expired, in time order; None when it never had one."""
    let_expire(account, region, group)
    events: StreamEvents | None = account.events.stream(region, group.name, stream)
    return events


def paged(
    items: Iterable[Item], key: Callable[[Item], str], params: Params, size: int, descending: bool = False
) -> tuple[list[Item], str | None]:
    """One page of ``items`` in the order of ``key`` after the call's nextToken, and the next token.

    The token names the last item of the page, so items made or deleted between two calls cannot shift the pages.
    """
    rest = sorted(items, key=key, reverse=descending)
    if "nextToken" in params:
        last = read_token(params["nextToken"])
        rest = [item for item in rest if (key(item) < last if descending else key(item) > last)]
    limit = max(1, params.get("limit") or size)
    page, more = rest[:limit], len(rest) > limit
    return page, make_token(key(page[-1])) if more else None


def make_token(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def read_token(token: str) -> str:
    """Raises InvalidParameterException for what :func:`make_token` did not make."""
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except ValueError:
        raise invalid("The specified nextToken is invalid.") from None
