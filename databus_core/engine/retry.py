"""What happens after a failure: another attempt, and when, or a person decides. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from databus_core.model.policies import RetryPolicy
from databus_core.plugins.generation import module_of


def next_attempt_at(policy: RetryPolicy, attempts: int, failed_at: datetime, chance: float) -> datetime | None:
    """When a step that has failed so many times is tried again; None when no attempt is left.

    `chance`, from 0 to below 1, is what the jitter makes of it: it only ever shortens a wait, so that `longest_wait`
    holds.
    """
    if attempts >= policy.attempts:
        return None
    return failed_at + wait(policy, attempts) * (1 - policy.jitter * chance)


def wait(policy: RetryPolicy, attempts: int) -> timedelta:
    """How long after its n-th failure a step waits, jitter apart."""
    first, longest = policy.first_wait.total_seconds(), policy.longest_wait.total_seconds()
    if not first:
        return timedelta()
    try:
        seconds = first * policy.factor ** (attempts - 1)
    except OverflowError:
        seconds = longest
    return timedelta(seconds=min(seconds, longest))


def is_permanent(policy: RetryPolicy, error: BaseException | None) -> bool:
    """Whether the policy names the exception, or a class that it is of: plainly, or with its module."""
    if error is None or not policy.permanent:
        return False
    classes = type(error).__mro__
    names = {name for each in classes for name in (each.__name__, f"{module_of(each)}.{each.__qualname__}")}
    return not names.isdisjoint(policy.permanent)
