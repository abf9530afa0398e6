"""The SQL engine on a file of SQLite, beside the sqlite3 module with the same rows, commits and pragmas.

Both work in turn, batch by batch, so that whatever else the machine does costs both; of several rounds the best counts.
Garbage is collected between rounds, as timeit does it, and as the desktop app leaves it to the window's thread.
"""

from __future__ import annotations

import argparse
import gc
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from databus_core.database.sql import Sql
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.clock import now
from databus_core.model.holder import Holder
from databus_core.model.identity import new_id
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.query import Query, QueueOrder, QueueRow
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind
from databus_core.plugins.database import DatabaseContext
from tests.benchmarks.raw import Raw

BATCH = 500
"""Passengers of a commit."""
LINES = 1000
"""Log lines of a commit, and of a page that is read."""
OPEN_ONES = 100
"""Passengers that wait beside the completed ones."""
PAGE = 200
DAYS = 730
"""Over which the completed passengers were pulled."""
NAMES = ("orders", "invoices", "reminders")
MODULES = ("databus", "plugins.shop", "plugins.deliver")
PARTS = ("life", "pages", "logs")


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description="The SQL engine beside the sqlite3 module")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"what to measure: {', '.join(PARTS)} (all)")
    parser.add_argument("--quick", action="store_true", help="small sizes, to see whether it runs")
    parser.add_argument("--rounds", type=int, default=5, help="of which the best counts (5)")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    arguments = parser.parse_args()
    chosen: list[str] = arguments.parts
    parent: Path | None = arguments.folder
    parts = set(chosen or PARTS)
    if unknown := parts.difference(PARTS):
        parser.error(f"there is no part {', '.join(unknown)}")
    sizes, lines = ((0, 1000, 10_000), 20_000) if arguments.quick else ((0, 100_000, 1_000_000), 1_000_000)
    folder = Path(tempfile.mkdtemp(dir=parent))
    gc.disable()
    try:
        if parts & {"life", "pages"}:
            stores = [_Pair.filled(folder / str(size), size) for size in sizes]
            if "life" in parts:
                lives(stores, arguments.rounds)
            if "pages" in parts:
                pages(stores[-1].database, stores[-1].stored)
            for store in stores:
                store.close()
        if "logs" in parts:
            logs(folder / "logs", lines)
    finally:
        shutil.rmtree(folder)


class Stopwatch:
    """Runs while it is entered."""

    def __init__(self) -> None:
        self.best = 0.0
        """The most that were done in a second of a round."""
        self.spent = 0.0
        """Seconds of the present round."""
        self._begun = 0.0

    def __enter__(self) -> None:
        self._begun = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self.spent += time.perf_counter() - self._begun

    def lap(self, done: int) -> None:
        """A round is over, in which so many were done."""
        self.best = max(self.best, done / self.spent)
        self.spent = 0.0


@dataclass
class _Pair:
    """The engine and the sqlite3 module, each with a file of its own, in which the same is stored."""

    stored: int
    database: Sql
    raw: Raw
    engine: Stopwatch = field(default_factory=Stopwatch)
    by_hand: Stopwatch = field(default_factory=Stopwatch)
    making: Stopwatch = field(default_factory=Stopwatch)

    @classmethod
    def filled(cls, folder: Path, stored: int) -> _Pair:
        """Both, with so many completed passengers."""
        folder.mkdir()
        made = opened(folder)
        made.close()
        raw = Raw(folder / "queue.sqlite")
        raw.fill(stored or OPEN_ONES, open_ones=OPEN_ONES, until=now(), days=DAYS, names=NAMES)
        raw.close()
        shutil.copy(folder / "queue.sqlite", folder / "raw.sqlite")
        return cls(stored, opened(folder), Raw(folder / "raw.sqlite"))

    def close(self) -> None:
        self.database.close()
        self.raw.close()


def opened(folder: Path) -> Sql:
    """A database in the file queue.sqlite of that folder."""
    database = Sql(DatabaseContext(folder=folder, arguments={"url": "sqlite:///queue.sqlite"}))
    database.open(Holder("benchmark"))
    return database


