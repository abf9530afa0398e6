"""Backups of a whole database, as an engine makes and restores them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from databus_core.model.clock import format_local


@dataclass(frozen=True, slots=True)
class DatabaseBackup:
    """A copy of a database as it was at one moment."""

    file: Path
    made_at: datetime
    size: int
    """Bytes."""

    def __str__(self) -> str:
        """When it was made, by the person's clock."""
        return format_local(self.made_at)[:19].replace("T", " ")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done when a backup took the place of a database."""

    backup: DatabaseBackup
    kept: Path | None
    """Where the database lies now that was there before; None when there was none."""
