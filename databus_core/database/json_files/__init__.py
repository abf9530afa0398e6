"""The JSON database: folders and files that people can read, on the layout of the first Databus.

layout.py says where everything lies, entry_files.py how a passenger is written, index.py what is kept in memory.
"""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from databus_core.database._shared.disk_watch import DiskWatch
from databus_core.database._shared.gate import Gate
from databus_core.database._shared.process_lock import ProcessLock
from databus_core.database.json_files.client_folder import ClientFolder
from databus_core.database.json_files.clients import Clients
from databus_core.database.json_files.layout import JsonFilesArguments
from databus_core.errors import ClosedError, DamagedError, DatabaseError, NotFoundError
from databus_core.files import make_folder
from databus_core.model.audit import AuditRecord
from databus_core.model.customizing import CustomizingBackup
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry
from databus_core.model.missed import MissedTrips
from databus_core.model.passenger import Json, property_key
from databus_core.model.problem import Problem
from databus_core.model.query import PAGE, LogQuery, LogRow, Query, QueueCounts, QueueRow, Rows, SearchProgress
from databus_core.model.queue_entry import QueueEntry
from databus_core.model.route_state import RouteState
from databus_core.model.space import Space
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.plugin import ArgumentsError, validated

_FULL = {errno.ENOSPC, errno.EDQUOT}


