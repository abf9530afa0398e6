"""Changed plug-ins: noticed, tried, and taken for the next trips; where they do not work, the last good ones go on."""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import TypeAlias

from databus_core.engine.allotment import Allotment, route_of
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.factories import KINDS, Factories
from databus_core.engine.threads import in_daemon_thread
from databus_core.engine.trial import Trials
from databus_core.errors import DispatcherError, PluginFolderError, TicketError
from databus_core.model.problem import Problem
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.generation import Generation
from databus_core.plugins.plugin_folder import PLUGIN_FOLDER, PluginFolder, add_plugin_folder

LOOK_SECONDS = 1.0
"""How often the folder is looked at."""

SELDOM = 300
"""A look that took long, because the folder is large or far away, comes only every so many times of that."""

PATIENCE = 10.0
"""How many seconds a departure waits until changed plug-ins are read and tried."""

THREAD = "databus-plugins"
"""Name of the threads that read the folder."""

KEPT = ("database_module", "dispatcher_observer")
"""The ticket's options whose plug-ins work from the dispatcher's start to its end."""

Renewed: TypeAlias = "Callable[[Renewal, Sequence[str]], Awaitable[None]]"
"""Awaited with the files that changed; with none, when there are other problems than before."""


class Renewal:
    """The plug-ins of trips, for one ticket. Used on the dispatcher's loop only.

    A trip has all of them from one generation: the newest, unless something cannot be made of it that can be made of
    the one before.
    """

    def __init__(
        self,
        factories: Factories,
        folder: PluginFolder,
        allotment: Allotment,
        bus_tickets: Callable[[], Sequence[BusTicket]],
        renewed: Renewed,
    ) -> None:
        """`bus_tickets` answers one for each client passenger."""
        self.factories = factories
        """Those of the newest plug-ins."""
        self.folder = folder
        self.allotment = allotment
        self.problems: list[str] = []
        """Why what is in the folder is not what all trips get, a sentence each."""
        self._ticket = factories.ticket
        self._kept = dict(_kept(factories))
        """Sources of the plug-ins that work from the dispatcher's start to its end, by the ticket's option."""
        self._bus_tickets = bus_tickets
        self._renewed = renewed
        self._unreadable: list[str] = []
        """Why the folder cannot be read."""
        self._unusable: list[str] = []
        """Why nobody gets what is in it."""
        self._trials = Trials(self._ticket)
        self._made = {factories.plugins: factories}
        self._looking = asyncio.Lock()
        self._looking_since = 0.0
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def begin(
        cls,
        ticket: DispatcherTicket,
        bus_tickets: Callable[[], Sequence[BusTicket]],
        renewed: Renewed,
        before: Renewal | None,
    ) -> Renewal:
        """Read the folder beside that ticket. What worked `before`, from the same folder, goes on.

        Raises PluginFolderError, TicketError.
        """
        place = add_plugin_folder(ticket.folder)
        same = before is not None and before.folder.place == place
        folder = before.folder if before is not None and same else PluginFolder(place)
        plugins = await in_daemon_thread(folder.read, THREAD)
        if before is not None and same:
            return cls(Factories(ticket, plugins), folder, before.allotment, bus_tickets, renewed)
        plugins.put_in_force()
        return cls(Factories(ticket, plugins), folder, Allotment(plugins), bus_tickets, renewed)

    def watch(self) -> None:
        """Notice changes from now on."""
        self._watching = asyncio.create_task(self._watch(), name="plug-ins")

    def end(self) -> None:
        """Notice no more."""
        if self._watching is not None:
            self._watching.cancel()

    async def factories_for(self, bus_ticket: BusTicket) -> Factories:
        """What makes the plug-ins of a trip that departs now."""
        if not self._looking.locked() or time.monotonic() - self._looking_since < PATIENCE:
            await asyncio.wait({asyncio.ensure_future(self._look())}, timeout=PATIENCE)
        await self._judge(self.factories.plugins, [bus_ticket])  # the configuration may be another one by now
        await self._tell()
        return await self._factories_of(self.allotment.of(bus_ticket))

    @property
    def in_use(self) -> set[str]:
        """Packages of the generations that trips get."""
        return {each.package for each in self._generations()}

    def _generations(self) -> set[Generation]:
        return {self.factories.plugins, *self.allotment.generations()}

    async def _factories_of(self, plugins: Generation) -> Factories:
        if plugins not in self._made:
            try:
                make = functools.partial(Factories, self._ticket, plugins)
                self._made[plugins] = await in_daemon_thread(make, THREAD)
            except TicketError:  # it is older than the ticket, which names a factory that it lacks
                return self.factories
        return self._made[plugins]

    # Noticing ---------------------------------------------------------------------------------------------------

    async def _watch(self) -> None:
        seconds = LOOK_SECONDS
        while True:
            await asyncio.sleep(seconds)
            begun = time.monotonic()
            if not await self._look():
                seconds = max(LOOK_SECONDS, SELDOM * (time.monotonic() - begun))

    async def _look(self) -> bool:
        """Take over what has changed; answers whether something has."""
        async with self._looking:
            self._looking_since = time.monotonic()
            try:
                plugins = await in_daemon_thread(self.folder.read, THREAD)
            except PluginFolderError as error:
                self._unreadable = [f"{error} What was read of it last goes on."]
                await self._tell()
                return False
            if self._unreadable:
                self._unreadable = []
                await self._tell()
            if plugins is self.allotment.seen:
                return False
            await self._renew(plugins)
            return True

    async def _renew(self, plugins: Generation) -> None:
        files = plugins.changed_since(self.allotment.seen)
        self.allotment.seen = plugins
        add_plugin_folder(self._ticket.folder)  # it may be new
        try:
            factories = await in_daemon_thread(functools.partial(Factories, self._ticket, plugins), THREAD)
        except TicketError as error:
            self._unusable = [f"{sentence} The last good version goes on." for sentence in error.sentences]
        else:
            self._unusable = []
            await self._judge(plugins, self._bus_tickets())
            self.factories = self._made[plugins] = factories
            self._made = {each: made for each, made in self._made.items() if each in self._generations()}
            self._trials.keep(self.in_use)
        await self._tell(files)

    async def _judge(self, newest: Generation, bus_tickets: Sequence[BusTicket]) -> None:
        """Let each of them get the newest plug-ins where these work."""
        of_all = [self._ticket.driver_module, *(str(getattr(self._ticket, option)) for option in KINDS.values())]
        try:
            worse = await self.allotment.worse(newest, bus_tickets, of_all, self._trials)
        except DispatcherError as error:  # no process can be started: the next departure tries again
            why = [Problem((), str(error))]
            worse = {route_of(each): why for each in bus_tickets if self.allotment.of(each) is not newest}
        self.allotment.take_over(newest, worse)

    # Telling ----------------------------------------------------------------------------------------------------

    async def _tell(self, files: Sequence[str] = ()) -> None:
        routes = map(route_of, self._bus_tickets())
        problems = [*self._unreadable, *self._unusable, *self._outdated(), *self.allotment.problems(routes)]
        if files or problems != self.problems:
            self.problems = problems
            await self._renewed(self, files)

    def _outdated(self) -> Iterator[str]:
        """What has changed of plug-ins that are not renewed."""
        present = self.allotment.seen.sources
        for option, sources in self._kept.items():
            changed = [f"{PLUGIN_FOLDER}/{path}" for path in sorted(sources) if present.get(path) != sources[path]]
            if changed:
                yield (
                    f"{', '.join(changed)} changed, which the ticket's {option} needs: "
                    "that goes on as it was when the dispatcher started, and is renewed when it starts next."
                )


def _kept(factories: Factories) -> Iterator[tuple[str, dict[str, bytes]]]:
    for option in KEPT:
        module = str(getattr(factories.ticket, option)).partition(":")[0]
        needed = factories.plugins.needed_by(module)
        yield option, {path: factories.plugins.sources[path] for path in needed}
