"""Retry, breakers, rate limits and order, over several trips and restarts; the clock is the test's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from databus_core import NotYet, Passenger, QueueStatus
from databus_core.engine import guard
from databus_core.engine.guard import Guard
from databus_core.errors import PermanentError
from tests.support.engines import JSON_FILES, SQLITE, Engine
from tests.support.stage import BATCH_PUSHER, PUSHER, Stage, down, nothing, ticket_on
from tests.support.trips import Breakers, Clock, trips_by, trips_on

pytestmark = pytest.mark.parametrize("engine", [JSON_FILES, SQLITE], ids=str)

MINUTE = timedelta(minutes=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def down_for(*external_ids: str) -> Callable[..., Any]:
    return lambda role, passenger: down() if passenger.external_id in external_ids else None


EXACT = {"attempts": 3, "first_wait": "1 min", "factor": 3, "longest_wait": "2 min", "jitter": 0}
NEVER = {"failures": 0}


# Retry --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["first", "erp"])
async def test_a_step_is_tried_when_its_wait_is_over_until_no_attempt_is_left(
    engine: Engine, tmp_path: Path, clock: Clock, role: str
):
    stage = Stage(waiting=["1", "2"])
    configured = stage.client_passenger(retry=EXACT, pushers=[stage.pusher("erp", breaker=NEVER)])
    tried: list[int] = []

    def fail(step: str, passenger: Passenger) -> None:
        if (step, passenger.external_id) == (role, "1"):
            tried.append(round((clock.moment - begun).total_seconds() / 60))
            down()

    stage.on_process = stage.on_push = fail
    begun = clock.moment
    async with trips_on(engine, tmp_path, configured) as trips:
        for _ in range(12):
            await trips.depart()
            clock.turn(minutes=1)
        assert tried == [0, 1, 3], "the waits are 1 min, then 3 min cut to 2"
        step = await trips.step("1", role)
        assert (step.status, step.attempts, step.next_attempt_at) == (QueueStatus.FAILED, 3, None)
        await trips.drive()
        assert len(tried) == 3, "what waits for a person is not tried, whoever wants the trip"
        assert stage.pushed == [("erp", "2")]
        await trips.set_step("1", role, QueueStatus.INCOMPLETE)
        for _ in range(12):
            await trips.depart()
            clock.turn(minutes=1)
        assert len(tried) == 6, "a person gives all attempts again"


async def test_jitter_shortens_waits_and_never_lengthens_them(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(40)])
    stage.on_push = down
    retry = {"first_wait": "10 min", "jitter": 0.5}
    configured = stage.client_passenger(retry=retry, processors=[], pushers=[stage.pusher("erp", breaker=NEVER)])
    async with trips_on(engine, tmp_path, configured) as trips:
        await trips.depart()
        at = [entry.pushers[0].next_attempt_at for entry in (await trips.entries()).values()]
        waits = [(moment - clock.moment) / MINUTE for moment in at if moment is not None]
        assert all(5 <= wait <= 10 for wait in waits)
        assert max(waits) - min(waits) > 1, "they all come back at once"


async def test_a_step_has_its_own_policy_where_its_plug_in_says_so(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    pushers = [stage.pusher("erp", retry={"attempts": 1}), stage.pusher("crm", retry={"first_wait": "5 min"})]
    async with trips_on(engine, tmp_path, stage.client_passenger(retry=EXACT, pushers=pushers)) as trips:
        await trips.depart()
        assert (await trips.step("1", "erp")).status is QueueStatus.FAILED
        # What it does not say itself, the client passenger says: no wait is longer than 2 minutes.
        assert (await trips.step("1", "crm")).next_attempt_at == clock.moment + 2 * MINUTE


@pytest.mark.parametrize(
    ("error", "permanent"),
    [
        (PermanentError("wrong order"), True),
        (ConnectionRefusedError("x"), True),
        (ConnectionResetError("x"), False),
        (UnicodeEncodeError("ascii", "x", 0, 1, "y"), True),
        (ValueError("x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
async def test_what_no_attempt_would_cure_is_not_tried_again(
    engine: Engine, tmp_path: Path, error: Exception, permanent: bool
):
    stage = Stage(waiting=["1"])

    def fail(*_: object) -> None:
        raise error

    stage.on_push = fail
    retry = {"permanent": ["ConnectionRefusedError", "builtins.UnicodeError"]}
    async with trips_on(engine, tmp_path, stage.client_passenger(retry=retry)) as trips:
        await trips.drive()
        expected = QueueStatus.FAILED if permanent else QueueStatus.INCOMPLETE
        assert (await trips.step("1", "erp")).status is expected


async def test_waits_are_ignored_when_a_person_wants_the_trip(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    stage.on_push = down
    async with trips_on(engine, tmp_path, stage.client_passenger()) as trips:
        await trips.depart()
        stage.on_push = nothing
        await trips.depart()
        assert stage.pushed == []
        await trips.drive()
        assert stage.pushed == [("erp", "1"), ("crm", "1")]


async def test_a_source_that_goes_on_offering_is_told_no_oftener_than_the_policy_says(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "2"])
    tried: list[str] = []

    def fail(external_id: str) -> None:
        tried.append(external_id)
        if external_id == "1":
            down()

    stage.on_notify = fail
    async with trips_on(engine, tmp_path, stage.client_passenger(retry=EXACT)) as trips:
        for _ in range(12):
            await trips.depart()
            clock.turn(minutes=1)
        step = (await trips.entries())["1"].notification
        assert (step.status, step.attempts) == (QueueStatus.FAILED, 3)
        assert {number for _, number in stage.pushed} == {"2"}
        await trips.set_step("1", step.name, QueueStatus.INCOMPLETE)
        stage.on_notify = nothing
        await trips.depart()
        assert ("erp", "1") in stage.pushed
        assert stage.waiting == []


async def test_a_source_that_offers_one_passenger_twice_has_it_delivered_once(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "1", "2"])
    stage.on_notify = lambda external_id: down() if external_id == "2" else None
    async with trips_on(engine, tmp_path, stage.client_passenger(pushers=["erp"])) as trips:
        await trips.depart()
        stage.on_notify = nothing
        stage.waiting = ["2", "2", "1"]
        clock.turn(hours=1)
        await trips.depart()
        assert sorted(stage.pushed) == [("erp", "1"), ("erp", "2")]


async def test_not_yet_is_no_attempt_and_waits_for_no_time(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=["1"])
    stage.on_push = lambda *_: NotYet("opens at nine")
    async with trips_on(engine, tmp_path, stage.client_passenger(retry=EXACT)) as trips:
        for _ in range(5):
            await trips.depart()
        step = await trips.step("1", "erp")
        assert (step.attempts, step.next_attempt_at, step.note) == (0, None, "opens at nine")


# Breaker ------------------------------------------------------------------------------------------------------------

BREAKER = {"failures": 3, "wait": "1 min", "longest_wait": "3 min"}
AT_ONCE = {"first_wait": 0, "attempts": 1000}


async def test_a_breaker_opens_tries_one_and_closes_over_trips_and_restarts(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "2"])
    tried: list[str] = []

    def fail(role: str, passenger: Passenger) -> None:
        tried.append(passenger.external_id)
        raise ConnectionError(f"no connection {len(tried)} from 10.0.0.{len(tried)}")

    stage.on_push = fail
    pushers = [stage.pusher("erp", breaker=BREAKER)]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers, retry=AT_ONCE))
    heard = Breakers()

    async def trip(*waiting: str) -> int:
        """With a dispatcher of its own; answers how many were tried."""
        before = len(tried)
        stage.waiting += waiting
        async with trips_by(ticket, heard) as trips:
            await trips.depart()
        return len(tried) - before

    assert await trip() == 2
    assert await trip("3", "4", "5") == 1, "the third in a row opened it"
    assert heard.heard == [("erp", True)]
    assert await trip("6") == 0
    clock.turn(seconds=61)
    assert await trip() == 1, "a canary"
    clock.turn(seconds=61)
    assert await trip() == 0, "the wait has doubled"
    clock.turn(seconds=61)
    assert await trip() == 1
    clock.turn(seconds=181)
    assert await trip() == 1, "no wait is longer than the longest"
    assert heard.heard == [("erp", True)]
    stage.on_push = nothing
    clock.turn(seconds=181)
    await trip()
    assert heard.heard == [("erp", True), ("erp", False)]
    assert len(stage.pushed) == 6
    await trip("7")
    assert len(stage.pushed) == 7
    assert heard.heard == [("erp", True), ("erp", False)]


async def test_unlike_and_permanent_failures_do_not_open_it(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(9)])
    errors = [ConnectionError("down"), TimeoutError("slow"), PermanentError("wrong order")]

    def fail(role: str, passenger: Passenger) -> None:
        raise errors[int(passenger.external_id) % 3]

    stage.on_push = fail
    pushers = [stage.pusher("erp", breaker=BREAKER)]
    heard = Breakers()
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers))
    async with trips_by(ticket, heard) as trips:
        await trips.depart()
        assert heard.heard == []
        assert set(Counter((await trips.statuses()).values()).items()) == {("incomplete", 6), ("failed", 3)}


async def test_one_success_ends_the_row(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(9)])
    stage.on_push = down_for("0", "1", "3", "4", "6", "7")
    heard = Breakers()
    pushers = [stage.pusher("erp", breaker=BREAKER)]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers))
    async with trips_by(ticket, heard) as trips:
        await trips.depart()
    assert heard.heard == []


async def test_a_batch_that_fails_opens_it_for_its_first_wait(engine: Engine, tmp_path: Path, clock: Clock):
    stage = Stage(waiting=[str(number) for number in range(25)])
    stage.on_batch = down
    heard = Breakers()
    pushers = [stage.pusher("erp", BATCH_PUSHER, breaker=BREAKER)]
    route = stage.client_passenger(processors=[], pushers=pushers, retry=AT_ONCE)
    async with trips_by(ticket_on(engine, tmp_path, route), heard) as trips:
        await trips.depart()
        assert [len(batch) for batch in stage.batches] == [10]
        assert heard.heard == [("erp", True)]
        clock.turn(seconds=61)
        await trips.depart()
        assert [len(batch) for batch in stage.batches] == [10, 1], "a canary is one passenger"
        clock.turn(seconds=121)
        stage.on_batch = nothing
        await trips.depart()
        assert [len(batch) for batch in stage.batches] == [10, 1, 1, 10, 10, 4]
        assert heard.heard == [("erp", True), ("erp", False)]
        assert len(stage.pushed) == 25


@pytest.mark.parametrize(
    "answer", [NotYet("opens at nine"), PermanentError("wrong order")], ids=lambda value: type(value).__name__
)
async def test_a_canary_that_says_nothing_of_the_target_lets_no_other_pass_and_the_next_one_is_another(
    engine: Engine, tmp_path: Path, clock: Clock, answer: NotYet | PermanentError
):
    stage = Stage(waiting=["1", "2", "3", "4"])
    tried: list[str] = []

    def push(_role: str, passenger: Passenger) -> NotYet | None:
        tried.append(passenger.external_id)
        if len(tried) <= 3:
            down()
        if passenger.external_id not in "12":
            return None
        if isinstance(answer, PermanentError):
            raise answer
        return answer

    stage.on_push = push
    heard = Breakers()
    route = stage.client_passenger(processors=[], pushers=[stage.pusher("erp", breaker=BREAKER)], retry=AT_ONCE)
    async with trips_by(ticket_on(engine, tmp_path, route), heard) as trips:
        await trips.depart()
        assert tried == ["1", "2", "3"]
        for expected in (["1"], ["2"], ["3", "4"]):
            before = len(tried)
            clock.turn(seconds=61)
            await trips.depart()
            assert [each for each in tried[before:] if each not in "12" or each in expected] == expected
            assert heard.heard[1:] == ([("erp", False)] if expected == ["3", "4"] else []), "the wait does not double"


# Rate limit ---------------------------------------------------------------------------------------------------------


async def test_no_more_are_pushed_in_a_window_than_the_limit_over_trips_and_restarts(
    engine: Engine, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(guard.time, "sleep", jumps(clock))
    stage = Stage(waiting=[str(number) for number in range(60)])
    at: list[float] = []
    begun = clock.moment
    stage.on_push = lambda *_: at.append((clock.moment - begun).total_seconds())
    pushers = [stage.pusher("erp", rate_limit="10 / min")]
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers))
    for _ in range(20):
        async with trips_by(ticket) as trips:
            await trips.depart()
        clock.turn(seconds=20)
    assert len(at) == 60, "it starves"
    assert at.count(0) == 10, "who has rested delivers as many at once"
    assert most_in(at, 60) == 10
    assert at[-1] < 60 * 5.5, "it delivers less than it may"


def most_in(at: list[float], seconds: float) -> int:
    """How many of these moments lie in one span, at most."""
    return max(sum(start <= moment < start + seconds for moment in at) for start in at)


def jumps(clock: Clock) -> Callable[[float], None]:
    """Who sleeps turns the clock."""

    def sleep(seconds: float) -> None:
        clock.turn(seconds=seconds)

    return sleep


@pytest.mark.parametrize("module", [PUSHER, BATCH_PUSHER], ids=["one by one", "batches"])
async def test_the_limit_holds_when_trips_end_without_a_word(
    engine: Engine, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, module: str
):
    monkeypatch.setattr(guard.time, "sleep", jumps(clock))
    stage = Stage(waiting=[str(number) for number in range(64)])
    at: list[float] = []
    begun = clock.moment

    def take(_role: str, *some: Any) -> None:
        count = len(some[0]) if isinstance(some[0], list) else 1
        at.extend([(clock.moment - begun).total_seconds()] * count)
        clock.turn(seconds=0.7)

    stage.on_push = stage.on_batch = take
    pusher = stage.pusher("erp", module, rate_limit="16 / min")
    ticket = ticket_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=[pusher]))
    arrive = Guard.arrive
    for number in range(14):
        # What a killed process leaves: nothing is stored at the end of every third trip.
        monkeypatch.setattr(Guard, "arrive", arrive if number % 3 else nothing)
        async with trips_by(ticket) as trips:
            await trips.depart()
        clock.turn(seconds=23)
    assert len(at) == 64, "it starves"
    assert most_in(at, 60) <= 16


async def test_a_clock_that_is_set_back_stops_nobody_for_longer_than_the_limits_time(
    engine: Engine, tmp_path: Path, clock: Clock
):
    stage = Stage(waiting=["1", "2", "3"])
    pushers = [stage.pusher("erp", rate_limit="2 / min")]
    async with trips_on(engine, tmp_path, stage.client_passenger(processors=[], pushers=pushers)) as trips:
        await trips.depart()
        clock.turn(hours=-5)
        await trips.drive()
        assert len(stage.pushed) == 2
        clock.turn(minutes=1)
        await trips.drive()
        assert len(stage.pushed) == 3


# Order --------------------------------------------------------------------------------------------------------------


def keyed(stage: Stage) -> Stage:
    """Each passenger's key is the letter that its id begins with."""
    stage.spoil = lambda passenger: passenger.properties.update(customer=passenger.external_id[0])
    return stage


