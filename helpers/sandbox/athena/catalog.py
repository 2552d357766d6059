"""Databases and tables of a Region, their partitions, and the files behind them.

Source: "Partition your data" and "Use partition projection with Amazon Athena" (Amazon Athena User Guide).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from helpers.sandbox.calls import Account, ServiceError

Column = tuple[str, str]
"""Name and DuckDB's type."""
Name = tuple[str, str]
"""Database and table."""
_HIDDEN = ("_", ".")
_DATES = {"yyyy": ("%Y", r"\d{4}"), "MM": ("%m", r"\d{2}"), "dd": ("%d", r"\d{2}"), "HH": ("%H", r"\d{2}")}


class AthenaFailure(Exception):
    """What makes a query that was taken end as FAILED; the text is its reason."""


def invalid(message: str) -> ServiceError:
    return ServiceError("InvalidRequestException", message)


@dataclass(frozen=True)
class Answer:
    """What a query gave: columns with Athena's types, rows of texts (``None``: null), and the bytes it read."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str | None, ...], ...]
    scanned: int


@dataclass(frozen=True)
class Table:
    """An external table; ``keys`` are its partition columns."""

    columns: tuple[Column, ...]
    keys: tuple[Column, ...]
    location: str
    parquet: bool
    delimiter: str
    properties: Mapping[str, str]

    @property
    def skipped(self) -> int:
        """How many lines at a file's begin are no records."""
        return int(self.properties.get("skip.header.line.count", "0"))

    @property
    def projected(self) -> bool:
        return self.properties.get("projection.enabled", "").lower() == "true"


@dataclass(frozen=True)
class Partition:
    """A partition's values in the order of the keys, and the files in it, by key."""

    values: tuple[str, ...]
    files: Mapping[str, bytes]


@dataclass
class Catalog:
    """What definitions made. ``partitions``: of each table, the location of each that was added."""

    databases: dict[str, dict[str, Table]] = field(default_factory=lambda: {"default": {}})
    partitions: dict[Name, dict[tuple[str, ...], str]] = field(default_factory=dict)

    def table(self, name: Name) -> Table:
        """Raises :class:`AthenaFailure`."""
        found = self.databases.get(name[0], {}).get(name[1])
        if found is None:
            raise AthenaFailure(f"TABLE_NOT_FOUND: Table 'awsdatacatalog.{name[0]}.{name[1]}' does not exist")
        return found

    def partitions_of(self, account: Account, name: Name) -> list[Partition]:
        """What a query of the table may read: nothing where no partition was added."""
        table = self.table(name)
        if not table.keys:
            return [Partition((), files_below(account, table.location))]
        if table.projected:
            return list(_projected(account, table))
        held = self.partitions.get(name, {})
        return [Partition(values, files_below(account, location)) for values, location in held.items()]


def bucket_and_key(location: str) -> tuple[str, str]:
    """Of ``s3://bucket/folder/``. Raises :class:`ServiceError`."""
    match = re.fullmatch(r"s3://([^/]+)/?(.*)", location)
    if match is None:
        raise ServiceError("InvalidRequestException", f"{location} is not a location in Amazon S3.")
    return match[1], match[2]


def files_below(account: Account, location: str) -> dict[str, bytes]:
    """The files of a location, those in its folders included, in the order of their keys."""
    bucket, folder = bucket_and_key(location)
    folder = folder if folder.endswith("/") or not folder else f"{folder}/"
    files = account.moto.objects(bucket, folder)
    return {key: held for key, held in files.items() if held and not key.rpartition("/")[2].startswith(_HIDDEN)}


def hive_partitions(account: Account, table: Table) -> dict[tuple[str, ...], str]:
    """The partitions whose folders are called ``name=value``, for MSCK REPAIR TABLE: values and location."""
    bucket, folder = bucket_and_key(table.location)
    pattern = re.compile(re.escape(folder) + "".join(f"{re.escape(name)}=([^/]+)/" for name, _ in table.keys))
    matches = (pattern.match(key) for key in account.moto.objects(bucket, folder))
    return {match.groups(): f"s3://{bucket}/{match[0]}" for match in matches if match is not None}


def _projected(account: Account, table: Table) -> Iterator[Partition]:
    """Partitions by the table's properties: what lies outside their ranges is not read."""
    names = [name for name, _ in table.keys]
    by_name = table.location.rstrip("/") + "/" + "".join(f"{name}=${{{name}}}/" for name in names)
    template = table.properties.get("storage.location.template", by_name)
    bucket, folder = bucket_and_key(template.rstrip("/") + "/")
    pattern = re.escape(folder)
    for name in names:
        pattern = pattern.replace(re.escape(f"${{{name}}}"), f"(?P<{_group(name)}>{_shape(table, name)})")
    groups: dict[tuple[str, ...], dict[str, bytes]] = {}
    for key, held in account.moto.objects(bucket, folder.partition("$")[0]).items():
        match = re.match(pattern, key)
        if match is not None and all(_in_range(account, table, name, match[_group(name)]) for name in names):
            groups.setdefault(tuple(match[_group(name)] for name in names), {})[key] = held
    yield from (Partition(values, files) for values, files in groups.items())


def _group(name: str) -> str:
    return re.sub(r"\W", "_", name)


def _projection(table: Table, name: str, what: str, default: str = "") -> str:
    return table.properties.get(f"projection.{name}.{what}", default)


def _shape(table: Table, name: str) -> str:
    """The pattern of a value in a key."""
    if _projection(table, name, "type") != "date":
        return "[^/]+"
    shape = re.escape(_projection(table, name, "format", "yyyy-MM-dd"))
    for word, (_, pattern) in _DATES.items():
        shape = shape.replace(word, pattern)
    return shape


def _in_range(account: Account, table: Table, name: str, value: str) -> bool:
    """Raises :class:`AthenaFailure` for a type of projection that is none."""
    kind, limits = _projection(table, name, "type"), _projection(table, name, "range").split(",")
    if kind == "enum":
        return value in _projection(table, name, "values").split(",")
    if kind == "integer":
        digits = int(_projection(table, name, "digits", "0"))
        return value.isdigit() and len(value) >= digits and int(limits[0]) <= int(value) <= int(limits[1])
    if kind == "date":
        form = _projection(table, name, "format", "yyyy-MM-dd")
        for word, (letter, _) in _DATES.items():
            form = form.replace(word, letter)
        now = datetime.fromtimestamp(account.now(), UTC).strftime(form)
        first, last = (now if limit == "NOW" else limit for limit in limits)
        return first <= value <= last
    raise AthenaFailure(f"INVALID_TABLE_PROPERTY: The projection type of column {name} is {kind or 'missing'}.")
