"""Statements that run once per passenger: compiled once, then sent as they are."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Connection, Dialect, Table, bindparam, delete, insert, select, update
from sqlalchemy.sql.elements import ClauseElement

from databus_core.database.sql.store import in_bunches


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
        if rows:
            connection.exec_driver_sql(self._text, self._values(rows))

    def fetch(self, connection: Connection, row: tuple[Any, ...]) -> Sequence[Any]:
        """Execute for that one; answers the first column of what it finds."""
        return connection.exec_driver_sql(self._text, self._values([row])[0]).scalars().all()

    def _values(self, rows: Sequence[tuple[Any, ...]]) -> list[Any]:
        if self._named:
            return [dict(zip(self._names, row, strict=True)) for row in rows]
        if self._pick is not None:
            return [self._pick(row) for row in rows]
        return list(rows)


class Among:
    """Which of some values a column has, in rows of one client.

    As statements are told apart by how many values they ask for, there are few lengths: the last value fills up.
    """

    def __init__(self, client_id: ColumnElement[int], column: ColumnElement[str], dialect: Dialect) -> None:
        self._client_id, self._column, self._dialect = client_id, column, dialect
        self._statements: dict[int, Statement] = {}

    def found(self, connection: Connection, client_id: int, values: Sequence[str]) -> set[str]:
        """Those values that are there."""
        found: set[str] = set()
        for some in in_bunches(values):
            length = 1 << (len(some) - 1).bit_length()
            if length not in self._statements:
                self._statements[length] = self._of(length)
            filled = [*some, *repeat(some[-1], length - len(some))]
            found.update(self._statements[length].fetch(connection, (client_id, *filled)))
        return found

    def _of(self, length: int) -> Statement:
        names = [f"value_{number}" for number in range(length)]
        values = [bindparam(name, type_=self._column.type) for name in names]
        query = select(self._column).where(self._client_id == bindparam("client"), self._column.in_(values))
        return Statement(query, ["client", *names], self._dialect)


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
