"""What is kept of a client passenger over a restart, beside its configuration: what of it rests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RoutePause(StrEnum):
    """What of a client passenger rests."""

    NONE = "none"
    INTAKE = "intake"
    """Nothing is pulled; what is seated is processed and pushed."""
    EVERYTHING = "everything"
    """It does not travel."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """The state of one client passenger."""

    client_passenger: str
    pause: RoutePause
    since: datetime
    """When that was decided, or when the client passenger was first seen."""
