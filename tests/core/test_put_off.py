"""What waits for a time departs then, beside its schedule; the clock is the test's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from databus_core import Dispatcher, DispatcherTicket, NotYet, Passenger
from databus_core.model.query import LogQuery
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.stage import Stage, down, nothing, ticket_on
from tests.support.trips import Clock, Trips
from tests.support.waiting import until

pytestmark = pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)

RETRY = {"first_wait": "2 min", "factor": 1, "jitter": 0}
NEVER = {"failures": 0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def hourly(stage: Stage, **options: Any) -> dict[str, Any]:
    given = {"schedule": {"every": "1 h"}, "retry": RETRY, "processors": [], "pushers": [stage.pusher(breaker=NEVER)]}
    return stage.client_passenger(**(given | options))


@asynccontextmanager
async def driving(ticket: DispatcherTicket) -> AsyncGenerator[Trips]:
    dispatcher = Dispatcher(ticket)
    await dispatcher.start()
    try:
        yield Trips(dispatcher)
    finally:
        await dispatcher.shut_down()


async def at_rest(trips: Trips) -> None:
    """Wait until everything has departed that is due by the clock of now, and has arrived."""
    quiet = 0
    trips.dispatcher._traffic.look_again()  # in the machine, its own timer wakes it
    while quiet < 5:
        await asyncio.sleep(0.02)
        quiet = 0 if trips.dispatcher.running else quiet + 1


async def logs(trips: Trips) -> int:
    """How many trips there were."""
    query = LogQuery(client_id="demo")
    return await trips.dispatcher.read(lambda storage: len(storage.database.log_rows(query).rows))


async def test_an_attempt_is_made_at_its_time_and_nothing_is_pulled_for_it(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    async with driving(ticket_on(engine, tmp_path, hourly(stage))) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        internal_id = (await trips.entries())["1"].internal_id
        at = (await trips.step("1", "erp")).next_attempt_at
        assert at is not None
        assert f"Waiting for attempt 2 of pusher erp at {at.astimezone():%H:%M}" in (
            await trips.dispatcher.why("demo", internal_id)
        )
        (row,) = trips.dispatcher.timetable()
        assert row.next_due_at == at
        stage.waiting.append("2")
        clock.turn(seconds=119)
        await at_rest(trips)
        assert (await trips.step("1", "erp")).attempts == 1
        stage.on_push = nothing
        clock.turn(seconds=2)
        await at_rest(trips)
        assert stage.pushed == [("erp", "1")]
        assert stage.pulls == 1, "a source is asked by the schedule only"
        clock.turn(minutes=57)
        await at_rest(trips)
        assert stage.pulls == 1
        clock.turn(minutes=1)
        await at_rest(trips)
        assert stage.pulls == 2, "the schedule goes on from its own departure"


async def test_what_comes_due_while_no_dispatcher_runs_departs_at_the_start(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    ticket = ticket_on(engine, tmp_path, hourly(stage))
    async with driving(ticket) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        for _ in range(2):
            clock.turn(minutes=3)
            await at_rest(trips)
        assert (await trips.step("1", "erp")).attempts == 3
    stage.on_push = nothing
    clock.turn(minutes=3)
    async with driving(ticket) as trips:
        await until(lambda: stage.pushed == [("erp", "1")])
        await at_rest(trips)
        assert stage.pulls == 1
        clock.turn(minutes=51)
        await at_rest(trips)
        assert stage.pulls == 2, "the schedule goes on from its own last trip over a restart, too"


async def test_paused_it_rests_and_departs_in_active_hours_only(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    schedule = {"every": "3 h", "active_hours": ["00:00-09:01", "09:10-24:00"], "zone": "UTC"}
    async with driving(ticket_on(engine, tmp_path, hourly(stage, schedule=schedule))) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        clock.turn(minutes=5)
        await at_rest(trips)
        assert (await trips.step("1", "erp")).attempts == 1
        await trips.dispatcher.pause_route("demo", "orders")
        clock.turn(minutes=5)
        await at_rest(trips)
        assert (await trips.step("1", "erp")).attempts == 1
        stage.on_push = nothing
        await trips.dispatcher.resume_route("demo", "orders")
        await at_rest(trips)
        assert stage.pushed == [("erp", "1")]


async def test_a_rate_limit_lets_the_rest_depart_when_there_is_room(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(5)])
    pushers = [stage.pusher(rate_limit="2 / min")]
    async with driving(ticket_on(engine, tmp_path, hourly(stage, pushers=pushers))) as trips:
        await until(lambda: len(stage.pushed) == 2)
        await at_rest(trips)
        for expected in (2, 2, 4, 4, 5):
            assert len(stage.pushed) == expected
            clock.turn(seconds=31)
            await at_rest(trips)
        assert stage.pulls == 1


async def test_a_canary_departs_when_its_breaker_says_so(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1", "2", "3"])
    stage.on_push = down
    breaker = {"failures": 1, "wait": "1 min"}
    retry = RETRY | {"first_wait": "2 h", "longest_wait": "2 h"}
    async with driving(
        ticket_on(engine, tmp_path, hourly(stage, retry=retry, pushers=[stage.pusher(breaker=breaker)]))
    ) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        stage.on_push = nothing
        clock.turn(seconds=61)
        await at_rest(trips)
        assert stage.pushed == [("erp", "2"), ("erp", "3")]


async def test_one_pusher_that_waits_for_a_time_is_tried_then_while_another_waits_for_a_trip(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1"])

    def push(role: str, _passenger: Passenger) -> NotYet | None:
        if role == "crm":
            return NotYet("opens at nine")
        return down()

    stage.on_push = push
    pushers = [stage.pusher("crm"), stage.pusher("erp", breaker=NEVER)]
    ticket = ticket_on(engine, tmp_path, hourly(stage, pushers=pushers))
    async with driving(ticket) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        for attempts in (2, 3):
            clock.turn(minutes=2)
            await at_rest(trips)
            assert (await trips.step("1", "erp")).attempts == attempts
    clock.turn(minutes=2)
    async with driving(ticket) as trips:
        await at_rest(trips)
        assert (await trips.step("1", "erp")).attempts == 4


async def test_many_that_wait_for_moments_of_their_own_travel_together(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(30)])
    stage.on_push = down
    retry = {"first_wait": "1 min", "factor": 1, "jitter": 0.1}
    async with driving(ticket_on(engine, tmp_path, hourly(stage, retry=retry))) as trips:
        await until(lambda: stage.pulls == 1)
        await at_rest(trips)
        before = await logs(trips)
        for _ in range(60):
            clock.turn(seconds=1)
            await at_rest(trips)
        assert 1 <= await logs(trips) - before <= 3
        assert {entry.pushers[0].attempts for entry in (await trips.entries()).values()} == {2}
