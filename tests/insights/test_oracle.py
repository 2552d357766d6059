# ruff: noqa: E501  (queries and their answers are easier to read in one line)
"""Random queries over random records: the engine and the obvious evaluator give the same rows in the same order."""

import datetime
import random
from typing import Any

import pytest

from helpers.insights import Database, Event, LogTable, run
from tests.insights.corpus import END, START
from tests.insights.oracle import Oracle, Time
from tests.support.cases import sampled

NUMERIC = ["bytes", "packets", "dstPort", "srcPort", "protocol", "startTime"]
TEXTUAL = ["srcAddr", "dstAddr", "action", "logStatus", "interfaceId", "@logStream", "@message"]
JSON_FIELDS = ["level", "v", "deep.x", "nosuch"]
STRINGS = ["REJECT", "ACCEPT", "10.0.", "10.0.0.1", "22", "error", "a", "", "7"]
REGEXES = ["^10\\.", "REJ", "[0-9]+", "eni-[12]", "x|y"]


class Writer:
    """Writes random queries."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)

    def pick(self, *options: str) -> str:
        return self.draw.choice(options)

    def field(self) -> str:
        return self.draw.choice(NUMERIC + TEXTUAL + JSON_FIELDS)

    def literal(self) -> str:
        return self.draw.choice([str(self.draw.randint(0, 60)), "443", "3.5", *(f'"{text}"' for text in STRINGS)])

    def number(self, depth: int = 0) -> str:
        if depth > 2 or self.draw.random() < 0.5:
            return self.draw.choice([*NUMERIC, "v", str(self.draw.randint(0, 9))])
        kind = self.draw.randrange(5)
        inner = self.number(depth + 1)
        if kind < 3:
            return f"({inner} {self.pick('+', '-', '*', '/', '%')} {self.number(depth + 1)})"
        return f"{self.pick('abs', 'floor', 'ceil')}({inner})" if kind == 3 else f"strlen({self.field()})"

    def condition(self, depth: int = 0) -> str:
        kind = self.draw.randrange(9 if depth < 3 else 6)
        name = self.field()
        if kind == 0:
            return f"{name} {self.pick('=', '!=', '<', '<=', '>', '>=')} {self.literal()}"
        if kind == 1:
            return f'{name} {self.pick("like", "not like")} "{self.draw.choice(STRINGS)}"'
        if kind == 2:
            return f"{name} {self.pick('like', '=~', 'not like')} /{self.draw.choice(REGEXES)}/"
        if kind == 3:
            items = ", ".join(self.literal() for _ in range(self.draw.randint(1, 3)))
            return f"{name} {self.pick('in', 'not in')} [{items}]"
        if kind == 4:
            return self.pick(f"ispresent({name})", f"isempty({name})", f"strcontains({name}, \"0\")",
                             'isIpv4InSubnet(srcAddr, "10.0.0.0/31")')  # fmt: skip
        if kind == 5:
            return f"{self.number()} {self.pick('=', '<', '>=')} {self.number()}"
        if kind == 6:
            return f"not ({self.condition(depth + 1)})"
        return f"({self.condition(depth + 1)} {self.pick('and', 'or')} {self.condition(depth + 1)})"

    def expression(self) -> str:
        kind = self.draw.randrange(6)
        if kind == 0:
            return self.number()
        if kind == 1:
            return f"if({self.condition(2)}, {self.literal()}, {self.field()})"
        if kind == 2:
            return f"coalesce({self.field()}, {self.field()})"
        if kind == 3:
            return f'concat({self.field()}, "-", {self.field()})'
        if kind == 4:
            return f"{self.pick('datefloor', 'dateceil')}(@timestamp, {self.pick('5m', '300s', '1h', '1d', '2w')})"
        return self.condition(2)

    def aggregate(self) -> str:
        name = self.draw.choice([*NUMERIC, "v"])
        return self.pick(
            "count(*)", f"count({self.field()})", f"count_distinct({self.field()})", f"sum({name})", f"avg({name})",
            f"min({name})", f"max({name})", f"sum({name}) / count(*)", f"earliest({self.field()})",
            f"latest({self.field()})", f"pct({name}, {self.draw.choice([1, 25, 50, 90, 100])})", f"sum({self.number()})",
        )  # fmt: skip

    def query(self) -> str:
        parts = []
        for _ in range(self.draw.randint(0, 2)):
            parts.append(f"filter {self.condition()}")
        if self.draw.random() < 0.3:
            parts.append(self.pick(
                'parse @message "* * * *" as p1, p2, p3, p4', 'parse @message "level=*" as lv',
                "parse @message /eni-(?<e>\\d)/", 'parse srcAddr "10.*.*" as o2, o3',
            ))  # fmt: skip
        if self.draw.random() < 0.45:
            parts += self.grouped()
        else:
            names = [f"{self.expression()} as x{i}" for i in range(self.draw.randint(1, 3))]
            parts.append("fields " + ", ".join([self.field(), *names]))
            if self.draw.random() < 0.3:
                parts.append(f"filter ispresent(x0) {self.pick('and', 'or')} {self.condition(2)}")
            if self.draw.random() < 0.6:
                parts.append("sort " + ", ".join(f"{self.pick(self.field(), 'x0')} {self.pick('asc', 'desc', '')}"
                                                 for _ in range(self.draw.randint(1, 2))))  # fmt: skip
            if self.draw.random() < 0.3:
                parts.append(f"dedup {self.field()}, action")
        if self.draw.random() < 0.4:
            parts.append(f"limit {self.draw.randint(1, 9)}")
        return " | ".join(parts)

    def grouped(self) -> list[str]:
        keys = [self.pick("action", "srcAddr", "dstPort", "bin(5m)", "level", "@logStream", "protocol", "nosuch")
                for _ in range(self.draw.randint(0, 2))]  # fmt: skip
        keys = list(dict.fromkeys(keys))
        items = [f"{self.aggregate()} as y{i}" for i in range(self.draw.randint(1, 3))]
        parts = [f"stats {', '.join(items)}" + (f" by {', '.join(keys)}" if keys else "")]
        if self.draw.random() < 0.3:
            parts.append(f"filter y0 {self.pick('>', '<', '!=')} {self.draw.randint(0, 40)}")
        if self.draw.random() < 0.2:
            parts.append(
                "stats max(y0) as z, count(*) as c" + (f" by {keys[0]}" if keys and "(" not in keys[0] else "")
            )
        elif self.draw.random() < 0.6:
            parts.append(f"sort y0 {self.pick('asc', 'desc')}")
        return parts


def random_events(seed: int, count: int, with_json: bool) -> list[Event]:
    draw = random.Random(seed)
    events = []
    for _ in range(count):
        at = START + draw.randrange(3000)
        kind = draw.random()
        if kind < 0.75 or not with_json:
            status = draw.choice(["OK"] * 8 + ["NODATA"])
            values = (
                f"10.0.{draw.randrange(3)}.{draw.randrange(12)} 203.0.113.{draw.randrange(4)} {draw.randrange(1024, 1030)} "
                f"{draw.choice([22, 80, 443, 53])} {draw.choice([6, 17, 1])} {draw.randrange(50)} {draw.randrange(5000)}"
                if status == "OK" else " ".join("-" * 7)
            )  # fmt: skip
            action = draw.choice(["ACCEPT", "REJECT"]) if status == "OK" else "-"
            message = f"2 123456789012 eni-{draw.randrange(3)} {values} {at} {at + 60} {action} {status}"
        elif kind < 0.9:
            level, v = (
                draw.choice(["info", "error", "7", ""]),
                draw.choice(['"12"', "3.5", '"x9"', '"x10"', "null", "7"]),
            )
            message = f'{{"level": "{level}", "v": {v}, "deep": {{"x": {draw.randrange(4)}}}, "action": "REJECT"}}'
        else:
            message = draw.choice(["level=error x", "plain text here now", "", "{broken"])
        events.append(Event(at * 1000 + draw.choice([0, 0, 5]), at * 1000, f"eni-{draw.randrange(3)}-all", message))
    return events


def shown(value: Any) -> str:
    if isinstance(value, Time):
        moment = datetime.datetime.fromtimestamp(value / 1000, datetime.UTC)
        return moment.strftime("%Y-%m-%d %H:%M:%S.") + f"{value % 1000:03d}"
    if isinstance(value, bool):
        return str(int(value))
    return str(value)


def same(mine: str, wanted: Any) -> bool:
    text = shown(wanted)
    if mine == text:
        return True
    try:
        return float(mine) == pytest.approx(float(text), rel=1e-9, abs=1e-9)
    except ValueError:
        return False


def agree(query: str, table: LogTable, events: list[Event]) -> None:
    wanted = Oracle(query).run(events)
    mine = [dict(row) for row in run(query, table, START, END).rows]
    context = f"\nquery: {query}\nengine: {mine[:6]}\noracle: {wanted[:6]}"
    assert len(mine) == len(wanted), context
    for position, (row, other) in enumerate(zip(mine, wanted, strict=True)):
        assert row.keys() == other.keys(), f"row {position}: {row} / {other}{context}"
        assert all(same(row[name], other[name]) for name in row), f"row {position}: {row} / {other}{context}"


def many(seeds: range) -> None:
    database = Database()
    for with_json in (False, True):
        events = random_events(seeds.start, 120, with_json)
        table = LogTable("/oracle", database=database)
        table.append(events)
        for seed in seeds:
            agree(Writer(seed).query(), table, events)


def test_random_queries() -> None:
    many(range(1000, 1080))


@pytest.mark.long
def test_many_random_queries() -> None:
    for start in sampled(range(5000, 9000, 500), 2):
        many(range(start, start + 500))
