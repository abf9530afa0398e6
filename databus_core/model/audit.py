"""Who did what by hand, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

AUDIT_KEPT = timedelta(days=400)
"""How long it is known: a year, and what a yearly look back takes."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """One thing that a person did; it is never changed."""

    at: datetime
    who: str
    """The user of the computer, and the program that was used."""
    what: str
    """What was done, as a person says it: "paused", "purged"."""
    on: str = ""
    """What it was done to; empty for the dispatcher itself."""
