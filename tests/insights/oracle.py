"""The language as a slow, obvious evaluator in plain Python: one dict a row, one function a rule.

It shares the parser with the engine and nothing else: no SQL, no types known beforehand. What it does not
know (most functions, the rarer commands) it refuses, so a test can only compare what both can do.
"""

import contextlib
import functools
import json
import math
import re
import statistics
from typing import Any

from helpers.insights import Event
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Dedup, Display, Fields, Filter, Limit, Parse, Sort, Stats
from helpers.insights.syntax.parser import parse

FLOW_NAMES = [
    "version", "accountId", "interfaceId", "srcAddr", "dstAddr", "srcPort", "dstPort", "protocol", "packets",
    "bytes", "startTime", "endTime", "action", "logStatus",
]  # fmt: skip
FLOW_INTS = {"version", "srcPort", "dstPort", "protocol", "packets", "bytes", "startTime", "endTime"}
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
PERIODS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
CAPS = {"ms": 1000, "s": 60, "m": 60, "h": 24}


class Time(int):
    """Epoch milliseconds that print as a date."""


Row = dict[str, Any]


def fields_of(event: Event, seq: int) -> Row:
    """Every field that an event has."""
    row: Row = {"@timestamp": Time(event.timestamp_ms), "@message": event.message, "@logStream": event.stream}
    parts = event.message.split(" ")
    if len(parts) == 14 and parts[0] == "2":
        for name, part in zip(FLOW_NAMES, parts, strict=True):
            if part != "-":
                row[name] = int(part) if name in FLOW_INTS else part
    elif event.message.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            flatten(json.loads(event.message), "", row)
    row["#seq"] = seq
    return row


def flatten(value: Any, name: str, row: Row) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            flatten(inner, f"{name}.{key}" if name else key, row)
    elif value is not None:
        row[name] = value if isinstance(value, str) else json.dumps(value)


# values ------------------------------------------------------------------------------------------


def number(value: Any) -> float | int | None:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return float(value)
    return None


def text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value == math.floor(value):
        return str(int(value))
    return str(value)


def compare(op: str, left: Any, right: Any) -> bool:
    """A missing side is false; two numbers compare as numbers; a number and a text are unequal, unordered."""
    if left is None or right is None:
        return False
    a, b = number(left), number(right)
    if (a is None) != (b is None):
        return op == "!="
    if a is None:
        a, b = left, right
    ops = {"=": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}  # type: ignore[operator]
    return ops[op]


def natural_key(value: Any) -> tuple[Any, ...]:
    """Text before numbers; digit runs by length, then value; the rest by code point."""
    if isinstance(value, Time | int | float) or number(value) is not None:
        return (1, [], number(value))
    # every character is a chunk of its own, a run of digits is one chunk that sorts where "0" does
    chunks = [
        ("0", len(chunk), chunk) if chunk[0].isdigit() else (chunk, 0, "")
        for chunk in re.findall(r"[0-9]+|[^0-9]", value, re.DOTALL)
    ]
    return (0, chunks, 0)


