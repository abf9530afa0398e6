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
        self._entry = store.tables.entry

    def rows(self, client_id: int, query: Query) -> Rows[QueueRow]:
        """See Database.queue_rows."""
        filters = Filters(self._entry, client_id, query)
        total = QueueTotal(self._store.tables, client_id)
        with self._store.reading() as connection:
            if query.text or query.id:
                left = total.of(connection, replace(query, source_system=None, id="", attempts=0), filters.indexed())
                if not left:
                    return Rows([], 0)
                search = Search(self._store, self._text, connection, client_id, query)
                return SearchPage(connection, self._store.tables, filters, search).rows(query, left)
            conditions = filters.conditions()
            number = total.of(connection, query, conditions)
            return Rows(page(connection, self._entry, query, conditions) if number else [], number)
