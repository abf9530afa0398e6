"""Client passengers that are found by any part of a word, and anew what was indexed without its text: documents."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Unicode,
    UnicodeText,
    UniqueConstraint,
    column,
    func,
    insert,
    or_,
    select,
    table,
)
from sqlalchemy.dialects import mssql, mysql
from sqlalchemy.types import TypeEngine

revision = "0005"
down_revision = "0004"

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}
_BY_CODE_POINT = "Latin1_General_100_BIN2"
_DOCUMENTS = (".xlsx", ".xlsm", ".ods", ".docx", ".odt", ".pptx", ".odp", ".zip", ".eml")


def _whole() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")


def _key(name: str) -> Column[int]:
    return Column(name, _whole(), primary_key=True, autoincrement=False)


def _name() -> TypeEngine[str]:
    return (
        Unicode(200)
        .with_variant(Unicode(200, collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(200, collation=_BY_CODE_POINT), "mssql")
    )


def _long() -> TypeEngine[str]:
    return (
        UnicodeText()
        .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(collation=_BY_CODE_POINT), "mssql")
    )


def upgrade() -> None:
    """Make the tables, which are empty until a client passenger wants it."""
    schema = context.config.attributes["schema"]
    prefix = f"{schema}." if schema else ""
    op.create_table(
        "search_substring",
        _key("id"),
        Column("client_id", _whole(), ForeignKey(f"{prefix}client.id", ondelete="CASCADE"), nullable=False),
        Column("client_passenger", _name(), nullable=False),
        Column("indexed_until", _whole(), nullable=False),
        Column("wanted", SmallInteger(), nullable=False),
        UniqueConstraint("client_id", "client_passenger", name="search_substring_passenger"),
        schema=schema,
        **_MARIADB,
    )
    op.create_table(
        "search_part",
        _key("queue_entry_id"),
        Column("search_substring_id", _whole(), nullable=False),
        Column("words", _long(), nullable=False),
        Index("search_part_substring", "search_substring_id"),
        schema=schema,
        **_MARIADB,
    )
    _index_documents_anew(schema)


def _index_documents_anew(schema: str | None) -> None:
    attachment = table("attachment", column("queue_entry_id"), column("name"), schema=schema)
    change = table("search_change", column("id"), column("queue_entry_id"), schema=schema)
    lower = func.lower(attachment.c.name)
    documents = or_(*(lower.like(f"%{ending}") for ending in _DOCUMENTS))
    entries = select(attachment.c.queue_entry_id).where(documents).distinct().subquery()
    connection = op.get_bind()
    last = connection.execute(select(func.coalesce(func.max(change.c.id), 0))).scalar_one()
    key = last + func.row_number().over(order_by=entries.c.queue_entry_id)
    connection.execute(insert(change).from_select(["id", "queue_entry_id"], select(key, entries.c.queue_entry_id)))