class Oracle:
    """Runs one query over events."""

    def __init__(self, query: str) -> None:
        self.program = parse(query)

    def run(self, events: list[Event]) -> list[dict[str, Any]]:  # noqa: C901  (one branch a command)
        rows = [fields_of(event, seq) for seq, event in enumerate(events)]
        rows.sort(key=lambda row: (-row["@timestamp"], -row["#seq"]))
        shown: list[str] = []
        parsed: list[str] = []  # shown because parse made them
        display: list[str] | None = None
        raw, sorted_, limit = True, False, 10_000
        for command in self.program.commands:
            if isinstance(command, Fields | Display):
                for row in rows:
                    for item in command.items:
                        row[item.name] = self.value(item.expr, row)
                names = [item.name for item in command.items]
                if isinstance(command, Display):
                    display = names
                else:
                    shown = [name for name in shown if name not in parsed or name in names]
                    shown += [name for name in names if name not in shown]
                    parsed = []
            elif isinstance(command, Filter):
                rows = [row for row in rows if truth(self.value(command.condition, row))]
            elif isinstance(command, Stats):
                rows, shown = self.stats(command, rows), []
                shown = [item.name for item in (*command.keys, *command.items)]
                raw, display = False, None
            elif isinstance(command, Sort):
                if raw and not sorted_:
                    rows.sort(key=lambda row: row["#seq"])
                elif not raw:
                    rows.sort(key=lambda row: row["#group"])
                sorted_ = True
                for key in reversed(command.keys):
                    rows = by_key([(self.value(key.expr, row), row) for row in rows], key.descending)
            elif isinstance(command, Dedup):
                seen: set[Any] = set()
                kept = []
                for row in rows:
                    found = tuple(self.value(ref, row) for ref in command.fields)
                    if None in found or found not in seen:
                        kept.append(row)
                    seen.add(found)
                rows = kept
            elif isinstance(command, Limit):
                rows = rows[: command.count]
            elif isinstance(command, Parse):
                self.parse(command, rows)
                parsed += self.names(command)
                shown += [name for name in self.names(command) if name not in shown]
            else:
                raise NotImplementedError(type(command).__name__)
        if raw and set(shown) <= set(parsed):
            shown = ["@timestamp", "@message", *shown]
        columns = shown if display is None else display
        return [{name: row[name] for name in columns if row.get(name) is not None} for row in rows[:limit]]

    def names(self, command: Parse) -> list[str]:
        if command.names:
            return [name.text for name in command.names]
        assert isinstance(command.pattern, nodes.Regex)
        return list(re.compile(command.pattern.pattern.replace("(?<", "(?P<")).groupindex)

    def parse(self, command: Parse, rows: list[Row]) -> None:
        if isinstance(command.pattern, nodes.Regex):
            pattern = re.compile(command.pattern.pattern.replace("(?<", "(?P<"))
        else:
            assert command.pattern is not None
            parts = [re.escape(part) for part in command.pattern.value.split("*")]
            built = "(.*?)".join(parts)
            pattern = re.compile(built[: -len("(.*?)")] + "(.*)" if parts[-1] == "" else built, re.DOTALL)
        for row in rows:
            subject = text(self.value(command.field, row) if command.field else row["@message"])
            match = pattern.search(subject) if subject is not None else None
            for position, name in enumerate(self.names(command)):
                row[name] = match.group(name if not command.names else position + 1) if match else None

    # stats ---------------------------------------------------------------------------------------

    def stats(self, command: Stats, rows: list[Row]) -> list[Row]:
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(self.value(item.expr, row) for item in command.keys), []).append(row)
        if not command.keys:
            groups.setdefault((), [])
        made = []
        for key, members in groups.items():
            row: Row = {item.name: value for item, value in zip(command.keys, key, strict=True)}
            for item in command.items:
                row[item.name] = self.value(item.expr, row, members)
            row["#group"] = tuple(group_order(value) for value in key)
            made.append(row)
        return sorted(made, key=lambda row: row["#group"])

    def aggregate(self, name: str, node: nodes.FunctionCall, members: list[Row]) -> Any:
        if name == "count" and (not node.args or isinstance(node.args[0], nodes.Star)):
            return len(members)
        ordered = sorted(members, key=lambda row: (row.get("@timestamp", 0), row.get("#seq", 0)))
        values = [value for row in ordered if (value := self.value(node.args[0], row)) is not None]
        if name == "count":
            return len(values)
        if name == "countdistinct":
            return len(set(values))
        if name in ("earliest", "latest"):
            return values[0 if name == "earliest" else -1] if values else None
        numbers = [found for value in values if (found := number(value)) is not None]
        if name in ("min", "max") and not numbers:
            return (min if name == "min" else max)(values) if values else None
        if not numbers:
            return None
        simple = {
            "sum": math.fsum, "avg": statistics.fmean, "min": min, "max": max,
            "variance": statistics.pvariance, "stddev": statistics.pstdev,
        }  # fmt: skip
        if name in simple:
            return simple[name](numbers)  # type: ignore[operator]
        if name == "pct":
            percent = node.args[1]
            assert isinstance(percent, nodes.Number)
            rank = max(1, math.ceil(len(numbers) * percent.value / 100))
            return sorted(numbers)[rank - 1]
        raise NotImplementedError(name)

    # expressions ---------------------------------------------------------------------------------

    def value(self, node: nodes.Expr, row: Row, members: list[Row] | None = None) -> Any:  # noqa: C901
        inner = functools.partial(self.value, row=row, members=members)
        if isinstance(node, nodes.Number | nodes.String | nodes.Boolean):
            return node.value
        if isinstance(node, nodes.Ref):
            return row.get(node.name)
        if isinstance(node, nodes.Negative):
            return None if (x := number(inner(node.operand))) is None else -x
        if isinstance(node, nodes.Arithmetic):
            result = inner(node.first)
            for op, operand in node.rest:
                result = arithmetic(op, number(result), number(inner(operand)))
            return result
        if isinstance(node, nodes.Compare):
            return compare(node.op, inner(node.left), inner(node.right))
        if isinstance(node, nodes.In):
            subject = inner(node.subject)
            found = any(compare("=", subject, inner(item)) for item in node.items)
            return subject is not None and found != node.negated
        if isinstance(node, nodes.Like):
            subject = text(inner(node.subject))
            if subject is None:
                return False
            if isinstance(node.pattern, nodes.Regex):
                return (re.search(node.pattern.pattern, subject) is not None) != node.negated
            return (str(inner(node.pattern)) in subject) != node.negated
        if isinstance(node, nodes.Logic):
            parts = [truth(inner(operand)) for operand in node.operands]
            return all(parts) if node.op == "and" else any(parts)
        if isinstance(node, nodes.Not):
            return not truth(inner(node.operand))
        assert isinstance(node, nodes.FunctionCall), node
        name = node.name.lower().replace("_", "")
        if members is not None and name in AGGREGATES:
            return self.aggregate(name, node, members)
        return scalar(name, node, row, [inner(a) for a in node.args if not isinstance(a, nodes.Period | nodes.Star)])


