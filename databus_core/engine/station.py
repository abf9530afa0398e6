"""The station: what a dispatcher has open, of the ticket in force and for whoever asks."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from databus_core.engine.audit import doer, note
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.control import ControlListener, Reply
from databus_core.engine.depot import Depot
from databus_core.engine.events import Events
from databus_core.engine.factories import Factories, option_named
from databus_core.engine.renewal import Renewal
from databus_core.engine.storage import Storage
from databus_core.engine.threads import in_daemon_thread
from databus_core.errors import DatabusError, DispatcherError, TicketError
from databus_core.files import write_durably
from databus_core.model.client import ROOT
from databus_core.model.holder import Holder
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory
from databus_core.plugins.observer import Change, DispatcherObserver
from databus_core.plugins.plugin_folder import PLUGIN_FOLDER

T = TypeVar("T")

STORAGE_THREADS = 4

CLOSE_SECONDS = 2.0
"""How long trips that were left may keep the database from being closed: they may hang while it stores what they gave
it, such as the content of an attachment that its source never ends."""

_logger = logging.getLogger("databus.database")
"""Gets the remarks of the database."""


class Station:
    """Used on the dispatcher's loop only, but for what says otherwise.

    From `open` to `close` it has a pool of threads and takes commands of other processes; from `open_database` to
    `close_database` a ticket's database, depot and observer as well.
    """

    def __init__(
        self,
        ticket: DispatcherTicket,
        events: Events,
        bus_tickets: Callable[[], Sequence[BusTicket]],
        program: str,
        *,
        isolate: bool,
    ) -> None:
        """`bus_tickets` answers one for each client passenger. `program` and `isolate`: see Dispatcher."""
        self._ticket = ticket
        self._events = events
        self._bus_tickets = bus_tickets
        self._program = program
        self._doer = doer(program)
        self._isolate = isolate
        self._factory: Factories | None = None
        self._renewal: Renewal | None = None
        """It stays when the database is closed: what worked goes on with the next one."""
        self._observer: DispatcherObserver | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._control: ControlListener | None = None
        self._storage: Storage | None = None
        self._depot: Depot | None = None

    # What is there ----------------------------------------------------------------------------------------------

    @property
    def ticket(self) -> DispatcherTicket:
        """The ticket in force."""
        return self._ticket

    def take(self, ticket: DispatcherTicket, factory: Factories | None = None) -> None:
        """Put another ticket into force, with its factories where they are made already."""
        self._ticket, self._factory = ticket, factory

    @property
    def factory(self) -> Factory:
        """What makes plug-ins for the ticket. Raises TicketError when it names one that cannot be used."""
        if self._factory is None:
            self._factory = Factories(self._ticket)
        return self._factory

    @property
    def has_database(self) -> bool:
        """Whether a database is open."""
        return self._storage is not None

    @property
    def storage(self) -> Storage:
        """The data. Raises DispatcherError while no database is open."""
        if self._storage is None:
            raise DispatcherError("The dispatcher's database is closed, as it is while the dispatcher is stopped.")
        return self._storage

    @property
    def depot(self) -> Depot:
        """Where trips set out from. Raises DispatcherError while no database is open."""
        if self._depot is None:
            raise DispatcherError("The dispatcher is stopped, and makes no trips.")
        return self._depot

    @property
    def plugin_problems(self) -> list[str]:
        """See Renewal."""
        return self._renewal.problems if self._renewal is not None else []

    # Open and close ---------------------------------------------------------------------------------------------

    def open(self, obey: Callable[..., Coroutine[Any, Any, Reply]]) -> None:
        """Have threads, and take commands: `obey` carries one out on the loop, given its request as keywords."""
        loop = asyncio.get_running_loop()

        def on_command(request: dict[str, Any]) -> Reply:
            return asyncio.run_coroutine_threadsafe(obey(**request), loop).result()

        self._pool = ThreadPoolExecutor(STORAGE_THREADS, thread_name_prefix="databus-storage")
        self._control = ControlListener(on_command)

    async def close(self, deed: str, *, hurry: bool) -> None:
        """Close everything. `deed`: what a person did, for the audit, or empty.

        With `hurry` a database that a trip still uses is left as well: it closes behind that trip.
        """
        control, pool, self._control, self._pool = self._control, self._pool, None, None
        if control is not None:
            control.close()
        depot, storage = self._leave()
        if depot is not None:
            await in_daemon_thread(depot.close, "databus-depot-close")
        if storage is not None:
            await self._end_soon(storage.database, deed, CLOSE_SECONDS if hurry else None)
        if pool is not None:
            pool.shutdown(wait=False, cancel_futures=True)

    async def _end_soon(self, database: Database, deed: str, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await in_daemon_thread(functools.partial(self._end, database, deed), "databus-close")
        except TimeoutError:
            self.report(f"The database {database} is still in use by a trip that was left.")

    def _end(self, database: Database, deed: str) -> None:
        """In a thread: close the database, which ends by what was done to it."""
        try:
            if deed:
                note(database, self._doer, deed)
        except DatabusError as error:  # a server that is gone does not keep the program from ending
            self._events.failed(f"The audit does not tell that it was {deed}: {error}")
        database.close()

    async def open_database(self, ticket: DispatcherTicket) -> None:
        """Put a ticket into force: its factories, its observer, its database. Raises DatabusError, and has not done so
        then."""
        renewal = await Renewal.begin(ticket, self._bus_tickets, self._plugins_changed, self._renewal)
        factories = renewal.factories
        observer = _observer_of(ticket, factories)
        self._storage = await self.in_pool(functools.partial(self._opened, ticket, factories))
        self.take(ticket, factories)
        self._renewal = renewal
        self._depot = Depot(ticket, self._storage, renewal, self._events, isolate=self._isolate)
        renewal.watch()
        if self._observer is not None:
            self._events.observers.remove(self._observer)
        self._observer = observer
        if observer is not None:
            self._events.observers.append(observer)

    def _opened(self, ticket: DispatcherTicket, factories: Factories) -> Storage:
        """In a worker thread: a new storage over the ticket's database, held by this process."""
        holder = Holder(self._program, control=self._control.address if self._control else "")
        on_indexed = functools.partial(self._events.changed, Change.SEARCH, "")
        database = factories.opened(holder, self._events.failed, _logger.info, on_indexed)
        return Storage(database, ticket, factories)

    async def close_database(self) -> None:
        """Close the database, so that another one can be opened; nothing may travel. Raises DatabaseError."""
        depot, storage = self._leave()
        if depot is not None:
            await self.in_pool(depot.close)
        if storage is not None:
            await self.in_pool(storage.database.close)

    def _leave(self) -> tuple[Depot | None, Storage | None]:
        """What is to be closed; nobody gets at it any more."""
        if self._renewal is not None:
            self._renewal.end()
        depot, storage, self._depot, self._storage = self._depot, self._storage, None, None
        return depot, storage

    async def _plugins_changed(self, renewal: Renewal, files: Sequence[str]) -> None:
        """Trips that depart from now on get what works of the plug-in folder, in which these files changed."""
        if self._depot is None or self._storage is None:
            return
        self._factory = self._storage.factory = renewal.factories
        await self._depot.renew()
        if files:
            deed = "kept the last good plug-ins" if renewal.problems else "renewed plug-ins"
            await self.note(deed, ", ".join(files), who=PLUGIN_FOLDER)
        self._events.changed(Change.PLUGINS, "")
        self._events.tell(lambda each: each.plugins_changed(files, renewal.problems))

    # Work beside the loop ---------------------------------------------------------------------------------------

    async def in_pool(self, function: Callable[[], T]) -> T:
        """Run something that blocks in a worker thread. Raises what it raises, DispatcherError when closed."""
        if self._pool is None:
            raise DispatcherError("The dispatcher is stopped.")
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    async def read(self, op: Callable[[Storage], T]) -> T:
        """The same with the data."""
        return await self.in_pool(functools.partial(op, self.storage))

    async def save_ticket(self) -> None:
        """Write the ticket in force to its file, if it has one. Raises TicketError."""
        await in_daemon_thread(functools.partial(_save, self._ticket), "databus-save")

    async def note(self, what: str, on: str = "", client_id: str = ROOT, *, who: str = "") -> None:
        """Keep in the audit what a person did. It is done already, so that what goes wrong here is only told."""
        who = who or self._doer
        try:
            await self.read(lambda storage: note(storage.database, who, what, on, client_id))
        except DatabusError as error:
            self.report(f"The audit does not tell that {who} {what} {on}: {error}")
        else:
            self._events.changed(Change.AUDIT, client_id)

    def report(self, message: str) -> None:
        """Tell the observers now of what went wrong."""
        self._events.tell(lambda each: each.failed(message))


def _observer_of(ticket: DispatcherTicket, factory: Factory) -> DispatcherObserver | None:
    observer = ticket.dispatcher_observer
    if isinstance(observer, str):
        with option_named(ticket, "dispatcher_observer"):
            return factory.create(DispatcherObserver, observer)
    if observer is not None and not isinstance(observer, DispatcherObserver):
        problem = Problem(("dispatcher_observer",), f"{observer!r:.80} is no observer and no module's name")
        raise TicketError(ticket.file or "Ticket", problem)
    return observer


def _save(ticket: DispatcherTicket) -> None:
    if ticket.file is None:
        return
    try:
        write_durably(ticket.file, ticket.text().encode())
    except OSError as error:
        raise TicketError(ticket.file, Problem((), f"cannot be written: {error}")) from error
