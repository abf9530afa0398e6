"""A trip's way to the data, which can be closed: what a trip that was left still wants then does not happen."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

from databus_core.engine.queue import Seats
from databus_core.errors import DatabaseError
from databus_core.plugins.database import Database

Ask = Callable[..., Any]
"""Called with a method's name and arguments: does it somewhere, and answers or raises what it does."""

ENDED = "The trip was ended, and so may change nothing any more."
NOT_FOR_TRIPS = {"open", "close"}
AT_ONCE = 100
"""How many things of an iterator travel together."""


@dataclass(frozen=True, slots=True)
class Further:
    """Stands for what an iterator gives, which does not travel itself; see Access.more."""

    number: int


class Access:
    """What one trip may use. Safe to use from several threads."""

    def __init__(self, database: Database, seats: Seats) -> None:
        self._database = database
        self._seats = seats
        self._held: set[str] = set()
        self._changed_by_hand = seats.watch()
        self._iterators: dict[int, Iterator[object]] = {}
        self._calls_under_way = 0
        self._lock = threading.Lock()
        self._closed = False

    @property
    def database(self) -> Database:
        """The database, as long as this is not closed."""
        return far_database(self.ask)

    @property
    def seats(self) -> Seats:
        """The seats, as long as this is not closed."""
        return FarSeats(self.hold, self.give_back)

    def ask(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """A method of the database. Raises what it raises, and DatabaseError when this is closed."""
        if method in NOT_FOR_TRIPS:
            raise DatabaseError(f"A trip may not {method} the database.")
        with self._lock:
            self._check()
            self._calls_under_way += 1
        try:
            return getattr(self._database, method)(*args, **kwargs)
        finally:
            with self._lock:
                self._calls_under_way -= 1
                left = self._left()
            if left:
                self._seats.changed_by_hand(*left)  # the next trip may have read them before
                self._seats.give_back(left)

    def ask_from_afar(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """The same for another process: in the place of an iterator it answers a Further."""
        answer = self.ask(method, *args, **kwargs)
        if not isinstance(answer, Iterator):
            return answer
        with self._lock:
            number = len(self._iterators)
            self._iterators[number] = cast("Iterator[object]", answer)
        return Further(number)

    def more(self, number: int) -> list[object]:
        """What an iterator gives next; nothing at its end. Raises as `ask` does."""
        self._check()
        return list(islice(self._iterators[number], AT_ONCE))

    def hold(self, internal_ids: Collection[str], seconds: float | None) -> list[str]:
        """See Seats.take. Answers what people have changed since the last time."""
        self._check()
        self._seats.take(internal_ids, seconds)
        with self._lock:
            if not self._closed:
                self._held.update(internal_ids)
                changed = list(self._changed_by_hand)
                self._changed_by_hand.difference_update(changed)
                return changed
        self._seats.give_back(internal_ids)
        raise DatabaseError(ENDED)

    def give_back(self, internal_ids: Collection[str]) -> None:
        """See Seats.give_back; harmless when this is closed."""
        with self._lock:
            held = self._held.intersection(internal_ids)
            self._held -= held
        self._seats.give_back(held)

    def close(self) -> None:
        """From now on nothing passes; others may have what the trip held.

        Where the database is still at work for it (it may hang, and the trip was left), they may have it when that is
        done: what is stored so late would take back what the next trip stores of the same passengers.
        """
        with self._lock:
            self._closed = True
            left = self._left()
        self._seats.give_back(left)
        self._seats.unwatch(self._changed_by_hand)

    def _left(self) -> set[str]:
        """What is to be given back because the trip is over; called with the lock held."""
        if not self._closed or self._calls_under_way:
            return set()
        left, self._held = self._held, set()
        return left

    def _check(self) -> None:
        if self._closed:
            raise DatabaseError(ENDED)


class FarSeats(Seats):
    """Seats that somebody else keeps."""

    def __init__(
        self, take: Callable[[list[str], float | None], list[str]], give_back: Callable[[list[str]], object]
    ) -> None:
        """See Access.hold and Access.give_back."""
        super().__init__()
        self._take = take
        self._give_back = give_back

    def take(self, internal_ids: Collection[str], seconds: float | None = None) -> None:
        self.changed_by_hand(*self._take(list(internal_ids), seconds))

    def give_back(self, internal_ids: Collection[str]) -> None:
        self._give_back(list(internal_ids))


def far_database(ask: Ask) -> Database:
    """A database each of whose methods is asked of somebody else: by a function here, or in another process.

    Afterwards the attachments of entries that were seated or updated are those of the database, as its contract says.
    """
    return _FAR(ask)


class _Far:
    def __init__(self, ask: Ask) -> None:
        self.ask = ask


def _method(name: str) -> Callable[..., Any]:
    def method(self: _Far, *args: Any, **kwargs: Any) -> Any:
        return self.ask(name, *args, **kwargs)

    return method


def _methods() -> dict[str, Callable[..., Any]]:
    """One for each method of the contract, those that come to it later included."""
    names = [name for name, member in vars(Database).items() if inspect.isfunction(member)]
    return {name: _method(name) for name in names if name == "__str__" or not name.startswith("_")}


_FAR = cast("Callable[[Ask], Database]", type("FarDatabase", (_Far, Database), _methods()))
