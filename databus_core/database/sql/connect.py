"""Connections: how each kind of database is made to keep what it was given, and to be quick at it."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import NullPool

READERS = 4
"""Connections for reading that are kept open."""
CONNECT_SECONDS = 10
BUSY_SECONDS = 10
"""How long SQLite waits for another process to finish a write."""

MIB = 1 << 20

_SQLITE = {
    "busy_timeout": BUSY_SECONDS * 1000,
    "temp_store": "MEMORY",
}
# Each connection has a cache of its own, which a trip fills to the brim; behind them is the system's, which is shared.
_SQLITE_READER = {
    "cache_size": -4 * MIB // 1024,
    "query_only": "ON",
}
_SQLITE_WRITER = {
    "cache_size": -8 * MIB // 1024,
    "auto_vacuum": "INCREMENTAL",  # so that a purge gives disk space back; must come before the first table
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "wal_autocheckpoint": 16 * MIB // 4096,
    "journal_size_limit": 64 * MIB,
}


@dataclass(frozen=True, slots=True)
class Engines:
    """SQLAlchemy's engines for one database."""

    writer: Engine
    """For the one connection that writes; its transactions begin as writing ones."""
    reader: Engine

    @classmethod
    def to(cls, url: URL) -> Engines:
        """Engines for that address; nothing is connected yet."""
        if url.get_backend_name() == "sqlite":
            return cls(_sqlite(url, writing=True), _sqlite(url, writing=False))
        reading: dict[str, Any] = {"pool_size": READERS, "pool_pre_ping": True}
        if url.get_backend_name() == "postgresql":
            reading["isolation_level"] = "REPEATABLE READ"  # else each statement sees another state
        return cls(_server(url, poolclass=NullPool), _server(url, **reading))


def _sqlite(url: URL, *, writing: bool) -> Engine:
    options: dict[str, Any] = {"poolclass": NullPool} if writing else {"pool_size": READERS, "max_overflow": -1}
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS}, **options)
    pragmas = _SQLITE | (_SQLITE_WRITER if writing else _SQLITE_READER)

    @event.listens_for(engine, "connect")
    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # SQLAlchemy begins the transactions, below
        # SQLite's own lower() knows ASCII only.
        connection.create_function("lower", 1, _lower, deterministic=True)
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}")

    # A transaction that begins by reading and writes later fails when another one wrote in between.
    begin = "BEGIN IMMEDIATE" if writing else "BEGIN"

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Any) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _lower(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


def _server(url: URL, **options: Any) -> Engine:
    arguments: dict[str, Any] = {
        "postgresql": {"connect_timeout": CONNECT_SECONDS, "application_name": "Databus"},
        "mariadb": {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"},
    }.get(url.get_backend_name(), {})
    return create_engine(url, connect_args=arguments, **options)
