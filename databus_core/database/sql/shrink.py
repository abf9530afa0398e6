"""Giving disk space back: what a purge frees stays in SQLite's file until it is asked for."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from sqlalchemy import Engine

FREE_PAGES = 256
"""Fewer free pages (of 4 KiB) are left for what comes next: to give them back and take them again costs more."""
FREE_PART = 10
"""And they must be at least one in so many of the file's."""
PAGES_AT_ONCE = 2000
"""Given back in one transaction, so that the writer gets its turn between two."""


def give_back(engine: Engine) -> None:
    """Shrink the file if much of it is free. For SQLite only: servers do that by themselves."""
    # A connection of its own, outside of any transaction, which a checkpoint needs.
    with closing(engine.raw_connection()) as pooled:
        connection: Any = pooled.dbapi_connection
        free = _number(connection, "freelist_count")
        if free <= max(FREE_PAGES, _number(connection, "page_count") // FREE_PART):
            return
        while free:
            # `execute` would stop behind the first page: it takes a statement without columns for finished.
            connection.executescript(f"PRAGMA incremental_vacuum({PAGES_AT_ONCE})")
            before, free = free, _number(connection, "freelist_count")
            if free >= before:
                break
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()  # only now the file gets shorter


def _number(connection: Any, pragma: str) -> int:
    return connection.execute(f"PRAGMA {pragma}").fetchone()[0]
