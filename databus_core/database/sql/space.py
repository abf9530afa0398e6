"""How much space client passengers take: kept up to date in the transactions that change it.

Each entry has its size. What equal attachments have in common is stored once, and counts for the passenger with the
lowest key among those that have it: sums are what is really stored, and when that passenger goes, the next one takes
it over. The index of a search is not counted, and neither is what a database needs for its own order.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import Connection, bindparam, func, insert, select, update

from databus_core.database.sql.codec import MICROSECONDS_OF_DAY, EntryFacts, StepFacts
from databus_core.database.sql.statement import Statement
from databus_core.database.sql.store import Store, fetched, in_bunches
from databus_core.model.space import Space

BYTES_OF_ENTRY, BYTES_OF_STEP, BYTES_OF_CONTENT = 400, 50, 60
"""About what the rows of one take, with their part of the indexes."""
BYTES_OF_LINE, BYTES_OF_LOG = 24, 150
"""About what a line of a log takes beside its message, and a log beside its lines."""

Owners: TypeAlias = "dict[int, tuple[int, int]]"
"""By content: the key of the entry that it counts for, and its bytes."""


def rows_size(facts: EntryFacts, steps: Collection[StepFacts]) -> int:
    """Bytes of an entry without its attachments."""
    return BYTES_OF_ENTRY + BYTES_OF_STEP * len(steps) + len(facts[3]) + len(facts[5])


def content_size(length: int) -> int:
    """Bytes that a content of that length takes."""
    return BYTES_OF_CONTENT + length


def log_size(length: int, characters: int, *, begun: bool = True) -> int:
    """Bytes of a log with so many lines, whose messages have so many characters; of lines alone if it has not `begun`
    with them."""
    return (BYTES_OF_LOG if begun else 0) + BYTES_OF_LINE * length + characters


@dataclass(frozen=True, slots=True)
class Shift:
    """By how much the size of an entry changed because of what others have."""

    client_id: int
    internal_id: str
    client_passenger: str
    day: int
    status: int
    size: int


class EntrySpace:
    """Which entry a content counts for."""

    def __init__(self, store: Store) -> None:
        self._entry, self._content = store.tables.entry, store.tables.content
        attachment, content = store.tables.attachment.c, self._content.c
        self._owner = (
            select(attachment.queue_entry_id)
            .where(attachment.content_id == content.id)
            .order_by(attachment.queue_entry_id)
            .limit(1)
            .correlate(self._content)
            .scalar_subquery()
        )

    def owners(self, connection: Connection, content_ids: Iterable[int]) -> Owners:
        """Of those contents, the ones that some entry has."""
        owners: Owners = {}
        content = self._content.c
        for some in in_bunches(sorted(content_ids)):
            query = select(content.id, self._owner, content.size).where(content.id.in_(some))
            for content_id, key, size in fetched(connection, query):
                if key is not None:
                    owners[content_id] = key, content_size(size)
        return owners

    def shift(self, connection: Connection, differences: Mapping[int, int]) -> list[Shift]:
        """Add bytes, or take them away, by key of the entry; those that are not there are left out."""
        shifts: list[Shift] = []
        entry = self._entry.c
        for some in in_bunches([key for key, difference in differences.items() if difference]):
            query = select(
                entry.id, entry.client_id, entry.internal_id, entry.client_passenger, entry.pulled_at, entry.status
            ).where(entry.id.in_(some))
            for key, client_id, internal_id, name, pulled_at, status in fetched(connection, query):
                size = differences[key]
                connection.execute(update(self._entry).where(entry.id == key).values(size=entry.size + size))
                shifts.append(Shift(client_id, internal_id, name, pulled_at // MICROSECONDS_OF_DAY, status, size))
        return shifts


def moved(before: Owners, after: Owners) -> Counter[int]:
    """By how much the size of each entry changed."""
    differences: Counter[int] = Counter()
    for key, size in before.values():
        differences[key] -= size
    for key, size in after.values():
        differences[key] += size
    return differences


def inherited(removed: Mapping[int, int], owners: Owners) -> Counter[int]:
    """The same when entries are gone with their sizes. `removed`: by content, the lowest key of those that had it."""
    differences: Counter[int] = Counter()
    for content_id, (key, size) in owners.items():
        if removed[content_id] < key:
            differences[key] += size
    return differences


class LogTally:
    """How many logs each client passenger has, and their bytes."""

    def __init__(self, store: Store) -> None:
        self._table = table = store.tables.log_tally
        self._log = store.tables.log
        self._present: set[tuple[int, str]] = set()
        """Those that have a row."""
        add = (
            update(table)
            .where(table.c.client_id == bindparam("client"), table.c.client_passenger == bindparam("name"))
            .values(logs=table.c.logs + bindparam("more_logs"), size=table.c.size + bindparam("more_size"))
        )
        self._add = Statement(add, ("more_logs", "more_size", "client", "name"), store.dialect)

    def forget(self) -> None:
        """What was written last was undone: read it anew."""
        self._present.clear()

    def add(self, connection: Connection, client_id: int, name: str, logs: int, size: int) -> None:
        """So many more logs, and bytes."""
        if (client_id, name) not in self._present:
            table = self._table
            key = (table.c.client_id == client_id, table.c.client_passenger == name)
            if connection.execute(select(table.c.logs).where(*key)).first() is None:
                row = {"client_id": client_id, "client_passenger": name, "logs": 0, "size": 0}
                connection.execute(insert(table), row)
            self._present.add((client_id, name))
        self._add.run(connection, [(logs, size, client_id, name)])

    def take_away(self, connection: Connection, keys: Collection[int]) -> None:
        """These logs are about to be deleted."""
        log = self._log.c
        sums = (
            select(log.client_id, log.client_passenger, func.count(), func.sum(log.length), func.sum(log.size))
            .where(log.id.in_(keys))
            .group_by(log.client_id, log.client_passenger)
        )
        for client_id, name, logs, length, characters in fetched(connection, sums):
            size = logs * BYTES_OF_LOG + int(length) * BYTES_OF_LINE + int(characters)
            self.add(connection, client_id, name, -logs, -size)


class SpaceTaken:
    """The numbers as they are stored."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._tally, self._log_tally = store.tables.tally, store.tables.log_tally

    def of(self, client_id: int) -> dict[str, Space]:
        """See Database.space."""
        tally, logs = self._tally.c, self._log_tally.c
        queue = (
            select(tally.client_passenger, func.sum(tally.complete_size), func.sum(tally.incomplete_size))
            .where(tally.client_id == client_id)
            .group_by(tally.client_passenger)
        )
        of_logs = select(logs.client_passenger, logs.size).where(logs.client_id == client_id)
        sizes: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
        with self._store.reading() as connection:
            for name, complete, incomplete in fetched(connection, queue):
                sizes[name][:2] = int(complete), int(incomplete)
            for name, size in fetched(connection, of_logs):
                sizes[name][2] = int(size)
        return {name: Space(*numbers) for name, numbers in sizes.items() if any(numbers)}
