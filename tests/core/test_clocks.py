"""Clocks that change at night, are set by a person, or stand still while the machine sleeps: what is put off comes when
its time has passed, neither sooner nor later."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from databus_core import NotYet, Passenger, QueueStatus
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.stage import Stage, nothing, ticket_on
from tests.support.trips import Clock, trips_by, trips_on

pytestmark = pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)

NIGHTS = [
    ("Europe/Berlin", "2026-03-29T01:50"),
    ("Europe/Berlin", "2026-10-25T02:50"),
    ("Australia/Lord_Howe", "2026-10-04T01:50"),
    ("Australia/Lord_Howe", "2026-04-05T01:50"),
]
"""Ten minutes before the clocks of a zone change; on Lord Howe Island by half an hour."""
HOURLY = {"attempts": 5, "first_wait": "1 h", "factor": 1, "longest_wait": "1 h", "jitter": 0}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


@pytest.fixture(params=NIGHTS, ids=" ".join)
def night(request: pytest.FixtureRequest, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The machine is in that zone, shortly before its clocks change."""
    if not hasattr(time, "tzset"):
        pytest.skip("the zone of the machine cannot be set for one process")
    zone, begin = request.param
    clock.moment = datetime.fromisoformat(begin).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        yield
    time.tzset()


def down(*_: object) -> None:
    raise ConnectionError("the target is down")


@pytest.mark.usefixtures("night")
async def test_an_attempt_comes_after_its_wait_in_the_night_of_a_change(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    tried: list[datetime] = []
    stage.on_push = lambda *_: (tried.append(clock.moment), down())
    pushers = [stage.pusher("erp", breaker={"failures": 0})]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(retry=HOURLY, processors=[], pushers=pushers))
    begun = clock.moment
    for _ in range(22):  # ten minutes apart, each by a process of its own that knows but what is stored
        async with trips_by(ticket) as trips:
            await trips.depart()
        clock.turn(minutes=10)
    assert [(at - begun) / timedelta(minutes=1) for at in tried] == [0, 60, 120, 180]


@pytest.mark.usefixtures("night")
async def test_breakers_and_rate_limits_wait_in_real_time_in_the_night_of_a_change(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "2", "3"])
    tried: dict[str, list[float]] = {"erp": [], "crm": []}
    begun = clock.moment

    def push(role: str, _: Passenger) -> None:
        tried[role].append((clock.moment - begun) / timedelta(minutes=1))
        if role == "erp":
            down()

    stage.on_push = push
    breaker = {"failures": 1, "wait": "1 h", "longest_wait": "1 h"}
    pushers = [
        stage.pusher("erp", breaker=breaker, retry={"first_wait": 0, "attempts": 99}),
        stage.pusher("crm", rate_limit="1 / h"),
    ]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers))
    for _ in range(19):
        async with trips_by(ticket) as trips:
            await trips.depart()
        clock.turn(minutes=10)
    assert tried == {"erp": [0, 60, 120, 180], "crm": [0, 60, 120]}


async def test_a_clock_that_is_set_back_puts_off_nobody_who_is_seated(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    stage.on_push = lambda *_: NotYet("opens later")
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        await trips.depart()
        stage.on_push = nothing
        clock.turn(hours=-1)
        await trips.depart()
        assert stage.pushed == [("erp", "1")]


async def test_a_clock_that_is_set_forward_by_a_day_brings_what_was_put_off(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"], retry=HOURLY)) as trips:
        await trips.depart()
        stage.on_push = nothing
        clock.turn(days=1)
        await trips.depart()
        assert stage.pushed == [("erp", "1")]


async def test_a_machine_that_sleeps_in_the_middle_of_a_trip_goes_on_where_it_was(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "2", "3"])

    def push(_role: str, passenger: Passenger) -> None:
        if passenger.external_id == "1":
            down()
        if passenger.external_id == "2":
            clock.turn(hours=8)
            down()

    stage.on_push = push
    pushers = [stage.pusher("erp", breaker={"failures": 0})]
    options = {"retry": HOURLY, "processors": [], "pushers": pushers, "queue_life_span": 0.25}
    slept_at = clock.moment
    async with trips_on(engine, tmp_path, stage.client_passenger(**options)) as trips:
        await trips.depart()
        assert stage.pushed == [("erp", "3")]
        assert (await trips.step("1", "erp")).next_attempt_at == slept_at + timedelta(hours=1)
        assert (await trips.step("2", "erp")).next_attempt_at == slept_at + timedelta(hours=9)
        stage.on_push = nothing
        await trips.depart()
        assert stage.pushed == [("erp", "3"), ("erp", "1")]
        assert await trips.statuses() == dict.fromkeys("13", QueueStatus.COMPLETE) | {"2": QueueStatus.INCOMPLETE}
        clock.turn(hours=7)
        await trips.depart()
        assert await trips.statuses() == {"2": QueueStatus.COMPLETE}, (
            "what is done goes six hours later, not what waits"
        )