@pytest.mark.parametrize("module", [None, BATCH_PUSHER], ids=["one by one", "batches"])
async def test_one_that_failed_holds_back_those_of_its_key_behind_it_and_no_other(
    engine: Engine, tmp_path: Path, clock: Clock, module: str | None
):
    stage = keyed(Stage(waiting=["a1", "b1", "a2", "c1", "b2", "a3"]))
    stage.on_push = down_for("a1")
    stage.on_batch = lambda role, some: [
        ConnectionError("down") if passenger.external_id == "a1" else None for passenger in some
    ]
    pushers = [stage.pusher("erp", module, breaker=NEVER) if module else stage.pusher("erp", breaker=NEVER)]
    configured = stage.client_passenger(ordered_by="customer", pushers=pushers, retry=EXACT)
    ticket = ticket_on(engine, tmp_path, configured)

    def pushed(letter: str) -> list[str]:
        return [number for _, number in stage.pushed if number[0] == letter]

    async with trips_by(ticket) as trips:
        await trips.depart()
        assert (pushed("a"), pushed("b"), pushed("c")) == ([], ["b1", "b2"], ["c1"])
        stage.waiting += ["a4", "b3"]
        stage.on_push = stage.on_batch = nothing
        await trips.depart()
        assert (pushed("a"), pushed("b")) == ([], ["b1", "b2", "b3"]), "those behind one that waits wait, too"
    clock.turn(minutes=2)
    async with trips_by(ticket) as trips:
        await trips.depart()
        assert pushed("a") == ["a1", "a2", "a3", "a4"]


