"""The plug-ins of one trip: made once, called, and closed at its end."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar, cast

import orjson

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.calls import MAKING, Call
from databus_core.errors import DatabusError, FactoryError, PluginError, PluginQuarantined
from databus_core.model.client import ModuleReference
from databus_core.model.log import Log
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.factory import Factory
from databus_core.plugins.plugin import Plugin, PluginContext
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

T = TypeVar("T")
PluginT = TypeVar("PluginT", bound=Plugin)


class Crew:
    """Makes plug-ins by step name when they are first needed, runs their plain and async methods, closes them.

    All of that in one thread.
    """

    def __init__(
        self,
        bus_ticket: BusTicket,
        factory: Factory,
        log: Log,
        missing: dict[tuple[type[Plugin], str], FactoryError] | None = None,
    ) -> None:
        self._ticket = bus_ticket
        self._route = bus_ticket.client_passenger
        self._factory = factory
        self._log = log
        self._members: dict[tuple[type[Plugin], str], Plugin] = {}
        self.missing = {} if missing is None else missing
        """Why a plug-in cannot be made, by kind and step name."""
        self._runner: asyncio.Runner | None = None

    def sibling(self) -> Crew:
        """One with plug-ins of its own, for another thread of the same trip."""
        return Crew(self._ticket, self._factory, self._log, self.missing)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for (_kind, name), member in self._members.items():
            try:
                self.call(member.close, Call(name, "closing"))
            except PluginError as error:
                self._log.of(name).error(f"Closing failed: {error}\n{self.trace(error)}")
        if self._runner is not None:
            self._runner.close()

    # Who is in it -----------------------------------------------------------------------------------------------

    def member(self, kind: type[PluginT], name: str, module: str = "") -> PluginT | None:
        """The plug-in of that step; None when it cannot be made, which the log says once.

        A step whose plug-in the configuration no longer has is made from `module`, without arguments.
        """
        key = kind, name  # a name may have been a puller's when a passenger was seated, and be a pusher's now
        if key in self.missing:
            return None
        if key not in self._members:
            if why := self._ticket.quarantined.get(name):
                self.missing[key] = error = PluginQuarantined(kind.__name__, module or name, why)
                self._log.of(name).error(str(error))
                return None
            try:
                with self._ticket.calls.noted(Call(name, MAKING)):
                    self._members[key] = self._make(kind, name, module or name)
            except FactoryError as error:
                self.missing[key] = error
                self._log.of(name).error(f"{error}\n{self.trace(error)}")
                return None
        return cast("PluginT", self._members[key])

    def why_missing(self, kind: type[Plugin], name: str) -> str:
        """Why there is no such member, in words; empty when there is one."""
        return str(self.missing.get((kind, name), ""))

    def _make(self, kind: type[PluginT], name: str, module: str) -> PluginT:
        configured: dict[type[Plugin], Sequence[ModuleReference]] = {
            Puller: self._route.pullers,
            Processor: self._route.processors,
            Pusher: self._route.pushers,
        }
        of_its_kind = (reference for reference in configured[kind] if reference.step_name == name)
        reference = next(of_its_kind, None) or ModuleReference(module=module)
        context = PluginContext(
            log=self._log.of(name),
            folder=self._ticket.folder,
            client_id=self._ticket.client_id,
            module=reference.module,
            step=name,
            arguments=reference.arguments,
            passenger_class=self._factory.load(Passenger, self._route.passenger_module),
        )
        return self._factory.create(kind, reference.module, context)

    def board(self, entry: QueueEntry) -> Passenger:
        """A passenger made from a stored entry, with lists of its own. Raises FactoryError."""
        return self._factory.create(
            Passenger,
            entry.passenger_module,
            external_id=entry.external_id,
            source_system=entry.source_system,
            internal_id=entry.internal_id,
            attachments=[type(a)(a.name, a.format, a.content) for a in entry.attachments],
            properties=orjson.loads(orjson.dumps(entry.properties)) if entry.properties else {},
            pulled_at=entry.pulled_at,
        )

    # Calling them -----------------------------------------------------------------------------------------------

    def call(self, method: Callable[[], Awaitable[T] | T], about: Call | None = None) -> T:
        """Call a plain or async method of a plug-in; a coroutine runs on this trip's own loop.

        `about` says what is called, to who watches over the trip.

        Raises PluginError, in one line and with the cause chained, whatever the plug-in raised.
        """
        try:
            with self._ticket.calls.noted(about) if about else contextlib.nullcontext():
                result = method()
                if result is not None and inspect.isawaitable(result):
                    return self._loop_runner().run(_await(cast("Awaitable[T]", result)))
        except BaseException as error:  # a plug-in may raise anything, sys.exit() included
            raise PluginError.of(error) from error
        return result

    def iterate(self, method: Callable[[], Any], about: Call | None = None) -> Iterator[Any]:
        """What a plain or async method, or (async) generator, gives, one at a time. Raises what `call` raises."""
        result = self.call(method, about)
        if isinstance(result, AsyncIterator):
            offered = cast("AsyncIterator[Any]", result)
            try:
                while (item := self.call(lambda: anext(offered, _END), about)) is not _END:
                    yield item
            finally:
                if inspect.isasyncgen(offered):
                    self.call(offered.aclose)
        elif result is not None:
            plain = self.call(lambda: iter(cast("Iterable[Any]", result)), about)
            while (item := self.call(lambda: next(plain, _END), about)) is not _END:
                yield item

    def _loop_runner(self) -> asyncio.Runner:
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        return self._runner

    @staticmethod
    def trace(error: DatabusError) -> str:
        """The traceback of what a plug-in raised, for the log."""
        cause = error.__cause__ or error
        return "".join(traceback.format_exception(cause)).rstrip()


_END = object()


async def _await(awaitable: Awaitable[T]) -> T:
    return await awaitable
