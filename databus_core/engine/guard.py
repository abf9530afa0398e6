"""What stands before a pusher: its breaker and its rate limit, over all trips of one client passenger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast

from databus_core.engine.breaker import Breaker
from databus_core.engine.rate import Rate
from databus_core.model.breaker_change import BreakerChange
from databus_core.model.client import PusherReference
from databus_core.model.clock import format_time, now, parse_time
from databus_core.model.passenger import Json

PATIENCE = 1.0
"""Seconds that a trip waits for its turn; for longer ones, the passengers wait for the next trip."""

_PREFIX = "pusher"


class Guard:
    """Used by one trip at a time. Its state is stored when the breaker changes, when some more passengers
    are reserved under the rate limit, and at the trip's end."""

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
        limit = reference.rate_limit
        self._rate = Rate(limit, _part_of(state, "delivered")) if limit else None
        self._stored = state
        self._holds_back = False
        """Whether somebody has had no turn on this trip."""

    def try_now(self) -> None:
        """A person wants this trip: an open breaker lets one passenger pass at once."""
        self.breaker.try_now()

    def lets_pass(self, internal_id: str) -> bool:
        """Whether this passenger has its turn now; waits a little for the rate limit. Raises DatabaseError.

        What has its turn is pushed, alone or in a batch, and `came_back` told; or it is turned back.
        """
        if self.breaker.lets_pass(internal_id, now()):
            if self._rate is None or self._has_room(self._rate):
                return True
            self.breaker.turn_back()
        self._holds_back = True
        return False

    def _has_room(self, rate: Rate) -> bool:
        seconds = rate.wait(now()).total_seconds()
        if seconds > PATIENCE:
            return False
        time.sleep(seconds)
        if rate.book(now()):
            self.save()
        return True

    @property
    def is_full(self) -> bool:
        """Whether another passenger would have to wait: whoever gathers a batch goes on with what there is."""
        limited = self._rate is not None and self._rate.wait(now()) > timedelta()
        return limited or self.breaker.is_open

    def turn_back(self) -> None:
        """One that had its turn is not pushed after all."""
        self.breaker.turn_back()
        if self._rate is not None:
            self._rate.turn_back()

    def came_back(self, passengers: int) -> None:
        """So many that had their turn were pushed, and what came of each was told before. Raises DatabaseError."""
        if self._rate is not None:
            self._rate.came_back(now(), passengers)
        if self.breaker.canary:
            self.breaker.said_nothing(self._reference.breaker, now())
            self.save()

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

    def arrive(self) -> None:
        """The trip is over: store what the next one must know. Raises DatabaseError."""
        self.breaker.none_was_left(now())
        if self._rate is not None:
            self._rate.release()
        self.save()

    def save(self) -> None:
        """Store its state, if that is another one than is stored. Raises DatabaseError."""
        document = self._document()
        if document != self._stored:
            self._store(document)
            self._stored = document

    def _next_turn_at(self, moment: datetime) -> datetime:
        if self.breaker.try_at is not None:
            return max(moment, self.breaker.try_at)
        return moment + self._rate.wait(moment) if self._rate is not None else moment

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
                "passed_over": breaker.passed_over,
            }
        delivered = self._rate.document(now()) if self._rate is not None else None
        if delivered is not None:
            document["delivered"] = delivered
        if self._holds_back:
            document["until"] = format_time(self._next_turn_at(now()))
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
    part = _part_of(state, "breaker")
    stored = cast("dict[str, Any]", part) if isinstance(part, dict) else {}
    try:
        return Breaker(
            like=str(stored["like"]),
            failures=int(stored["failures"]),
            opened_at=parse_time(stored["opened_at"]) if stored["opened_at"] else None,
            try_at=parse_time(stored["try_at"]) if stored["try_at"] else None,
            tries=int(stored["tries"]),
            error=str(stored["error"]),
            passed_over=str(stored.get("passed_over", "")),
        )
    except (KeyError, TypeError, ValueError):
        return Breaker()


def _part_of(state: Json, name: str) -> Json:
    return state.get(name) if isinstance(state, dict) else None
