"""A queue entry as rows of its tables, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, TypeAlias, cast

import orjson

from databus_core.database.sql.tables import COMPLETE, LONGEST_SEAT, OPEN
from databus_core.errors import DatabaseError
from databus_core.model.attachment import AttachmentFormat
from databus_core.model.log import MessageType
from databus_core.model.passenger import fingerprint_in, title_in
from databus_core.model.query import ERROR_SHOWN, QueueRow
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind

StepFacts: TypeAlias = (
    "tuple[StepKind, str, str, QueueStatus, int, datetime | None, str, datetime | None, str, datetime | None]"
)
"""What a step says, in the order of STEP_COLUMNS, each value as the step itself has it."""

STEP_COLUMNS = (
    "kind", "module", "name", "status", "attempts", "completed_at", "error", "error_at", "note", "next_attempt_at",
)  # fmt: skip
"""The columns of a step behind `position`; the step has attributes of these names."""
STEP_IDENTITY = 3
"""The first so many of them say which step it is."""
STEP_OUTCOME = 6
"""Up to there they say what came of it; nothing behind them differs when it is done at its first attempt."""
ROW_COLUMNS = (
    "internal_id", "client_passenger", "source_system", "external_id", "status", "decision", "pulled_at", "notified",
    "completed_at", "steps_done", "steps_total", "attempts", "failing_step", "error", "fingerprint", "due_at",
    "properties",
)  # fmt: skip
"""What a QueueRow is made of."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
MICROSECONDS_OF_DAY = 24 * 60 * 60 * 1_000_000

MESSAGE_TYPES = dict(enumerate(MessageType))
"""By severity, which is also their number in the tables."""
KINDS: list[StepKind] = list(StepKind)
_FORMATS = list(AttachmentFormat)
STATUSES = {
    OPEN: QueueStatus.INCOMPLETE,
    COMPLETE: QueueStatus.COMPLETE,
    2: QueueStatus.RUNNING,
    3: QueueStatus.FAILED,
    4: QueueStatus.UNKNOWN,
}
"""Of steps, by their numbers in the tables."""
STATUS_NUMBERS = {status: number for number, status in STATUSES.items()}
_COMPLETE, _FAILED, _UNKNOWN = QueueStatus.COMPLETE, QueueStatus.FAILED, QueueStatus.UNKNOWN
_PUSHER = StepKind.PUSHER
_HASHED = "sha256:"


