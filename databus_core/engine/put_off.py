"""What was put off to a time: when a route departs for it, beside its schedule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import cast

from databus_core.engine.guard import state_name
from databus_core.model.clock import format_time, parse_time
from databus_core.model.passenger import Json
from databus_core.plugins.database import Database

_PREFIX = "put_off"
"""Of the document with the first next attempt of those passengers that can be worked on now, too."""


def put_off_until(database: Database, client_id: str, client_passenger: str, after: datetime | None) -> datetime | None:
    """The first time after `after` at which something can be tried again: a step that failed, what an open breaker or a
    rate limit holds back. None when nothing waits for a time. In a worker thread. Raises DatabaseError."""
    attempt_at = database.next_attempt_at(client_id, client_passenger, after)
    written = [at for at in _written(database.states(client_id), client_passenger) if after is None or at > after]
    return min(filter(None, (attempt_at, *written)), default=None)


def put_off_name(client_passenger: str) -> str:
    """Under which name a database keeps the document."""
    return f"{_PREFIX}/{client_passenger}"


def put_off_document(until: datetime | None) -> Json:
    """What it says."""
    return None if until is None else {"until": format_time(until)}


def _written(states: Mapping[str, Json], client_passenger: str) -> Iterator[datetime]:
    """What trips wrote down, in a guard's document or in that of the route."""
    guards = state_name(client_passenger, "")
    for name, document in states.items():
        if (name.startswith(guards) or name == put_off_name(client_passenger)) and isinstance(document, dict):
            try:
                yield parse_time(cast("str", document["until"]))
            except (KeyError, TypeError, ValueError):
                continue
