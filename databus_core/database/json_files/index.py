"""What of a queue is kept in memory: one row per entry, sorted so that no page, count or duplicate check scans."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeAlias, cast

from sortedcontainers import SortedList  # type: ignore[reportMissingTypeStubs]

from databus_core.database.json_files.sizes import QueueSizes
from databus_core.model.query import Query, QueueCounts, QueueOrder, QueueRow, Rows, terms
from databus_core.model.queue_entry import DECISION_NEEDED, QueueEntry, QueueStatus, StepKind

Place: TypeAlias = tuple[datetime, str]
"""Where an entry stands in pull order."""

OpenSteps: TypeAlias = tuple[tuple[StepKind, str], ...]
"""Kind and name of the steps that are not complete."""

Facet: TypeAlias = tuple[str, ...]
"""A filter that has its own sorted places, such as ("status", "complete")."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is kept of one entry."""

    row: QueueRow
    size: int
    """Bytes that the entry takes."""
    open_steps: OpenSteps

    @classmethod
    def of(cls, entry: QueueEntry, size: int) -> Indexed:
        """Of an entry as it is now."""
        return cls(
            QueueRow.of(entry), size, tuple((step.kind, step.name) for step in entry.steps() if not step.complete)
        )


class _Places(Protocol):
    """What is used of a SortedList, which has no types."""

    def add(self, value: Place) -> None: ...
    def remove(self, value: Place) -> None: ...
    def bisect_left(self, value: tuple[Any, ...]) -> int: ...
    def bisect_right(self, value: tuple[Any, ...]) -> int: ...
    def islice(self, start: int, stop: int, reverse: bool = False) -> Iterator[Place]: ...
    def __getitem__(self, position: int) -> Place: ...
    def __iter__(self) -> Iterator[Place]: ...
    def __len__(self) -> int: ...


def _places(values: Iterable[Place] = ()) -> _Places:
    return cast("_Places", SortedList(values))


