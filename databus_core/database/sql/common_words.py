"""Words that very many entries have: no page of them is found by looking at all of these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, exists, func, or_, select, union_all

from databus_core.database.sql.queue_filters import Conditions, Filters
from databus_core.database.sql.queue_order import Order, page
from databus_core.model.query import Query, QueueOrder, QueueRow

WINDOW = 2048
"""Entries among which a page is looked for first."""
WIDER = 8
"""How many times as many follow where that was not enough."""


@dataclass(frozen=True, slots=True)
class CommonWords:
    """What very many entries have, in an index that has its rows in the order of the entries."""

    rows: Select[Any]
    rowid: ColumnElement[int]
    key: ColumnElement[int]
    """Of the entries."""
    waiting: tuple[Select[Any], Select[Any]]
    number: int
    """At least so many are indexed; all of the client's, if they were counted."""

    def anywhere(self) -> ColumnElement[bool]:
        """Whether an entry is found."""
        return self.key.in_(self.rows.union_all(*self.waiting))

    def between(self, first: int, last: int) -> ColumnElement[bool]:
        """Whether an entry with a key in this range is found."""
        return self.key.in_(self.rows.where(self.rowid >= first, self.rowid <= last).union_all(*self.waiting))

    def one_by_one(self) -> ColumnElement[bool]:
        """Whether an entry is found: quicker where other filters leave few."""
        return or_(exists(self.rows.where(self.rowid == self.key)), self.key.in_(union_all(*self.waiting)))


class CommonPage:
    """Entries that have common words. A page of them is looked for among those that come next, and not among all."""

    def __init__(self, connection: Connection, entry: Table, filters: Filters, common: CommonWords) -> None:
        self._connection = connection
        self._entry = entry
        self._filters = filters
        self._common = common

    def rows(self, query: Query) -> list[QueueRow]:
        """The page that a query asks for."""
        if query.order is not QueueOrder.PULLED_AT:
            return self._page(query, [self._common.anywhere()])
        rows: list[QueueRow] = []
        wanted = query.offset + query.limit
        for part, inside in self._windows(query):
            rows += self._page(replace(part, offset=0, limit=wanted - len(rows)), inside)
            if len(rows) >= wanted:
                break
        return rows[query.offset :]

    def _page(self, query: Query, conditions: Conditions) -> list[QueueRow]:
        return page(self._connection, self._entry, query, [*self._filters.conditions(led=True), *conditions])

    def _windows(self, query: Query) -> Iterator[tuple[Query, Conditions]]:
        """The query for the rows behind the window before, and what holds for rows that are found in this one."""
        size = WINDOW
        while True:
            order = Order(self._entry, query)
            inside = self._filters.conditions()
            last = page(self._connection, self._entry, replace(query, offset=size - 1, limit=1), inside)
            bounds = [order.up_to(row) for row in last]
            if query.after is not None:
                inside.append(order.behind(query.after))
            key = self._entry.c.id
            keys = select(func.min(key), func.max(key)).where(*inside, *bounds)
            first, until = self._connection.execute(keys).one()
            if first is not None:
                yield query, [self._common.between(first, until), *bounds]
            if not last:
                return
            query, size = replace(query, after=last[0]), size * WIDER

    def total(self) -> int:
        """How many there are in all."""
        waiting = union_all(*self._common.waiting).subquery()
        key = self._entry.c.id
        others = select(waiting.c.id).where(~exists(self._common.rows.where(self._common.rowid == waiting.c.id)))
        number = select(func.count()).select_from(self._entry).where(key.in_(others))
        indexed = self._common.number if self._filters.is_all else self._number(self._indexed())
        return indexed + self._number(number.where(*self._filters.conditions(led=True)))

    def _number(self, query: Select[Any]) -> int:
        return self._connection.execute(query).scalar_one()

    def _indexed(self) -> Select[Any]:
        rows, key = self._common.rows, self._entry.c.id
        if self._filters.times:
            keys = select(func.min(key), func.max(key)).where(self._filters.of_client, *self._filters.times)
            first, until = self._connection.execute(keys).one()
            rows = rows.where(self._common.rowid >= first, self._common.rowid <= until)
        found = rows.subquery()
        number = select(func.count()).select_from(found.join(self._entry, key == found.c.rowid))
        return number.where(*self._filters.conditions(led=True))
