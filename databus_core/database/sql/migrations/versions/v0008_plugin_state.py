"""Plug-ins that crashed, and are called no more until a person releases them."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, UnicodeText
from sqlalchemy.dialects import mssql, mysql

revision = "0008"
down_revision = "0002"

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}


def _whole() -> Any:
    return BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str) -> Column[str]:
    kind = UnicodeText().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
    return Column(name, kind.with_variant(mssql.NVARCHAR(collation="Latin1_General_100_BIN2"), "mssql"), nullable=False)


def upgrade() -> None:
    """Make the table."""
    schema = context.config.attributes["schema"]
    client = f"{schema}.client.id" if schema else "client.id"
    op.create_table(
        "plugin_state",
        Column("id", _whole(), primary_key=True, autoincrement=False),
        Column("client_id", _whole(), ForeignKey(client, ondelete="CASCADE"), nullable=False),
        _text("step"),
        _text("doing"),
        Column("crashes", Integer(), nullable=False),
        _text("last_crash"),
        Column("quarantined_at", _whole()),
        schema=schema,
        **_MARIADB,
    )
