"""The trips on the road: each departs when it is due, and is waited for when somebody wants to stop."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.events import Events
from databus_core.engine.ledger import Ledger
from databus_core.engine.roster import Roster
from databus_core.engine.timetable import Route
from databus_core.engine.trip import Arrival
from databus_core.errors import DatabusError
from databus_core.model.client import ClientPassenger
from databus_core.model.clock import now
from databus_core.model.log import Log
from databus_core.plugins.observer import Change

LONGEST_SLEEP = 30.0
"""Seconds; the loop's clock stands still while the machine sleeps and does not see that the clock was set."""

LEAVE_SECONDS = 5.0
"""How long the logs of trips that are left may take to be written: it may be the database that hangs."""


@dataclass(frozen=True, slots=True)
class RunningTrip:
    """A trip under way."""

    client_id: str
    client_passenger: ClientPassenger
    log: Log


class Traffic:
    """Used on the dispatcher's loop only."""

    def __init__(
        self,
        roster: Roster,
        events: Events,
        read_client: Callable[[str], Awaitable[None]],
        run_trip: Callable[[BusTicket, Log], Awaitable[Arrival]],
        ledger: Ledger,
    ) -> None:
        """`read_client` brings the roster up to date before a departure; `run_trip` makes one trip somewhere, and
        when it is cancelled leaves it."""
        self._roster = roster
        self._events = events
        self._read_client = read_client
        self._run_trip = run_trip
        self._ledger = ledger
        self._running: dict[Route, RunningTrip] = {}
        self.left: list[RunningTrip] = []
        """The trips that `end` left."""
        self._trips: set[asyncio.Task[Log]] = set()
        self._bookings: set[asyncio.Task[None]] = set()
        """What is being written into the ledger."""
        self._wake = asyncio.Event()
        self._driving = False
        self._conductor: asyncio.Task[None] | None = None

    @property
    def running(self) -> list[RunningTrip]:
        """The trips under way."""
        return list(self._running.values())

    def begin(self) -> None:
        """Watch the timetable from now on."""
        self._conductor = asyncio.create_task(self._conduct(), name="dispatcher")

    async def end(self) -> None:
        """Watch it no more, and leave the trips that still run: each goes on in its own thread, its record is made."""
        if self._conductor is not None:
            self._conductor.cancel()
            self._conductor = None
        self.left = self.running
        for trip in self._trips:
            trip.cancel()
        await self.arrivals(LEAVE_SECONDS)

    def set_driving(self, *, driving: bool) -> None:
        """Whether what is due departs."""
        if self._driving and not driving:
            self._roster.timetable.rest()
        self._driving = driving
        self._wake.set()

    def look_again(self) -> None:
        """The timetable has changed."""
        self._wake.set()

    def expedite(self, route: Route) -> None:
        """Let a route depart as soon as it does not travel."""
        self._roster.timetable.expedite(route)
        self._wake.set()

    def try_soon(self, route: Route) -> None:
        """A person has made something due there: it is tried beside the schedule, if the route does not rest."""
        if route in self._roster.timetable:
            self._roster.timetable.put_off(route, now())
            self._wake.set()

    async def arrivals(self, seconds: float | None = None) -> None:
        """Wait until no trip runs, at most so long."""
        if work := self._trips | self._bookings:
            await asyncio.wait(work, timeout=seconds)

    def depart(self, route: Route, *, expedited: bool = False, put_off: bool = False) -> asyncio.Task[Log]:
        """Begin a trip, whether it is due or not; the task answers its finished log. See BusTicket for the rest."""
        expedited = expedited or self._roster.timetable.is_expedited(route)
        self._roster.timetable.departed(route, now(), put_off=put_off)
        travelling = self._travel(route, expedited=expedited, put_off=put_off)
        trip = asyncio.create_task(travelling, name=f"Trip of {route}")
        self._trips.add(trip)
        trip.add_done_callback(functools.partial(self._arrived, route))
        return trip

    async def _conduct(self) -> None:
        """Let everything depart that is due; sleep until the next is, or something happens."""
        while True:
            self._wake.clear()
            if self._driving:
                self._look(now())
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_to_sleep()):
                    await self._wake.wait()

    def _look(self, moment: datetime) -> None:
        timetable = self._roster.timetable
        if missed := timetable.attend(moment):
            booking = asyncio.ensure_future(self._ledger.keep_missed(missed))
            self._bookings.add(booking)
            booking.add_done_callback(self._bookings.discard)
        for route in timetable.due(moment):
            self.depart(route, put_off=timetable.is_put_off(route, moment))

    def _seconds_to_sleep(self) -> float | None:
        if not self._driving:
            return None
        moment = now()
        due_at = self._roster.timetable.next_departure_at(moment)
        if due_at is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, max(0.0, (due_at - moment).total_seconds()))

    async def _travel(self, route: Route, *, expedited: bool, put_off: bool) -> Log:
        await self._read_client(route.client_id)
        bus_ticket = self._roster.bus_ticket(route, expedited=expedited, put_off=put_off)
        client, passenger = bus_ticket.client, bus_ticket.client_passenger
        log = Log(route.client_id, route.client_passenger, sinks=(self._events.log_appended,))
        self._running[route] = RunningTrip(route.client_id, passenger, log)
        self._events.tell(lambda each: each.trip_started(client, passenger, log))
        try:
            self._roster.arrived(route, await self._run_trip(bus_ticket, log))
        except DatabusError as error:
            log.sinks = (self._events.log_appended,)
            message = f"The log of the trip of {route} could not be stored: {error}"
            log.of("databus").error(message)
            self._events.tell(lambda each: each.failed(message))
        self._running.pop(route, None)
        if self._roster.timetable.made_up(route):
            await self._ledger.keep_owed(route)
        self._events.changed(Change.LOGS, route.client_id)
        self._events.changed(Change.TRIPS, route.client_id)
        self._events.tell(lambda each: each.trip_complete(client, passenger, log))
        return log

    def _arrived(self, route: Route, trip: asyncio.Task[Log]) -> None:
        self._trips.discard(trip)
        self._running.pop(route, None)
        self._roster.timetable.arrived(route)
        self._wake.set()
        if not trip.cancelled() and trip.exception() is not None:
            self._events.tell(lambda each: each.failed(f"{trip.get_name()} could not be made: {trip.exception()}"))
