"""A trip from departure to arrival: its log, its driver, and what is left of it when it is over."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from databus_core.engine.access import Access
from databus_core.engine.attempts import Attempts
from databus_core.engine.calls import MAKING, Call, CallUnderWay
from databus_core.engine.put_off import put_off_until
from databus_core.engine.quarantine import Quarantine
from databus_core.engine.queue import HOLD_SECONDS, mention
from databus_core.engine.ride import Ending, Order, Ride
from databus_core.engine.storage import Storage
from databus_core.errors import DatabaseError, DatabusError
from databus_core.model.byte_size import size_text
from databus_core.model.clock import now
from databus_core.model.duration import format_duration
from databus_core.model.log import Log, LogEntry, MessageType
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.trip import TripRecord
from databus_core.plugins.database import Database

FLUSH_SECONDS = 0.2
FLUSH_ENTRIES = 1000
"""Each flush is a commit of its own, for which a quick trip waits."""

MAKING_SECONDS = 60.0
"""Making a plug-in loads its module, which may take longer than any call of it."""


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


@dataclass(frozen=True, slots=True)
class Arrival:
    """A trip is over."""

    record: TripRecord
    put_off_until: datetime | None
    """When the next one can try again what this one could not do yet; None when nothing waits for a time."""


def _is_late(under_way: CallUnderWay, limit: float) -> bool:
    return under_way.seconds > (max(limit, MAKING_SECONDS) if under_way.call.doing == MAKING else limit)


class Trip:
    """One trip; it is over when its driver is done, or when it is ended before."""

    def __init__(
        self,
        order: Order,
        storage: Storage,
        access: Access,
        ride: Ride,
        quarantine: Quarantine,
        on_change: Callable[[], None],
    ) -> None:
        """`access` is the ride's way to the data, and closed when the trip is over."""
        self._order = order
        self._ticket = order.bus_ticket
        self._log = order.log
        self._own_log = order.log.of("databus")
        self._storage = storage
        self._access = access
        self._ride = ride
        self._quarantine = quarantine
        self._on_change = on_change
        self._writer = LogWriter(storage.database)
        self._ending = threading.Lock()
        self._ended_by: Ending | None = None
        self._arrival: Arrival | None = None

    def conduct(self) -> Arrival:
        """Run it in this thread, to its end; its log is written whatever happens.

        Raises DatabaseError when the log cannot be written.
        """
        client_id, route = self._ticket.client_id, self._ticket.client_passenger
        self._log.sinks = (*self._log.sinks, self._writer)
        what = ", for what was put off: nothing is pulled" if self._ticket.put_off else ""
        self._own_log.info(f"Trip of {route.name} begins{what}")
        try:
            ticket = replace(self._ticket, quarantined=self._quarantine.reasons(client_id))
            ending = self._ride.drive(replace(self._order, bus_ticket=ticket))
            if ending is None:
                for sentence in self._storage.clean(client_id, self._ticket.client):
                    self._own_log.info(sentence)
        except DatabusError as raised:
            ending = Ending(f"The trip ended early: {raised}")
        except BaseException:  # noqa: BLE001 - one trip must not end the dispatcher
            ending = Ending(f"The trip crashed\n{traceback.format_exc().rstrip()}")
        return self._end(ending)

    # Ending it before ------------------------------------------------------------------------------------------

    def excess(self) -> Ending | None:
        """Which of its limits is exceeded, if one is; from any thread."""
        route = self._ticket.client_passenger
        limit = route.call_time_limit
        calls = self._ride.under_way() if limit is not None else ()
        late = next((each for each in calls if limit is not None and _is_late(each, limit.total_seconds())), None)
        if late is not None and limit is not None:
            why = f"it took longer than its time limit of {format_duration(limit)}"
            return Ending(f"The trip was ended while {late.call.step} was {late.call}: {why}", late, why)
        most = route.memory_limit or 0
        memory = self._ride.memory() if most else 0
        if memory <= most:
            return None
        why = f"its process used {size_text(memory)} of memory, and {size_text(most)} are allowed"
        calls = self._ride.under_way()
        return Ending(f"The trip was ended: {why}", calls[-1] if calls else None, why, crashed=True)

    def halting(self, who: str) -> Ending:
        """Somebody wants it ended."""
        return Ending(f"The trip was halted{f' by {who}' if who else ''}{self._after()}")

    def leaving(self) -> Ending:
        """The dispatcher does not wait any longer."""
        return Ending(f"The trip was left{self._after()}")

    def _after(self) -> str:
        seconds = round((now() - self._log.started_at).total_seconds())
        return (
            f" after {seconds} second{'' if seconds == 1 else 's'}; "
            "what it had not stored is done again on its next trip"
        )

    def stop(self, ending: Ending) -> None:
        """Let it end, from another thread: `conduct` returns soon, unless a plug-in hangs in a thread."""
        self._ended_by = self._ended_by or ending
        self._access.close()
        if not self._ride.stop() and ending.call is not None:
            # A thread that hangs is there for good: a plug-in must not leave one at every trip.
            self._ended_by = replace(self._ended_by, crashed=True)

    def leave(self) -> Arrival:
        """End it in another thread, while the one that conducts it hangs; what that one still writes is not kept.

        Raises DatabaseError when the log cannot be written.
        """
        try:
            return self._end(None)
        finally:
            self._log.sinks = ()

    # Its end ----------------------------------------------------------------------------------------------------

    def _end(self, ending: Ending | None) -> Arrival:
        """Write the end of the log, and the record of the trip; who comes second finds them written."""
        with self._ending:
            if self._arrival is None:
                self._arrival = self._ended(self._ended_by or ending)
            return self._arrival

    def _ended(self, ending: Ending | None) -> Arrival:
        self._access.close()
        log, tally = self._log, self._ride.tally
        if ending is not None:
            failed = self._blame(ending)
            tally.failed += failed
            self._own_log.error(ending.error)
        self._quarantine.came_back(self._ticket.client_id, self._ride.came_back)
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
        if not self._ticket.put_off:  # the schedule goes on from the trip before
            self._storage.database.record_trip(self._ticket.client_id, record)
        return Arrival(record, self._put_off_until())

    def _put_off_until(self) -> datetime | None:
        return put_off_until(
            self._storage.database, self._ticket.client_id, self._ticket.client_passenger.name, self._log.started_at
        )

    def _blame(self, ending: Ending) -> int:
        """Let the step, and the log, say what its plug-in did not come back from; answers how many steps failed."""
        under_way = ending.call
        if under_way is None:
            return 0
        call = under_way.call
        try:
            self._log.of(call.step).error(f"{call} failed: {ending.why}")
            if ending.crashed:
                state = self._quarantine.crashed(self._ticket.client_id, under_way, ending.why)
                if state.quarantined_at is not None:
                    self._log.of(call.step).error(f"{state}. It is called no more until a person releases it.")
            self._fail_step(call, ending.why)
        except DatabaseError as error:
            self._own_log.error(f"{call} could not be marked as failed: {error}")
        return 1

    def _fail_step(self, call: Call, why: str) -> None:
        queue = self._storage.queue(self._ticket.client_id, self._ticket.client_passenger.queue)
        if not call.internal_id:
            return
        with self._storage.seats.hold([call.internal_id], HOLD_SECONDS):
            entry = queue.entry(call.internal_id)
            step = next((step for step in entry.steps() if step.name == call.step and not step.complete), None)
            if step is None:
                return
            outcome_unknown = step.status is QueueStatus.RUNNING
            Attempts(self._ticket.client_passenger).failed(step, f"{call.doing} failed: {why}")
            if outcome_unknown and not step.waits_for_a_person:
                step.begin()  # the next trip finds out what came of it
            mention(entry, self._log.id)
            queue.update([entry])
        self._on_change()