class QueueIndex:
    """The rows of one client's queue. Not safe for several threads: its owner has the lock."""

    def __init__(self, entries: Iterable[Indexed] = ()) -> None:
        self._rows: dict[str, QueueRow] = {}
        self._open_steps: dict[str, OpenSteps] = {}
        """Of those that have any. Equal ones are one object, as there are few different ones."""
        self._alike: dict[OpenSteps, OpenSteps] = {}
        self._ids: dict[tuple[str, str], str] = {}
        self.sizes = QueueSizes()
        facets: dict[Facet, list[Place]] = {}
        for entry in sorted(entries, key=lambda entry: _place(entry.row)):
            place = self._keep(entry)
            for facet in _facets(entry.row):
                facets.setdefault(facet, []).append(place)
        self._sorted = {facet: _places(places) for facet, places in facets.items()}

    def __contains__(self, internal_id: str) -> bool:
        return internal_id in self._rows

    def id_of(self, source_system: str, external_id: str) -> str | None:
        """Internal id of that passenger, if it is here."""
        return self._ids.get((source_system, external_id))

    def row(self, internal_id: str) -> QueueRow | None:
        """One row."""
        return self._rows.get(internal_id)

    def put(self, entry: Indexed) -> None:
        """Add an entry, or replace the one of the same internal id."""
        row = entry.row
        old = self._rows.get(row.internal_id)
        before: set[Facet] = set(_facets(old)) if old else set()
        after = set(_facets(row))
        if old is not None and _place(old) != _place(row):
            self.discard(old.internal_id)
            before = set()
        elif old is not None:
            self.sizes.discard(old)
            if _key(old) != _key(row):
                self._ids.pop(_key(old), None)
        place = self._keep(entry)
        if before:
            everywhere = self._sorted["all",]
            place = everywhere[everywhere.bisect_left(place)]  # the one that is in memory already
        for facet in before - after:
            self._leave(facet, place)
        for facet in after - before:
            self._sorted.setdefault(facet, _places()).add(place)

    def discard(self, internal_id: str) -> None:
        """Forget a row; harmless when it is not here."""
        row = self._rows.pop(internal_id, None)
        if row is None:
            return
        self.sizes.discard(row)
        self._open_steps.pop(internal_id, None)
        if self._ids.get(_key(row)) == internal_id:
            del self._ids[_key(row)]
        for facet in _facets(row):
            self._leave(facet, _place(row))

    def _keep(self, entry: Indexed) -> Place:
        row = entry.row
        self._rows[row.internal_id] = row
        self.sizes.put(row, entry.size)
        if entry.open_steps:
            self._open_steps[row.internal_id] = self._alike.setdefault(entry.open_steps, entry.open_steps)
        else:
            self._open_steps.pop(row.internal_id, None)
        self._ids.setdefault(_key(row), row.internal_id)
        return _place(row)

    def _leave(self, facet: Facet, place: Place) -> None:
        places = self._sorted[facet]
        places.remove(place)
        if not places:
            del self._sorted[facet]

    # Questions --------------------------------------------------------------------------------------------------

    def ids(self, *facet: str) -> list[str]:
        """Internal ids in pull order of the entries with that facet."""
        return [internal_id for _, internal_id in self._sorted.get(facet, ())]

    def due_ids(self, client_passenger: str, moment: datetime | None) -> list[str]:
        """Internal ids in pull order of the entries for which a trip can do something: at that time, or ever."""
        ids = self.ids("passenger+due", client_passenger)
        if moment is None:
            return ids
        rows = (self._rows[internal_id] for internal_id in ids)
        # What was seated before the clock was set back is not put off by that.
        return [row.internal_id for row in rows if row.due_at is not None and row.due_at <= max(moment, row.pulled_at)]

    def next_attempt_at(self, client_passenger: str, after: datetime | None) -> datetime | None:
        """See Database.next_attempt_at."""
        rows = (self._rows[internal_id] for internal_id in self.ids("passenger+due", client_passenger))
        put_off = (row.due_at for row in rows if row.due_at is not None and row.due_at > row.pulled_at)
        return min((due_at for due_at in put_off if after is None or due_at > after), default=None)

    def counts(self) -> dict[str, QueueCounts]:
        """Numbers by client passenger."""
        return {facet[1]: self._counts(facet[1]) for facet in self._sorted if facet[0] == "passenger"}

    def _counts(self, client_passenger: str) -> QueueCounts:
        open_places = self._sorted.get(("passenger+status", client_passenger, QueueStatus.INCOMPLETE.value), ())
        return QueueCounts(
            complete=len(self._sorted.get(("passenger+status", client_passenger, QueueStatus.COMPLETE.value), ())),
            incomplete=len(open_places),
            failing=len(self._sorted.get(("passenger+error", client_passenger), ())),
            oldest_incomplete_at=open_places[0][0] if open_places else None,
        )

    def page(self, query: Query) -> Rows[QueueRow]:
        """One page. Scans only for a text, for several filters at once, or for an order other than the pull's."""
        query = query.with_implied()
        facet, others = self._best_facet(query)
        places = self._sorted.get(facet)
        if places is None:
            return Rows([], 0)
        first = places.bisect_left((query.pulled_from,)) if query.pulled_from else 0
        last = places.bisect_left((query.pulled_until,)) if query.pulled_until else len(places)
        others = others or bool(query.text or query.id or query.attempts or query.open_step or query.error)
        if others or query.order is not QueueOrder.PULLED_AT:
            return self._scan(query, places.islice(first, max(first, last)))
        total = max(0, last - first)
        first, last = _beyond(query, places, first, max(first, last))
        start, stop = (min(number, last - first) for number in (query.offset, query.offset + query.limit))
        if query.descending:
            page = places.islice(last - stop, last - start, reverse=True)
        else:
            page = places.islice(first + start, first + stop)
        return Rows([self._rows[internal_id] for _, internal_id in page], total)

    def _best_facet(self, query: Query) -> tuple[Facet, bool]:
        """The shortest sorted places that hold all matches, and whether the query filters by more than that."""
        filters: list[Facet] = []
        if query.client_passenger:
            filters.append(("passenger", query.client_passenger))
        if query.status is not None:
            filters.append(("status", query.status.value))
        if query.has_error is not None:
            filters.append(("error", str(query.has_error)))
        if query.needs_decision:
            filters.append(("decision",))
        if query.source_system:
            filters.append(("source", query.source_system))
        names = [facet[0] for facet in filters]
        if names == ["passenger", "status"]:
            return ("passenger+status", filters[0][1], filters[1][1]), False
        best = min(filters or [("all",)], key=lambda facet: len(self._sorted.get(facet, ())))
        return best, len(filters) > 1

    def _scan(self, query: Query, places: Iterable[Place]) -> Rows[QueueRow]:
        wanted = [term.text.casefold() for term in terms(query.text)]
        rows = [
            row
            for _, internal_id in places
            if _matches(row := self._rows[internal_id], query, wanted) and self._has_open_step(internal_id, query)
        ]
        sort_key = _sort_key(query.order)
        if query.order is not QueueOrder.PULLED_AT:
            rows.sort(key=sort_key)
        total, first, last = len(rows), 0, len(rows)
        if query.after is not None and query.descending:
            last = bisect_left(rows, sort_key(query.after), key=sort_key)
        elif query.after is not None:
            first = bisect_right(rows, sort_key(query.after), key=sort_key)
        rows = rows[first:last]
        if query.descending:
            rows.reverse()
        return Rows(rows[query.offset : query.offset + query.limit], total)

    def _has_open_step(self, internal_id: str, query: Query) -> bool:
        """See Query.open_step."""
        if not query.open_step:
            return True
        wanted, of = query.open_step.casefold(), query.open_step_kind
        return any(
            wanted in name.casefold() and of in {None, kind} for kind, name in self._open_steps.get(internal_id, ())
        )


