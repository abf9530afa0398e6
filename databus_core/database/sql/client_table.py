"""Clients, their configuration, its backups, and their last trips."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import Connection, delete, func, insert, select, update

from databus_core.database.sql.codec import MESSAGE_TYPES, stored_time, time_of
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.errors import DatabaseError, NotFoundError
from databus_core.model.client import EMPTY_CONFIGURATION, ROOT
from databus_core.model.client_id import known_as, lookalike, why_no_client_id
from databus_core.model.clock import format_local, now
from databus_core.model.customizing import CustomizingBackup
from databus_core.model.trip import TripRecord

_TRIP = ("log_id", "started_at", "finished_at", "worst", "seated", "processed", "pushed", "failed")


class ClientTable:
    """Every client."""

    def __init__(self, store: Store, place: str) -> None:
        self._store = store
        self._place = place
        tables = store.tables
        self._client, self._backup, self._trip = tables.client, tables.backup, tables.trip
        self._ids: dict[str, int] = {}
        self.load()

    def load(self) -> None:
        """See which clients there are."""
        client = self._client.c
        with self._store.reading() as connection:
            found = connection.execute(select(client.name, client.id).where(client.removed_at.is_(None))).all()
        self._ids = {row.name: row.id for row in found}

    def names(self) -> list[str]:
        """See Database.client_ids."""
        return sorted(self._ids, key=lambda name: (name != ROOT, name))

    def __getitem__(self, name: str) -> int:
        """The row of a client. Raises NotFoundError."""
        known = known_as(name, self._ids)
        if known is None:
            raise NotFoundError(f"There is no client {name!r:.200} in {self._place}.")
        return self._ids[known]

    def create(self, name: str) -> None:
        """See Database.create_client."""
        if why := why_no_client_id(name):
            raise DatabaseError(f"A client cannot be called {name!r:.200}: {why}.")

        def work(connection: Connection) -> None:
            if lookalike(name) in map(lookalike, self._ids):
                raise DatabaseError(f"There is a client {name!r} in {self._place} already.")
            key = self._store.number(connection, self._client)
            row = {"id": key, "name": name, "configuration": EMPTY_CONFIGURATION, "removed_at": None}
            connection.execute(insert(self._client), row)

        self._store.write(work)
        self.load()

    def remove(self, name: str) -> None:
        """See Database.remove_client. Its rows stay, under a name that says when it was removed."""
        if name == ROOT:
            raise DatabaseError("The client 'root' sees all clients and cannot be removed.")
        client_id, at = self[name], now()
        aside = f"{name[:100]} removed {format_local(at)} {uuid.uuid4().hex[:8]}"
        values = {"name": aside, "removed_at": stored_time(at)}
        self._store.write(
            lambda connection: connection.execute(update(self._client).where(self._client.c.id == client_id), values)
        )
        self.load()

    def configuration(self, client_id: int) -> str:
        """See Database.configuration."""
        with self._store.reading() as connection:
            query = select(self._client.c.configuration).where(self._client.c.id == client_id)
            return connection.execute(query).scalar_one()

    def write_configuration(self, client_id: int, text: str) -> None:
        """See Database.write_configuration."""
        change = update(self._client).where(self._client.c.id == client_id)
        self._store.write(lambda connection: connection.execute(change, {"configuration": text}))

    # Backups ----------------------------------------------------------------------------------------------------

    def add_backup(self, client_id: int, node: str, text: str) -> CustomizingBackup:
        """See Database.add_backup."""
        made_at, size = now(), len(text.encode())

        def work(connection: Connection) -> int:
            key = self._store.number(connection, self._backup)
            row = {
                "id": key,
                "client_id": client_id,
                "node": node,
                "made_at": stored_time(made_at),
                "size": size,
                "content": text,
            }
            connection.execute(insert(self._backup), row)
            return key

        return CustomizingBackup(str(self._store.write(work)), node, made_at, size)

    def backups(self, client_id: int) -> list[CustomizingBackup]:
        """See Database.backups."""
        backup = self._backup.c
        query = (
            select(backup.id, backup.node, backup.made_at, backup.size)
            .where(backup.client_id == client_id)
            .order_by(backup.made_at.desc(), backup.id.desc())
        )
        with self._store.reading() as connection:
            return [
                CustomizingBackup(str(key), node, time_of(at), size)
                for key, node, at, size in connection.execute(query)
            ]

    def backup_text(self, client_id: int, backup_id: str) -> str:
        """See Database.backup_text."""
        backup = self._backup.c
        key = int(backup_id) if backup_id.isdecimal() else 0
        with self._store.reading() as connection:
            query = select(backup.content).where(backup.client_id == client_id, backup.id == key)
            text = connection.execute(query).scalar()
        if text is None:
            raise NotFoundError(f"There is no backup {backup_id!r:.200}.")
        return text

    def remove_backups(self, client_id: int, before: datetime) -> int:
        """See Database.remove_backups."""
        backup = self._backup.c

        def work(connection: Connection) -> int:
            newest = select(func.max(backup.id)).where(backup.client_id == client_id).group_by(backup.node)
            kept = set(connection.execute(newest).scalars())
            old = select(backup.id).where(backup.client_id == client_id, backup.made_at < stored_time(before))
            gone = [key for key in connection.execute(old).scalars() if key not in kept]
            for some in in_bunches(gone):
                connection.execute(delete(self._backup).where(backup.id.in_(some)))
            return len(gone)

        return self._store.write(work)

    # Trips ------------------------------------------------------------------------------------------------------

    def record_trip(self, client_id: int, trip: TripRecord) -> None:
        """See Database.record_trip."""
        table = self._trip
        values = {
            "log_id": trip.log_id,
            "started_at": stored_time(trip.started_at),
            "finished_at": stored_time(trip.finished_at),
            "worst": trip.worst.severity,
            "seated": trip.seated,
            "processed": trip.processed,
            "pushed": trip.pushed,
            "failed": trip.failed,
        }
        key = {"client_id": client_id, "client_passenger": trip.client_passenger}

        def work(connection: Connection) -> None:
            connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
            connection.execute(insert(table), key | values)

        self._store.write(work)

    def last_trips(self, client_id: int) -> dict[str, TripRecord]:
        """See Database.last_trips."""
        trip = self._trip.c
        query = select(trip.client_passenger, *(trip[name] for name in _TRIP)).where(trip.client_id == client_id)
        with self._store.reading() as connection:
            return {
                name: TripRecord(name, log_id, time_of(began), time_of(ended), MESSAGE_TYPES[worst], *numbers)
                for name, log_id, began, ended, worst, *numbers in fetched(connection, query)
            }
