"""Trips that were missed, and those that are still owed for them, as they are kept in the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from databus_core.engine.events import Events
from databus_core.engine.roster import Roster
from databus_core.engine.route_states import write_owed
from databus_core.engine.station import Station
from databus_core.engine.storage import Storage
from databus_core.engine.timetable import Route
from databus_core.errors import DatabusError
from databus_core.model.missed import MissedTrips, Owed
from databus_core.plugins.observer import Change


class Ledger:
    """Used on the dispatcher's loop only."""

    def __init__(self, roster: Roster, station: Station, events: Events) -> None:
        self._roster = roster
        self._station = station
        self._events = events

    async def keep_missed(self, missed: Mapping[Route, MissedTrips]) -> None:
        """Write down what was missed, and how many trips are owed for it."""
        for client_id in {route.client_id for route in missed}:
            rows = {route: row for route, row in missed.items() if route.client_id == client_id}
            await self._write(client_id, _writer(client_id, rows.values(), {each: self._owed(each) for each in rows}))
            self._events.changed(Change.TRIPS, client_id)

    async def keep_owed(self, route: Route) -> None:
        """Write down how many trips a route owes now."""
        await self._write(route.client_id, _writer(route.client_id, (), {route: self._owed(route)}))

    def _owed(self, route: Route) -> Owed | None:
        return self._roster.timetable.owed(route)

    async def _write(self, client_id: str, op: Callable[[Storage], None]) -> None:
        try:
            await self._station.read(op)
        except DatabusError as error:
            self._station.report(f"What client {client_id} missed could not be written into its ledger: {error}")


def _writer(
    client_id: str, missed: Iterable[MissedTrips], owed: Mapping[Route, Owed | None]
) -> Callable[[Storage], None]:
    def write(storage: Storage) -> None:
        if rows := list(missed):
            storage.database.append_missed(client_id, rows)
        for route, trips in owed.items():
            write_owed(storage, client_id, route.client_passenger, trips)

    return write
