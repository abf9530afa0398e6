"""Whole trips that benchmarks measure: one 1 KB attachment, one processor, one pusher, and plug-ins that do little."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from databus_core import Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher
from databus_core.database.sql import Sql
from databus_core.model.client import ROOT
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import Log
from databus_core.plugins.database import DatabaseContext
from tests.benchmarks.raw import Raw

ROUTES = ["orders", "invoices", "reminders", "letters"]
DAYS = 730
"""Over which the passengers that are stored already were pulled."""
TEXT = "x" * 1024
FILE = "databus.sqlite"
IN_A_FILE = f"sqlite:///{FILE}"


class Source(Puller):
    """Offers as many as it is told; nobody is offered twice."""

    count = 0
    round = 0

    def pull(self) -> Iterator[Passenger]:
        for number in range(Source.count):
            attachment = Attachment.text("order.txt", TEXT)
            yield Passenger(
                external_id=f"{Source.round}-{number}", source_system=self.context.step, attachments=[attachment]
            )


class Check(Processor):
    """Finds nothing to change."""

    def process(self, passenger: Passenger) -> None:
        passenger.properties["checked"] = True


class Target(Pusher):
    """Reads what it gets."""

    def push(self, passenger: Passenger) -> None:
        passenger.attachments[0].read_bytes()


async def rate(dispatcher: Dispatcher, count: int, routes: Sequence[str] = ROUTES[:1]) -> float:
    """Passengers a second, so many in all, on trips of these client passengers at once."""
    begun = time.perf_counter()
    await trips(dispatcher, count, routes)
    return count / (time.perf_counter() - begun)


async def trips(dispatcher: Dispatcher, count: int, routes: Sequence[str]) -> list[Log]:
    """One trip of each of these client passengers, which share so many passengers; answers their logs."""
    Source.count = count // len(routes)
    Source.round += 1
    logs = await asyncio.gather(*(dispatcher.drive(ROOT, route) for route in routes))
    assert not any(log.has_errors for log in logs)
    return logs


async def started(folder: Path, mode: str, url: str = IN_A_FILE, stored: int = 0) -> Dispatcher:
    """A dispatcher on a database of SQL; in that folder, unless the URL says another place. So many are complete."""
    database = made(folder, url)
    database.write_configuration(ROOT, json.dumps({"passengers": [_route(name, mode) for name in ROUTES], "users": []}))
    database.close()
    if stored:
        raw = Raw(folder / FILE)
        raw.fill(stored, open_ones=0, until=now(), days=DAYS, names=ROUTES[:1])
        raw.close()
    ticket = {"database_module": "databus_core.database.sql", "database_arguments": _arguments(url)}
    dispatcher = Dispatcher(DispatcherTicket.parse(ticket, folder / "ticket.json"))
    await dispatcher.start(paused=True)
    return dispatcher


def _route(name: str, mode: str) -> dict[str, object]:
    classes = {"pullers": "Source", "processors": "Check", "pushers": "Target"}
    plugins = {kind: [{"module": f"{__name__}:{cls}", "name": f"{name} {kind}"}] for kind, cls in classes.items()}
    plugins["pushers"][0]["commit"] = mode
    return {"name": name, "isolation": "thread", "queue_life_span": 10_000, **plugins}


def made(folder: Path, url: str = IN_A_FILE) -> Sql:
    """An open database with the tables and nothing in them."""
    folder.mkdir(parents=True, exist_ok=True)
    database = Sql(DatabaseContext(folder=folder, arguments=_arguments(url)))
    database.open(Holder("benchmark"))
    return database


def _arguments(url: str) -> dict[str, object]:
    return {"url": url, "backup_every": 0}
