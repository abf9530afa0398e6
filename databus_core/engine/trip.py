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


def conduct(
    bus_ticket: BusTicket,
    log: Log,
    storage: Storage,
    factory: Factory,
    driver_module: str,
    on_change: Callable[[], None],
) -> TripRecord:
    """Run a whole trip in this thread; its log is written whatever happens.

    Raises DatabaseError when the log cannot be written.
    """
    writer = LogWriter(storage.database)
    log.sinks = (*log.sinks, writer)
    own_log = log.of("databus")
    route = bus_ticket.client_passenger
    tally = Tally()
    own_log.info(f"Trip of {route.name} begins")
    try:
        queue = storage.queue(bus_ticket.client_id, route.queue)
        driver = factory.create(Driver, driver_module, bus_ticket, queue, factory, log, on_change)
        tally = driver.tally
        driver.drive()
        storage.clean(bus_ticket.client_id, bus_ticket.client)
    except DatabusError as error:
        own_log.error(f"The trip ended early: {error}")
    except BaseException:  # noqa: BLE001 - one trip must not end the dispatcher
        own_log.error(f"The trip crashed\n{traceback.format_exc().rstrip()}")
    own_log.info(
        f"Trip ends: {tally.seated} seated, {tally.processed} processed, {tally.pushed} pushed, "
        f"{tally.failed} steps failed"
    )
    writer.flush(log)
    log.finished_at = now()
    if writer.failure is not None:
        raise writer.failure
    storage.database.finish_log(log)
    record = TripRecord(
        route.name,
        log.id,
        log.started_at,
        log.finished_at,
        log.worst,
        tally.seated,
        tally.processed,
        tally.pushed,
        tally.failed,
    )
    storage.database.record_trip(bus_ticket.client_id, record)
    return record