class JsonFiles(Database):
    """Keeps everything in one folder: a folder per client, in it a folder per passenger and a file per log."""

    Arguments = JsonFilesArguments

    def __init__(self, context: DatabaseContext) -> None:
        super().__init__(context)
        self._arguments = validated(JsonFilesArguments, context.arguments, context.folder)
        self._folder = self._arguments.database_dir.absolute()
        self._lock = ProcessLock(self._folder, self._folder / ".lock", self._folder / ".holder.json")
        self._disk = DiskWatch(self._folder, context.report)
        self._gate = Gate(str(self._folder))
        self._clients: Clients | None = None
        self._writable = False

    def __str__(self) -> str:
        return str(self._folder)

    # Open and close ---------------------------------------------------------------------------------------------

    def open(self, holder: Holder | None) -> None:
        if self._gate.is_open:
            raise DatabaseError(f"The database in {self} is open already.")
        with self._in_words():
            self._prepare(make=holder is not None)
            if holder is not None:
                self._lock.acquire(holder)
            try:
                self._clients = Clients(self._arguments, self.context, writable=holder is not None)
                if holder is not None:
                    self._disk.look()
            except BaseException:
                self._give_back()
                raise
        self._writable = holder is not None
        self._gate.open()

    def _prepare(self, *, make: bool) -> None:
        """Make the database's folder, or see whether it is there or could be made."""
        try:
            if make:
                make_folder(self._folder)
            elif not self._folder.is_dir():
                above = next(folder for folder in (self._folder, *self._folder.parents) if folder.exists())
                with tempfile.TemporaryFile(dir=above):
                    pass
        except OSError as error:
            message = f"{str(self._folder)!r} cannot be made: {error.strerror}"
            raise DatabaseError(f"{message}.") from ArgumentsError([Problem(("database_dir",), message)])

    def close(self) -> None:
        self._gate.close()
        with self._in_words():
            self._give_back()

    def _give_back(self) -> None:
        if self._clients is not None:
            self._clients.close()
            self._clients = None
        self._lock.release()

    def holder(self) -> Holder | None:
        with self._in_words():
            return self._lock.holder()

    @contextmanager
    def _in_words(self) -> Generator[None]:
        """Whatever goes wrong with files inside becomes a DatabaseError."""
        try:
            yield
        except OSError as error:
            if error.errno in _FULL:
                raise DatabaseError(f"The disk of {self} is full; nothing was stored.") from error
            raise DatabaseError(f"{error.filename or self}: {error.strerror or error}.") from error
        except UnicodeEncodeError as error:
            raise DatabaseError(f"{error.object!r:.80} is no text that can be stored: {error.reason}.") from error

    @contextmanager
    def _inside(self) -> Generator[Clients]:
        with self._gate.passed(), self._in_words():
            if self._clients is None:
                raise ClosedError(f"The database in {self} is not open.")
            yield self._clients

    @contextmanager
    def _reading(self, client_id: str) -> Generator[ClientFolder]:
        with self._inside() as clients:
            yield clients[client_id]

    @contextmanager
    def _writing(self, client_id: str) -> Generator[ClientFolder]:
        with self._inside() as clients:
            client = clients[client_id]
            self._check_writable()
            yield client

    def _check_writable(self) -> None:
        if not self._writable:
            raise DatabaseError(f"The database in {self} is open for reading only.")

    # Clients and customizing ------------------------------------------------------------------------------------

    def client_ids(self) -> list[str]:
        with self._inside() as clients:
            return clients.ids()

    def create_client(self, client_id: str) -> None:
        with self._inside() as clients:
            self._check_writable()
            clients.create(client_id)

    def remove_client(self, client_id: str) -> None:
        with self._inside() as clients, self._writing(client_id):
            clients.remove(client_id)

    def configuration(self, client_id: str) -> str:
        with self._reading(client_id) as client:
            return client.configuration()

    def write_configuration(self, client_id: str, text: str) -> None:
        with self._writing(client_id) as client:
            client.write_configuration(text)

    def add_backup(self, client_id: str, node: str, text: str) -> CustomizingBackup:
        with self._writing(client_id) as client:
            return client.backups.add(node, text)

    def backups(self, client_id: str) -> list[CustomizingBackup]:
        with self._reading(client_id) as client:
            return client.backups.list()

    def backup_text(self, client_id: str, backup_id: str) -> str:
        with self._reading(client_id) as client:
            return client.backups.text(backup_id)

    def remove_backups(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as client:
            return client.backups.remove(before)

    # Queue ------------------------------------------------------------------------------------------------------

    def seat(self, client_id: str, entries: Sequence[QueueEntry]) -> list[bool]:
        with self._writing(client_id) as client:
            self._disk.look()
            return client.queue.seat(entries)

    def known(self, client_id: str, source_system: str, external_id: str) -> str | None:
        with self._reading(client_id) as client:
            return client.queue.known(source_system, external_id)

    def differs(self, client_id: str, source_system: str, external_id: str, fingerprint: str) -> bool:
        with self._reading(client_id) as client:
            return client.queue.differs(source_system, external_id, fingerprint)

    def update(self, client_id: str, entries: Sequence[QueueEntry]) -> None:
        with self._writing(client_id) as client:
            client.queue.update(entries)

    def entry(self, client_id: str, internal_id: str) -> QueueEntry:
        with self._reading(client_id) as client:
            return client.queue.entry(internal_id)

    def open_ids(self, client_id: str, client_passenger: str) -> list[str]:
        with self._reading(client_id) as client:
            return client.queue.open_ids(client_passenger)

    def due(
        self, client_id: str, client_passenger: str, moment: datetime | None
    ) -> Iterator[QueueEntry | DamagedError]:
        with self._reading(client_id) as client:
            ids = client.queue.due_ids(client_passenger, moment)
        for internal_id in ids:
            try:
                yield self.entry(client_id, internal_id)
            except NotFoundError:
                continue  # removed meanwhile
            except DamagedError as error:
                yield error

    def open_keys(self, client_id: str, client_passenger: str, name: str) -> Iterator[tuple[str, bytes]]:
        for internal_id in self.open_ids(client_id, client_passenger):
            try:
                entry = self.entry(client_id, internal_id)
            except (NotFoundError, DamagedError):  # it is removed meanwhile, or cannot be read
                continue
            yield internal_id, property_key(entry.properties, name)

    def next_attempt_at(self, client_id: str, client_passenger: str, after: datetime | None) -> datetime | None:
        with self._reading(client_id) as client:
            return client.queue.next_attempt_at(client_passenger, after)

    def queue_rows(self, query: Query) -> Rows[QueueRow]:
        with self._reading(query.client_id) as client:
            return client.queue.rows(query)

    def search_substrings(self, client_id: str, client_passengers: Collection[str]) -> None:
        with self._writing(client_id):
            pass  # every text is looked for anywhere

    def search_progress(self) -> SearchProgress:
        with self._inside():
            return SearchProgress()  # there is no index

    def queue_counts(self, client_id: str) -> dict[str, QueueCounts]:
        with self._reading(client_id) as client:
            return client.queue.counts()

    def remove(self, client_id: str, internal_ids: Iterable[str]) -> int:
        with self._writing(client_id) as client:
            return client.queue.remove(internal_ids)

    def completed_ids(self, client_id: str, client_passenger: str | None, before: datetime | None) -> list[str]:
        with self._reading(client_id) as client:
            return client.queue.completed_ids(client_passenger, before)

    def surplus_ids(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> list[str]:
        with self._reading(client_id) as client:
            return client.queue.surplus_ids(client_passenger, count, size)

    # Logs -------------------------------------------------------------------------------------------------------

    def append_log(self, log: Log, entries: Sequence[LogEntry]) -> None:
        with self._writing(log.client_id) as client:
            client.logs.append(log, entries)

    def finish_log(self, log: Log) -> None:
        with self._writing(log.client_id) as client:
            client.logs.finish(log)

    def log_rows(self, query: LogQuery) -> Rows[LogRow]:
        with self._reading(query.client_id) as client:
            return client.logs.rows(query)

    def log_entries(self, client_id: str, log_id: str, offset: int = 0, limit: int | None = None) -> Rows[LogEntry]:
        with self._reading(client_id) as client:
            return client.logs.entries(log_id, offset, limit)

    def remove_logs(self, client_id: str, before: datetime, client_passenger: str | None = None) -> int:
        with self._writing(client_id) as client:
            return client.logs.remove(before, client_passenger)

    def remove_surplus_logs(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> int:
        with self._writing(client_id) as client:
            return client.logs.remove_surplus(client_passenger, count, size)

    # Space ------------------------------------------------------------------------------------------------------

    def space(self, client_id: str) -> dict[str, Space]:
        with self._reading(client_id) as client:
            return client.space()

    def whole_size(self) -> int:
        with self._inside() as clients:
            return sum(space.total for name in clients.ids() for space in clients[name].space().values())

    # Audit ------------------------------------------------------------------------------------------------------

    def append_audit(self, client_id: str, records: Sequence[AuditRecord]) -> None:
        with self._writing(client_id) as client:
            client.audit.append(records)

    def audit_rows(self, client_id: str, offset: int = 0, limit: int = PAGE) -> Rows[AuditRecord]:
        with self._reading(client_id) as client:
            return client.audit.rows(offset, limit)

    def remove_audit(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as client:
            return client.audit.remove(before)

    # Trips ------------------------------------------------------------------------------------------------------

    def record_trip(self, client_id: str, trip: TripRecord) -> None:
        with self._writing(client_id) as client:
            client.record_trip(trip)

    def states(self, client_id: str) -> dict[str, Json]:
        with self._reading(client_id) as client:
            return client.states.all()

    def write_state(self, client_id: str, name: str, document: Json) -> None:
        with self._writing(client_id) as client:
            client.states.write(name, document)

    def last_trips(self, client_id: str) -> dict[str, TripRecord]:
        with self._reading(client_id) as client:
            return client.last_trips()

    # Schedules --------------------------------------------------------------------------------------------------

    def route_states(self, client_id: str) -> dict[str, RouteState]:
        with self._reading(client_id) as client:
            return client.routes.states()

    def write_route_state(self, client_id: str, state: RouteState) -> None:
        with self._writing(client_id) as client:
            client.routes.write_state(state)

    def append_missed(self, client_id: str, missed: Sequence[MissedTrips]) -> None:
        with self._writing(client_id) as client:
            client.routes.append_missed(missed)

    def missed(self, client_id: str) -> list[MissedTrips]:
        with self._reading(client_id) as client:
            return client.routes.missed()

    def remove_missed(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as client:
            return client.routes.remove_missed(before)
