"""The breaker of a pusher: spares a target that is down, and finds out with one passenger whether it is up again.

Pure: the clock is passed in. Closed, every passenger is pushed. Open, none is. When its wait is over one passenger (a
canary) is pushed: its arrival closes the breaker, its failure opens it for twice as long. A canary that says nothing
about the target, because it is not to be delivered yet or never can be, leaves the breaker as it is for another wait;
the next canary is then a passenger behind it, so that it does not keep the others from finding out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from databus_core.model.policies import BreakerPolicy

_VARIABLE = re.compile(r"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]+|\d+|'[^']*'|\"[^\"]*\"")


def signature(error: str) -> str:
    """What like failures have in common: the error's first line without numbers, ids, and what is quoted."""
    return _VARIABLE.sub("#", error.partition("\n")[0])[:200]


@dataclass(slots=True)
class Breaker:
    """The state of one pusher's breaker. What is in it survives a restart when it is stored."""

    like: str = ""
    """Signature of the failures that are counted."""
    failures: int = 0
    """Like failures in a row."""
    opened_at: datetime | None = None
    """None while it is closed."""
    try_at: datetime | None = None
    """When one passenger is tried; None while it is closed."""
    tries: int = 0
    """Canaries that failed."""
    error: str = ""
    """The failure that opened it, or the latest canary's."""
    passed_over: str = ""
    """The canaries up to this internal id said nothing; empty when there was none."""
    canary: str = ""
    """The internal id of the one that is under way."""

    @property
    def is_open(self) -> bool:
        """Whether passengers wait for the target."""
        return self.opened_at is not None

    def lets_pass(self, internal_id: str, moment: datetime) -> bool:
        """Whether this passenger is pushed now: any while it is closed, one as a canary when the wait is over."""
        if self.try_at is None:
            return True
        if self.canary or moment < self.try_at or internal_id <= self.passed_over:
            return False
        self.canary = internal_id
        return True

    def turn_back(self) -> None:
        """The one that it let pass was not pushed after all."""
        self.canary = ""

    def succeeded(self) -> bool:
        """A passenger arrived; answers whether that closed it."""
        closed = self.is_open
        self.like, self.failures, self.opened_at, self.try_at, self.tries, self.error = "", 0, None, None, 0, ""
        self.canary = self.passed_over = ""
        return closed

    def failed(self, policy: BreakerPolicy, error: str, moment: datetime) -> bool:
        """A push failed; answers whether that opened it."""
        if self.is_open and not self.canary:
            return False  # one of a batch that was under way when another one of it opened the breaker
        like = signature(error)
        self.failures = self.failures + 1 if like == self.like else 1
        self.like = like
        if self.is_open:
            self.tries += 1
        elif not policy.failures or self.failures < policy.failures:
            return False
        opened = not self.is_open
        self.opened_at = self.opened_at or moment
        self.error = error
        self.canary = self.passed_over = ""
        self.try_at = moment + self._wait(policy)
        return opened

    def said_nothing(self, policy: BreakerPolicy, moment: datetime) -> None:
        """The canary came back with an answer that is not about the target."""
        self.passed_over, self.canary = self.canary, ""
        self.try_at = moment + self._wait(policy)

    def none_was_left(self, moment: datetime) -> None:
        """Everybody was looked at: where none stood behind the last canary, the next is looked for from the start."""
        if self.try_at is not None and self.try_at <= moment:
            self.passed_over = ""

    def _wait(self, policy: BreakerPolicy) -> timedelta:
        first, longest = policy.wait.total_seconds(), max(policy.longest_wait, policy.wait).total_seconds()
        return timedelta(seconds=min(first * 2.0 ** min(self.tries, 1000), longest))

    def try_now(self) -> None:
        """A person wants to know at once whether the target is up."""
        if self.is_open:
            self.try_at = self.opened_at
            self.passed_over = ""
