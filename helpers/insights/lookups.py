"""Lookup tables: CSV text by name, put beside the events for one run."""

import csv
import io
import ipaddress
import json
from collections.abc import Mapping

import duckdb
import numpy as np

from .compiler import Compiled
from .errors import MalformedQuery
from .plan import Wanted

MAX_BYTES = 10 * 1024 * 1024  # CreateLookupTable: the CSV content must not exceed 10 MB


class Lookups:
    """The lookup tables that a compiled query mentions, and where the columns are that it wants."""

    def __init__(self, compiled: Compiled, texts: Mapping[str, str], query: str) -> None:
        self._query = query
        self._tables: dict[str, tuple[list[str], list[list[str]]]] = {}
        for name in compiled.lookups:
            if name not in texts:
                first = next(wanted for wanted in compiled.wanted if wanted.table.text == name)
                span = first.table.span
                raise MalformedQuery(f"there is no lookup table {name}", query, span.start, span.end)
            self._tables[name] = read_table(name, texts[name])
        self.positions: dict[str, int] = {w.parameter: self._position(w) for w in compiled.wanted}

    def _position(self, wanted: Wanted) -> int:
        header, rows = self._tables[wanted.table.text]
        if wanted.column is not None:
            if wanted.column.text in header:
                return header.index(wanted.column.text) + 1
            has = f"it has {', '.join(header)}"
            message = f"the lookup table {wanted.table.text} has no column {wanted.column.text}; {has}"
            raise MalformedQuery(message, self._query, wanted.column.span.start, wanted.column.span.end)
        for position in range(len(header)):
            if rows and all(_is_block(row[position]) for row in rows):
                return position + 1
        message = f"no column of the lookup table {wanted.table.text} holds CIDR blocks"
        raise MalformedQuery(message, self._query, wanted.table.span.start, wanted.table.span.end)

    def create(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Makes the tables on a cursor, for as long as it is open."""
        for position, (_, rows) in enumerate(self._tables.values()):
            cells = np.empty(len(rows), dtype=object)
            cells[:] = [json.dumps(row) for row in rows]
            cursor.register("incoming_lookup", {"line": np.arange(len(rows)), "cells": cells})
            cursor.execute(
                f"CREATE TEMP TABLE lookup_{position} AS "
                "SELECT line, CAST(CAST(cells AS JSON) AS VARCHAR[]) AS cells FROM incoming_lookup"
            )
            cursor.unregister("incoming_lookup")


def read_table(name: str, text: str) -> tuple[list[str], list[list[str]]]:
    """(header, rows) of CSV text; short rows are filled up. Raises ValueError for what is no table."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise ValueError(f"the lookup table {name} is larger than 10 MB")
    lines = [row for row in csv.reader(io.StringIO(text)) if row]
    if not lines:
        raise ValueError(f"the lookup table {name} has no header row")
    header, *rows = lines
    width = len(header)
    return [title.strip() for title in header], [(row + [""] * width)[:width] for row in rows]


def _is_block(text: str) -> bool:
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text
