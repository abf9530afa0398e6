"""A passenger in the queue: who it is, and how far each of its steps has come."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from databus_core.model.attachment import Attachment
from databus_core.model.clock import now
from databus_core.model.passenger import Json


class QueueStatus(StrEnum):
    """How far a step, or a passenger with all its steps, has come."""

    INCOMPLETE = "incomplete"
    COMPLETE = "complete"


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

    def __post_init__(self) -> None:
        self.name = self.name or self.module

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.status is QueueStatus.COMPLETE

    def finish(self, note: str = "") -> None:
        """Set the step complete now."""
        self.status = QueueStatus.COMPLETE
        self.note = note
        self.error, self.error_at = "", None
        self.completed_at = now()

    def fail(self, error: str) -> None:
        """Keep the step incomplete, with the error's text and time on it."""
        self.status = QueueStatus.INCOMPLETE
        self.error, self.error_at = error, now()
        self.note, self.completed_at = "", None

    def reopen(self, note: str = "") -> None:
        """Set the step incomplete, to be done (again) on the next trip; what went wrong before is forgotten."""
        self.status = QueueStatus.INCOMPLETE
        self.note = note
        self.error, self.error_at, self.completed_at = "", None, None


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
        """Complete when every step is."""
        return QueueStatus.COMPLETE if all(step.complete for step in self.steps()) else QueueStatus.INCOMPLETE

    @property
    def failing(self) -> Step | None:
        """The first step that is not complete because of an error."""
        return next((step for step in self.steps() if step.error and not step.complete), None)

    @property
    def completed_at(self) -> datetime | None:
        """When the last step was done; None while one is open, or for old entries that do not say."""
        if self.status is QueueStatus.INCOMPLETE:
            return None
        return max((step.completed_at for step in self.steps() if step.completed_at), default=None)
