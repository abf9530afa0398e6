"""Client passengers of which any part of a word is found: their words once more, with an index of trigrams.

Such an index is a multiple of the text, and slower to fill than one of words: so only those have it who want it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from databus_core.database.sql.statement import deleting, inserting
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.database.sql.trigrams import INDEXES, PartRow, TrigramIndex

AT_ONCE = 50
"""Entries that are indexed, or removed, in one transaction."""


class Substrings:
    """Those client passengers. Entries up to a passenger's own progress are in the index, later ones follow."""

    def __init__(self, store: Store, mark: str, remark: Callable[[str], None]) -> None:
        """`mark` stands before each word of search_text."""
        self._store = store
        self._mark = mark
        tables, dialect = store.tables, store.dialect
        self._entry, self._text, self._part = tables.entry, tables.search_text, tables.part
        self._substring, self._progress = tables.substring, tables.search_progress
        self.index = INDEXES.get(dialect.name, TrigramIndex)(tables.part, remark)
        self._insert = inserting(tables.part, dialect)
        self._delete = deleting(tables.part, dialect, "queue_entry_id")
        self._wanted: dict[int, frozenset[str]] = {}
        """What `want` was told last, by client."""

    def want(self, client_id: int, names: Collection[str]) -> bool:
        """From now on these client passengers of the client are wanted; answers whether there is something to do."""
        wanted = frozenset(names)
        if self._wanted.get(client_id) == wanted:
            return False
        row = self._substring.c
        with self._store.reading() as connection:
            query = select(row.client_passenger).where(row.client_id == client_id, row.wanted == 1)
            present = frozenset[str](connection.execute(query).scalars())
        if wanted or present:  # also where they are known: the index may be possible now
            self._store.write(lambda connection: self._want(connection, client_id, wanted))
        self._wanted[client_id] = wanted
        return wanted != present

    def _want(self, connection: Connection, client_id: int, names: Collection[str]) -> None:
        row = self._substring.c
        of_client = update(self._substring).where(row.client_id == client_id)
        others = of_client.where(row.wanted == 1, row.client_passenger.not_in(names))
        connection.execute(others.values(wanted=0, indexed_until=0))
        if names:
            self.index.make(connection)
        for name in sorted(names):
            if connection.execute(of_client.where(row.client_passenger == name).values(wanted=1)).rowcount:
                continue
            key = (connection.execute(select(func.max(row.id))).scalar() or 0) + 1
            values = {"id": key, "client_id": client_id, "client_passenger": name, "indexed_until": 0, "wanted": 1}
            connection.execute(insert(self._substring), values)

    def any_of(self, connection: Connection, client_id: int) -> bool:
        """Whether the client has such client passengers."""
        row = self._substring.c
        query = select(row.id).where(row.client_id == client_id, row.wanted == 1).limit(1)
        return connection.execute(query).scalar() is not None

    # In the indexer's thread ------------------------------------------------------------------------------------

    def step(self) -> bool:
        """Index, or remove, some entries; answers whether there may be more to do."""
        row = self._substring.c
        with self._store.reading() as connection:
            until = connection.execute(select(self._progress.c.indexed_until)).scalar() or 0
            waiting = (row.wanted == 0) | (row.indexed_until < until)
            columns = (row.id, row.client_id, row.client_passenger, row.indexed_until, row.wanted)
            found = connection.execute(select(*columns).where(waiting).order_by(row.id).limit(1)).first()
            if found is None:
                return False
            keys: Sequence[int] = self._next(connection, found, until) if found.wanted else []
        if found.wanted:
            reached = keys[-1] if keys else until
            self._store.write(lambda connection: self._add(connection, found.id, found.indexed_until, reached, keys))
        else:
            self._store.write(lambda connection: self._remove_some(connection, found.id))
        return True

    def _next(self, connection: Connection, substring: Any, until: int) -> Sequence[int]:
        entry = self._entry.c
        # The client plus nothing: the database is to go through the keys, as the order is theirs.
        query = (
            select(entry.id)
            .where(entry.id > substring.indexed_until, entry.id <= until)
            .where(entry.client_id + 0 == substring.client_id, entry.client_passenger == substring.client_passenger)
            .order_by(entry.id)
            .limit(AT_ONCE)
        )
        return connection.execute(query).scalars().all()

    def _unmarked(self, words: str) -> str:
        return words.replace(f" {self._mark}", " ") if self._mark else words

    def _add(self, connection: Connection, key: int, before: int, reached: int, keys: Sequence[int]) -> None:
        row = self._substring.c
        change = update(self._substring).where(row.id == key, row.wanted == 1, row.indexed_until == before)
        if connection.execute(change.values(indexed_until=reached)).rowcount:
            self.remove(connection, keys)  # left by a removal that somebody thought better of
            words = dict(self._texts(connection, keys))
            self._store_parts(connection, [(entry, key, words[entry]) for entry in keys if entry in words])

    def _texts(self, connection: Connection, keys: Sequence[int]) -> list[tuple[int, str]]:
        text = self._text.c
        query = select(text.queue_entry_id, text.words).where(text.queue_entry_id.in_(keys))
        return [(key, self._unmarked(words)) for key, words in fetched(connection, query)]

    def _store_parts(self, connection: Connection, rows: Sequence[PartRow]) -> None:
        if rows:
            self._insert.run(connection, rows)
            self.index.add(connection, rows)

    def _remove_some(self, connection: Connection, substring_id: int) -> None:
        part, row = self._part.c, self._substring.c
        query = select(part.queue_entry_id).where(part.search_substring_id == substring_id).limit(10 * AT_ONCE)
        keys = connection.execute(query).scalars().all()
        self._take_out(connection, keys)
        if keys:
            return
        connection.execute(delete(self._substring).where(row.id == substring_id, row.wanted == 0))
        if connection.execute(select(row.id).limit(1)).first() is None:
            self.index.unmake(connection)

    # In a transaction -------------------------------------------------------------------------------------------

    def prepare(self, connection: Connection, newest: ColumnElement[int]) -> None:
        """Keys above the newest one's are given out again."""
        until = self._substring.c.indexed_until
        connection.execute(update(self._substring).where(until > newest).values(indexed_until=newest))

    def remove(self, connection: Connection, keys: Sequence[int]) -> dict[int, int]:
        """These entries go, or change: answers who had them, by their keys."""
        part = self._part.c
        had: dict[int, int] = {}
        for some in in_bunches(keys):
            query = select(part.queue_entry_id, part.search_substring_id).where(part.queue_entry_id.in_(some))
            had.update((key, substring) for key, substring in fetched(connection, query))
        self._take_out(connection, list(had))
        return had

    def _take_out(self, connection: Connection, keys: Sequence[int]) -> None:
        if keys:
            self.index.remove(connection, keys)
            self._delete.run(connection, [(key,) for key in keys])

    def put_back(self, connection: Connection, had: dict[int, int], words: dict[int, str]) -> None:
        """With their present words those that were taken out because they changed."""
        rows = [(key, substring, self._unmarked(words[key])) for key, substring in had.items() if key in words]
        self._store_parts(connection, rows)
