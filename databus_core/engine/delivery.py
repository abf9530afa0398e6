"""The third part of a trip: a passenger goes to its pushers."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from databus_core.engine.attempts import Attempts, checked, shown
from databus_core.engine.bus import Bus
from databus_core.engine.calls import Call
from databus_core.engine.queue import deliverable
from databus_core.engine.work import Work
from databus_core.errors import DatabusError, OutcomeUnknown, PluginError
from databus_core.model.client import PusherReference
from databus_core.model.outcome import NotYet
from databus_core.model.passenger import Passenger
from databus_core.model.policies import AfterCrash, CommitMode
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step
from databus_core.plugins.pusher import Pushed, Pusher


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One passenger for one pusher."""

    entry: QueueEntry
    step: Step
    passenger: Passenger


@dataclass(slots=True)
class _Batch:
    """What is gathered for a pusher that takes several at once."""

    pusher: Pusher
    parcels: list[_Parcel] = field(default_factory=list[_Parcel])


class Delivery:
    """Pushes passengers, one by one or in batches, and stores each outcome before anything else happens to them."""

    def __init__(self, bus: Bus, work: Work, attempts: Attempts) -> None:
        self._bus = bus
        self._work = work
        self._attempts = attempts
        self._pushers = {each.step_name: each for each in bus.ticket.client_passenger.pushers}
        self._batches: dict[str, _Batch] = {}
        self._spared: dict[str, int] = {}
        """How many passengers were not offered to a pusher, by step name."""

    def deliver(self, entry: QueueEntry) -> None:
        """Push it to every pusher that may have it now; those with batches may have it later. Raises DatabaseError."""
        for step in deliverable(entry):
            if step.waits_for_a_person or not self._bus.is_due(step):
                continue
            if step.status is not QueueStatus.RUNNING or self._settle(entry, step):
                self._offer(entry, step)

    def flush(self) -> None:
        """Deliver the batches that are not full. Raises DatabaseError."""
        for name in list(self._batches):
            self._push_batch(name)
        self._work.flush()

    def report(self) -> None:
        """Say who was spared."""
        for name, count in self._spared.items():
            who = "1 passenger waits" if count == 1 else f"{count} passengers wait"
            self._bus.log.of(name).info(f"{who} for {name}: {self._bus.guards[name].why_closed}")

    # One by one -------------------------------------------------------------------------------------------------

    def _offer(self, entry: QueueEntry, step: Step) -> None:
        pusher = self._bus.crew.member(Pusher, step.name, step.module)
        guard = self._bus.guard(step)
        if pusher is not None and not guard.lets_pass(entry.internal_id):
            self._spared[step.name] = self._spared.get(step.name, 0) + 1
            return
        passenger = self._bus.boarded(entry) if pusher is not None else None
        if pusher is None or passenger is None:
            if pusher is not None:
                guard.turn_back()
            if self._attempts.not_begun(Pusher, step, self._bus):
                self._work.store(entry)
            return
        parcel = _Parcel(entry, step, passenger)
        try:
            batch_size = self._bus.crew.call(lambda: operator.index(pusher.batch_size))
        except PluginError as error:
            self._take_down(pusher, parcel, error)
            guard.came_back(1)
            return
        if batch_size > 1:
            self._gather(pusher, parcel, batch_size)
        else:
            self._push(pusher, parcel)

    def _push(self, pusher: Pusher, parcel: _Parcel) -> None:
        self._announce(pusher, [parcel])
        try:
            about = Call.of(parcel.entry, parcel.step, "pushing")
            outcome: Pushed = checked(self._bus.crew.call(lambda: pusher.push(parcel.passenger), about), NotYet)
        except PluginError as error:
            outcome = error
        self._take_down(pusher, parcel, outcome)
        self._bus.guard(parcel.step).came_back(1)

    def _announce(self, pusher: Pusher, parcels: Sequence[_Parcel]) -> None:
        """Make durable that these pushes begin, where it matters after a crash whether they did."""
        for parcel in parcels:
            if pusher.can_tell or self._reference(parcel.step).after_crash is AfterCrash.HOLD:
                parcel.step.begin()
                self._work.store_soon(parcel.entry)
        if any(parcel.step.status is QueueStatus.RUNNING for parcel in parcels):
            self._work.flush()

    # In batches -------------------------------------------------------------------------------------------------

    def _gather(self, pusher: Pusher, parcel: _Parcel, batch_size: int) -> None:
        name = parcel.step.name
        batch = self._batches.setdefault(name, _Batch(pusher))
        batch.parcels.append(parcel)
        # While its breaker is open, the target is tried with one passenger; and none waits for the rate limit's next.
        if len(batch.parcels) >= batch_size or self._bus.guard(parcel.step).is_full:
            self._push_batch(name)

    def _push_batch(self, name: str) -> None:
        batch = self._batches.pop(name)
        pusher, parcels = batch.pusher, batch.parcels
        passengers = [parcel.passenger for parcel in parcels]
        self._announce(pusher, parcels)
        try:
            about = Call(name, f"pushing {len(parcels)} passengers")
            outcomes = _one_each(self._bus.crew.call(lambda: pusher.push_batch(passengers), about), len(parcels))
        except PluginError as error:
            outcomes = [error] * len(parcels)
        for parcel, outcome in zip(parcels, outcomes, strict=True):
            self._take_down(pusher, parcel, outcome, grouped=True)
        self._bus.guard(parcels[0].step).came_back(len(parcels))
        self._work.flush()
        for parcel in parcels:
            self.finish(parcel.entry)

    def finish(self, entry: QueueEntry) -> None:
        """Let go of it when no batch has it any more."""
        if not any(parcel.entry is entry for batch in self._batches.values() for parcel in batch.parcels):
            self._bus.let_go(entry)
            self._work.finish(entry)

    # Outcomes ---------------------------------------------------------------------------------------------------

    def _take_down(self, pusher: Pusher, parcel: _Parcel, outcome: Pushed, *, grouped: bool = False) -> None:
        """Write what came of it on the step, and store that."""
        entry, step = parcel.entry, parcel.step
        if outcome is None:
            self._attempts.done(step)
            self._bus.guard(step).succeeded()
            self._bus.tally.pushed += 1
            self._bus.log.of(step.name).info(f"Pushed {entry}")
        elif isinstance(outcome, NotYet):
            self._bus.log.of(step.name).info(f"{entry} waits: {outcome.reason}")
            if not self._attempts.not_yet(step, outcome):
                return
        else:
            self._failed(pusher, parcel, outcome)
        if grouped or self._reference(step).commit is CommitMode.GROUPED:
            self._work.store_soon(entry)
        else:
            self._work.store(entry)

    def _failed(self, pusher: Pusher, parcel: _Parcel, error: Exception) -> None:
        entry, step = parcel.entry, parcel.step
        wrapped = error if isinstance(error, PluginError) else PluginError.of(error)
        cause = wrapped.__cause__
        self._bus.failed(step.name, f"Pushing {entry} failed: {wrapped}", wrapped)
        if isinstance(cause, OutcomeUnknown) and not self._settle(entry, step):
            return
        if not self._attempts.failed(step, str(wrapped), cause):
            self._bus.guard(step).failed(str(wrapped))

    def _settle(self, entry: QueueEntry, step: Step) -> bool:
        """Find out what became of a push whose outcome is not known; answers whether to push (again)."""
        pusher = self._bus.crew.member(Pusher, step.name, step.module)
        delivered = None
        if pusher is not None and pusher.can_tell:
            try:
                delivered = self._was_delivered(pusher, entry, step)
            except DatabusError as error:
                self._bus.failed(step.name, f"Whether {entry} was delivered could not be found out: {error}", error)
                self._attempts.failed(step, str(error), error.__cause__)
                if not step.waits_for_a_person:
                    step.begin()
                self._work.store(entry)
                return False
        if delivered is True:
            self._attempts.done(step, "found delivered after its push was interrupted")
            self._bus.tally.pushed += 1
            self._bus.log.of(step.name).info(f"{entry} was delivered by the push that was interrupted")
        elif delivered is None and self._reference(step).after_crash is AfterCrash.HOLD:
            step.doubt("its push was interrupted, and nobody can tell whether it arrived")
            self._bus.failed(step.name, f"{entry} is held: {step.error}; set the step to complete or to incomplete")
        else:
            step.status = QueueStatus.INCOMPLETE
            return True
        self._work.store(entry)
        return False

    def _was_delivered(self, pusher: Pusher, entry: QueueEntry, step: Step) -> bool | None:
        """Raises PluginError, FactoryError."""
        passenger = self._bus.crew.board(entry)
        key, about = self._bus.crew.call(lambda: pusher.delivery_key(passenger)), Call.of(entry, step, "asked about")
        return checked(self._bus.crew.call(lambda: pusher.was_delivered(passenger, key), about), bool)

    def _reference(self, step: Step) -> PusherReference:
        """How the configuration wants the pusher used; one that is configured no more, with care."""
        return self._pushers.get(step.name) or PusherReference(module=step.module, name=step.name)


def _one_each(answer: object, count: int) -> list[Pushed]:
    """What a pusher answered for a batch. Raises PluginError when it is not what the contract allows."""
    if not isinstance(answer, (list, tuple)):
        raise PluginError(f"it answered {shown(answer)}; allowed is a list with one outcome for each passenger")
    outcomes = cast("Sequence[object]", answer)
    if len(outcomes) != count:
        raise PluginError(f"it answered {len(outcomes)} outcomes for {count} passengers")
    return [_outcome(each) for each in outcomes]


def _outcome(outcome: object) -> Pushed:
    if outcome is None or isinstance(outcome, Exception):
        return outcome
    if not isinstance(outcome, NotYet):
        return PluginError(f"it answered {shown(outcome)}; allowed are None, NotYet, an exception")
    try:
        return checked(outcome, NotYet)
    except PluginError as error:
        return error
