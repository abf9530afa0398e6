"""Finds entries by a text: those that have its words, and among those that wait to be indexed, those whose ids or error
have them somewhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, func, or_, select, union_all

from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.search_words import Wanted
from databus_core.database.sql.store import Store, begins, contains
from databus_core.model.query import Query

BACKLOG = 5000
"""Entries that wait are looked through one by one: the newest ones, and no more than that. After a migration everything
waits, and a search would take as long as one without an index."""


class Search:
    """What a query's text asks for, among one client's entries."""

    def __init__(self, store: Store, text: SearchText, connection: Connection, client_id: int, query: Query) -> None:
        self._tables = store.tables
        self._entry = store.tables.entry
        self._index = text.index
        self._client = client_id
        # No other index has external ids and source systems than that of words.
        names = (name.replace('"', " ") for name in (query.id, query.source_system) if name)
        self._wanted = Wanted.by(" ".join([*(f'"{name}"' for name in names), query.text]))
        self._connection = connection
        is_long = any(phrase.may_be_part for phrase in self._wanted.phrases)
        has_substrings = is_long and text.substrings.any_of(connection, client_id)
        self._parts = text.substrings.index if has_substrings else None
        self._waiting = self._waiting_keys(connection)

    @property
    def has_words(self) -> bool:
        """Whether an index can be asked."""
        return bool(self._wanted.phrases)

    @property
    def leads(self) -> bool:
        """Whether the database must be led to begin with the words; see WordIndex."""
        return self._index.leads and self.has_words

    def of_entry(self) -> list[ColumnElement[bool]]:
        """What is asked of an entry's own columns: texts without a letter or digit."""
        return self._somewhere(self._entry, self._wanted.others)

    def by_index(self) -> ColumnElement[bool]:
        """Whether an entry has the words: by its key among those that do."""
        matching = self._index.matching(self._connection, self._wanted.phrases)
        parts = [self._parts.matching(self._wanted.phrases)] if self._parts else []
        return self._entry.c.id.in_(union_all(matching, *parts, *self._waiting))

    def by_text(self, key: ColumnElement[int]) -> ColumnElement[bool]:
        """Whether the entry with that key has the words, of which `texts` is joined: it is looked through."""
        phrases = self._wanted.phrases
        found = [self._index.alike(phrases)]
        if self._parts:
            part = self._tables.part
            found.append(
                exists(select(part.c.queue_entry_id).where(part.c.queue_entry_id == key, self._parts.alike(phrases)))
            )
        if self._waiting:
            found.append(key.in_(union_all(*self._waiting)))
        return or_(*found)

    def _somewhere(self, entry: Any, terms: tuple[str, ...]) -> list[ColumnElement[bool]]:
        texts = (entry.c.external_id, entry.c.source_system, entry.c.error)
        return [or_(begins(entry.c.internal_id, term), *(contains(text, term) for text in texts)) for term in terms]

    def _waiting_keys(self, connection: Connection) -> list[Select[Any]]:
        """Keys of those that wait to be indexed and are found nevertheless."""
        entry = self._entry.alias("waiting")
        progress, change = self._tables.search_progress.c, self._tables.search_change.c
        # Asked for beforehand: of numbers, and not of subqueries, databases know how few rows they leave.
        until, newest, first_change = connection.execute(
            select(
                select(progress.indexed_until).scalar_subquery(),
                select(func.max(self._entry.c.id)).scalar_subquery(),
                select(func.min(change.id)).scalar_subquery(),
            )
        ).one()
        terms = tuple(term for term in self._wanted.terms if term not in self._wanted.others)
        found = select(entry.c.id).where(entry.c.client_id + 0 == self._client, *self._somewhere(entry, terms))
        keys: list[Select[Any]] = []
        if newest is not None and newest > until:
            keys.append(found.where(entry.c.id > max(until, newest - BACKLOG)))
        if first_change is not None:
            changed = select(change.queue_entry_id).where(change.id < first_change + BACKLOG)
            keys.append(found.where(entry.c.id.in_(changed)))
        return keys
