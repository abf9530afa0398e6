"""Indexes by which the queue's list is sorted by external id and by source system, where the database can have them."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """SQLite's alone: on servers these are texts of any length, of which there can be no index."""
    if op.get_bind().dialect.name == "sqlite":
        for name, text in (("queue_entry_external", "external_id"), ("queue_entry_source", "source_system")):
            op.create_index(name, "queue_entry", ["client_id", text, "pulled_at", "internal_id"])
