"""Passengers per second through a whole trip: one 1 KB attachment, one processor, one pusher, on the JSON database.

Each size is driven into an empty queue and beside as many completed passengers. The reference writes the same number
of files of the same sizes in the same layout, each synced and renamed as the database does, one after another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from databus_core import Dispatcher
from databus_core.engine.storage import Storage
from databus_core.files import sync_folder, write_durably
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueStatus
from tests.support.stage import Stage, ticket_with

T = TypeVar("T")

SIZES = (1000, 5000, 20000)
WRITES_PER_PASSENGER = 4
"""Of passenger.json: seated, notified, processed, pushed."""


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="numbers of passengers (1000 5000 20000)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    print(f"{'passengers':>10} {'raw files/s':>12} {'empty/s':>9} {'of raw':>7} {'beside/s':>9} {'of empty':>9}")
    for size in arguments.sizes:
        raw = _in_folder(arguments.folder, lambda folder, size=size: _raw_rate(folder, min(size, 1000)))
        empty, beside = _in_folder(arguments.folder, lambda folder, size=size: asyncio.run(_rates(folder, size)))
        print(f"{size:10} {raw:12.0f} {empty:9.0f} {empty / raw:7.2f} {beside:9.0f} {beside / empty:9.2f}")


def _in_folder(parent: Path | None, measure: Callable[[Path], T]) -> T:
    folder = Path(tempfile.mkdtemp(dir=parent))
    try:
        return measure(folder)
    finally:
        shutil.rmtree(folder)


async def _rates(folder: Path, size: int) -> tuple[float, float]:
    """Passengers a second into the empty queue, then of as many again beside those."""
    stage = Stage(text="x" * 1024)
    route = stage.client_passenger(processors=["only"], pushers=["only target"], queue_life_span=365)
    dispatcher = Dispatcher(ticket_with(folder, demo=[route]))
    await dispatcher.start(paused=True)
    rates: list[float] = []
    for round_ in range(2):
        stage.waiting = [f"{round_}-{number}" for number in range(size)]
        begun = time.perf_counter()
        log = await dispatcher.drive("demo", "orders")
        rates.append(size / (time.perf_counter() - begun))
        assert not log.has_errors
        assert await dispatcher.read(_completed) == size * (round_ + 1)
    await dispatcher.shut_down()
    return rates[0], rates[1]


def _completed(storage: Storage) -> int:
    return storage.database.queue_rows(Query(client_id="demo", status=QueueStatus.COMPLETE, limit=1)).total


def _raw_rate(folder: Path, size: int) -> float:
    document = json.dumps({"passenger": "x" * 1200}).encode()
    begun = time.perf_counter()
    for number in range(size):
        place = folder / str(number)
        (place / "attachments").mkdir(parents=True)
        write_durably(place / "attachments" / "order.txt", b"x" * 1024)
        for _ in range(WRITES_PER_PASSENGER):
            write_durably(place / "passenger.json", document)
        sync_folder(folder)
    return size / (time.perf_counter() - begun)


if __name__ == "__main__":
    main()
