"""The contract of database engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from databus_core.errors import DamagedError, DatabaseError
from databus_core.model.audit import AuditRecord
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
from databus_core.plugins.plugin import Plugin


def ignored(_remark: str) -> None:
    """For who does not want to hear remarks."""


def unwatched() -> None:
    """For who does not want to hear of progress."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseContext:
    """What a database engine is made with."""

    folder: Path
    """The ticket's folder: relative paths start here."""
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    report: Callable[[str], None] = print
    """Told, in words and from any thread, what a person must know and no caller waits for: a damaged file, say."""
    remark: Callable[[str], None] = ignored
    """Told in the same way what harms nothing and may still be a mistake: a foreign file that is left alone."""
    on_indexed: Callable[[], None] = unwatched
    """Called, from any thread, every few seconds while much is indexed that waited for it, and at its end."""


class Database(ABC):
    """Keeps clients, their configuration, queue and logs. Every method is synchronous, may block, and is safe to call
    from several threads at once between `open` and `close`.

    What a method wrote is durable when it returns: neither a kill nor a power cut takes it back. Log entries are the
    exception; they are durable when `finish_log` returns, and survive a kill of the process before.
    `client_id` always names an existing client, else NotFoundError. Any failure is a DatabaseError in words.
    """

    Arguments = Plugin.Arguments

    def __init__(self, context: DatabaseContext) -> None:
        """Raises ValueError, in words, when the arguments are wrong. Touches nothing."""
        self.context = context

    # Open and close ---------------------------------------------------------------------------------------------

    @abstractmethod
    def open(self, holder: Holder | None) -> None:
        """Make ready for use; creates what is missing.

        With a holder, takes the data for this process: raises DatabaseHeldError when another process holds it.
        Without, opens for reading beside a possible holder: nothing is created, every writing method raises
        DatabaseError. What cannot be read is set aside, reported, and does not stop the rest. Raises
        DatabaseDamagedError, with the backup that can be restored, when nothing of it can be relied on.
        """

    @abstractmethod
    def close(self) -> None:
        """Give everything back; harmless when closed already. Later calls raise ClosedError."""

    @abstractmethod
    def holder(self) -> Holder | None:
        """Who holds the data now, if anybody does. Works without `open`."""

    @abstractmethod
    def __str__(self) -> str:
        """Where the data is, as a person would say it, without secrets."""

    # Backups of all of it; an engine that makes none leaves these as they are -----------------------------------

    def database_backups(self) -> list[DatabaseBackup]:
        """The backups of this database that the engine made, newest first. Works without `open`."""
        return []

    def restore(self, backup: Path | None = None) -> Restored:
        """Put a backup, the newest good one by default, in the place of the database, which is kept beside it.

        Only while nobody has it open. Raises DatabaseHeldError; NotFoundError where there is no backup; DatabaseError,
        and changes nothing, when the backup is damaged or cannot be copied.
        """
        raise DatabaseError(f"{self} makes no backups of itself, so there is nothing to restore.")

    # Clients and customizing ------------------------------------------------------------------------------------

    @abstractmethod
    def client_ids(self) -> list[str]:
        """Every client, `root` first, then by name."""

    @abstractmethod
    def create_client(self, client_id: str) -> None:
        """Add a client with an empty configuration. Raises DatabaseError when it exists or its name cannot be one."""

    @abstractmethod
    def remove_client(self, client_id: str) -> None:
        """Take a client out of use. Its data is kept aside where a person can find it, never deleted."""

    @abstractmethod
    def configuration(self, client_id: str) -> str:
        """The text of the client's `__databus__` document, as it was written."""

    @abstractmethod
    def write_configuration(self, client_id: str, text: str) -> None:
        """Replace the `__databus__` document, to the byte."""

    @abstractmethod
    def add_backup(self, client_id: str, node: str, text: str) -> CustomizingBackup:
        """Keep a copy of a node's text."""

    @abstractmethod
    def backups(self, client_id: str) -> list[CustomizingBackup]:
        """All backups of a client's nodes, newest first."""

    @abstractmethod
    def backup_text(self, client_id: str, backup_id: str) -> str:
        """The text that was kept. Raises NotFoundError."""

    @abstractmethod
    def remove_backups(self, client_id: str, before: datetime) -> int:
        """Delete backups made before that time, but never a node's newest; answers how many."""

    # Queue ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def seat(self, client_id: str, entries: Sequence[QueueEntry]) -> list[bool]:
        """Add those entries whose (source system, external id) the client never had; the others change nothing.

        Answers for each entry, in order, whether it was seated now. A purged passenger still counts as had. Twice
        the same passenger among `entries` is seated once. Raises AttachmentError, and seats none, when the content of
        an attachment cannot be read. Costs the same however long the queue is. Afterwards
        the entries' attachments read from the database.
        """

    @abstractmethod
    def known(self, client_id: str, source_system: str, external_id: str) -> str | None:
        """The internal id of that passenger if it is seated, "" if it was seated and is purged, None if it is new."""

    @abstractmethod
    def differs(self, client_id: str, source_system: str, external_id: str, fingerprint: str) -> bool:
        """Whether the passenger that is, or was, seated under this id has another fingerprint in its properties.

        False when either has none, or nobody was seated: what is not known to be another passenger is the same.
        """

    @abstractmethod
    def update(self, client_id: str, entries: Sequence[QueueEntry]) -> None:
        """Store the present state of seated entries: each one wholly or not at all.

        Changed attachments are stored with it; nothing that a crash would need is deleted. Afterwards the entries'
        attachments read from the database. Raises NotFoundError for an entry that is not seated, AttachmentError when
        the content of a changed attachment cannot be read.
        """

    @abstractmethod
    def entry(self, client_id: str, internal_id: str) -> QueueEntry:
        """One entry, an object of the caller's own. Raises NotFoundError, DamagedError."""

    @abstractmethod
    def open_ids(self, client_id: str, client_passenger: str) -> list[str]:
        """Internal ids of what is not complete, in pull order. Costs as much as there is open, not as is stored."""

    @abstractmethod
    def due(
        self, client_id: str, client_passenger: str, moment: datetime | None
    ) -> Iterator[QueueEntry | DamagedError]:
        """What a trip can do something for at that time (None: at any time; see QueueEntry.due_at), in pull order.

        What was put off to no time is there also when the clock was set back behind its pulling. Entries are read a few
        at a time while the caller goes on, so that memory does not grow with their number; each is an object of the
        caller's own. One that cannot be read comes as its error. What changes meanwhile may come as it was: who holds
        an entry for longer reads it again. Costs as much as is due.
        """

    @abstractmethod
    def open_keys(self, client_id: str, client_passenger: str, name: str) -> Iterator[tuple[str, bytes]]:
        """Internal id and key of a property (see `property_key`) of each one that is not complete, in pull order.

        They are read a few at a time while the caller goes on; what cannot be read is passed over. Costs as much as is
        open, not as is stored.
        """

    @abstractmethod
    def next_attempt_at(self, client_id: str, client_passenger: str, after: datetime | None) -> datetime | None:
        """The first time after `after` to which a passenger was put off: QueueEntry.due_at where it is later than when
        the passenger was pulled. None when there is none. Costs as much as there is open, not as is stored.
        """

    @abstractmethod
    def queue_rows(self, query: Query) -> Rows[QueueRow]:
        """One page of the queue."""

    @abstractmethod
    def search_substrings(self, client_id: str, client_passengers: Collection[str]) -> None:
        """From now on, and until it is told otherwise, a query's text also finds what of these client passengers has it
        inside of a word, from three characters on; of the client's others, words and their beginnings suffice.

        What it needs for that it makes, or removes, behind the work of others. Told whenever a client's configuration
        is read: costs nothing where nothing changes.
        """

    @abstractmethod
    def search_progress(self) -> SearchProgress:
        """How far it is with indexing; the rest is found by ids and errors, and of very many, only the newest are."""

    @abstractmethod
    def queue_counts(self, client_id: str) -> dict[str, QueueCounts]:
        """Numbers by client passenger name, for those that have entries. Costs the same however long the queue is."""

    @abstractmethod
    def remove(self, client_id: str, internal_ids: Iterable[str]) -> int:
        """Delete entries, complete or not, with their attachments; that they were here is remembered for `seat`.

        Answers how many. Ids that are not there are passed over.
        """

    @abstractmethod
    def completed_ids(self, client_id: str, client_passenger: str | None, before: datetime | None) -> list[str]:
        """Ids of complete entries, all or those completed (old ones that do not say: pulled) before a time."""

    @abstractmethod
    def surplus_ids(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> list[str]:
        """Ids of the complete entries that are too many: those beyond the `count` that were completed last, and as many
        of the oldest as must go for the rest to take no more than `size` bytes (see `space`).

        The oldest first. Costs as much as it answers, not as is stored.
        """

    # Logs -------------------------------------------------------------------------------------------------------

    @abstractmethod
    def append_log(self, log: Log, entries: Sequence[LogEntry]) -> None:
        """Add entries to a trip's log, which begins with the first call."""

    @abstractmethod
    def finish_log(self, log: Log) -> None:
        """The trip is over: make its log durable."""

    @abstractmethod
    def log_rows(self, query: LogQuery) -> Rows[LogRow]:
        """One page of a client's logs, newest first; running ones too."""

    @abstractmethod
    def log_entries(self, client_id: str, log_id: str, offset: int = 0, limit: int | None = None) -> Rows[LogEntry]:
        """One page of a log's entries as they were written, or all of them. Raises NotFoundError."""

    @abstractmethod
    def remove_logs(self, client_id: str, before: datetime, client_passenger: str | None = None) -> int:
        """Delete finished logs started before that time; answers how many.

        All of the client, or those of one client passenger except its newest one; with "" those that name none.
        """

    @abstractmethod
    def remove_surplus_logs(
        self, client_id: str, client_passenger: str, *, count: int | None = None, size: int | None = None
    ) -> int:
        """Delete the oldest finished logs of a client passenger until it has no more than `count`, and until the rest
        takes no more than `size` bytes (see `space`), but never its newest one; answers how many.

        Costs as much as is deleted, not as is stored.
        """

    # Space ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def space(self, client_id: str) -> dict[str, Space]:
        """Bytes by client passenger name ("" for logs that name none), for those that have entries or logs.

        Costs little however much is stored: numbers are kept while data are written, or files are looked at.
        """

    @abstractmethod
    def whole_size(self) -> int:
        """Bytes of the whole database on disk, about, with what `space` does not count: indexes, what is free, backups
        of documents. A database of files that people can read may answer just the sum of every client's space.
        """

    # Audit ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def append_audit(self, client_id: str, records: Sequence[AuditRecord]) -> None:
        """Keep what people did by hand. Records are never changed."""

    @abstractmethod
    def audit_rows(self, client_id: str, offset: int = 0, limit: int = PAGE) -> Rows[AuditRecord]:
        """One page of what people did, newest first."""

    @abstractmethod
    def remove_audit(self, client_id: str, before: datetime) -> int:
        """Delete records of before that time; answers how many."""

    # Trips ------------------------------------------------------------------------------------------------------

    @abstractmethod
    def record_trip(self, client_id: str, trip: TripRecord) -> None:
        """Keep the trip as its client passenger's last one. May be lost by a power cut."""

    @abstractmethod
    def states(self, client_id: str) -> dict[str, Json]:
        """The small documents that the engine keeps for a client, by name: the state of a breaker, say."""

    @abstractmethod
    def write_state(self, client_id: str, name: str, document: Json) -> None:
        """Keep a document under that name, in the place of the one before; None removes it."""

    @abstractmethod
    def last_trips(self, client_id: str) -> dict[str, TripRecord]:
        """The last trip of each client passenger that had one, by name."""

    # Schedules --------------------------------------------------------------------------------------------------

    @abstractmethod
    def route_states(self, client_id: str) -> dict[str, RouteState]:
        """The states that were written, by name of the client passenger."""

    @abstractmethod
    def write_route_state(self, client_id: str, state: RouteState) -> None:
        """Keep the state of a client passenger in place of the one before."""

    @abstractmethod
    def append_missed(self, client_id: str, missed: Sequence[MissedTrips]) -> None:
        """Add to the ledger of trips that were missed; the same ones found missing again replace what is there."""

    @abstractmethod
    def missed(self, client_id: str) -> list[MissedTrips]:
        """The ledger, what was noticed last first."""

    @abstractmethod
    def remove_missed(self, client_id: str, before: datetime) -> int:
        """Delete what was noticed before that time; answers how many."""
