"""The contract of database engines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from databus_core.model.customizing import CustomizingBackup
from databus_core.model.holder import Holder
from databus_core.model.log import Log, LogEntry
from databus_core.model.plugin_state import PluginState
from databus_core.model.query import LogQuery, LogRow, Query, QueueCounts, QueueRow, Rows
from databus_core.model.queue_entry import QueueEntry
from databus_core.model.trip import TripRecord
from databus_core.plugins.plugin import Plugin


def ignored(_remark: str) -> None:
    """For who does not want to hear remarks."""


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
        DatabaseError. What cannot be read is set aside, reported, and does not stop the rest.
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
    def queue_rows(self, query: Query) -> Rows[QueueRow]:
        """One page of the queue."""

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

    # Logs and trips ---------------------------------------------------------------------------------------------

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
    def remove_logs(self, client_id: str, before: datetime) -> int:
        """Delete finished logs started before that time; answers how many."""

    @abstractmethod
    def record_trip(self, client_id: str, trip: TripRecord) -> None:
        """Keep the trip as its client passenger's last one. May be lost by a power cut."""

    @abstractmethod
    def last_trips(self, client_id: str) -> dict[str, TripRecord]:
        """The last trip of each client passenger that had one, by name."""

    # Plug-ins that crash ----------------------------------------------------------------------------------------

    @abstractmethod
    def plugin_states(self, client_id: str) -> dict[str, PluginState]:
        """What is known of the client's plug-ins that crashed, by the names of their steps."""

    @abstractmethod
    def write_plugin_state(self, client_id: str, step: str, state: PluginState | None) -> None:
        """Keep the state of one step's plug-in in place of the one before; None forgets it."""
