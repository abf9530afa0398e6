"""What is known of a plug-in that took its process with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, cast

from databus_core.model.clock import format_local, format_time, parse_time
from databus_core.model.passenger import Json


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

    def document(self) -> Json:
        """It as a JSON value."""
        at = None if self.quarantined_at is None else format_time(self.quarantined_at)
        return {
            "step": self.step,
            "doing": self.doing,
            "crashes": self.crashes,
            "last_crash": self.last_crash,
            "quarantined_at": at,
        }

    @classmethod
    def of(cls, document: Json) -> Self | None:
        """What a document says; None where it says nothing that can be read."""
        stored = cast("dict[str, Any]", document) if isinstance(document, dict) else {}
        try:
            at = stored["quarantined_at"]
            return cls(
                str(stored["step"]),
                str(stored["doing"]),
                int(stored["crashes"]),
                str(stored["last_crash"]),
                None if at is None else parse_time(at),
            )
        except (KeyError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        """Why it is not called."""
        since = (
            "" if self.quarantined_at is None else f" since {format_local(self.quarantined_at)[:16].replace('T', ' ')}"
        )
        times = "once" if self.crashes == 1 else f"{self.crashes} times in a row"
        return f"{self.step} is in quarantine{since}: it crashed {times}, last because {self.last_crash}"
