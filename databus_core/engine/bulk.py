"""Changes of many passengers at once: those that a query finds are frozen first, then changed a bunch at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from databus_core.model.query import Query, QueueOrder, QueueRow
from databus_core.model.queue_entry import QueueStatus
from databus_core.plugins.database import Database

BUNCH = 200
"""Passengers that are changed and stored together; between bunches others have their turn, and it can be stopped."""
READ_AT_ONCE = 2000
"""Rows that are read at once while they are frozen."""


@dataclass(frozen=True, slots=True)
class Frozen:
    """Passengers as they were found at one moment; whatever comes later is none of them."""

    client_id: str
    ids: tuple[str, ...]
    statuses: Mapping[QueueStatus, int] = field(default_factory=Counter[QueueStatus])
    """How many have which status."""
    client_passengers: Mapping[str, int] = field(default_factory=Counter[str])
    """How many belong to which."""

    def bunches(self) -> Iterable[tuple[str, ...]]:
        """The ids, BUNCH at a time."""
        return (self.ids[start : start + BUNCH] for start in range(0, len(self.ids), BUNCH))


def freeze_rows(client_id: str, rows: Iterable[QueueRow]) -> Frozen:
    """The passengers of these rows."""
    ids: list[str] = []
    statuses, client_passengers = Counter[QueueStatus](), Counter[str]()
    for row in rows:
        ids.append(row.internal_id)
        statuses[row.status] += 1
        client_passengers[row.client_passenger] += 1
    return Frozen(client_id, tuple(ids), statuses, client_passengers)


def freeze(database: Database, query: Query) -> Frozen:
    """All that the query matches now, whatever page of them it asks for."""

    def pages() -> Iterable[list[QueueRow]]:
        page = replace(query, order=QueueOrder.PULLED_AT, offset=0, after=None, limit=READ_AT_ONCE)
        while rows := database.queue_rows(page).rows:
            yield rows
            page = replace(page, after=rows[-1])

    return freeze_rows(query.client_id, chain.from_iterable(pages()))
