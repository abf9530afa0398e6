"""Retry and breaker policies, whatever they are and whatever happens: how long one waits, and that nobody waits for
ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from databus_core.engine.breaker import Breaker
from databus_core.engine.retry import next_attempt_at, wait
from databus_core.model.policies import BreakerPolicy, RetryPolicy

START = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)
DURATIONS = st.timedeltas(timedelta(), timedelta(days=365))
RETRIES = st.builds(
    RetryPolicy,
    attempts=st.integers(1, 1_000_000),
    first_wait=DURATIONS,
    factor=st.floats(1, 100),
    longest_wait=DURATIONS,
    jitter=st.floats(0, 1),
)
BREAKERS = st.builds(BreakerPolicy, failures=st.integers(1, 4), wait=DURATIONS, longest_wait=DURATIONS)
EVENTS = st.lists(st.tuples(st.sampled_from(["down", "down", "refused", "up", "no word"]), DURATIONS), max_size=60)


@given(policy=RETRIES, attempts=st.integers(1, 1_000_000), chance=st.floats(0, 1, exclude_max=True))
def test_each_wait_is_at_least_the_one_before_and_none_is_longer_than_the_longest(
    policy: RetryPolicy, attempts: int, chance: float
) -> None:
    at = next_attempt_at(policy, attempts, START, chance)
    assert (at is None) == (attempts >= policy.attempts)
    assert wait(policy, attempts) <= wait(policy, attempts + 1) <= policy.longest_wait
    if at is not None:
        assert START <= at <= START + wait(policy, attempts)


@given(policy=BREAKERS, events=EVENTS, canaries=st.integers(0, 100))
def test_an_open_breaker_lets_one_pass_when_its_wait_is_over_and_closes_when_that_arrives(
    policy: BreakerPolicy, events: list[tuple[str, timedelta]], canaries: int
) -> None:
    breaker, moment, like = Breaker(), START, list[str]()
    longest = max(policy.wait, policy.longest_wait)
    for number, (outcome, span) in enumerate([*events, *[("down", timedelta())] * canaries]):
        was_open, name = breaker.is_open, f"{number:05}"
        moment = min(moment + span, START + timedelta(days=100_000))
        if not breaker.lets_pass(name, moment):
            assert breaker.try_at is not None
            assert moment < breaker.try_at <= moment + longest, "nobody waits for longer than the longest wait"
            moment = breaker.try_at
            assert breaker.lets_pass(name, moment)
        if was_open:
            assert not breaker.lets_pass(f"{number:05}, beside it", moment), "one at a time"
        if outcome == "up":
            assert breaker.succeeded() == was_open
            like = []
        elif outcome == "no word":
            breaker.said_nothing(policy, moment) if was_open else None
        else:
            like = [*like, outcome] if outcome in like else [outcome]
            assert breaker.failed(policy, outcome, moment) == (not was_open and len(like) >= policy.failures)
        assert breaker.is_open == (outcome != "up" and (was_open or len(like) >= policy.failures))
