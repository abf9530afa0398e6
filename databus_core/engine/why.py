"""Why is it not delivered? One sentence about one passenger. Pure: everything that bears on it is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from databus_core.engine.breaker import Breaker
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind
from databus_core.plugins.observer import DispatcherState

_STATES = {
    DispatcherState.STOPPED: "the dispatcher is stopped",
    DispatcherState.STARTING: "the dispatcher is starting",
    DispatcherState.PAUSING: "the dispatcher is about to pause",
    DispatcherState.PAUSED: "the dispatcher is paused",
    DispatcherState.STOPPING: "the dispatcher is shutting down",
}
LONGEST_ERROR = 300
"""Characters of an error that the sentence has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What bears on a passenger from outside."""

    moment: datetime
    state: DispatcherState = DispatcherState.RUNNING
    paused: str = ""
    """Why its client passenger does not travel, in words; empty when it does."""
    is_travelling: bool = False
    """Whether a trip of its client passenger is under way."""
    next_due_at: datetime | None = None
    """When the next one is due."""
    breakers: Mapping[str, Breaker] = field(default_factory=dict[str, Breaker])
    """The open breakers of its client passenger, by step name."""
    held_back_by: str = ""
    """The earlier passenger with the same key that it waits for; empty when there is none."""


def why_not_delivered(entry: QueueEntry, circumstances: Circumstances) -> str:
    """The one reason that a person should know first: what needs a decision, then what holds everything, then the step.

    Times are local.
    """
    if entry.status is QueueStatus.COMPLETE:
        return "It is delivered." if entry.pushers else "Everything is done for it."
    step = _step_that_matters(entry)
    if step.waits_for_a_person:
        return _decision(step)
    if circumstances.state in _STATES:
        return f"Waiting: {_STATES[circumstances.state]}.{_so_far(step)}"
    if circumstances.paused:
        return f"Waiting: {circumstances.paused}.{_so_far(step)}"
    if circumstances.held_back_by:
        return f"Waiting for {circumstances.held_back_by}, which is to be delivered before it."
    return _step(step, circumstances)


def _step_that_matters(entry: QueueEntry) -> Step:
    """What keeps the passenger from being complete: the first notification or processor that is not done; of pushers,
    one that needs a decision, then one that has failed."""
    open_steps = [step for step in entry.steps() if not step.complete]
    first = open_steps[0]
    if first.kind is not StepKind.PUSHER:
        return first
    return min(open_steps, key=lambda step: (not step.waits_for_a_person, not step.error))


def _decision(step: Step) -> str:
    name = _named(step)
    if step.status is QueueStatus.UNKNOWN:
        return f"Needs a decision: the outcome of {name} is unknown, {_error(step)}."
    times = "once" if step.attempts == 1 else f"{step.attempts} times"
    return f"Needs a decision: {name} failed {times}, at last with: {_error(step)}"


def _step(step: Step, circumstances: Circumstances) -> str:
    name, moment = _named(step), circumstances.moment
    breaker = circumstances.breakers.get(step.name)
    if breaker is not None and breaker.opened_at is not None:
        until = f", tried again at {_clock(breaker.try_at, moment)}" if breaker.try_at else ""
        return f"Waiting: breaker of {name} open since {_clock(breaker.opened_at, moment)}{until}: {breaker.error}"
    if step.status is QueueStatus.RUNNING and not circumstances.is_travelling:
        return f"Waiting: {name} was interrupted; the next trip finds out what came of it."
    if step.next_attempt_at is not None and step.next_attempt_at > moment:
        at = _clock(step.next_attempt_at, moment)
        return f"Waiting for attempt {step.attempts + 1} of {name} at {at}: {_error(step)}"
    if circumstances.is_travelling:
        return f"On its way: a trip is under way and {name} is next.{_so_far(step)}"
    at = f" at {_clock(circumstances.next_due_at, moment)}" if circumstances.next_due_at else ""
    if step.note:
        return f"Waiting for the next trip{at}: {name} says: {step.note}"
    return f"Waiting for {name} on the next trip{at}.{_so_far(step)}"


def _so_far(step: Step) -> str:
    return f" Attempt {step.attempts} of {_named(step)} failed: {_error(step)}" if step.error else ""


def _named(step: Step) -> str:
    kinds = {
        StepKind.NOTIFICATION: "the notification of",
        StepKind.PROCESSOR: "processor",
        StepKind.PUSHER: "pusher",
    }
    return f"{kinds[step.kind]} {step.name}"


def _error(step: Step) -> str:
    return step.error.partition("\n")[0][:LONGEST_ERROR]


def _clock(at: datetime, moment: datetime) -> str:
    """The local time; with its date when that is another day."""
    local, today = at.astimezone(), moment.astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"
