"""What everybody on one trip shares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.engine.queue import Queue
from databus_core.errors import DatabusError, FactoryError
from databus_core.model.log import Log
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry


@dataclass(slots=True)
class Tally:
    """What a trip did."""

    seated: int = 0
    processed: int = 0
    pushed: int = 0
    failed: int = 0
    unread: int = 0
    """What pullers said that they could not read, while they went on with the rest."""

    def __str__(self) -> str:
        steps = "step" if self.failed == 1 else "steps"
        unread = f", {self.unread} could not be read" if self.unread else ""
        done = f"{self.seated} seated, {self.processed} processed, {self.pushed} pushed"
        return f"{done}, {self.failed} {steps} failed{unread}"


@dataclass(slots=True)
class Bus:
    """The trip's ticket, queue, crew and log, and the count of what was done."""

    ticket: BusTicket
    queue: Queue
    crew: Crew
    log: Log
    on_change: Callable[[], None]
    """Called, in the trip's thread, whenever the queue has changed."""
    tally: Tally = field(default_factory=Tally)

    def failed(self, module: str, message: str, error: DatabusError | None = None) -> None:
        """Something went wrong for one plug-in, passenger or step: it is counted and logged, and the trip goes on."""
        self.tally.failed += 1
        trace = Crew.trace(error) if error is not None else ""
        self.log.of(module).error(f"{message}\n{trace}" if trace else message)

    def entry(self, internal_id: str) -> QueueEntry | None:
        """The stored entry; None, with an error in the log, when this one cannot be read."""
        try:
            return self.queue.entry(internal_id)
        except DatabusError as error:
            self.failed(__name__, f"Passenger {internal_id} is passed over: {error}")
            return None

    def boarded(self, entry: QueueEntry) -> Passenger | None:
        """A new passenger object from a stored entry, for one plug-in call; None, logged, when it cannot be made."""
        try:
            return self.crew.board(entry)
        except FactoryError as error:
            self.failed(__name__, f"{entry} cannot be boarded: {error}", error)
            return None
