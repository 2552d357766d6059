"""Lookup tables: CSV text by name, put beside the events for one run."""

import csv
import io
import ipaddress
import json
from collections.abc import Mapping

import duckdb
import numpy as np

from helpers.insights.events.log_table import text_array
from helpers.insights.sql.compiler import Compiled
from helpers.insights.syntax import nodes
from helpers.insights.syntax.errors import MalformedQuery

MAX_BYTES = 10 * 1024 * 1024  # CreateLookupTable: the CSV content must not exceed 10 MB


class Lookups:
    """The lookup tables that a compiled query mentions, and where the columns are that it wants."""

    def __init__(self, compiled: Compiled, texts: Mapping[str, str], query: str) -> None:
        self._query = query
        self._specs = compiled.lookups
        self._tables: list[tuple[list[str], list[list[str]]]] = []
        for spec in compiled.lookups:
            if spec.name.text not in texts:
                raise self._refused(f"there is no lookup table {spec.name.text}", spec.name)
            self._tables.append(read_table(spec.name.text, texts[spec.name.text]))
        self.positions: dict[str, int] = {
            wanted.parameter: self._column(wanted.table, wanted.column) + 1 for wanted in compiled.wanted
        }
        self._blocks = [self._block(at) if spec.cidr else None for at, spec in enumerate(self._specs)]

    def _refused(self, message: str, name: nodes.Name) -> MalformedQuery:
        return MalformedQuery(message, self._query, name.span.start, name.span.end)

    def _column(self, table: int, name: nodes.Name) -> int:
        header, _ = self._tables[table]
        if name.text not in header:
            has = f"it has {', '.join(header)}"
            raise self._refused(
                f"the lookup table {self._specs[table].name.text} has no column {name.text}; {has}", name
            )
        return header.index(name.text)

    def _block(self, table: int) -> int:
        """The column with the CIDR blocks: the one that the query names, else the first that holds some."""
        spec = self._specs[table]
        header, rows = self._tables[table]
        if spec.block is not None:
            return self._column(table, spec.block)
        for position in range(len(header)):
            if any(_limits(row[position]) for row in rows):
                return position
        raise self._refused(f"no column of the lookup table {spec.name.text} holds CIDR blocks", spec.name)

    def create(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Makes the tables on a cursor, for as long as it is open."""
        for position, ((_, rows), block) in enumerate(zip(self._tables, self._blocks, strict=True)):
            arrays: dict[str, object] = {
                "line": np.arange(len(rows)),
                "cells": text_array([json.dumps(r) for r in rows]),
            }
            select = "SELECT line, CAST(CAST(cells AS JSON) AS VARCHAR[]) AS cells"
            if block is not None:
                limits = [_limits(row[block]) or (0, "", "", 0) for row in rows]
                for at, name in enumerate(("version", "low", "high", "bits")):
                    arrays[name] = text_array([str(limit[at]) for limit in limits])
                for version, kind in (("4", "BIGINT"), ("6", "UHUGEINT")):
                    for edge in ("low", "high"):
                        value = f"CASE WHEN version = '{version}' THEN CAST({edge} AS {kind}) END"
                        select += f", {value} AS {edge}{version}"
                select += ", CAST(bits AS INTEGER) AS bits"
            cursor.register("incoming_lookup", arrays)
            cursor.execute(f"CREATE TEMP TABLE lookup_{position} AS {select} FROM incoming_lookup")
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


def _limits(text: str) -> tuple[int, int, int, int] | None:
    """(version, lowest, highest, bits) of a CIDR block, or None for any other text."""
    try:
        network = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        return None
    return network.version, int(network.network_address), int(network.broadcast_address), network.prefixlen
