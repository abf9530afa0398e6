"""What tables ask for, and what they get: one page of rows and the number of all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from databus_core.model.log import MessageType
from databus_core.model.passenger import fingerprint_in, title_in
from databus_core.model.queue_entry import QueueEntry, QueueStatus, StepKind

RowT = TypeVar("RowT")

PAGE = 256
"""Rows of a page unless the asker says otherwise."""

ERROR_SHOWN = 300
"""Characters of an error that a row shows."""


@dataclass(frozen=True, slots=True)
class Rows(Generic[RowT]):
    """One page of what a query matches."""

    rows: list[RowT]
    total: int
    """How many rows match in all; at least so many, and more than this page and those before it have, with `more`."""
    more: bool = False
    """Whether more may match than `total`: they were counted no further, as that takes long where very many have the
    words of a text. Without a text, all are counted."""


class QueueOrder(StrEnum):
    """What queue rows can be sorted by."""

    PULLED_AT = "pulled_at"
    EXTERNAL_ID = "external_id"
    SOURCE_SYSTEM = "source_system"
    CLIENT_PASSENGER = "client_passenger"
    STATUS = "status"


_TERM = re.compile(r'"([^"]*)"?|([^\s"]+)')


@dataclass(frozen=True, slots=True)
class Term:
    """One thing that a text asks for."""

    text: str
    quoted: bool


def terms(text: str) -> list[Term]:
    """What a text asks for: words, and what stands between double quotes."""
    found = (Term(quoted.strip() or plain, bool(quoted)) for quoted, plain in _TERM.findall(text))
    return [term for term in found if term.text]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which queue entries, in which order, and which page of them. None and "" mean: any."""

    client_id: str
    client_passenger: str | None = None
    status: QueueStatus | None = None
    """The status of the passenger; INCOMPLETE finds whatever is not complete. RUNNING, which only steps are, finds
    none."""
    has_error: bool | None = None
    """True: a step failed and is still open."""
    needs_decision: bool = False
    """True: a person must decide about a step, which is FAILED or UNKNOWN."""
    source_system: str | None = None
    id: str = ""
    """Its internal or its external id, exactly."""
    attempts: int = 0
    """At least so many, of any step."""
    open_step: str = ""
    """Some step whose name has this in it, in any case, is not complete."""
    open_step_kind: StepKind | None = None
    """Which kind of step `open_step` means; None: any."""
    error: str = ""
    """The failing step's error has this in it, in any case; looked for in its first ERROR_SHOWN characters at least."""
    pulled_from: datetime | None = None
    pulled_until: datetime | None = None
    """Exclusive."""
    text: str = ""
    """What its `terms` are, each of which is found in the external id, the source system or the failing step's error,
    or at the beginning of the internal id, in any case. A database may look for words that begin so instead of looking
    anywhere, and then finds them in every error and in attachments, too; what is in quotes it finds as whole words. One
    that has the titles at hand finds them there as well."""
    order: QueueOrder = QueueOrder.PULLED_AT
    descending: bool = True
    offset: int = 0
    """Rows left out at the beginning, of those behind `after`."""
    after: QueueRow | None = None
    """Only rows that come after this one, which need not be there any more: the next page, however deep, at the same
    cost. The number of all rows that match is as without it."""
    limit: int = PAGE

    def with_implied(self) -> Query:
        """The same question, with what its other parts imply said as well: an index may know that."""
        query = self
        if query.open_step and query.status is None:
            query = replace(query, status=QueueStatus.INCOMPLETE)
        if query.error and query.has_error is None:
            query = replace(query, has_error=True)
        return query


@dataclass(frozen=True, slots=True)
class QueueRow:
    """A queue entry as a table shows it: no attachments, no steps."""

    internal_id: str
    client_passenger: str
    source_system: str
    external_id: str
    status: QueueStatus
    pulled_at: datetime
    puller_notified: bool
    completed_at: datetime | None
    steps_done: int
    steps_total: int
    attempts: int
    """The most attempts that any step has had."""
    failing_step: str
    """Name of the step that failed last and is still open; empty when none is."""
    error: str
    """That step's error, cut to its first ERROR_SHOWN characters."""
    fingerprint: str
    """See Passenger.fingerprint."""
    title: str
    """What a person would call the passenger; see title_in."""
    due_at: datetime | None = None
    """See QueueEntry.due_at."""

    @classmethod
    def of(cls, entry: QueueEntry) -> QueueRow:
        """The row of an entry as it is now."""
        steps = list(entry.steps())
        done = sum(step.complete for step in steps)
        failing = [step for step in steps if step.error and not step.complete]
        last = max(failing, key=lambda step: step.error_at.timestamp() if step.error_at else 0.0) if failing else None
        return cls(
            internal_id=entry.internal_id,
            client_passenger=entry.client_passenger,
            source_system=entry.source_system,
            external_id=entry.external_id,
            status=entry.status,
            pulled_at=entry.pulled_at,
            puller_notified=entry.puller_notified,
            completed_at=entry.completed_at,
            steps_done=done,
            steps_total=len(steps),
            attempts=max(step.attempts for step in steps),
            failing_step=last.name if last else "",
            error=last.error[:ERROR_SHOWN] if last else "",
            fingerprint=fingerprint_in(entry.properties),
            due_at=entry.due_at,
            title=title_in(entry.properties),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which logs of a client, newest first. None and "" mean: any."""

    client_id: str
    client_passenger: str | None = None
    worst: MessageType | None = None
    """At least this bad."""
    started_from: datetime | None = None
    started_until: datetime | None = None
    text: str = ""
    """Found in the log's id or its client passenger, in any case."""
    offset: int = 0
    limit: int = PAGE


@dataclass(frozen=True, slots=True)
class LogRow:
    """A log as a table shows it."""

    id: str
    client_passenger: str
    """Empty for old logs, which do not say."""
    started_at: datetime
    finished_at: datetime | None
    """None for a log that was never finished: the trip runs, or its process died."""
    worst: MessageType
    length: int
    """Number of entries."""
    size: int
    """Bytes on disk."""


MUCH_WAITS = 1000
"""Fewer passengers are indexed within a moment; nobody need be told of them."""


@dataclass(frozen=True, slots=True)
class SearchProgress:
    """How many passengers, of all clients, are found by everything that they have."""

    indexed: int = 0
    total: int = 0

    @property
    def is_behind(self) -> bool:
        """Whether so many wait that a person should know."""
        return self.total - self.indexed >= MUCH_WAITS


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """How many entries one client passenger has in the queue."""

    complete: int = 0
    incomplete: int = 0
    failing: int = 0
    """Those of the incomplete ones that a step has failed for."""
    oldest_incomplete_at: datetime | None = None
