"""A trip from departure to arrival: its log, its driver, and what is left of it when it is over."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from databus_core.engine.bus import Tally
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.driver import Driver
from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseError, DatabusError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.clock import now
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database
from databus_core.plugins.factory import Factory

FLUSH_SECONDS = 0.2
FLUSH_ENTRIES = 200


@dataclass(slots=True)
class LogWriter:
    """Writes a log to the database in bunches; no line waits for longer than FLUSH_SECONDS.

    When the database fails, the plug-in that wrote the line is not to blame: the failure is kept for the trip's end.
    """

    database: Database
    failure: DatabaseError | None = None
    _waiting: list[LogEntry] = field(default_factory=list[LogEntry])
    _flushed_at: float = 0.0
    _timer: threading.Timer | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, log: Log, entry: LogEntry) -> None:
        """Take one entry; see LogSink."""
        with self._lock:
            self._waiting.append(entry)
            urgent = entry.type is MessageType.ERROR or len(self._waiting) >= FLUSH_ENTRIES
            if urgent or time.monotonic() - self._flushed_at >= FLUSH_SECONDS:
                self._flush(log)
            elif self._timer is None:
                self._timer = threading.Timer(FLUSH_SECONDS, self.flush, (log,))
                self._timer.daemon = True
                self._timer.start()

    def flush(self, log: Log) -> None:
        """Hand everything that waits to the database."""
        with self._lock:
            self._flush(log)

    def _flush(self, log: Log) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        waiting, self._waiting = self._waiting, []
        if waiting and self.failure is None:
            try:
                self.database.append_log(log, waiting)
            except DatabaseError as error:
                self.failure = error
        self._flushed_at = time.monotonic()


class Trip:
    """One trip; it is over when its driver is done, or when it is left."""

    def __init__(
        self,
        bus_ticket: BusTicket,
        log: Log,
        storage: Storage,
        factory: Factory,
        driver_module: str,
        on_change: Callable[[], None],
        announce: Callable[[BreakerChange], None],
    ) -> None:
        """See Driver for `on_change` and `announce`."""
        self._ticket = bus_ticket
        self._log = log
        self._own_log = log.of("databus")
        self._storage = storage
        self._factory = factory
        self._driver_module = driver_module
        self._on_change = on_change
        self._announce = announce
        self._writer = LogWriter(storage.database)
        self._tally = Tally()
        self._ending = threading.Lock()
        self._record: TripRecord | None = None

    def conduct(self) -> TripRecord:
        """Run it in this thread, to its end; its log is written whatever happens.

        Raises DatabaseError when the log cannot be written.
        """
        client_id, route = self._ticket.client_id, self._ticket.client_passenger
        self._log.sinks = (*self._log.sinks, self._writer)
        self._own_log.info(f"Trip of {route.name} begins")
        error = ""
        try:
            queue = self._storage.queue(client_id, route.queue)
            parts = self._ticket, queue, self._factory, self._log, self._on_change, self._announce
            driver = self._factory.create(Driver, self._driver_module, *parts)
            self._tally = driver.tally
            driver.drive()
            for sentence in self._storage.clean(client_id, self._ticket.client):
                self._own_log.info(sentence)
        except DatabusError as raised:
            error = f"The trip ended early: {raised}"
        except BaseException:  # noqa: BLE001 - one trip must not end the dispatcher
            error = f"The trip crashed\n{traceback.format_exc().rstrip()}"
        return self._end(error)

    def leave(self) -> TripRecord:
        """End it from another thread, while the one that conducts it hangs; what that one still writes is not kept.

        Raises DatabaseError when the log cannot be written.
        """
        seconds = round((now() - self._log.started_at).total_seconds())
        try:
            return self._end(
                f"The trip was left after {seconds} second{'' if seconds == 1 else 's'}; "
                "what it had not stored is done again on its next trip"
            )
        finally:
            self._log.sinks = ()

    def _end(self, error: str) -> TripRecord:
        """Write the end of the log, and the record of the trip; who comes second finds them written."""
        with self._ending:
            if self._record is None:
                self._record = self._ended(error)
            return self._record

    def _ended(self, error: str) -> TripRecord:
        log, tally = self._log, self._tally
        if error:
            self._own_log.error(error)
        self._own_log.info(f"Trip ends: {tally}")
        self._writer.flush(log)
        log.finished_at = now()
        if self._writer.failure is not None:
            raise self._writer.failure
        self._storage.database.finish_log(log)
        record = TripRecord(
            self._ticket.client_passenger.name,
            log.id,
            log.started_at,
            log.finished_at,
            log.worst,
            tally.seated,
            tally.processed,
            tally.pushed,
            tally.failed,
        )
        self._storage.database.record_trip(self._ticket.client_id, record)
        return record
