"""Passengers that must be delivered in the order in which they were pulled."""

from __future__ import annotations

from databus_core.model.passenger import property_key
from databus_core.model.queue_entry import QueueEntry, QueueStatus


class Order:
    """Of one client passenger: one that is not delivered holds back those behind it with the same key."""

    def __init__(self, property_name: str) -> None:
        """`property_name`: the property of passengers that is the key; empty: nobody waits for anybody."""
        self._property_name = property_name
        self._first: dict[bytes, QueueEntry] = {}
        """The first passenger of each key that was not delivered when it was last looked at."""

    def __bool__(self) -> bool:
        return bool(self._property_name)

    def is_held_back(self, entry: QueueEntry) -> bool:
        """Whether an earlier passenger with its key is not delivered yet."""
        first = self._first.get(self.key(entry)) if self else None
        return first is not None and first.internal_id != entry.internal_id and first.status is not QueueStatus.COMPLETE

    def passed(self, entry: QueueEntry) -> None:
        """It had its turn, in pull order; delivered or not."""
        if self and not self.is_held_back(entry):
            key = self.key(entry)
            if entry.status is QueueStatus.COMPLETE:
                self._first.pop(key, None)
            else:
                self._first[key] = entry

    def key(self, entry: QueueEntry) -> bytes:
        """What it has in common with those that it waits for."""
        return property_key(entry.properties, self._property_name)
