"""The table that order lines are written into: made when it is missing, compared with the sheet when it is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    DateTime,
    Double,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    Time,
    inspect,
)
from sqlalchemy.types import TypeEngine

from databus_core.connectors.sql.excel_rows import Value
from databus_core.errors import DatabusError
from databus_core.model.attachment import NAME_LIMIT

PASSENGER, ATTACHMENT, LINE = "databus_passenger", "databus_attachment", "databus_line"
KEY = (PASSENGER, ATTACHMENT, LINE)
"""Which line of which attachment of which passenger a row is."""

_LONGEST_NAME = 60
_NUMBER: TypeEngine[Any] = Double[float]().with_variant(Numeric(asdecimal=False), "sqlite")
"""SQLite shows a whole number in a NUMERIC column as one."""


def column_names(headers: Iterable[str]) -> dict[str, str]:
    """Headers and the columns they go to: lower case, letters, digits and _; unique, and none is a key column."""
    taken: set[str] = set(KEY)
    names: dict[str, str] = {}
    for header in headers:
        plain = re.sub(r"\W+", "_", header.lower()).strip("_")[:_LONGEST_NAME] or "column"
        plain = f"_{plain}" if plain[0].isdigit() else plain
        name, number = plain, 1
        while name in taken:
            number += 1
            name = f"{plain}_{number}"
        taken.add(name)
        names[header] = name
    return names


def new_table(name: str, schema: str | None, columns: Mapping[str, Sequence[Value]]) -> Table:
    """A table for these columns, the type of each fitting its values."""
    return Table(
        name,
        MetaData(),
        Column(PASSENGER, String(36), primary_key=True),
        Column(ATTACHMENT, String(NAME_LIMIT), primary_key=True),
        Column(LINE, Integer, primary_key=True, autoincrement=False),
        *(Column(column, _type_of(values)) for column, values in columns.items()),
        schema=schema,
    )


def _type_of(values: Sequence[Value]) -> TypeEngine[Any]:
    kinds = {type(value) for value in values if value is not None}
    if kinds and kinds <= {int, float}:
        return _NUMBER
    types: dict[type, TypeEngine[Any]] = {bool: Boolean(), date: Date(), datetime: DateTime(), time: Time()}
    if kinds == {date, datetime}:
        return DateTime()
    return types.get(kinds.pop(), Text()) if len(kinds) == 1 else Text()


def present_table(connection: Connection, name: str, schema: str | None) -> Table | None:
    """The table as the database has it; None when it has none."""
    if not inspect(connection).has_table(name, schema=schema):
        return None
    return Table(name, MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)


def check_columns(table: Table, columns: Iterable[str]) -> None:
    """Raises DatabusError, in words, when the table cannot take these columns."""
    present = {column.name for column in table.columns}
    given = {*KEY, *columns}
    lacking = [column for column in (*KEY, *columns) if column not in present]
    if lacking:
        raise DatabusError(
            f"Table {table.name} has no column {', '.join(lacking)}. It has {', '.join(sorted(present))}. "
            "Add what is missing to the table, or say with the argument 'columns' which header goes to which column."
        )
    needed = [
        column.name
        for column in table.columns
        if column.name not in given
        and not column.nullable
        and column.server_default is None
        and column.identity is None
        and not (column.primary_key and column.autoincrement)
    ]
    if needed:
        raise DatabusError(f"Table {table.name} needs a value for {', '.join(needed)}, which the sheet does not have")


def fitting(column: Column[Any], value: Value) -> Value:
    """The value as the column takes it: text columns take everything, date and time columns dates and times."""
    if value is None:
        return None
    if isinstance(column.type, String):
        return _as_text(value)
    if isinstance(column.type, DateTime) and type(value) is date:
        return datetime(value.year, value.month, value.day)  # noqa: DTZ001  Excel knows no zones
    if isinstance(column.type, Date) and isinstance(value, datetime):
        return value.date()
    return value


def _as_text(value: Value) -> str:
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    return str(value)
