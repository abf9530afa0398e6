"""One client's logs: `<start time>_<id>.txt`, one per trip."""

from __future__ import annotations

import os
import re
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from databus_core.database.json_files import log_lines
from databus_core.database.json_files.layout import ClientLayout
from databus_core.database.json_files.log_file import LogFile
from databus_core.errors import DatabaseError, NotFoundError
from databus_core.files import make_folder, sync_descriptor, sync_folder, write_all
from databus_core.model.clock import format_local, parse_time
from databus_core.model.log import Log, LogEntry
from databus_core.model.query import LogQuery, LogRow, Rows

_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
_NAME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d)[:-](\d\d)[:-](\d\d(?:\.\d{1,6})?)_([A-Za-z0-9][A-Za-z0-9.-]*)")


class _RunningLog:
    """The file of a trip that goes on; what is appended survives a kill of the process."""

    def __init__(self, path: Path, log: Log) -> None:
        self._folder = path.parent
        self._descriptor = os.open(path, _APPEND, 0o666)
        self._lock = threading.Lock()
        self._closed = False
        if os.fstat(self._descriptor).st_size == 0:
            write_all(self._descriptor, log_lines.first_line(log.client_passenger, log.started_at))

    def append(self, entries: Iterable[LogEntry]) -> bool:
        """Whether the entries could be appended: not any more once it is closed."""
        lines = b"".join(map(log_lines.entry_line, entries))
        with self._lock:
            if not self._closed:
                write_all(self._descriptor, lines)
            return not self._closed

    def finish(self, at: datetime | None) -> None:
        """Make the log durable."""
        with self._lock:
            write_all(self._descriptor, log_lines.last_line(at))
            sync_descriptor(self._descriptor)
        sync_folder(self._folder)

    def close(self) -> None:
        """Give the file back."""
        with self._lock:
            self._closed = True
            os.close(self._descriptor)


