"""The passengers that a trip works on: held while it does, and stored when it is time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Self

from databus_core.engine.bus import Bus
from databus_core.engine.queue import mention
from databus_core.model.queue_entry import QueueEntry

GROUP_SECONDS = 0.05
GROUP_SIZE = 500
"""Grouped outcomes are made durable after so long, or when there are so many."""


class Work:
    """Used in the trip's thread. On leaving, what waits is stored, whatever happened, and everything is let go of."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._open = ExitStack()
        self._changed_by_hand: set[str] = set()
        self._held: set[str] = set()
        self._waiting: dict[str, QueueEntry] = {}
        """What is to be stored with the next group."""
        self._waiting_since = 0.0
        self._outcomes: set[str] = set()
        """Those of them that make the group large."""
        self._finished: set[str] = set()
        """What can be let go of when it is stored."""

    def __enter__(self) -> Self:
        self._changed_by_hand = self._open.enter_context(self._bus.queue.changes_by_hand())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.flush()
        finally:
            self._bus.queue.give_back(self._held)
            self._open.close()

    def take(self, entry: QueueEntry) -> QueueEntry | None:
        """Hold an entry and answer it as it is now; None, with an error in the log, when it cannot be read any more.

        One that is held already is answered as it is.
        """
        return next(iter(self.take_all([entry])), None)

    def each(self, entries: Iterable[QueueEntry]) -> Iterator[QueueEntry]:
        """One after the other, held and as it is now; those that cannot be read any more are left out.

        While they are quickly done, several are taken at once, which is one message of a trip in a child process. After
        a slow one they are taken one by one: a person can change what is not worked on.
        """
        rest, at_once = list(entries), 1
        while rest:
            some, rest = rest[:at_once], rest[at_once:]
            begun = time.monotonic()
            yield from self.take_all(some)
            is_quick = time.monotonic() - begun < GROUP_SECONDS / 2
            at_once = min(at_once * 2, GROUP_SIZE) if is_quick else 1

    def take_all(self, entries: Sequence[QueueEntry]) -> list[QueueEntry]:
        """The same for several at once; those that cannot be read any more are left out."""
        ids = {entry.internal_id for entry in entries}
        self._finished -= ids
        new = ids - self._held  # others wait to be stored; and a puller may offer one passenger twice
        if not new:
            return list(entries)
        self._bus.queue.take(new)
        self._held |= new
        if self._changed_by_hand.isdisjoint(new):
            return list(entries)
        return [present for entry in entries if (present := self._present(entry)) is not None]

    def _present(self, entry: QueueEntry) -> QueueEntry | None:
        """An entry that is held, read again if a person has changed it."""
        internal_id = entry.internal_id
        if internal_id not in self._changed_by_hand:
            return entry
        self._changed_by_hand.discard(internal_id)
        present = self._bus.entry(internal_id)
        if present is None:
            self._release({internal_id})
        return present

    def store(self, entry: QueueEntry) -> None:
        """Make its present state durable now, with all that waits. Raises DatabaseError."""
        self.store_soon(entry)
        self.flush()

    def store_alone(self, entry: QueueEntry) -> None:
        """The same for one whose attachments may turn out not to be readable: no other is harmed then.

        Raises DatabaseError, AttachmentError.
        """
        self._waiting.pop(entry.internal_id, None)
        self.flush()
        mention(entry, self._bus.log.id)
        self._bus.queue.update([entry])
        self._bus.on_change()

    def store_soon(self, entry: QueueEntry) -> None:
        """Make its present state durable with the next group."""
        self.store_with_next(entry)
        self._outcomes.add(entry.internal_id)
        if len(self._outcomes) >= GROUP_SIZE or time.monotonic() - self._waiting_since >= GROUP_SECONDS:
            self.flush()

    def store_with_next(self, entry: QueueEntry) -> None:
        """Make its present state durable together with the next one for which `store` or `store_soon` want that."""
        mention(entry, self._bus.log.id)
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting[entry.internal_id] = entry

    def finish(self, entry: QueueEntry) -> None:
        """Nothing more is done for it now: it is let go of when its state is stored."""
        if entry.internal_id in self._waiting:
            self._finished.add(entry.internal_id)
        else:
            self._release({entry.internal_id})

    def flush(self) -> None:
        """Store what waits. Raises DatabaseError."""
        if self._waiting:
            self._bus.queue.update(list(self._waiting.values()))
            self._waiting.clear()  # not before: where this failed, the trip's end tries it once more
            self._bus.on_change()
        self._outcomes.clear()
        finished, self._finished = self._finished, set()
        self._release(finished)

    def _release(self, internal_ids: set[str]) -> None:
        if held := internal_ids & self._held:
            self._held -= held
            self._bus.queue.give_back(held)
