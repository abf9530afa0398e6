"""Passengers per second through a whole trip on SQLite, beside the sqlite3 module with the same rows.

One 1 KB attachment, one processor, one pusher, durability FULL. Each push committed by itself is compared with one
commit per operation (seated, notified, processed, pushed), grouped outcomes with 500 passengers per commit. The module
and Databus work in turn, a round each; of several rounds the best counts.
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

from databus_core import Attachment, Dispatcher, DispatcherTicket, Passenger, Processor, Puller, Pusher
from databus_core.database.sql import Sql
from databus_core.garbage import collect_seldom
from databus_core.model.holder import Holder
from databus_core.plugins.database import DatabaseContext
from tests.benchmarks.raw import Raw
from tests.support.entries import entry

CLIENT, ROUTE = "demo", "orders"
GROUP = 500
TEXT = "x" * 1024


class Source(Puller):
    """Offers as many as it is told; nobody is offered twice."""

    count = 0
    round = 0

    def pull(self) -> Iterator[Passenger]:
        for number in range(Source.count):
            attachment = Attachment.text("order.txt", TEXT)
            yield Passenger(external_id=f"{Source.round}-{number}", source_system="shop", attachments=[attachment])


class Check(Processor):
    """Finds nothing to change."""

    def process(self, passenger: Passenger) -> None:
        passenger.properties["checked"] = True


class Target(Pusher):
    """Reads what it gets."""

    def push(self, passenger: Passenger) -> None:
        passenger.attachments[0].read_bytes()


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--passengers", type=int, default=10_000, help="of a round (10000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the best counts (3)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    collect_seldom()
    print(f"{'outcomes':>10} {'raw/s':>8} {'databus/s':>10} {'of raw':>7}")
    for mode, group in (("each", 1), ("grouped", GROUP)):
        folder = Path(tempfile.mkdtemp(dir=arguments.folder))
        try:
            raw, rate = asyncio.run(_rates(folder, mode, group, arguments.passengers, arguments.rounds))
        finally:
            shutil.rmtree(folder)
        print(f"{mode:>10} {raw:8.0f} {rate:10.0f} {rate / raw:7.2f}")


async def _rates(folder: Path, mode: str, group: int, count: int, rounds: int) -> tuple[float, float]:
    """Passengers a second: of the module, and of Databus."""
    raw = _raw(folder)
    dispatcher = Dispatcher(_ticket(folder, mode))
    await dispatcher.start(paused=True)
    best_raw = best = 0.0
    Source.count = count
    for Source.round in range(rounds):
        best_raw = max(best_raw, _raw_rate(raw, Source.round, min(count, 2000) if group == 1 else count, group))
        begun = time.perf_counter()
        log = await dispatcher.drive(CLIENT, ROUTE)
        best = max(best, count / (time.perf_counter() - begun))
        assert not log.has_errors
        counts = await dispatcher.read(lambda storage: storage.database.queue_counts(CLIENT))
        assert counts[ROUTE].complete == count * (Source.round + 1)
    await dispatcher.shut_down()
    raw.close()
    return best_raw, best


def _ticket(folder: Path, mode: str) -> DispatcherTicket:
    file = folder / "ticket.json"
    database: dict[str, object] = {"url": "sqlite:///databus.sqlite", "backup_every": 0}
    file.write_text(json.dumps({"database_module": "databus_core.database.sql", "database_arguments": database}))
    ticket = DispatcherTicket.load(file)
    made = _database(folder, database)
    made.create_client(CLIENT)
    names = {"pullers": "Source", "processors": "Check", "pushers": "Target"}
    route = {kind: [{"module": f"{__name__}:{name}", "name": kind}] for kind, name in names.items()}
    route["pushers"][0]["commit"] = mode
    document = {"passengers": [{"name": ROUTE, "isolation": "thread", "queue_life_span": 365, **route}], "users": []}
    made.write_configuration(CLIENT, json.dumps(document))
    made.close()
    return ticket


def _database(folder: Path, arguments: dict[str, object]) -> Sql:
    database = Sql(DatabaseContext(folder=folder, arguments=arguments))
    database.open(Holder("benchmark"))
    return database


def _raw(folder: Path) -> Raw:
    """The module, on a file in which the engine has made its tables."""
    _database(folder, {"url": "sqlite:///raw.sqlite", "backup_every": 0}).close()
    return Raw(folder / "raw.sqlite")


def _raw_rate(raw: Raw, round_: int, count: int, group: int) -> float:
    names: Sequence[str] = [f"{round_}-{number}" for number in range(count)]
    entries = [entry(name, attachments=[Attachment.text("order.txt", TEXT)]) for name in names]
    begun = time.perf_counter()
    for start in range(0, count, group):
        raw.life(entries[start : start + group], nullcontext(), nullcontext())
    return count / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
