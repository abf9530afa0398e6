"""What passengers are found by: a table of their words, and the index of it that each kind of database has."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, Column, Integer, UnicodeText
from sqlalchemy.dialects import mysql

revision = "0002"
down_revision = "0001"

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}

# No index of its own for the words' beginnings but for the first letter, which would have to gather a good part of all
# words. Neither relevance nor the words' case is asked for.
_FTS5 = """
    CREATE VIRTUAL TABLE search_index USING fts5(
        words, client_id, content = 'search_text', content_rowid = 'queue_entry_id', columnsize = 0, prefix = '1',
        tokenize = 'unicode61 remove_diacritics 0'
    )
"""


def _whole() -> Any:
    return BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str = "id") -> Column[int]:
    return Column(name, _whole(), primary_key=True, autoincrement=False)


def upgrade() -> None:
    """Make them; whoever opens the database to work on it indexes what is there."""
    schema = context.config.attributes["schema"]
    words = Column("words", UnicodeText().with_variant(mysql.LONGTEXT(), "mysql", "mariadb"), nullable=False)
    client = Column("client_id", _whole(), nullable=False)
    op.create_table("search_text", _key("queue_entry_id"), client, words, schema=schema, **_MARIADB)
    entry = Column("queue_entry_id", _whole(), nullable=False)
    op.create_table("search_change", _key(), entry, schema=schema, **_MARIADB)
    until = Column("indexed_until", _whole(), nullable=False)
    progress = op.create_table("search_progress", _key(), until, schema=schema, **_MARIADB)
    op.bulk_insert(progress, [{"id": 1, "indexed_until": 0}])
    _make_index(op.get_bind().dialect.name, f"{schema}.search_text" if schema else "search_text")


def _make_index(dialect: str, table: str) -> None:
    if dialect == "sqlite":
        op.execute(_FTS5)
    if dialect == "postgresql":
        lexemes = "array_to_tsvector(string_to_array(btrim(words), ' '))"
        op.execute(f"CREATE INDEX search_text_words ON {table} USING gin ({lexemes})")
    if dialect in {"mysql", "mariadb"}:
        op.execute(f"CREATE FULLTEXT INDEX search_text_words ON {table} (words)")
