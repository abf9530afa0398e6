"""A driver conducts one trip: pull, seat, notify, process, push."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path

from databus_core.engine.crew import Crew
from databus_core.engine.queue import Queue, deliverable, mention, processable
from databus_core.errors import DatabusError, FactoryError, NotFoundError
from databus_core.model.client import Client, ClientPassenger, ModuleReference
from databus_core.model.clock import now
from databus_core.model.log import Log
from databus_core.model.outcome import LeaveOut, NotYet
from databus_core.model.passenger import Passenger
from databus_core.model.queue_entry import QueueEntry, Step, StepKind
from databus_core.plugins.factory import Factory
from databus_core.plugins.processor import Processor
from databus_core.plugins.puller import Puller
from databus_core.plugins.pusher import Pusher

SEAT_BATCH = 100
"""How many passengers are seated, and then notified, at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BusTicket:
    """One trip of one client passenger: what the dispatcher tells the driver."""

    client_id: str
    client: Client
    client_passenger: ClientPassenger
    folder: Path
    """The ticket's folder."""

    @classmethod
    def issue(cls, client_id: str, client: Client, client_passenger: str, folder: Path) -> BusTicket:
        """A ticket for one trip by the client's configuration. Raises NotFoundError."""
        passenger = client.passenger(client_passenger)
        if passenger is None:
            known = ", ".join(passenger.name for passenger in client.passengers) or "none"
            raise NotFoundError(f"Client {client_id!r} has no client passenger {client_passenger!r}; it has: {known}.")
        return cls(client_id=client_id, client=client, client_passenger=passenger, folder=folder)


@dataclass(slots=True)
class Tally:
    """What a trip did."""

    seated: int = 0
    processed: int = 0
    pushed: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Batch:
    """Passengers pulled together, and their entries in the same order."""

    passengers: list[Passenger]
    entries: list[QueueEntry] = field(default_factory=list[QueueEntry])


