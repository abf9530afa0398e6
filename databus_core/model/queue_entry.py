"""A passenger in the queue: who it is, and how far each of its steps has come."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from databus_core.model.attachment import Attachment
from databus_core.model.clock import now
from databus_core.model.passenger import Json
from databus_core.model.writable import writable


class QueueStatus(StrEnum):
    """How far a step, or a passenger with all its steps, has come. Whatever is not COMPLETE is still to be done."""

    INCOMPLETE = "incomplete"
    """It is tried on one of the next trips."""
    RUNNING = "running"
    """Of a push only: it was begun and its outcome is not stored yet."""
    FAILED = "failed"
    """Out of attempts, or not worth another one: a person decides."""
    UNKNOWN = "unknown"
    """Of a push only: the process died during it and nobody can tell whether it arrived. A person decides."""
    COMPLETE = "complete"


DECISION_NEEDED = frozenset({QueueStatus.FAILED, QueueStatus.UNKNOWN})
"""Nothing more is done for such a step until a person says so."""


class StepKind(StrEnum):
    """What a step does with the passenger."""

    NOTIFICATION = "notification"
    PROCESSOR = "processor"
    PUSHER = "pusher"


def short_name(step_name: str) -> str:
    """The last part of a step's name, as a person says it."""
    return re.split("[.:]", step_name)[-1]


@dataclass(slots=True)
class Step:
    """One thing that must happen to one passenger."""

    kind: StepKind
    module: str
    name: str = ""
    """What tells two steps of the same module apart; the module's name unless the configuration says otherwise."""
    status: QueueStatus = QueueStatus.INCOMPLETE
    attempts: int = 0
    error: str = ""
    """What went wrong at the last attempt; empty when nothing did."""
    error_at: datetime | None = None
    note: str = ""
    """Why the step stands as it does when that is no error: not yet, left out, set by hand."""
    completed_at: datetime | None = None
    next_attempt_at: datetime | None = None
    """Not before then; None: on the next trip."""

    def __post_init__(self) -> None:
        self.name = self.name or self.module

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.status is QueueStatus.COMPLETE

    @property
    def waits_for_a_person(self) -> bool:
        """Whether nothing more is done until a person decides."""
        return self.status in DECISION_NEEDED

    def begin(self) -> None:
        """The push is under way: what a crash leaves so has an unknown outcome."""
        self.status = QueueStatus.RUNNING

    def finish(self, note: str = "") -> None:
        """Set the step complete now."""
        self.status = QueueStatus.COMPLETE
        self.note = writable(note)
        self.error, self.error_at, self.next_attempt_at = "", None, None
        self.completed_at = now()

    def fail(self, error: str, next_attempt_at: datetime | None = None) -> None:
        """Keep the step incomplete, with the error's text and time on it, to be tried again at that time."""
        self._stop(QueueStatus.INCOMPLETE, error)
        self.next_attempt_at = next_attempt_at

    def give_up(self, error: str) -> None:
        """No further attempt is made until a person reopens the step."""
        self._stop(QueueStatus.FAILED, error)

    def doubt(self, why: str) -> None:
        """Whether the push arrived is not known; a person decides."""
        self._stop(QueueStatus.UNKNOWN, why)

    def _stop(self, status: QueueStatus, error: str) -> None:
        self.status = status
        self.error, self.error_at = writable(error), now()
        self.note, self.completed_at, self.next_attempt_at = "", None, None

    def reopen(self, note: str = "") -> None:
        """Set the step incomplete, to be done (again) on the next trip; what went wrong before is forgotten."""
        self.status = QueueStatus.INCOMPLETE
        self.note = writable(note)
        self.error, self.error_at, self.completed_at, self.next_attempt_at = "", None, None, None


@dataclass(slots=True, kw_only=True)
class QueueEntry:
    """One seat in the queue, as the database keeps it."""

    client_passenger: str
    """Name of the client passenger whose trips handle it."""
    passenger_module: str
    external_id: str
    source_system: str
    internal_id: str
    notification: Step
    processors: list[Step] = field(default_factory=list["Step"])
    pushers: list[Step] = field(default_factory=list["Step"])
    attachments: list[Attachment] = field(default_factory=list["Attachment"])
    properties: dict[str, Json] = field(default_factory=dict[str, "Json"])
    log_ids: list[str] = field(default_factory=list[str])
    pulled_at: datetime = field(default_factory=now)
    unknown: dict[str, Any] = field(default_factory=dict[str, Any])
    """Keys of the stored document that this version does not know; written back untouched."""

    def __str__(self) -> str:
        return f"{self.source_system} - {self.external_id} ({self.internal_id})"

    @property
    def puller_notified(self) -> bool:
        """Whether the source system knows that the passenger is seated."""
        return self.notification.complete

    def steps(self) -> Iterator[Step]:
        """Every step in the order in which it is done."""
        yield self.notification
        yield from self.processors
        yield from self.pushers

    @property
    def status(self) -> QueueStatus:
        """Complete when every step is; else whatever a person should know first: UNKNOWN, FAILED, INCOMPLETE."""
        return status_of([step.status for step in self.steps()])

    @property
    def due_at(self) -> datetime | None:
        """From when on a trip can do something for it; None when nothing is left to do but by a person."""
        first = next((step for step in (self.notification, *self.processors) if not step.complete), None)
        next_steps = [first] if first is not None else [step for step in self.pushers if not step.complete]
        times = [step.next_attempt_at or self.pulled_at for step in next_steps if not step.waits_for_a_person]
        return min(times, default=None)

    @property
    def failing(self) -> Step | None:
        """The first step that is not complete because of an error."""
        return next((step for step in self.steps() if step.error and not step.complete), None)

    @property
    def completed_at(self) -> datetime | None:
        """When the last step was done; None while one is open, or for old entries that do not say."""
        if self.status is not QueueStatus.COMPLETE:
            return None
        return max((step.completed_at for step in self.steps() if step.completed_at), default=None)


def status_of(steps: Collection[QueueStatus]) -> QueueStatus:
    """The status of a passenger whose steps have these."""
    for status in (QueueStatus.UNKNOWN, QueueStatus.FAILED):
        if status in steps:
            return status
    return QueueStatus.COMPLETE if all(status is QueueStatus.COMPLETE for status in steps) else QueueStatus.INCOMPLETE
