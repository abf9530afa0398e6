"""Which client passengers are paused, and the ledger of trips that were missed."""

from __future__ import annotations

from typing import Any

from alembic import context, op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, PrimaryKeyConstraint, Unicode
from sqlalchemy.dialects import mssql
from sqlalchemy.types import TypeEngine

revision = "0007"
down_revision = "0006"

_MARIADB: dict[str, Any] = {
    f"{dialect}_{option}": value
    for dialect in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}


def _name(length: int = 200) -> TypeEngine[str]:
    return (
        Unicode(length)
        .with_variant(Unicode(length, collation="C"), "postgresql")
        .with_variant(mssql.NVARCHAR(length, collation="Latin1_General_100_BIN2"), "mssql")
    )


def _whole() -> Any:
    return BigInteger().with_variant(Integer(), "sqlite")


def _required(name: str, kind: TypeEngine[Any]) -> Column[Any]:
    return Column(name, kind, nullable=False)


def upgrade() -> None:
    """Make both tables."""
    schema = context.config.attributes["schema"]
    options: dict[str, Any] = {"schema": schema, **_MARIADB, "sqlite_with_rowid": False}
    client = f"{schema}.client.id" if schema else "client.id"

    def of_client() -> Column[Any]:
        return Column("client_id", _whole(), ForeignKey(client, ondelete="CASCADE"), nullable=False)

    op.create_table(
        "route_state",
        of_client(),
        _required("client_passenger", _name()),
        _required("pause", _name(20)),
        _required("since", _whole()),
        PrimaryKeyConstraint("client_id", "client_passenger"),
        **options,
    )
    op.create_table(
        "missed_trips",
        of_client(),
        _required("client_passenger", _name()),
        *(_required(name, _whole()) for name in ("first_due_at", "noticed_at")),
        _required("why", _name(20)),
        *(_required(name, Integer()) for name in ("due", "made_up")),
        PrimaryKeyConstraint("client_id", "client_passenger", "first_due_at"),
        **options,
    )
