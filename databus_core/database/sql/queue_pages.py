"""Pages of the queue."""

from __future__ import annotations

from dataclasses import replace

from databus_core.database.sql.queue_filters import Filters
from databus_core.database.sql.queue_order import page
from databus_core.database.sql.queue_total import QueueTotal
from databus_core.database.sql.search import Search
from databus_core.database.sql.search_page import SearchPage
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.store import Store
from databus_core.model.query import Query, QueueRow, Rows


class QueuePages:
    """The queues of every client, as lists show them."""

    def __init__(self, store: Store, text: SearchText) -> None:
        self._store = store
        self._text = text
        self._tables = store.tables

    def rows(self, client_id: int, query: Query) -> Rows[QueueRow]:
        """See Database.queue_rows."""
        query = query.with_implied()
        filters = Filters(self._tables, client_id, query)
        total = QueueTotal(self._tables, client_id)
        with self._store.reading() as connection:
            if query.text or query.id:
                indexed = replace(query, source_system=None, id="", attempts=0, open_step="", error="")
                left = total.of(connection, indexed, filters.indexed())
                if not left:
                    return Rows([], 0)
                search = Search(self._store, self._text, connection, client_id, query)
                return SearchPage(connection, self._tables, filters, search).rows(query, left)
            conditions = filters.conditions()
            number = total.of(connection, query, conditions)
            return Rows(page(connection, self._tables.entry, query, conditions) if number else [], number)
