"""A query as one statement over a table of flow logs, as AWS's pages define it for Athena, and that definition.

Amazon Athena User Guide, "Query Amazon VPC flow logs": columns by the names of the fields with ``_`` for ``-``;
numbers int or bigint, all others string.
"""

from collections.abc import Mapping, Sequence

from sqlglot import exp

from helpers.flowlogs import FIELDS
from helpers.flowlogs.format import SPELLINGS
from helpers.insights.events.schema import FLOW, FLOW_COLUMNS, Column, columns_of
from helpers.insights.sql.compiler import Compiled
from helpers.insights.sql.sql_engines import Unsupported, write
from helpers.insights.sql.typed import E, Kind, binary, call, cast, number_literal, text_literal

TABLE = "vpc_flow_logs"
_FIELDS = {one.name: name for name in FIELDS for one in columns_of([name])}
_INNER = {"ts", "ing", "seq", "src", "kind", "size", "stream", "message", "event_id", "filled", "bin_at"}
_BIG = ("protocol", "packets", "bytes", "start", "end")  # bigint on AWS's pages


def column_name(one: Column) -> str:
    """The column of AWS's table that holds a field."""
    return _FIELDS[one.name].replace("-", "_")


def statement(compiled: Compiled, columns: Sequence[Column], *, times: bool) -> exp.Select:
    """The tree of a query over ``TABLE``; its columns have the names of the result.

    ``times``: times are timestamps, not epoch milliseconds. The order of rows that sort alike is open: the table has
    no order of arrival.
    """
    made = compiled.statement.copy()
    if compiled.estimate:
        raise Unsupported("estimate is not possible on a table: it asks what CloudWatch would scan")
    if compiled.inner:
        raise Unsupported("join and subqueries read several log groups; here is one table")
    assert isinstance(made, exp.Select)
    used = {node.name for node in made.find_all(exp.Column)}
    for at, output in enumerate(compiled.outputs):
        alias = made.expressions[at]
        if times and output.kind is Kind.TIME:
            alias.set("this", call("i_stamp", alias.this))
        if output.name.lower() not in used | _INNER:
            alias.set("alias", exp.Identifier(this=output.name, quoted=True))
    made.set("expressions", made.expressions[: len(compiled.outputs)] or [exp.alias_(number_literal(1), "o")])
    events = exp.Select(expressions=_stored(columns, used)).from_(exp.Table(this=exp.Identifier(this=TABLE)))
    name = exp.TableAlias(this=exp.Identifier(this="events_0", quoted=False))
    steps = made.args["with_"].expressions if made.args.get("with_") else []
    made.set("with_", exp.With(expressions=[exp.CTE(this=events, alias=name), *steps]))
    return made


def _stored(columns: Sequence[Column], used: set[str]) -> list[E]:
    """The columns of events that a statement uses, from those of AWS's table."""
    if "stream" in used:
        raise Unsupported("@logStream is no column of a table of flow logs")
    start = next((_given(one) for one in columns if _FIELDS[one.name] == "start"), number_literal(0))
    words = [call("coalesce", cast(_given(one), "VARCHAR"), text_literal("-")) for one in columns]
    moment = binary(exp.Mul, cast(start, "BIGINT"), number_literal(1000))
    values: dict[str, E] = {
        "ts": moment,
        "ing": moment.copy(),
        "seq": cast(number_literal(0), "BIGINT"),
        "kind": number_literal(FLOW),
        "message": call("concat_ws", text_literal(" "), *words),
    }
    for one in columns:  # in a table over text, - is the text that it is
        values[one.column] = _given(one) if one.is_integer else call("nullif", _given(one), text_literal("-"))
    return [exp.alias_(value, name) for name, value in values.items() if name in used] or [number_literal(1)]


def _given(one: Column) -> E:
    return exp.Column(this=exp.Identifier(this=column_name(one), quoted=True))


def sql(
    compiled: Compiled, columns: Sequence[Column], dialect: str, values: Mapping[str, int], *, times: bool = True
) -> str:
    """The statement of a query over ``TABLE`` in a dialect. Raises ``Unsupported``."""
    return write(statement(compiled, columns, times=times), dialect, values)


def definition(columns: Sequence[Column], dialect: str, *, parquet: bool, location: str) -> str:
    """The statement that defines ``TABLE`` over files in S3, in Spark's or Athena's words."""
    listed = ",\n".join(f"  `{column_name(one)}` {_type(one)}" for one in columns)
    if dialect == "spark":
        how = "USING parquet" if parquet else "USING csv OPTIONS (sep ' ', header 'true', nullValue '-')"
        return f"CREATE TABLE {TABLE} (\n{listed}\n) {how}\nLOCATION '{location}';"
    how = "STORED AS PARQUET" if parquet else "ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '"
    properties = "'EXTERNAL'='true'" if parquet else "'skip.header.line.count'='1'"
    return (
        f"CREATE EXTERNAL TABLE {TABLE} (\n{listed}\n)\nPARTITIONED BY (`date` date)\n{how}\n"
        f"LOCATION '{location}'\nTBLPROPERTIES ({properties});"
    )


def over_lines(columns: Sequence[Column], lines: str) -> str:
    """Spark's SELECT of AWS's columns from lines of text, column ``value``; it stops at a line that is no record."""
    names = [_FIELDS[one.name] for one in columns]
    start = f"try_cast(parts[{names.index('start')}] AS BIGINT) > 0"
    version = " AND parts[0] = '2'" if tuple(columns) == FLOW_COLUMNS else ""
    words = [
        f"{f'try_cast(parts[{at}] AS {one.type})' if one.is_integer else f'parts[{at}]'} AS `{column_name(one)}`"
        for at, one in enumerate(columns)
    ]
    return f"""SELECT {", ".join(words)} FROM (SELECT value, split(value, ' ') AS parts FROM {lines} WHERE value <> '')
        WHERE CASE WHEN size(parts) = {len(columns)}{version} AND {start} THEN TRUE
        WHEN lower(replace(value, '_', '-')) = '{" ".join(names)}' THEN FALSE
        ELSE CAST(raise_error(concat('no record: ', left(value, 60))) AS BOOLEAN) END"""


def over_parquet(columns: Sequence[Column], records: str, titles: Sequence[str]) -> str:
    """Spark's SELECT of AWS's columns from Parquet files with these columns: AWS's, or those of ``to_parquet``."""
    by_field = {SPELLINGS[title.lower()]: title for title in titles if title.lower() in SPELLINGS}
    words = [f"CAST(`{by_field[_FIELDS[one.name]]}` AS {one.type}) AS `{column_name(one)}`" for one in columns]
    words = [word.replace("VARCHAR", "STRING") for word in words]
    other = f" WHERE CASE WHEN kind = {FLOW} THEN TRUE ELSE CAST(raise_error('an event is no record') AS BOOLEAN) END"
    return f"SELECT {', '.join(words)} FROM {records}{other if 'kind' in titles else ''}"


def _type(one: Column) -> str:
    if not one.is_integer:
        return "string"
    return "bigint" if _FIELDS[one.name] in _BIG else "int"
