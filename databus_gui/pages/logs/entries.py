"""The entries of one log, page by page: what the database has, and what a running trip has said since."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseError
from databus_core.model.clock import format_time
from databus_core.model.log import LogEntry, MessageType
from databus_core.model.query import Rows
from databus_core.plugins.database import Database
from databus_gui.session import Session
from databus_gui.tables.model import PageRequest

CHUNK = 5_000
"""Entries that are read at once while a log is searched or copied."""
MATCHES_KEPT = 100_000
"""A filter shows so many entries of a log at most."""


@dataclass(frozen=True, slots=True)
class ShownEntry:
    """An entry and its place in the log, from 0."""

    number: int
    entry: LogEntry


@dataclass(slots=True)
class EntryFilter:
    """Which entries are looked for."""

    least: MessageType | None = None
    text: str = ""

    @property
    def narrow(self) -> bool:
        """Whether it leaves anything out."""
        return self.least is not None or bool(self.text)

    def matches(self, entry: LogEntry) -> bool:
        """Whether the entry is looked for."""
        if self.least is not None and entry.type.severity < self.least.severity:
            return False
        text = self.text.casefold()
        return text in entry.message.casefold() or text in entry.module.casefold()


@dataclass(slots=True)
class Entries:
    """One log's entries through a filter. An object serves one log and one filter; another choice is another object."""

    session: Session
    client_id: str
    log_id: str
    filter: EntryFilter
    heard: list[LogEntry] = field(default_factory=list[LogEntry])
    """What the running trip said since the log is shown; the database gets its lines in bunches."""
    _stored_until: datetime | None = None
    _matches: list[ShownEntry] = field(default_factory=list[ShownEntry])
    _searched: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def cut(self) -> bool:
        """Whether there may be more matches than are shown."""
        return len(self._matches) >= MATCHES_KEPT

    def hear(self, entries: Sequence[LogEntry]) -> None:
        """The running trip said this; what the database has by now is forgotten."""
        until = self._stored_until
        self.heard = [*(entry for entry in self.heard if until is None or entry.at > until), *entries]

    async def fetch(self, request: PageRequest) -> Rows[ShownEntry]:
        """One page of what matches. Raises DatabaseError."""
        if not self.filter.narrow:
            return await self.session.read(lambda storage: self._page(storage, request.offset, request.limit))
        async with self._turn:
            unstored = await self.session.read(self._search)
        found = [*self._matches, *(shown for shown in unstored if self.filter.matches(shown.entry))]
        return Rows(found[request.offset : request.offset + request.limit], len(found))

    def _page(self, storage: Storage, offset: int, limit: int) -> Rows[ShownEntry]:
        stored = storage.database.log_entries(self.client_id, self.log_id, offset, limit)
        rows = [ShownEntry(offset + place, entry) for place, entry in enumerate(stored.rows)]
        unstored = self._unstored(storage.database, stored.total)
        rows += unstored[max(0, offset + len(rows) - stored.total) : max(0, offset + limit - stored.total)]
        return Rows(rows, stored.total + len(unstored))

    def _unstored(self, database: Database, total: int) -> list[ShownEntry]:
        """What was heard after the last entry that the database has."""
        heard = self.heard
        if heard and total:
            last = database.log_entries(self.client_id, self.log_id, total - 1, 1).rows
            self._stored_until = until = last[-1].at if last else None
            heard = [entry for entry in heard if until is None or entry.at > until]
        return [ShownEntry(total + place, entry) for place, entry in enumerate(heard)]

    def _search(self, storage: Storage) -> list[ShownEntry]:
        """Look through what the database has new; answers what it has not yet."""
        while not self.cut:
            rows = storage.database.log_entries(self.client_id, self.log_id, self._searched, CHUNK)
            for entry in rows.rows:
                if self.filter.matches(entry):
                    self._matches.append(ShownEntry(self._searched, entry))
                self._searched += 1
            if not rows.rows or self._searched >= rows.total:
                return self._unstored(storage.database, rows.total)
        return []

    async def save(self, file: Path) -> None:
        """Write every entry of the log to a text file, whatever the filter. Raises DatabaseError."""
        await self.session.read(lambda storage: _write(storage.database, self.client_id, self.log_id, file))


def line_of(entry: LogEntry) -> str:
    """The entry as a line of a log file."""
    return f"[{format_time(entry.at)}][{entry.module}][{entry.type}] {entry.message}"


def _all(database: Database, client_id: str, log_id: str) -> Iterator[LogEntry]:
    offset = 0
    while rows := database.log_entries(client_id, log_id, offset, CHUNK).rows:
        yield from rows
        offset += len(rows)


def _write(database: Database, client_id: str, log_id: str, file: Path) -> None:
    """What is there of a copy that failed does not take the file's place."""
    part = file.with_name(file.name + ".part")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as target:
            target.writelines(line_of(entry) + "\n" for entry in _all(database, client_id, log_id))
        part.replace(file)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise DatabaseError(f"The log cannot be saved as {file}: {error}") from error
