"""What of client passengers rests, and the ledger of trips that were missed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from databus_core.database.sql.codec import stored_time, time_of
from databus_core.database.sql.store import Store, fetched
from databus_core.model.missed import Absence, MissedTrips
from databus_core.model.route_state import RoutePause, RouteState


class RouteTable:
    """The pauses and the ledgers of every client."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._state, self._missed = store.tables.route_state, store.tables.missed_trips

    def states(self, client_id: int) -> dict[str, RouteState]:
        """See Database.route_states."""
        state = self._state.c
        query = select(state.client_passenger, state.pause, state.since).where(state.client_id == client_id)
        with self._store.reading() as connection:
            return {
                name: RouteState(name, RoutePause(pause), time_of(since))
                for name, pause, since in fetched(connection, query)
            }

    def write_state(self, client_id: int, state: RouteState) -> None:
        """See Database.write_route_state."""
        table, key = self._state, {"client_id": client_id, "client_passenger": state.client_passenger}

        def work(connection: Connection) -> None:
            connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
            values = {"pause": state.pause.value, "since": stored_time(state.since)}
            connection.execute(insert(table), key | values)

        self._store.write(work)

    def append_missed(self, client_id: int, missed: Sequence[MissedTrips]) -> None:
        """See Database.append_missed."""
        if missed:
            self._store.write(lambda connection: [self._append(connection, client_id, row) for row in missed])

    def _append(self, connection: Connection, client_id: int, row: MissedTrips) -> None:
        table = self._missed
        key = {
            "client_id": client_id,
            "client_passenger": row.client_passenger,
            "first_due_at": stored_time(row.first_due_at),
        }
        values = {
            "noticed_at": stored_time(row.noticed_at),
            "why": row.why.value,
            "due": row.count,
            "made_up": row.made_up,
        }
        connection.execute(delete(table).where(*(table.c[name] == value for name, value in key.items())))
        connection.execute(insert(table), key | values)

    def missed(self, client_id: int) -> list[MissedTrips]:
        """See Database.missed."""
        row = self._missed.c
        newest_first = (row.noticed_at.desc(), row.first_due_at.desc(), row.client_passenger.desc())
        query = (
            select(row.client_passenger, row.first_due_at, row.noticed_at, row.why, row.due, row.made_up)
            .where(row.client_id == client_id)
            .order_by(*newest_first)
        )
        with self._store.reading() as connection:
            return [
                MissedTrips(name, time_of(first), time_of(noticed), Absence(why), due, made_up)
                for name, first, noticed, why, due, made_up in fetched(connection, query)
            ]

    def remove_missed(self, client_id: int, before: datetime) -> int:
        """See Database.remove_missed."""
        row = self._missed.c
        old = row.client_id == client_id, row.noticed_at < stored_time(before)
        return self._store.write(lambda connection: connection.execute(delete(self._missed).where(*old)).rowcount)
