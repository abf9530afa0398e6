"""What the parts of an open database share: its connections, its tables, the numbers of new rows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar, cast

from sqlalchemy import ColumnElement, Connection, Dialect, Engine, Executable, Table, func, select

from databus_core.database.sql.tables import Tables
from databus_core.database.sql.writer import Writer
from databus_core.errors import DatabaseError

T = TypeVar("T")

AT_ONCE = 500
"""Keys that one statement names: some databases know no more than 2,100 parameters."""


class Store:
    """An open database. Safe to use from several threads."""

    def __init__(self, tables: Tables, reader: Engine, writer: Writer | None) -> None:
        """Without a writer, for reading only."""
        self.tables = tables
        self._reader = reader
        self._writer = writer
        self._numbers: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closed = False

    @property
    def dialect(self) -> Dialect:
        """The database's dialect of SQL."""
        return self._reader.dialect

    def close(self) -> None:
        """Finish what is being written, and give the connections back."""
        self._closed = True
        if self._writer is not None:
            self._writer.close()
        self._reader.dispose()

    @contextmanager
    def reading(self) -> Generator[Connection]:
        """A connection whose statements all see the same state."""
        with self._reader.connect() as connection:
            if self._closed:
                connection.detach()  # an attachment outlives its database: nobody else would close the connection
            yield connection

    def write(self, work: Callable[[Connection], T]) -> T:
        """Do the work in a transaction of its own; durable when this returns. Raises what it raises."""
        if self._writer is None:
            raise DatabaseError("The database is open for reading only.")
        return self._writer.run(work)

    def number(self, connection: Connection, table: Table, count: int = 1) -> int:
        """The key of a new row, or the first of so many: nobody else adds rows, so it is the next one."""
        with self._lock:
            if table.name not in self._numbers:
                self._numbers[table.name] = connection.execute(select(func.max(table.c.id))).scalar() or 0
            first = self._numbers[table.name] + 1
            self._numbers[table.name] += count
            return first


def in_bunches(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """The values, as many at once as one statement can name."""
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether the text is somewhere in the column, in any case."""
    return func.lower(column).like(f"%{_escaped(text)}%", escape="!")


def begins(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    """Whether the column begins with the text, in any case."""
    return func.lower(column).like(f"{_escaped(text)}%", escape="!")


def _escaped(text: str) -> str:
    for special in "!%_[":
        text = text.replace(special, f"!{special}")
    return text.casefold()


def fetched(
    connection: Connection, query: Executable, parameters: Mapping[str, Any] | None = None
) -> Sequence[tuple[Any, ...]]:
    """Every row that the query finds."""
    return cast("Sequence[tuple[Any, ...]]", connection.execute(query, parameters).all())
