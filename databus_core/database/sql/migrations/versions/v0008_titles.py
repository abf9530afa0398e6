"""Passengers are found by their titles, too: the words of those that are there are collected anew."""

from __future__ import annotations

from alembic import context, op
from sqlalchemy import column, table, update

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Let everything wait; until its turn each is found by the words that it has."""
    progress = table("search_progress", column("indexed_until"), schema=context.config.attributes["schema"])
    op.execute(update(progress).values(indexed_until=0))
