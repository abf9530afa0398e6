"""One log file, read little by little: what was read is not read again, and a page is found without what is before."""

from __future__ import annotations

import threading
from array import array
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from databus_core.database.json_files import log_lines
from databus_core.database.json_files.log_lines import HEADER, MARKER
from databus_core.model.log import LogEntry, MessageType
from databus_core.model.query import LogRow, Rows

STRIDE = 512
"""Every so many entries, the place of one in the file is kept."""


class LogFile:
    """Knows a log's length, its worst message, and where in the file its entries are. Raises FileNotFoundError."""

    def __init__(self, path: Path, log_id: str, started_at: datetime) -> None:
        self.path = path
        self.id = log_id
        self.started_at = started_at
        self._lock = threading.Lock()
        self._whose: str | None = None
        self._forget()

    def _forget(self) -> None:
        self._size = 0
        self._marks = array("Q")
        self._length = 0
        self._worst = MessageType.INFO
        self._client_passenger: str | None = None
        self._over_at: datetime | None = None
        self._last_time = b""
        self._has_header = False
        self._ends_whole = True

    def row(self) -> LogRow:
        """The log as a table shows it."""
        with self._lock:
            self._refresh()
            over_at = self._over_at
            if self._client_passenger is None:  # an old log does not say that it is over, but it is
                over_at = log_lines.header_time(self._last_time, self.started_at)
            return LogRow(
                id=self.id,
                client_passenger=self._client_passenger or "",
                started_at=self.started_at,
                finished_at=over_at,
                worst=self._worst,
                length=self._length,
                size=self._size,
            )

    def size(self) -> int:
        """Bytes of the file."""
        return self.path.stat().st_size

    def client_passenger(self) -> str:
        """Whose log it is; empty for old logs, which do not say. Reads the first line, and once only."""
        with self._lock:
            if self._whose is not None:
                return self._whose
            with self.path.open("rb") as lines:
                line = lines.readline()
            header = HEADER.match(line)
            whose = ""
            if header is not None and header[2] == MARKER.encode():
                whose = log_lines.passenger_of(header[4].decode(errors="replace").rstrip("\r\n")) or ""
            if line.endswith(b"\n"):  # else it is being written
                self._whose = whose
            return whose

    def page(self, offset: int, limit: int | None) -> Rows[LogEntry]:
        """Some entries, in order, and the number of all."""
        with self._lock:
            self._refresh()
            total = self._length
            stop = total if limit is None else min(offset + limit, total)
            if offset >= stop:
                return Rows([], total)
            first = offset // STRIDE
            entries: list[LogEntry] = []
            for number, entry in enumerate(self._entries_from(self._marks[first]), first * STRIDE):
                if number >= stop:
                    break
                if number >= offset:
                    entries.append(entry)
            return Rows(entries, total)

    # Measuring --------------------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        size = self.path.stat().st_size
        if size == self._size:
            return
        if size < self._size or not self._ends_whole:
            self._forget()
        with self.path.open("rb") as lines:
            lines.seek(self._size)
            for line in lines:
                self._measure(line)
                self._size += len(line)
                self._ends_whole = line.endswith(b"\n")

    def _measure(self, line: bytes) -> None:
        header = HEADER.match(line)
        if header is None:
            if not self._has_header and line.strip():
                self._has_header = True
                self._count(MessageType.INFO)
            return
        self._has_header = True
        time, module, type_, message = header.groups()
        if module == MARKER.encode():
            self._mark(time, message.decode(errors="replace").rstrip("\r\n"))
            return
        self._last_time = time
        self._count(MessageType(type_.decode()))

    def _mark(self, time: bytes, message: str) -> None:
        if log_lines.is_over(message):
            self._over_at = log_lines.header_time(time, self.started_at)
        elif self._client_passenger is None:
            self._client_passenger = log_lines.passenger_of(message)

    def _count(self, type_: MessageType) -> None:
        if self._length % STRIDE == 0:
            self._marks.append(self._size)
        self._length += 1
        if type_.severity > self._worst.severity:
            self._worst = type_

    # Reading ----------------------------------------------------------------------------------------------------

    def _entries_from(self, position: int) -> Iterator[LogEntry]:
        at, module, type_, parts = self.started_at, "", MessageType.INFO, list[str]()
        in_entry, passed_header = False, position > 0
        with self.path.open("rb") as lines:
            lines.seek(position)
            for line in lines:
                header = HEADER.match(line)
                if header is None:
                    if in_entry:
                        parts.append(self._text(line).removeprefix("\t"))
                    elif not passed_header and line.strip():
                        in_entry, parts = True, [self._text(line)]
                    continue
                if in_entry:
                    yield self._entry(at, module, type_, parts)
                passed_header = True
                in_entry = header[2] != MARKER.encode()
                at = log_lines.header_time(header[1], self.started_at)
                module, type_ = header[2].decode(errors="replace"), MessageType(header[3].decode())
                parts = [self._text(header[4])]
        if in_entry:
            yield self._entry(at, module, type_, parts)

    def _entry(self, at: datetime, module: str, type_: MessageType, parts: list[str]) -> LogEntry:
        message = "\n".join(parts)
        if self._client_passenger is None:
            message = message.rstrip("\n")
        return LogEntry(at, module.removesuffix(" ") if module == f"{MARKER} " else module, type_, message)

    def _text(self, line: bytes) -> str:
        """A line without its end; in files of others that may be the one of Windows."""
        text = line.decode(errors="replace").removesuffix("\n")
        return text if self._client_passenger is not None else text.removesuffix("\r")
