"""A SELECT over one log group: the language SQL of StartQuery (OpenSearch SQL, CloudWatch Logs User Guide).

sqlglot reads it as Spark's SQL and writes it for DuckDB; its names are the fields that Logs Insights discovers, with
their types there. Clauses and functions stand on a list of our own: what does not is refused by name.
"""

import re
import threading
from functools import reduce

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from helpers.insights.engine import Query, refusing
from helpers.insights.events.database import shared_database
from helpers.insights.events.schema import SYSTEM_FIELDS, Schema, stored_columns
from helpers.insights.sql.compiler import Compiled, Output, sql_text
from helpers.insights.sql.expressions import Expressions
from helpers.insights.sql.relation import events, subquery
from helpers.insights.sql.typed import (
    NUMERIC,
    E,
    Kind,
    all_of,
    binary,
    call,
    cast,
    column,
    number_literal,
    parameter,
    text_literal,
)
from helpers.insights.syntax import nodes
from helpers.insights.syntax.command_nodes import Program, Source
from helpers.insights.syntax.errors import MalformedQuery
from helpers.insights.syntax.refusals import not_simulated

MOST_ROWS = 10_000  # StartQuery, limit: 100,000 is for Logs Insights QL only
_CLAUSES = {"expressions", "from_", "where", "group", "having", "order", "limit", "distinct"}
_NODES = {
    "select", "from", "table", "identifier", "tablealias", "where", "group", "having", "order", "ordered", "limit",
    "distinct", "alias", "column", "star", "literal", "boolean", "null", "paren", "tuple", "datatype", "interval",
    "var", "and", "or", "not", "eq", "neq", "gt", "gte", "lt", "lte", "is", "in", "between", "like", "regexplike",
    "case", "if", "add", "sub", "mul", "div", "mod", "neg", "dpipe", "count", "sum", "avg", "min", "max", "stddev",
    "variance", "upper", "lower", "length", "trim", "substring", "concat", "replace", "startswith", "endswith",
    "contains", "coalesce", "nullif", "greatest", "least", "abs", "ceil", "floor", "round", "sqrt", "cast", "trycast",
    "jsonextractscalar", "jsonpath", "jsonpathroot", "jsonpathkey", "jsonpathsubscript", "timestamptrunc", "year",
    "month", "dayofmonth", "day", "tsordstodate", "hour", "minute", "second", "timetostr", "timestrtotime",
    "tsordstotimestamp",
}  # fmt: skip
_KINDS = {"DOUBLE": Kind.DOUBLE, "VARCHAR": Kind.TEXT} | dict.fromkeys(
    ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Kind.INT
)
_NAME = re.compile(r"(?!events_\d)[^'\"$]+")  # what may stand in the finished text beside our own places
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Neg, exp.Sum, exp.Avg, exp.Stddev, exp.Variance,
               exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt)  # fmt: skip
_TIMES = (exp.DataType.Type.TIMESTAMP, exp.DataType.Type.TIMESTAMPTZ)
_EXACT = exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb")
_PLACE = nodes.Span(0, 0)


