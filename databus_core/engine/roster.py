"""Which clients there are, what they move, when it departs, and how it went last."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.put_off import put_off_until
from databus_core.engine.route_states import note_new, owed_in, reckoned_from
from databus_core.engine.storage import Storage
from databus_core.engine.timetable import Route, Timetable
from databus_core.engine.trip import Arrival
from databus_core.engine.why import Circumstances
from databus_core.errors import DatabusError, NotFoundError
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.client_id import known_as
from databus_core.model.missed import Owed
from databus_core.model.route_state import RoutePause, RouteState
from databus_core.model.trip import TripRecord
from databus_core.plugins.observer import DispatcherState

APART = timedelta(seconds=5)
"""How long after a trip the next one departs at the earliest for what was put off: where each of many passengers waits
for a moment of its own, they travel together."""


@dataclass(frozen=True, slots=True)
class TimetableRow:
    """One client passenger as the timetable sees it."""

    client_id: str
    client_passenger: ClientPassenger
    last_trip: TripRecord | None
    next_due_at: datetime | None
    """None while it is not going to travel by itself: the dispatcher does not run, or it is paused."""
    running: bool
    pause: RoutePause = RoutePause.NONE


@dataclass(frozen=True, slots=True)
class Reading:
    """A client's configuration as it is stored now."""

    client: Client | None
    """None when nothing of it can be read."""
    problems: tuple[str, ...]
    last_trips: Mapping[str, TripRecord] = field(default_factory=dict[str, TripRecord], compare=False)
    states: Mapping[str, RouteState] = field(default_factory=dict[str, RouteState], compare=False)
    put_off: Mapping[str, datetime | None] = field(default_factory=dict[str, datetime | None], compare=False)
    """Until when something is put off, of client passengers that were not known before."""
    owed: Mapping[str, Owed] = field(default_factory=dict[str, Owed], compare=False)
    """What an earlier process has not made up for, of the same."""


def read_client(storage: Storage, client_id: str, known: Collection[Route] = ()) -> Reading:
    """Read one client; in a worker thread. What is wrong with it is in the problems."""
    try:
        client, problems = storage.customizing.client(client_id)
        said = [f"Client {client_id}: {problem}" for problem in problems]
        if not problems:  # what the usable part of a configuration does not say may stand in the rest of it
            said += _search_problems(storage, client_id, client)
        last_trips = storage.database.last_trips(client_id)
        states = note_new(storage, client_id, client, last_trips)
        new = [each.name for each in client.passengers if Route(client_id, each.name) not in known]
        put_off = {name: _put_off(storage, client_id, name, last_trips.get(name)) for name in new}
        documents = storage.database.states(client_id) if new else {}
        owed = {name: owed for name in new if (owed := owed_in(documents, name)) is not None}
    except DatabusError as error:
        return Reading(None, (f"Client {client_id}: {error}",))
    return Reading(client, tuple(said), last_trips, states, put_off, owed)


def _put_off(storage: Storage, client_id: str, name: str, last_trip: TripRecord | None) -> datetime | None:
    return put_off_until(storage.database, client_id, name, last_trip.started_at if last_trip else None)


def _search_problems(storage: Storage, client_id: str, client: Client) -> list[str]:
    """Tell the database what a search shall find; answers why it cannot, which keeps nobody from travelling."""
    wanted = [passenger.name for passenger in client.passengers if passenger.search_substrings]
    try:
        storage.database.search_substrings(client_id, wanted)
    except DatabusError as error:
        return [f"Client {client_id}: parts of words cannot be searched for: {error}"]
    return []


