"""One client's queue: its folders on disk, and the index of them in memory."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from databus_core.database.json_files.durable import Flusher
from databus_core.database.json_files.entry_files import EntryFiles
from databus_core.database.json_files.index import Indexed, QueueIndex
from databus_core.database.json_files.layout import ClientLayout, is_ignored
from databus_core.database.json_files.remembered import Remembered
from databus_core.errors import DamagedError, DatabaseError, NotFoundError
from databus_core.model.query import Query, QueueCounts, QueueRow, Rows
from databus_core.model.queue_entry import QueueEntry, QueueStatus
from databus_core.model.space import Space
from databus_core.plugins.database import DatabaseContext

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}(?<!\.)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class QueueFolder:
    """Safe to use from several threads; the lock is never held while a passenger is written."""

    def __init__(self, layout: ClientLayout, flusher: Flusher, context: DatabaseContext, *, writable: bool) -> None:
        self._files = EntryFiles(layout, flusher)
        self._context = context
        self._writable = writable
        self._changed = threading.Condition()
        self._arriving: set[tuple[str, str]] = set()
        """Passengers that some thread writes at the moment."""
        if writable:
            self._files.make_ready()
        self._tell_who_waits_for_repair()
        self._remembered = Remembered(layout.purged)
        self._index = QueueIndex(self._stored_entries())

    # Opening ----------------------------------------------------------------------------------------------------

    def _tell_who_waits_for_repair(self) -> None:
        """At each opening, until a person has dealt with them: who holds the data the number, others each one."""
        places = self._files.damaged()
        advice = (
            f"repair {self._files.file('').name} and move the folder back into {self._files.folder} while Databus does "
            f"not run, or remove it"
        )
        if not self._writable:
            for place in places:
                self._context.report(f"{place}: this passenger was set aside, its file could not be read; {advice}.")
        elif places:
            who = "1 passenger lies" if len(places) == 1 else f"{len(places)} passengers lie"
            self._context.report(f"{who} set aside in {places[0].parent}: {advice}.")

    def _stored_entries(self) -> Iterator[Indexed]:
        for item in self._files.names():
            if is_ignored(item.name):
                continue
            if not item.is_dir():
                self._context.remark(f"{self._files.folder / item.name} is no passenger's folder and is left alone.")
                continue
            try:
                yield self._indexed(self._files.read(item.name))
            except NotFoundError:
                continue  # removed by the holder, beside whom this process only reads
            except DamagedError as error:
                self._explain(item.name, error)

    def _indexed(self, entry: QueueEntry) -> Indexed:
        return Indexed.of(entry, self._files.size(entry))

    def _explain(self, internal_id: str, error: DamagedError) -> None:
        """Set a folder that cannot be read aside, and say so; somebody else's folder is left alone."""
        is_missing = isinstance(error.__cause__, (FileNotFoundError, NotADirectoryError))
        if is_missing and not _UUID.fullmatch(internal_id) and not self._files.looks_seated(internal_id):
            self._context.remark(f"{self._files.folder / internal_id} is no passenger's folder and is left alone.")
        else:
            self._context.report(self._set_aside(internal_id, error))

    def _set_aside(self, internal_id: str, error: DamagedError) -> str:
        if not self._writable:
            return f"{error} The passenger is left out."
        try:
            place = self._files.set_aside(internal_id)
        except OSError as problem:
            return f"{error} The passenger is left out; its folder could not be moved aside: {problem}."
        return (
            f"{error} The passenger was set aside, with its attachments, in {place}: once its file is repaired, "
            f"move the folder back while Databus does not run. Until then its source may offer it again as a new one."
        )

    # Seating ----------------------------------------------------------------------------------------------------

    def seat(self, entries: Sequence[QueueEntry]) -> list[bool]:
        """See Database.seat."""
        seated = [False] * len(entries)
        waiting = list(range(len(entries)))
        while waiting:
            mine, waiting = self._claim(entries, waiting)
            if mine:
                self._seat([entries[number] for number in mine])
                for number in mine:
                    seated[number] = True
            if waiting:
                # Only when the other thread's passenger is durable may this one be called seated before.
                keys = {_key(entries[number]) for number in waiting}
                with self._changed:
                    self._changed.wait_for(lambda keys=keys: not self._arriving & keys)
        return seated

    def _claim(self, entries: Sequence[QueueEntry], numbers: Iterable[int]) -> tuple[list[int], list[int]]:
        """Those of the entries that are new and now the caller's to write, and those that another thread writes."""
        mine: dict[tuple[str, str], int] = {}
        theirs: list[int] = []
        with self._changed:
            for number in numbers:
                key = _key(entries[number])
                if key in mine or self._index.id_of(*key) is not None or key in self._remembered:
                    continue
                if key in self._arriving:
                    theirs.append(number)
                else:
                    self._check_id(entries[number])
                    mine[key] = number
            self._arriving |= mine.keys()
        return list(mine.values()), theirs

    def _check_id(self, entry: QueueEntry) -> None:
        if not _ID.fullmatch(entry.internal_id):
            raise DatabaseError(f"Passenger {entry!s:.200} cannot be seated: its internal id can't be a folder's name.")
        if entry.internal_id in self._index:
            raise DatabaseError(f"Passenger {entry!s:.200} cannot be seated: another one has its internal id.")

    def _seat(self, entries: Sequence[QueueEntry]) -> None:
        try:
            self._files.seat(entries)
            indexed = [self._indexed(entry) for entry in entries]
            with self._changed:
                for each in indexed:
                    self._index.put(each)
        finally:
            with self._changed:
                self._arriving.difference_update(map(_key, entries))
                self._changed.notify_all()

    def known(self, source_system: str, external_id: str) -> str | None:
        """See Database.known."""
        with self._changed:
            internal_id = self._index.id_of(source_system, external_id)
            if internal_id is None and (source_system, external_id) in self._remembered:
                return ""
            return internal_id

    def differs(self, source_system: str, external_id: str, fingerprint: str) -> bool:
        """See Database.differs."""
        with self._changed:
            row = self._index.row(self._index.id_of(source_system, external_id) or "")
            had = row.fingerprint if row else self._remembered.fingerprint(source_system, external_id)
        return bool(had) and bool(fingerprint) and had != fingerprint

    # Changing ---------------------------------------------------------------------------------------------------

    def update(self, entries: Sequence[QueueEntry]) -> None:
        """See Database.update."""
        with self._changed:
            missing = [entry for entry in entries if entry.internal_id not in self._index]
        if missing:
            raise NotFoundError(f"Passenger {missing[0]!s:.200} is not in the queue.")
        try:
            self._files.update(entries)
        except BaseException:
            for entry in entries:
                with suppress(DatabaseError):
                    self._put(self._files.read(entry.internal_id))
            raise
        for entry in entries:
            self._put(entry)

    def _put(self, entry: QueueEntry) -> None:
        indexed = self._indexed(entry)
        with self._changed:
            if entry.internal_id in self._index:  # else it was removed meanwhile
                self._index.put(indexed)

    def remove(self, internal_ids: Iterable[str]) -> int:
        """See Database.remove."""
        with self._changed:
            rows = [row for internal_id in dict.fromkeys(internal_ids) if (row := self._index.row(internal_id))]
            if not rows:
                return 0
            self._remembered.add(rows)
        removed = self._files.remove([row.internal_id for row in rows])
        with self._changed:
            for row in rows:
                self._index.discard(row.internal_id)
        return len(removed)

    # Questions --------------------------------------------------------------------------------------------------

    def entry(self, internal_id: str) -> QueueEntry:
        """See Database.entry."""
        with self._changed:
            if internal_id not in self._index:
                raise NotFoundError(f"There is no passenger {internal_id!r:.200} in {self._files.folder}.")
        try:
            return self._files.read(internal_id)
        except DamagedError as error:
            with self._changed:
                self._index.discard(internal_id)
            message = self._set_aside(internal_id, error)
            self._context.report(message)
            raise DamagedError(message) from error

    def open_ids(self, client_passenger: str) -> list[str]:
        """See Database.open_ids."""
        with self._changed:
            return self._index.ids("passenger+status", client_passenger, QueueStatus.INCOMPLETE.value)

    def due_ids(self, client_passenger: str, moment: datetime | None) -> list[str]:
        """Internal ids in pull order of what a trip can do something for at that time; None: at any time."""
        with self._changed:
            return self._index.due_ids(client_passenger, moment)

    def next_attempt_at(self, client_passenger: str, after: datetime | None) -> datetime | None:
        """See Database.next_attempt_at."""
        with self._changed:
            return self._index.next_attempt_at(client_passenger, after)

    def rows(self, query: Query) -> Rows[QueueRow]:
        """See Database.queue_rows."""
        with self._changed:
            return self._index.page(query)

    def counts(self) -> dict[str, QueueCounts]:
        """See Database.queue_counts."""
        with self._changed:
            return self._index.counts()

    def completed_ids(self, client_passenger: str | None, before: datetime | None) -> list[str]:
        """See Database.completed_ids."""
        complete = QueueStatus.COMPLETE.value
        with self._changed:
            if before is None:
                by_name = ("passenger+status", client_passenger, complete) if client_passenger else None
                return self._index.ids(*(by_name or ("status", complete)))
            found = self._index.sizes.completed_before(client_passenger, before)
            rows = [row for internal_id in found if (row := self._index.row(internal_id))]
        return [row.internal_id for row in sorted(rows, key=lambda row: (row.pulled_at, row.internal_id))]

    def surplus_ids(self, client_passenger: str, count: int | None, size: int | None) -> list[str]:
        """See Database.surplus_ids."""
        with self._changed:
            return self._index.sizes.surplus(client_passenger, count, size)

    def space(self) -> dict[str, Space]:
        """See Database.space; without logs."""
        with self._changed:
            return self._index.sizes.space()


def _key(entry: QueueEntry) -> tuple[str, str]:
    return entry.source_system, entry.external_id
