"""Queue entries for tests: a whole one from nothing, every part of it by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from databus_core.model.attachment import Attachment
from databus_core.model.identity import new_id
from databus_core.model.queue_entry import QueueEntry, Step, StepKind

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
"""When the first passenger of a test was pulled."""


def minutes(number: float) -> datetime:
    """So many minutes after START."""
    return START + timedelta(minutes=number)


def entry(
    external_id: str = "1",
    *,
    source_system: str = "shop",
    client_passenger: str = "orders",
    attachments: Iterable[Attachment] = (),
    pulled_at: datetime = START,
    processors: Sequence[str] = ("plugins.check",),
    pushers: Sequence[str] = ("plugins.deliver",),
    **others: Any,
) -> QueueEntry:
    """An entry as it is before its first step."""
    fields: dict[str, Any] = {
        "passenger_module": "plugins.order",
        "internal_id": new_id(),
        "notification": Step(StepKind.NOTIFICATION, "plugins.shop"),
    }
    return QueueEntry(
        client_passenger=client_passenger,
        external_id=external_id,
        source_system=source_system,
        processors=[Step(StepKind.PROCESSOR, module) for module in processors],
        pushers=[Step(StepKind.PUSHER, module) for module in pushers],
        attachments=list(attachments),
        pulled_at=pulled_at,
        **(fields | others),
    )


def entries(count: int, *, attachments: Sequence[Attachment] = (), **others: Any) -> list[QueueEntry]:
    """Entries 0, 1, 2 ... each pulled a minute after the one before, with attachments of its own."""
    return [
        entry(str(number), pulled_at=minutes(number), attachments=map(replace, attachments), **others)
        for number in range(count)
    ]


def completed(made: QueueEntry, at: datetime | None = None) -> QueueEntry:
    """The entry with every step done, at a time of the test's choice."""
    for step in made.steps():
        step.finish()
        step.completed_at = at or step.completed_at
    return made


def state(made: QueueEntry) -> dict[str, Any]:
    """Everything that an entry says, with its attachments' contents: what two equal entries have in common."""
    return {
        "client_passenger": made.client_passenger,
        "passenger_module": made.passenger_module,
        "external_id": made.external_id,
        "source_system": made.source_system,
        "internal_id": made.internal_id,
        "steps": [_step(step) for step in made.steps()],
        "attachments": [(a.name, a.format, a.read_bytes()) for a in made.attachments],
        "properties": made.properties,
        "log_ids": made.log_ids,
        "pulled_at": made.pulled_at,
        "unknown": made.unknown,
    }


def _step(step: Step) -> tuple[object, ...]:
    return (
        step.kind, step.module, step.name, step.status, step.attempts, step.error, step.error_at, step.note,
        step.completed_at,
    )  # fmt: skip
