"""What a processor or pusher may answer when it neither finished as usual nor failed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NotYet:
    """The step cannot be done now and that is no error; it is tried again on the next trip."""

    reason: str


@dataclass(frozen=True, slots=True)
class LeaveOut:
    """The passenger needs nothing more: every step still open is complete at once, and nothing is pushed."""

    reason: str
