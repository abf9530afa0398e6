"""What the storage benchmark compares with: the same rows in the same tables, by the sqlite3 module alone.

It does what a program written by hand would have to: look whether a passenger is, or was, there before it is seated,
and change only what changes. Rows are made before the clock runs; what it costs to make them of the passengers is
measured apart.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Iterable, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import orjson

from databus_core.model.identity import new_id
from databus_core.model.log import LogEntry
from databus_core.model.queue_entry import QueueEntry

MICROSECONDS_OF_DAY = 24 * 60 * 60 * 1_000_000
SIZE = 1700
"""About what a passenger takes, whose bytes the engine adds up."""

PRAGMAS = {
    "busy_timeout": 10_000,
    "cache_size": -64 * 1024,
    "temp_store": "MEMORY",
    "journal_mode": "WAL",
    "synchronous": "FULL",
    "wal_autocheckpoint": 4096,
    "journal_size_limit": 64 << 20,
}
"""Those of the engine's connection that writes."""

HAD = """SELECT seat FROM queue_entry WHERE client_id = 1 AND seat IN ({0})
UNION ALL SELECT seat FROM purged_seat WHERE client_id = 1 AND seat IN ({0})"""
INSERT_ENTRY = """INSERT INTO queue_entry (
    id, client_id, internal_id, seat, client_passenger, passenger_module, source_system, external_id, fingerprint,
    pulled_at, status, decision, failing, due_at, done_at, completed_at, notified, steps_done, steps_total, attempts,
    size, failing_step, error, properties, log_ids, unknown
) VALUES (?, 1, ?, ?, ?, ?, ?, ?, '', ?, ?, 0, ?, ?, ?, ?, ?, ?, 3, ?, ?, ?, ?, ?, ?, '')"""
INSERT_STEP = """INSERT INTO queue_step (
    queue_entry_id, position, kind, module, name, status, attempts, error, error_at, note, completed_at, next_attempt_at
) VALUES (?, ?, ?, ?, ?, ?, ?, '', NULL, '', ?, NULL)"""
INSERT_CONTENT = "INSERT INTO content (id, size, hash, data) VALUES (?, ?, NULL, ?)"
INSERT_ATTACHMENT = "INSERT INTO attachment (queue_entry_id, position, name, format, content_id) VALUES (?, 0, ?, 0, ?)"
CHANGE_STEP = (
    "UPDATE queue_step SET status = 1, attempts = 1, completed_at = ? WHERE queue_entry_id = ? AND position = ?"
)
NOTIFIED = "UPDATE queue_entry SET notified = 1, steps_done = 1, attempts = 1 WHERE id = ?"
PROCESSED = "UPDATE queue_entry SET steps_done = 2 WHERE id = ?"
PUSHED = """UPDATE queue_entry SET steps_done = 3, status = 1, due_at = NULL, done_at = ?, completed_at = ?
WHERE id = ?"""
TALLY = """INSERT INTO queue_tally (
    client_id, client_passenger, day, complete, incomplete, failing, complete_size, incomplete_size
) VALUES (1, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (client_id, client_passenger, day) DO UPDATE
SET complete = complete + excluded.complete, incomplete = incomplete + excluded.incomplete,
    complete_size = complete_size + excluded.complete_size,
    incomplete_size = incomplete_size + excluded.incomplete_size"""

INSERT_LINE = (
    "INSERT INTO log_entry (trip_log_id, position, at, log_module_id, type, message) VALUES (?, ?, ?, ?, ?, ?)"
)
LINES = """SELECT at, name, type, message FROM log_entry JOIN log_module ON log_module.id = log_module_id
WHERE trip_log_id = 1 AND position >= ? AND position < ? ORDER BY position"""


