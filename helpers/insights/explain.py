"""A query in words, and results as text and HTML."""

import html
from collections.abc import Sequence

from . import nodes as n
from .check import walk
from .functions import key

Rows = Sequence[Sequence[tuple[str, str]]]

# What a query depends on -> the entry of data/assumptions.toml that says what was chosen.
_FUNCTIONS = {
    "pct": "insights-pct", "percentile": "insights-pct",
    "stddev": "insights-stddev", "values": "insights-values",
    "rate": "insights-rate", "topk": "insights-topk", "ispublicip": "insights-public-ip",
    "isreservedip": "insights-public-ip", "urlencode": "insights-urlencode",
}  # fmt: skip


def explain(program: n.Program) -> str:
    """One line for each command, then the assumptions that the result depends on."""
    lines = [_describe(command, program.text) for command in program.commands]
    if program.source:
        lines.insert(0, "SOURCE: which log groups are read is chosen by the query itself")
    if not lines:
        lines = ["all events, newest first: @timestamp and @message"]
    text = "\n".join(f"{position}. {line}" for position, line in enumerate(lines, 1))
    found = assumptions(program)
    return text + ("\nDepends on the assumptions: " + ", ".join(found) if found else "")


def _describe(command: n.Command, text: str) -> str:
    shown = " ".join(text[command.span.start : command.span.end].split())
    meaning = {
        n.Fields: "shows these fields beside those of other fields commands",
        n.Display: "shows these columns only; the last display decides",
        n.Filter: "keeps the rows for which this is true; what is missing compares as false",
        n.Stats: "groups and aggregates; afterwards only these columns exist",
        n.Sort: "natural order (text before numbers), ties in order of arrival or of the group keys",
        n.Limit: "keeps the first rows",
        n.Dedup: "keeps the first row of each combination, and every row with a missing value",
        n.Parse: "adds fields taken from a text; an event that does not match keeps its row",
        n.JsonPath: "adds a field taken from JSON",
        n.Unnest: "makes a row of each element",
        n.Expand: "makes a row of each element of a JSON array",
        n.Lookup: "adds columns of the lookup table",
        n.CidrLookup: "adds columns of the block with the longest prefix that holds the address",
        n.Accum: "adds a running sum in the order of the rows",
        n.AddTotals: "adds sums of rows or columns",
        n.FillMissing: "adds rows for empty bins between the first and the last",
        n.CountFrequent: "counts each combination, most frequent first",
        n.Estimate: "does not run the query: answers how many bytes it would scan",
    }[type(command)]
    return f"{shown}: {meaning}"


def assumptions(program: n.Program) -> list[str]:
    """The ids of the assumptions that a query's result depends on."""
    found: dict[str, None] = {}
    commands = program.commands
    if not any(isinstance(command, n.Sort | n.Stats | n.CountFrequent) for command in commands):
        found["insights-order"] = None
    for command in commands:
        found |= dict.fromkeys(_of_command(command))
        for expr in _expressions(command):
            for node in walk(expr):
                if isinstance(node, n.Not | n.Compare | n.Like | n.In):
                    found["insights-missing"] = None
                if isinstance(node, n.Period) and node.unit == "w":
                    found["insights-week"] = None
                if isinstance(node, n.Call) and key(node.name) in _FUNCTIONS:
                    found[_FUNCTIONS[key(node.name)]] = None
                if isinstance(node, n.Call):
                    weeks = [a for a in node.args if isinstance(a, n.Period) and a.unit == "w"]
                    found |= {"insights-week": None} if weeks else {}
    return list(found)


def _of_command(command: n.Command) -> list[str]:
    """What a command itself depends on, whatever its expressions are."""
    depends = {
        "insights-filter-index": isinstance(command, n.Filter) and command.indexed,
        "insights-sort-missing": isinstance(command, n.Sort),
        "insights-offset": isinstance(command, n.Stats) and command.offset is not None,
        "insights-glob": isinstance(command, n.Parse) and command.mode == "glob",
    }
    return [name for name, holds in depends.items() if holds]


def _expressions(command: n.Command) -> list[n.Expr]:
    if isinstance(command, n.Fields | n.Display):
        return [item.expr for item in command.items]
    if isinstance(command, n.Filter):
        return [command.condition]
    if isinstance(command, n.Stats):
        return [item.expr for item in (*command.items, *command.keys)]
    return [sort_key.expr for sort_key in command.keys] if isinstance(command, n.Sort) else []


def as_table(columns: list[str], rows: Rows, most: int = 100) -> str:
    """The rows as aligned text; more than ``most`` are counted instead of shown."""
    cells = [[dict(row).get(column, "") for column in columns] for row in rows[:most]]
    widths = [max([len(column), *(len(row[i]) for row in cells)]) for i, column in enumerate(columns)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
             for row in [columns, *cells]]  # fmt: skip
    if len(rows) > most:
        lines.append(f"... and {len(rows) - most} more rows")
    return "\n".join(lines)


def as_html(columns: list[str], rows: Rows, remarks: Sequence[str], most: int = 100) -> str:
    """The rows as an HTML table, remarks below."""
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(dict(row).get(column, ''))}</td>" for column in columns) + "</tr>"
        for row in rows[:most]
    )
    notes = [*remarks, *([f"{len(rows) - most} more rows"] if len(rows) > most else [])]
    below = "".join(f"<p>{html.escape(note)}</p>" for note in notes)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{below}"
