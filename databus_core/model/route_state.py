"""What a person has decided about a client passenger beside its configuration, kept over a restart."""

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
    """The state of one client passenger; one that nobody has paused has none."""

    client_passenger: str
    pause: RoutePause
    since: datetime
    """When it was paused so."""
