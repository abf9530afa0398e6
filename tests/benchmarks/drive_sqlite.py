"""Passengers per second through whole trips on SQLite: beside the sqlite3 module, on a full database, several at once.

Also how long the log of a trip is, and what writing it costs.

One 1 KB attachment, one processor, one pusher, durability FULL. Each push committed by itself is compared with one
commit per operation (seated, notified, processed, pushed), grouped outcomes with 500 passengers per commit. What is
compared works in turn, a round each; of several rounds the best counts.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from unittest.mock import patch

from databus_core import Attachment, Dispatcher
from databus_core.engine.trip import LogWriter
from databus_core.garbage import collect_seldom
from databus_core.model.client import ROOT
from databus_core.model.log import Log, LogEntry
from tests.benchmarks.raw import Raw
from tests.benchmarks.storage import Stopwatch
from tests.benchmarks.trips import FILE, ROUTES, TEXT, Source, made, rate, started, trips
from tests.support.entries import entry

GROUP = 500
PARTS = ("raw", "stored", "several", "log")


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
    made(folder / "raw").close()
    raw = Raw(folder / "raw" / FILE)
    dispatcher = await started(folder, mode)
    best_raw = best = 0.0
    for number in range(rounds):
        best_raw = max(best_raw, _raw_rate(raw, number, min(count, 2000) if group == 1 else count, group))
        best = max(best, await rate(dispatcher, count))
    counts = await dispatcher.read(lambda storage: storage.database.queue_counts(ROOT))
    assert counts[ROUTES[0]].complete == count * rounds
    await dispatcher.shut_down()
    raw.close()
    print(f"{mode:>10} {best_raw:8.0f} {best:10.0f} {best / best_raw:7.2f}")


async def _beside_stored(folder: Path, count: int, rounds: int, stored: int) -> None:
    """The same trips on an empty database, and on one in which the same client passenger has very many."""
    dispatchers: list[Dispatcher] = []
    for name, number in (("empty", 0), ("full", stored)):
        dispatchers.append(await started(folder / name, "grouped", stored=number))
    rates = [0.0, 0.0]
    for _ in range(rounds):
        for number, dispatcher in enumerate(dispatchers):
            rates[number] = max(rates[number], await rate(dispatcher, count))
    for dispatcher in dispatchers:
        await dispatcher.shut_down()
    _print(f"{0:,}", rates[0], 1)
    _print(f"{stored:,}", rates[1], rates[1] / rates[0])


async def _several_at_once(folder: Path, count: int, rounds: int) -> None:
    """One client passenger with all passengers, then four with a quarter each, for each way to commit."""
    for mode in ("each", "grouped"):
        dispatcher = await started(folder / mode, mode)
        alone = together = 0.0
        for _ in range(rounds):
            alone = max(alone, await rate(dispatcher, count))
            together = max(together, await rate(dispatcher, count, ROUTES))
        await dispatcher.shut_down()
        _print(f"1 {mode}", alone, 1)
        _print(f"{len(ROUTES)} {mode}", together, together / alone)


async def _log(folder: Path, count: int, rounds: int) -> None:
    """How many lines a trip writes, and which part of its time its thread spends with writing them."""
    dispatcher = await started(folder, "grouped")
    parts: list[float] = []
    write, watch, lines = LogWriter.__call__, Stopwatch(), 0

    def watched(writer: LogWriter, log: Log, line: LogEntry) -> None:
        with watch:
            write(writer, log, line)

    with patch.object(LogWriter, "__call__", watched):
        for _ in range(rounds):
            watch.spent, begun = 0.0, time.perf_counter()
            [log] = await trips(dispatcher, count, ROUTES[:1])
            parts.append(watch.spent / (time.perf_counter() - begun))
            lines = log.length
    await dispatcher.shut_down()
    print(f"{lines / count:.2f} lines of a passenger; writing them takes {min(parts):.1%} of a trip")


def _print(name: str, rate: float, ratio: float) -> None:
    print(f"{name:>10} {rate:13.0f} {ratio:9.2f}")


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
