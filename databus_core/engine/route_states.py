"""What is kept of client passengers beside their configuration: what of them rests, and since when they are known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.storage import Storage
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.clock import format_time, now, parse_time
from databus_core.model.missed import Owed
from databus_core.model.passenger import Json
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.trip import TripRecord

_OWED = "owed/"
"""Before the name of a client passenger: the document with the trips that it owes."""


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


def owed_in(documents: Mapping[str, Json], client_passenger: str) -> Owed | None:
    """The trips that a client passenger owed when that was last written, of its client's small documents."""
    document = documents.get(_OWED + client_passenger)
    stored = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
    try:
        return Owed(parse_time(stored["since"]), int(stored["trips"]))
    except (KeyError, TypeError, ValueError):
        return None


def write_owed(storage: Storage, client_id: str, client_passenger: str, owed: Owed | None) -> None:
    """Keep it, so that a crash forgets none; in a worker thread. Raises DatabaseError."""
    document: Json = None if owed is None else {"since": format_time(owed.since), "trips": owed.trips}
    storage.database.write_state(client_id, _OWED + client_passenger, document)
