"""What is stored beside a passenger and bears on its delivery: open breakers, and who stands before it."""

from __future__ import annotations

from databus_core.engine.guard import breakers_of
from databus_core.engine.quarantine import quarantined_in
from databus_core.engine.why import Hindrances
from databus_core.errors import DamagedError, NotFoundError
from databus_core.model.active_hours import ALWAYS
from databus_core.model.client import Client
from databus_core.model.passenger import property_key
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database


def find_out(database: Database, client_id: str, client: Client, internal_id: str) -> tuple[QueueEntry, Hindrances]:
    """One passenger and what keeps it; in a worker thread. Raises NotFoundError, DatabaseError."""
    entry = database.entry(client_id, internal_id)
    return entry, Inquiry(database, client_id, client).hindrances(entry)


class Inquiry:
    """About passengers of one client, as they are stored while it is used; in a worker thread."""

    def __init__(self, database: Database, client_id: str, client: Client) -> None:
        """`client`: its configuration. Raises DatabaseError."""
        self._database = database
        self._client_id = client_id
        self._client = client
        self._states = database.states(client_id)
        self._lines: dict[str, _Line] = {}

    def hindrances(self, entry: QueueEntry) -> Hindrances:
        """What keeps this passenger. Raises DatabaseError."""
        name = entry.client_passenger
        route = self._client.passenger(name)
        return Hindrances(
            breakers_of(self._states, name),
            self._held_back_by(entry),
            quarantined_in(self._states),
            route.timing.active if route is not None else ALWAYS,
        )

    def _held_back_by(self, entry: QueueEntry) -> str:
        name = entry.client_passenger
        route = self._client.passenger(name)
        if route is None or not route.ordered_by or entry.status is QueueStatus.COMPLETE:
            return ""
        if name not in self._lines:
            self._lines[name] = _Line(self._database, self._client_id, name, route.ordered_by)
        first = self._lines[name].first(property_key(entry.properties, route.ordered_by))
        if first in {"", entry.internal_id}:
            return ""
        try:
            return str(self._database.entry(self._client_id, first))
        except (NotFoundError, DamagedError):  # it is removed meanwhile, or holds nobody back
            return ""


class _Line:
    """The open passengers of one client passenger in pull order, read no further than they are asked for."""

    def __init__(self, database: Database, client_id: str, client_passenger: str, ordered_by: str) -> None:
        self._rest = iter(database.open_keys(client_id, client_passenger, ordered_by))
        self._first: dict[bytes, str] = {}
        """The internal id of the first one of each key, of those read so far."""

    def first(self, key: bytes) -> str:
        """The internal id of the first one with that key; empty when there is none."""
        while key not in self._first and (following := next(self._rest, None)) is not None:
            internal_id, its_key = following
            self._first.setdefault(its_key, internal_id)
        return self._first.get(key, "")
