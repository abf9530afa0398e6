"""What a dispatcher costs that has nothing to do: time of the processor, and what it writes.

100 client passengers with schedules of every sort, none of which is due, beside many completed passengers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from databus_core import Attachment, Dispatcher, DispatcherTicket
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.log import MessageType
from databus_core.model.queue_entry import QueueEntry
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.entries import completed, entry

CLIENT = "demo"
ROUTES = 100
BATCH = 500
SETTLED_SECONDS = 10.0
"""What has written nothing for so long has come to rest: at the start backups are made, and passengers are indexed."""

_LATER, _AFTER = (f"{now() + timedelta(hours=hours):%H:%M}" for hours in (12, 13))
SCHEDULES: tuple[dict[str, Any], ...] = (
    {"sync_frequency": 720},
    {"schedule": {"every": "12 h", "missed": "skip"}},
    {"schedule": {"cron": f"{int(_LATER[3:])} {int(_LATER[:2])} * * *", "zone": "UTC"}},
    {"schedule": {"every": "5 min", "active_hours": [f"{_LATER}-{_AFTER}"], "zone": "UTC"}},
)
"""None of them is due within the next hours."""


@dataclass(frozen=True)
class Cost:
    """What so many seconds of idleness took."""

    seconds: float
    cpu_seconds: float
    written: int | None
    """Bytes that the process wrote anywhere; None where the system does not say."""
    changed: list[str]
    """Files of the data that are not as they were."""

    def __str__(self) -> str:
        share = 100 * self.cpu_seconds / self.seconds
        written = "unknown" if self.written is None else f"{self.written:,} bytes"
        files = f"{len(self.changed)} files changed {', '.join(self.changed[:3])}".rstrip()
        return f"{share:.3f} % of a core in {self.seconds:.0f} s, written: {written}, {files}"


def main() -> None:
    """Measure and print a line for each engine."""
    parser = argparse.ArgumentParser(description="What an idle dispatcher costs")
    parser.add_argument("--passengers", type=int, default=100_000, help="completed ones in the queue (100000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is watched (60)")
    parser.add_argument("--engine", choices=("sqlite", "json_files"), help="only this one")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    for engine in (SQLITE, JSON_FILES):
        if arguments.engine in {None, str(engine)}:
            folder = Path(tempfile.mkdtemp(dir=arguments.folder))
            try:
                ticket = _furnished(engine, folder, arguments.passengers)
                cost = asyncio.run(_watched(ticket, folder / "data", arguments.seconds))
                print(f"{engine}, {arguments.passengers:,} completed: {cost}", flush=True)
            finally:
                shutil.rmtree(folder)


def _furnished(engine: Engine, folder: Path, passengers: int) -> DispatcherTicket:
    place = {"database_dir": "data"} if engine is JSON_FILES else {"file": "data/databus.sqlite"}
    document = {"database_module": engine.module, "database_arguments": place}
    file = folder / "ticket.json"
    file.write_text(json.dumps(document))
    ticket = DispatcherTicket.load(file)
    database = engine.make(folder, **ticket.database_arguments)
    with closing(database):
        database.open(Holder("bench"))
        _fill(database, passengers)
    return ticket


def _fill(database: Database, passengers: int) -> None:
    database.create_client(CLIENT)
    routes = [{"name": f"route{number}"} | SCHEDULES[number % len(SCHEDULES)] for number in range(ROUTES)]
    database.write_configuration(CLIENT, json.dumps({"passengers": routes}))
    moment = now()
    for route in routes:
        database.record_trip(CLIENT, TripRecord(route["name"], "none", moment, moment, MessageType.INFO))
    for first in range(0, passengers, BATCH):
        numbers = range(first, min(passengers, first + BATCH))
        database.seat(CLIENT, [_passenger(number) for number in numbers])


def _passenger(number: int) -> QueueEntry:
    made = entry(
        str(number),
        client_passenger=f"route{number % ROUTES}",
        attachments=[Attachment.text("order.txt", f"order {number} ".ljust(1024, "x"))],
        pulled_at=now(),
    )
    return completed(made)


async def _watched(ticket: DispatcherTicket, data: Path, seconds: float) -> Cost:
    dispatcher = Dispatcher(ticket)
    await dispatcher.start()
    await _settled()
    before, written = dict(_files(data)), _bytes_written()
    cpu, begun = time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    cpu, spent, written_then = time.process_time() - cpu, time.monotonic() - begun, _bytes_written()
    assert not dispatcher.running
    after = dict(_files(data))
    await dispatcher.shut_down()
    changed = [name for name in before.keys() | after.keys() if before.get(name) != after.get(name)]
    grown = None if written is None or written_then is None else written_then - written
    return Cost(spent, cpu, grown, changed)


async def _settled() -> None:
    """Wait until nothing more is written, once at least."""
    written = -1
    while written != (written := _bytes_written()):  # noqa: ASYNC110 - the process itself does not tell
        await asyncio.sleep(SETTLED_SECONDS)


def _files(folder: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    for path in folder.rglob("*"):
        status = path.stat()
        yield str(path.relative_to(folder)), (status.st_size, status.st_mtime_ns)


def _bytes_written() -> int | None:
    """By this process, into files, pipes and sockets."""
    try:
        lines = Path("/proc/self/io").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


if __name__ == "__main__":
    main()
