"""One client's folder: its configuration, its last trips, and the doors to its queue, logs and backups."""

from __future__ import annotations

import threading
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from databus_core.database.json_files.backup_folder import BackupFolder
from databus_core.database.json_files.codec import as_text
from databus_core.database.json_files.durable import Flusher, write_atomically
from databus_core.database.json_files.layout import TEMPORARY, ClientLayout
from databus_core.database.json_files.log_folder import LogFolder
from databus_core.database.json_files.plugin_states import PluginStates
from databus_core.database.json_files.queue_folder import QueueFolder
from databus_core.errors import DamagedError
from databus_core.files import replace
from databus_core.model.clock import format_time, now, parse_time
from databus_core.model.customizing import problems_in
from databus_core.model.log import MessageType
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import DatabaseContext


def file_time() -> str:
    """The present time as a part of a file name, also on Windows."""
    return f"{now().astimezone():%Y-%m-%dT%H-%M-%S.%f}"


class ClientFolder:
    """Safe to use from several threads."""

    def __init__(self, layout: ClientLayout, flusher: Flusher, context: DatabaseContext, *, writable: bool) -> None:
        self._layout = layout
        self._flusher = flusher
        self._context = context
        self._writable = writable
        self._lock = threading.Lock()
        self._queue: QueueFolder | None = None
        self._trips: dict[str, TripRecord] | None = None
        self._copied_config: bytes | None = None
        self.logs = LogFolder(layout)
        self.backups = BackupFolder(layout.backups)
        self.plugin_states = PluginStates(layout.plugin_states, context.report)

    def make_ready(self) -> None:
        """Delete what a crash left unfinished, and read the queue."""
        for folder in {self._layout.folder, self._layout.config.parent, self._layout.backups}:
            for path in folder.glob(f"{TEMPORARY}*"):
                path.unlink(missing_ok=True)
        _ = self.queue

    @property
    def queue(self) -> QueueFolder:
        """The queue; read when it is needed first, which a process that only looks at something else never does."""
        with self._lock:
            if self._queue is None:
                self._queue = QueueFolder(self._layout, self._flusher, self._context, writable=self._writable)
            return self._queue

    def close(self) -> None:
        """Give open files back."""
        self.logs.close()

    # Configuration ----------------------------------------------------------------------------------------------

    def configuration(self) -> str:
        """See Database.configuration."""
        file = self._layout.config
        try:
            data = file.read_bytes()
        except FileNotFoundError as error:
            raise DamagedError(f"{file}: the client's configuration is missing.") from error
        try:
            text = as_text(data)
        except ValueError as error:
            raise DamagedError(f"{file}: {error}.{self._keep_copy(data)}") from error
        for problem in problems_in("", text):  # only the JSON: what it says is not the database's business
            where = f"line {problem.line}, column {problem.column}: " if problem.line else ""
            raise DamagedError(f"{file}: {where}{problem.message}.{self._keep_copy(data)}", text)
        return text

    def _keep_copy(self, data: bytes) -> str:
        """The file stays where it is for repair; a copy of it is kept once. Answers a sentence about that."""
        if not self._writable:
            return ""
        with self._lock:
            file = self._layout.config
            copies = sorted(file.parent.glob(f"{file.name}.damaged-*"))
            if self._copied_config != data and not any(_has(copy, data) for copy in copies):
                copies.append(file.with_name(f"{file.name}.damaged-{file_time()}"))
                write_atomically(copies[-1], data)
            self._copied_config = data
            return f" Repair it there; a copy as it is now is kept beside it as {copies[-1].name}."

    def write_configuration(self, text: str) -> None:
        """See Database.write_configuration."""
        write_atomically(self._layout.config, text.encode())

    # Trips ------------------------------------------------------------------------------------------------------

    def record_trip(self, trip: TripRecord) -> None:
        """See Database.record_trip."""
        with self._lock:
            trips = self._read_trips() | {trip.client_passenger: trip}
            document = {name: _trip_document(record) for name, record in trips.items()}
            write_atomically(self._layout.trips, orjson.dumps(document, option=orjson.OPT_INDENT_2), durable=False)
            self._trips = trips

    def last_trips(self) -> dict[str, TripRecord]:
        """See Database.last_trips."""
        with self._lock:
            return dict(self._read_trips())

    def _read_trips(self) -> dict[str, TripRecord]:
        if self._trips is None:
            file = self._layout.trips
            try:
                document = orjson.loads(file.read_bytes())
                self._trips = {name: _trip(name, record) for name, record in document.items()}
            except FileNotFoundError:
                self._trips = {}
            except (ValueError, TypeError, KeyError, AttributeError) as error:
                self._trips = {}
                self._context.report(f"{file}: {error}. When the client's passengers travelled last is forgotten.")
                if self._writable:
                    replace(file, file.with_name(f"{file.name}.damaged-{file_time()}"))
        return self._trips


def _has(path: Path, data: bytes) -> bool:
    return path.read_bytes() == data


def _trip_document(trip: TripRecord) -> dict[str, Any]:
    return {
        "log_id": trip.log_id,
        "started_at": format_time(trip.started_at),
        "finished_at": format_time(trip.finished_at),
        "worst": trip.worst.value,
        "seated": trip.seated,
        "processed": trip.processed,
        "pushed": trip.pushed,
        "failed": trip.failed,
    }


def _trip(client_passenger: str, document: dict[str, Any]) -> TripRecord:
    def at(key: str) -> datetime:
        return parse_time(document[key])

    return TripRecord(
        client_passenger=client_passenger,
        log_id=str(document["log_id"]),
        started_at=at("started_at"),
        finished_at=at("finished_at"),
        worst=MessageType(document["worst"]),
        seated=int(document["seated"]),
        processed=int(document["processed"]),
        pushed=int(document["pushed"]),
        failed=int(document["failed"]),
    )
