"""What is too much: the oldest completed entries and the oldest logs, found at their end of an index."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Executable, Select, Table, and_, func, literal_column, or_, select

from databus_core.database.sql.space import log_size
from databus_core.database.sql.store import AT_ONCE, fetched
from databus_core.database.sql.tables import COMPLETE, Tables

Route: TypeAlias = tuple[int, str]
"""A client's row, and the name of its client passenger."""

_COMPLETE: ColumnElement[int] = literal_column(str(COMPLETE))
"""Written into the statement: with a parameter in its place, no partial index would be used."""


class Surplus:
    """What must go so that no more than so many, or so many bytes, are left. The tallies say how much that is."""

    def __init__(self, tables: Tables) -> None:
        self._entry, self._tally = tables.entry, tables.tally
        self._log, self._log_tally = tables.log, tables.log_tally

    def entries(self, connection: Connection, route: Route, count: int | None, size: int | None) -> list[str]:
        """See Database.surplus_ids."""
        tally, entry = self._tally.c, self._entry.c
        number, taken = _numbers(
            connection, select(func.sum(tally.complete), func.sum(tally.complete_size)).where(*_of(self._tally, route))
        )
        query = select(entry.done_at, entry.id, entry.internal_id, entry.size).where(
            *_of(self._entry, route), entry.status == _COMPLETE, entry.done_at.is_not(None)
        )
        excess = _Excess(number, count, taken, size)
        gone: list[str] = []
        for _, _, internal_id, bytes_ in _oldest_first(connection, query, excess):
            gone.append(internal_id)
            excess.without(bytes_)
        return gone

    def logs(
        self, connection: Connection, route: Route, count: int | None, size: int | None, running: Collection[Route]
    ) -> list[int]:
        """See Database.remove_surplus_logs. `running`: clients and ids of logs that are being written."""
        tally, log = self._log_tally.c, self._log.c
        number, taken = _numbers(connection, select(tally.logs, tally.size).where(*_of(self._log_tally, route)))
        query = select(log.started_at, log.id, log.log_id, log.length, log.size).where(*_of(self._log, route))
        excess = _Excess(number, count, taken, size)
        newest = newest_log(connection, self._log, *route) if excess else 0
        gone: list[int] = []
        for _, key, log_id, length, characters in _oldest_first(connection, query, excess):
            if key != newest and (route[0], log_id) not in running:
                gone.append(key)
                excess.without(log_size(length, characters))
        return gone


class _Excess:
    """By how many, and by how many bytes, there is too much; true as long as there is."""

    def __init__(self, number: int, count: int | None, taken: int, size: int | None) -> None:
        self.number = 0 if count is None else number - count
        self.size = 0 if size is None else taken - size

    def __bool__(self) -> bool:
        return self.number > 0 or self.size > 0

    def without(self, size: int) -> None:
        """One less, of that size."""
        self.number -= 1
        self.size -= size


def _oldest_first(
    connection: Connection, query: Select[*tuple[Any, ...]], excess: _Excess
) -> Iterator[tuple[Any, ...]]:
    """Rows of the query, which begin with a time and a key, as long as there is too much."""
    at, key = query.selected_columns[0], query.selected_columns[1]
    page = ordered = query.order_by(at, key).limit(AT_ONCE)
    while excess:
        rows = fetched(connection, page)
        for row in rows:
            if not excess:
                return
            yield row
        if len(rows) < AT_ONCE:
            return
        last_at, last_key = rows[-1][:2]
        page = ordered.where(and_(at >= last_at, or_(at > last_at, key > last_key)))


def newest_log(connection: Connection, table: Table, client_id: int, client_passenger: str) -> int:
    """Key of the log that began last; 0 if there is none."""
    log = table.c
    query = select(log.id).where(*_of(table, (client_id, client_passenger)))
    return connection.execute(query.order_by(log.started_at.desc(), log.id.desc()).limit(1)).scalar() or 0


def _of(table: Table, route: Route) -> tuple[ColumnElement[bool], ...]:
    return table.c.client_id == route[0], table.c.client_passenger == route[1]


def _numbers(connection: Connection, query: Executable) -> tuple[int, int]:
    number, size = next(iter(fetched(connection, query)), (0, 0))
    return int(number or 0), int(size or 0)
