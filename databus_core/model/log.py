"""The log of one trip."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple, TypeAlias

from databus_core.model.clock import now
from databus_core.model.identity import new_id
from databus_core.model.writable import writable

ENTRIES_KEPT = 1000
"""How many entries, and how many errors beside, a Log keeps in memory; the database has them all."""


class MessageType(StrEnum):
    """How bad a message is; `severity` orders them."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"

    @property
    def severity(self) -> int:
        """0 info, 1 warning, 2 error."""
        return _SEVERITIES[self]


_SEVERITIES = {MessageType.INFO: 0, MessageType.WARNING: 1, MessageType.ERROR: 2}


class LogEntry(NamedTuple):
    """One message. Logs have very many, and a named tuple is made several times as fast as a frozen dataclass."""

    at: datetime
    module: str
    type: MessageType
    message: str


LogSink: TypeAlias = "Callable[[Log, LogEntry], None]"


@dataclass(slots=True, eq=False)
class Log:
    """What happens on one trip, as it happens. Safe to use from several threads."""

    client_id: str
    client_passenger: str
    id: str = field(default_factory=new_id)
    started_at: datetime = field(default_factory=now)
    finished_at: datetime | None = None
    worst: MessageType = MessageType.INFO
    length: int = 0
    """How many entries were written, kept in memory or not."""
    sinks: Sequence[LogSink] = ()
    """Called with each entry in the thread that wrote it: the durable copy, the observers."""
    entries: list[LogEntry] = field(default_factory=list["LogEntry"])
    """The first entries (at most ENTRIES_KEPT)."""
    errors: list[LogEntry] = field(default_factory=list["LogEntry"])
    """The first errors (at most ENTRIES_KEPT)."""
    last: LogEntry | None = None
    """The latest entry."""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def append(self, module: str, type_: MessageType, message: str) -> None:
        """Write one entry with the present time."""
        with self._lock:
            self._add(LogEntry(now(), module, type_, writable(message)))

    def add(self, entry: LogEntry) -> None:
        """Take an entry that was written elsewhere."""
        with self._lock:
            self._add(entry)

    def _add(self, entry: LogEntry) -> None:
        self.length += 1
        self.last = entry
        if entry.type is not self.worst and entry.type.severity > self.worst.severity:
            self.worst = entry.type
        if len(self.entries) < ENTRIES_KEPT:
            self.entries.append(entry)
        if entry.type is MessageType.ERROR and len(self.errors) < ENTRIES_KEPT:
            self.errors.append(entry)
        for sink in self.sinks:
            sink(self, entry)

    def of(self, module: str) -> ModuleLog:
        """The log as one module writes to it."""
        return ModuleLog(self, module)

    @property
    def has_errors(self) -> bool:
        """Whether an error was written."""
        return self.worst is MessageType.ERROR


@dataclass(frozen=True, slots=True)
class ModuleLog:
    """What a plug-in writes to: `self.log.info("Got 3 mails")`."""

    log: Log
    module: str

    def info(self, message: str) -> None:
        """Something worth knowing."""
        self.log.append(self.module, MessageType.INFO, message)

    def warning(self, message: str) -> None:
        """Something a person should look at one day."""
        self.log.append(self.module, MessageType.WARNING, message)

    def error(self, message: str) -> None:
        """Something went wrong; the trip counts as failed."""
        self.log.append(self.module, MessageType.ERROR, message)
