"""The second part of a trip: a passenger goes through its processors."""

from __future__ import annotations

from collections.abc import Sequence

from databus_core.engine.attempts import Attempts, checked
from databus_core.engine.bus import Bus
from databus_core.engine.calls import Call
from databus_core.engine.queue import processable
from databus_core.engine.work import Work
from databus_core.errors import AttachmentError, PluginError
from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry, Step
from databus_core.plugins.processor import Processor


class Processing:
    """Runs the processors that a passenger still needs, in order; the first that is not done stops its chain."""

    def __init__(self, bus: Bus, work: Work, attempts: Attempts) -> None:
        self._bus = bus
        self._work = work
        self._attempts = attempts

    def process(self, entry: QueueEntry) -> bool:
        """Answers whether the passenger can be pushed now. Raises DatabaseError."""
        for step in processable(entry):
            if step.waits_for_a_person or not self._bus.is_due(step):
                return False
            # A processor may leave the passenger out, which completes the steps behind its own.
            if not step.complete and not self._process(entry, step):
                return False
        return True

    def _process(self, entry: QueueEntry, step: Step) -> bool:
        processor = self._bus.crew.member(Processor, step.name, step.module)
        passenger = self._bus.boarded(entry) if processor is not None else None
        if processor is None or passenger is None:
            if self._attempts.not_begun(Processor, step, self._bus):
                self._work.store(entry)
            return False
        try:
            about = Call.of(entry, step, "processing")
            outcome = checked(self._bus.crew.call(lambda: processor.process(passenger), about), NotYet, LeaveOut)
            if unfit := passenger.unfit():
                raise PluginError(f"it left a passenger that cannot be stored: {unfit}")
        except PluginError as error:
            self._bus.failed(step.name, f"Processing {entry} failed: {error}", error)
            self._attempts.failed(step, str(error), error.__cause__)
            self._work.store(entry)
            return False
        if isinstance(outcome, NotYet):
            if self._attempts.not_yet(step, outcome):
                self._work.store(entry)
            self._bus.log.of(step.name).info(f"{entry} waits: {outcome.reason}")
            return False
        return self._take_over(entry, step, passenger, outcome)

    def _take_over(self, entry: QueueEntry, step: Step, passenger: Passenger, outcome: LeaveOut | None) -> bool:
        """Keep what a processor made of the passenger, with its step complete; all or nothing.

        What it made of attachments is stored at once, because that may fail. Anything else is stored with the outcome
        of the next push: a processor may run twice.
        """
        attempts, before = step.attempts, (entry.attachments, entry.properties)
        old_contents = [attachment.content for attachment in entry.attachments]
        entry.attachments, entry.properties = passenger.attachments, passenger.properties
        self._attempts.done(step)
        left_out = self._leave_out(entry, step, outcome) if outcome else []
        new_contents = [attachment.content for attachment in entry.attachments]
        try:
            if left_out or not _same(old_contents, new_contents):
                self._work.store_alone(entry)
            else:
                self._work.store_soon(entry)
        except AttachmentError as error:
            self._bus.failed(step.name, f"What became of {entry} cannot be stored: {error}", error)
            entry.attachments, entry.properties = before
            for other in left_out:
                other.reopen()
            step.attempts = attempts
            self._attempts.failed(step, str(error), error)
            self._work.store(entry)
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


def _same(before: Sequence[object], after: Sequence[object]) -> bool:
    return len(before) == len(after) and all(old is new for old, new in zip(before, after, strict=True))
