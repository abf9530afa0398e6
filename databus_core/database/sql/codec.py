"""A queue entry as rows of its tables, and back."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import orjson

from databus_core.database.sql.tables import COMPLETE, LONGEST_SEAT, OPEN
from databus_core.errors import DatabaseError
from databus_core.model.attachment import AttachmentFormat
from databus_core.model.log import MessageType
from databus_core.model.passenger import fingerprint_in
from databus_core.model.query import ERROR_SHOWN, QueueRow
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind

StepValues: TypeAlias = "tuple[int, str, str, int, int, str, int | None, str, int | None]"
"""The columns of a step behind `position`."""

STEP_COLUMNS = ("kind", "module", "name", "status", "attempts", "error", "error_at", "note", "completed_at")
ROW_COLUMNS = (
    "internal_id", "client_passenger", "source_system", "external_id", "status", "pulled_at", "notified",
    "completed_at", "steps_done", "steps_total", "attempts", "failing_step", "error", "fingerprint",
)  # fmt: skip
"""What a QueueRow is made of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_OF_DAY = 24 * 60 * 60 * 1_000_000

MESSAGE_TYPES = dict(enumerate(MessageType))
"""By severity, which is also their number in the tables."""
_KINDS = dict(enumerate(StepKind))
_KIND_NUMBERS = {kind: number for number, kind in _KINDS.items()}
_FORMATS = list(AttachmentFormat)
_STATUSES = {OPEN: QueueStatus.INCOMPLETE, COMPLETE: QueueStatus.COMPLETE}
_HASHED = "sha256:"


def stored_time(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def stored_time_or_none(moment: datetime | None) -> int | None:
    """The same for a time that may be missing."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def time_of(stored: int) -> datetime:
    """The time of a stored one."""
    return _EPOCH + timedelta(microseconds=stored)


def time_or_none(stored: int | None) -> datetime | None:
    """The same for a time that may be missing."""
    return None if stored is None else time_of(stored)


def seat_of(source_system: str, external_id: str) -> str:
    """What makes a passenger unique within its client, short enough for an index.

    The two names themselves while they are short: ids that grow then lie at the index's end. Else their hash, and also
    where the text could be mistaken for a hash, or loses trailing spaces in some database's comparisons.
    """
    seat = f"{source_system}\n{external_id}"
    if len(seat) <= LONGEST_SEAT and not seat.startswith(_HASHED) and seat[-1] != " " and "\n" not in external_id:
        return seat
    both = orjson.dumps([source_system, external_id])
    return _HASHED + hashlib.sha256(both).hexdigest()


class EntryValues(NamedTuple):
    """The columns of an entry that may change; the first INDEXED of them are part of indexes."""

    client_passenger: str
    pulled_at: int
    status: int
    failing: int
    done_at: int | None
    completed_at: int | None
    notified: int
    steps_done: int
    steps_total: int
    attempts: int
    failing_step: str
    error: str
    fingerprint: str
    passenger_module: str
    properties: str
    log_ids: str
    unknown: str

    @property
    def indexed(self) -> tuple[object, ...]:
        """What indexes find it by. A change of the rest costs them nothing."""
        return self[:INDEXED]


INDEXED = 5


def entry_values(entry: QueueEntry, steps: list[StepValues]) -> EntryValues:
    """The changing columns of an entry with these steps. Raises DatabaseError for what is no JSON."""
    done = attempts = failed_at = 0
    failing_step = error = ""
    completed_at: int | None = None
    for _, _, name, status, tried, text, text_at, _, at in steps:
        attempts = max(attempts, tried)
        if status == COMPLETE:
            done += 1
            if at is not None and (completed_at is None or at > completed_at):
                completed_at = at
        elif text and (not failing_step or (text_at or 0) > failed_at):
            failing_step, error, failed_at = name, text, text_at or 0
    complete = done == len(steps)
    pulled_at = stored_time(entry.pulled_at)
    if not complete:
        completed_at = None
    return EntryValues(
        entry.client_passenger,
        pulled_at,
        COMPLETE if complete else OPEN,
        1 if failing_step else 0,
        (pulled_at if completed_at is None else completed_at) if complete else None,
        completed_at,
        1 if entry.notification.complete else 0,
        done,
        len(steps),
        attempts,
        failing_step,
        error[:ERROR_SHOWN],
        fingerprint_in(entry.properties),
        entry.passenger_module,
        _json(entry, entry.properties) if entry.properties else "",
        _json(entry, entry.log_ids) if entry.log_ids else "",
        _json(entry, entry.unknown) if entry.unknown else "",
    )


def _json(entry: QueueEntry, value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise DatabaseError(f"Passenger {entry} cannot be stored: {error}.") from error


def step_values(entry: QueueEntry) -> list[StepValues]:
    """The steps of an entry, in order."""
    return [
        (
            _KIND_NUMBERS[step.kind],
            step.module,
            step.name,
            COMPLETE if step.status is QueueStatus.COMPLETE else OPEN,
            step.attempts,
            step.error,
            stored_time_or_none(step.error_at),
            step.note,
            stored_time_or_none(step.completed_at),
        )
        for step in entry.steps()
    ]


def step_of(values: tuple[Any, ...]) -> Step:
    """A step from its columns."""
    kind, module, name, status, attempts, error, error_at, note, completed_at = values
    return Step(
        _KINDS[kind],
        module,
        name,
        _STATUSES[status],
        attempts,
        error,
        time_or_none(error_at),
        note,
        time_or_none(completed_at),
    )


def format_number(fmt: AttachmentFormat) -> int:
    """The column `format`."""
    return _FORMATS.index(fmt)


def format_of(number: int) -> AttachmentFormat:
    """What the column `format` says."""
    return _FORMATS[number]


def json_or(text: str, empty: Any) -> Any:
    """The value of a JSON column, in which the empty text stands for the empty value."""
    return orjson.loads(text) if text else empty


def row_of(values: tuple[Any, ...]) -> QueueRow:
    """A row from its columns, ROW_COLUMNS."""
    (
        internal_id, client_passenger, source_system, external_id, status, pulled_at, notified,
        completed_at, steps_done, steps_total, attempts, failing_step, error, fingerprint,
    ) = values  # fmt: skip
    return QueueRow(
        internal_id,
        client_passenger,
        source_system,
        external_id,
        _STATUSES[status],
        time_of(pulled_at),
        bool(notified),
        time_or_none(completed_at),
        steps_done,
        steps_total,
        attempts,
        failing_step,
        error,
        fingerprint,
    )