class Driver:
    """Drives one trip in the thread that calls `drive`.

    What one plug-in, one passenger or one step does wrong is written to the log (and to the step) and harms no other.
    A ticket may name another module whose `Driver` replaces this one.
    """

    def __init__(
        self, bus_ticket: BusTicket, queue: Queue, factory: Factory, log: Log, on_change: Callable[[], None]
    ) -> None:
        """`on_change` is called, in the trip's thread, whenever the queue has changed."""
        self._ticket = bus_ticket
        self._route = bus_ticket.client_passenger
        self._queue = queue
        self._log = log
        self._own_log = log.of(__name__)
        self._on_change = on_change
        self._crew = Crew(bus_ticket.client_id, self._route, bus_ticket.folder, factory, log)
        self.tally = Tally()

    def drive(self) -> Tally:
        """The whole trip. Raises DatabusError only when the database fails."""
        with self._crew:
            seated_now = self._pull()
            self._notify_left_over(seated_now)
            for internal_id in self._queue.open_ids(self._route.name):
                self._handle(internal_id)
        self._purge()
        return self.tally

    # Pull, seat, notify -----------------------------------------------------------------------------------------

    def _pull(self) -> set[str]:
        """Seat what the pullers offer; answers the internal ids that the sources were told about."""
        pulled: set[str] = set()
        for reference in self._route.pullers:
            puller = self._crew.member(Puller, reference.step_name)
            if puller is not None:
                for batch in self._batches(puller, reference):
                    self._seat(batch)
                    pulled |= self._notify(puller, reference.step_name, batch)
        return pulled

    def _batches(self, puller: Puller, reference: ModuleReference) -> Iterator[_Batch]:
        """What the puller offers, in batches. An error of the puller ends its own pulling and nothing else."""
        passengers = self._offered(puller, reference.step_name)
        while batch := _Batch(list(islice(passengers, SEAT_BATCH))):
            if not batch.passengers:
                return
            batch.entries = [self._new_entry(passenger, reference) for passenger in batch.passengers]
            yield batch

    def _offered(self, puller: Puller, name: str) -> Iterator[Passenger]:
        pulled = iter(self._crew.iterate(puller.pull))
        while True:
            try:
                passenger = next(pulled, None)
            except Exception as error:  # a plug-in may raise anything
                self._failed(name, f"Pulling failed: {self._crew.explain(error)}", error)
                return
            if passenger is None:
                return
            if not isinstance(passenger, Passenger) or not passenger.external_id or not passenger.source_system:
                self._failed(
                    name, f"Pulled {passenger!r:.200}, which is no passenger with external id and source system"
                )
                continue
            yield passenger

    def _new_entry(self, passenger: Passenger, reference: ModuleReference) -> QueueEntry:
        kind = type(passenger)
        return QueueEntry(
            client_passenger=self._route.name,
            passenger_module=self._route.passenger_module if kind is Passenger else kind.__module__,
            external_id=str(passenger.external_id),
            source_system=str(passenger.source_system),
            internal_id=passenger.internal_id,
            notification=Step(StepKind.NOTIFICATION, reference.module, reference.step_name),
            processors=[Step(StepKind.PROCESSOR, each.module, each.step_name) for each in self._route.processors],
            pushers=[Step(StepKind.PUSHER, each.module, each.step_name) for each in self._route.pushers],
            attachments=passenger.attachments,
            properties=passenger.properties,
            log_ids=[self._log.id],
            pulled_at=passenger.pulled_at,
        )

    def _seat(self, batch: _Batch) -> None:
        with self._queue.hold([entry.internal_id for entry in batch.entries]):
            new = self._queue.seat(batch.entries)
        count = sum(new)
        self.tally.seated += count
        if count:
            self._own_log.info(
                f"Seated {count} new passengers: {_listed(e for e, n in zip(batch.entries, new, strict=True) if n)}"
            )
            self._on_change()
        known = len(new) - count
        if known:
            self._own_log.info(f"{known} passengers offered by the source are seated already")

    def _notify(self, puller: Puller, name: str, batch: _Batch) -> set[str]:
        """Tell the source about everything it offered, seated now or before: it must stop offering it."""
        told = self._tell(puller, name, batch.passengers)
        ids = [self._queue.known(entry) for entry in batch.entries]
        errors = {i: told[p.internal_id] for i, p in zip(ids, batch.passengers, strict=True) if i}
        self._store_notifications(errors)
        return set(errors)

    def _notify_left_over(self, pulled: set[str]) -> None:
        """Tell the sources about passengers of earlier trips that they were not told about."""
        waiting: defaultdict[str, list[QueueEntry]] = defaultdict(list)
        for internal_id in self._queue.open_ids(self._route.name):
            if internal_id not in pulled:
                entry = self._entry(internal_id)
                if entry is not None and not entry.puller_notified:
                    waiting[entry.notification.name].append(entry)
        for name, entries in waiting.items():
            puller = self._crew.member(Puller, name)
            if puller is None:
                self._store_notifications({e.internal_id: f"puller {name} cannot be used" for e in entries})
                continue
            boarded = {entry.internal_id: self._boarded(entry) for entry in entries}
            passengers = [passenger for passenger in boarded.values() if passenger is not None]
            self._store_notifications(dict(self._tell(puller, name, passengers)))

    def _tell(self, puller: Puller, name: str, passengers: Sequence[Passenger]) -> dict[str, str]:
        """Notify in one call, and one by one if that fails; answers an error text (or "") by internal id."""
        if not passengers:
            return {}
        try:
            self._crew.call(lambda: puller.notify_passengers_seated(passengers))
        except Exception as error:  # a plug-in may raise anything
            if len(passengers) == 1:
                self._failed(name, f"Notification about {passengers[0]} failed: {self._crew.explain(error)}", error)
                return {passengers[0].internal_id: self._crew.explain(error)}
            told: dict[str, str] = {}
            for passenger in passengers:
                told |= self._tell(puller, name, [passenger])
            return told
        return dict.fromkeys((passenger.internal_id for passenger in passengers), "")

    def _store_notifications(self, errors: dict[str, str]) -> None:
        """Store, by internal id, whether the source was told; passengers already notified stay as they are."""
        with self._queue.hold(errors):
            changed: list[QueueEntry] = []
            for internal_id, error in errors.items():
                entry = self._entry(internal_id)
                if entry is None or entry.puller_notified:
                    continue
                entry.notification.attempts += 1
                if error:
                    entry.notification.fail(error)
                else:
                    entry.notification.finish()
                mention(entry, self._log.id)
                changed.append(entry)
            if changed:
                self._queue.update(changed)
                self._on_change()

    # Process, push ----------------------------------------------------------------------------------------------

    def _handle(self, internal_id: str) -> None:
        """Everything that can be done for one passenger now."""
        with self._queue.hold([internal_id]):
            entry = self._entry(internal_id)
            if entry is None:
                return
            for step in processable(entry):
                if not self._process(entry, step):
                    break
            for step in deliverable(entry):
                self._push(entry, step)

    def _process(self, entry: QueueEntry, step: Step) -> bool:
        """One processor; answers whether the next one may go on."""
        processor = self._crew.member(Processor, step.name, step.module)
        passenger = self._boarded(entry)
        if processor is None or passenger is None:
            return self._not_done(entry, step, self._crew.why_missing(step.name) or "the passenger cannot be boarded")
        try:
            outcome = self._crew.call(lambda: processor.process(passenger))
        except Exception as error:  # a plug-in may raise anything
            self._failed(step.name, f"Processing {entry} failed: {self._crew.explain(error)}", error)
            return self._not_done(entry, step, self._crew.explain(error))
        if isinstance(outcome, NotYet):
            return self._not_yet(entry, step, outcome)
        entry.attachments, entry.properties = passenger.attachments, passenger.properties
        self._done(entry, step)
        self.tally.processed += 1
        if isinstance(outcome, LeaveOut):
            for other in entry.steps():
                if not other.complete:
                    other.finish(f"left out by {step.name}: {outcome.reason}")
            self._own_log.info(f"{entry} needs nothing more: {outcome.reason}")
        self._store(entry)
        return True

    def _push(self, entry: QueueEntry, step: Step) -> None:
        pusher = self._crew.member(Pusher, step.name, step.module)
        passenger = self._boarded(entry)
        if pusher is None or passenger is None:
            self._not_done(entry, step, self._crew.why_missing(step.name) or "the passenger cannot be boarded")
            return
        try:
            outcome = self._crew.call(lambda: pusher.push(passenger))
        except Exception as error:  # a plug-in may raise anything
            self._failed(step.name, f"Pushing {entry} failed: {self._crew.explain(error)}", error)
            self._not_done(entry, step, self._crew.explain(error))
            return
        if isinstance(outcome, NotYet):
            self._not_yet(entry, step, outcome)
            return
        self._done(entry, step)
        self.tally.pushed += 1
        self._store(entry)
        self._log.of(step.name).info(f"Pushed {entry}")

    def _done(self, entry: QueueEntry, step: Step) -> None:
        step.attempts += 1
        step.finish()
        mention(entry, self._log.id)

    def _not_done(self, entry: QueueEntry, step: Step, error: str) -> bool:
        step.attempts += 1
        step.fail(error)
        mention(entry, self._log.id)
        self._store(entry)
        return False

    def _not_yet(self, entry: QueueEntry, step: Step, outcome: NotYet) -> bool:
        """Waiting is no attempt and no error; it is stored when the reason is a new one."""
        if step.note != outcome.reason or step.error:
            step.reopen(outcome.reason)
            mention(entry, self._log.id)
            self._store(entry)
        self._log.of(step.name).info(f"{entry} waits: {outcome.reason}")
        return False

    def _store(self, entry: QueueEntry) -> None:
        self._queue.update([entry])
        self._on_change()

    # Shared -----------------------------------------------------------------------------------------------------

    def _entry(self, internal_id: str) -> QueueEntry | None:
        """The stored entry; None, with an error in the log, when this one cannot be read."""
        try:
            return self._queue.entry(internal_id)
        except DatabusError as error:
            self._failed(__name__, f"Passenger {internal_id} is passed over: {error}")
            return None

    def _boarded(self, entry: QueueEntry) -> Passenger | None:
        """A new passenger object from a stored entry, for one plug-in call."""
        try:
            return self._crew.board(entry)
        except FactoryError as error:
            self._failed(__name__, f"{entry} cannot be boarded: {error}", error)
            return None

    def _failed(self, module: str, message: str, cause: BaseException | None = None) -> None:
        self.tally.failed += 1
        trace = self._crew.trace(cause) if cause is not None else ""
        self._log.of(module).error(f"{message}\n{trace}" if trace else message)

    def _purge(self) -> None:
        before = now() - timedelta(days=self._route.queue_life_span)
        removed = self._queue.purge(self._route.name, before)
        if removed:
            self._own_log.info(
                f"Removed {removed} passengers completed more than {self._route.queue_life_span:g} days ago"
            )
            self._on_change()


def _listed(entries: Iterable[QueueEntry]) -> str:
    """The first few, so that a log line stays a line."""
    shown = list(islice(entries, 11))
    text = ", ".join(str(entry) for entry in shown[:10])
    return text + (" and more" if len(shown) > 10 else "")
