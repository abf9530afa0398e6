"""The first part of a trip: pull, seat, notify."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress, islice
from typing import Self, TypeAlias

from databus_core.engine.attempts import Attempts
from databus_core.engine.bus import Bus
from databus_core.engine.pulling import Offered, Pulling
from databus_core.engine.work import Work
from databus_core.errors import AttachmentError, DatabaseError, DatabusError, FactoryError, NotFoundError, PluginError
from databus_core.model.client import ModuleReference
from databus_core.model.identity import new_id
from databus_core.model.passenger import Passenger
from databus_core.model.policies import CommitMode
from databus_core.model.queue_entry import QueueEntry, Step, StepKind
from databus_core.plugins.generation import module_of

LISTED = 10
"""How many passengers a log line names."""


Outcomes: TypeAlias = "dict[str, DatabusError | None]"
"""What came of telling the source, by internal id: None when it knows."""


@dataclass(slots=True)
class _Batch:
    """Passengers pulled together, and their entries in the same order."""

    passengers: list[Passenger]
    entries: list[QueueEntry]
    new: list[QueueEntry] = field(default_factory=list[QueueEntry])
    """Those entries that were seated now."""


class Boarding:
    """Seats what the pullers of one trip offer, and tells the sources which passengers are seated."""

    def __init__(self, bus: Bus, work: Work, attempts: Attempts) -> None:
        self._bus = bus
        self._work = work
        self._attempts = attempts
        self._route = bus.ticket.client_passenger
        self._log = bus.log.of(__name__)
        self._pulling: dict[str, Pulling] = {}
        """The pullers that were called, by step name."""
        self._grouped = any(each.commit is CommitMode.GROUPED for each in self._route.pushers)
        """Whether what came of telling the sources is stored with what comes next."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Returns when every puller is closed."""
        for pulling in self._pulling.values():
            pulling.close()

    def board(self) -> Iterator[list[QueueEntry]]:
        """Everything new, a batch at a time: seated, and the source told. Raises DatabaseError."""
        for reference in self._pullers():
            pulling = self._puller(reference.step_name)
            if pulling.missing is not None:
                self._bus.tally.failed += 1
                continue
            for offered in pulling.batches():
                if (batch := self._fit(offered, reference)).passengers:
                    yield self._take_in(pulling, reference.step_name, batch)
            if pulling.failure is not None:
                self._bus.failed(reference.step_name, f"Pulling failed: {pulling.failure}", pulling.failure)

    def _puller(self, name: str, module: str = "") -> Pulling:
        if name not in self._pulling:
            self._pulling[name] = Pulling(self._bus, name, module)
        return self._pulling[name]

    def notify_again(self, entries: Sequence[QueueEntry]) -> list[QueueEntry]:
        """Tell the sources about those entries of earlier trips that they do not know of, and answer all entries.

        Raises DatabaseError.
        """
        taken = self._work.take_all(entries)
        waiting: defaultdict[str, list[QueueEntry]] = defaultdict(list)
        for entry in taken:
            step = entry.notification
            if not step.complete and not step.waits_for_a_person and self._bus.is_due(step):
                waiting[step.name].append(entry)
        for name, some in waiting.items():
            self._tell_again(name, some)
        self._let_go(taken)
        return taken

    def _tell_again(self, name: str, entries: list[QueueEntry]) -> None:
        pulling = self._puller(name, entries[0].notification.module)
        if pulling.missing is not None:
            self._bus.tally.failed += len(entries)
            outcomes: Outcomes = {entry.internal_id: pulling.missing for entry in entries}
        else:
            boarded = [self._bus.boarded(entry) for entry in entries]
            outcomes = self._tell(pulling, name, [passenger for passenger in boarded if passenger is not None])
        self._record([entry for entry in entries if entry.internal_id in outcomes], outcomes)

    def _take_in(self, pulling: Pulling, name: str, batch: _Batch) -> list[QueueEntry]:
        """Seat a batch and tell the source about what it offered, seated now or before: it must stop offering it.

        Of those seated before that it does not know of yet, `notify_again` tells it, when the retry policy says so.
        Answers what was seated now.
        """
        offered = self._work.take_all(batch.entries)
        self._seat(batch)
        mine = {entry.internal_id for entry in batch.new}
        known = {e.internal_id: self._bus.queue.known(e) for e in batch.entries if e.internal_id not in mine}
        unaware = {other for other in known.values() if other and other not in mine and self._is_unaware(other)}
        passengers = [passenger for passenger in batch.passengers if known.get(passenger.internal_id) not in unaware]
        outcomes = self._tell(pulling, name, passengers)
        self._record(batch.new, outcomes)
        self._let_go(offered)
        return batch.new

    def _is_unaware(self, internal_id: str) -> bool:
        entry = self._bus.entry(internal_id)
        return entry is not None and not entry.puller_notified

    def _record(self, entries: Sequence[QueueEntry], outcomes: Outcomes) -> None:
        """Store what came of telling the source about these entries, which are held."""
        for entry in entries:
            error = outcomes[entry.internal_id]
            if error is None:
                self._attempts.done(entry.notification)
            else:
                self._attempts.failed(entry.notification, str(error), error.__cause__)
            self._work.store_with_next(entry)
        if not self._grouped:
            self._work.flush()  # a person who wants to change one of them need not wait for the pushers

    def _let_go(self, entries: Iterable[QueueEntry]) -> None:
        for entry in entries:
            self._work.finish(entry)

    def _pullers(self) -> Sequence[ModuleReference]:
        if self._bus.ticket.pull:
            return self._route.pullers
        if not self._bus.ticket.put_off:
            self._log.info("Intake is paused: nothing is pulled")
        return ()

    def _fit(self, offered: Iterable[Offered], reference: ModuleReference) -> _Batch:
        """What can be seated of what a puller offers; the rest is logged."""
        batch, name = _Batch([], []), reference.step_name
        for passenger, unfit in offered:
            if unfit:
                self._bus.failed(name, f"Pulled {passenger!r:.200}, which cannot be seated: {unfit}")
            else:
                batch.passengers.append(passenger)
                batch.entries.append(self._new_entry(passenger, reference))
        return batch

    def _new_entry(self, passenger: Passenger, reference: ModuleReference) -> QueueEntry:
        kind = type(passenger)
        return QueueEntry(
            client_passenger=self._route.name,
            passenger_module=self._route.passenger_module if kind is Passenger else module_of(kind),
            external_id=str(passenger.external_id),
            source_system=str(passenger.source_system),
            internal_id=passenger.internal_id,
            notification=Step(StepKind.NOTIFICATION, reference.module, reference.step_name),
            processors=[Step(StepKind.PROCESSOR, each.module, each.step_name) for each in self._route.processors],
            pushers=[Step(StepKind.PUSHER, each.module, each.step_name) for each in self._route.pushers],
            attachments=passenger.attachments,
            properties=passenger.properties,
            log_ids=[self._bus.log.id],
            pulled_at=passenger.pulled_at,
        )

    def _seat(self, batch: _Batch) -> None:
        """Seat the batch; what has an attachment that cannot be read leaves it."""
        try:
            new = self._bus.queue.seat(batch.entries)
        except AttachmentError:
            new = self._seat_one_by_one(batch)
        except DatabaseError:
            if not self._give_own_ids(batch):
                raise
            new = self._bus.queue.seat(batch.entries)
        batch.new = list(compress(batch.entries, new))
        self._bus.tally.seated += len(batch.new)
        if batch.new:
            self._log.info(f"Seated {len(batch.new)} new: {_listed(batch.new)}")
            self._bus.on_change()
        for passenger, entry in self._take_out_namesakes(batch, new):
            self._seat_namesake(batch, passenger, entry)
        if not all(new):
            self._log.info(f"{new.count(False)} offered by the source are seated already")

    def _give_own_ids(self, batch: _Batch) -> bool:
        """A puller that copies its passengers from one may give all the same internal id; answers whether it did."""
        owners: dict[str, tuple[str, str] | None] = {}
        changed = False
        for passenger, entry in zip(batch.passengers, batch.entries, strict=True):
            who = entry.source_system, entry.external_id
            if entry.internal_id not in owners:
                owners[entry.internal_id] = self._owner(entry.internal_id)
            if owners[entry.internal_id] not in {None, who}:
                passenger.internal_id = entry.internal_id = new_id()
                self._work.take(entry)
                changed = True
            owners[entry.internal_id] = who
        return changed

    def _owner(self, internal_id: str) -> tuple[str, str] | None:
        try:
            entry = self._bus.queue.entry(internal_id)
        except NotFoundError:
            return None
        return entry.source_system, entry.external_id

    def _take_out_namesakes(self, batch: _Batch, new: list[bool]) -> list[tuple[Passenger, QueueEntry]]:
        """Those that were not seated because another passenger has their id."""
        numbers = [n for n, is_new in enumerate(new) if not is_new and self._bus.queue.differs(batch.entries[n])]
        taken_out = [(batch.passengers[n], batch.entries[n]) for n in numbers]
        for number in reversed(numbers):
            del batch.passengers[number], batch.entries[number], new[number]
        return taken_out

    def _seat_namesake(self, batch: _Batch, passenger: Passenger, entry: QueueEntry) -> None:
        """Seat a passenger whose id is taken under an id of its own: nothing that a source offers may be lost."""
        other, taken_id = self._bus.queue.known(entry), passenger.external_id
        passenger.external_id = entry.external_id = passenger.distinct_id
        alone = _Batch([passenger], [entry])
        self._seat(alone)
        if alone.new:
            whose = f"passenger {other}" if other else "a passenger that was delivered and removed"
            self._log.warning(
                f"{passenger.origin or entry} has the id {taken_id!r} of {whose}, but another content: "
                f"it is seated as a passenger of its own, {entry}"
            )
        batch.passengers += alone.passengers
        batch.entries += alone.entries
        batch.new += alone.new

    def _seat_one_by_one(self, batch: _Batch) -> list[bool]:
        new: list[bool] = []
        pairs = list(zip(batch.passengers, batch.entries, strict=True))
        batch.passengers, batch.entries = [], []
        for passenger, entry in pairs:
            try:
                new += self._bus.queue.seat([entry])
            except AttachmentError as error:
                self._bus.failed(entry.notification.name, f"{entry} cannot be seated: {error}", error)
            else:
                batch.passengers.append(passenger)
                batch.entries.append(entry)
        return new

    def _tell(self, pulling: Pulling, name: str, passengers: Sequence[Passenger]) -> Outcomes:
        """Notify in one call, and one by one if that fails."""
        if not passengers:
            return {}
        try:
            pulling.notify(passengers)
        except (PluginError, FactoryError) as error:
            if len(passengers) > 1:
                return {i: outcome for each in passengers for i, outcome in self._tell(pulling, name, [each]).items()}
            self._bus.failed(name, f"Notification about {passengers[0]} failed: {error}", error)
            return {passengers[0].internal_id: error}
        return {passenger.internal_id: None for passenger in passengers}


def _listed(entries: Iterable[QueueEntry]) -> str:
    """The first few, so that a log line stays a line."""
    shown = [str(entry) for entry in islice(entries, LISTED + 1)]
    return ", ".join(shown[:LISTED]) + (" and more" if len(shown) > LISTED else "")
