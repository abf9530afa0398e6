"""The order of the queue's rows: which ones come behind another, and a page of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Table, and_, func, literal_column, or_, select

from databus_core.database.sql.codec import ROW_COLUMNS, row_of, stored_time
from databus_core.database.sql.store import fetched
from databus_core.database.sql.tables import COMPLETE, OPEN
from databus_core.model.query import Query, QueueOrder, QueueRow
from databus_core.model.queue_entry import QueueStatus

Conditions: TypeAlias = "list[ColumnElement[bool]]"


class Order:
    """The order that a query asks for."""

    def __init__(self, entry: Table, query: Query) -> None:
        place: list[ColumnElement[Any]] = [entry.c.pulled_at, entry.c.internal_id]
        by: dict[QueueOrder, ColumnElement[Any]] = {
            QueueOrder.EXTERNAL_ID: entry.c.external_id,
            QueueOrder.SOURCE_SYSTEM: entry.c.source_system,
            QueueOrder.CLIENT_PASSENGER: entry.c.client_passenger,
            QueueOrder.STATUS: -entry.c.status,  # in the order of the words, "complete" before "incomplete"
        }
        self._order = query.order
        self.keys = [by[query.order], *place] if query.order in by else place
        """What rows are sorted by; the last ones make it unique."""
        self._descending = query.descending

    def columns(self) -> list[ColumnElement[Any]]:
        """What rows are sorted by, each in its direction."""
        return [_directed(key, descending=self._descending) for key in self.keys]

    def behind(self, row: QueueRow) -> ColumnElement[bool]:
        """Whether a row comes after that one."""
        return _later(self.keys, self._values(row), descending=self._descending)

    def _values(self, row: QueueRow) -> list[Any]:
        values: list[Any] = [stored_time(row.pulled_at), row.internal_id]
        first: dict[QueueOrder, Any] = {
            QueueOrder.EXTERNAL_ID: row.external_id,
            QueueOrder.SOURCE_SYSTEM: row.source_system,
            QueueOrder.CLIENT_PASSENGER: row.client_passenger,
            QueueOrder.STATUS: -_status(row),
        }
        return [first[self._order], *values] if self._order in first else values


def page(
    connection: Connection, entry: Table, query: Query, conditions: Sequence[ColumnElement[bool]]
) -> list[QueueRow]:
    """The page that a query asks for, of the rows for which the conditions hold."""
    rows: list[QueueRow] = []
    offset = query.offset
    for inside, order in _runs(entry, query):
        if len(rows) == query.limit:
            break
        run = select(*(entry.c[name] for name in ROW_COLUMNS)).where(*conditions, *inside).order_by(*order)
        found = fetched(connection, run.offset(offset or None).limit(query.limit - len(rows)))
        rows += [row_of(values) for values in found]
        if offset:
            number = select(func.count()).select_from(entry).where(*conditions, *inside)
            offset = 0 if found else offset - connection.execute(number).scalar_one()
    return rows


def _runs(entry: Table, query: Query) -> Iterator[tuple[Conditions, list[ColumnElement[Any]]]]:
    """Conditions and order of rows that all come before those of the next run: each run lies in one index, where the
    database finds its first row at once."""
    pulled, after = Order(entry, replace(query, order=QueueOrder.PULLED_AT)), query.after
    behind = [] if after is None else [pulled.behind(after)]
    if query.order is QueueOrder.PULLED_AT:
        yield behind, pulled.columns()
    elif query.order is QueueOrder.STATUS:
        for number in (OPEN, COMPLETE) if query.descending else (COMPLETE, OPEN):
            if after is not None and _status(after) != number:
                continue
            # Written into the statement: with a parameter in its place, no partial index would be used.
            yield [entry.c.status == literal_column(str(number)), *behind], pulled.columns()
            after, behind = None, []
    else:
        key: ColumnElement[str] = entry.c[query.order.value]
        beyond: Conditions = []
        if after is not None:
            value: str = getattr(after, query.order.value)
            yield [key == value, *behind], pulled.columns()
            beyond = [key < value if query.descending else key > value]
        yield beyond, [_directed(key, descending=query.descending), *pulled.columns()]


def _status(row: QueueRow) -> int:
    """What the row's column `status` says."""
    return COMPLETE if row.status is QueueStatus.COMPLETE else OPEN


def _directed(key: ColumnElement[Any], *, descending: bool) -> ColumnElement[Any]:
    return key.desc() if descending else key.asc()


def _later(keys: Sequence[ColumnElement[Any]], values: Sequence[Any], *, descending: bool) -> ColumnElement[bool]:
    """Whether a row with these keys comes after the one with these values: at the first key in which they differ."""
    key, value = keys[0], values[0]
    beyond = key < value if descending else key > value
    if len(keys) == 1:
        return beyond
    further = and_(key == value, _later(keys[1:], values[1:], descending=descending))
    # The first bound follows from the others, but only so do databases see where in an index to begin.
    return and_(key <= value if descending else key >= value, or_(beyond, further))
