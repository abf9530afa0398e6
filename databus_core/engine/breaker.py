"""The breaker of a pusher: spares a target that is down, and finds out with one passenger whether it is up again.

Pure: the clock is passed in. Closed, every passenger is pushed. Open, none is. When its wait is over one passenger (a
canary) is pushed: its arrival closes the breaker, its failure opens it for twice as long.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

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

    @property
    def is_open(self) -> bool:
        """Whether passengers wait for the target."""
        return self.opened_at is not None

    def lets_pass(self, moment: datetime) -> bool:
        """Whether a passenger may be pushed now: any while it is closed, a canary when the wait is over."""
        return self.try_at is None or moment >= self.try_at

    def succeeded(self) -> bool:
        """A passenger arrived; answers whether that closed it."""
        closed = self.is_open
        self.like, self.failures, self.opened_at, self.try_at, self.tries, self.error = "", 0, None, None, 0, ""
        return closed

    def failed(self, policy: BreakerPolicy, error: str, moment: datetime) -> bool:
        """A push failed; answers whether that opened it."""
        if not self.lets_pass(moment):
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
        wait = min(policy.wait * 2 ** min(self.tries, 30), max(policy.longest_wait, policy.wait))
        self.try_at = moment + wait
        return opened

    def try_now(self) -> None:
        """A person wants to know at once whether the target is up."""
        if self.is_open:
            self.try_at = self.opened_at
