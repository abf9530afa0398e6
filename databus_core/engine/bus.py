"""What everybody on one trip shares."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.engine.guard import Guard, state_name
from databus_core.engine.put_off import put_off_document, put_off_name
from databus_core.engine.queue import Queue
from databus_core.errors import DatabusError, FactoryError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import PusherReference
from databus_core.model.clock import now
from databus_core.model.log import Log
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry, Step
from databus_core.plugins.plugin import Plugin


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
    announce: Callable[[BreakerChange], None]
    """Called, in the trip's thread, when a breaker has opened or closed."""
    tally: Tally = field(default_factory=Tally)
    guards: dict[str, Guard] = field(default_factory=dict[str, Guard])
    """What stands before the pushers that were called, by step name."""
    put_off_until: datetime | None = None
    """The first next attempt of those passengers that something can be done for before."""

    @property
    def moment(self) -> datetime | None:
        """Up to when what is due is tried on this trip: until now, or (None) whatever time it was put off to."""
        return None if self.ticket.expedited else now()

    def is_due(self, step: Step) -> bool:
        """Whether the time of its next attempt has come."""
        at = step.next_attempt_at
        return at is None or self.ticket.expedited or at <= now()

    def guard(self, step: Step) -> Guard:
        """What stands before the pusher of that step."""
        if step.name not in self.guards:
            route = self.ticket.client_passenger
            configured = next((each for each in route.pushers if each.step_name == step.name), None)
            reference = configured or PusherReference(module=step.module, name=step.name)
            name = state_name(route.name, step.name)
            store = functools.partial(self.queue.write_state, name)
            guard = Guard(reference, self.queue.state(name), store, self.announce)
            if self.ticket.expedited:
                guard.try_now()
            self.guards[step.name] = guard
        return self.guards[step.name]

    def let_go(self, entry: QueueEntry) -> None:
        """Nothing more is done for it on this trip: where one of its pushers waits for a time and another one does not,
        it is not known by when something can be done for it, and the time is noted."""
        due_at = entry.due_at
        for step in entry.pushers if due_at is not None else ():
            at = step.next_attempt_at
            if at is not None and due_at is not None and at > due_at:
                self.put_off_until = min(at, self.put_off_until or at)

    def arrive(self) -> None:
        """Store what the next trip must know, and when it is to be. Raises DatabaseError."""
        for guard in self.guards.values():
            guard.arrive()
        name, document = put_off_name(self.ticket.client_passenger.name), put_off_document(self.put_off_until)
        if document != self.queue.state(name):
            self.queue.write_state(name, document)

    def why_not_begun(self, kind: type[Plugin], step: Step) -> str:
        """Its plug-in is missing, which the log says once; or the passenger cannot be boarded, which is counted."""
        missing = self.crew.why_missing(kind, step.name)
        if missing:
            self.tally.failed += 1
        return missing or "the passenger cannot be boarded"

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
