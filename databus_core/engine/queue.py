"""The queue: where each passenger stands, and what may be done with it next."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from time import monotonic

from databus_core.engine.by_hand import BulkResult, EntryChange, setting_step
from databus_core.errors import DamagedError, DatabaseError
from databus_core.model.passenger import Json, fingerprint_in
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step
from databus_core.plugins.database import Database

HOLD_SECONDS = 5.0
"""How long somebody waits for an entry that somebody else works on."""

REMOVED_AT_ONCE = 10_000
"""Passengers that are held while they are purged."""

LOGS_KEPT = 100
"""How many log ids an entry keeps: its first one and the latest."""


class Seats:
    """Who works on which entry: nobody changes an entry that a trip, or a person, is changing."""

    def __init__(self) -> None:
        self._held: set[str] = set()
        self._released = threading.Condition()
        self._watchers: list[set[str]] = []

    @contextmanager
    def hold(self, internal_ids: Collection[str], seconds: float | None = None) -> Generator[None]:
        """Keep these entries for the caller. Raises DatabaseError after that many seconds; None waits for ever."""
        self.take(internal_ids, seconds)
        try:
            yield
        finally:
            self.give_back(internal_ids)

    def take(self, internal_ids: Collection[str], seconds: float | None = None) -> None:
        """Begin to hold entries. Raises as `hold` does."""
        wanted = set(internal_ids)
        with self._released:
            if not self._released.wait_for(lambda: self._held.isdisjoint(wanted), seconds):
                raise DatabaseError(
                    f"Passenger {min(self._held & wanted)} is being handled by a trip; try again later."
                )
            self._held |= wanted

    def give_back(self, internal_ids: Collection[str]) -> None:
        """Hold entries no longer."""
        with self._released:
            self._held.difference_update(internal_ids)
            self._released.notify_all()

    @contextmanager
    def changes_by_hand(self) -> Generator[set[str]]:
        """The ids of what people change while the block runs: who keeps an entry in memory reads it again.

        What was changed before an entry was taken is in it when `take` returns.
        """
        changed = self.watch()
        try:
            yield changed
        finally:
            self.unwatch(changed)

    def watch(self) -> set[str]:
        """A set to which the ids of what people change are added from now on."""
        changed: set[str] = set()
        with self._released:
            self._watchers.append(changed)
        return changed

    def unwatch(self, changed: set[str]) -> None:
        """Nothing more is added to it."""
        with self._released:
            self._watchers = [watcher for watcher in self._watchers if watcher is not changed]

    def changed_by_hand(self, *internal_ids: str) -> None:
        """A person (or what was left of an earlier trip) has changed these entries; called while they are held."""
        with self._released:
            for watcher in self._watchers:
                watcher.update(internal_ids)


class Queue:
    """One client's queue over its database. Safe to use from several threads."""

    def __init__(self, database: Database, client_id: str, seats: Seats) -> None:
        self._database = database
        self._client_id = client_id
        self._seats = seats

    def take(self, internal_ids: Collection[str]) -> None:
        """Keep entries, present or about to be seated, for one trip.

        Raises DatabaseError when somebody else keeps them for long: a trip that was left while the database hung.
        """
        self._seats.take(internal_ids, HOLD_SECONDS)

    def give_back(self, internal_ids: Collection[str]) -> None:
        """See Seats.give_back."""
        self._seats.give_back(internal_ids)

    @contextmanager
    def changes_by_hand(self) -> Generator[set[str]]:
        """See Seats.changes_by_hand."""
        with self._seats.changes_by_hand() as changed:
            yield changed

    def seat(self, entries: Sequence[QueueEntry]) -> list[bool]:
        """Seat new entries durably; answers which were new. See Database.seat."""
        return self._database.seat(self._client_id, entries)

    def known(self, entry: QueueEntry) -> str | None:
        """See Database.known."""
        return self._database.known(self._client_id, entry.source_system, entry.external_id)

    def differs(self, entry: QueueEntry) -> bool:
        """Whether the entry only has the id of one that is known, and is another. See Database.differs."""
        fingerprint = fingerprint_in(entry.properties)
        return self._database.differs(self._client_id, entry.source_system, entry.external_id, fingerprint)

    def open_ids(self, client_passenger: str) -> list[str]:
        """What is not complete, in pull order."""
        return self._database.open_ids(self._client_id, client_passenger)

    def due(self, client_passenger: str, moment: datetime | None) -> Iterator[QueueEntry | DamagedError]:
        """What a trip can do something for at that time. See Database.due."""
        return self._database.due(self._client_id, client_passenger, moment)

    def state(self, name: str) -> Json:
        """The small document of that name; None when there is none."""
        return self._database.states(self._client_id).get(name)

    def write_state(self, name: str, document: Json) -> None:
        """See Database.write_state."""
        self._database.write_state(self._client_id, name, document)

    def entry(self, internal_id: str) -> QueueEntry:
        """One entry as it is stored. Raises NotFoundError, DamagedError."""
        return self._database.entry(self._client_id, internal_id)

    def update(self, entries: Sequence[QueueEntry]) -> None:
        """Store entries durably."""
        self._database.update(self._client_id, entries)

    def set_step(self, internal_id: str, step_name: str, status: QueueStatus, who: str = "") -> QueueEntry:
        """A person sets one step of one passenger by hand; answers the entry as it is now.

        `step_name` is a Step's name, or the last part of it where that is one step's only. Raises NotFoundError for an
        unknown entry or step, DatabaseError while a trip handles the passenger or for another status. A step set to
        incomplete has all its attempts again.
        """
        with self._seats.hold([internal_id], HOLD_SECONDS):
            entry = self.entry(internal_id)
            if setting_step(step_name, status, who or "hand")(entry):
                self._store_by_hand([entry])
        return entry

    def change(self, internal_ids: Sequence[str], change: EntryChange) -> BulkResult:
        """A person changes passengers by hand, all in the same way; each is stored wholly or left as it was.

        One that is gone, cannot be read or stored, or that a trip handles for longer than HOLD_SECONDS, is refused and
        keeps no other from its change.
        """
        patience = monotonic() + HOLD_SECONDS
        refused: dict[str, str] = {}
        entries: list[QueueEntry] = []
        held: list[str] = []
        try:
            for internal_id in internal_ids:
                try:
                    self._seats.take([internal_id], max(0.0, patience - monotonic()))
                    held.append(internal_id)
                    entry = self.entry(internal_id)
                    if change(entry):
                        entries.append(entry)
                except DatabaseError as error:
                    refused[internal_id] = str(error)
            refused |= self._stored_as_far_as_possible(entries)
        finally:
            self._seats.give_back(held)
        changed = sum(entry.internal_id not in refused for entry in entries)
        return BulkResult(changed, len(internal_ids) - changed - len(refused), refused)

    def _stored_as_far_as_possible(self, entries: Sequence[QueueEntry]) -> dict[str, str]:
        """Ids of those that could not be stored, with the reasons."""
        try:
            self._store_by_hand(entries)
        except DatabaseError as error:
            if len(entries) == 1:
                return {entries[0].internal_id: str(error)}
            return {key: why for entry in entries for key, why in self._stored_as_far_as_possible([entry]).items()}
        return {}

    def _store_by_hand(self, entries: Sequence[QueueEntry]) -> None:
        if entries:
            self.update(entries)
            self._seats.changed_by_hand(*(entry.internal_id for entry in entries))

    def purge(self, client_passenger: str | None = None, before: datetime | None = None) -> int:
        """Remove completed passengers, all or those completed before a time; answers how many."""
        return self._remove(lambda: self._database.completed_ids(self._client_id, client_passenger, before))

    def purge_surplus(self, client_passenger: str, *, count: int | None = None, size: int | None = None) -> int:
        """Remove the completed passengers that are too many, see Database.surplus_ids; answers how many."""
        return self._remove(
            lambda: self._database.surplus_ids(self._client_id, client_passenger, count=count, size=size)
        )

    def _remove(self, find: Callable[[], list[str]]) -> int:
        """Remove what is found, but for what somebody works on, or has changed by hand since it was found."""
        removed = 0
        with self.changes_by_hand() as changed:
            ids = find()
            for start in range(0, len(ids), REMOVED_AT_ONCE):
                mine = self._take_free(ids[start : start + REMOVED_AT_ONCE])
                try:
                    if still := [internal_id for internal_id in mine if internal_id not in changed]:
                        removed += self._database.remove(self._client_id, still)
                finally:
                    self.give_back(mine)
        return removed

    def _take_free(self, internal_ids: list[str]) -> list[str]:
        """Hold those that nobody has, without waiting; answers which."""
        try:
            self._seats.take(internal_ids, 0)
        except DatabaseError:
            half = len(internal_ids) // 2
            return [*self._take_free(internal_ids[:half]), *self._take_free(internal_ids[half:])] if half else []
        return internal_ids


def mention(entry: QueueEntry, log_id: str) -> None:
    """Note on the entry that the log tells of it."""
    if not entry.log_ids or entry.log_ids[-1] != log_id:
        entry.log_ids.append(log_id)
        del entry.log_ids[1 : -LOGS_KEPT + 1]


def processable(entry: QueueEntry) -> list[Step]:
    """Processor steps still to do, in order; none before the source system knows that the passenger is seated."""
    return [step for step in entry.processors if not step.complete] if entry.puller_notified else []


def deliverable(entry: QueueEntry) -> list[Step]:
    """Pusher steps still to do; none before every processor is complete."""
    if not entry.puller_notified or not all(step.complete for step in entry.processors):
        return []
    return [step for step in entry.pushers if not step.complete]
