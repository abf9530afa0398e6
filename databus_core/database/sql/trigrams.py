"""The index of trigrams, as each kind of database has it: which texts have these parts of words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, column, exc, select, table

from databus_core.database.sql.search_words import SHORTEST_PART, Phrase

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
