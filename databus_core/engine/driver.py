"""A driver conducts one trip: board, process, push."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from databus_core.engine.boarding import Boarding
from databus_core.engine.bus import Bus, Tally
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.calls import Call
from databus_core.engine.crew import Crew
from databus_core.engine.queue import Queue, deliverable, mention, processable
from databus_core.engine.reconcile import reconcile
from databus_core.errors import AttachmentError, PluginError
from databus_core.model.clock import now
from databus_core.model.log import Log
from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry, Step
from databus_core.plugins.factory import Factory
from databus_core.plugins.processor import Processor
from databus_core.plugins.pusher import Pusher

OutcomeT = TypeVar("OutcomeT")


class Driver:
    """Drives one trip in the thread that calls `drive`.

    What one plug-in, one passenger or one step does wrong is written to the log (and to the step) and harms no other.
    A ticket may name another module whose `Driver` replaces this one.
    """

    def __init__(
        self, bus_ticket: BusTicket, queue: Queue, factory: Factory, log: Log, on_change: Callable[[], None]
    ) -> None:
        """`on_change` is called, in the trip's thread, whenever the queue has changed."""
        crew = Crew(bus_ticket, factory, log)
        self._bus = Bus(bus_ticket, queue, crew, log, on_change)
        self._route = bus_ticket.client_passenger

    @property
    def tally(self) -> Tally:
        """What was done so far."""
        return self._bus.tally

    def drive(self) -> None:
        """The whole trip. Raises DatabaseError when the database fails: nothing may be done that can't be stored."""
        with self._bus.crew:
            Boarding(self._bus).board()
            for internal_id in self._bus.queue.open_ids(self._route.name):
                self._handle(internal_id)
        self._purge()

    def _handle(self, internal_id: str) -> None:
        """Everything that can be done for one passenger now."""
        with self._bus.queue.hold([internal_id]):
            entry = self._bus.entry(internal_id)
            if entry is None:
                return
            self._follow_configuration(entry)
            if all(step.complete or self._process(entry, step) for step in processable(entry)):
                for step in deliverable(entry):
                    self._push(entry, step)

    def _follow_configuration(self, entry: QueueEntry) -> None:
        """A passenger that was seated before the configuration changed has the steps of the present one."""
        if changes := reconcile(entry, self._route):
            mention(entry, self._bus.log.id)
            self._store(entry)
            for change in changes:
                self._bus.log.of(__name__).info(f"{entry}: {change}")

    def _process(self, entry: QueueEntry, step: Step) -> bool:
        """One processor; answers whether the next one may go on."""
        processor = self._bus.crew.member(Processor, step.name, step.module)
        passenger = self._bus.boarded(entry) if processor is not None else None
        if processor is None or passenger is None:
            self._not_begun(entry, step)
            return False
        try:
            outcome = _checked(
                self._bus.crew.call(lambda: processor.process(passenger), _call(entry, step, "processing")),
                NotYet,
                LeaveOut,
            )
            if unfit := passenger.unfit():
                raise PluginError(f"it left a passenger that cannot be stored: {unfit}")
        except PluginError as error:
            self._bus.failed(step.name, f"Processing {entry} failed: {error}", error)
            self._not_done(entry, step, str(error))
            return False
        if isinstance(outcome, NotYet):
            self._not_yet(entry, step, outcome)
            return False
        return self._take_over(entry, step, passenger, outcome)

    def _take_over(self, entry: QueueEntry, step: Step, passenger: Passenger, outcome: LeaveOut | None) -> bool:
        """Store what a processor made of the passenger, with its step complete; all or nothing."""
        attempts = step.attempts
        before = entry.attachments, entry.properties
        entry.attachments, entry.properties = passenger.attachments, passenger.properties
        self._done(entry, step)
        left_out = self._leave_out(entry, step, outcome) if outcome else []
        try:
            self._store(entry)
        except AttachmentError as error:
            self._bus.failed(step.name, f"What became of {entry} cannot be stored: {error}", error)
            entry.attachments, entry.properties = before
            for other in left_out:
                other.reopen()
            step.attempts = attempts
            self._not_done(entry, step, str(error))
            return False
        self._bus.tally.processed += 1
        return True

    def _leave_out(self, entry: QueueEntry, step: Step, outcome: LeaveOut) -> list[Step]:
        """Nothing more is done for the passenger; answers the steps that this completes."""
        rest = [other for other in entry.steps() if not other.complete]
        for other in rest:
            other.finish(f"left out by {step.name}: {outcome.reason}")
        self._bus.log.of(step.name).info(f"{entry} needs nothing more: {outcome.reason}")
        return rest

    def _push(self, entry: QueueEntry, step: Step) -> None:
        pusher = self._bus.crew.member(Pusher, step.name, step.module)
        passenger = self._bus.boarded(entry) if pusher is not None else None
        if pusher is None or passenger is None:
            self._not_begun(entry, step)
            return
        try:
            outcome = _checked(
                self._bus.crew.call(lambda: pusher.push(passenger), _call(entry, step, "pushing")), NotYet
            )
        except PluginError as error:
            self._bus.failed(step.name, f"Pushing {entry} failed: {error}", error)
            self._not_done(entry, step, str(error))
            return
        if isinstance(outcome, NotYet):
            self._not_yet(entry, step, outcome)
            return
        self._done(entry, step)
        self._bus.tally.pushed += 1
        self._store(entry)
        self._bus.log.of(step.name).info(f"Pushed {entry}")

    def _not_begun(self, entry: QueueEntry, step: Step) -> None:
        """Its plug-in is missing, which the log says once; or the passenger cannot be boarded, which is counted."""
        missing = self._bus.crew.why_missing(step.name)
        if missing:
            self._bus.tally.failed += 1
        if step.name in self._bus.ticket.quarantined:
            if step.error != missing:
                step.fail(missing)  # no attempt: its plug-in was not called
                mention(entry, self._bus.log.id)
                self._store(entry)
            return
        self._not_done(entry, step, missing or "the passenger cannot be boarded")

    def _done(self, entry: QueueEntry, step: Step) -> None:
        step.attempts += 1
        step.finish()
        mention(entry, self._bus.log.id)

    def _not_done(self, entry: QueueEntry, step: Step, error: str) -> None:
        step.attempts += 1
        step.fail(error)
        mention(entry, self._bus.log.id)
        self._store(entry)

    def _not_yet(self, entry: QueueEntry, step: Step, outcome: NotYet) -> None:
        """Waiting is no attempt and no error; it is stored when the reason is a new one."""
        if step.note != outcome.reason or step.error:
            step.reopen(outcome.reason)
            mention(entry, self._bus.log.id)
            self._store(entry)
        self._bus.log.of(step.name).info(f"{entry} waits: {outcome.reason}")

    def _store(self, entry: QueueEntry) -> None:
        self._bus.queue.update([entry])
        self._bus.on_change()

    def _purge(self) -> None:
        days = self._route.queue_life_span
        removed = self._bus.queue.purge(self._route.name, now() - timedelta(days=days))
        if removed:
            self._bus.log.of(__name__).info(f"Removed {removed} passengers completed more than {days:g} days ago")
            self._bus.on_change()


def _call(entry: QueueEntry, step: Step, doing: str) -> Call:
    return Call(step.name, doing, str(entry), entry.internal_id)


def _checked(outcome: OutcomeT, *allowed: type[object]) -> OutcomeT:
    """What a plug-in answered. Raises PluginError when it is not what the contract allows."""
    if outcome is not None and not isinstance(outcome, allowed):
        names = ", ".join(each.__name__ for each in allowed)
        raise PluginError(f"it answered {outcome!r:.80}; allowed are None, {names}")
    return outcome
