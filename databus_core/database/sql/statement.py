"""Statements that run once per passenger: compiled once, then sent as they are."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, delete, insert, update
from sqlalchemy.sql.elements import ClauseElement


class Statement:
    """Run with many rows at once. Values are what the driver takes: no type converts them.

    Compiling and binding anew, as SQLAlchemy does for each execution, costs a third of SQLite's own time.
    """

    def __init__(self, statement: ClauseElement, names: Sequence[str], dialect: Dialect) -> None:
        """`names` are the statement's parameters in the order in which each row gives their values."""
        compiled = statement.compile(dialect=dialect)
        self._text = str(compiled)
        self._names = list(names)
        order: list[str] | None = getattr(compiled, "positiontup", None)
        self._named = order is None
        self._pick = itemgetter(*(self._names.index(name) for name in order)) if order not in (None, names) else None

    def run(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Execute for each row; harmless without any."""
        if not rows:
            return
        values: list[Any] = list(rows)
        if self._named:
            values = [dict(zip(self._names, row, strict=True)) for row in rows]
        elif self._pick is not None:
            values = [self._pick(row) for row in rows]
        connection.exec_driver_sql(self._text, values)


def inserting(table: Table, dialect: Dialect, *columns: str) -> Statement:
    """INSERT of these columns, or of all of them in the table's order."""
    names = columns or tuple(column.name for column in table.columns)
    statement = insert(table).values({name: bindparam(name) for name in names})
    return Statement(statement, names, dialect)


def updating(table: Table, dialect: Dialect, columns: Sequence[str], keys: Sequence[str]) -> Statement:
    """UPDATE of columns in the row of these keys; each row gives first the columns, then the keys."""
    names = [*columns, *(f"key_{key}" for key in keys)]
    statement = update(table).values({name: bindparam(name) for name in columns})
    for key in keys:
        statement = statement.where(table.c[key] == bindparam(f"key_{key}"))
    return Statement(statement, names, dialect)


def deleting(table: Table, dialect: Dialect, key: str) -> Statement:
    """DELETE of the rows with that key."""
    return Statement(delete(table).where(table.c[key] == bindparam("key")), ["key"], dialect)
