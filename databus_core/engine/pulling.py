"""One puller of a trip at work, in a thread of its own: what it has given is worked on while it waits for more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeAlias, TypeVar

from databus_core.engine.bus import Bus
from databus_core.engine.calls import Call
from databus_core.errors import FactoryError, PluginError
from databus_core.model.attachment import BytesContent
from databus_core.model.passenger import Passenger
from databus_core.plugins.puller import Puller

T = TypeVar("T")

BATCH_SIZE = 500
BATCH_BYTES = 16 << 20
BATCH_SECONDS = 1.0
"""Passengers are seated, notified, and handled when there are so many, when so much of their content is in memory, or
when the first of them has waited for so long."""

Offered: TypeAlias = "tuple[Any, str]"
"""What a puller gave, and why that cannot be seated; empty when it can, which only a Passenger does."""

LATE_SECONDS = 0.1
"""By so much later the trip takes what there is from a puller that does not come back."""


class Pulling:
    """Used by the trip's thread. The puller is made, called and closed in the other one, one call at a time.

    While it does not come back from `pull`, and what it gave before is worked on, another object of its class tells the
    source about that, in the trip's thread.
    """

    def __init__(self, bus: Bus, name: str, module: str = "") -> None:
        """`name`: of its step; `module`: for a step that the configuration no longer has."""
        self._bus = bus
        self._name = name
        self._module = module
        self._crew = bus.crew.sibling()
        self._tasks: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name=f"puller {name}", daemon=True)
        self._thread.start()
        self._puller = self._ask(self._make).result()
        self._offered: Iterator[Any] | None = None
        self._changed = threading.Condition()
        self._batch: list[Offered] = []
        self._bytes = 0
        self._begun = 0.0
        """When the first of the batch came."""
        self._advancing: Future[bool] | None = None
        self._stopped = False
        self.failure: PluginError | None = None
        """What ended its pulling."""

    @property
    def missing(self) -> FactoryError | None:
        """Why there is no such puller, which the log says; None where there is one."""
        return None if self._puller is not None else self._crew.missing[Puller, self._name]

    def batches(self) -> Iterator[list[Offered]]:
        """What it offers, each batch as soon as it is large or old enough."""
        more = True
        while more:
            batch, more = self._next()
            if batch:
                yield batch

    def notify(self, passengers: Sequence[Passenger]) -> None:
        """Tell the source about them. Raises PluginError, FactoryError."""
        about = _notifying(self._name, passengers)
        if self._advancing is None and self._puller is not None:
            puller = self._puller
            self._ask(lambda: self._crew.call(lambda: puller.notify_passengers_seated(passengers), about)).result()
            return
        other = self._bus.crew.member(Puller, self._name, self._module)
        if other is None:
            raise self._bus.crew.missing[Puller, self._name]
        self._bus.crew.call(lambda: other.notify_passengers_seated(passengers), about)

    def close(self) -> None:
        """Nothing more is wanted of it; returns when it is closed."""
        self._stopped = True
        self._tasks.put(None)
        self._thread.join()

    # In the trip's thread ---------------------------------------------------------------------------------------

    def _ask(self, task: Callable[[], T]) -> Future[T]:
        answer: Future[T] = Future()

        def work() -> None:
            try:
                answer.set_result(task())
            except BaseException as error:  # noqa: BLE001 - it is raised in the thread that asked
                answer.set_exception(error)

        self._tasks.put(work)
        return answer

    def _next(self) -> tuple[list[Offered], bool]:
        """A batch, and whether another one may follow."""
        if self._advancing is None:
            self._advancing = self._ask(self._advance)
            self._advancing.add_done_callback(self._wake)
        with self._changed:
            while not self._advancing.done() and (left := self._seconds_left()) != 0:
                self._changed.wait(left)
            batch, self._batch = self._batch, []
            if not self._advancing.done():
                return batch, True
        advanced, self._advancing = self._advancing, None
        return batch, advanced.result()

    def _seconds_left(self) -> float | None:
        if not self._batch:
            return None
        return max(0.0, self._begun + BATCH_SECONDS + LATE_SECONDS - time.monotonic())

    def _wake(self, _done: object) -> None:
        with self._changed:
            self._changed.notify_all()

    # In the puller's thread -------------------------------------------------------------------------------------

    def _work(self) -> None:
        with self._crew:
            while (task := self._tasks.get()) is not None:
                task()
            self._offered = None  # a generator that was not pulled to its end is closed in this thread

    def _make(self) -> Puller | None:
        return self._crew.member(Puller, self._name, self._module)

    def _advance(self) -> bool:
        """Pull until a batch is full; answers whether there may be more. An error of the puller ends its own pulling
        and nothing else."""
        if self._offered is None and self._puller is not None:
            self._offered = self._crew.iterate(self._puller.pull, Call(self._name, "pulling"))
        try:
            for offered in self._counted(self._offered or iter(())):
                if self._is_enough_with(offered):
                    return not self._stopped
        except PluginError as error:
            self.failure = error
        return False

    def _is_enough_with(self, offered: Any) -> bool:
        size, unfit = 0, offered.unfit() if isinstance(offered, Passenger) else "it is no Passenger"
        if not unfit:
            size = sum(a.content.size for a in offered.attachments if isinstance(a.content, BytesContent))
        with self._changed:
            if not self._batch:
                self._bytes, self._begun = 0, time.monotonic()
                self._changed.notify_all()
            self._batch.append((offered, unfit))
            self._bytes += size
            waited = time.monotonic() - self._begun >= BATCH_SECONDS
            return waited or self._stopped or len(self._batch) >= BATCH_SIZE or self._bytes >= BATCH_BYTES

    def _counted(self, offered: Iterator[Any]) -> Iterator[Any]:
        """The same; what the puller says that it could not read is counted."""
        end = object()
        while True:
            before = len(self._bus.log.errors)
            passenger = next(offered, end)
            self._bus.tally.unread += sum(error.module == self._name for error in self._bus.log.errors[before:])
            if passenger is end:
                return
            yield passenger


def _notifying(name: str, passengers: Sequence[Passenger]) -> Call:
    if len(passengers) > 1:
        return Call(name, "notifying")
    return Call(name, "notifying about", str(passengers[0]), passengers[0].internal_id)