class Roster:
    """Used on the dispatcher's loop only."""

    def __init__(self, timetable: Timetable) -> None:
        self.timetable = timetable
        self._folder = Path()
        self._readings: dict[str, Reading] = {}
        self._last_trips: dict[Route, TripRecord] = {}

    @property
    def clients(self) -> dict[str, Client]:
        """The usable part of each client's configuration, by id."""
        return {client_id: reading.client or Client() for client_id, reading in self._readings.items()}

    @property
    def problems(self) -> list[str]:
        """What is wrong with the configurations in force."""
        return [problem for reading in self._readings.values() for problem in reading.problems]

    def take_over(self, client_id: str, reading: Reading) -> tuple[str, ...]:
        """Go by this configuration from now on; answers its problems if they are news.

        A configuration that became unreadable leaves the one in force.
        """
        before = self._readings.get(client_id)
        if reading == before:
            return ()
        if reading.client is None and before is not None:
            self._readings[client_id] = Reading(before.client, reading.problems)
            return reading.problems if reading.problems != before.problems else ()
        self._readings[client_id] = reading
        for name, trip in reading.last_trips.items():
            self._last_trips.setdefault(Route(client_id, name), trip)
        self._schedule(client_id, reading)
        return reading.problems

    def _schedule(self, client_id: str, reading: Reading) -> None:
        """Let the timetable have the client's routes; only of new ones it does not know yet whether they are paused."""
        client = self.clients[client_id]
        new = [route for each in client.passengers if (route := Route(client_id, each.name)) not in self.timetable]
        self.timetable.set_client(
            client_id,
            {passenger.name: passenger.timing for passenger in client.passengers},
            {
                passenger.name: after
                for passenger in client.passengers
                if (after := reckoned_from(passenger, reading.last_trips, reading.states)) is not None
            },
            client.drivers_at_once,
        )
        for route in new:
            self.timetable.put_off(route, reading.put_off.get(route.client_passenger))
            if route.client_passenger in reading.owed:
                self.timetable.owe(route, reading.owed[route.client_passenger])
            if route.client_passenger in reading.states:
                self.timetable.set_pause(route, reading.states[route.client_passenger].pause)

    def keep(self, client_ids: list[str]) -> None:
        """Forget every other client."""
        for client_id in [client_id for client_id in self._readings if client_id not in client_ids]:
            del self._readings[client_id]
            self.timetable.remove_client(client_id)

    def begin(self, folder: Path, drivers_at_once: int) -> None:
        """Forget everything: another ticket, from that folder, is in force."""
        self.keep([])
        self._last_trips.clear()
        self._folder = folder
        self.timetable.drivers_at_once = drivers_at_once

    def arrived(self, route: Route, arrival: Arrival) -> None:
        """The route's last trip is over."""
        self._last_trips[route] = arrival.record
        if route in self.timetable:
            # What a person has wanted during the trip may not have been in it any more.
            at = min(filter(None, (arrival.put_off_until, self.timetable.put_off_until(route))), default=None)
            self.timetable.put_off(route, at and max(at, arrival.record.finished_at + APART))

    def route(self, client_id: str, client_passenger: str) -> Route:
        """The route of that name. Raises NotFoundError."""
        route = Route(self.client_id(client_id), client_passenger)
        self.bus_ticket(route)
        return route

    def client_id(self, meant: str) -> str:
        """The id of the client that a person means. Raises NotFoundError."""
        client_id = known_as(meant, self._readings)
        if client_id is None:
            known = ", ".join(self._readings) or "none"
            raise NotFoundError(f"There is no client {meant!r}; there are: {known}.")
        return client_id

    def bus_ticket(self, route: Route, *, expedited: bool = False, put_off: bool = False) -> BusTicket:
        """A ticket for one trip by the present configuration. Raises NotFoundError."""
        client = self.clients.get(route.client_id, Client())
        pull = self.timetable.pause_of(route) is not RoutePause.INTAKE
        how = {"expedited": expedited, "pull": pull, "put_off": put_off}
        return BusTicket.issue(route.client_id, client, route.client_passenger, self._folder, **how)

    def bus_tickets(self) -> list[BusTicket]:
        """A ticket for a trip of each client passenger."""
        return [
            self.bus_ticket(Route(client_id, passenger.name))
            for client_id, client in self.clients.items()
            for passenger in client.passengers
        ]

    def rows(self, moment: datetime, *, driving: bool) -> list[TimetableRow]:
        """Every client passenger; `driving`: whether they depart by themselves."""
        return [
            TimetableRow(
                client_id,
                passenger,
                self._last_trips.get(route),
                self.timetable.next_due_at(moment, route) if driving else None,
                self.timetable.is_running(route),
                self.timetable.pause_of(route),
            )
            for client_id, client in self.clients.items()
            for passenger in client.passengers
            for route in [Route(client_id, passenger.name)]
        ]

    def circumstances(self, route: Route, moment: datetime, state: DispatcherState) -> Circumstances:
        """What bears on a route's passengers while the dispatcher is in that state, but for what is stored."""
        driving = state is DispatcherState.RUNNING
        return Circumstances(
            moment=moment,
            state=state,
            paused=self._why_it_rests(route),
            is_travelling=self.timetable.is_running(route),
            next_due_at=self.timetable.next_due_at(moment, route) if driving else None,
        )

    def _why_it_rests(self, route: Route) -> str:
        """In words; empty for a client passenger that travels."""
        if self.clients.get(route.client_id, Client()).passenger(route.client_passenger) is None:
            return f"{route.client_passenger!r} is not in the configuration any more"
        paused = self.timetable.pause_of(route) is RoutePause.EVERYTHING
        return f"its client passenger, {route.client_passenger}, is paused" if paused else ""
