"""Random lives of a queue: trips with plug-ins that fail, crashes at any call, a person's hand, clocks; and after each
step, what is stored is what follows from the calls that plug-ins had.

The model is a dictionary of what each step of each passenger must be. It learns what happened from the plug-ins, and
says of each trip whom it had to call, and whom it must not.
"""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import tempfile
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from databus_core import LeaveOut, NotYet, Passenger, QueueStatus
from databus_core.errors import DispatcherError, PermanentError
from databus_core.model import clock
from databus_core.model.queue_entry import QueueEntry
from tests.support import faults
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.faults import FATES, Fate, dies, fated_ticket
from tests.support.stage import Stage
from tests.support.trips import Breakers, Trips, messages, trips_by

KEY = "machine"
EXAMPLES = int(os.environ.get("DATABUS_MACHINE_EXAMPLES", "0"))
"""How many lives; 0: a few, the same ones in each test run."""

SHOP, CHECK, ERP, CRM = "shop", "check", "erp", "crm"
ROLES = (SHOP, CHECK, ERP, CRM)
ATTEMPTS, WAITS = 3, (timedelta(minutes=1), timedelta(minutes=2))
RETRY = {"attempts": ATTEMPTS, "first_wait": "1 min", "factor": 3, "longest_wait": "2 min", "jitter": 0}
LIFE_SPAN = timedelta(days=30)
BATCHES = {"single": 1, "grouped": 100, "batch": 2}

NIGHTS = {
    "Europe/Berlin": ("2026-03-29T01:55", "2026-10-25T02:55"),
    "Australia/Lord_Howe": ("2026-04-05T01:55", "2026-10-04T01:55"),
}
"""Shortly before clocks change, in local time; on Lord Howe Island they change by half an hour."""
SPANS = [timedelta(seconds=30), *WAITS, timedelta(hours=1), timedelta(hours=8), timedelta(days=1), LIFE_SPAN]
OUTCOMES = ["done", "fail", "permanent", "not yet"]


@dataclass(frozen=True, slots=True)
class Expected:
    """How a step must be stored."""

    status: QueueStatus = QueueStatus.INCOMPLETE
    attempts: int = 0
    next_attempt_at: datetime | None = None
    done_at: datetime | None = None

    def behind(self, outcome: str, moment: datetime) -> Expected:
        """The same when its plug-in was called and that came of it."""
        attempts = self.attempts + 1
        if outcome == "not yet":
            return replace(self, status=QueueStatus.INCOMPLETE, next_attempt_at=None)
        if outcome in {"done", "leave out"}:
            return Expected(QueueStatus.COMPLETE, attempts, None, moment)
        if outcome == "permanent" or attempts >= ATTEMPTS:
            return Expected(QueueStatus.FAILED, attempts)
        return Expected(QueueStatus.INCOMPLETE, attempts, moment + WAITS[attempts - 1])

    @property
    def is_open(self) -> bool:
        """Whether a trip may do something about it, some time."""
        return self.status is QueueStatus.INCOMPLETE


Passengers = dict[str, dict[str, Expected]]
"""Steps by role, by external id."""


