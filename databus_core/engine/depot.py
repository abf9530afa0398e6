"""Where trips set out from: each one's way to the data, where it runs, and who goes along with it."""

from __future__ import annotations

import functools
from dataclasses import replace

from databus_core.engine.access import Access
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.escort import Escort
from databus_core.engine.events import Events
from databus_core.engine.factories import Factories
from databus_core.engine.far_ride import FarRide
from databus_core.engine.garage import Garage
from databus_core.engine.quarantine import Quarantine
from databus_core.engine.renewal import Renewal
from databus_core.engine.ride import Hears, Order, Ride, ThreadRide
from databus_core.engine.storage import Storage
from databus_core.engine.threads import in_daemon_thread
from databus_core.engine.timetable import Route
from databus_core.engine.trip import Arrival, Trip
from databus_core.errors import DispatcherError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import ClientPassenger, Isolation
from databus_core.model.log import Log
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change


class Depot:
    """For one ticket and its open database. Used on the dispatcher's loop only."""

    def __init__(
        self, ticket: DispatcherTicket, storage: Storage, renewal: Renewal, events: Events, *, isolate: bool
    ) -> None:
        """`isolate`: whether trips whose configuration leaves it open run in processes of their own."""
        self._ticket = ticket
        self._storage = storage
        self._renewal = renewal
        self._events = events
        self._isolate = isolate
        self._garage = Garage(ticket)
        self._escorts: dict[Route, Escort] = {}
        self.quarantine = Quarantine(
            storage.database, ticket.crashes_until_quarantine, functools.partial(events.changed, Change.TRIPS)
        )
        """Plug-ins that crashed; from any thread."""

    async def run_trip(self, bus_ticket: BusTicket, log: Log) -> Arrival:
        """Make one trip. Cancelled, it leaves the trip. Raises DatabaseError as Trip does."""
        client_id, passenger = bus_ticket.client_id, bus_ticket.client_passenger
        on_change = functools.partial(self._events.changed, Change.QUEUE, client_id)
        access = Access(self._storage.database, self._storage.seats)
        factories = await self.factories_for(bus_ticket)
        hears = Hears(on_change, functools.partial(self._announce, bus_ticket))
        ride = self._ride(passenger, factories, access, hears)
        order = Order(bus_ticket=bus_ticket, driver_module=self._ticket.driver_module, log=log)
        trip = Trip(order, self._storage, access, ride, self.quarantine, on_change)
        route = Route(client_id, passenger.name)
        limited = bool(passenger.call_time_limit or passenger.memory_limit)
        self._escorts[route] = escort = Escort(trip, f"trip {route}", limited=limited)
        try:
            return await escort.conduct()
        finally:
            del self._escorts[route]

    def _ride(self, passenger: ClientPassenger, factories: Factories, access: Access, hears: Hears) -> Ride:
        """The seam: where a trip runs. The trip does not care, and plug-ins cannot tell."""
        alone = passenger.isolation is Isolation.PROCESS
        if passenger.isolation is Isolation.AUTO:
            alone = self._isolate or bool(passenger.memory_limit)
        if alone:
            return FarRide(self._garage, factories.plugins, access, hears)
        return ThreadRide(factories, access, hears)

    def _announce(self, bus_ticket: BusTicket, change: BreakerChange) -> None:
        """From any thread: a breaker has opened or closed."""
        client, passenger = bus_ticket.client, bus_ticket.client_passenger
        told = replace(change, client_id=bus_ticket.client_id)
        self._events.tell_soon(lambda each: each.breaker_changed(client, passenger, told))

    def halt(self, route: Route, who: str) -> None:
        """End the route's trip soon. Raises DispatcherError when there is none."""
        if route not in self._escorts:
            raise DispatcherError(f"{route} does not travel now, so there is no trip to halt.")
        self._escorts[route].halt(who)

    async def factories_for(self, bus_ticket: BusTicket) -> Factories:
        """See Renewal."""
        return await self._renewal.factories_for(bus_ticket)

    async def renew(self) -> None:
        """Plug-ins were renewed: end the processes at rest that have others."""
        await in_daemon_thread(functools.partial(self._garage.keep, self._renewal.in_use), "databus-garage-keep")

    def close(self) -> None:
        """End the processes. Blocks; from any thread."""
        self._garage.close()
