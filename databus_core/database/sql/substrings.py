"""Client passengers of which any part of a word is found: their words once more, with an index of trigrams.

Such an index is a multiple of the text, and slower to fill than one of words: so only those have it who want it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    column,
    delete,
    exc,
    func,
    insert,
    select,
    table,
    update,
)

from databus_core.database.sql.search_words import SHORTEST_PART, Phrase
from databus_core.database.sql.statement import deleting, inserting
from databus_core.database.sql.store import Store, fetched, in_bunches

AT_ONCE = 50
"""Entries that are indexed, or removed, in one transaction."""

PartRow: TypeAlias = "tuple[int, int, str]"
"""Key of an entry, row of search_substring, words."""


class TrigramIndex:
    """None: the texts are looked through."""

    def __init__(self, parts: Table, remark: Callable[[str], None]) -> None:
        self._parts = parts
        self._remark = remark

    def make(self, connection: Connection) -> None:
        """Make it if it is not there."""

    def unmake(self, connection: Connection) -> None:
        """Nobody wants it any more."""

    def add(self, connection: Connection, rows: Sequence[PartRow]) -> None:
        """Texts are stored."""

    def remove(self, connection: Connection, keys: Sequence[int]) -> None:
        """The texts of these entries are about to be deleted."""

    def matching(self, phrases: Sequence[Phrase]) -> Select[Any]:
        """Keys of the entries that have all of these."""
        return select(self._parts.c.queue_entry_id).where(self.alike(phrases))

    def alike(self, phrases: Sequence[Phrase]) -> ColumnElement[bool]:
        """Whether a text has all of these: it is looked through."""
        return and_(*(self._parts.c.words.like(phrase.part_pattern()) for phrase in phrases))


class TrigramFts5(TrigramIndex):
    """SQLite's. It tells which texts have the trigrams, wherever: these texts are looked through."""

    _MAKE = """
        CREATE VIRTUAL TABLE IF NOT EXISTS search_trigram USING fts5(
            words, content = 'search_part', content_rowid = 'queue_entry_id', columnsize = 0, detail = none,
            tokenize = 'trigram case_sensitive 1'
        )
    """
    _ADD = "INSERT INTO search_trigram (rowid, words) VALUES (?, ?)"
    _REMOVE = """
        INSERT INTO search_trigram (search_trigram, rowid, words)
        SELECT 'delete', queue_entry_id, words FROM search_part WHERE queue_entry_id = ?
    """

    def make(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._MAKE)

    def unmake(self, connection: Connection) -> None:
        connection.exec_driver_sql("DROP TABLE IF EXISTS search_trigram")

    def add(self, connection: Connection, rows: Sequence[PartRow]) -> None:
        connection.exec_driver_sql(self._ADD, [(key, words) for key, _, words in rows])

    def remove(self, connection: Connection, keys: Sequence[int]) -> None:
        connection.exec_driver_sql(self._REMOVE, [(key,) for key in keys])

    def matching(self, phrases: Sequence[Phrase]) -> Select[Any]:
        index = table("search_trigram", column("rowid"), column("search_trigram"))
        texts = [phrase.part_pattern().strip("%") for phrase in phrases]
        trigrams = {text[at : at + SHORTEST_PART] for text in texts for at in range(len(text) - SHORTEST_PART + 1)}
        asked = " AND ".join(f'"{trigram}"' for trigram in sorted(trigrams))
        found = select(index.c.rowid).where(index.c.search_trigram.op("MATCH")(asked))
        return super().matching(phrases).where(self._parts.c.queue_entry_id.in_(found))


class TrigramGin(TrigramIndex):
    """PostgreSQL's, of its extension pg_trgm, which LIKE uses by itself. Not everybody may create an extension."""

    _NAME = "search_part_trigrams"

    def make(self, connection: Connection) -> None:
        try:
            with connection.begin_nested():
                connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS pg_trgm")
                name = connection.dialect.identifier_preparer.format_table(self._parts)
                connection.exec_driver_sql(
                    f"CREATE INDEX IF NOT EXISTS {self._NAME} ON {name} USING gin (words gin_trgm_ops)"
                )
        except exc.DBAPIError as error:
            self._remark(
                "PostgreSQL's extension pg_trgm cannot be used, so parts of words are looked for without an index: "
                f"{' '.join(str(error.orig).split())}. An administrator of the database may run "
                "CREATE EXTENSION pg_trgm; it is then used from the next start on."
            )


INDEXES: dict[str, type[TrigramIndex]] = {"sqlite": TrigramFts5, "postgresql": TrigramGin}


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
