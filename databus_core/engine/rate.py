"""A rate limit as a token bucket: https://en.wikipedia.org/wiki/Token_bucket. Pure: the clock is passed in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from databus_core.model.policies import RateLimit


@dataclass(slots=True)
class Bucket:
    """What a pusher may still deliver now. What is in it survives a restart when it is stored."""

    tokens: float | None = None
    """How many passengers; None: it is full."""
    filled_at: datetime | None = None

    def wait(self, limit: RateLimit, moment: datetime, passengers: int = 1) -> timedelta:
        """How long until so many passengers may be delivered; at most a full bucket is waited for."""
        self._fill(limit, moment)
        missing = min(passengers, limit.passengers) - (self.tokens or 0)
        return limit.per * max(0.0, missing / limit.passengers)

    def take(self, limit: RateLimit, moment: datetime, passengers: int = 1) -> None:
        """So many are delivered; a batch larger than the bucket leaves a debt."""
        self._fill(limit, moment)
        self.tokens = (self.tokens or 0) - passengers

    def _fill(self, limit: RateLimit, moment: datetime) -> None:
        if self.tokens is None or self.filled_at is None:
            self.tokens = float(limit.passengers)
        else:
            # A clock that was set back must not take tokens away.
            passed = max(timedelta(), moment - self.filled_at)
            self.tokens = min(float(limit.passengers), self.tokens + limit.passengers * (passed / limit.per))
        self.filled_at = moment