# Passengers -----------------------------------------------------------------------------------------------------------


def lives(pairs: list[_Pair], rounds: int, batches: int = 10) -> None:
    """Passengers a second through their whole life."""
    for _ in range(rounds):
        for _ in range(batches):
            for pair in pairs:
                engine_life(pair.database, passengers(), pair.engine)
                pair.raw.life(passengers(), pair.by_hand, pair.making)
        for pair in pairs:
            pair.engine.lap(batches * BATCH)
            pair.by_hand.lap(batches * BATCH)
            pair.making.lap(batches * BATCH)
        gc.collect()
    empty, raw_empty = pairs[0].engine.best, pairs[0].by_hand.best
    print("Passengers a second, seated, notified, processed and pushed, 500 in a commit")
    print("(raw has its rows ready; in the column behind, it makes them of the passengers, as the engine does)")
    print(
        f"{'stored':>10} {'raw/s':>8} {'engine/s':>9} {'of raw':>7} {'of raw making':>14} "
        f"{'of empty':>9} {'raw of empty':>13} {'open ms':>8}"
    )
    for pair in pairs:
        engine, raw = pair.engine.best, pair.by_hand.best
        made = 1 / (1 / raw + 1 / pair.making.best)
        open_ms = milliseconds(lambda pair=pair: pair.database.open_ids(ROOT, NAMES[0]))
        print(
            f"{pair.stored:10,} {raw:8.0f} {engine:9.0f} {engine / raw:7.2f} {engine / made:14.2f} "
            f"{engine / empty:9.2f} {raw / raw_empty:13.2f} {open_ms:8.2f}"
        )
    print()


def passengers() -> list[QueueEntry]:
    """A batch that was pulled now: 1 KB attachment, a processor, a pusher."""
    moment, log_id = now(), new_id()
    return [
        QueueEntry(
            client_passenger="orders",
            passenger_module="plugins.order",
            external_id=f"order-{new_id()}",
            source_system="shop",
            internal_id=new_id(),
            notification=Step(StepKind.NOTIFICATION, "plugins.shop"),
            processors=[Step(StepKind.PROCESSOR, "plugins.check")],
            pushers=[Step(StepKind.PUSHER, "plugins.deliver")],
            attachments=[Attachment.text("order.txt", "x" * 1024)],
            properties={"origin": "order.xml"},
            log_ids=[log_id],
            pulled_at=moment,
        )
        for _ in range(BATCH)
    ]


def engine_life(database: Sql, entries: list[QueueEntry], watch: Stopwatch) -> None:
    """The whole life of a batch."""
    with watch:
        assert all(database.seat(ROOT, entries))
    for number in range(3):
        for entry in entries:
            step = (entry.notification, *entry.processors, *entry.pushers)[number]
            step.attempts += 1
            step.finish()
        with watch:
            database.update(ROOT, entries)


# Pages ----------------------------------------------------------------------------------------------------------------


