"""What is known of a trip when it is over."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from databus_core.model.log import MessageType


@dataclass(frozen=True, slots=True)
class TripRecord:
    """The last trip of a client passenger, kept so that schedules and tables survive a restart."""

    client_passenger: str
    log_id: str
    started_at: datetime
    finished_at: datetime
    worst: MessageType
    seated: int = 0
    processed: int = 0
    pushed: int = 0
    failed: int = 0
    """Steps that failed on this trip."""
