"""Statements that define: databases, external tables and partitions. Each gives the lines that Athena answers with."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from sqlglot import exp, parse_one
from sqlglot.errors import ParseError, TokenError

from helpers.sandbox.athena.catalog import AthenaFailure, Catalog, Name, Table, hive_partitions, invalid
from helpers.sandbox.calls import Account, unsupported

_WORD = r'[`"]?[\w-]+[`"]?'
_NAMED = rf"(?P<name>{_WORD}(?:\.{_WORD})?)"
_PARTITION = re.compile(r"PARTITION\s*\(([^)]*)\)(?:\s*LOCATION\s*'([^']*)')?", re.IGNORECASE)
_VALUE = re.compile(rf"({_WORD})\s*=\s*'?([^',]*)'?")
Lines = list[str]


class Definitions:
    """One statement at a time, in a database."""

    def __init__(self, account: Account, catalog: Catalog, database: str) -> None:
        self._account = account
        self._catalog = catalog
        self._database = database

    def run(self, text: str) -> Lines:
        """Raises :class:`AthenaFailure`."""
        pattern, handler = statement(text) or (None, None)
        assert pattern is not None and handler is not None, "looked at when the query was started"
        match = pattern.fullmatch(text)
        assert match is not None
        return handler(self, match)

    def _named(self, match: re.Match[str]) -> Name:
        database, _, name = _plain(match["name"]).rpartition(".")
        return database or self._database, name

    def create_database(self, match: re.Match[str]) -> Lines:
        name = _plain(match["name"])
        if name in self._catalog.databases and not match["exists"]:
            raise AthenaFailure(f"FAILED: SemanticException [Error 10242]: Database {name} already exists")
        self._catalog.databases.setdefault(name, {})
        return []

    def drop_database(self, match: re.Match[str]) -> Lines:
        name = _plain(match["name"])
        tables = self._catalog.databases.get(name)
        if tables is None:
            return self._missing(match, f"FAILED: SemanticException [Error 10072]: Database does not exist: {name}")
        if tables and not match["cascade"]:
            raise AthenaFailure(f"FAILED: InvalidOperationException(message:Database {name} is not empty.)")
        for table in [*tables]:
            self._forget((name, table))
        del self._catalog.databases[name]
        return []

    def create_table(self, match: re.Match[str]) -> Lines:
        tree = parse_one(match[0], dialect="athena")
        found = tree.find(exp.Table)
        assert found is not None
        name = (found.db or self._database, found.name.lower())
        tables = self._catalog.databases.get(name[0])
        if tables is None:
            raise AthenaFailure(f"FAILED: SemanticException [Error 10072]: Database does not exist: {name[0]}")
        if name[1] in tables and not tree.args.get("exists"):
            raise AthenaFailure(
                f"FAILED: Execution Error: AlreadyExistsException(message:Table {name[1]} already exists)"
            )
        table = _table(tree)
        if repeated := {key for key, _ in table.keys} & {column for column, _ in table.columns}:
            raise AthenaFailure(
                f"FAILED: SemanticException [Error 10035]: Column repeated: {', '.join(sorted(repeated))}"
            )
        tables.setdefault(name[1], table)
        return []

    def drop_table(self, match: re.Match[str]) -> Lines:
        name = self._named(match)
        if name[1] not in self._catalog.databases.get(name[0], {}):
            return self._missing(match, f"FAILED: SemanticException [Error 10001]: Table not found {name[1]}")
        self._forget(name)
        return []

    def _forget(self, name: Name) -> None:
        del self._catalog.databases[name[0]][name[1]]
        self._catalog.partitions.pop(name, None)

    def _missing(self, match: re.Match[str], reason: str) -> Lines:
        if not match["exists"]:
            raise AthenaFailure(reason)
        return []

    def add_partitions(self, match: re.Match[str]) -> Lines:
        name = self._named(match)
        table, held = self._catalog.table(name), self._catalog.partitions.setdefault(name, {})
        keys = [key for key, _ in table.keys]
        for spec, location in _PARTITION.findall(match["parts"]):
            given = {_plain(key): value for key, value in _VALUE.findall(spec)}
            if sorted(given) != sorted(keys):
                raise AthenaFailure(f"FAILED: SemanticException partition spec {given} doesn't contain all of {keys}")
            values = tuple(given[key] for key in keys)
            if values in held and not match["exists"]:
                raise AthenaFailure(
                    "FAILED: Execution Error: AlreadyExistsException(message:Partition already exists.)"
                )
            folder = "/".join(f"{key}={given[key]}" for key in keys)
            held.setdefault(values, location or f"{table.location.rstrip('/')}/{folder}/")
        return []

    def repair(self, match: re.Match[str]) -> Lines:
        name = self._named(match)
        table, held = self._catalog.table(name), self._catalog.partitions.setdefault(name, {})
        found = {values: where for values, where in hive_partitions(self._account, table).items() if values not in held}
        held |= found
        paths = [f"{name[1]}:{path}" for path in _paths(table, found)]
        missing = [f"Partitions not in metastore: {' '.join(paths)}"] if paths else []
        return [*missing, *(f"Repair: Added partition to metastore {path}" for path in paths)]

    def show_partitions(self, match: re.Match[str]) -> Lines:
        name = self._named(match)
        return _paths(self._catalog.table(name), self._catalog.partitions.get(name, {}))

    def show_tables(self, match: re.Match[str]) -> Lines:
        return sorted(self._catalog.databases.get(self._database, {}))

    def show_databases(self, match: re.Match[str]) -> Lines:
        return sorted(self._catalog.databases)


def _plain(name: str) -> str:
    return re.sub('[`"]', "", name).lower()


def _paths(table: Table, partitions: Mapping[tuple[str, ...], str]) -> Lines:
    keys = [key for key, _ in table.keys]
    return ["/".join(f"{key}={value}" for key, value in zip(keys, values, strict=True)) for values in partitions]


def _table(tree: exp.Expr) -> Table:
    held = tree.args["properties"].expressions
    found: dict[type[exp.Expr], Any] = {type(each): each for each in held}
    written = found.get(exp.RowFormatDelimitedProperty)
    properties = {each.name: str(each.args["value"].name) for each in held if type(each) is exp.Property}
    partitioned = found.get(exp.PartitionedByProperty)
    stored = " ".join(each.sql("hive") for each in held if not isinstance(each, exp.LocationProperty)).lower()
    fields = written.args.get("fields") if written else None
    return Table(
        columns=_columns(tree.this),
        keys=_columns(partitioned.this) if partitioned else (),
        location=found[exp.LocationProperty].this.name,
        parquet="parquet" in stored,
        delimiter=fields.name if fields else "\x01",
        properties=properties,
    )


def _columns(schema: exp.Expr) -> tuple[tuple[str, str], ...]:
    return tuple((each.name.lower(), each.args["kind"].sql("duckdb")) for each in schema.expressions)


Handler = Callable[[Definitions, re.Match[str]], Lines]
_IF_NOT, _IF = r"(?P<exists>IF\s+NOT\s+EXISTS\s+)?", r"(?P<exists>IF\s+EXISTS\s+)?"
_STATEMENTS: tuple[tuple[re.Pattern[str], Handler], ...] = tuple(
    (re.compile(pattern.replace(" ", r"\s+"), re.IGNORECASE | re.DOTALL), handler)
    for pattern, handler in (
        (rf"CREATE (?:DATABASE|SCHEMA) {_IF_NOT}{_NAMED}(?: COMMENT .*)?", Definitions.create_database),
        (rf"DROP (?:DATABASE|SCHEMA) {_IF}{_NAMED}(?P<cascade> CASCADE)?(?: RESTRICT)?", Definitions.drop_database),
        (r"CREATE EXTERNAL TABLE .*", Definitions.create_table),
        (rf"DROP TABLE {_IF}{_NAMED}", Definitions.drop_table),
        (rf"ALTER TABLE {_NAMED} ADD {_IF_NOT}(?P<parts>PARTITION.*)", Definitions.add_partitions),
        (rf"MSCK REPAIR TABLE {_NAMED}", Definitions.repair),
        (rf"SHOW PARTITIONS {_NAMED}", Definitions.show_partitions),
        (r"SHOW TABLES", Definitions.show_tables),
        (r"SHOW (?:DATABASES|SCHEMAS)", Definitions.show_databases),
    )
)


def statement(text: str) -> tuple[re.Pattern[str], Handler] | None:
    """What defines something by a text, or ``None`` where it is a query.

    Raises UnsupportedOperation for what is neither, and sqlglot's ``ParseError`` for a table that cannot be read.
    """
    for pattern, handler in _STATEMENTS:
        if pattern.fullmatch(text):
            if handler is Definitions.create_table:
                _check_table(parse_one(text, dialect="athena"))
            return pattern, handler
    first = re.match(r"\w+", text)
    if first is not None and first[0].upper() in _NOT_HERE:
        raise unsupported("athena", f"StartQueryExecution with {first[0].upper()} of this form")
    return None


def _check_table(tree: exp.Expr) -> None:
    properties = tree.args.get("properties")
    if not isinstance(tree, exp.Create) or properties is None or properties.find(exp.LocationProperty) is None:
        raise unsupported("athena", "a CREATE EXTERNAL TABLE without columns and LOCATION")


_NOT_HERE = {
    *("ALTER", "CREATE", "DELETE", "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "INSERT", "MERGE", "MSCK", "OPTIMIZE"),
    *("PREPARE", "SHOW", "UNLOAD", "UPDATE", "VACUUM"),
}


def defines(query: str) -> bool:
    """Whether it is a definition and no SELECT. Raises :class:`ServiceError` for what is neither."""
    try:
        if statement(query) is not None:
            return True
        tree = parse_one(query, dialect="athena")
    except (ParseError, TokenError) as problem:
        raise invalid(_mismatch(problem)) from None
    if not isinstance(tree, exp.Query):
        raise invalid(f"line 1:1: mismatched input '{query.split()[0]}'. Expecting: <query>")
    if isinstance(tree, exp.Select) and not tree.selects:
        raise invalid(f"line 1:{len(query) + 1}: mismatched input '<EOF>'. Expecting: <expression>")
    if tree.find(exp.Into, exp.Command) is not None:
        raise unsupported("athena", "this form of a query")
    return False


def _mismatch(problem: Exception) -> str:
    found = getattr(problem, "errors", None)
    if not found:
        return f"line 1:1: {str(problem).splitlines()[0]}"
    first = found[0]
    ends = not first["end_context"] and "Unexpected token" not in first["description"]
    word = "<EOF>" if ends else first["highlight"]
    column = first["col"] + 1 if ends else max(first["col"] - len(word) + 1, 1)
    return f"line {first['line']}:{column}: mismatched input '{word}'. Expecting: <expression>"
