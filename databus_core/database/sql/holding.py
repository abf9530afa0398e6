"""Only one process at a time may write, and the one that is refused is told who does."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Protocol

from sqlalchemy import URL, Connection, create_engine, delete, insert, inspect, select, text
from sqlalchemy.pool import NullPool

from databus_core.database._shared.process_lock import ProcessLock
from databus_core.database.sql.tables import Tables
from databus_core.errors import DatabaseHeldError
from databus_core.model.holder import Holder

PATIENCE = 2.0
"""Seconds: a server needs a moment to see that a killed process is gone."""


class Hold(Protocol):
    """The right to write, as it is had in one kind of database."""

    def take(self, holder: Holder) -> None:
        """Before anything is touched. Raises DatabaseHeldError."""
        ...

    def confirm(self, connection: Connection) -> None:
        """On each new connection that is to write. Raises DatabaseHeldError."""
        ...

    def announce(self, connection: Connection, holder: Holder) -> None:
        """Say who holds the data."""
        ...

    def leave(self, connection: Connection) -> None:
        """On the connection, before it is closed."""
        ...

    def release(self) -> None:
        """When everything is closed; harmless when nothing is held."""
        ...

    def holder(self) -> Holder | None:
        """Who holds the data now."""
        ...


class FileHold:
    """A lock beside the file of SQLite."""

    def __init__(self, file: Path) -> None:
        self._lock = ProcessLock(file, file.with_name(f"{file.name}.lock"), file.with_name(f".{file.name}.holder.json"))

    def take(self, holder: Holder) -> None:
        self._lock.acquire(holder)

    def confirm(self, connection: Connection) -> None:
        pass

    def announce(self, connection: Connection, holder: Holder) -> None:
        pass

    def leave(self, connection: Connection) -> None:
        pass

    def release(self) -> None:
        self._lock.release()

    def holder(self) -> Holder | None:
        return self._lock.holder()


class ServerHold:
    """A lock that a server keeps for the connection that writes: it goes with the connection, however that ends.

    So whoever lost the connection has lost the right to write, and must take the lock anew.
    """

    def __init__(self, url: URL, tables: Tables, place: str) -> None:
        self._url = url
        self._table = tables.holder
        self._place = place
        self._kind = url.get_backend_name()
        digest = hashlib.sha256(f"databus {url.database} {tables.metadata.schema or ''}".encode()).digest()
        number = int.from_bytes(digest[:8], signed=True)
        self._key: int | str = number if self._kind == "postgresql" else f"databus-{digest.hex()[:40]}"

    def take(self, holder: Holder) -> None:
        pass

    def confirm(self, connection: Connection) -> None:
        until = time.monotonic() + PATIENCE
        while not self._try(connection):
            if time.monotonic() > until:
                raise DatabaseHeldError(self._place, self._written(connection))
            time.sleep(0.05)

    def _try(self, connection: Connection) -> bool:
        taken = connection.execute(text(_TAKE[self._kind]), {"key": self._key}).scalar()
        connection.commit()
        return taken is not None and int(taken) >= _TAKEN[self._kind]

    def announce(self, connection: Connection, holder: Holder) -> None:
        connection.execute(delete(self._table))
        connection.execute(insert(self._table), {"id": 1, "document": holder.text()})
        connection.commit()

    def leave(self, connection: Connection) -> None:
        connection.execute(delete(self._table))
        connection.commit()

    def release(self) -> None:
        pass

    def holder(self) -> Holder | None:
        engine = create_engine(self._url, poolclass=NullPool)
        with engine.connect() as connection:
            return None if self._try(connection) else self._written(connection)

    def _written(self, connection: Connection) -> Holder | None:
        if not inspect(connection).has_table(self._table.name, schema=self._table.schema):
            return None
        document = connection.execute(select(self._table.c.document)).scalar()
        connection.commit()
        return None if document is None else Holder.parse(document)


_TAKE = {
    "postgresql": "SELECT CASE WHEN pg_try_advisory_lock(CAST(:key AS bigint)) THEN 1 ELSE 0 END",
    "mariadb": "SELECT GET_LOCK(:key, 0)",
    "mssql": "DECLARE @taken int; EXEC @taken = sp_getapplock @Resource = :key, @LockMode = 'Exclusive', "
    "@LockOwner = 'Session', @LockTimeout = 0; SELECT @taken",
}
_TAKEN = {"postgresql": 1, "mariadb": 1, "mssql": 0}
"""The answer from which on the lock is had."""