AGGREGATES = {
    "count", "countdistinct", "sum", "avg", "min", "max", "earliest", "latest", "pct", "variance", "stddev",
}  # fmt: skip


def group_order(value: Any) -> tuple[Any, ...]:
    """Text by code point, then numbers by value, then what is missing."""
    if value is None:
        return (2,)
    found = number(value)
    return (0, value) if found is None else (1, found, str(value))


def truth(value: Any) -> bool:
    return bool(number(value) or (isinstance(value, str) and value.lower() == "true"))


def arithmetic(op: str, a: float | None, b: float | None) -> float | None:
    if a is None or b is None:
        return None
    if op in "/%" and b == 0:
        return None
    if op == "%":
        return math.fmod(a, b)
    return {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else 0, "^": a}[op]


def scalar(name: str, node: nodes.FunctionCall, row: Row, args: list[Any]) -> Any:  # noqa: C901
    if name in ("bin", "datefloor", "dateceil"):
        period = node.args[-1]
        assert isinstance(period, nodes.Period)
        size = min(period.count, CAPS.get(period.unit, period.count)) * PERIODS[period.unit]
        moment = row["@timestamp"] if name == "bin" else args[0]
        if moment is None:
            return None
        return Time(-(-moment // size) * size if name == "dateceil" else moment // size * size)
    if name == "ispresent":
        return args[0] is not None
    if name == "isempty":
        return text(args[0]) in (None, "")
    if name == "coalesce":
        return next((arg for arg in args if arg is not None), None)
    if name == "if":
        return args[1] if truth(args[0]) else args[2]
    if name == "concat":
        return "".join(text(arg) or "" for arg in args)
    if name == "isipv4insubnet":
        import ipaddress

        try:
            return ipaddress.IPv4Address(str(args[0])) in ipaddress.ip_network(args[1])
        except ValueError:
            return False
    words = [text(arg) for arg in args]
    if name == "strcontains":
        return None not in words and str(words[1]) in str(words[0])
    if words[0] is None:
        return None
    if name == "strlen":
        return len(words[0])
    if name == "toupper":
        return words[0].upper()
    if name == "substr":
        return words[0][int(args[1]) :]
    found = number(args[0])
    if found is None:
        return None
    if name in ("abs", "floor", "ceil"):
        return {"abs": abs, "floor": math.floor, "ceil": math.ceil}[name](found)
    if name == "tomillis":
        return int(found)
    raise NotImplementedError(name)


def by_key(pairs: list[tuple[Any, Row]], descending: bool) -> list[Row]:
    """A stable sort; missing values last either way."""
    there = [pair for pair in pairs if pair[0] is not None]
    lost = [row for value, row in pairs if value is None]
    there.sort(key=lambda pair: natural_key(pair[0]), reverse=descending)  # equal rows keep their order
    return [row for _, row in there] + lost