def pages(database: Sql, stored: int) -> None:
    """Milliseconds that one page of the queue takes, with its total."""
    until = now() - timedelta(days=100, hours=5)
    span = {"pulled_from": until - timedelta(days=90), "pulled_until": until}
    complete, waiting = QueueStatus.COMPLETE, QueueStatus.INCOMPLETE
    behind = _row_at(database, 0), _row_at(database, stored // 2)
    queries = {
        "newest": _query(),
        "next page": _query(after=behind[0]),
        "page behind half of them": _query(after=behind[1]),
        "oldest": _query(descending=False),
        "complete, 90 days": _query(status=complete, **span),
        "complete, 90 days, next page": _query(status=complete, **span, after=_row_at(database, 0, **span)),
        "waiting, 90 days": _query(status=waiting, **span),
        "failing": _query(has_error=True),
        "sorted by status": _query(order=QueueOrder.STATUS, descending=False),
        "sorted by status, next page": _query(order=QueueOrder.STATUS, descending=False, after=behind[0]),
        "sorted by external id": _query(order=QueueOrder.EXTERNAL_ID, descending=False),
        "sorted by external id, next page": _query(order=QueueOrder.EXTERNAL_ID, descending=False, after=behind[1]),
        "sorted by source system": _query(order=QueueOrder.SOURCE_SYSTEM),
        "sorted by source system, next page": _query(order=QueueOrder.SOURCE_SYSTEM, after=behind[1]),
        "sorted by client passenger": _query(order=QueueOrder.CLIENT_PASSENGER),
        "one client passenger": _query(client_passenger="orders"),
        "one client passenger, complete, 90 days": _query(client_passenger="orders", status=complete, **span),
        "one client passenger, waiting": _query(client_passenger="orders", status=waiting),
    }
    print(f"Milliseconds for a page of {PAGE} and its total, {stored:,} stored")
    for name, query in queries.items():
        print(f"{name:>40} {milliseconds(lambda query=query: database.queue_rows(query)):8.2f}")
    print(f"{'counts':>40} {milliseconds(lambda: database.queue_counts(ROOT)):8.2f}")
    print()


def _query(**filters: Any) -> Query:
    return Query(client_id=ROOT, limit=PAGE, **filters)


def _row_at(database: Sql, offset: int, **filters: Any) -> QueueRow:
    query = Query(client_id=ROOT, offset=offset + PAGE - 1, limit=1, **filters)
    return database.queue_rows(query).rows[0]


def milliseconds(work: Callable[[], object], times: int = 21) -> float:
    """What it usually takes."""
    spent: list[float] = []
    for _ in range(times):
        begun = time.perf_counter()
        work()
        spent.append(time.perf_counter() - begun)
    return 1000 * statistics.median(spent)


# Logs -----------------------------------------------------------------------------------------------------------------


def logs(folder: Path, count: int) -> None:
    """Lines a second into one log and out of it, and what they take on disk."""
    folder.mkdir()
    opened(folder).close()
    shutil.copy(folder / "queue.sqlite", folder / "raw.sqlite")
    database, raw = opened(folder), Raw(folder / "raw.sqlite")
    raw.begin_log(MODULES)
    watches = engine_write, raw_write, engine_read, raw_read = [Stopwatch() for _ in range(4)]
    log, empty, letters = Log(ROOT, "orders"), (folder / "raw.sqlite").stat().st_size, 0
    laps = 10
    for begin in range(0, count, LINES):
        lines = _lines(begin)
        letters += sum(len(line.message) for line in lines)
        with engine_write:
            database.append_log(log, lines)
        raw.write(begin, lines, MODULES, raw_write)
        if (begin + LINES) % (count // laps) == 0:
            engine_write.lap(count // laps)
            raw_write.lap(count // laps)
    database.finish_log(log)
    for begin in range(0, count, LINES):
        with engine_read:
            rows = database.log_entries(ROOT, log.id, begin, LINES).rows
        with raw_read:
            found = raw.read(begin, LINES)
        assert len(rows) == found == LINES
        if (begin + LINES) % (count // laps) == 0:
            engine_read.lap(count // laps)
            raw_read.lap(count // laps)
    database.close()
    raw.close()
    size = ((folder / "queue.sqlite").stat().st_size - empty) / count
    print(f"Log lines a second, {count:,} in batches of {LINES}")
    print(f"{'':>10} {'raw/s':>9} {'engine/s':>9} {'of raw':>7}")
    for name, engine, by_hand in (("write", *watches[:2]), ("read", *watches[2:])):
        print(f"{name:>10} {by_hand.best:9.0f} {engine.best:9.0f} {engine.best / by_hand.best:7.2f}")
    print(f"{size:.1f} bytes a line on disk, of which {letters / count:.1f} are its message")


def _lines(begin: int) -> list[LogEntry]:
    moment = now()
    return [
        LogEntry(
            moment, MODULES[number % 3], MessageType.INFO, f"shop - order-{number:08} (order.xml): delivered to shelf"
        )
        for number in range(begin, begin + LINES)
    ]


if __name__ == "__main__":
    main()
