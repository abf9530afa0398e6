"""How much space data take, and how much of them is kept."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Space:
    """Bytes that one client passenger takes in a database, about."""

    complete: int = 0
    """Of its completed passengers: their rows or files, and their attachments' contents. What a database keeps once for
    several passengers counts for the oldest of them only."""
    incomplete: int = 0
    """Of the others, counted likewise."""
    logs: int = 0
    """Of its trips' logs."""

    @property
    def queue(self) -> int:
        """Of all its passengers."""
        return self.complete + self.incomplete

    @property
    def total(self) -> int:
        """All of it."""
        return self.queue + self.logs
