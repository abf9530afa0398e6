"""A rate limit and a breaker as what they are: functions of what happened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from databus_core.engine.breaker import Breaker
from databus_core.engine.rate import RECORDS, Rate
from databus_core.model.passenger import Json
from databus_core.model.policies import BreakerPolicy, RateLimit

BEGUN = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)

steps = st.one_of(
    st.tuples(st.just("push"), st.integers(1, 4), st.floats(0, 3)),
    st.tuples(st.just("rest"), st.just(0), st.floats(0, 90)),
    st.tuples(st.just("end"), st.just(0), st.just(0.0)),
    st.tuples(st.just("kill"), st.just(0), st.floats(0, 5)),
    st.tuples(st.just("set_back"), st.just(0), st.floats(0, 600)),
)


class World:
    """A pusher under a limit, in a process that may be killed, on a machine whose clock may be set back."""

    def __init__(self, limit: RateLimit) -> None:
        self.limit = limit
        self.rate = Rate(limit)
        self.stored: Json = None
        self.true_time = 0.0
        self.clock = BEGUN
        self.arrived: list[float] = []

    def rest(self, _count: int, seconds: float) -> None:
        self.true_time += seconds
        self.clock += timedelta(seconds=seconds)

    def push(self, count: int, seconds: float) -> None:
        booked = 0
        while booked < count and not self.rate.wait(self.clock):
            if self.rate.book(self.clock):
                self._store()
            booked += 1
        self.arrived += [self.true_time + seconds / 2] * booked
        self.rest(0, seconds)
        self.rate.came_back(self.clock, booked)

    def end(self, *_: object) -> None:
        self.rate.release()
        self._store()
        self.rate = Rate(self.limit, self.stored)

    def kill(self, _count: int, seconds: float) -> None:
        self.rest(0, seconds)
        self.rate = Rate(self.limit, self.stored)

    def set_back(self, _count: int, seconds: float) -> None:
        self.clock -= timedelta(seconds=seconds)

    def _store(self) -> None:
        self.stored = orjson.loads(orjson.dumps(self.rate.document(self.clock)))


@given(st.integers(1, 40), st.floats(1, 60), st.lists(steps, max_size=120))
def test_no_window_has_more_than_the_limit_whatever_happens(
    passengers: int, per: float, happens: list[tuple[str, int, float]]
):
    world = World(RateLimit(passengers=passengers, per=timedelta(seconds=per)))
    for what, count, seconds in happens:
        getattr(world, what)(count, seconds)
        assert world.rate.wait(world.clock) <= world.limit.per
    for start in world.arrived:
        # Ten microseconds are what sums of floats cannot tell.
        assert sum(start <= each < start + per - 1e-5 for each in world.arrived) <= passengers


def test_the_log_is_short_whatever_the_limit():
    limit = RateLimit(passengers=1_000_000, per=timedelta(minutes=1))
    rate, moment = Rate(limit), BEGUN
    for _ in range(30_000):
        assert not rate.wait(moment)
        rate.book(moment)
        moment += timedelta(milliseconds=10)
        rate.came_back(moment, 1)
    rate.release()
    document = rate.document(moment)
    assert isinstance(document, list)
    assert len(document) <= RECORDS + 2


@pytest.mark.parametrize("document", [None, 7, [7], [{"until": "soon"}], {"until": "x"}])
def test_what_cannot_be_read_of_it_is_nothing(document: Json):
    assert Rate(RateLimit(passengers=1), document).wait(BEGUN) == timedelta()


def open_breaker(policy: BreakerPolicy) -> tuple[Breaker, datetime]:
    """One that has just opened, and when its wait is over."""
    breaker = Breaker()
    for _ in range(policy.failures):
        assert breaker.lets_pass("a", BEGUN)
        breaker.failed(policy, "down", BEGUN)
    assert breaker.is_open
    return breaker, BEGUN + policy.wait


def test_one_canary_at_a_time_and_none_before_its_time():
    breaker, at = open_breaker(BreakerPolicy())
    assert not breaker.lets_pass("a", at - timedelta(seconds=1))
    assert breaker.lets_pass("a", at)
    assert not breaker.lets_pass("b", at)
    breaker.turn_back()
    assert breaker.lets_pass("b", at)


def test_a_canary_that_says_nothing_changes_neither_the_count_nor_the_wait():
    policy = BreakerPolicy()
    breaker, at = open_breaker(policy)
    failures, tries = breaker.failures, breaker.tries
    assert breaker.lets_pass("a", at)
    breaker.said_nothing(policy, at)
    assert (breaker.failures, breaker.tries, breaker.try_at) == (failures, tries, at + policy.wait)
    assert not breaker.lets_pass("b", at)
    assert not breaker.lets_pass("a", at + policy.wait), "it would be the canary for ever"
    assert breaker.lets_pass("b", at + policy.wait)


def test_where_none_is_left_the_first_one_is_the_canary_again():
    policy = BreakerPolicy()
    breaker, at = open_breaker(policy)
    assert breaker.lets_pass("a", at)
    breaker.said_nothing(policy, at)
    breaker.none_was_left(at)
    at += policy.wait
    assert not breaker.lets_pass("a", at), "the trip that it was on has not looked at all for the next one"
    breaker.none_was_left(at)
    assert breaker.lets_pass("a", at)
