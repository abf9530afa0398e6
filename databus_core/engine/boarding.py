"""The first half of a trip: pull, seat, notify."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from typing import Any

from databus_core.engine.bus import Bus
from databus_core.engine.calls import Call
from databus_core.engine.queue import mention
from databus_core.errors import AttachmentError, PluginError
from databus_core.model.client import ModuleReference
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry, Step, StepKind
from databus_core.plugins.factory import module_of
from databus_core.plugins.puller import Puller

SEAT_BATCH = 100
"""How many passengers are seated, and then notified, at a time."""

LISTED = 10
"""How many passengers a log line names."""


@dataclass(slots=True)
class _Batch:
    """Passengers pulled together, and their entries in the same order."""

    passengers: list[Passenger]
    entries: list[QueueEntry]


class Boarding:
    """Seats what the pullers of one trip offer, and tells the sources which passengers are seated."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._route = bus.ticket.client_passenger
        self._log = bus.log.of(__name__)

    def board(self) -> None:
        """Everything new, then what earlier trips could not notify. Raises DatabaseError."""
        told: set[str] = set()
        for reference in self._route.pullers:
            puller = self._bus.crew.member(Puller, reference.step_name)
            if puller is None:
                self._bus.tally.failed += 1
                continue
            for batch in self._batches(puller, reference):
                self._seat(batch)
                told |= self._notify(puller, reference.step_name, batch)
        self._notify_left_over(told)

    def _batches(self, puller: Puller, reference: ModuleReference) -> Iterator[_Batch]:
        offered = self._offered(puller, reference.step_name)
        while passengers := list(islice(offered, SEAT_BATCH)):
            yield _Batch(passengers, [self._new_entry(passenger, reference) for passenger in passengers])

    def _offered(self, puller: Puller, name: str) -> Iterator[Passenger]:
        """What the puller offers. An error of the puller ends its own pulling and nothing else."""
        try:
            for passenger in self._counted(self._bus.crew.iterate(puller.pull, Call(name, "pulling"))):
                unfit = passenger.unfit() if isinstance(passenger, Passenger) else "it is no Passenger"
                if unfit:
                    self._bus.failed(name, f"Pulled {passenger!r:.200}, which cannot be seated: {unfit}")
                else:
                    yield passenger
        except PluginError as error:
            self._bus.failed(name, f"Pulling failed: {error}", error)

    def _counted(self, offered: Iterator[Any]) -> Iterator[Any]:
        """The same; what the puller says that it could not read is counted."""
        end = object()
        while True:
            before = len(self._bus.log.errors)
            passenger = next(offered, end)
            self._bus.tally.unread += len(self._bus.log.errors) - before
            if passenger is end:
                return
            yield passenger

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

    def _seat(self, batch: _Batch) -> int:
        """Seat the batch, and answer how many were new; what has an attachment that cannot be read leaves it."""
        try:
            new = self._seat_all(batch.entries)
        except AttachmentError:
            new = self._seat_one_by_one(batch)
        count = sum(new)
        self._bus.tally.seated += count
        if count:
            self._log.info(f"Seated {count} new: {_listed(compress(batch.entries, new))}")
            self._bus.on_change()
        for passenger, entry in self._take_out_namesakes(batch, new):
            self._seat_namesake(batch, passenger, entry)
        if not all(new):
            self._log.info(f"{new.count(False)} offered by the source are seated already")
        return count

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
        if self._seat(alone):
            whose = f"passenger {other}" if other else "a passenger that was delivered and removed"
            self._log.warning(
                f"{passenger.origin or entry} has the id {taken_id!r} of {whose}, but another content: "
                f"it is seated as a passenger of its own, {entry}"
            )
        batch.passengers += alone.passengers
        batch.entries += alone.entries

    def _seat_all(self, entries: Sequence[QueueEntry]) -> list[bool]:
        with self._bus.queue.hold([entry.internal_id for entry in entries]):
            return self._bus.queue.seat(entries)

    def _seat_one_by_one(self, batch: _Batch) -> list[bool]:
        new: list[bool] = []
        pairs = list(zip(batch.passengers, batch.entries, strict=True))
        batch.passengers, batch.entries = [], []
        for passenger, entry in pairs:
            try:
                new += self._seat_all([entry])
            except AttachmentError as error:
                self._bus.failed(entry.notification.name, f"{entry} cannot be seated: {error}", error)
            else:
                batch.passengers.append(passenger)
                batch.entries.append(entry)
        return new

    def _notify(self, puller: Puller, name: str, batch: _Batch) -> set[str]:
        """Tell the source about everything it offered, seated now or before: it must stop offering it.

        Answers the internal ids of the entries that this was about.
        """
        told = self._tell(puller, name, batch.passengers)
        ids = [self._bus.queue.known(entry) for entry in batch.entries]
        errors = {i: told[p.internal_id] for i, p in zip(ids, batch.passengers, strict=True) if i}
        self._store(errors)
        return set(errors)

    def _notify_left_over(self, told: set[str]) -> None:
        """Tell the sources about passengers of earlier trips that they were not told about."""
        waiting: defaultdict[str, list[QueueEntry]] = defaultdict(list)
        for internal_id in self._bus.queue.open_ids(self._route.name):
            entry = self._bus.entry(internal_id) if internal_id not in told else None
            if entry is not None and not entry.puller_notified:
                waiting[entry.notification.name].append(entry)
        for name, entries in waiting.items():
            puller = self._bus.crew.member(Puller, name, entries[0].notification.module)
            if puller is None:
                self._bus.tally.failed += len(entries)
                self._store({entry.internal_id: self._bus.crew.why_missing(name) for entry in entries})
            else:
                boarded = [self._bus.boarded(entry) for entry in entries]
                self._store(self._tell(puller, name, [passenger for passenger in boarded if passenger is not None]))

    def _tell(self, puller: Puller, name: str, passengers: Sequence[Passenger]) -> dict[str, str]:
        """Notify in one call, and one by one if that fails; answers an error text (or "") by internal id."""
        if not passengers:
            return {}
        try:
            self._bus.crew.call(lambda: puller.notify_passengers_seated(passengers), _notifying(name, passengers))
        except PluginError as error:
            if len(passengers) > 1:
                return {i: text for each in passengers for i, text in self._tell(puller, name, [each]).items()}
            self._bus.failed(name, f"Notification about {passengers[0]} failed: {error}", error)
            return {passengers[0].internal_id: str(error)}
        return {passenger.internal_id: "" for passenger in passengers}

    def _store(self, errors: Mapping[str, str]) -> None:
        """Store, by internal id, whether the source was told; passengers already notified stay as they are."""
        with self._bus.queue.hold(errors):
            changed: list[QueueEntry] = []
            for internal_id, error in errors.items():
                entry = self._bus.entry(internal_id)
                if entry is None or entry.puller_notified:
                    continue
                entry.notification.attempts += 1
                if error:
                    entry.notification.fail(error)
                else:
                    entry.notification.finish()
                mention(entry, self._bus.log.id)
                changed.append(entry)
            if changed:
                self._bus.queue.update(changed)
                self._bus.on_change()


def _notifying(name: str, passengers: Sequence[Passenger]) -> Call:
    if len(passengers) > 1:
        return Call(name, "notifying")
    return Call(name, "notifying about", str(passengers[0]), passengers[0].internal_id)


def _listed(entries: Iterable[QueueEntry]) -> str:
    """The first few, so that a log line stays a line."""
    shown = [str(entry) for entry in islice(entries, LISTED + 1)]
    return ", ".join(shown[:LISTED]) + (" and more" if len(shown) > LISTED else "")
