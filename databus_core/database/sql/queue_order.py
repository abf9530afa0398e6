"""The order of the queue's rows: which ones come behind another, and a page of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, or_, select

from databus_core.database.sql.codec import ROW_COLUMNS, row_of, stored_time
from databus_core.database.sql.store import fetched
from databus_core.database.sql.tables import COMPLETE, OPEN
from databus_core.model.query import Query, QueueOrder, QueueRow
from databus_core.model.queue_entry import QueueStatus


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
        return [key.desc() if self._descending else key.asc() for key in self.keys]

    def behind(self, row: QueueRow) -> ColumnElement[bool]:
        """Whether a row comes after that one."""
        return _later(self.keys, self._values(row), descending=self._descending)

    def _values(self, row: QueueRow) -> list[Any]:
        values: list[Any] = [stored_time(row.pulled_at), row.internal_id]
        first: dict[QueueOrder, Any] = {
            QueueOrder.EXTERNAL_ID: row.external_id,
            QueueOrder.SOURCE_SYSTEM: row.source_system,
            QueueOrder.CLIENT_PASSENGER: row.client_passenger,
            QueueOrder.STATUS: -(COMPLETE if row.status is QueueStatus.COMPLETE else OPEN),
        }
        return [first[self._order], *values] if self._order in first else values


def page(
    connection: Connection, entry: Table, query: Query, conditions: Sequence[ColumnElement[bool]]
) -> list[QueueRow]:
    """The page that a query asks for, of the rows for which the conditions hold."""
    if not query.limit:
        return []
    order = Order(entry, query)
    rows = select(*(entry.c[name] for name in ROW_COLUMNS)).where(*conditions)
    if query.after is not None:
        rows = rows.where(order.behind(query.after))
    rows = rows.order_by(*order.columns()).offset(query.offset or None).limit(query.limit)
    return [row_of(values) for values in fetched(connection, rows)]


def _later(keys: Sequence[ColumnElement[Any]], values: Sequence[Any], *, descending: bool) -> ColumnElement[bool]:
    """Whether a row with these keys comes after the one with these values: at the first key in which they differ."""
    key, value = keys[0], values[0]
    beyond = key < value if descending else key > value
    if len(keys) == 1:
        return beyond
    further = and_(key == value, _later(keys[1:], values[1:], descending=descending))
    # The first bound follows from the others, but only so do databases see where in an index to begin.
    return and_(key <= value if descending else key >= value, or_(beyond, further))
