"""A driver conducts one trip: board, process, push."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from databus_core.engine.attempts import Attempts
from databus_core.engine.boarding import Boarding
from databus_core.engine.bus import Bus, Tally
from databus_core.engine.bus_ticket import BusTicket
from databus_core.engine.crew import Crew
from databus_core.engine.delivery import Delivery
from databus_core.engine.order import Order
from databus_core.engine.processing import Processing
from databus_core.engine.queue import Queue
from databus_core.engine.reconcile import reconcile
from databus_core.engine.retention import purge_queue
from databus_core.engine.work import Work
from databus_core.errors import DamagedError
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.log import Log
from databus_core.model.queue_entry import QueueEntry
from databus_core.plugins.factory import Factory

CHUNK = 100
"""How many passengers of earlier trips are looked at together."""


class Driver:
    """Drives one trip in the thread that calls `drive`.

    Passengers of earlier trips come first. Then new ones are processed and pushed a batch at a time while the pullers
    still give more, so that memory does not grow with their number. What one plug-in, one passenger or one step does
    wrong is written to the log (and to the step) and harms no other. A ticket may name another module whose `Driver`
    replaces this one.
    """

    def __init__(
        self,
        bus_ticket: BusTicket,
        queue: Queue,
        factory: Factory,
        log: Log,
        on_change: Callable[[], None],
        announce: Callable[[BreakerChange], None],
    ) -> None:
        """`on_change` is called in the trip's thread whenever the queue has changed, `announce` when a breaker has."""
        crew = Crew(bus_ticket, factory, log)
        self._bus = Bus(bus_ticket, queue, crew, log, on_change, announce)
        self._route = bus_ticket.client_passenger
        self._order = Order(self._route.ordered_by)
        attempts = Attempts(self._route)
        self._work = Work(self._bus)
        self._boarding = Boarding(self._bus, self._work, attempts)
        self._processing = Processing(self._bus, self._work, attempts)
        self._delivery = Delivery(self._bus, self._work, attempts)

    @property
    def tally(self) -> Tally:
        """What was done so far."""
        return self._bus.tally

    def drive(self) -> None:
        """The whole trip. Raises DatabaseError when the database fails: nothing may be done that can't be stored."""
        with self._bus.crew, self._work, self._boarding:
            seen = self._earlier()
            while chunk := list(islice(seen, CHUNK)):
                self._handle(self._boarding.notify_again(chunk))
            for batch in self._boarding.board():
                self._handle(batch, follow=False)
        self._delivery.report()
        self._bus.arrive()
        self._purge()

    def _earlier(self) -> Iterator[QueueEntry]:
        """Passengers of earlier trips, in pull order: what is due; or all, where some may hold others back."""
        name = self._route.name
        if self._order:
            for internal_id in self._bus.queue.open_ids(name):
                entry = self._bus.entry(internal_id)
                if entry is not None:
                    yield entry
            return
        for found in self._bus.queue.due(name, self._bus.moment):
            if isinstance(found, DamagedError):
                self._bus.failed(__name__, f"A passenger is passed over: {found}")
            else:
                yield found

    def _handle(self, entries: Iterable[QueueEntry], *, follow: bool = True) -> None:
        """Everything that can be done for these passengers now, who `follow` the present configuration from now on, or
        have its steps already."""
        for entry in self._work.each(entries):
            self._serve(entry, follow=follow)
        self._delivery.flush()

    def _serve(self, entry: QueueEntry, *, follow: bool) -> None:
        """Everything that can be done for one passenger now; its batches may be pushed later."""
        if self._order.is_held_back(entry):
            self._delivery.flush()  # the one before it may be in a batch
        if not self._order.is_held_back(entry):
            if follow:
                self._follow_configuration(entry)
            if self._processing.process(entry):
                self._delivery.deliver(entry)
        self._order.passed(entry)
        self._delivery.finish(entry)

    def _follow_configuration(self, entry: QueueEntry) -> None:
        """A passenger that was seated before the configuration changed has the steps of the present one."""
        if changes := reconcile(entry, self._route):
            self._work.store_soon(entry)
            for change in changes:
                self._bus.log.of(__name__).info(f"{entry}: {change}")

    def _purge(self) -> None:
        removed = purge_queue(self._bus.queue, self._route)
        for sentence in removed:
            self._bus.log.of(__name__).info(sentence)
        if removed:
            self._bus.on_change()
