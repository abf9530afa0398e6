"""A page of what a text finds, in the order asked for, and how many there are as far as that is told quickly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, and_, case, select

from databus_core.database.sql.codec import ROW_COLUMNS, row_of
from databus_core.database.sql.queue_filters import Conditions, Filters
from databus_core.database.sql.queue_order import Order
from databus_core.database.sql.search import Search
from databus_core.database.sql.store import fetched, in_bunches
from databus_core.database.sql.tables import Tables
from databus_core.model.query import Query, QueueOrder, QueueRow, Rows

WINDOW = 2048
"""Entries that are looked through first, and all of them if there are no more. Words that fill a page from these would
lead an index to a good part of all entries."""
WIDER = 8
"""No more than so many times as many come next, where the first ones promise that these fill the page."""
COUNTED = 10_000
"""What an index finds is counted up to this number."""


@dataclass(frozen=True, slots=True)
class _Found:
    keys: Sequence[int]
    """Of entries, in the order asked for."""
    more: bool
    """Whether there may be others behind them."""


class SearchPage:
    """What one query with a text finds."""

    def __init__(self, connection: Connection, tables: Tables, filters: Filters, search: Search) -> None:
        self._connection = connection
        self._entry, self._texts = tables.entry, tables.search_text
        self._filters = filters
        self._search = search

    def rows(self, query: Query, left: int) -> Rows[QueueRow]:
        """The page; `left` is how many entries those filters leave that an index knows."""
        found = self._found(query, left)
        whole = self._found(replace(query, after=None, offset=0), left) if query.after is not None else found
        return Rows(self._read(found.keys[query.offset :][: query.limit]), len(whole.keys), whole.more)

    def _found(self, query: Query, left: int) -> _Found:
        if not self._search.has_words:
            return self._first(query, [*self._filters.conditions(), *self._search.of_entry()])
        if left <= WINDOW:
            return _Found(self._looked_through(query, 0, WINDOW), more=False)
        if query.order is QueueOrder.PULLED_AT and not query.id:
            found = self._common(query, left)
            if found is not None:
                return found
        conditions = self._filters.conditions(led=self._search.leads)
        return self._first(query, [*conditions, self._search.by_index(), *self._search.of_entry()])

    def _common(self, query: Query, left: int) -> _Found | None:
        """More than the page needs, if so many are among the entries that come next; None for words that are rarer."""
        wanted = query.offset + query.limit + 1
        size = max(WINDOW, 2 * wanted)
        keys = self._looked_through(query, 0, size)
        missing = wanted - len(keys)
        if missing > 0:
            next_ = 2 * size * missing // max(1, len(keys))
            if next_ > WIDER * size or size >= left:
                return None
            keys += self._looked_through(query, size, next_)
            size += next_
        return _Found(keys, more=size < left) if len(keys) >= wanted else None

    def _looked_through(self, query: Query, begin: int, size: int) -> list[int]:
        """Keys of those that are found among so many entries."""
        entry, order = self._entry, Order(self._entry, query)
        inside = self._filters.indexed()
        if query.after is not None:
            inside.append(order.behind(query.after))
        others = [*self._filters.unindexed(), *self._search.of_entry()]
        fits = [case((and_(*others), 1), else_=0).label("fits")] if others else []
        ranked = [key.label(f"rank_{number}") for number, key in enumerate(order.keys)]
        window = (
            select(entry.c.id, *ranked, *fits)
            .where(*inside)
            .order_by(*order.columns())
            .offset(begin or None)
            .limit(size)
            .subquery()
        )
        texts = self._texts
        found = select(window.c.id).outerjoin(texts, texts.c.queue_entry_id == window.c.id)
        found = found.where(self._search.by_text(window.c.id))
        if fits:
            found = found.where(window.c.fits == 1)
        ranks = [window.c[rank.name] for rank in ranked]
        found = found.order_by(*(rank.desc() if query.descending else rank.asc() for rank in ranks))
        return list(self._connection.execute(found).scalars())

    def _first(self, query: Query, conditions: Conditions) -> _Found:
        """The first ones of those for which the conditions hold."""
        order = Order(self._entry, query)
        if query.after is not None:
            conditions.append(order.behind(query.after))
        number = max(COUNTED, query.offset + query.limit + 1)
        keys = select(self._entry.c.id).where(*conditions).order_by(*order.columns()).limit(number + 1)
        found = self._connection.execute(keys).scalars().all()
        return _Found(found[:number], more=len(found) > number)

    def _read(self, keys: Sequence[int]) -> list[QueueRow]:
        columns = (self._entry.c.id, *(self._entry.c[name] for name in ROW_COLUMNS))
        rows: dict[int, QueueRow] = {}
        for some in in_bunches(keys):
            for key, *values in fetched(self._connection, select(*columns).where(self._entry.c.id.in_(some))):
                rows[key] = row_of(tuple(values))
        return [rows[key] for key in keys]
