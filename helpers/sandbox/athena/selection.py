"""SELECT over files in S3: read as Athena's SQL, typed by the tables, and run in DuckDB.

Partitions that a condition rules out are not read. Of Parquet only the columns that the answer needs are, of text
whole files: that is what DataScannedInBytes counts.
"""

import gzip
import math
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from sqlglot import exp, parse_one
from sqlglot.errors import OptimizeError, SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.pushdown_projections import pushdown_projections
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from helpers.sandbox.athena.catalog import Answer, AthenaFailure, Catalog, Column, Partition, Table
from helpers.sandbox.calls import Account

_ATHENA_TYPES = {"HUGEINT": "bigint", "BIGINT": "bigint", "INTEGER": "integer", "DOUBLE": "double", "DATE": "date"}
_ATHENA_TYPES |= {
    "BOOLEAN": "boolean",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamp with time zone",
}
_ENGINE: dict[str, str | bool | int | float | list[str]] = {
    "threads": 1,
    "autoload_known_extensions": False,
    "autoinstall_known_extensions": False,
}


def select(account: Account, catalog: Catalog, database: str, text: str) -> Answer:
    """Raises :class:`AthenaFailure`."""
    schema: dict[str, object] = {
        name: {table: dict((*held.columns, *held.keys)) for table, held in tables.items()}
        for name, tables in catalog.databases.items()
        if tables
    }
    tree = parse_one(text, dialect="athena")
    for source in tree.find_all(exp.Table):
        names = {cte.alias for cte in tree.find_all(exp.CTE)}
        if source.name not in names or source.db:
            catalog.table((source.db or database, source.name.lower()))
    try:
        tree = qualify(tree, schema=schema, db=database, dialect="athena")
        tree = pushdown_projections(tree)  # what no outer query uses is not read
        tree = annotate_types(tree, schema=schema, dialect="athena")
    except OptimizeError as problem:
        raise AthenaFailure(_unresolved(str(problem), text)) from None
    except SqlglotError as problem:
        raise AthenaFailure(f"SYNTAX_ERROR: {problem}") from None
    for division in [*tree.find_all(exp.Div)]:
        if all(side.is_type(*exp.DataType.INTEGER_TYPES) for side in (division.this, division.expression)):
            division.replace(exp.IntDiv(this=division.this, expression=division.expression))
    for moment in [*tree.find_all(exp.UnixToTime)]:  # DuckDB's own gives a time zone, which Athena's has not
        moment.replace(exp.func("make_timestamp", exp.cast(moment.this, "bigint") * 1_000_000))
    with TemporaryDirectory() as folder, duckdb.connect(config=_ENGINE) as engine:
        reading = _TableLoader(account, catalog, engine, Path(folder))
        for scope in traverse_scope(tree):
            reading.load(scope)
        try:
            return Answer(*_fetched(engine, tree.sql("duckdb")), reading.scanned)
        except duckdb.Error as problem:
            raise AthenaFailure(_reason(problem)) from None


def _unresolved(problem: str, text: str) -> str:
    """Athena's sentence, with the place of the first word of that name."""
    name = re.search(r"Column '(?:.*\.)?\"?([^'\".]+)\"?'|Unknown column: (\w+)", problem)
    if name is None:
        return f"SYNTAX_ERROR: {problem}"
    column = name[1] or name[2]
    at = re.search(rf"\b{re.escape(column)}\b", text, re.IGNORECASE)
    before = text[: at.start() if at else 0]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    return f"SYNTAX_ERROR: line {place}: Column '{column}' cannot be resolved"


def _reason(problem: duckdb.Error) -> str:
    words = str(problem).splitlines()[0]
    if "Division by zero" in words:
        return "DIVISION_BY_ZERO: Division by zero"
    if "Could not convert" in words or "Conversion Error" in words:
        return f"INVALID_CAST_ARGUMENT: {words.partition(': ')[2]}"
    return f"NOT_SUPPORTED: the sandbox's engine cannot run this: {words}"


