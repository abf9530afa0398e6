"""The ledger of trips that were missed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Absence(StrEnum):
    """Why nobody let a trip depart when it was due."""

    ASLEEP = "asleep"
    """The machine slept, or its clock was set forward."""
    PAUSED = "paused"
    """The dispatcher or the client passenger was paused."""
    STOPPED = "stopped"
    """No dispatcher ran: it was shut down, or had crashed."""


@dataclass(frozen=True, slots=True)
class MissedTrips:
    """Trips of one client passenger that were missed in a row.

    Its client passenger and `first_due_at` identify it: whoever finds the same ones missing again finds at least these.
    """

    client_passenger: str
    first_due_at: datetime
    noticed_at: datetime
    why: Absence
    count: int
    """How many were due, counted up to MOST_COUNTED."""
    made_up: int
    """How many trips its schedule decided to make up for them."""


@dataclass(frozen=True, slots=True)
class Owed:
    """Trips of one client passenger that are still to make up for missed ones."""

    since: datetime
    """When the first of those was due."""
    trips: int
