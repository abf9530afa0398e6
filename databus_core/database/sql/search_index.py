"""The index of words, as each kind of database has it: which entries have these words."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
    type_coerce,
)
from sqlalchemy.dialects.mysql import match
from sqlalchemy.dialects.postgresql import TSQUERY

from databus_core.database.sql.search_words import Phrase

PAGES_AT_ONCE = 64
"""Pages of FTS5, of 4 KiB, that are written anew in one transaction."""

SAMPLE = 300
"""Texts that tell which words are rare."""

TextRow: TypeAlias = "tuple[int, int, str]"
"""Key of an entry, its client, its words."""


class WordIndex:
    """No index: every text is looked through."""

    mark = ""
    """What stands before every stored word."""
    longest = 8 << 20
    """Bytes that are stored of the words of one entry."""
    leads = False
    """What it finds must be looked up in other tables, which the database would only do when it can do nothing else."""

    def __init__(self, texts: Table) -> None:
        self._texts = texts

    def add(self, connection: Connection, rows: Sequence[TextRow]) -> None:
        """Texts are stored."""

    def remove(self, connection: Connection, keys: Sequence[int]) -> None:
        """The texts of these entries are about to be deleted."""

    def tidy(self, connection: Connection, *, begin: bool) -> bool:
        """Make a part of the room free that removed texts had, beginning anew or going on; answers whether there is
        more to do. A server does that by itself."""
        return False

    def matching(self, connection: Connection, phrases: Sequence[Phrase]) -> Select[Any]:
        """Keys of the entries that have all of these."""
        return select(self._texts.c.queue_entry_id).where(self.alike(phrases))

    def alike(self, phrases: Sequence[Phrase]) -> ColumnElement[bool]:
        """Whether a text has all of these: it is looked through."""
        return and_(*(self._texts.c.words.like(phrase.pattern(self.mark)) for phrase in phrases))


class Fts5(WordIndex):
    """SQLite: knows words, their beginnings and phrases. Its rows have the keys of the entries, in their order.

    It is told what is stored, and again what that was before it is deleted. Triggers would do the same at twice the
    cost: each of them makes FTS5 write what it would otherwise gather until the commit.
    """

    leads = True

    def __init__(self, texts: Table) -> None:
        super().__init__(texts)
        self.index = table("search_index", column("rowid"), column("search_index"))
        self._add = "INSERT INTO search_index (rowid, client_id, words) VALUES (?, ?, ?)"
        self._remove = """
            INSERT INTO search_index (search_index, rowid, client_id, words)
            SELECT 'delete', queue_entry_id, client_id, words FROM search_text WHERE queue_entry_id = ?
        """

    def add(self, connection: Connection, rows: Sequence[TextRow]) -> None:
        if rows:
            connection.exec_driver_sql(self._add, list(rows))

    def remove(self, connection: Connection, keys: Sequence[int]) -> None:
        if keys:
            connection.exec_driver_sql(self._remove, [(key,) for key in keys])

    def tidy(self, connection: Connection, *, begin: bool) -> bool:
        # FTS5 keeps what was there and that it is there no more, until both meet in a merge.
        before = connection.exec_driver_sql("SELECT total_changes()").scalar_one()
        pages = -PAGES_AT_ONCE if begin else PAGES_AT_ONCE
        connection.exec_driver_sql("INSERT INTO search_index (search_index, rank) VALUES ('merge', ?)", (pages,))
        return connection.exec_driver_sql("SELECT total_changes()").scalar_one() >= before + 2

    def matching(self, connection: Connection, phrases: Sequence[Phrase]) -> Select[Any]:
        asked = " AND ".join(_fts5(phrase) for phrase in phrases)
        return select(self.index.c.rowid).where(self.index.c.search_index.op("MATCH")(f"words : ({asked})"))


class IndexOfWords(WordIndex, ABC):
    """Of a server: knows words and their beginnings, and is slow with words that very many entries have. So it is asked
    for the rare ones; the texts that it leads to are looked through for the rest, and for phrases."""

    def matching(self, connection: Connection, phrases: Sequence[Phrase]) -> Select[Any]:
        words = _as_phrases(phrases)
        rare = self._rare(connection, words) if len(words) > 1 else words
        found = select(self._texts.c.queue_entry_id).where(self._having(rare))
        return found if rare == list(phrases) else found.where(self.alike(phrases))

    def _rare(self, connection: Connection, words: Sequence[Phrase]) -> list[Phrase]:
        """Those that few of the newest texts have, or else the one that the fewest have."""
        newest = self._texts.c.queue_entry_id.desc()
        sample = select(self._texts.c.words).order_by(newest).limit(SAMPLE).subquery()
        having = (func.sum(case((sample.c.words.like(word.pattern(self.mark)), 1), else_=0)) for word in words)
        counted = [int(number or 0) for number in connection.execute(select(*having)).one()]
        most = max(min(counted), SAMPLE // 50)
        return [word for word, number in zip(words, counted, strict=True) if number <= most]

    @abstractmethod
    def _having(self, words: Sequence[Phrase]) -> ColumnElement[bool]:
        """Whether the index knows these single words of a text."""


class TsVector(IndexOfWords):
    """PostgreSQL."""

    longest = 1_000_000  # a tsvector ends at 1 MiB

    def _having(self, words: Sequence[Phrase]) -> ColumnElement[bool]:
        asked = " & ".join(f"'{word.words[0]}'{'' if word.whole else ':*'}" for word in words)
        # To the letter what the migration made an index of.
        lexemes = "array_to_tsvector(string_to_array(btrim(words), ' '))"
        return literal_column(lexemes).bool_op("@@")(cast(asked, TSQUERY))


class Fulltext(IndexOfWords):
    """MariaDB, which leaves out words that are short or very common; marked, none are."""

    mark = "xx"

    def _having(self, words: Sequence[Phrase]) -> ColumnElement[bool]:
        asked = " ".join(f"+{self.mark}{word.words[0]}{'' if word.whole else '*'}" for word in words)
        return type_coerce(match(self._texts.c.words, against=asked, in_boolean_mode=True), Boolean)


def _fts5(phrase: Phrase) -> str:
    return f'"{" ".join(phrase.words)}"{"" if phrase.whole else "*"}'


def _as_phrases(phrases: Sequence[Phrase]) -> list[Phrase]:
    """Every word for itself."""
    found: list[Phrase] = []
    for phrase in phrases:
        found += [Phrase((word,), whole=True) for word in phrase.words[:-1]]
        found.append(Phrase(phrase.words[-1:], phrase.whole))
    return found


KINDS: dict[str, type[WordIndex]] = {"sqlite": Fts5, "postgresql": TsVector, "mysql": Fulltext, "mariadb": Fulltext}
