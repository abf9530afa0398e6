"""Why is it not delivered? One sentence about one passenger. Pure: everything that bears on it is passed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from databus_core.engine.breaker import Breaker
from databus_core.model.active_hours import ALWAYS, ActiveHours
from databus_core.model.plugin_state import PluginState
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind
from databus_core.plugins.observer import DispatcherState

_STATES = {
    DispatcherState.STOPPED: "the dispatcher is stopped",
    DispatcherState.STARTING: "the dispatcher is starting",
    DispatcherState.PAUSING: "the dispatcher is about to pause",
    DispatcherState.PAUSED: "the dispatcher is paused",
    DispatcherState.STOPPING: "the dispatcher is shutting down",
}
_KINDS = {
    StepKind.NOTIFICATION: "the notification by puller",
    StepKind.PROCESSOR: "processor",
    StepKind.PUSHER: "pusher",
}
LONGEST_ERROR = 300
"""Characters of an error that the sentence has."""


@dataclass(frozen=True, slots=True)
class Hindrances:
    """What is stored beside a passenger and keeps it from being delivered."""

    breakers: Mapping[str, Breaker] = field(default_factory=dict[str, Breaker])
    """The open breakers of its client passenger, by step name."""
    held_back_by: str = ""
    """The earlier passenger with the same key that it waits for; empty when there is none."""
    quarantined: Mapping[str, PluginState] = field(default_factory=dict[str, PluginState])
    """Its client's plug-ins that are called no more, by step name."""
    active: ActiveHours = ALWAYS
    """When its client passenger may depart by itself."""


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
    hindrances: Hindrances = field(default_factory=Hindrances)


def why_not_delivered(entry: QueueEntry, circumstances: Circumstances, name_of: Callable[[str], str] = str) -> str:
    """The one reason that a person should know first: what needs a decision, then what holds everything, then the step.

    One line, whatever the errors hold. Times are local. `name_of` is how a step is called.
    """
    if entry.status is QueueStatus.COMPLETE:
        return _done(entry, circumstances.moment)
    return _Sentence(entry, circumstances, name_of).text()


