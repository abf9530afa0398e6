"""Passengers per second through whole trips on SQLite: beside the sqlite3 module, on a full database, several at once.

Also how long the log of a trip is, and what writing it costs.

One 1 KB attachment, one processor, one pusher, durability FULL. Each push committed by itself is compared with one
commit per operation (seated, notified, processed, pushed), grouped outcomes with 500 passengers per commit. What is
compared works in turn, a round each; of several rounds the best counts.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from databus_core import Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher
from databus_core.database.sql import Sql
from databus_core.engine.trip import LogWriter
from databus_core.garbage import collect_seldom
from databus_core.model.client import ROOT
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry
from databus_core.plugins.database import DatabaseContext
from tests.benchmarks.raw import Raw
from tests.benchmarks.storage import Stopwatch
from tests.support.entries import entry

ROUTES = ["orders", "invoices", "reminders", "letters"]
DAYS = 730
"""Over which the passengers that are stored already were pulled."""
GROUP = 500
TEXT = "x" * 1024
PARTS = ("raw", "stored", "several", "log")


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


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0] if __doc__ else None)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (all)")
    parser.add_argument("--passengers", type=int, default=10_000, help="of a round (10000)")
    parser.add_argument("--stored", type=int, default=1_000_000, help="that are complete, in part stored (1000000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    chosen: list[str] = arguments.parts
    if unknown := set(chosen).difference(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    collect_seldom()
    for part in chosen or PARTS:
        folder = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            asyncio.run(_measure(part, folder, arguments.passengers, arguments.rounds, arguments.stored))
        finally:
            shutil.rmtree(folder)


async def _measure(part: str, folder: Path, count: int, rounds: int, stored: int) -> None:
    Source.round = 0
    if part == "raw":
        print(f"{'outcomes':>10} {'raw/s':>8} {'databus/s':>10} {'of raw':>7}")
        for mode, group in (("each", 1), ("grouped", GROUP)):
            await _beside_raw(folder / mode, mode, group, count, rounds)
        return
    if part == "log":
        await _log(folder, count, rounds)
        return
    print(f"{part:>10} {'passengers/s':>13} {'of above':>9}")
    if part == "stored":
        await _beside_stored(folder, count, rounds, stored)
    else:
        await _several_at_once(folder, count, rounds)


# Parts ----------------------------------------------------------------------------------------------------------------


async def _beside_raw(folder: Path, mode: str, group: int, count: int, rounds: int) -> None:
    _made(folder / "raw.sqlite").close()
    raw = Raw(folder / "raw.sqlite")
    dispatcher = await _started(folder, mode)
    best_raw = best = 0.0
    for number in range(rounds):
        best_raw = max(best_raw, _raw_rate(raw, number, min(count, 2000) if group == 1 else count, group))
        best = max(best, await _rate(dispatcher, count))
    counts = await dispatcher.read(lambda storage: storage.database.queue_counts(ROOT))
    assert counts[ROUTES[0]].complete == count * rounds
    await dispatcher.shut_down()
    raw.close()
    print(f"{mode:>10} {best_raw:8.0f} {best:10.0f} {best / best_raw:7.2f}")


async def _beside_stored(folder: Path, count: int, rounds: int, stored: int) -> None:
    """The same trips on an empty database, and on one in which the same client passenger has very many."""
    dispatchers: list[Dispatcher] = []
    for name, number in (("empty", 0), ("full", stored)):
        dispatchers.append(await _started(folder / name, "grouped", stored=number))
    rates = [0.0, 0.0]
    for _ in range(rounds):
        for number, dispatcher in enumerate(dispatchers):
            rates[number] = max(rates[number], await _rate(dispatcher, count))
    for dispatcher in dispatchers:
        await dispatcher.shut_down()
    _print(f"{0:,}", rates[0], 1)
    _print(f"{stored:,}", rates[1], rates[1] / rates[0])


async def _several_at_once(folder: Path, count: int, rounds: int) -> None:
    """One client passenger with all passengers, then four with a quarter each, for each way to commit."""
    for mode in ("each", "grouped"):
        dispatcher = await _started(folder / mode, mode)
        alone = together = 0.0
        for _ in range(rounds):
            alone = max(alone, await _rate(dispatcher, count))
            together = max(together, await _rate(dispatcher, count, ROUTES))
        await dispatcher.shut_down()
        _print(f"1 {mode}", alone, 1)
        _print(f"{len(ROUTES)} {mode}", together, together / alone)


async def _log(folder: Path, count: int, rounds: int) -> None:
    """How many lines a trip writes, and which part of its time its thread spends with writing them."""
    dispatcher = await _started(folder, "grouped")
    parts: list[float] = []
    write, watch, lines = LogWriter.__call__, Stopwatch(), 0

    def watched(writer: LogWriter, log: Log, line: LogEntry) -> None:
        with watch:
            write(writer, log, line)

    with patch.object(LogWriter, "__call__", watched):
        for _ in range(rounds):
            watch.spent, begun = 0.0, time.perf_counter()
            [log] = await _trips(dispatcher, count, ROUTES[:1])
            parts.append(watch.spent / (time.perf_counter() - begun))
            lines = log.length
    await dispatcher.shut_down()
    print(f"{lines / count:.2f} lines of a passenger; writing them takes {min(parts):.1%} of a trip")


def _print(name: str, rate: float, ratio: float) -> None:
    print(f"{name:>10} {rate:13.0f} {ratio:9.2f}")


# Trips ----------------------------------------------------------------------------------------------------------------


async def _rate(dispatcher: Dispatcher, count: int, routes: Sequence[str] = ROUTES[:1]) -> float:
    """Passengers a second, so many in all, on trips of these client passengers at once."""
    begun = time.perf_counter()
    await _trips(dispatcher, count, routes)
    return count / (time.perf_counter() - begun)


async def _trips(dispatcher: Dispatcher, count: int, routes: Sequence[str]) -> list[Log]:
    Source.count = count // len(routes)
    Source.round += 1
    logs = await asyncio.gather(*(dispatcher.drive(ROOT, route) for route in routes))
    assert not any(log.has_errors for log in logs)
    return logs


async def _started(folder: Path, mode: str, stored: int = 0) -> Dispatcher:
    """A dispatcher on a database in that folder, in which so many are complete."""
    made = _made(folder / "databus.sqlite")
    made.write_configuration(ROOT, json.dumps({"passengers": [_route(name, mode) for name in ROUTES], "users": []}))
    made.close()
    if stored:
        raw = Raw(folder / "databus.sqlite")
        raw.fill(stored, open_ones=0, until=now(), days=DAYS, names=ROUTES[:1])
        raw.close()
    database = {"url": "sqlite:///databus.sqlite", "backup_every": 0}
    ticket = {"database_module": "databus_core.database.sql", "database_arguments": database}
    dispatcher = Dispatcher(DispatcherTicket.parse(ticket, folder / "ticket.json"))
    await dispatcher.start(paused=True)
    return dispatcher


def _route(name: str, mode: str) -> dict[str, object]:
    classes = {"pullers": "Source", "processors": "Check", "pushers": "Target"}
    plugins = {kind: [{"module": f"{__name__}:{cls}", "name": f"{name} {kind}"}] for kind, cls in classes.items()}
    plugins["pushers"][0]["commit"] = mode
    return {"name": name, "isolation": "thread", "queue_life_span": 10_000, **plugins}


def _made(file: Path) -> Sql:
    file.parent.mkdir(exist_ok=True)
    database = Sql(DatabaseContext(folder=file.parent, arguments={"url": f"sqlite:///{file.name}", "backup_every": 0}))
    database.open(Holder("benchmark"))
    return database


# The module -----------------------------------------------------------------------------------------------------------


def _raw_rate(raw: Raw, round_: int, count: int, group: int) -> float:
    names = [f"{round_}-{number}" for number in range(count)]
    entries = [entry(name, attachments=[Attachment.text("order.txt", TEXT)]) for name in names]
    begun = time.perf_counter()
    for start in range(0, count, group):
        raw.life(entries[start : start + group], nullcontext(), nullcontext())
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