class QueueLife(RuleBasedStateMachine):
    """One client passenger with four steps; `model` is what must be stored."""

    engine: Engine

    # Set-up -----------------------------------------------------------------------------------------------------

    @initialize(commit=st.sampled_from(list(BATCHES)), zone=st.sampled_from(list(NIGHTS)), night=st.integers(0, 1))
    def begin(self, commit: str, zone: str, night: int) -> None:
        template = _template(str(self.engine), commit)
        self.place = tempfile.TemporaryDirectory()
        self.zone_before = os.environ.get("TZ")
        _set_zone(zone)
        self.moment = datetime.fromisoformat(NIGHTS[zone][night]).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
        self.clock_before, clock.source = clock.source, lambda: self.moment
        self.batch = BATCHES[commit]
        self.model: Passengers = {}
        self.purged: set[str] = set()
        self.again: Counter[str] = Counter()
        self.offered = 0
        self.plan: dict[tuple[str, str], str] = {}
        self.calls: list[tuple[str, str, str]] = []
        self.pause = "nothing"
        self.stage = Stage(key=KEY)
        self.stage.on_notify = functools.partial(self.called, SHOP)
        self.stage.on_process = self.on_step
        self.stage.on_push = self.on_step
        self.stage.on_batch = self.on_batch
        self.folder = Path(self.place.name) / "life"
        shutil.copytree(template, self.folder)
        self.breakers = Breakers()
        self.runner = asyncio.Runner()
        self.open()

    def open(self) -> None:
        """A new process takes up what is in the folder."""
        FATES[KEY] = Fate(self.folder)
        self.process = AsyncExitStack()
        ticket = fated_ticket(self.folder)
        self.trips: Trips = self.runner.run(self.process.enter_async_context(trips_by(ticket, self.breakers)))

    def close(self) -> None:
        self.runner.run(self.process.aclose())

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.close()
            self.runner.close()
            clock.source = self.clock_before
            _set_zone(self.zone_before)
            self.place.cleanup()

    # What plug-ins do -------------------------------------------------------------------------------------------

    def called(self, role: str, external_id: str) -> Any:
        """What comes of a call, by the plan."""
        outcome = self.plan.get((role, external_id), self.plan.get((role, ""), "done"))
        if role == SHOP and outcome == "not yet":
            outcome = "fail"
        if role == CHECK and outcome == "permanent" and external_id.endswith("7"):
            outcome = "leave out"
        self.calls.append((role, external_id, outcome))
        if outcome == "fail":
            raise ConnectionError("the target is down")
        if outcome == "permanent":
            raise PermanentError("wrong order")
        return {"not yet": NotYet("later"), "leave out": LeaveOut("nothing to do")}.get(outcome)

    def on_step(self, role: str, passenger: Passenger) -> Any:
        return self.called(role, passenger.external_id)

    def on_batch(self, role: str, passengers: list[Passenger]) -> list[Any]:
        def one(passenger: Passenger) -> Any:
            try:
                return self.called(role, passenger.external_id)
            except (ConnectionError, PermanentError) as error:
                return error

        return [one(passenger) for passenger in passengers]

    # Rules ------------------------------------------------------------------------------------------------------

    @rule(number=st.integers(1, 4), again=st.booleans())
    def offer(self, number: int, again: bool) -> None:
        """The source has new passengers, and may offer an old one once more."""
        old = [*self.model, *self.purged][:1] if again else []
        self.stage.waiting += [*old, *(str(self.offered + each) for each in range(number))]
        self.offered += number

    @rule(role=st.sampled_from(ROLES), outcome=st.sampled_from(OUTCOMES), only=st.none() | st.integers(0, 9))
    def let_it_go_wrong(self, role: str, outcome: str, only: int | None) -> None:
        """From now on a plug-in does so for everybody, or for one."""
        self.plan[role, "" if only is None else str(only)] = outcome

    @rule()
    def let_it_go_well(self) -> None:
        self.plan.clear()

    @rule(span=st.sampled_from([*SPANS, -timedelta(hours=1)]))
    def time_passes(self, span: timedelta) -> None:
        self.moment += span

    @rule(pause=st.sampled_from(["nothing", "intake", "everything"]))
    def rest(self, pause: str) -> None:
        dispatcher = self.trips.dispatcher
        self.pause = pause
        if pause == "nothing":
            self.runner.run(dispatcher.resume_route("demo", "orders"))
        else:
            self.runner.run(dispatcher.pause_route("demo", "orders", intake_only=pause == "intake"))

    @precondition(lambda self: self.model)
    @rule(data=st.data(), role=st.sampled_from(ROLES), done=st.booleans())
    def a_person_decides(self, data: st.DataObject, role: str, done: bool) -> None:
        external_id = data.draw(st.sampled_from(sorted(self.model)))
        steps = self.model[external_id]
        status = QueueStatus.COMPLETE if done else QueueStatus.INCOMPLETE
        self.runner.run(self.trips.set_step(external_id, role, status))
        attempts = steps[role].attempts if done else 0
        self.again[external_id] += role == CHECK and not done
        steps[role] = Expected(status, attempts, None, self.moment if done else None)
        self.compare()

    @rule()
    def reopen(self) -> None:
        self.close()
        self.open()
        self.compare()

    @rule(expedited=st.booleans())
    def trip(self, expedited: bool) -> None:
        if self.pause == "everything":
            with pytest.raises(DispatcherError):
                self.runner.run(self.trips.drive())
            return
        before, open_before, heard = self.copied(), self.breakers.is_open(ERP), len(self.breakers.heard)
        self.travel(expedited)
        spared = open_before or len(self.breakers.heard) > heard
        self.check_calls(before, expedited, spared)
        self.learn(self.model)
        self.purge()
        self.compare()

    @precondition(lambda self: self.pause != "everything")
    @rule(
        at=st.integers(1, 45), of=st.sampled_from(["database", "plug-in"]), done=st.booleans(), expedited=st.booleans()
    )
    def crash(self, at: int, of: str, done: bool, expedited: bool) -> None:
        """A trip during which the process dies; where it has fewer calls, right behind it."""
        before = self.copied()
        FATES[KEY] = fate = Fate(self.folder, dies(done=done), at, of)
        fate.arm()
        self.travel(expedited)
        fate.disarm()
        self.close()
        if fate.dead:
            self.folder = fate.remains
        self.open()
        self.adopt(before)

    # The model --------------------------------------------------------------------------------------------------

    def copied(self) -> Passengers:
        return {external_id: dict(steps) for external_id, steps in self.model.items()}

    def travel(self, expedited: bool) -> None:
        """Make a trip; afterwards `calls` has what plug-ins did, and the model whom it seated."""
        self.calls.clear()
        offered = list(self.stage.waiting)
        self.log = messages(self.runner.run(self.trips.drive() if expedited else self.trips.depart()))
        if self.pause != "intake":
            for external_id in offered:
                if external_id not in self.model and external_id not in self.purged:
                    self.model[external_id] = {role: Expected() for role in ROLES}

    def outcomes(self) -> dict[tuple[str, str], list[str]]:
        """What came of the calls, in order; a source is told of many at once, and then of each: that is one call."""
        found: dict[tuple[str, str], list[str]] = {}
        for role, external_id, outcome in self.calls:
            found.setdefault((external_id, role), []).append(outcome)
        return {key: some[-1:] if key[1] == SHOP else some for key, some in found.items()}

    def learn(self, passengers: Passengers) -> None:
        """Take over what the calls of a whole trip came to."""
        for (external_id, role), (outcome, *_) in self.outcomes().items():
            steps = passengers.get(external_id)
            if steps is not None and not (role == SHOP and not steps[role].is_open):
                steps[role] = steps[role].behind(outcome, self.moment)
                if outcome == "leave out":
                    rest = {
                        other: replace(step, status=QueueStatus.COMPLETE, next_attempt_at=None, done_at=self.moment)
                        for other, step in steps.items()
                        if step.status is not QueueStatus.COMPLETE
                    }
                    steps.update(rest)

    def check_calls(self, before: Passengers, expedited: bool, spared: bool) -> None:
        """Whether the trip called whom it had to, and nobody else."""
        outcomes = self.outcomes()
        for external_id in self.model:
            steps = dict(before.get(external_id) or {role: Expected() for role in ROLES})
            reached = True
            for role in ROLES:
                came = outcomes.get((external_id, role), [])
                step = steps[role]
                due = step.is_open and (expedited or (step.next_attempt_at or self.moment) <= self.moment)
                if role == SHOP and not step.is_open:
                    came = []  # a source that still offers it is told again
                assert len(came) <= 1, f"{role} was called {len(came)} times for {external_id}"
                assert not came or (due and reached), f"{role} was called for {external_id}, which {step} and {reached}"
                may_wait = role == ERP and spared
                assert came or not (due and reached) or may_wait, (
                    f"{role} was not called for {external_id}: {step}\n{self.log}"
                )
                if role in {SHOP, CHECK}:
                    behind = step.behind(came[0], self.moment) if came else step
                    reached = reached and behind.status is QueueStatus.COMPLETE and came != ["leave out"]

    def purge(self) -> None:
        """What has been complete for long goes when a trip ends."""
        for external_id, steps in list(self.model.items()):
            if all(step.status is QueueStatus.COMPLETE for step in steps.values()):
                done_at = max(step.done_at or self.moment for step in steps.values())
                if done_at < self.moment - LIFE_SPAN:
                    del self.model[external_id]
                    self.purged.add(external_id)

    def stored(self) -> dict[str, QueueEntry]:
        return self.runner.run(self.trips.entries())

    def compare(self) -> None:
        """Whether what is stored is what must be."""
        stored = self.stored()
        assert set(self.stage.told) <= stored.keys() | self.purged, "notified, and lost"
        assert stored.keys() == self.model.keys()
        for external_id, entry in stored.items():
            assert _steps(entry) == {role: _plain(step) for role, step in self.model[external_id].items()}, external_id
        for external_id, text in self.stage.texts.items():
            stamps = text.removeprefix(f"content of {external_id}").count("+check")
            assert stamps <= 1 + self.again[external_id], "what a processor made was kept twice"

    def adopt(self, before: Passengers) -> None:
        """Behind a crash each step is stored as it was before the trip, or as a call of it has left it."""
        stored, outcomes = self.stored(), self.outcomes()
        assert set(self.stage.told) <= stored.keys() | self.purged | self.gone(before), "notified, and lost"
        assert before.keys() - self.gone(before) <= stored.keys(), "lost"
        after = self.copied()
        self.learn(after)
        cut_off: dict[str, int] = {}
        for external_id in list(self.model):
            if external_id not in stored:
                if external_id in before:
                    self.purged.add(external_id)
                del self.model[external_id]
                continue
            found = _steps(stored[external_id])
            for role in ROLES:
                old, new = self.model[external_id][role], after[external_id][role]
                assert found[role] in {_plain(old), _plain(new)}, f"{role} of {external_id}: {found[role]}"
                delivered = outcomes.get((external_id, role)) == ["done"]
                if role in {ERP, CRM} and delivered and found[role][0] is not QueueStatus.COMPLETE:
                    cut_off[role] = cut_off.get(role, 0) + 1
                self.model[external_id][role] = new if found[role] == _plain(new) else old
        assert all(number <= self.batch for number in cut_off.values()), f"may be delivered again: {cut_off}"
        self.compare()

    def gone(self, before: Passengers) -> set[str]:
        """Who may have been purged by a trip that died later."""
        return {
            external_id
            for external_id, steps in before.items()
            if all(step.status is QueueStatus.COMPLETE for step in steps.values())
            and max(step.done_at or self.moment for step in steps.values()) < self.moment - LIFE_SPAN
        }


