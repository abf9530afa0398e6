"""SQL databases: a file of SQLite, or a server with PostgreSQL, MariaDB or SQL Server.

tables.py says what is kept, connect.py how each kind is used, writer.py who writes and when it is durable.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from databus_core.database._shared.disk_watch import DiskWatch
from databus_core.database._shared.gate import Gate
from databus_core.database.sql.arguments import KINDS, SqlArguments
from databus_core.database.sql.audit_table import AuditTable
from databus_core.database.sql.backup import Stop, make_backup
from databus_core.database.sql.backup_folder import BackupFolder
from databus_core.database.sql.backup_timer import BackupTimer
from databus_core.database.sql.client_table import ClientTable
from databus_core.database.sql.codec import seat_of
from databus_core.database.sql.connect import Engines
from databus_core.database.sql.content import Contents
from databus_core.database.sql.damage import DamageWatch
from databus_core.database.sql.holding import FileHold, Hold, ServerHold
from databus_core.database.sql.indexer import Indexer
from databus_core.database.sql.log_table import LogTable
from databus_core.database.sql.queue_pages import QueuePages
from databus_core.database.sql.queue_table import QueueTable
from databus_core.database.sql.queue_view import QueueView
from databus_core.database.sql.restoring import restore
from databus_core.database.sql.retention import Surplus
from databus_core.database.sql.route_table import RouteTable
from databus_core.database.sql.schema import bring_up_to_date, require
from databus_core.database.sql.search_source import SearchSource
from databus_core.database.sql.search_text import SearchText
from databus_core.database.sql.shrink import give_back
from databus_core.database.sql.space import SpaceTaken
from databus_core.database.sql.state_table import StateTable
from databus_core.database.sql.store import Store
from databus_core.database.sql.tables import Tables
from databus_core.database.sql.whole_size import file_size, server_size
from databus_core.database.sql.words import in_words
from databus_core.database.sql.writer import Writer
from databus_core.errors import ClosedError, DamagedError, DatabaseError, NotFoundError
from databus_core.files import make_folder
from databus_core.model.audit import AuditRecord
from databus_core.model.client import ROOT
from databus_core.model.customizing import CustomizingBackup
from databus_core.model.database_backup import DatabaseBackup, Restored
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry
from databus_core.model.missed import MissedTrips
from databus_core.model.passenger import Json
from databus_core.model.query import PAGE, LogQuery, LogRow, Query, QueueCounts, QueueRow, Rows, SearchProgress
from databus_core.model.queue_entry import QueueEntry
from databus_core.model.route_state import RouteState
from databus_core.model.space import Space
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database, DatabaseContext
from databus_core.plugins.plugin import validated


class Parts:
    """What an open database is made of."""

    def __init__(self, store: Store, place: str, remark: Callable[[str], None]) -> None:
        self.store = store
        self.clients = ClientTable(store, place)
        self.contents = Contents(store)
        self.search = SearchText(store, remark)
        self.queue = QueueTable(store, self.contents, self.search)
        self.view = QueueView(store, self.contents)
        self.pages = QueuePages(store, self.search)
        self.logs = LogTable(store)
        self.states = StateTable(store)
        self.audit = AuditTable(store)
        self.space = SpaceTaken(store)
        self.surplus = Surplus(store.tables)
        self.routes = RouteTable(store)


class Sql(Database):
    """Keeps everything in the tables of one SQL database."""

    Arguments = SqlArguments

    def __init__(self, context: DatabaseContext) -> None:
        super().__init__(context)
        arguments: SqlArguments = validated(SqlArguments, context.arguments, context.folder)
        self._url = arguments.address
        kind = self._url.get_backend_name()
        self._file = Path(str(self._url.database)).absolute() if kind == "sqlite" else None
        self._tables = Tables(arguments.schema_name if arguments.schema_name and self._file is None else None)
        self._place = str(self._file or _server_name(arguments, kind))
        self._hold: Hold = FileHold(self._file) if self._file else ServerHold(self._url, self._tables, self._place)
        self._disk = DiskWatch(self._file.parent, context.report) if self._file else None
        self._backups = BackupFolder(self._file) if self._file else None
        self._damage = DamageWatch(self._backups, context.report) if self._backups else None
        self._backup_every = timedelta(hours=arguments.backup_every)
        self._backups_kept = arguments.backups_kept
        self._gate = Gate(self._place)
        self._engines: Engines | None = None
        self._store: Store | None = None
        self._parts: Parts | None = None
        self._indexer: Indexer | None = None
        self._timer: BackupTimer | None = None
        self._writable = False

    def __str__(self) -> str:
        return self._place

    # Open and close ---------------------------------------------------------------------------------------------

    def open(self, holder: Holder | None) -> None:
        if self._gate.is_open:
            raise DatabaseError(f"The database in {self} is open already.")
        with self._damage.at_start() if self._damage else nullcontext(), in_words(self._place):
            try:
                self._parts = self._opened(holder) if holder else self._opened_for_reading()
            except BaseException:
                self._give_back()
                raise
        self._writable = holder is not None
        self._gate.open()

    def _opened(self, holder: Holder) -> Parts:
        if self._file is not None:
            make_folder(self._file.parent)
        self._hold.take(holder)
        if self._damage is not None:
            self._damage.look()
        self._engines = engines = Engines.to(self._url)
        writer = Writer(functools.partial(self._connected, engines, holder), self._forget, self._hold.leave)
        self._store = store = Store(self._tables, engines.reader, writer)
        parts = Parts(store, self._place, self.context.remark)
        store.write(parts.contents.clean)
        store.write(parts.search.prepare)
        if ROOT not in parts.clients.names():
            parts.clients.create(ROOT)
        if self._disk is not None:
            self._disk.look()
        source = SearchSource(store, parts.contents, self.context.remark)
        self._indexer = Indexer(store, parts.search, source, self._shrink, self.context.on_indexed)
        if self._backups is not None:
            self._backups.remove_unfinished()
            if self._backup_every:
                self._timer = BackupTimer(
                    self._backups, self._backup_every, self._backups_kept, self._guarded, self.context.report
                )
        return parts

    def _connected(self, engines: Engines, holder: Holder) -> Connection:
        """A connection that may write, to tables of the present version."""
        connection = engines.writer.connect()
        try:
            self._hold.confirm(connection)
            bring_up_to_date(connection, self._tables.metadata.schema, self._place, self._back_up)
            self._hold.announce(connection, holder)
        except BaseException:
            connection.close()
            raise
        return connection

    def _opened_for_reading(self) -> Parts:
        if self._file is not None and self._damage is not None and not self._file.exists():
            self._damage.require_new()
            raise NotFoundError(f"There is no database {self}.")
        self._store = Store(self._tables, Engines.to(self._url).reader, None)
        with self._store.reading() as connection:
            require(connection, self._tables.metadata.schema, self._place)
        return Parts(self._store, self._place, self.context.remark)

    def close(self) -> None:
        self._gate.close()
        self._give_back()

    def _give_back(self) -> None:
        store, self._store, self._parts = self._store, None, None
        indexer, self._indexer = self._indexer, None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.close()
        if indexer is not None:
            indexer.close()
        if store is not None:
            store.close()
        self._hold.release()

    def holder(self) -> Holder | None:
        with in_words(self._place):
            return self._hold.holder()

    def _shrink(self) -> None:
        if self._file is not None and self._engines is not None:
            with in_words(self._place):
                give_back(self._engines.writer)

    def _forget(self) -> None:
        if self._parts is not None:
            self._parts.queue.forget()
            self._parts.logs.forget()

    @contextmanager
    def _guarded(self) -> Generator[None]:
        """What goes wrong inside becomes a DatabaseError in words."""
        with self._damage.at_work() if self._damage else nullcontext(), in_words(self._place):
            yield

    @contextmanager
    def _inside(self) -> Generator[Parts]:
        with self._gate.passed(), self._guarded():
            if self._parts is None:
                raise ClosedError(f"The database in {self} is not open.")
            yield self._parts

    @contextmanager
    def _reading(self, client_id: str) -> Generator[tuple[Parts, int]]:
        with self._inside() as parts:
            yield parts, parts.clients[client_id]

    @contextmanager
    def _writing(self, client_id: str) -> Generator[tuple[Parts, int]]:
        with self._inside() as parts:
            key = parts.clients[client_id]
            self._check_writable()
            yield parts, key

    def _check_writable(self) -> None:
        if not self._writable:
            raise DatabaseError(f"The database in {self} is open for reading only.")

    # Backups ----------------------------------------------------------------------------------------------------

    def database_backups(self) -> list[DatabaseBackup]:
        with in_words(self._place):
            return self._backups.backups() if self._backups else []

    def restore(self, backup: Path | None = None) -> Restored:
        if self._backups is None:
            return super().restore(backup)
        with in_words(self._place):
            make_folder(self._backups.file.parent)
            self._hold.take(Holder("a restore"))
            try:
                return restore(self._backups, backup)
            finally:
                self._hold.release()

    def _back_up(self) -> None:
        """Before the tables change."""
        if self._backups is not None:
            make_backup(self._backups, Stop(), share=1)

    # Clients and customizing ------------------------------------------------------------------------------------

    def client_ids(self) -> list[str]:
        with self._inside() as parts:
            return parts.clients.names()

    def create_client(self, client_id: str) -> None:
        with self._inside() as parts:
            self._check_writable()
            parts.clients.create(client_id)

    def remove_client(self, client_id: str) -> None:
        with self._writing(client_id) as (parts, _):
            parts.clients.remove(client_id)

    def configuration(self, client_id: str) -> str:
        with self._reading(client_id) as (parts, key):
            return parts.clients.configuration(key)

    def write_configuration(self, client_id: str, text: str) -> None:
        with self._writing(client_id) as (parts, key):
            parts.clients.write_configuration(key, text)

    def add_backup(self, client_id: str, node: str, text: str) -> CustomizingBackup:
        with self._writing(client_id) as (parts, key):
            return parts.clients.add_backup(key, node, text)

    def backups(self, client_id: str) -> list[CustomizingBackup]:
        with self._reading(client_id) as (parts, key):
            return parts.clients.backups(key)

    def backup_text(self, client_id: str, backup_id: str) -> str:
        with self._reading(client_id) as (parts, key):
            return parts.clients.backup_text(key, backup_id)

    def remove_backups(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as (parts, key):
            return parts.clients.remove_backups(key, before)

    # Queue ------------------------------------------------------------------------------------------------------

    def seat(self, client_id: str, entries: Sequence[QueueEntry]) -> list[bool]:
        with self._writing(client_id) as (parts, key):
            if self._disk is not None:
                self._disk.look()
            return parts.queue.seat(key, entries)

    def known(self, client_id: str, source_system: str, external_id: str) -> str | None:
        with self._reading(client_id) as (parts, key):
            known = parts.view.known(key, seat_of(source_system, external_id))
            return None if known is None else known[0]

    def differs(self, client_id: str, source_system: str, external_id: str, fingerprint: str) -> bool:
        with self._reading(client_id) as (parts, key):
            known = parts.view.known(key, seat_of(source_system, external_id))
            return bool(fingerprint) and known is not None and known[1] not in {"", fingerprint}

    def update(self, client_id: str, entries: Sequence[QueueEntry]) -> None:
        with self._writing(client_id) as (parts, key):
            parts.queue.update(key, entries)

    def entry(self, client_id: str, internal_id: str) -> QueueEntry:
        with self._reading(client_id) as (parts, key):
            return parts.view.entry(key, internal_id)

    def open_ids(self, client_id: str, client_passenger: str) -> list[str]:
        with self._reading(client_id) as (parts, key):
            return parts.view.open_ids(key, client_passenger)

    def due(
        self, client_id: str, client_passenger: str, moment: datetime | None
    ) -> Iterator[QueueEntry | DamagedError]:
        with self._reading(client_id) as (parts, key):
            found = parts.view.due(key, client_passenger, moment)
        while True:
            with self._inside():
                entry = next(found, None)
            if entry is None:
                return
            yield entry

    def open_keys(self, client_id: str, client_passenger: str, name: str) -> Iterator[tuple[str, bytes]]:
        with self._reading(client_id) as (parts, key):
            found = parts.view.open_keys(key, client_passenger, name)
        while True:
            with self._inside():
                some = next(found, None)
            if some is None:
                return
            yield from some

    def next_attempt_at(self, client_id: str, client_passenger: str, after: datetime | None) -> datetime | None:
        with self._reading(client_id) as (parts, key):
            return parts.view.next_attempt_at(key, client_passenger, after)

    def queue_rows(self, query: Query) -> Rows[QueueRow]:
        with self._reading(query.client_id) as (parts, key):
            return parts.pages.rows(key, query)

    def search_substrings(self, client_id: str, client_passengers: Collection[str]) -> None:
        with self._writing(client_id) as (parts, key):
            parts.search.want_substrings(key, client_passengers)

    def search_progress(self) -> SearchProgress:
        with self._inside() as parts:
            return parts.search.progress()

    def queue_counts(self, client_id: str) -> dict[str, QueueCounts]:
        with self._reading(client_id) as (parts, key):
            return parts.view.counts(key)

    def remove(self, client_id: str, internal_ids: Iterable[str]) -> int:
        with self._writing(client_id) as (parts, key):
            removed = parts.queue.remove(key, internal_ids)
            self._shrink()
            return removed

    def completed_ids(self, client_id: str, client_passenger: str | None, before: datetime | None) -> list[str]:
        with self._reading(client_id) as (parts, key):
            return parts.view.completed_ids(key, client_passenger, before)

    def surplus_ids(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> list[str]:
        with self._reading(client_id) as (parts, key), parts.store.reading() as connection:
            return parts.surplus.entries(connection, (key, client_passenger), count, size)

    # Logs -------------------------------------------------------------------------------------------------------

    def append_log(self, log: Log, entries: Sequence[LogEntry]) -> None:
        with self._writing(log.client_id) as (parts, key):
            parts.logs.append(key, log, entries)

    def finish_log(self, log: Log) -> None:
        with self._writing(log.client_id) as (parts, key):
            parts.logs.finish(key, log)

    def log_rows(self, query: LogQuery) -> Rows[LogRow]:
        with self._reading(query.client_id) as (parts, key):
            return parts.logs.rows(key, query)

    def log_entries(self, client_id: str, log_id: str, offset: int = 0, limit: int | None = None) -> Rows[LogEntry]:
        with self._reading(client_id) as (parts, key):
            return parts.logs.entries(key, log_id, offset, limit)

    def remove_logs(self, client_id: str, before: datetime, client_passenger: str | None = None) -> int:
        with self._writing(client_id) as (parts, key):
            removed = parts.logs.remove(key, before, client_passenger)
            self._shrink()
            return removed

    def remove_surplus_logs(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> int:
        with self._writing(client_id) as (parts, key):
            removed = parts.logs.remove_surplus(key, client_passenger, count, size)
            self._shrink()
            return removed

    # Space ------------------------------------------------------------------------------------------------------

    def space(self, client_id: str) -> dict[str, Space]:
        with self._reading(client_id) as (parts, key):
            return parts.space.of(key)

    def whole_size(self) -> int:
        with self._inside() as parts:
            if self._file is not None:
                return file_size(self._file)
            with parts.store.reading() as connection:
                return server_size(connection, self._tables)

    # Audit ------------------------------------------------------------------------------------------------------

    def append_audit(self, client_id: str, records: Sequence[AuditRecord]) -> None:
        with self._writing(client_id) as (parts, key):
            parts.audit.append(key, records)

    def audit_rows(self, client_id: str, offset: int = 0, limit: int = PAGE) -> Rows[AuditRecord]:
        with self._reading(client_id) as (parts, key):
            return parts.audit.rows(key, offset, limit)

    def remove_audit(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as (parts, key):
            return parts.audit.remove(key, before)

    # Trips ------------------------------------------------------------------------------------------------------

    def record_trip(self, client_id: str, trip: TripRecord) -> None:
        with self._writing(client_id) as (parts, key):
            parts.clients.record_trip(key, trip)

    def states(self, client_id: str) -> dict[str, Json]:
        with self._reading(client_id) as (parts, key):
            return parts.states.all(key)

    def write_state(self, client_id: str, name: str, document: Json) -> None:
        with self._writing(client_id) as (parts, key):
            parts.states.write(key, name, document)

    def last_trips(self, client_id: str) -> dict[str, TripRecord]:
        with self._reading(client_id) as (parts, key):
            return parts.clients.last_trips(key)

    # Schedules --------------------------------------------------------------------------------------------------

    def route_states(self, client_id: str) -> dict[str, RouteState]:
        with self._reading(client_id) as (parts, key):
            return parts.routes.states(key)

    def write_route_state(self, client_id: str, state: RouteState) -> None:
        with self._writing(client_id) as (parts, key):
            parts.routes.write_state(key, state)

    def append_missed(self, client_id: str, missed: Sequence[MissedTrips]) -> None:
        with self._writing(client_id) as (parts, key):
            parts.routes.append_missed(key, missed)

    def missed(self, client_id: str) -> list[MissedTrips]:
        with self._reading(client_id) as (parts, key):
            return parts.routes.missed(key)

    def remove_missed(self, client_id: str, before: datetime) -> int:
        with self._writing(client_id) as (parts, key):
            return parts.routes.remove_missed(key, before)


def _server_name(arguments: SqlArguments, kind: str) -> str:
    url = arguments.address
    port = f":{url.port}" if url.port else ""
    schema = f", schema {arguments.schema_name}" if arguments.schema_name else ""
    return f"{KINDS[kind]} database {url.database} on {url.host or 'this machine'}{port}{schema}"
