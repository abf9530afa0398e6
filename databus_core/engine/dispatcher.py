"""The dispatcher: sends drivers on trips, and is the one door to everything for app, web and command line."""

from __future__ import annotations

import asyncio
import dataclasses
import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from databus_core.engine.bulk import Frozen
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.by_hand import BulkResult, EntryChange
from databus_core.engine.commands import obey
from databus_core.engine.error_watch import ErrorWatch
from databus_core.engine.events import Events
from databus_core.engine.export import Progress
from databus_core.engine.factories import Factories
from databus_core.engine.inquiry import find_out
from databus_core.engine.ledger import Ledger
from databus_core.engine.maintenance import change_ticket, export
from databus_core.engine.peek import PullerPeek, peek
from databus_core.engine.roster import Roster, TimetableRow, read_client
from databus_core.engine.route_states import set_pause
from databus_core.engine.station import Station
from databus_core.engine.stop_signals import on_stop_signals
from databus_core.engine.storage import Storage
from databus_core.engine.threads import in_daemon_thread
from databus_core.engine.timetable import Route, Timetable
from databus_core.engine.traffic import RunningTrip, Traffic
from databus_core.engine.trip import Arrival
from databus_core.engine.why import Circumstances, why_not_delivered
from databus_core.errors import DispatcherError
from databus_core.model.client import ROOT, Client
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import Log
from databus_core.model.plugin_state import PluginState
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.route_state import RoutePause
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.factory import Factory
from databus_core.plugins.observer import Change, DispatcherObserver, DispatcherState

T = TypeVar("T")

_PAUSE_DEEDS = {
    RoutePause.NONE: "resumed",
    RoutePause.INTAKE: "paused the intake",
    RoutePause.EVERYTHING: "paused",
}
"""What the audit says of them."""


