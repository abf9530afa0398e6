"""How many entries were pulled on each day: counted while they are written, so that nobody need count them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from sqlalchemy import Connection

from databus_core.database.sql.codec import MICROSECONDS_OF_DAY
from databus_core.database.sql.space import Shift
from databus_core.database.sql.statement import adding, inserting
from databus_core.database.sql.store import Store
from databus_core.database.sql.tables import OPEN

Counted: TypeAlias = "tuple[str, int, int, int, int]"
"""What an entry is counted by: client passenger, day of the pull, status, failing; and its bytes."""

_NUMBERS = ("complete", "incomplete", "failing", "complete_size", "incomplete_size")


def counted(client_passenger: str, pulled_at: int, status: int, failing: int, size: int) -> Counted:
    """What an entry with these columns is counted by."""
    return client_passenger, pulled_at // MICROSECONDS_OF_DAY, status, failing, size


class QueueTally:
    """The table `queue_tally`."""

    def __init__(self, store: Store) -> None:
        keys = ("client_id", "client_passenger", "day")
        self._add = adding(store.tables.tally, store.dialect, _NUMBERS, keys)
        self._insert = inserting(store.tables.tally, store.dialect, *keys, *_NUMBERS)

    def change(
        self, connection: Connection, client_id: int, added: Iterable[Counted], removed: Iterable[Counted]
    ) -> None:
        """Entries are there from now on, others are there no more; one that changed is among both."""
        changes = Counter(added)
        changes.subtract(removed)
        days: defaultdict[tuple[str, int], list[int]] = defaultdict(lambda: [0] * len(_NUMBERS))
        for (name, day, status, failing, size), number in changes.items():
            numbers = days[name, day]
            is_open = 1 if status == OPEN else 0
            numbers[is_open] += number
            numbers[2] += number if failing else 0
            numbers[3 + is_open] += number * size
        for (name, day), numbers in days.items():
            self._add_up(connection, client_id, name, day, numbers)

    def shift(self, connection: Connection, shift: Shift) -> None:
        """The size of an entry changed because of what others have."""
        sizes = (0, shift.size) if shift.status == OPEN else (shift.size, 0)
        self._add_up(connection, shift.client_id, shift.client_passenger, shift.day, (0, 0, 0, *sizes))

    def _add_up(self, connection: Connection, client_id: int, name: str, day: int, numbers: Sequence[int]) -> None:
        if any(numbers) and not self._add.change(connection, (*numbers, client_id, name, day)):
            self._insert.run(connection, [(client_id, name, day, *numbers)])
