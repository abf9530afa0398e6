"""What a person changes of passengers by hand: each change is a function on one entry, done to one or to many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from databus_core.errors import DatabaseError, NotFoundError
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, short_name

EntryChange: TypeAlias = Callable[[QueueEntry], bool]
"""Changes an entry, and answers whether there was anything to change. May raise DatabaseError, in words."""


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of changing many passengers."""

    changed: int = 0
    unchanged: int = 0
    """There was nothing to change."""
    refused: Mapping[str, str] = field(default_factory=dict[str, str])
    """Why not, by internal id."""

    @property
    def total(self) -> int:
        """How many it is about."""
        return self.changed + self.unchanged + len(self.refused)

    def __add__(self, other: BulkResult) -> BulkResult:
        return BulkResult(
            self.changed + other.changed, self.unchanged + other.unchanged, {**self.refused, **other.refused}
        )


def setting_step(step_name: str, status: QueueStatus, who: str) -> EntryChange:
    """One step is set COMPLETE or INCOMPLETE by somebody. Raises DatabaseError for another status.

    The change raises NotFoundError where the passenger has no such step.
    """
    if status not in {QueueStatus.COMPLETE, QueueStatus.INCOMPLETE}:
        raise DatabaseError(f"A person sets a step to complete or incomplete, not to {status.value!r}.")

    def change(entry: QueueEntry) -> bool:
        step = _step_meant(entry, step_name)
        if step.complete if status is QueueStatus.COMPLETE else _is_fresh(step):
            return False
        if status is QueueStatus.COMPLETE:
            step.finish(f"set by {who}")
        else:
            _start_anew(step, f"set by {who}")
        return True

    return change


def retrying(who: str) -> EntryChange:
    """Every step that failed, or that waits for a decision, is tried again with all its attempts.

    A push that a crash interrupted is not touched: the next trip settles it.
    """

    def change(entry: QueueEntry) -> bool:
        steps = [
            step
            for step in entry.steps()
            if step.waits_for_a_person or (step.status is QueueStatus.INCOMPLETE and not _is_fresh(step))
        ]
        for step in steps:
            _start_anew(step, f"retried by {who}")
        return bool(steps)

    return change


def _is_fresh(step: Step) -> bool:
    """Whether it waits as if it had never been tried."""
    return step.status is QueueStatus.INCOMPLETE and not step.error and not step.attempts


def _start_anew(step: Step, note: str) -> None:
    step.reopen(note)
    step.attempts = 0


def _step_meant(entry: QueueEntry, step_name: str) -> Step:
    """The step that a person names. Raises NotFoundError."""
    steps = list(entry.steps())
    meant = [step for step in steps if step.name == step_name]
    meant = meant or [step for step in steps if short_name(step.name) == step_name]
    if len(meant) == 1:
        return meant[0]
    names = ", ".join(step.name for step in meant or steps)
    several = "several steps" if meant else "no step"
    raise NotFoundError(f"Passenger {entry} has {several} {step_name!r}; it has {names}.")
