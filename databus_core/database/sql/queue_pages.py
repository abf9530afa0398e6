"""Pages of the queue."""

from __future__ import annotations

from sqlalchemy import Connection

from databus_core.database.sql.common_words import CommonPage
from databus_core.database.sql.queue_filters import Filters
from databus_core.database.sql.queue_order import page
from databus_core.database.sql.queue_total import QueueTotal
from databus_core.database.sql.search import Search
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.store import Store
from databus_core.model.query import Query, QueueRow, Rows

FEW = 2000
"""So many entries can be looked at one by one."""


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
                return self._found(connection, client_id, query, filters, total)
            conditions = filters.conditions()
            number = total.of(connection, query, conditions)
            return Rows(page(connection, self._entry, query, conditions) if number else [], number)

    def _found(
        self, connection: Connection, client_id: int, query: Query, filters: Filters, total: QueueTotal
    ) -> Rows[QueueRow]:
        left = total.of(connection, query, filters.conditions()) if filters.is_tallied else FEW + 1
        if not left:
            return Rows([], 0)
        # No index has external ids but that of words.
        wanted = f'{query.text} "{query.id}"' if query.id else query.text
        search = Search(self._store, self._text, client_id, wanted)
        common = search.common(connection, count=filters.is_all)
        if common is None:
            conditions = [*filters.conditions(led=search.leads), *search.conditions()]
        elif left <= FEW:
            conditions = [*filters.conditions(), common.one_by_one()]
        else:
            found = CommonPage(connection, self._entry, filters, common)
            return Rows(found.rows(query), found.total())
        return Rows(page(connection, self._entry, query, conditions), total.counted(connection, conditions))
