"""CloudWatch Logs storage, as ratios within one run: ``python -m benchmarks.logs [events]``.

* GetLogEvents page k against page 1 in a stream of a million events (target: 1.3 at most);
* PutLogEvents, durable, against moto's in-memory backend, interleaved (target: at least moto's rate);
* a query over the API on 100,000 events against moto's, right after they came in and later (target: 0.3 at most);
* bytes per event in memory against moto's LogEvent (376 B; target: 0.65 at most).
"""

import json
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.queries import over_moto
from helpers.sandbox.calls import Call, Caller
from helpers.sandbox.logs.put import put_log_events
from helpers.sandbox.logs.reads import get_log_events
from helpers.sandbox.logs.state import LogGroup, LogsState
from helpers.sandbox.store.event_store import EventStore

NOW = 1_700_000_000
BATCH = 7_600
MOTO_EVENT_BYTES = 376
OWNER = Caller("bench", "arn:aws:iam::123456789012:user/bench", "bench", owner=True)
LINE = "2 123456789012 eni-0a1b2c3d4e5f60718 10.1.{}.{} 10.2.1.10 {} 443 6 10 2000 1700000000 1700000060 ACCEPT OK"


class Account:
    """The least account that the behaviours need."""

    account_id = "123456789012"
    replaying = False

    def __init__(self, folder: Path) -> None:
        self.events = EventStore(folder)
        self.position = 0
        self.logs = LogsState({"/g": LogGroup("/g", 0, streams={"s": 0, "t": 0})})

    def now(self) -> float:
        return float(NOW)

    def state(self, kind: type, region: str) -> LogsState:
        return self.logs

    def call(self, handler: Callable[..., Any], **params: Any) -> Any:
        self.position += 1
        return handler(Call("logs", handler.__name__, "us-east-1", params, OWNER), self)


def lines(count: int) -> list[str]:
    return [LINE.format(i >> 8 & 255, i & 255, i % 60_000) for i in range(count)]


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def reading(account: Account, total: int) -> float:
    """Median time of a page late in the stream over that of page 1."""
    step = BATCH
    for at in range(0, total, step):
        account.position += 1
        batch = [(NOW * 1000 + at + i, line) for i, line in enumerate(lines(min(step, total - at)))]
        account.events.append(account.position, "us-east-1", "/g", "s", batch, NOW * 1000)
    where = {"logGroupName": "/g", "logStreamName": "s", "startFromHead": True}
    token, pages = None, 0
    while True:
        reply = account.call(get_log_events, **where, **({"nextToken": token} if token else {}))
        pages += 1
        if pages == total // step * 9 // 10:
            break
        token = reply["nextForwardToken"]
    first, late = [], []
    for _ in range(31):
        first.append(timed(lambda: account.call(get_log_events, **where)))
        late.append(timed(lambda: account.call(get_log_events, **where, nextToken=token)))
    return statistics.median(late) / statistics.median(first)


def memory(count: int = 100_000) -> float:
    """Bytes per event in memory over moto's."""
    with tempfile.TemporaryDirectory() as folder:
        store = EventStore(Path(folder))
        tracemalloc.start()
        for at in range(0, count, BATCH):
            batch = [(NOW * 1000 + i, line) for i, line in enumerate(lines(BATCH))]
            store.append(at, "us-east-1", "/g", "s", batch, NOW * 1000)
        del batch
        size = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        return size / (-(-count // BATCH) * BATCH) / MOTO_EVENT_BYTES


def putting(account: Account) -> float:
    """Our rate over moto's, medians of interleaved full batches."""
    from moto.core.base_backend import BackendDict
    from moto.logs.models import LogsBackend

    backend: Any = BackendDict(LogsBackend, "logs")["123456789012"]["us-east-1"]
    backend.create_log_group("/g", {}, kmsKeyId=None)
    backend.create_log_stream("/g", "t")
    ours, motos = [], []
    for _ in range(15):
        now = int(time.time() * 1000)  # moto refuses by the real clock
        texts = lines(BATCH)
        events = [{"timestamp": NOW * 1000, "message": text} for text in texts]
        fresh = [{"timestamp": now, "message": text} for text in texts]
        ours.append(
            timed(
                lambda events=events: account.call(
                    put_log_events, logGroupName="/g", logStreamName="t", logEvents=events
                )
            )
        )
        motos.append(timed(lambda fresh=fresh: backend.put_log_events("/g", "t", fresh)))
    return statistics.median(motos) / statistics.median(ours)


def main(total: int) -> int:
    asked = over_moto()
    with tempfile.TemporaryDirectory() as folder:
        account = Account(Path(folder))
        figures = {
            "memory_over_moto": (memory(), 0.65, "at most"),
            "get_page_k_over_page_1": (reading(account, total), 1.3, "at most"),
            "put_rate_over_moto": (putting(account), 1.0, "at least"),
            "query_over_moto": (asked["later"], 0.3, "at most"),
            "first_query_over_moto": (asked["first"], 0.3, "at most"),
            "load_events_per_second": (_loading(account, Path(folder)), 0.0, "at least"),
        }
    missed = [
        name
        for name, (value, target, sense) in figures.items()
        if (value > target if sense == "at most" else value < target)
    ]
    shown = {name: {"value": round(value, 3), sense: target} for name, (value, target, sense) in figures.items()}
    print(json.dumps({"events": total, "figures": shown, "missed": missed}, indent=2))
    return 1 if missed else 0


def _loading(account: Account, folder: Path) -> float:
    """How fast a restarted store reads its segments."""
    account.events.close()
    start = time.perf_counter()
    return (EventStore(folder).next_sequence - 1) / (time.perf_counter() - start)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
