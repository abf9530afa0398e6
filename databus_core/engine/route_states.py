"""What is kept of client passengers beside their configuration: what of them rests, and since when they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.storage import Storage
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.clock import now
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.trip import TripRecord


def set_pause(storage: Storage, client_id: str, client_passenger: str, pause: RoutePause) -> None:
    """Keep what of a client passenger rests; in a worker thread. Raises NotFoundError, DatabaseError."""
    client, _ = storage.customizing.client(client_id)
    BusTicket.issue(client_id, client, client_passenger, storage.folder)
    storage.database.write_route_state(client_id, RouteState(client_passenger, pause, now()))


def note_new(storage: Storage, client_id: str, client: Client, travelled: Iterable[str]) -> dict[str, RouteState]:
    """The states of a client's passengers, after noting which of those that have not travelled are seen first.

    Otherwise what is due in the night would never be missed, and never be made up for, on a machine that is off then.
    In a worker thread. Raises DatabaseError.
    """
    states = storage.database.route_states(client_id)
    known = {*states, *travelled}
    for passenger in client.passengers:
        if passenger.name not in known and passenger.timing.interval is None:
            states[passenger.name] = RouteState(passenger.name, RoutePause.NONE, now())
            storage.database.write_route_state(client_id, states[passenger.name])
    return states


def reckoned_from(
    passenger: ClientPassenger, trips: Mapping[str, TripRecord], states: Mapping[str, RouteState]
) -> datetime | None:
    """The moment after which departures of a client passenger are still to come; None when it may depart at once."""
    if passenger.name in trips:
        return trips[passenger.name].started_at
    if passenger.name in states and passenger.timing.interval is None:
        return states[passenger.name].since
    return None
