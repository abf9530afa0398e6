"""What is known of a plug-in that took its process with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from databus_core.model.clock import format_local


@dataclass(frozen=True, slots=True)
class PluginState:
    """The crashes of one step's plug-in; a plug-in that never crashed has none."""

    step: str
    """Name of the step."""
    doing: str
    """What it did not come back from: "pushing"."""
    crashes: int
    """How many in a row."""
    last_crash: str
    """What happened last, in words."""
    quarantined_at: datetime | None = None
    """Since when it is called no more; None while it still is."""

    def __str__(self) -> str:
        """Why it is not called."""
        since = (
            "" if self.quarantined_at is None else f" since {format_local(self.quarantined_at)[:16].replace('T', ' ')}"
        )
        times = "once" if self.crashes == 1 else f"{self.crashes} times in a row"
        return f"{self.step} is in quarantine{since}: it crashed {times}, last because {self.last_crash}"