async def test_one_that_failed_for_good_holds_its_key_until_a_person_decides(engine: Engine, tmp_path: Path):
    stage = keyed(Stage(waiting=["a1", "a2"]))

    def fail(role: str, passenger: Passenger) -> None:
        if passenger.external_id == "a1":
            raise PermanentError("wrong order")

    stage.on_push = fail
    async with trips_on(engine, tmp_path, stage.client_passenger(ordered_by="customer", pushers=["erp"])) as trips:
        for _ in range(2):
            await trips.drive()
            assert stage.pushed == []
        await trips.set_step("a1", "erp", QueueStatus.COMPLETE)
        await trips.drive()
        assert stage.pushed == [("erp", "a2")]


async def test_who_was_not_notified_holds_back_its_key_and_not_itself(engine: Engine, tmp_path: Path, clock: Clock):
    stage = keyed(Stage(waiting=["a1", "a2"]))
    stage.on_notify = lambda external_id: down() if external_id == "a1" else None
    async with trips_on(engine, tmp_path, stage.client_passenger(ordered_by="customer", retry=AT_ONCE)) as trips:
        await trips.depart()
        assert stage.pushed == []
        stage.on_notify = nothing
        await trips.depart()
        assert [number for pusher, number in stage.pushed if pusher == "erp"] == ["a1", "a2"]
