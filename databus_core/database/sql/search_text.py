"""What entries are found by: the words that are stored of each, and which entries wait for that."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Sequence

from sqlalchemy import Connection, func, select, update

from databus_core.database.sql.search_index import KINDS, TextRow, WordIndex
from databus_core.database.sql.statement import deleting, inserting
from databus_core.database.sql.store import Store, in_bunches
from databus_core.database.sql.substrings import Substrings
from databus_core.model.query import SearchProgress

ONLY_ROW = 1
"""Key of the one row of search_progress."""
DROPPED = 5000
"""After so many removals the index is made smaller, for which all of it is written anew."""


class SearchText:
    """Words of the entries of every client. Entries behind the progress wait, and those of which a change is noted."""

    def __init__(self, store: Store, remark: Callable[[str], None]) -> None:
        self._store = store
        tables, dialect = store.tables, store.dialect
        self._entry, self._text = tables.entry, tables.search_text
        self._change, self._progress = tables.search_change, tables.search_progress
        self.index: WordIndex = KINDS.get(dialect.name, WordIndex)(tables.search_text)
        self.substrings = Substrings(store, self.index.mark, remark)
        self._insert = inserting(self._text, dialect)
        self._delete = deleting(self._text, dialect, "queue_entry_id")
        self._note = inserting(self._change, dialect)
        self.waiting = threading.Event()
        """Set when there may be something to index."""
        self.uses = 0
        """Grows with the use that others make of the database."""
        self._dropped = 0
        self.is_tidying = False
        """Whether the index is being made smaller."""

    def want_substrings(self, client_id: int, client_passengers: Collection[str]) -> None:
        """See Database.search_substrings."""
        if self.substrings.want(client_id, client_passengers):
            self.waiting.set()

    def used(self) -> None:
        """Entries were seated, changed or removed."""
        self.uses += 1
        self.waiting.set()

    def progress(self) -> SearchProgress:
        """See Database.search_progress. What has a key behind the progress waits, as if no key were left out."""
        tally = self._store.tables.tally.c
        with self._store.reading() as connection:
            total, newest, until, changed = connection.execute(
                select(
                    select(func.sum(tally.complete + tally.incomplete)).scalar_subquery(),
                    select(func.max(self._entry.c.id)).scalar_subquery(),
                    select(self._progress.c.indexed_until).scalar_subquery(),
                    select(func.count()).select_from(self._change).scalar_subquery(),
                )
            ).one()
        waiting = max(0, (newest or 0) - until) + changed
        return SearchProgress(max(0, int(total or 0) - waiting), int(total or 0))

    def tidy(self) -> bool:
        """Make a part of the room free that removed entries had in the index; answers whether there is more to do."""
        begin = not self.is_tidying
        if begin:
            if self._dropped < DROPPED:
                return False
            self._dropped = 0
        self.is_tidying = self._store.write(lambda connection: self.index.tidy(connection, begin=begin))
        return self.is_tidying

    # In a transaction -------------------------------------------------------------------------------------------

    def prepare(self, connection: Connection) -> None:
        """Before anything is seated: keys of removed entries, which are given out again, are those of new ones."""
        newest = select(func.coalesce(func.max(self._entry.c.id), 0)).scalar_subquery()
        until = self._progress.c.indexed_until
        connection.execute(update(self._progress).where(until > newest).values(indexed_until=newest))
        self.substrings.prepare(connection, newest)

    def note(self, connection: Connection, keys: Sequence[int]) -> None:
        """These entries have changed."""
        self._note.run(connection, [(self._store.number(connection, self._change), key) for key in keys])

    def drop(self, connection: Connection, keys: Sequence[int]) -> None:
        """These entries are removed; nothing finds them any more."""
        self._dropped += len(keys)
        self._clear(connection, keys)

    def _clear(self, connection: Connection, keys: Sequence[int]) -> dict[int, int]:
        """Answers whose parts of words were in an index, too."""
        had = self.substrings.remove(connection, keys)
        self.index.remove(connection, keys)
        self._delete.run(connection, [(key,) for key in keys])
        return had

    def keep(self, connection: Connection, rows: Sequence[TextRow], until: int | None, changes: Sequence[int]) -> None:
        """Store entries' words, in place of those they had. Nobody waits any more up to `until`, nor for `changes`."""
        present: set[int] = set()
        for some in in_bunches([row[0] for row in rows]):
            present.update(connection.execute(select(self._entry.c.id).where(self._entry.c.id.in_(some))).scalars())
        kept = [row for row in rows if row[0] in present]
        had = self._clear(connection, [row[0] for row in kept])
        self._insert.run(connection, kept)
        self.index.add(connection, kept)
        self.substrings.put_back(connection, had, {key: words for key, _, words in kept})
        for some in in_bunches(changes):
            connection.execute(self._change.delete().where(self._change.c.id.in_(some)))
        if until is not None:
            progress = self._progress
            connection.execute(update(progress).where(progress.c.id == ONLY_ROW).values(indexed_until=until))