class Dispatcher:
    """Everything on the loop that `start` was called on; trips, storage and plug-ins work in threads beside it.

    `Dispatcher(DispatcherTicket()).run()` drives until a signal; an app awaits `start` and `shut_down` on its own loop.
    """

    def __init__(
        self,
        ticket: DispatcherTicket,
        *observers: DispatcherObserver,
        program: str = "databus",
        isolate: bool = False,
    ) -> None:
        """`program` is what a second process is told holds the database. With `isolate`, trips whose configuration
        leaves it open run in processes of their own: plug-ins that keep Python's lock would stall a window."""
        self._program = program
        self._state = DispatcherState.STOPPED
        self._events = Events(*observers)
        self._roster = Roster(Timetable(ticket.drivers_at_once))
        self._station = Station(ticket, self._events, self._roster.bus_tickets, program, isolate=isolate)
        ledger = Ledger(self._roster, self._station, self._events)
        self._traffic = Traffic(self._roster, self._events, self._read_client, self._run_trip, ledger)
        self._maintenance = asyncio.Lock()
        """Held while nothing may travel: an export, a change of the ticket."""
        self._opening = asyncio.Lock()
        """Held while a database is being opened: it must not be closed half open."""
        self._closing = asyncio.Lock()
        """Held while the database is being closed: of two requests to shut down, one does it."""

    # What it is -------------------------------------------------------------------------------------------------

    @property
    def ticket(self) -> DispatcherTicket:
        """The ticket in force."""
        return self._station.ticket

    @property
    def state(self) -> DispatcherState:
        """What it is doing."""
        return self._state

    @property
    def running(self) -> list[RunningTrip]:
        """The trips under way."""
        return self._traffic.running

    @property
    def left(self) -> list[RunningTrip]:
        """The trips that the last shutting down left."""
        return self._traffic.left

    @property
    def factory(self) -> Factory:
        """What makes plug-ins for this ticket. Raises FactoryError when the ticket names one that cannot be used."""
        return self._station.factory

    @property
    def clients(self) -> dict[str, Client]:
        """The usable configuration of every client, by id."""
        return self._roster.clients

    @property
    def configuration_problems(self) -> list[str]:
        """What is wrong with the clients' configurations, so that some of their passengers do not travel."""
        return self._roster.problems

    @property
    def plugin_problems(self) -> list[str]:
        """Why trips do not get what is in the plug-in folder, a sentence each; there, what they had last goes on."""
        return self._station.plugin_problems

    def client_id(self, meant: str) -> str:
        """The id of the client that a person means. Raises NotFoundError."""
        return self._roster.client_id(meant)

    def timetable(self) -> list[TimetableRow]:
        """Every client passenger with its last trip and next departure."""
        return self._roster.rows(now(), driving=self._state is DispatcherState.RUNNING)

    def add_observer(self, observer: DispatcherObserver) -> None:
        """From now on it hears every event."""
        self._events.observers.append(observer)

    def remove_observer(self, observer: DispatcherObserver) -> None:
        """It hears nothing more."""
        self._events.observers.remove(observer)

    # Start, pause, stop -----------------------------------------------------------------------------------------

    async def start(self, *, paused: bool = False) -> None:
        """Open the database, read the configuration, and begin to drive (unless `paused`).

        Raises DatabusError, and stays STOPPED, when that is not possible.
        """
        self._require(DispatcherState.STOPPED)
        self._events.bind(asyncio.get_running_loop())
        self._set_state(DispatcherState.STARTING)
        async with self._opening:
            await self._start()
            if self._state is DispatcherState.STARTING:
                self._set_state(DispatcherState.PAUSED if paused else DispatcherState.RUNNING)

    async def _start(self) -> None:
        self._station.open(functools.partial(obey, self))
        try:
            await self._station.open_database(self.ticket)
            await self._begin()
        except BaseException:
            await self._stop()
            raise
        self._traffic.begin()

    async def _begin(self) -> None:
        """Take over what is in the database that was opened."""
        self._roster.begin(self.ticket.folder, self.ticket.drivers_at_once)
        await self._read_clients()
        for failure in await self.read(lambda storage: storage.customizing.backup_all()):
            self._station.report(failure)

    async def pause(self) -> None:
        """Start no new trip and return when none runs any more."""
        if self._state is DispatcherState.RUNNING:
            await self._station.note("paused")
        await self._pause()

    async def _pause(self) -> None:
        self._require(DispatcherState.RUNNING, DispatcherState.PAUSING, DispatcherState.PAUSED)
        if self._state is DispatcherState.RUNNING:
            self._set_state(DispatcherState.PAUSING)
        await self._traffic.arrivals()
        if self._state is DispatcherState.PAUSING:
            self._set_state(DispatcherState.PAUSED)

    async def resume(self) -> None:
        """Drive again."""
        self._require(DispatcherState.PAUSED, DispatcherState.PAUSING, DispatcherState.RUNNING)
        if self._maintenance.locked():
            raise DispatcherError("An export or a change of the ticket is under way; resume when it is done.")
        if self._state is not DispatcherState.RUNNING:
            self._set_state(DispatcherState.RUNNING)
            await self._station.note("resumed")

    async def shut_down(self, *, leave: bool = False) -> None:
        """Finish the running trips, close the database, stop.

        With `leave`, wait for trips at most the ticket's grace time and then leave them: what they had not stored
        is done again on their next trip. May be called so while a first call still waits.
        """
        if self._state is DispatcherState.STOPPED:
            return
        self._set_state(DispatcherState.STOPPING)
        seconds = self.ticket.grace_seconds if leave else None
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), self._opening:
                pass  # a start, or a change of the ticket, is finished first
        await self._traffic.arrivals(seconds)
        async with self._closing:
            if self._state is DispatcherState.STOPPING:
                await self._stop("shut down")

    async def _stop(self, deed: str = "") -> None:
        """`deed`: what a person did, for the audit."""
        await self._traffic.end()
        await self._station.close(deed, hurry=bool(self._traffic.left))
        self._set_state(DispatcherState.STOPPED)
        await self._events.settle(self.ticket.grace_seconds)

    def run(self, *, paused: bool = False) -> int:
        """Start and drive (unless `paused`) until SIGINT or SIGTERM; a second signal leaves after the grace time.

        Answers 0, or 1 when a trip had errors. Raises DatabusError when it cannot start.
        """
        watch = ErrorWatch()
        self.add_observer(watch)
        try:
            asyncio.run(self._run(paused=paused))
        finally:
            self.remove_observer(watch)
        return 1 if watch.seen else 0

    async def _run(self, *, paused: bool) -> None:
        stopped = asyncio.Event()
        stopping: list[asyncio.Task[None]] = []

        async def shut_down(*, leave: bool) -> None:
            await self.shut_down(leave=leave)
            stopped.set()

        def stop() -> None:
            stopping.append(asyncio.create_task(shut_down(leave=bool(stopping))))

        with on_stop_signals(stop):
            await self.start(paused=paused)
            await stopped.wait()

    # Trips ------------------------------------------------------------------------------------------------------

    async def expedite(self, client_id: str, client_passenger: str) -> None:
        """Let one client passenger depart now, beside the others; during its trip: once more right after it."""
        self._require(DispatcherState.RUNNING)
        route = self._travelling(client_id, client_passenger)
        self._traffic.expedite(route)
        await self._station.note("expedited", route.client_passenger, route.client_id)

    async def drive(self, client_id: str, client_passenger: str) -> Log:
        """Make one trip now and wait for it, also while paused; answers its finished log.

        What was put off to a later time, because it failed, is tried now.
        """
        self._require(DispatcherState.RUNNING, DispatcherState.PAUSED)
        route = self._travelling(client_id, client_passenger)
        if self._roster.timetable.is_running(route) or self._maintenance.locked():
            raise DispatcherError(
                f"{route} cannot depart now: a trip of it, an export or a change of the ticket is under way."
            )
        await self._station.note("drove", route.client_passenger, route.client_id)
        return await self._traffic.depart(route, expedited=True)

    def _travelling(self, client_id: str, client_passenger: str) -> Route:
        """The route of that name. Raises NotFoundError, and DispatcherError while it is paused."""
        route = self._roster.route(client_id, client_passenger)
        if self._roster.timetable.pause_of(route) is RoutePause.EVERYTHING:
            raise DispatcherError(f"{route} is paused; resume it first.")
        return route

    async def pause_route(self, client_id: str, client_passenger: str, *, intake_only: bool = False) -> None:
        """Let one client passenger rest until it is resumed, also over a restart; a trip of it that runs goes on.

        With `intake_only` its trips pull nothing, but process and push what is seated.
        """
        await self._set_pause(client_id, client_passenger, RoutePause.INTAKE if intake_only else RoutePause.EVERYTHING)

    async def resume_route(self, client_id: str, client_passenger: str) -> None:
        """Let a client passenger travel again by its schedule, wholly."""
        await self._set_pause(client_id, client_passenger, RoutePause.NONE)

    async def _set_pause(self, client_id: str, client_passenger: str, pause: RoutePause) -> None:
        route = self._roster.route(client_id, client_passenger)
        await self.change(
            lambda storage: set_pause(storage, *route, pause),
            Change.TRIPS,
            route.client_id,
            deed=_PAUSE_DEEDS[pause],
            on=route.client_passenger,
        )
        if route in self._roster.timetable:
            self._roster.timetable.set_pause(route, pause)
            self._traffic.look_again()

    async def peek(self, client_id: str, client_passenger: str) -> list[PullerPeek]:
        """What waits in the source systems, without consuming it."""
        bus_ticket = self._roster.bus_ticket(self._roster.route(client_id, client_passenger))
        database, factory = self._station.storage.database, await self._station.depot.factories_for(bus_ticket)
        return await in_daemon_thread(lambda: peek(bus_ticket, database, factory), "databus-peek")

    async def why(self, client_id: str, internal_id: str) -> str:
        """Why that passenger is not delivered, in one sentence. Raises NotFoundError."""
        client_id = self._roster.client_id(client_id)
        client = self.clients[client_id]
        entry, hindrances = await self.read(lambda storage: find_out(storage.database, client_id, client, internal_id))
        around = self.circumstances(client_id, entry.client_passenger)
        return why_not_delivered(entry, dataclasses.replace(around, hindrances=hindrances))

    def circumstances(self, client_id: str, client_passenger: str) -> Circumstances:
        """What bears now on the passengers of a client passenger, but for what is stored (their hindrances)."""
        return self._roster.circumstances(Route(client_id, client_passenger), now(), self._state)

    async def _run_trip(self, bus_ticket: BusTicket, log: Log) -> Arrival:
        return await self._station.depot.run_trip(bus_ticket, log)

    def halt(self, client_id: str, client_passenger: str, who: str = "") -> None:
        """End the running trip of a client passenger: what it had not stored is done again on its next trip.

        In a process of its own it is killed, with whatever its plug-in is at; in a thread it is left. Raises
        NotFoundError for an unknown client passenger, DispatcherError when no trip of it is under way.
        """
        self._station.depot.halt(self._roster.route(client_id, client_passenger), who)

    # Plug-ins that crash ----------------------------------------------------------------------------------------

    async def quarantined(self, client_id: str) -> dict[str, PluginState]:
        """The client's plug-ins that are called no more because they crashed too often, by the names of their steps."""
        quarantine = self._station.depot.quarantine
        return await self._station.in_pool(lambda: quarantine.of(client_id))

    async def release(self, client_id: str, step: str) -> str:
        """Let such a plug-in be called again; answers its step's name. Raises NotFoundError."""
        quarantine, client_id = self._station.depot.quarantine, self._roster.client_id(client_id)
        return await self._station.in_pool(lambda: quarantine.release(client_id, step))

    # Doors to the data ------------------------------------------------------------------------------------------

    async def read(self, op: Callable[[Storage], T]) -> T:
        """Run `op` in a worker thread and answer its result. Raises what it raises, DispatcherError when stopped."""
        return await self._station.read(op)

    async def change(
        self, op: Callable[[Storage], T], what: Change, client_id: str = "", *, deed: str = "", on: str = ""
    ) -> T:
        """The same for what changes data: the observers hear `changed(what, client_id)` when it is done.

        What a person does by hand names the `deed` ("purged"), and what it is done `on`: the client's audit has them.
        """
        result = await self.read(op)
        if deed:
            await self._station.note(deed, on, client_id or ROOT)
        if what in {Change.CUSTOMIZING, Change.CLIENTS}:
            await self._read_clients()
        self._events.changed(what, client_id)
        return result

    async def change_passengers(
        self, frozen: Frozen, change: EntryChange, *, deed: str, go_on: Callable[[BulkResult], bool] | None = None
    ) -> BulkResult:
        """A person changes many passengers, a bunch at a time; after each bunch `go_on` is given what came of them so
        far, on the loop, and answers whether to do the others, too.

        What is due by that is tried at once, beside the schedules, where nothing rests. The audit has the `deed` with
        the number. Raises DatabusError when nothing more can be read or stored at all;
        what keeps single passengers from being changed is in the result, see Queue.change.
        """
        result = BulkResult()
        try:
            for bunch in frozen.bunches():
                result += await self.read(
                    lambda storage, bunch=bunch: storage.queue(frozen.client_id).change(bunch, change)
                )
                self._events.changed(Change.QUEUE, frozen.client_id)
                if go_on is not None and not go_on(result):
                    break
        finally:
            if result.changed:
                number = "1 passenger" if result.changed == 1 else f"{result.changed} passengers"
                await self._station.note(deed, number, frozen.client_id)
                for name in frozen.client_passengers:
                    self._traffic.try_soon(Route(frozen.client_id, name))
        return result

    async def set_step(
        self, client_id: str, internal_id: str, step_name: str, status: QueueStatus, who: str = "hand"
    ) -> None:
        """A person sets one step of one passenger; what is due by that is tried at once. Raises as Queue.set_step."""
        entry = await self.change(
            lambda storage: storage.queue(client_id).set_step(internal_id, step_name, status, who),
            Change.QUEUE,
            client_id,
            deed=f"set a step {status}",
            on=f"{step_name} of {internal_id}",
        )
        self._traffic.try_soon(Route(client_id, entry.client_passenger))

    async def export(
        self,
        client_id: str,
        database_module: str,
        database_arguments: dict[str, Any],
        progress: Progress | None = None,
        folder: Path | None = None,
    ) -> int:
        """Copy a client with its queue and logs to another database; the dispatcher is paused meanwhile.

        Answers the number of passengers that were new there. `progress` is called in a worker thread; relative paths
        in the arguments start at `folder`, or at the ticket's. Await it, or make it a task to have it in the
        background; cancelled, it stops soon, and the next export goes on from there. Raises DatabusError.
        """
        client_id = self._roster.client_id(client_id)
        context = DatabaseContext(
            folder=folder or self.ticket.folder, arguments=database_arguments, report=self._events.failed
        )
        target = self.factory.create(Database, database_module, context)
        async with self._paused():
            copied = await export(self._station, client_id, target, Holder(f"{self._program} (export)"), progress)
            await self._station.note("exported", f"to {target}", client_id)
            return copied

    async def apply(self, ticket: DispatcherTicket) -> None:
        """Take another ticket into force, and save it to its file if it has one; running trips are finished first.

        Raises DatabusError when that is not possible; the old ticket then stays in force, and its file as it is. Where
        its database cannot be opened again, the dispatcher is STOPPED, and may be started when that is mended.
        """
        if self._state is DispatcherState.STOPPED:
            self._station.take(ticket, Factories(ticket))
            await self._station.save_ticket()
        else:
            async with self._paused(), self._opening:
                await self._swap(ticket)
                await self._station.note("changed the ticket")
        self._events.changed(Change.TICKET, "")

    async def _swap(self, ticket: DispatcherTicket) -> None:
        try:
            await change_ticket(self._station, ticket, self._begin)
        finally:
            async with self._closing:
                if not self._station.has_database and self._state is not DispatcherState.STOPPED:
                    await self._stop()

    @asynccontextmanager
    async def _paused(self) -> AsyncGenerator[None]:
        """Nothing travels inside; afterwards the dispatcher drives again if it did before."""
        self._require(DispatcherState.RUNNING, DispatcherState.PAUSED, DispatcherState.PAUSING)
        async with self._maintenance:
            drove = self._state is DispatcherState.RUNNING
            try:
                await self._pause()
                self._require(DispatcherState.PAUSED)
                yield
            finally:  # also when it is cancelled while it waits for a trip
                if drove and self._state in {DispatcherState.PAUSING, DispatcherState.PAUSED}:
                    self._set_state(DispatcherState.RUNNING)

    # Inside -----------------------------------------------------------------------------------------------------

    def _set_state(self, state: DispatcherState) -> None:
        if state is not self._state:
            self._state = state
            self._traffic.set_driving(driving=state is DispatcherState.RUNNING)
            self._events.tell(lambda each: each.state_changed(state))

    def _require(self, *states: DispatcherState) -> None:
        if self._state not in states:
            raise DispatcherError(f"Not possible while the dispatcher is {self._state}.")

    async def _read_clients(self) -> None:
        """Take over every client's configuration as it is stored now."""
        client_ids = await self.read(lambda storage: storage.database.client_ids())
        self._roster.keep(client_ids)
        for client_id in client_ids:
            await self._read_client(client_id)
        self._traffic.look_again()

    async def _read_client(self, client_id: str) -> None:
        known = self._roster.timetable.routes
        reading = await self.read(lambda storage: read_client(storage, client_id, known))
        for problem in self._roster.take_over(client_id, reading):
            self._station.report(problem)
