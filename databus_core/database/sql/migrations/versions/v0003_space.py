"""How much space passengers and logs take, what finds the oldest ones of a client passenger, and the audit."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, PrimaryKeyConstraint, Unicode, UnicodeText
from sqlalchemy.dialects import mssql, mysql

revision = "0003"
down_revision = "0002"

LONGEST_NAME = 200
BYTES_OF_ENTRY, BYTES_OF_STEP, BYTES_OF_CONTENT = 400, 50, 60
BYTES_OF_LINE, BYTES_OF_LOG = 24, 150
DAY = 86_400_000_000
"""In microseconds."""

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}


def _whole() -> Any:
    return BigInteger().with_variant(Integer(), "sqlite")


def _name() -> Any:
    return (
        Unicode(LONGEST_NAME)
        .with_variant(Unicode(LONGEST_NAME, collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(LONGEST_NAME, collation="Latin1_General_100_BIN2"), "mssql")
    )


def _long() -> Any:
    return (
        UnicodeText()
        .with_variant(mysql.LONGTEXT(), "mysql", "mariadb")
        .with_variant(mssql.NVARCHAR(collation="Latin1_General_100_BIN2"), "mssql")
    )


def upgrade() -> None:
    """Add them, and compute what is there."""
    schema = context.config.attributes["schema"]
    prefix = f"{schema}." if schema else ""
    for table, names in (("queue_entry", ["size"]), ("queue_tally", ["complete_size", "incomplete_size"])):
        for name in names:
            op.add_column(table, Column(name, _whole(), nullable=False, server_default="0"), schema=schema)
    op.create_index("attachment_owner", "attachment", ["content_id", "queue_entry_id"], schema=schema)
    op.drop_index("attachment_content", "attachment", schema=schema)
    op.create_index("trip_log_passenger", "trip_log", ["client_id", "client_passenger", "started_at"], schema=schema)
    op.create_table(
        "log_tally",
        Column("client_id", _whole(), ForeignKey(f"{prefix}client.id", ondelete="CASCADE"), nullable=False),
        Column("client_passenger", _name(), nullable=False),
        Column("logs", _whole(), nullable=False),
        Column("size", _whole(), nullable=False),
        PrimaryKeyConstraint("client_id", "client_passenger"),
        schema=schema,
        sqlite_with_rowid=False,
        **_MARIADB,
    )
    op.create_table(
        "audit",
        Column("id", _whole(), primary_key=True, autoincrement=False),
        Column("client_id", _whole(), ForeignKey(f"{prefix}client.id", ondelete="CASCADE"), nullable=False),
        Column("at", _whole(), nullable=False),
        *(Column(name, _long(), nullable=False) for name in ("who", "what", "done_on")),
        schema=schema,
        **_MARIADB,
    )
    op.create_index("audit_client", "audit", ["client_id", "at"], schema=schema)
    _compute(prefix, op.get_bind().dialect.name)


def _compute(prefix: str, dialect: str) -> None:
    length = "len" if dialect == "mssql" else "length"
    entry, attachment, tally = (f"{prefix}{name}" for name in ("queue_entry", "attachment", "queue_tally"))
    op.execute(f"""
        UPDATE {entry} SET size = {BYTES_OF_ENTRY} + {BYTES_OF_STEP} * steps_total
            + {length}(properties) + {length}(unknown)
            + (SELECT coalesce(sum({BYTES_OF_CONTENT} + c.size), 0) FROM {prefix}content c WHERE c.id IN (
                SELECT a.content_id FROM {attachment} a WHERE a.queue_entry_id = {entry}.id
                AND NOT EXISTS (SELECT 1 FROM {attachment} b
                    WHERE b.content_id = a.content_id AND b.queue_entry_id < a.queue_entry_id)))
    """)  # noqa: S608 - its own names
    for status, column in ((1, "complete_size"), (0, "incomplete_size")):
        op.execute(f"""
            UPDATE {tally} SET {column} = (SELECT coalesce(sum(e.size), 0) FROM {entry} e
                WHERE e.client_id = {tally}.client_id AND e.client_passenger = {tally}.client_passenger
                AND e.pulled_at >= {tally}.day * {DAY} AND e.pulled_at < ({tally}.day + 1) * {DAY}
                AND e.status = {status})
        """)  # noqa: S608 - its own names
    op.execute(f"""
        INSERT INTO {prefix}log_tally (client_id, client_passenger, logs, size)
            SELECT client_id, client_passenger, count(*),
                sum({BYTES_OF_LOG} + {BYTES_OF_LINE} * length + size)
            FROM {prefix}trip_log GROUP BY client_id, client_passenger
    """)  # noqa: S608 - its own names
