"""Pausing one client passenger, and letting it travel again."""

from __future__ import annotations

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.storage import Storage
from databus_core.model.clock import now
from databus_core.model.route_state import RoutePause, RouteState


def set_pause(storage: Storage, client_id: str, client_passenger: str, pause: RoutePause) -> None:
    """Keep what of a client passenger rests; in a worker thread. Raises NotFoundError, DatabaseError."""
    client, _ = storage.customizing.client(client_id)
    BusTicket.issue(client_id, client, client_passenger, storage.folder)
    storage.database.write_route_state(client_id, RouteState(client_passenger, pause, now()))
