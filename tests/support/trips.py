"""A dispatcher that drives when a test tells it to, and what its queue says."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from databus_core import Dispatcher, Log, QueueStatus
from databus_core.engine.storage import Storage
from databus_core.model import clock
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import Client, ClientPassenger
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry, Step
from databus_core.model.ticket import DispatcherTicket
from databus_core.plugins.observer import Change, DispatcherObserver
from tests.support.engines import Engine
from tests.support.stage import configure, ticket_on


class Clock:
    """A clock that stands still until a test turns it; puts itself in the place of the computer's."""

    def __init__(self, monkeypatch: Any) -> None:
        self.moment = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
        monkeypatch.setattr(clock, "source", lambda: self.moment)

    def turn(self, **span: float) -> None:
        """So much later: hours=1."""
        self.moment += timedelta(**span)


class Breakers(DispatcherObserver):
    """Hears what breakers do."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, bool]] = []

    def breaker_changed(self, client: Client, client_passenger: ClientPassenger, change: BreakerChange) -> None:
        """A pusher, and whether its breaker opened."""
        self.heard.append((change.pusher, change.opened))

    def is_open(self, pusher: str) -> bool:
        """Whether the last that was heard of it is that it opened."""
        return dict(self.heard).get(pusher, False)


class Trips:
    """One client passenger's trips."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    async def drive(self, name: str = "orders") -> Log:
        """A trip that a person wants: what was put off is tried now."""
        return await self.dispatcher.drive("demo", name)

    async def depart(self, name: str = "orders") -> Log:
        """A trip as the timetable makes them: what was put off waits."""
        route = self.dispatcher._roster.route("demo", name)
        return await self.dispatcher._traffic.depart(route)

    async def configure(self, *passengers: dict[str, Any]) -> None:
        """Give the client other client passengers."""
        await self.dispatcher.change(lambda storage: configure(storage.database, *passengers), Change.CUSTOMIZING)

    async def entries(self) -> dict[str, QueueEntry]:
        """The whole queue by external id."""

        def read(storage: Storage) -> dict[str, QueueEntry]:
            rows = storage.database.queue_rows(Query(client_id="demo", limit=10_000)).rows
            return {row.external_id: storage.database.entry("demo", row.internal_id) for row in rows}

        return await self.dispatcher.read(read)

    async def step(self, external_id: str, name: str) -> Step:
        """One step of one passenger."""
        entry = (await self.entries())[external_id]
        return next(step for step in entry.steps() if step.name == name)

    async def statuses(self, name: str = "erp") -> dict[str, str]:
        """How each passenger's step of that name stands, by external id."""
        return {
            external_id: next(step.status.value for step in entry.steps() if step.name == name)
            for external_id, entry in (await self.entries()).items()
        }

    async def set_step(self, external_id: str, name: str, status: QueueStatus) -> None:
        """A person decides."""
        internal_id = (await self.entries())[external_id].internal_id
        await self.dispatcher.change(
            lambda storage: storage.queue("demo").set_step(internal_id, name, status, "Ada"), Change.QUEUE, "demo"
        )


@asynccontextmanager
async def trips_by(ticket: DispatcherTicket, *observers: DispatcherObserver) -> AsyncGenerator[Trips]:
    """A dispatcher on that ticket, paused so that it only drives when it is told."""
    dispatcher = Dispatcher(ticket, *observers)
    await dispatcher.start(paused=True)
    try:
        yield Trips(dispatcher)
    finally:
        await dispatcher.shut_down()


@asynccontextmanager
async def trips_on(engine: Engine, folder: Path, *passengers: dict[str, Any]) -> AsyncGenerator[Trips]:
    """The same over a new database of that engine, whose client "demo" has these client passengers."""
    async with trips_by(ticket_on(engine, folder, *passengers)) as trips:
        yield trips


def messages(log: Log) -> str:
    """What a log says."""
    return "\n".join(entry.message for entry in log.entries)