def _beyond(query: Query, places: _Places, first: int, last: int) -> tuple[int, int]:
    """The part of `places[first:last]` that comes after the row which the query names."""
    if query.after is None:
        return first, last
    place = _place(query.after)
    if query.descending:
        return first, max(first, min(last, places.bisect_left(place)))
    return min(last, max(first, places.bisect_right(place))), last


def _sort_key(order: QueueOrder) -> Callable[[QueueRow], tuple[Any, ...]]:
    """What rows are sorted by; the last parts make it unique."""
    if order is QueueOrder.PULLED_AT:
        return _place
    return lambda row: (str(getattr(row, order.value)), *_place(row))


def _key(row: QueueRow) -> tuple[str, str]:
    return row.source_system, row.external_id


def _place(row: QueueRow) -> Place:
    return row.pulled_at, row.internal_id


_PLAIN = frozenset({QueueStatus.INCOMPLETE, QueueStatus.COMPLETE})


def _facets(row: QueueRow) -> list[Facet]:
    statuses = [row.status.value] if row.status in _PLAIN else [row.status.value, QueueStatus.INCOMPLETE.value]
    facets: list[Facet] = [
        ("all",),
        ("passenger", row.client_passenger),
        *(("status", status) for status in statuses),
        *(("passenger+status", row.client_passenger, status) for status in statuses),
        ("error", str(bool(row.failing_step))),
        ("source", row.source_system),
    ]
    if row.failing_step:
        facets.append(("passenger+error", row.client_passenger))
    if row.status in DECISION_NEEDED:
        facets.append(("decision",))
    if row.due_at is not None:
        facets.append(("passenger+due", row.client_passenger))
    return facets


def _matches(row: QueueRow, query: Query, wanted: Sequence[str]) -> bool:
    return (
        (not query.client_passenger or row.client_passenger == query.client_passenger)
        and (query.status is None or _has_status(row, query.status))
        and (query.has_error is None or bool(row.failing_step) is query.has_error)
        and (not query.needs_decision or row.status in DECISION_NEEDED)
        and (not query.source_system or row.source_system == query.source_system)
        and (not query.id or query.id in {row.internal_id, row.external_id})
        and row.attempts >= query.attempts
        and query.error.casefold() in row.error.casefold()
        and _says(row, wanted)
    )


def _has_status(row: QueueRow, status: QueueStatus) -> bool:
    """See Query.status."""
    return row.status is status or (status is QueueStatus.INCOMPLETE and row.status is not QueueStatus.COMPLETE)


def _says(row: QueueRow, wanted: Sequence[str]) -> bool:
    """Whether each of the texts is found in the row."""
    if not wanted:
        return True
    said = f"{row.external_id}\n{row.source_system}\n{row.title}\n{row.error}".casefold()
    internal_id = row.internal_id.casefold()
    return all(text in said or internal_id.startswith(text) for text in wanted)
