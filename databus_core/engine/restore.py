"""Putting a backup in the place of a ticket's database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from databus_core.engine.factories import Factories
from databus_core.model.database_backup import Restored
from databus_core.model.ticket import DispatcherTicket


def restore_database(ticket: DispatcherTicket, backup: Path | None, report: Callable[[str], None]) -> Restored:
    """See Database.restore; blocks while the backup is read and copied. Raises DatabusError."""
    return Factories(ticket).database(report).restore(backup)
