"""The DuckDB database that holds the tables of log groups, with the language's rules as macros."""

import shutil
import tempfile
import threading
import weakref

import duckdb

from helpers.insights.sql.macros import MACRO_SQL


class Database:
    """One DuckDB database that holds the tables of many log groups; queries may join tables of one database.

    ``memory_limit`` is DuckDB's: a query that needs more (after spilling to a temporary directory) fails with
    ``QueryFailed``. Events live in memory, compressed (about 50 bytes each); ``LogTable.to_parquet`` keeps them.
    """

    def __init__(self, memory_limit: str = "1GB", threads: int | None = None) -> None:
        spill = tempfile.mkdtemp(prefix="insights-")
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": memory_limit,
            "temp_directory": spill,
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
        }
        if threads is not None:
            settings["threads"] = str(threads)
        self.connection = duckdb.connect(":memory:", config=settings)
        self.connection.execute("SET GLOBAL TimeZone = 'UTC'")
        self.connection.execute("SET GLOBAL python_enable_replacements = false")
        self.connection.execute("SET GLOBAL error_on_division_by_zero = false")
        for macro in MACRO_SQL:
            self.connection.execute(macro)
        self.lock = threading.Lock()
        self._count = 0
        self._clean = weakref.finalize(self, shutil.rmtree, spill, ignore_errors=True)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own for one thread and one query."""
        return self.connection.cursor()

    def fresh(self, prefix: str) -> str:
        """A table name that is not taken."""
        with self.lock:
            self._count += 1
            return f"{prefix}_{self._count}"

    def memory_bytes(self) -> int:
        """What DuckDB holds in memory for this database."""
        rows = self.cursor().execute("SELECT sum(memory_usage_bytes) FROM duckdb_memory()").fetchall()
        return int(rows[0][0] or 0)


_shared: Database | None = None
_shared_lock = threading.Lock()


def shared_database() -> Database:
    """The database that tables use when none is given."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Database()
        return _shared


def remove_temporary_folder() -> None:
    """Remove the shared database's temporary directory: for a process that ends with ``os._exit``."""
    with _shared_lock:
        if _shared is not None:
            _shared._clean()
