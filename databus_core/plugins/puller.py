"""Pullers: where passengers come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from typing import TypeAlias

from databus_core.errors import PeekNotOffered
from databus_core.model.passenger import Passenger
from databus_core.plugins.plugin import Plugin

Pulled: TypeAlias = Iterable[Passenger] | AsyncIterator[Passenger] | Awaitable[Iterable[Passenger]]


class Puller(Plugin, ABC):
    """Takes passengers from one source system.

    Each method may be a plain function or `async def`; `pull` and `peek` may also be (async) generators. They may
    block, and run in a thread of the puller's own, beside the trip's. While `pull` does not come back for longer than a
    second, what it gave before is seated and delivered, and another object of the class, in the trip's thread, is asked
    to `notify_passengers_seated`.
    """

    pull_has_no_side_effect = False
    """Set it to True when `pull` changes nothing in the source system: `peek` then needs no code of its own."""

    @abstractmethod
    def pull(self) -> Pulled:
        """The passengers that wait in the source system, oldest first; best as a generator.

        Each `external_id` must be the same every time the source offers the same thing: that is how a passenger
        already seated is recognised. Where different things may come under one id, set `fingerprint`: it tells them
        apart. Passengers are seated in batches while the generator goes on, so it may be long. Must not make the
        source forget them: that is what `notify_passengers_seated` is for. One thing that cannot be read is logged
        as an error and passed over; raise only when nothing more can be read.
        """

    def peek(self) -> Pulled:
        """The passengers that wait, without any effect on the source system.

        Raises PeekNotOffered unless the puller says that its `pull` has no side effect, or brings its own `peek`.
        """
        if self.pull_has_no_side_effect:
            return self.pull()
        raise PeekNotOffered(f"{self.context.module} cannot show what waits without consuming it")

    def notify_passengers_seated(self, passengers: Sequence[Passenger]) -> Awaitable[None] | None:
        """Tell the source system to stop offering these passengers: they are durably seated in the queue.

        Called after the seats are committed, in batches, at least once per passenger: after a crash, or when the
        source offers a passenger again, it is called again for the same one, so it must be fine with a passenger
        that is already gone. When it raises for a batch it is called once per passenger, and only those for which
        it raises again stay unnotified; they are told again on the next trip and wait until then.
        """
