"""Search in an SQL database: how long a first page takes, how fast indexing is, and what it costs who seats.

Attachments have 1 KB of words, as frequent as words are in a language: the most frequent one is in nearly every
attachment, most are in a few. Each passenger also has a word of its own.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

from databus_core.database import sql
from databus_core.database.sql.indexer import GATHER_SECONDS
from databus_core.model.attachment import Attachment
from databus_core.model.client import ROOT
from databus_core.model.query import Query
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.plugins.database import Database
from tests.benchmarks.pairs import compare
from tests.support.engines import MARIADB, POSTGRESQL, SQLITE, Engine
from tests.support.entries import entry, minutes
from tests.support.servers import WANTED

MANY, QUICK = 500_000, 20_000
PER_SEATING = 500
PER_TURN = 10_000
PAIRS = 25
WORDS = 140
VOCABULARY = 50_000
ROUNDS = 5
ENGINES = (SQLITE, POSTGRESQL, MARIADB)


class NoIndexer:
    """Lets everything wait."""

    def __init__(self, *parts: object) -> None:
        pass

    def close(self) -> None:
        pass


class Language:
    """Makes texts."""

    def __init__(self) -> None:
        self._random = random.Random(20_260_310)
        letters = "abcdefghijklmnopqrstuvwxyzäöü"
        self.words = ["".join(self._random.choices(letters, k=self._random.randint(3, 10))) for _ in range(VOCABULARY)]
        weights = list(itertools.accumulate(1 / (rank + 5) for rank in range(VOCABULARY)))
        self._texts = [" ".join(self._random.choices(self.words, cum_weights=weights, k=WORDS)) for _ in range(20_000)]

    def text(self, number: int) -> str:
        """1 KB with the word of that number's own."""
        return f"order own{number}word {self._random.choice(self._texts)}"


def batches(language: Language, first: int, count: int) -> Iterator[list[QueueEntry]]:
    """Passengers, as many at once as a puller brings."""
    for begin in range(first, first + count, PER_SEATING):
        yield [
            entry(
                f"ORD-{number:07}",
                source_system="shop" if number % 10 else "mail",
                pulled_at=minutes(number / 100),
                attachments=[Attachment.text("order.txt", language.text(number))],
            )
            for number in range(begin, min(begin + PER_SEATING, first + count))
        ]


def seating_rate(database: Database, made: Sequence[list[QueueEntry]]) -> float:
    """Passengers a second."""
    begun = time.perf_counter()
    for some in made:
        database.seat(ROOT, some)
    return sum(map(len, made)) / (time.perf_counter() - begun)


def wait_until_indexed(database: Database, between: float = 0.05) -> None:
    """Until nothing waits."""
    while (progress := database.search_progress()).indexed < progress.total:
        time.sleep(between)


def slowed(engine: Engine, folder: Path, language: Language, pairs: int) -> None:
    """Seat with and without an indexer in turns, into one database: it has always something to do."""
    seated = 0

    def rate(indexing: bool) -> float:
        nonlocal seated
        made = list(batches(language, seated, PER_TURN))
        seated += PER_TURN
        with mock.patch.object(sql, "Indexer", sql.Indexer if indexing else NoIndexer):
            database = engine.opened(folder)
        for one in made[0]:  # the indexer gets to work, and finds that others do, too
            database.seat(ROOT, [one])
            time.sleep(2 * GATHER_SECONDS / PER_SEATING)
        rate = seating_rate(database, made[1:])
        database.close()
        return rate

    rate(True)  # what is done once only
    print(f"seating while indexing, of seating without it: {compare(rate, pairs)}")


def first_pages(database: Database, language: Language, count: int) -> None:
    """Time the first page of 200 for texts of every kind."""
    words = language.words
    queries: dict[str, dict[str, object]] = {
        "a word of one passenger": {"text": f"own{count // 2}word"},
        "an external id": {"text": f"ORD-{count // 2:07}"},
        "id, exactly": {"id": f"ORD-{count // 2:07}"},
        "a rare word": {"text": words[5000]},
        "a frequent word": {"text": words[20]},
        "a word of all": {"text": "order"},
        "the beginning of all, one letter": {"text": "o"},
        "two letters": {"text": words[0][:2]},
        "two frequent words": {"text": f"{words[0]} {words[1]}"},
        "a frequent and a rare one": {"text": f"{words[0]} {words[5000]}"},
        "a phrase": {"text": f'"{words[0]} {words[1]}"'},
        "nothing": {"text": "nosuchword"},
        "a word of all, of one source": {"text": "order", "source_system": "mail"},
        "a word of all, complete": {"text": "order", "status": QueueStatus.COMPLETE},
        "a word of all, some days": {
            "text": "order",
            "pulled_from": minutes(count / 400),
            "pulled_until": minutes(count / 200),
        },
        "a frequent word, oldest first": {"text": words[20], "descending": False},
    }
    print(f"\n{'first page of 200':36} {'ms':>8} {'found':>9}")
    for name, filters in queries.items():
        query = Query(client_id=ROOT, limit=200, **filters)  # type: ignore[arg-type]
        took: list[float] = []
        for _ in range(ROUNDS):
            begun = time.perf_counter()
            page = database.queue_rows(query)
            took.append(time.perf_counter() - begun)
        print(f"{name:36} {1000 * sorted(took)[ROUNDS // 2]:8.1f} {page.total:9}{'+' if page.more else ''}")


def size_of(folder: Path) -> int:
    """Bytes of SQLite's file; none where a server has the data."""
    file = folder / "data" / "databus.sqlite"
    return file.stat().st_size if file.exists() else 0


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} passengers instead of {MANY:,}")
    parser.add_argument("--folder", type=Path, help="where to work; a temporary folder unless given")
    parser.add_argument("--engine", choices=[str(engine) for engine in ENGINES], default=str(SQLITE))
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"of turns with and without indexing ({PAIRS})")
    arguments = parser.parse_args()
    os.environ[WANTED] = "1"
    engine = next(engine for engine in ENGINES if str(engine) == arguments.engine)
    count = QUICK if arguments.quick else MANY
    language = Language()
    folder = Path(tempfile.mkdtemp(dir=arguments.folder))
    try:
        slowed(engine, folder / "turns", language, arguments.pairs)
        with mock.patch.object(sql, "Indexer", NoIndexer):
            database = engine.opened(folder)
        for some in batches(language, 0, count):
            database.seat(ROOT, some)
        database.close()
        before = size_of(folder)
        database = engine.opened(folder)
        begun = time.perf_counter()
        wait_until_indexed(database, count / 100_000)
        took = time.perf_counter() - begun
        first_pages(database, language, count)
        database.close()
        size = size_of(folder) - before
        each = f", {size / count:,.0f} bytes each" if size else ""
        print(f"\nindexing {count:,} passengers: {count / took:,.0f}/s{each}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