class LogFolder:
    """Safe to use from several threads."""

    def __init__(self, layout: ClientLayout) -> None:
        self._folder = layout.logs
        self._extension = f".{layout.arguments.log_extension}"
        self._lock = threading.Lock()
        self._files: dict[str, LogFile | None] = {}
        """By file name; None for somebody else's file."""
        self._newest_first: list[LogFile] = []
        self._running: dict[str, _RunningLog] = {}

    # Writing ----------------------------------------------------------------------------------------------------

    def append(self, log: Log, entries: Sequence[LogEntry]) -> None:
        """See Database.append_log."""
        while not self._open(log).append(entries):
            pass  # another thread has just finished the log: it is opened again

    def _open(self, log: Log) -> _RunningLog:
        with self._lock:
            running = self._running.get(log.id)
            if running is None:
                running = self._running[log.id] = _RunningLog(self._path(log), log)
            return running

    def _path(self, log: Log) -> Path:
        present = self._find(log.id)
        if present is not None:
            return present.path
        make_folder(self._folder)
        name = f"{format_local(log.started_at).replace(':', '-')}_{log.id}"
        if not _NAME.fullmatch(name):
            raise DatabaseError(f"A log cannot have the id {log.id!r:.200}: letters, digits, '.' and '-' are allowed.")
        return self._folder / (name + self._extension)

    def finish(self, log: Log) -> None:
        """See Database.finish_log."""
        with self._lock:
            running = self._running.pop(log.id, None)
        if running is not None:
            try:
                running.finish(log.finished_at)
            finally:
                running.close()

    def remove(self, before: datetime, client_passenger: str | None) -> int:
        """See Database.remove_logs. A log whose process died counts as finished."""
        with self._lock:
            self._look()
            files = self._newest_first
            if client_passenger is not None:
                files = self._of(client_passenger)[1 if client_passenger else 0 :]
            return self._remove([file for file in files if file.started_at < before])

    def remove_surplus(self, client_passenger: str, count: int | None, size: int | None) -> int:
        """See Database.remove_surplus_logs."""
        with self._lock:
            self._look()
            files = self._of(client_passenger)
            number = 0 if count is None else len(files) - count
            excess = 0 if size is None else sum(map(_size, files)) - size
            gone: list[LogFile] = []
            for file in reversed(files[1:]):
                if len(gone) >= number and excess <= 0:
                    break
                if file.id not in self._running:
                    gone.append(file)
                    excess -= _size(file)
            return self._remove(gone)

    def _of(self, client_passenger: str) -> list[LogFile]:
        """Newest first."""
        return [file for file in self._newest_first if _whose(file) == client_passenger]

    def _remove(self, files: Iterable[LogFile]) -> int:
        removed = 0
        for file in files:
            if file.id not in self._running:
                with suppress(FileNotFoundError):
                    file.path.unlink()
                    removed += 1
        if removed:
            sync_folder(self._folder)
        return removed

    def space(self) -> dict[str, int]:
        """Bytes by client passenger."""
        with self._lock:
            self._look()
            files = list(self._newest_first)
        sizes: Counter[str] = Counter()
        for file in files:
            sizes[_whose(file)] += _size(file)
        return dict(sizes)

    def close(self) -> None:
        """Give the files of trips that were left back."""
        with self._lock:
            while self._running:
                self._running.popitem()[1].close()

    # Reading ----------------------------------------------------------------------------------------------------

    def rows(self, query: LogQuery) -> Rows[LogRow]:
        """See Database.log_rows. Reads the page's files only, unless it filters by what is in them."""
        with self._lock:
            self._look()
            files = [
                file
                for file in self._newest_first
                if (query.started_from is None or file.started_at >= query.started_from)
                and (query.started_until is None or file.started_at < query.started_until)
            ]
        end = query.offset + query.limit
        if query.client_passenger or query.worst or query.text:
            rows = [row for row in _rows(files) if _matches(row, query)]
            return Rows(rows[query.offset : end], len(rows))
        return Rows(list(_rows(files[query.offset : end])), len(files))

    def entries(self, log_id: str, offset: int, limit: int | None) -> Rows[LogEntry]:
        """See Database.log_entries."""
        with self._lock:
            file = self._find(log_id)
        if file is not None:
            with suppress(FileNotFoundError):
                return file.page(offset, limit)
        raise NotFoundError(f"There is no log {log_id!r:.200} in {self._folder}.")

    def _find(self, log_id: str) -> LogFile | None:
        self._look()
        return next((file for file in self._newest_first if file.id == log_id), None)

    def _look(self) -> None:
        """See which files there are now; those that were there keep what is known of them."""
        try:
            names = {path.name for path in self._folder.iterdir() if path.suffix == self._extension}
        except FileNotFoundError:
            names = set[str]()
        if names == self._files.keys():
            return
        self._files = {name: self._files.get(name) or self._log_file(name) for name in names}
        files = [file for file in self._files.values() if file is not None]
        self._newest_first = sorted(files, key=lambda file: (file.started_at, file.id), reverse=True)

    def _log_file(self, name: str) -> LogFile | None:
        match = _NAME.fullmatch(name.removesuffix(self._extension))
        if match is None:
            return None
        day, hour, minute, second, log_id = match.groups()
        try:
            return LogFile(self._folder / name, log_id, parse_time(f"{day}T{hour}:{minute}:{second}"))
        except (ValueError, OverflowError):
            return None


def _whose(file: LogFile) -> str:
    with suppress(FileNotFoundError):
        return file.client_passenger()
    return ""


def _size(file: LogFile) -> int:
    with suppress(FileNotFoundError):
        return file.size()
    return 0


def _rows(files: Iterable[LogFile]) -> Iterator[LogRow]:
    for file in files:
        with suppress(FileNotFoundError):
            yield file.row()


def _matches(row: LogRow, query: LogQuery) -> bool:
    text = query.text.casefold()
    return (
        (not query.client_passenger or row.client_passenger == query.client_passenger)
        and (query.worst is None or row.worst.severity >= query.worst.severity)
        and (not text or text in row.id.casefold() or text in row.client_passenger.casefold())
    )