def _plain(step: Expected) -> tuple[QueueStatus, int, datetime | None]:
    return step.status, step.attempts, step.next_attempt_at


def _steps(entry: QueueEntry) -> dict[str, tuple[QueueStatus, int, datetime | None]]:
    return {step.name: (step.status, step.attempts, step.next_attempt_at) for step in entry.steps()}


def _set_zone(zone: str | None) -> None:
    """The machine's clocks show the time of that zone."""
    if zone is None:
        os.environ.pop("TZ", None)
    else:
        os.environ["TZ"] = zone
    time.tzset()


@functools.cache
def _template(engine: str, commit: str) -> Path:
    """A folder with a ticket and an empty database, which is made once."""
    folder = Path(_templates.name) / f"{engine}-{commit}"
    folder.mkdir()
    stage = Stage(key=KEY)
    module = faults.BATCH_PUSHER if commit == "batch" else faults.PUSHER
    options: dict[str, Any] = {"commit": "grouped"} if commit == "grouped" else {}
    route = stage.client_passenger(
        pullers=[stage.pusher(SHOP, faults.PULLER)],
        processors=[stage.pusher(CHECK, faults.PROCESSOR)],
        pushers=[
            stage.pusher(ERP, module, breaker={"failures": 3, "wait": "1 min", "longest_wait": "3 min"}, **options),
            stage.pusher(CRM, module, breaker={"failures": 0}, **options),
        ],
        retry=RETRY,
        queue_life_span=LIFE_SPAN.days,
    )
    faults.prepare(ENGINES[engine], folder, KEY, route)
    return folder


_templates = tempfile.TemporaryDirectory()
ENGINES = {str(engine): engine for engine in (JSON_FILES, SQLITE)}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of the machine cannot be set for one process")
@pytest.mark.parametrize(("engine", "examples"), [(JSON_FILES, 20), (SQLITE, 8)], ids=str)
def test_what_is_stored_is_what_follows_from_what_plug_ins_did(engine: Engine, examples: int) -> None:
    life = type("Life", (QueueLife,), {"engine": engine})
    run_state_machine_as_test(
        life,
        settings=settings(
            max_examples=EXAMPLES or examples,
            stateful_step_count=30,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],  # each life takes a second, and shrinking one takes hundreds
        ),
    )
