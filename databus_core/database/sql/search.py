"""Finds entries by a text: those that have its words, and among those that wait to be indexed, those whose ids or error
have them somewhere."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from databus_core.database.sql.common_words import CommonWords
from databus_core.database.sql.search_index import Fts5
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.search_words import Wanted
from databus_core.database.sql.store import Store, begins, contains

COMMON = 10_000
"""What more entries have than this is common: no page of them is found by looking at all."""


class Search:
    """What one text asks for, among one client's entries."""

    def __init__(self, store: Store, text: SearchText, client_id: int, wanted: str) -> None:
        tables = store.tables
        self._entry = tables.entry
        self._change, self._progress = tables.search_change, tables.search_progress
        self._index = text.index
        self._client = client_id
        self._wanted = Wanted.by(wanted)

    def conditions(self) -> list[ColumnElement[bool]]:
        """Whether an entry is found: by its key among those that are."""
        found = self._somewhere(self._entry, self._wanted.others)
        if self._wanted.phrases:
            keys = self._index.matching(self._wanted.phrases).union_all(*self._waiting())
            found.append(self._entry.c.id.in_(keys))
        return found

    @property
    def leads(self) -> bool:
        """Whether the database must be led to begin with the words; see WordIndex."""
        return self._index.leads and bool(self._wanted.phrases)

    def _somewhere(self, entry: Any, terms: tuple[str, ...]) -> list[ColumnElement[bool]]:
        texts = (entry.c.external_id, entry.c.source_system, entry.c.error)
        return [or_(begins(entry.c.internal_id, term), *(contains(text, term) for text in texts)) for term in terms]

    def _waiting(self) -> tuple[Select[Any], Select[Any]]:
        """Keys of those that wait to be indexed and are found nevertheless."""
        entry = self._entry.alias("waiting")
        until = select(self._progress.c.indexed_until).scalar_subquery()
        terms = tuple(term for term in self._wanted.terms if term not in self._wanted.others)
        found = select(entry.c.id).where(entry.c.client_id + 0 == self._client, *self._somewhere(entry, terms))
        changed = entry.c.id.in_(select(self._change.c.queue_entry_id))
        return found.where(entry.c.id > until), found.where(changed)

    def common(self, connection: Connection, *, count: bool) -> CommonWords | None:
        """The same, where very many entries have the words and the index can be asked for a part of them; with their
        number, if that is to be counted."""
        phrases = self._wanted.phrases
        if not isinstance(self._index, Fts5) or not phrases or self._wanted.others:
            return None
        rows = self._index.matching(phrases)
        some = self._index.matching(phrases, self._client) if count else rows.limit(COMMON + 1)
        number = connection.execute(select(func.count()).select_from(some.subquery())).scalar_one()
        if number <= COMMON:
            return None
        return CommonWords(rows, self._index.index.c.rowid, self._entry.c.id, self._waiting(), number)
