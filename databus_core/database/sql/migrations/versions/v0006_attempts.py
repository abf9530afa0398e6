"""When a step is tried again, and what waits for a person; the small documents that the engine keeps for a client."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Unicode,
    UnicodeText,
    text,
)
from sqlalchemy.dialects import mssql, mysql

revision = "0006"
down_revision = "0005"

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}
_BY_CODE_POINT = "Latin1_General_100_BIN2"
_OPEN = text("status = 0")


def _whole() -> Any:
    return BigInteger().with_variant(Integer(), "sqlite")


def _name() -> Any:
    return (
        Unicode(400)
        .with_variant(Unicode(400, collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(400, collation=_BY_CODE_POINT), "mssql")
    )


def _long() -> Any:
    return (
        UnicodeText()
        .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(collation=_BY_CODE_POINT), "mssql")
    )


def upgrade() -> None:
    """What is open is due at once, as it was before."""
    schema = context.config.attributes["schema"]
    op.add_column("queue_step", Column("next_attempt_at", _whole()), schema=schema)
    op.add_column("queue_entry", Column("due_at", _whole()), schema=schema)
    decision = Column("decision", SmallInteger(), nullable=False, server_default="0")
    op.add_column("queue_entry", decision, schema=schema)
    entry = Table(
        "queue_entry", MetaData(schema=schema), Column("status", SmallInteger()), Column("pulled_at", _whole())
    )
    entry.append_column(Column("due_at", _whole()))
    op.execute(entry.update().where(_OPEN).values(due_at=entry.c.pulled_at))
    op.drop_index("queue_entry_open", "queue_entry", schema=schema)
    op.create_index(
        "queue_entry_open",
        "queue_entry",
        ["client_id", "client_passenger", "status", "pulled_at", "internal_id", "due_at"],
        schema=schema,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
        mssql_where=_OPEN,
    )
    prefix = f"{schema}." if schema else ""
    op.create_table(
        "client_state",
        Column("client_id", _whole(), ForeignKey(f"{prefix}client.id", ondelete="CASCADE"), nullable=False),
        Column("name", _name(), nullable=False),
        Column("document", _long(), nullable=False),
        PrimaryKeyConstraint("client_id", "name"),
        schema=schema,
        sqlite_with_rowid=False,
        **_MARIADB,
    )
