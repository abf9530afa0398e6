"""Why is it not delivered: each kind of sentence, and one line whatever the circumstances."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from databus_core.engine.breaker import Breaker
from databus_core.engine.why import Circumstances, Hindrances, why_not_delivered
from databus_core.model.active_hours import ActiveHours
from databus_core.model.plugin_state import PluginState
from databus_core.model.queue_entry import QueueEntry, QueueStatus, Step, StepKind, short_name
from databus_core.plugins.observer import DispatcherState
from tests.support.entries import START, completed, entry, minutes


def clock(at: datetime) -> str:
    """As a person reads it on this machine."""
    return f"{at.astimezone():%H:%M}"


def around(**others: object) -> Circumstances:
    return Circumstances(**({"moment": START} | others))  # type: ignore[arg-type]


def ready(**others: object) -> QueueEntry:
    """Only its pushers are left."""
    made = entry(**({"pushers": ["plugins.erp", "plugins.crm"]} | others))  # type: ignore[arg-type]
    for step in (made.notification, *made.processors):
        step.finish()
    return made


def failed(step: Step, attempts: int, error: str = "ConnectionError: no route") -> Step:
    step.attempts = attempts
    step.fail(error)
    return step


def open_breaker(**others: object) -> Breaker:
    """Open for twenty minutes, to be tried in fifteen."""
    fields = {"opened_at": minutes(-20), "try_at": minutes(15), "error": "ConnectionError: sap is down"}
    return Breaker(**(fields | others))  # type: ignore[arg-type]


def test_what_is_delivered_is_told_with_its_time() -> None:
    assert why_not_delivered(completed(ready(), minutes(-3)), around()) == f"Delivered at {clock(minutes(-3))}."
    assert why_not_delivered(completed(entry(pushers=[]), minutes(-3)), around()) == f"Done at {clock(minutes(-3))}."
    old = completed(ready())
    for step in old.steps():
        step.completed_at = None
    assert why_not_delivered(old, around()) == "Delivered."


def test_what_was_left_out_is_not_called_delivered() -> None:
    made = ready()
    for step in made.pushers:
        step.finish("left out by plugins.filter: it has no order")
        step.completed_at = minutes(-3)
    made.notification.completed_at = made.processors[0].completed_at = minutes(-4)
    expected = f"Done at {clock(minutes(-3))}: left out by plugins.filter: it has no order."
    assert why_not_delivered(made, around()) == expected


NOTIFICATION = "the notification by puller plugins.shop"


@pytest.mark.parametrize(
    ("circumstances", "expected"),
    [
        ({}, f"Waiting for {NOTIFICATION} on the next trip."),
        ({"next_due_at": minutes(4)}, f"Waiting for {NOTIFICATION} on the next trip at {clock(minutes(4))}."),
        ({"next_due_at": START}, f"Waiting for {NOTIFICATION} on the next trip, which is due."),
        ({"is_travelling": True}, f"On its way: a trip is under way, and {NOTIFICATION} is next."),
        ({"state": DispatcherState.STOPPED}, "Waiting: the dispatcher is stopped."),
        ({"state": DispatcherState.PAUSED}, "Waiting: the dispatcher is paused."),
        ({"paused": "orders is paused by Ada since 13:40"}, "Waiting: orders is paused by Ada since 13:40."),
        (
            {"hindrances": Hindrances(held_back_by="shop - 7 (id)")},  # nobody holds back a notification
            f"Waiting for {NOTIFICATION} on the next trip.",
        ),
    ],
)  # fmt: skip
def test_what_was_never_tried(circumstances: dict[str, object], expected: str) -> None:
    assert why_not_delivered(entry(), around(**circumstances)) == expected


def test_every_state_but_running_holds_everything() -> None:
    for state in set(DispatcherState) - {DispatcherState.RUNNING}:
        assert why_not_delivered(ready(), around(state=state, next_due_at=minutes(1))).startswith("Waiting: the disp")


def test_the_first_processor_that_is_not_done_stands_before_the_others_and_the_pushers() -> None:
    made = entry(processors=["plugins.check", "plugins.price"])
    made.notification.finish()
    failed(made.pushers[0], 3)
    assert "processor plugins.check on the next trip." in why_not_delivered(made, around())


def test_what_failed_waits_for_its_next_attempt() -> None:
    made = ready()
    step = failed(made.pushers[1], 2, "ConnectionError: no route\nTraceback (most recent call last)")
    step.next_attempt_at = minutes(2)
    expected = f"Waiting for attempt 3 of pusher plugins.crm at {clock(minutes(2))}: ConnectionError: no route."
    assert why_not_delivered(made, around()) == expected
    assert f"at {clock(minutes(2))}:" in why_not_delivered(made, around(next_due_at=minutes(1)))


def test_an_attempt_is_made_at_its_time_whatever_the_schedule_or_when_the_active_hours_begin() -> None:
    made = ready()
    failed(made.pushers[1], 2).next_attempt_at = minutes(2)
    assert f"at {clock(minutes(2))}:" in why_not_delivered(made, around(next_due_at=minutes(50)))
    active = ActiveHours.parse(["09:30-10:00"], UTC)
    later = around(next_due_at=minutes(50), hindrances=Hindrances(active=active))
    assert f"at {clock(minutes(30))}:" in why_not_delivered(made, later)
    spared = Hindrances({"plugins.crm": open_breaker()}, active=active)
    told = why_not_delivered(made, around(next_due_at=minutes(50), hindrances=spared))
    assert f"tried again at {clock(minutes(30))}:" in told


def test_what_is_late_is_tried_on_the_next_trip() -> None:
    made = ready()
    spared = Hindrances({"plugins.crm": open_breaker(try_at=minutes(-1))})
    told = why_not_delivered(made, around(next_due_at=minutes(5), hindrances=spared))
    assert f"tried again at {clock(minutes(5))}:" in told


def test_a_plug_in_in_quarantine_is_named_with_its_crashes_and_what_to_do() -> None:
    state = PluginState("plugins.crm", "pushing", 3, "its process was ended by SIGSEGV", minutes(-20))
    resting = around(hindrances=Hindrances(quarantined={"plugins.crm": state}))
    assert why_not_delivered(ready(), resting) == (
        f"Waiting: pusher plugins.crm crashed 3 times and is quarantined since {clock(minutes(-20))} "
        "until a person releases it: its process was ended by SIGSEGV."
    )
    assert "quarantined" in why_not_delivered(ready(), replace(resting, is_travelling=True))


def test_a_time_of_another_day_has_its_date() -> None:
    made = ready()
    step = failed(made.pushers[0], 1)
    step.next_attempt_at = START + timedelta(days=3)
    assert f"at {step.next_attempt_at.astimezone():%Y-%m-%d %H:%M}:" in why_not_delivered(made, around())


def test_what_failed_and_is_due_tells_its_error_behind_what_comes() -> None:
    made = ready(pushers=["plugins.crm"])
    failed(made.pushers[0], 2)
    told = "attempt 2 of pusher plugins.crm failed: ConnectionError: no route."
    assert why_not_delivered(made, around()) == f"Waiting for pusher plugins.crm on the next trip; {told}"
    paused = why_not_delivered(made, around(state=DispatcherState.PAUSED))
    assert paused == f"Waiting: the dispatcher is paused; {told}"
    assert why_not_delivered(made, around(is_travelling=True)).endswith(told)


def test_what_a_plug_in_or_a_person_said_stands_behind_the_step() -> None:
    made = ready(pushers=["plugins.crm"])
    made.pushers[0].reopen("the ledger is closed until Monday")
    expected = "Waiting for pusher plugins.crm on the next trip (the ledger is closed until Monday)."
    assert why_not_delivered(made, around()) == expected


@pytest.mark.parametrize(
    ("attempts", "words"), [(0, "failed: "), (1, "failed once: "), (20, "failed 20 times, at last: ")]
)
def test_what_is_out_of_attempts_needs_a_decision_whatever_else_is_so(attempts: int, words: str) -> None:
    made = ready()
    failed(made.pushers[0], 1)
    made.pushers[1].attempts = attempts
    made.pushers[1].give_up("ValueError: no such customer")
    expected = (
        f"Needs a decision (try it again, or set it complete): pusher plugins.crm {words}ValueError: no such customer."
    )
    hindrances = Hindrances({"plugins.erp": open_breaker()}, "shop - 7 (id)")
    stopped = around(state=DispatcherState.STOPPED, paused="it is", is_travelling=True, hindrances=hindrances)
    assert why_not_delivered(made, around()) == expected
    assert why_not_delivered(made, stopped) == expected


def test_an_unknown_outcome_needs_a_decision() -> None:
    made = ready()
    made.pushers[0].doubt("its push was interrupted")
    told = why_not_delivered(made, around())
    assert told.startswith("Needs a decision (try it again, or set it complete): ")
    assert told.endswith("the outcome of pusher plugins.erp is unknown: its push was interrupted.")


def test_an_open_breaker_is_told_since_when_until_when_and_why() -> None:
    made = ready()
    failed(made.pushers[0], 1)
    sparing = around(hindrances=Hindrances({"plugins.crm": open_breaker()}))
    assert why_not_delivered(made, sparing) == (
        f"Waiting: breaker of pusher plugins.crm open since {clock(minutes(-20))}, tried again at "
        f"{clock(minutes(15))}: ConnectionError: sap is down."
    )
    without = around(hindrances=Hindrances({"plugins.crm": open_breaker(try_at=None)}))
    assert f"since {clock(minutes(-20))}: Conn" in why_not_delivered(made, without)


def test_an_earlier_passenger_with_the_same_key_holds_it_back() -> None:
    told = why_not_delivered(ready(), around(hindrances=Hindrances(held_back_by="shop - 7 (id)")))
    assert told == "Waiting for shop - 7 (id), which is to be delivered before it."


def test_a_push_that_is_under_way_and_one_that_a_crash_interrupted() -> None:
    made = ready(pushers=["plugins.crm"])
    made.pushers[0].begin()
    assert why_not_delivered(made, around(is_travelling=True)) == "On its way: pusher plugins.crm has it."
    interrupted = "Waiting: pusher plugins.crm was interrupted; the next trip finds out what came of it."
    assert why_not_delivered(made, around()) == interrupted


def test_steps_are_called_as_the_asker_wants() -> None:
    assert "pusher erp on" in why_not_delivered(ready(), around(), short_name)


def test_a_long_error_is_cut_and_one_that_ends_with_a_dot_gets_no_second_one() -> None:
    made = ready(pushers=["crm"])
    failed(made.pushers[0], 1, "x" * 1000)
    assert why_not_delivered(made, around()).endswith(f"{'x' * 300}…")
    failed(made.pushers[0], 1, "It is closed.\n")
    assert why_not_delivered(made, around()).endswith("failed: It is closed.")


@pytest.mark.parametrize("field", ["note", "error", "name", "paused", "held_back_by", "breaker"])
def test_line_breaks_in_what_it_is_told_are_none_of_its_own(field: str) -> None:
    broken = "first\nsecond\u2028third"
    made = ready(pushers=["crm"])
    step = made.pushers[0]
    if field in {"note", "error", "name"}:
        setattr(step, field, broken)
    hindrances = Hindrances(
        {step.name: open_breaker(error=broken)} if field == "breaker" else {},
        broken if field == "held_back_by" else "",
    )
    told = why_not_delivered(made, around(paused=broken if field == "paused" else "", hindrances=hindrances))
    assert "first" in told
    assert len(told.splitlines()) == 1


TEXTS = st.text(max_size=40) | st.sampled_from(
    ["", "\n", "a\nb", "a\x85b\u2028c\x1cd", " . ", "x" * 900, "It is closed."]
)
TIMES = st.none() | st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
KEYS = st.sampled_from(["first", "second", "third"])


def steps(kind: StepKind) -> st.SearchStrategy[Step]:
    return st.builds(
        Step, st.just(kind), module=st.just("m"), name=TEXTS | KEYS, status=st.sampled_from(QueueStatus),
        attempts=st.integers(0, 10**6), error=TEXTS, error_at=TIMES, note=TEXTS, completed_at=TIMES,
        next_attempt_at=TIMES,
    )  # fmt: skip


BREAKERS = st.builds(Breaker, opened_at=TIMES, try_at=TIMES, error=TEXTS)


@st.composite
def entries(draw: st.DrawFn) -> QueueEntry:
    """Steps in any states, also such as never come to be."""
    made = entry(external_id=draw(TEXTS), notification=draw(steps(StepKind.NOTIFICATION)))
    made.processors = draw(st.lists(steps(StepKind.PROCESSOR), max_size=3))
    made.pushers = draw(st.lists(steps(StepKind.PUSHER), max_size=3))
    return made


@given(
    entries(),
    st.builds(
        Circumstances,
        moment=TIMES.filter(bool),
        state=st.sampled_from(DispatcherState),
        paused=TEXTS,
        is_travelling=st.booleans(),
        next_due_at=TIMES,
        hindrances=st.builds(Hindrances, st.dictionaries(TEXTS | KEYS, BREAKERS, max_size=3), TEXTS),
    ),
)
def test_it_is_always_one_line_that_ends_and_names_the_step_that_matters(
    made: QueueEntry, circumstances: Circumstances
) -> None:
    told = why_not_delivered(made, circumstances)
    assert told.splitlines() == [told.strip()]
    assert told.endswith((".", "!", "?", "…"))
    open_steps = [step for step in made.steps() if not step.complete]
    if not open_steps:
        assert told.startswith(("Delivered", "Done"))
        return
    waiting = [step for step in (made.notification, *made.processors) if not step.complete][:1] or open_steps
    candidates = [step for step in waiting if step.waits_for_a_person] or waiting
    kinds = {"notification": "the notification by puller", "processor": "processor", "pusher": "pusher"}
    named = [f"{kinds[step.kind]} {' '.join(step.name.split())}".strip() for step in candidates]
    held = circumstances.state is not DispatcherState.RUNNING or circumstances.paused.split()
    before = circumstances.hindrances.held_back_by.split()
    assert any(name in told for name in named) or told.startswith("Waiting: " if held else "Waiting for ")
    if candidates[0].waits_for_a_person:
        assert told.startswith("Needs a decision")
        assert any(name in told for name in named)
    elif not held and not before:
        assert any(name in told for name in named)