def stored_time(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def stored_time_or_none(moment: datetime | None) -> int | None:
    """The same for a time that may be missing."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


def time_of(stored: int) -> datetime:
    """The time of a stored one."""
    return _EPOCH + timedelta(0, 0, stored)  # by position: names cost as much again


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


# Facts are what an entry says in its own terms, columns what is stored. An update compares facts with those that were
# stored, which is cheap as most are the same objects still, and makes columns only of what differs. Facts and columns
# are plain tuples, because making an object of a class costs more than all the rest.

EntryFacts: TypeAlias = "tuple[str, datetime, str, str, str, str]"
"""Client passenger, time of the pull, module; then, as JSON or "" when empty, what can change in place: properties,
log ids, what is unknown."""
EntryColumns: TypeAlias = "tuple[str, int, str, str, str, str, str]"
"""ENTRY_COLUMNS, which follow from an entry's facts."""
Progress: TypeAlias = "tuple[int, int, int, int, int, int, int, str, str, int | None, int | None, int | None]"
"""PROGRESS_COLUMNS, which follow from an entry's steps."""

ENTRY_COLUMNS = (
    "client_passenger", "pulled_at", "passenger_module", "fingerprint", "properties", "log_ids", "unknown",
)  # fmt: skip
PROGRESS_COLUMNS = (
    "status", "decision", "failing", "notified", "steps_done", "steps_total", "attempts", "failing_step", "error",
    "due_at", "done_at", "completed_at",
)  # fmt: skip
TIMES = PROGRESS_COLUMNS.index("due_at")
"""Where their times begin, which hardly two entries have in common."""


def _json(value: Any) -> str:
    # Not kept as bytes: orjson's have room for 1 KiB, and to keep what is cut off from it costs ten times its making.
    return orjson.dumps(value).decode()


def entry_facts(entry: QueueEntry) -> EntryFacts:
    """What an entry says now, its steps and attachments apart. Raises DatabaseError for what is no JSON."""
    try:
        return (
            entry.client_passenger,
            entry.pulled_at,
            entry.passenger_module,
            _json(entry.properties) if entry.properties else "",
            _json(entry.log_ids) if entry.log_ids else "",
            _json(entry.unknown) if entry.unknown else "",
        )
    except TypeError as error:
        raise DatabaseError(f"Passenger {entry} cannot be stored: {error}.") from error


def entry_facts_of(columns: EntryColumns) -> EntryFacts:
    """What an entry with these columns says."""
    name, pulled_at, module, _, properties, log_ids, unknown = columns
    return name, time_of(pulled_at), module, properties, log_ids, unknown


def titles_differ(before: EntryFacts, after: EntryFacts) -> bool:
    """Whether a person would call the entry something else."""
    had, has = before[3], after[3]
    return had != has and title_in(json_or(had, {})) != title_in(json_or(has, {}))


def entry_columns(facts: EntryFacts) -> EntryColumns:
    """ENTRY_COLUMNS."""
    name, pulled_at, module, properties, log_ids, unknown = facts
    fingerprint = fingerprint_in(orjson.loads(properties)) if "fingerprint" in properties else ""
    return name, stored_time(pulled_at), module, fingerprint, properties, log_ids, unknown


_step_facts = cast("Callable[[Step], StepFacts]", attrgetter(*STEP_COLUMNS))


def steps_facts(entry: QueueEntry) -> list[StepFacts]:
    """What the steps of an entry say now, in order."""
    return [_step_facts(entry.notification), *map(_step_facts, entry.processors), *map(_step_facts, entry.pushers)]


def step_facts_of(values: tuple[Any, ...]) -> StepFacts:
    """What a step with these columns says."""
    return _step_facts(step_of(values))


def step_columns(facts: StepFacts) -> tuple[int, str, str, int, int, int | None, str, int | None, str, int | None]:
    """STEP_COLUMNS."""
    kind, module, name, status, attempts, completed_at, error, error_at, note, next_attempt_at = facts
    return (
        KINDS.index(kind),
        module,
        name,
        STATUS_NUMBERS[status],
        attempts,
        None if completed_at is None else stored_time(completed_at),
        error,
        None if error_at is None else stored_time(error_at),
        note,
        None if next_attempt_at is None else stored_time(next_attempt_at),
    )


def progress_of(steps: Sequence[StepFacts], pulled_at: int) -> Progress:
    """How far an entry with these steps has come; `pulled_at`, as it is stored, is when its life span begins if they do
    not say."""
    done = attempts = decision = 0
    failing_step = error = ""
    failed_at = completed_at = due_at = None
    reached = True
    for kind, _, name, status, tried, at, text, text_at, _, next_at in steps:
        if tried > attempts:  # noqa: PLR1730 - max() costs as much as all the rest of a step
            attempts = tried
        if status is _COMPLETE:
            done += 1
            if at is not None and (completed_at is None or at > completed_at):
                completed_at = at
        else:
            if status is _UNKNOWN or (status is _FAILED and decision != STATUS_NUMBERS[_UNKNOWN]):
                decision = STATUS_NUMBERS[status]
            elif status is not _FAILED and reached:
                again_at = pulled_at if next_at is None else stored_time(next_at)
                if due_at is None or again_at < due_at:
                    due_at = again_at
            reached = reached and kind is _PUSHER  # nothing behind a notification or a processor that is not done
            if text and (not failing_step or (text_at or _EPOCH) > (failed_at or _EPOCH)):
                failing_step, error, failed_at = name, text, text_at
    notified, total = 1 if steps[0][3] is _COMPLETE else 0, len(steps)
    if done < total:
        failing = 1 if failing_step else 0
        shown = error[:ERROR_SHOWN]
        return OPEN, decision, failing, notified, done, total, attempts, failing_step, shown, due_at, None, None
    at = stored_time_or_none(completed_at)
    done_at = pulled_at if at is None else at
    return COMPLETE, 0, 0, notified, done, total, attempts, "", "", None, done_at, at


def step_of(values: tuple[Any, ...]) -> Step:
    """A step from its columns."""
    kind, module, name, status, attempts, completed_at, error, error_at, note, next_attempt_at = values
    return Step(
        KINDS[cast("int", kind)],
        module,
        name,
        STATUSES[status],
        attempts,
        error,
        time_or_none(error_at),
        note,
        time_or_none(completed_at),
        time_or_none(next_attempt_at),
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
        internal_id, client_passenger, source_system, external_id, status, decision, pulled_at, notified,
        completed_at, steps_done, steps_total, attempts, failing_step, error, fingerprint, due_at,
        properties,
    ) = values  # fmt: skip
    return QueueRow(
        internal_id,
        client_passenger,
        source_system,
        external_id,
        STATUSES[decision or status],
        time_of(pulled_at),
        bool(notified),
        time_or_none(completed_at),
        steps_done,
        steps_total,
        attempts,
        failing_step,
        error,
        fingerprint,
        title_in(json_or(properties, {})),
        time_or_none(due_at),
    )
