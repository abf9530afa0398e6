"""The passengers that a trip works on: held while it does, and stored when it is time."""

from __future__ import annotations

import time
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
        internal_id = entry.internal_id
        if internal_id in self._held:  # until it is stored; and a puller may offer one passenger twice
            self._finished.discard(internal_id)
            return entry
        self._bus.queue.take({internal_id})
        self._held.add(internal_id)
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
        mention(entry, self._bus.log.id)
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting[entry.internal_id] = entry
        if len(self._waiting) >= GROUP_SIZE or time.monotonic() - self._waiting_since >= GROUP_SECONDS:
            self.flush()

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
        finished, self._finished = self._finished, set()
        self._release(finished)

    def _release(self, internal_ids: set[str]) -> None:
        if held := internal_ids & self._held:
            self._held -= held
            self._bus.queue.give_back(held)
