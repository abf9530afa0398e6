"""What each entry of a queue takes on disk, and in which order they were completed."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any, Protocol, cast

from sortedcontainers import SortedList  # type: ignore[reportMissingTypeStubs]

from databus_core.model.query import QueueRow
from databus_core.model.queue_entry import QueueStatus
from databus_core.model.space import Space


class _Done(Protocol):
    """What is used of a SortedList, which has no types: times of completion, and ids."""

    def add(self, value: tuple[datetime, str]) -> None: ...
    def remove(self, value: tuple[datetime, str]) -> None: ...
    def bisect_left(self, value: tuple[Any, ...]) -> int: ...
    def __getitem__(self, position: int) -> tuple[datetime, str]: ...
    def __len__(self) -> int: ...


class QueueSizes:
    """Follows the rows of one client's queue. Not safe for several threads: its owner has the lock."""

    def __init__(self) -> None:
        self._sizes: dict[str, int] = {}
        self._sums: defaultdict[tuple[str, QueueStatus], int] = defaultdict(int)
        self._done: defaultdict[str, _Done] = defaultdict(lambda: cast("_Done", SortedList()))

    def put(self, row: QueueRow, size: int) -> None:
        """Add an entry that is not here."""
        self._sizes[row.internal_id] = size
        self._sums[row.client_passenger, row.status] += size
        if row.status is QueueStatus.COMPLETE:
            self._done[row.client_passenger].add(_place(row))

    def discard(self, row: QueueRow) -> None:
        """Forget an entry that was put with that row."""
        self._sums[row.client_passenger, row.status] -= self._sizes.pop(row.internal_id)
        if row.status is QueueStatus.COMPLETE:
            self._done[row.client_passenger].remove(_place(row))

    def completed_before(self, client_passenger: str | None, before: datetime) -> list[str]:
        """Ids of entries completed before that time."""
        names = list(self._done) if client_passenger is None else [client_passenger]
        places = [self._done[name] for name in names if name in self._done]
        return [done[position][1] for done in places for position in range(done.bisect_left((before,)))]

    def surplus(self, client_passenger: str, count: int | None, size: int | None) -> list[str]:
        """See Database.surplus_ids."""
        done = self._done.get(client_passenger, ())
        excess = 0 if size is None else self._sums[client_passenger, QueueStatus.COMPLETE] - size
        number = 0 if count is None else len(done) - count
        gone: list[str] = []
        while len(gone) < len(done) and (len(gone) < number or excess > 0):
            gone.append(done[len(gone)][1])
            excess -= self._sizes[gone[-1]]
        return gone

    def space(self) -> dict[str, Space]:
        """By client passenger, without logs."""
        return {
            name: Space(self._sums[name, QueueStatus.COMPLETE], self._sums[name, QueueStatus.INCOMPLETE])
            for name in {name for (name, _), size in self._sums.items() if size}
        }


def _place(row: QueueRow) -> tuple[datetime, str]:
    return row.completed_at or row.pulled_at, row.internal_id
