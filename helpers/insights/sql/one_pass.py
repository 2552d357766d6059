"""A query that groups its events first, for one reading of them: its rows, and beside them what was scanned."""

from sqlglot import exp

from helpers.insights.events.schema import Schema, stored_names
from helpers.insights.sql.compiler import Compiled, sql_text
from helpers.insights.sql.relation import events
from helpers.insights.sql.typed import FALSE, E, all_of, column

SCANNED = "SELECT coalesce(sum(records), 0), coalesce(sum(bytes), 0) FROM counted"
"""What was scanned, once the first statement of ``one_pass`` has run: events, bytes of their messages."""


def one_pass(compiled: Compiled, schema: Schema) -> tuple[str, str] | None:
    """(the statement that groups all events and counts them, the query over these groups); None for other queries.

    Events that the query leaves out are a group of their own: without values, so that nothing is computed of them.
    """
    if compiled.grouped is None or compiled.scanned is not None or compiled.inner:
        return None
    rows = compiled.statement.copy()
    step = next(step for step in rows.find_all(exp.CTE) if step.alias == compiled.grouped)
    grouped = step.this
    step.set("this", _matching(grouped))
    return f"CREATE OR REPLACE TEMP TABLE counted AS {_counting(grouped, schema)}", sql_text(rows)


def _counting(grouped: exp.Select, schema: Schema) -> str:
    where, group, visible = grouped.args.get("where"), grouped.args.get("group"), events(schema).where
    used = {node.name for node in grouped.find_all(exp.Column)}
    values = [f"CASE WHEN matched THEN {name} END AS {name}, " for name in stored_names(schema.columns) if name in used]
    within = f"WHERE {sql_text(all_of(visible))}" if visible else ""
    return f"""SELECT {_listed(grouped.expressions)}, matched, count(scanned) AS records, sum(scanned) AS bytes
        FROM (SELECT {"".join(values)}matched, size AS scanned
            FROM (SELECT *, {sql_text(where.this) if where else "TRUE"} AS matched FROM events_0 {within}))
        GROUP BY {_listed([*group.expressions, column("matched")] if group else [column("matched")])}"""


def _listed(parts: list[E]) -> str:
    return ", ".join(map(sql_text, parts))


def _matching(grouped: exp.Select) -> E:
    """The groups of the events that match; of none of them where there are no keys, as SQL has it."""
    names: list[E] = [column(made.alias) for made in grouped.expressions]
    matching = exp.Select(expressions=names).from_("counted").where(column("matched"))
    if grouped.args.get("group"):
        return matching
    none = grouped.copy()
    none.set("where", exp.Where(this=FALSE.copy()))
    none.set("having", exp.Having(this=exp.Not(this=exp.Exists(this=matching.copy()))))
    return exp.Union(this=matching, expression=none, distinct=False)
