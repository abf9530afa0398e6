"""What stands before a pusher: its breaker and its rate limit, over all trips of one client passenger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from databus_core.engine.breaker import Breaker
from databus_core.engine.rate import Bucket
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import PusherReference
from databus_core.model.clock import format_time, now, parse_time
from databus_core.model.passenger import Json

PATIENCE = 1.0
"""Seconds that a trip waits for its turn; for longer ones, the passengers wait for the next trip."""

_PREFIX = "pusher"


class Guard:
    """Used by one trip at a time. Its state is stored when the breaker changes, and at the trip's end."""

    def __init__(
        self,
        reference: PusherReference,
        state: Json,
        store: Callable[[Json], None],
        announce: Callable[[BreakerChange], None],
    ) -> None:
        """`state` is what was stored last; `store` keeps another one durably."""
        self._reference = reference
        self._name = reference.step_name
        self._store = store
        self._announce = announce
        self.breaker = breaker_of(state)
        self._bucket = _bucket_of(state)
        self._stored = self._document()

    def try_now(self) -> None:
        """A person wants this trip: an open breaker lets one passenger pass at once."""
        self.breaker.try_now()

    def lets_pass(self) -> bool:
        """Whether another passenger may be pushed now; waits a little for the rate limit."""
        if not self.breaker.lets_pass(now()):
            return False
        limit = self._reference.rate_limit
        if limit is not None:
            seconds = self._bucket.wait(limit, now()).total_seconds()
            if seconds > PATIENCE:
                return False
            time.sleep(seconds)
            self._bucket.take(limit, now())
        return True

    @property
    def why_closed(self) -> str:
        """Why a passenger is not pushed now, in words."""
        if self.breaker.is_open:
            return f"its breaker is open: {self.breaker.error}"
        return f"its rate limit of {self._reference.rate_limit} is reached"

    def succeeded(self) -> None:
        """A passenger arrived."""
        if self.breaker.succeeded():
            self._change(BreakerChange(self._name, opened=False, reason=f"{self._name} takes passengers again"))

    def failed(self, error: str) -> None:
        """A push failed in a way that may be the target's."""
        opened = self.breaker.failed(self._reference.breaker, error, now())
        if opened:
            count = self.breaker.failures
            reason = f"{self._name} is spared after {count} like failure{'' if count == 1 else 's'} in a row: {error}"
            self._change(BreakerChange(self._name, opened=True, reason=reason))
        elif self.breaker.is_open:
            self.save()

    def _change(self, change: BreakerChange) -> None:
        self.save()
        self._announce(change)

    def save(self) -> None:
        """Store its state, if that is another one than is stored."""
        document = self._document()
        if document != self._stored:
            self._store(document)
            self._stored = document

    def _document(self) -> Json:
        document: dict[str, Json] = {}
        breaker = self.breaker
        if breaker.failures:
            document["breaker"] = {
                "like": breaker.like,
                "failures": breaker.failures,
                "opened_at": format_time(breaker.opened_at) if breaker.opened_at else None,
                "try_at": format_time(breaker.try_at) if breaker.try_at else None,
                "tries": breaker.tries,
                "error": breaker.error,
            }
        if self._bucket.tokens is not None and self._bucket.filled_at is not None:
            document["bucket"] = {"tokens": self._bucket.tokens, "filled_at": format_time(self._bucket.filled_at)}
        return document or None


def state_name(client_passenger: str, step_name: str) -> str:
    """Under which name a database keeps the state of a pusher's guard."""
    return f"{_PREFIX}/{client_passenger}/{step_name}"


def breakers_of(states: Mapping[str, Json], client_passenger: str) -> dict[str, Breaker]:
    """The breakers of a client passenger that are open, by step name."""
    start = state_name(client_passenger, "")
    found = {name.removeprefix(start): breaker_of(state) for name, state in states.items() if name.startswith(start)}
    return {name: breaker for name, breaker in found.items() if breaker.is_open}


def breaker_of(state: Json) -> Breaker:
    """The breaker in a stored state; a closed one where there is none, or nothing that can be read."""
    stored = _part(state, "breaker")
    try:
        return Breaker(
            like=str(stored["like"]),
            failures=int(stored["failures"]),
            opened_at=parse_time(stored["opened_at"]) if stored["opened_at"] else None,
            try_at=parse_time(stored["try_at"]) if stored["try_at"] else None,
            tries=int(stored["tries"]),
            error=str(stored["error"]),
        )
    except (KeyError, TypeError, ValueError):
        return Breaker()


def _bucket_of(state: Json) -> Bucket:
    stored = _part(state, "bucket")
    try:
        return Bucket(float(stored["tokens"]), parse_time(stored["filled_at"]))
    except (KeyError, TypeError, ValueError):
        return Bucket()


def _part(state: Json, name: str) -> dict[str, Any]:
    part = state.get(name) if isinstance(state, dict) else None
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}