class _TableLoader:
    """Loads what a query reads, and counts its bytes."""

    def __init__(self, account: Account, catalog: Catalog, engine: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self._account = account
        self._catalog = catalog
        self._engine = engine
        self._folder = folder
        self._count = 0
        self.scanned = 0

    def load(self, scope: Scope) -> None:
        """Put a table of the engine's in the place of each of Athena's that a SELECT reads."""
        for alias, source in scope.sources.items():
            if isinstance(source, exp.Table):
                used = {column.name for column in scope.columns if column.table == alias}
                name = (source.db, source.name.lower())
                self._count += 1
                table = self._catalog.table(name)
                partitions = self._needed(scope, alias, table, self._catalog.partitions_of(self._account, name))
                self._fill(f"t{self._count}", table, partitions, used)
                source.replace(exp.table_(f"t{self._count}", alias=alias, quoted=True))

    def _needed(self, scope: Scope, alias: str, table: Table, held: Sequence[Partition]) -> list[Partition]:
        keys = {name for name, _ in table.keys}
        where = scope.expression.args.get("where")
        outer = any(join.side for join in scope.expression.args.get("joins") or ())
        if not keys or where is None or outer:
            return [*held]
        conditions = [
            part.sql("duckdb")
            for part in (where.this.flatten() if isinstance(where.this, exp.And) else [where.this])
            if (columns := [*part.find_all(exp.Column)])
            and all(column.table == alias and column.name in keys for column in columns)
            and part.find(exp.Query) is None
        ]
        values = ", ".join(_typed(f"parts[{place}]", kind, name) for place, (name, kind) in enumerate(table.keys, 1))
        self._engine.execute(
            "CREATE OR REPLACE TABLE held AS SELECT unnest(?::VARCHAR[][]) AS parts",
            [[list(partition.values) for partition in held]],
        )
        picked = self._engine.execute(
            f'SELECT place FROM (SELECT rowid AS place, {values} FROM held) AS "{alias}" '
            f"WHERE {' AND '.join([*conditions, 'true'])} ORDER BY place"
        )
        return [held[place] for (place,) in picked.fetchall()]

    def _fill(self, called: str, table: Table, partitions: Sequence[Partition], used: set[str]) -> None:
        kinds = (*table.columns, *table.keys)
        columns = ", ".join(f'"{name}" {kind}' for name, kind in kinds)
        self._engine.execute(f'CREATE TABLE "{called}" ({columns})')
        for partition in partitions:
            for key, content in partition.files.items():
                read = self._parquet if table.parquet else self._text
                read(called, table, partition, key, content, used)

    def _text(self, called: str, table: Table, partition: Partition, key: str, content: bytes, used: set[str]) -> None:
        self.scanned += len(content)
        lines = (gzip.decompress(content) if key.endswith(".gz") else content).decode("utf-8", "replace").splitlines()
        rows = [[*line.split(table.delimiter)] for line in lines[table.skipped :]]
        if rows:
            names = [_typed(f"parts[{place}]", kind, name) for place, (name, kind) in enumerate(table.columns, 1)]
            source = "(SELECT unnest($rows::VARCHAR[][]) AS parts)"
            self._insert(called, table, partition, names, source, rows=rows)

    def _parquet(
        self, called: str, table: Table, partition: Partition, key: str, content: bytes, used: set[str]
    ) -> None:
        path = self._folder / "file.parquet"
        path.write_bytes(content)
        source = f"read_parquet('{path}', hive_partitioning = false)"
        try:
            described = self._engine.execute(f"DESCRIBE FROM {source}").fetchall()
        except duckdb.Error:
            raise AthenaFailure(f"HIVE_BAD_DATA: Not valid Parquet file: {key}") from None
        there = {str(row[0]).lower(): str(row[1]) for row in described}
        names = []
        for name, kind in table.columns:
            if name in used and name in there:
                _check(name, kind, there[name], key)
            names.append(_typed(f'"{name}"' if name in used and name in there else "NULL", kind, name))
        sizes = self._engine.execute(
            f"SELECT path_in_schema, sum(total_compressed_size) FROM parquet_metadata('{path}') GROUP BY 1"
        ).fetchall()
        self.scanned += sum(int(size) for name, size in sizes if name.lower() in used)
        self._insert(called, table, partition, names, source)

    def _insert(
        self, called: str, table: Table, partition: Partition, names: Sequence[str], source: str, **given: object
    ) -> None:
        pairs = zip(table.keys, partition.values, strict=True)
        literals = [_typed(exp.Literal.string(value).sql("duckdb"), kind, name) for (name, kind), value in pairs]
        self._engine.execute(f'INSERT INTO "{called}" SELECT {", ".join([*names, *literals])} FROM {source}', given)


def _typed(value: str, kind: str, name: str) -> str:
    """What cannot be read as its type is null, as Hive's readers have it."""
    return f'TRY_CAST({value} AS {kind}) AS "{name}"'


def _check(name: str, declared: str, held: str, key: str) -> None:
    """A wider integer than the file's is read; everything else must be what the table says."""
    is_wider = declared in ("INT", "BIGINT") and held == "INTEGER"
    same = {"INT": "INTEGER", "TEXT": "VARCHAR"}.get(declared, declared) == held
    if not (is_wider or same):
        raise AthenaFailure(
            f"HIVE_BAD_DATA: Field {name}'s type {held} in parquet file {key} is incompatible with type "
            f"{declared.lower()} defined in table schema"
        )


def _fetched(
    engine: duckdb.DuckDBPyConnection, query: str
) -> tuple[tuple[Column, ...], tuple[tuple[str | None, ...], ...]]:
    found = engine.sql(query)
    kinds = [str(kind) for kind in found.types]
    columns = tuple((name, _athena_type(kind)) for name, kind in zip(found.columns, kinds, strict=True))
    names = [f"c{place}" for place in range(len(kinds))]
    shown = ", ".join(_shown(name, kind) for name, kind in zip(names, kinds, strict=True))
    rows = engine.execute(f"SELECT {shown} FROM ({query}) AS answer({', '.join(names)})").fetchall()
    return columns, tuple(tuple(_text_of(value) for value in row) for row in rows)


def _shown(name: str, kind: str) -> str:
    if kind.startswith("TIMESTAMP"):
        zone = " UTC" if kind.endswith("ZONE") else ""
        return f"strftime({name}, '%Y-%m-%d %H:%M:%S.%g{zone}')"
    return name if kind == "DOUBLE" else f"CAST({name} AS VARCHAR)"


def _athena_type(kind: str) -> str:
    return _ATHENA_TYPES.get(kind, "decimal" if kind.startswith("DECIMAL") else "varchar")


def _text_of(value: object) -> str | None:
    """A double as Java prints it: without an exponent from a thousandth up to ten million."""
    if not isinstance(value, float):
        return None if value is None else str(value)
    if not math.isfinite(value):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(value)]
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    exact = Decimal(repr(value))
    digits = f"{exact.scaleb(-exact.adjusted()).normalize():f}"
    return f"{digits if '.' in digits else digits + '.0'}E{exact.adjusted()}"