class Raw:
    """A file of SQLite, in which a database has made its tables."""

    def __init__(self, file: Path) -> None:
        self.connection = sqlite3.connect(file, isolation_level=None)
        for name, value in PRAGMAS.items():
            self.connection.execute(f"PRAGMA {name} = {value}")
        self._next = self.connection.execute("SELECT coalesce(max(id), 0) FROM queue_entry").fetchone()[0] + 1

    def close(self) -> None:
        """Bring everything into the file itself."""
        self.connection.close()

    # Queue ------------------------------------------------------------------------------------------------------

    def life(
        self,
        entries: Sequence[QueueEntry],
        watch: AbstractContextManager[object],
        making: AbstractContextManager[object],
    ) -> None:
        """The rows of passengers with two steps and an attachment. `making` is entered while rows are made of the
        passengers, `watch` while they are written."""
        with making:
            work = self._made(entries)
            seats = [_seat(entry) for entry in entries]
        with watch:
            for number, statements in enumerate(work):
                with self._transaction():
                    if number == 0:
                        had = HAD.format(", ".join("?" * len(seats)))
                        assert not self.connection.execute(had, seats * 2).fetchall()
                    for statement, rows in statements:
                        self.connection.executemany(statement, rows)

    def _made(self, entries: Sequence[QueueEntry]) -> list[list[tuple[str, Sequence[tuple[object, ...]]]]]:
        """For each commit, its statements with their rows."""
        keys = range(self._next, self._next + len(entries))
        self._next += len(entries)
        pairs = list(zip(keys, entries, strict=True))
        rows = [_row(key, entry) for key, entry in pairs]
        contents = [(key, 1024, entry.attachments[0].read_bytes()) for key, entry in pairs]
        attachments = [(key, entry.attachments[0].name, key) for key, entry in pairs]
        steps = [
            (key, number, number, step.module, step.name, 0, 0, None)
            for key, entry in pairs
            for number, step in enumerate(entry.steps())
        ]
        at = _stored(entries[0].pulled_at)
        finished = [[(at, key, number) for key in keys] for number in range(3)]
        only_keys = [(key,) for key in keys]
        ends = [(at, at, key) for key in keys]
        name, day, count = entries[0].client_passenger, at // MICROSECONDS_OF_DAY, len(entries)
        size = count * SIZE
        return [
            [
                (INSERT_CONTENT, contents),
                (INSERT_ENTRY, rows),
                (INSERT_STEP, steps),
                (INSERT_ATTACHMENT, attachments),
                (TALLY, [(name, day, 0, count, 0, 0, size)]),
            ],
            [(NOTIFIED, only_keys), (CHANGE_STEP, finished[0])],
            [(PROCESSED, only_keys), (CHANGE_STEP, finished[1])],
            [(PUSHED, ends), (CHANGE_STEP, finished[2]), (TALLY, [(name, day, count, -count, 0, size, -size)])],
        ]

    @contextmanager
    def _transaction(self) -> Generator[None]:
        self.connection.execute("BEGIN IMMEDIATE")
        yield
        self.connection.execute("COMMIT")

    def fill(self, count: int, *, open_ones: int, until: datetime, days: int, names: Sequence[str]) -> None:
        """Passengers pulled in the days until then, all complete but so many, of which every second one fails.

        Where so many are, they were indexed for the search long ago: that does not begin now, beside what is measured.
        """
        run, many = self.connection.execute, self.connection.executemany
        run("PRAGMA synchronous = OFF")
        last, apart = _stored(until), days * MICROSECONDS_OF_DAY // max(count, 1)
        every = max(count // open_ones, 1) if open_ones else 0
        tally: dict[tuple[str, int], list[int]] = {}
        for begin in range(1, count + 1, 10_000):
            keys = range(begin, min(begin + 10_000, count + 1))
            rows: list[tuple[object, ...]] = []
            steps: list[tuple[object, ...]] = []
            for key in keys:
                name, at = names[key % len(names)], last - (count - key) * apart
                is_open = bool(every) and key % every == 0
                failing = is_open and key // every % 2 == 0
                numbers = tally.setdefault((name, at // MICROSECONDS_OF_DAY), [0, 0, 0, 0, 0])
                numbers[is_open] += 1
                numbers[2] += failing
                numbers[3 + is_open] += SIZE
                rows.append(_stored_row(key, name, at, is_open=is_open, failing=failing))
                steps += (
                    (key, number, number, module, module, done, 1, at if done else None)
                    for number, module, done in (
                        (0, "plugins.shop", 1), (1, "plugins.check", 1), (2, "plugins.deliver", int(not is_open))
                    )
                )  # fmt: skip
            run("BEGIN")
            many(INSERT_CONTENT, ((key, 1024, b"x" * 1024) for key in keys))
            many(INSERT_ENTRY, rows)
            many(INSERT_STEP, steps)
            many(INSERT_ATTACHMENT, ((key, "order.txt", key) for key in keys))
            run("COMMIT")
        many(TALLY, ((name, day, *numbers) for (name, day), numbers in tally.items()))
        run("UPDATE search_progress SET indexed_until = ?", (count,))
        self._next = count + 1
        run("PRAGMA synchronous = FULL")

    # Logs -------------------------------------------------------------------------------------------------------

    def begin_log(self, modules: Iterable[str]) -> None:
        """The log that lines are written to, number 1."""
        self.connection.executemany("INSERT INTO log_module (id, name) VALUES (?, ?)", enumerate(modules, 1))
        self.connection.execute(
            "INSERT INTO trip_log VALUES (1, 1, ?, 'orders', ?, NULL, 0, 0, 0)", (new_id(), _stored(datetime.now(UTC)))
        )

    def write(
        self,
        position: int,
        entries: Sequence[LogEntry],
        modules: Sequence[str],
        watch: AbstractContextManager[object],
    ) -> None:
        """Lines from that position on, in one commit; `watch` is entered when they are made ready."""
        lines = [
            (1, number, _stored(entry.at), modules.index(entry.module) + 1, 0, entry.message)
            for number, entry in enumerate(entries, position)
        ]
        with watch, self._transaction():
            self.connection.executemany(INSERT_LINE, lines)
            self.connection.execute("UPDATE trip_log SET length = ? WHERE id = 1", (position + len(lines),))

    def read(self, position: int, count: int) -> int:
        """That many lines; answers how many there were."""
        return len(self.connection.execute(LINES, (position, position + count)).fetchall())


def _stored(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _seat(entry: QueueEntry) -> str:
    return f"{entry.source_system}\n{entry.external_id}"


def _row(key: int, entry: QueueEntry) -> tuple[object, ...]:
    return (
        key, entry.internal_id, _seat(entry), entry.client_passenger,
        entry.passenger_module, entry.source_system, entry.external_id, at := _stored(entry.pulled_at), 0, 0, at,
        None, None, 0, 0, 0, SIZE, "", "",
        orjson.dumps(entry.properties).decode(), orjson.dumps(entry.log_ids).decode(),
    )  # fmt: skip


def _stored_row(key: int, name: str, at: int, *, is_open: bool, failing: bool) -> tuple[object, ...]:
    external_id, milliseconds = f"order-{key:08}", at // 1000
    internal_id = f"{milliseconds >> 16:08x}-{milliseconds & 0xFFFF:04x}-7000-8000-{key:012x}"
    done_at = None if is_open else at
    return (
        key, internal_id, f"shop\n{external_id}", name, "plugins.order", "shop", external_id, at, int(not is_open),
        int(failing), at if is_open else None, done_at, done_at, 1, 2 if is_open else 3, 1, SIZE,
        "plugins.deliver" if failing else "",
        "The target does not answer" if failing else "", '{"origin":"order.xml"}', f'["{internal_id}"]',
    )  # fmt: skip