class _Sentence:
    def __init__(self, entry: QueueEntry, circumstances: Circumstances, name_of: Callable[[str], str]) -> None:
        self._around = circumstances
        self._breakers = circumstances.hindrances.breakers
        self._step = _step_that_matters(entry, self._breakers, circumstances.hindrances.quarantined)
        self._name = f"{_KINDS[self._step.kind]} {_in_a_line(name_of(self._step.name))}"

    def text(self) -> str:
        step, around = self._step, self._around
        if step.waits_for_a_person:
            return _ended(self._decision())
        held = _STATES.get(around.state) or _in_a_line(around.paused)
        if held:
            return _ended(f"Waiting: {held}{self._so_far('; ')}")
        before = _in_a_line(around.hindrances.held_back_by)
        if before and step.kind is not StepKind.NOTIFICATION:
            return _ended(f"Waiting for {before}, which is to be delivered before it")
        return _ended(self._is_spared() or self._waits_for_the_step())

    def _decision(self) -> str:
        """The choice stands first: an error may be long."""
        needed = "Needs a decision (try it again, or set it complete)"
        if self._step.status is QueueStatus.UNKNOWN:
            return f"{needed}: the outcome of {self._name} is unknown: {self._error}"
        times = {0: "", 1: " once"}.get(self._step.attempts, f" {self._step.attempts} times, at last")
        return f"{needed}: {self._name} failed{times}: {self._error}"

    def _is_spared(self) -> str:
        """That its plug-in is not called now; empty when it is."""
        step, moment = self._step, self._around.moment
        resting = self._around.hindrances.quarantined.get(step.name)
        if resting is not None and resting.quarantined_at is not None:
            times = "once" if resting.crashes == 1 else f"{resting.crashes} times"
            since = f"since {_clock(resting.quarantined_at, moment)} until a person releases it"
            return (
                f"Waiting: {self._name} crashed {times} and is quarantined {since}: {_first_line(resting.last_crash)}"
            )
        breaker = self._breakers.get(step.name)
        if breaker is not None and breaker.opened_at is not None:
            until = f", tried again at {self._first_trip_from(breaker.try_at)}" if breaker.try_at else ""
            error = _first_line(breaker.error)
            return f"Waiting: breaker of {self._name} open since {_clock(breaker.opened_at, moment)}{until}: {error}"
        return ""

    def _waits_for_the_step(self) -> str:
        step, around, moment = self._step, self._around, self._around.moment
        if step.status is QueueStatus.RUNNING:
            if around.is_travelling:
                return f"On its way: {self._name} has it"
            return f"Waiting: {self._name} was interrupted; the next trip finds out what came of it"
        if step.next_attempt_at is not None and step.next_attempt_at > moment:
            at = self._first_trip_from(step.next_attempt_at)
            return f"Waiting for attempt {step.attempts + 1} of {self._name} at {at}: {self._error}"
        if around.is_travelling:
            return f"On its way: a trip is under way, and {self._name} is next{self._so_far('; ')}"
        said = _in_a_line(step.note)
        return f"Waiting for {self._name} on {self._next_trip()}{f' ({said})' if said else ''}{self._so_far('; ')}"

    def _next_trip(self) -> str:
        due_at, moment = self._around.next_due_at, self._around.moment
        if due_at is None:
            return "the next trip"
        return f"the next trip at {_clock(due_at, moment)}" if due_at > moment else "the next trip, which is due"

    def _first_trip_from(self, at: datetime) -> str:
        """What waits for its time has a trip then, within the active hours; what is late, the next one."""
        around = self._around
        is_late = at <= around.moment
        tried_at = max(at, around.next_due_at or at) if is_late else around.hindrances.active.opens_at(at)
        return _clock(tried_at or at, around.moment)

    def _so_far(self, joint: str) -> str:
        if not self._step.error:
            return ""
        attempt = f"attempt {self._step.attempts} of " if self._step.attempts else ""
        return f"{joint}{attempt}{self._name} failed: {self._error}"

    @property
    def _error(self) -> str:
        return _first_line(self._step.error)


def _done(entry: QueueEntry, moment: datetime) -> str:
    """When; and why its pushers are complete where it was not they who delivered it: left out, set by hand."""
    at = f" at {_clock(entry.completed_at, moment)}" if entry.completed_at else ""
    notes = [_in_a_line(step.note) for step in entry.pushers]
    if notes and all(notes):
        return _ended(f"Done{at}: {notes[0]}")
    return f"{'Delivered' if notes else 'Done'}{at}."


def _step_that_matters(entry: QueueEntry, breakers: Mapping[str, Breaker], resting: Iterable[str]) -> Step:
    """What keeps the passenger from being complete: the first notification or processor that is not done; of pushers,
    one that needs a decision, then one that is not called now, then one that has failed."""
    open_steps = [step for step in entry.steps() if not step.complete]
    first = open_steps[0]
    if first.kind is not StepKind.PUSHER:
        return first
    spared = breakers.keys() | resting
    return min(open_steps, key=lambda step: (not step.waits_for_a_person, step.name not in spared, not step.error))


def _in_a_line(text: str) -> str:
    return " ".join(text.split())


def _first_line(error: str) -> str:
    lines = error.strip().splitlines()
    line = _in_a_line(lines[0]) if lines else ""
    return f"{line[:LONGEST_ERROR]}…" if len(line) > LONGEST_ERROR else line or "no reason was given"


def _ended(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?", "…")) else f"{sentence}."


def _clock(at: datetime, moment: datetime) -> str:
    """The local time; with its date when that is another day."""
    local, today = at.astimezone(), moment.astimezone().date()
    return f"{local:%H:%M}" if local.date() == today else f"{local:%Y-%m-%d %H:%M}"