class SqlQuery(Query):
    """A compiled SELECT; its ``source`` is the log group of FROM. Raises ``MalformedQuery``.

    >>> SqlQuery("SELECT srcAddr, sum(bytes) AS b FROM `/vpc/flow` GROUP BY srcAddr").source.group
    '/vpc/flow'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._compiled: dict[Schema, Compiled] = {}
        self._lock = threading.Lock()
        with refusing(text):
            self._statement = _read(text)
        table = self._statement.find(exp.Table)
        assert table is not None
        self._aliases = {"", table.name.lower(), table.alias.lower()}
        self.program = Program(text, Source(nodes.Span(0, len(text)), table.name, ()), ())
        self.compiled(Schema())

    @property
    def standard_only(self) -> str:
        """Only log groups of class STANDARD support SQL."""
        return "SQL"

    def _compile(self, schema: Schema) -> Compiled:
        tree, expressions, relation = self._statement.copy(), Expressions(self.text, schema), events(schema)
        known = {name.lower(): name for name in SYSTEM_FIELDS}
        if schema.flow:
            known |= {each.name.lower(): each.name for each in schema.columns}
        every = [exp.column(name, quoted=True) for name in known.values()]
        tree.set("expressions", [one for each in tree.expressions for one in (every if each.is_star else [each])])
        titles = [_title(each) for each in tree.expressions]
        aliases, fields, texts = {each.alias.lower() for each in tree.expressions}, {}, set()
        for used in tree.find_all(exp.Column):
            if used.table.lower() not in self._aliases or used.args.get("db"):
                raise _refusal(self.text, f"{used.sql('spark')}: write a field with dots in its name in backticks")
            used.set("table", None)
            used.this.set("quoted", True)
            late = used.find_ancestor(exp.Order, exp.Having, exp.Group) is not None
            if late and used.name.lower() in aliases and used.name.lower() not in known:
                continue  # a column of the result
            parts = tuple(known.get(used.name.lower(), used.name).split("."))
            value = expressions.base(nodes.Ref(_PLACE, parts))
            texts |= set() if value.kind in NUMERIC else {used.name.lower()}
            fields[used.name.lower()] = exp.alias_(
                call("i_stamp", value.e) if value.kind is Kind.TIME else value.e, used.name, quoted=True
            )
        _dated(self.text, tree)
        _coerce(tree, texts)
        _as_spark(tree, texts)
        arrival = exp.column("@seq", quoted=True)  # no event has a field of this name: Logs Insights writes @@seq
        first = exp.alias_(column("seq"), "@seq", quoted=True)
        inner = exp.Select(expressions=[first, *fields.values()]).from_(relation.source)
        if relation.where:
            inner.set("where", exp.Where(this=all_of(relation.where)))
        tree.set("from_", exp.From(this=subquery(inner, "logs")))
        grouped = tree.args.get("group") or tree.args.get("distinct") or tree.find(exp.AggFunc)
        ties = [number_literal(at + 1) for at in range(len(titles))] if grouped else [arrival]
        keys = tree.args["order"].expressions if tree.args.get("order") else []
        for place in (each.this for each in keys if each.this.is_int):
            if not 1 <= int(place.name) <= len(titles):  # DuckDB counts columns that are not shown
                raise _refusal(self.text, f"ORDER BY {place.name}: the SELECT has no such column")
        tree.set("order", exp.Order(expressions=[*keys, *(exp.Ordered(this=tie, nulls_first=False) for tie in ties)]))
        limit = tree.args.get("limit")
        if limit is None:
            tree.set("limit", exp.Limit(expression=parameter("rows")))
        types = _types(tree, schema)
        tree.set("expressions", [_shown(each, kind) for each, kind in zip(tree.expressions, types, strict=True)])
        matched = exp.Select(expressions=[exp.Count(this=exp.Star())]).from_(tree.args["from_"].this.copy())
        matched.set("where", tree.args.get("where"))
        return Compiled(
            sql=sql_text(tree), statement=tree, matched=sql_text(matched), scanned=None,
            outputs=tuple(map(Output, titles, (_KINDS.get(kind, Kind.TEXT) for kind in types))),
            used=tuple(expressions.used.values()), limit=limit and int(limit.expression.name), pointers=0, lookups=(),
            wanted=(), remarks=(), estimate=False, inner=0, right_keys=None,
        )  # fmt: skip


def _refusal(text: str, message: str) -> MalformedQuery:
    return MalformedQuery(message, text, 0, len(text))


def _read(text: str) -> exp.Select:
    """The one SELECT of a text, with nothing in it that is not on our lists."""
    try:
        found = sqlglot.parse(text, dialect="spark")
    except SqlglotError as error:
        told: dict[str, str] = next(iter(getattr(error, "errors", [])), {})
        word, before = told.get("highlight") or "", told.get("start_context") or ""
        at = max(text.find(before + word), 0) + len(before) if word else 0
        found_word = f"unexpected symbol found {word}" if word else "a quotation mark, backtick or comment has no end"
        raise MalformedQuery(f"{found_word}; this is no SQL", text, at, at + len(word)) from None
    if len(found) != 1:
        raise _refusal(text, "a query is one statement, without ; between statements")
    tree = found[0]
    if not isinstance(tree, exp.Select):
        raise _refusal(text, "a SQL query of log events is a SELECT")
    for name, value in tree.args.items():
        if value and name not in _CLAUSES:
            raise _refusal(text, not_simulated(f"{name.strip('_').removesuffix('s').upper()} in SQL"))
    for node in tree.walk():
        if node.key not in _NODES or (isinstance(node, exp.Select) and node is not tree):
            name = node.sql("spark").split("(")[0] if isinstance(node, exp.Func) else node.key.upper()
            raise _refusal(text, not_simulated(f"{'a subquery' if node.find(exp.Select) else name} in SQL"))
        named = isinstance(node, exp.Identifier) and not isinstance(node.parent, exp.Table)
        if named and not _NAME.fullmatch(node.name):
            raise _refusal(text, f"the name {node.name} cannot be used in SQL here")
    tables = list(tree.find_all(exp.Table))
    if len(tables) != 1 or not isinstance(tables[0].this, exp.Identifier) or tables[0].args.get("db"):
        raise _refusal(text, "a SQL query names one log group in FROM, in backticks: FROM `/vpc/flow`")
    if re.match(r"\s*(logGroups|dataSource|filterIndex)\s*\(", tables[0].name):
        raise _refusal(text, not_simulated(f"{tables[0].name.split('(')[0].strip()} in FROM"))
    limit = tree.args.get("limit")
    if limit and not (limit.expression.is_int and 1 <= int(limit.expression.name) <= MOST_ROWS):
        raise _refusal(text, f"LIMIT is a whole number between 1 and {MOST_ROWS}")
    return tree


def _title(each: E) -> str:
    """The heading: a name, else the expression as Spark writes it, in small letters and without backticks."""
    plain = each.sql("spark", normalize_functions="lower").replace("`", "")
    return each.name if isinstance(each, exp.Column) else each.alias or plain


def _coerce(tree: exp.Select, texts: set[str]) -> None:
    """As Spark does it: text beside a number or in arithmetic is a number, and what is no JSON has no members."""
    for chosen in reversed(list(tree.find_all(exp.Coalesce, exp.Case, exp.If))):
        _same_kind(chosen, texts)
    for node in tree.find_all(exp.Binary, exp.Between, exp.In, *_ARITHMETIC):
        parts = [each for each in node.iter_expressions() if not isinstance(each, exp.Identifier)]
        if isinstance(node, _ARITHMETIC) or any(isinstance(each, exp.Neg) or each.is_number for each in parts):
            for each in parts:
                if _is_text(each, texts) and not each.is_string:
                    each.replace(cast(each.copy(), "DOUBLE", safe=True))
    for node in tree.find_all(exp.JSONExtractScalar):
        node.set("this", call("i_json", node.this))


def _as_spark(tree: exp.Select, texts: set[str]) -> None:
    """What DuckDB does otherwise than Spark, and sqlglot does not say."""
    for like in list(tree.find_all(exp.Like)):
        if like.expression.is_string and "\\" in like.expression.name:  # what escapes % and _ in Spark
            like.replace(exp.Escape(this=like.copy(), expression=text_literal("\\")))
    for concat in list(tree.find_all(exp.Concat)):  # of a missing value: missing
        parts: list[E] = [cast(each.copy(), "VARCHAR") for each in concat.expressions]
        concat.replace(exp.Paren(this=reduce(lambda one, other: exp.DPipe(this=one, expression=other), parts)))
    for made in tree.find_all(exp.Cast):  # of 1.9 to a whole number: 1; of a time: its second, and back
        name = made.this.name.lower() if isinstance(made.this, exp.Column) else ""
        if made.to.this in _TIMES and name and name not in texts:
            made.set("this", call("make_timestamp", binary(exp.Mul, made.this, number_literal(1_000_000))))
        elif made.to.this in exp.DataType.INTEGER_TYPES:
            time = name in ("@timestamp", "@ingestiontime")
            value = call("epoch", made.this) if time else exp.TryCast(this=made.this, to=_EXACT.copy(), safe=True)
            made.set("this", call("floor" if time else "trunc", value))
    for whole in list(tree.find_all(exp.Ceil, exp.Floor)):
        if not whole.args.get("decimals"):
            whole.replace(cast(whole.copy(), "BIGINT", safe=True))


def _same_kind(node: E, texts: set[str]) -> None:
    """Values of which one is taken: as text where some of them are text and some are numbers."""
    if isinstance(node, exp.Coalesce):
        values = [node.this, *node.expressions]
    elif isinstance(node, exp.Case):
        values = [each.args["true"] for each in node.args["ifs"]] + [node.args.get("default")]
    else:
        values = [node.args["true"], node.args.get("false")] if not isinstance(node.parent, exp.Case) else []
    values = [each for each in values if each is not None]
    numbers = [each for each in values if each.is_number or isinstance(each, (exp.Column, *_ARITHMETIC))]
    numbers = [each for each in numbers if not _is_text(each, texts)]
    if any(_is_text(each, texts) for each in values):
        node.meta["text"] = True
        for each in numbers:
            each.replace(cast(each.copy(), "VARCHAR"))


def _is_text(value: E, texts: set[str]) -> bool:
    is_column = isinstance(value, exp.Column) and value.name.lower() in texts
    return is_column or value.is_string or bool(value.meta.get("text"))


def _dated(text: str, tree: exp.Select) -> None:
    """Milliseconds and a T in the patterns of date_format; a letter that sqlglot does not know would be printed."""
    for node in tree.find_all(exp.TimeToStr):
        pattern = re.sub(r"(?<!S)SSS(?!S)", "%g", node.args["format"].name).replace("'T'", "T")
        left = re.sub(r"%[A-Za-z](strict)?|T", "", pattern)
        if not node.args["format"].is_string or re.search("[A-Za-z']", left):
            raise _refusal(text, not_simulated(f"the pattern {node.args['format'].sql('spark')} of date_format in SQL"))
        node.set("format", text_literal(pattern))


def _types(tree: exp.Select, schema: Schema) -> list[str]:
    """DuckDB's types of the columns. Its first sentence is the refusal of what cannot be bound."""
    statement = sql_text(tree)
    with shared_database().cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE events_0 ({stored_columns(schema.columns)})")
        try:
            return [row[1] for row in cursor.execute("DESCRIBE " + re.sub(r"\$\w+", "0", statement)).fetchall()]
        except duckdb.Error as error:
            raise duckdb.Error(str(error).splitlines()[0]) from None


def _shown(each: E, kind: str) -> E:
    """A column as it is printed: numbers as they are, times to the millisecond, everything else as text."""
    if kind in _KINDS:
        return each
    value, title = each.unalias().copy(), each.alias_or_name
    time = call("strftime", value, text_literal("%Y-%m-%d %H:%M:%S.%g"))
    text = time if kind.startswith("TIMESTAMP") else cast(value, "VARCHAR")
    return exp.alias_(text, title, quoted=True) if title else text
